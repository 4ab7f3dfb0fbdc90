-- Reads tasks with what their callers said, in no order. Locks nothing.
-- Walks tasks_pkey and task_requests_pkey by key.
-- $1 task ids, $2 whether contexts are wanted
select t.task_id, t.named_task_id, t.state, t.revision, t.state_reason, t.steps, t.detail::text as detail,
       t.created_at, t.updated_at, t.started_at, t.finished_at, t.deadline_at,
       r.created_by, r.initiator, r.source_system, r.reason, r.tags, r.bypass_steps, r.requested_at, r.correlation_id,
       case when $2 then r.context end as context
from tasks t
join task_requests r on r.task_id = t.task_id
where t.task_id = any ($1::uuid[])
