-- Read-only views for operators with psql. Locks nothing: everything is new and nothing is stored.
-- Views named `tasker_active_…` and the workflow summaries cost by the tasks that are pending or in progress,
-- however many have finished. Every other view shows everything there is: ask it with a `task_id`, which it
-- then costs by. For one step, ask with `task_id = tasker_step_task_id(…)` too.

-- ------------------------------------------------------------------------------------------- the whole picture

-- One row per task.
create view tasker_tasks as
select t.task_id, t.named_task_id, n.name as namespace, h.name, h.version,
       n.name || '.' || h.name || '@' || h.version as full_name,
       tasker_state_name(t.state) as state, t.state_reason, t.state = 2 as complete,
       r.initiator, r.source_system, r.reason, r.tags, r.bypass_steps, r.context, r.requested_at,
       r.correlation_id, r.created_by, t.revision, t.created_at, t.updated_at, t.started_at, t.finished_at,
       t.deadline_at
from tasks t
join task_requests r on r.task_id = t.task_id
join named_tasks h on h.named_task_id = t.named_task_id
join task_namespaces n on n.task_namespace_id = h.task_namespace_id;

-- One row per step.
create view tasker_workflow_steps as
select tasker_step_id(t.task_id, c.step_no) as workflow_step_id, t.task_id, s.named_step_id,
       s.step_name as name, h.name as handler_class, d.name as dependent_system,
       tasker_state_name(c.state) as state, c.attempts, c.retry_limit, s.default_retryable as retryable,
       s.skippable, c.bypassed, c.state = 1 as in_process, c.state = 2 as processed,
       case when c.state = 2 then o.at end as processed_at,
       coalesce(l.claimed_at, o.started_at) as last_attempted_at,
       case when o.to_state = 3 then (o.metadata ->> 'retry_at')::bigint / 1000000.0 - extract(epoch from o.at) end as backoff_request_seconds,
       c.next_retry_at,
       coalesce(i.inputs, r.context) as inputs, o.results,
       case when o.to_state = 3 then o.metadata end as error,
       coalesce(p.ids, '[]') as parent_step_ids, coalesce(k.ids, '[]') as child_step_ids,
       w.worker_id, l.session_id, l.deadline_at, l.percent, l.note, t.created_at,
       coalesce(l.claimed_at, o.at, t.created_at) as updated_at
from tasks t
join task_requests r on r.task_id = t.task_id
cross join lateral tasker_step_conditions(t.task_id) c
join named_tasks_named_steps s on s.named_task_id = t.named_task_id and s.step_no = c.step_no
join step_handlers h on h.step_handler_id = s.step_handler_id
join named_steps ns on ns.named_step_id = s.named_step_id
join dependent_systems d on d.dependent_system_id = ns.dependent_system_id
left join transitions o on o.task_id = t.task_id and o.sequence = c.outcome_sequence and c.outcome_sequence > 0
left join step_inputs i on i.task_id = t.task_id and i.step_no = c.step_no and c.inputs_changed
left join leases l on l.task_id = t.task_id and l.step_no = c.step_no and c.state = 1
left join sessions w on w.session_id = l.session_id
left join lateral (
    select jsonb_agg(tasker_step_id(t.task_id, e.from_step_no) order by e.from_step_no) as ids
    from named_task_edges e
    where e.named_task_id = t.named_task_id and e.to_step_no = c.step_no
) p on true
left join lateral (
    select jsonb_agg(tasker_step_id(t.task_id, e.to_step_no) order by e.to_step_no) as ids
    from named_task_edges e
    where e.named_task_id = t.named_task_id and e.from_step_no = c.step_no
) k on true;

-- One row per step: where it stands in the graph.
create view tasker_step_dag_relationships as
select tasker_step_id(t.task_id, g.step_no) as workflow_step_id, t.task_id, s.named_step_id,
       p.ids as parent_step_ids, k.ids as child_step_ids,
       p.count as parent_count, k.count as child_count,
       p.count = 0 as is_root_step, k.count = 0 as is_leaf_step, g.min_depth_from_root
from tasks t
cross join lateral tasker_handler_graph(t.named_task_id) g
join named_tasks_named_steps s on s.named_task_id = t.named_task_id and s.step_no = g.step_no
cross join lateral (
    select count(*) as count,
           coalesce(jsonb_agg(tasker_step_id(t.task_id, e.from_step_no) order by e.from_step_no), '[]') as ids
    from named_task_edges e
    where e.named_task_id = t.named_task_id and e.to_step_no = g.step_no
) p
cross join lateral (
    select count(*) as count,
           coalesce(jsonb_agg(tasker_step_id(t.task_id, e.to_step_no) order by e.to_step_no), '[]') as ids
    from named_task_edges e
    where e.named_task_id = t.named_task_id and e.from_step_no = g.step_no
) k;

create view tasker_step_readiness_statuses as
select r.*
from tasks t
cross join lateral get_step_readiness_status(t.task_id) r;

create view tasker_task_execution_contexts as
select c.*
from tasks t
cross join lateral get_task_execution_context(t.task_id) c;

-- ------------------------------------------------------------------------------------------------- active work

create view tasker_active_task_execution_contexts as
select c.*
from tasks t
cross join lateral get_task_execution_context(t.task_id) c
where t.state in (0, 1);

create view tasker_active_step_readiness_statuses as
select r.*
from tasks t
cross join lateral get_step_readiness_status(t.task_id) r
where t.state in (0, 1) and r.current_state in ('pending', 'in_progress', 'error');

create view tasker_task_workflow_summaries as
select s.*
from tasks t
cross join lateral get_task_workflow_summary(t.task_id) s
where t.state in (0, 1);

-- Tasks that are pending or in progress, with what each is doing.
create view tasker_active_tasks as
select t.task_id, n.name as namespace, h.name, h.version, tasker_state_name(t.state) as state, t.state_reason,
       c.execution_status, c.recommended_action, c.health_status, c.completion_percentage,
       c.total_steps, c.pending_steps, c.in_progress_steps, c.completed_steps, c.failed_steps, c.ready_steps,
       c.waiting_steps, c.permanently_blocked_steps,
       r.initiator, r.source_system, r.tags, r.correlation_id, r.requested_at, t.created_at, t.started_at,
       t.updated_at, t.deadline_at
from tasks t
cross join lateral get_task_execution_context(t.task_id) c
join task_requests r on r.task_id = t.task_id
join named_tasks h on h.named_task_id = t.named_task_id
join task_namespaces n on n.task_namespace_id = h.task_namespace_id
where t.state in (0, 1);

-- Steps of such tasks that have not settled, with what each waits for and who holds it.
create view tasker_active_workflow_steps as
select r.*, h.name as handler_class, w.worker_id, l.session_id, l.claimed_at, w.expires_at as lease_expires_at,
       l.deadline_at, l.percent, l.note
from tasks t
cross join lateral get_step_readiness_status(t.task_id) r
join named_tasks_named_steps s
    on s.named_task_id = t.named_task_id and s.step_no = tasker_step_no(r.workflow_step_id)
join step_handlers h on h.step_handler_id = s.step_handler_id
left join leases l on l.task_id = t.task_id and l.step_no = s.step_no
left join sessions w on w.session_id = l.session_id
where t.state in (0, 1) and r.current_state in ('pending', 'in_progress', 'error');

-- ---------------------------------------------------------------------------------------------- the audit trail

-- Moves of tasks. A row without an event records a change that moved nothing.
create view tasker_task_transitions as
select m.task_id, m.sequence as sort_key,
       tasker_state_name(m.from_state) as from_state, tasker_state_name(m.to_state) as to_state,
       tasker_transition_event(false, m.from_state, m.to_state) as event,
       lead(m.sequence) over (partition by m.task_id order by m.sequence) is null as most_recent,
       coalesce(m.metadata, '{}') as metadata, m.at as created_at
from transitions m
where m.step_no is null;

-- Moves of steps.
create view tasker_workflow_step_transitions as
select m.task_id, tasker_step_id(m.task_id, m.step_no) as workflow_step_id, m.sequence as sort_key,
       tasker_state_name(m.from_state) as from_state, tasker_state_name(m.to_state) as to_state,
       tasker_transition_event(true, m.from_state, m.to_state) as event,
       lead(m.sequence) over (partition by m.task_id, m.step_no order by m.sequence) is null as most_recent,
       m.attempt, coalesce(m.metadata, '{}') as metadata, m.at as created_at
from transitions m
where m.step_no is not null;

-- Attempts, settled and running.
create view tasker_attempts as
select m.task_id, tasker_step_id(m.task_id, m.step_no) as workflow_step_id, m.attempt,
       tasker_state_name(m.to_state) as state, m.started_at, m.at as finished_at, m.at - m.started_at as duration,
       m.session_id, w.worker_id, m.results, case when m.to_state = 3 then m.metadata end as error
from transitions m
left join sessions w on w.session_id = m.session_id
where m.step_no is not null and m.from_state = 1 and m.to_state <> 1
union all
select l.task_id, tasker_step_id(l.task_id, l.step_no), l.attempt, 'in_progress', l.claimed_at, null, null,
       l.session_id, w.worker_id, null, null
from leases l
left join sessions w on w.session_id = l.session_id;
