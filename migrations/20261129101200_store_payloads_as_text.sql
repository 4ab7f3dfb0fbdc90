-- Payloads that are only carried are stored as the text that was sent: every attempt and every answer has the same
-- bytes, and nothing grows when it is read (jsonb writes 1e-300 out in full). What the service itself reads inside a
-- document is json, which keeps the text, too.
-- Locks the tables exclusively and rewrites them; nothing that can be read is lost.

drop view tasker_attempts;
drop view tasker_task_transitions;
drop view tasker_workflow_step_transitions;
drop view tasker_workflow_steps;
drop view tasker_tasks;

alter table named_tasks alter column configuration type json using configuration::json;
alter table task_requests alter column context type text using context::text;
alter table step_inputs alter column inputs type text using inputs::text;
alter table transitions alter column results type text using results::text,
    alter column metadata type json using metadata::json;
alter table event_log alter column payload type text using payload::text;

-- Compression by lz4 costs a fraction of Postgres' own; builds of Postgres without it keep theirs.
do $$
begin
    if exists (select from pg_settings where name = 'default_toast_compression' and 'lz4' = any (enumvals)) then
        alter table named_tasks alter column configuration set compression lz4;
        alter table task_requests alter column context set compression lz4;
        alter table step_inputs alter column inputs set compression lz4;
        alter table transitions alter column results set compression lz4, alter column metadata set compression lz4;
        alter table event_log alter column payload set compression lz4;
    end if;
end
$$;

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
