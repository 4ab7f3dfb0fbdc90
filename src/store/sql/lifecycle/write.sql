-- Writes everything that a batch decided, in one statement: one round trip and one flush.
-- Moves tasks only at the revision that was read; if any has moved meanwhile the whole statement fails with
-- SQLSTATE TK001 and nothing has happened. Locks the moved tasks' rows and the ended leases.
-- Walks tasks_pkey and leases_pkey by key; needs the settings of session/plan_by_key.
-- The part between the two marks logs the batch for events; it is cut out where events are off. The position is
-- assigned after the transaction has its number, which is what readers of event_log rely on.
-- $1 now, $2 number of tasks to move
-- new tasks: $3 task_id, $4 named_task_id, $5 state, $6 revision, $7 state_reason, $8 steps, $9 detail,
--   $10 started_at, $11 finished_at, $12 deadline_at
-- requests of new tasks: $13 task_id, $14 named_task_id, $15 initiator, $16 source_system, $17 reason, $18 tags,
--   $19 bypass_steps, $20 context, $21 requested_at, $22 correlation_id, $23 created_by, $24 trace_context
-- moved tasks: $25 task_id, $26 revision read, $27 state, $28 revision, $29 state_reason, $30 steps, $31 detail,
--   $32 started_at, $33 finished_at
-- transitions: $34 task_id, $35 sequence, $36 step_no, $37 from_state, $38 to_state, $39 attempt, $40 results,
--   $41 metadata, $42 step_no of the lease that the row ends, else null, $58 session of the lease that the row begins, else null
-- ended leases: $43 task_id, $44 step_no
-- begun leases: $45 task_id, $46 step_no, $47 attempt, $48 queue_id, $49 session_id, $50 deadline_at
-- queued steps: $51 queue_id, $52 visible_at, $53 task_id, $54 step_no
-- changed counts: $55 named_task_id, $56 kind, $57 change
with created as (
    insert into tasks (task_id, named_task_id, state, revision, state_reason, steps, detail, created_at,
                       updated_at, started_at, finished_at, deadline_at)
    select n.task_id, n.named_task_id, n.state, n.revision, n.state_reason, n.steps, n.detail::jsonb, $1, $1,
           n.started_at, n.finished_at, n.deadline_at
    from unnest($3::uuid[], $4::int[], $5::smallint[], $6::int[], $7::text[], $8::bytea[], $9::text[],
                $10::timestamptz[], $11::timestamptz[], $12::timestamptz[])
         as n (task_id, named_task_id, state, revision, state_reason, steps, detail, started_at, finished_at,
               deadline_at)
), requested as (
    insert into task_requests (task_id, named_task_id, initiator, source_system, reason, tags, bypass_steps,
                               context, requested_at, correlation_id, created_by, trace_context)
    select r.task_id, r.named_task_id, r.initiator, r.source_system, r.reason, r.tags::text[],
           r.bypass_steps::text[], r.context, r.requested_at, r.correlation_id, r.created_by,
           r.trace_context
    from unnest($13::uuid[], $14::int[], $15::text[], $16::text[], $17::text[], $18::text[], $19::text[],
                $20::text[], $21::timestamptz[], $22::text[], $23::text[], $24::text[])
         as r (task_id, named_task_id, initiator, source_system, reason, tags, bypass_steps, context,
               requested_at, correlation_id, created_by, trace_context)
), moved as (
    update tasks t
    set state = m.state, revision = m.revision, state_reason = m.state_reason, steps = m.steps,
        detail = m.detail::jsonb, updated_at = $1, started_at = coalesce(t.started_at, m.started_at),
        finished_at = case when m.state > 1 then coalesce(m.finished_at, t.finished_at) end
    from unnest($25::uuid[], $26::int[], $27::smallint[], $28::int[], $29::text[], $30::bytea[], $31::text[],
                $32::timestamptz[], $33::timestamptz[])
         as m (task_id, expected, state, revision, state_reason, steps, detail, started_at, finished_at)
    where t.task_id = m.task_id and t.revision = m.expected
    returning 1
), noted as (
    insert into transitions (task_id, sequence, step_no, from_state, to_state, attempt, at, started_at,
                             session_id, results, metadata)
    select n.task_id, n.sequence, n.step_no, n.from_state, n.to_state, n.attempt, $1, l.claimed_at,
           coalesce(l.session_id, n.session_id), n.results, n.metadata::json
    from unnest($34::uuid[], $35::int[], $36::smallint[], $37::smallint[], $38::smallint[], $39::int[],
                $40::text[], $41::text[], $42::smallint[], $58::uuid[])
         as n (task_id, sequence, step_no, from_state, to_state, attempt, results, metadata, ended_step_no, session_id)
    left join leases l on l.task_id = n.task_id and l.step_no = n.ended_step_no
), ended as (
    delete from leases l
    using unnest($43::uuid[], $44::smallint[]) as e (task_id, step_no)
    where l.task_id = e.task_id and l.step_no = e.step_no
), begun as (
    insert into leases (task_id, step_no, attempt, queue_id, session_id, claimed_at, deadline_at)
    select b.task_id, b.step_no, b.attempt, b.queue_id, b.session_id, $1, b.deadline_at
    from unnest($45::uuid[], $46::smallint[], $47::int[], $48::int[], $49::uuid[], $50::timestamptz[])
         as b (task_id, step_no, attempt, queue_id, session_id, deadline_at)
), queued as (
    insert into ready_steps (queue_id, visible_at, task_id, step_no)
    select q.queue_id, q.visible_at, q.task_id, q.step_no
    from unnest($51::int[], $52::timestamptz[], $53::uuid[], $54::smallint[])
         as q (queue_id, visible_at, task_id, step_no)
    on conflict do nothing
), tallied as (
    insert into tally_changes (named_task_id, kind, change)
    select c.named_task_id, c.kind, c.change
    from unnest($55::int[], $56::smallint[], $57::int[]) as c (named_task_id, kind, change)
-- events: begin
), logged as (
    insert into event_log (position, at, task_ids, after, until)
    select case when pg_current_xact_id() is not null then nextval('event_positions') end, $1,
           $25::uuid[] || $3::uuid[], $26::int[] || array_fill(0, array[cardinality($3::uuid[])]),
           $28::int[] || $6::int[]
    where cardinality($25::uuid[]) + cardinality($3::uuid[]) > 0
-- events: end
)
select tasker_require_all_moved(count(*), $2) from moved
