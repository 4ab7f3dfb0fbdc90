-- Writes what a batch decided when it only moves tasks on: the hop of a chain. The same as lifecycle/write without
-- new tasks and queued steps, because setting up the parts that have nothing to do costs a third of the time.
-- Fails with SQLSTATE TK001, and nothing has happened, if any task has moved since it was read. Locks the moved
-- tasks' rows and the ended leases. Walks tasks_pkey and leases_pkey by key; needs session/plan_by_key. What is between
-- the two marks is as in lifecycle/write.
-- $1 now, $2 number of tasks to move
-- moved tasks: $3 task_id, $4 revision read, $5 state, $6 revision, $7 state_reason, $8 steps, $9 detail,
--   $10 started_at, $11 finished_at
-- transitions: $12 task_id, $13 sequence, $14 step_no, $15 from_state, $16 to_state, $17 attempt, $18 results,
--   $19 metadata, $20 step_no of the lease that the row ends, else null, $32 session of the lease that the row begins, else null
-- ended leases: $21 task_id, $22 step_no
-- begun leases: $23 task_id, $24 step_no, $25 attempt, $26 queue_id, $27 session_id, $28 deadline_at
-- changed counts: $29 named_task_id, $30 kind, $31 change
with moved as (
    update tasks t
    set state = m.state, revision = m.revision, state_reason = m.state_reason, steps = m.steps,
        detail = m.detail::jsonb, updated_at = $1, started_at = coalesce(t.started_at, m.started_at),
        finished_at = case when m.state > 1 then coalesce(m.finished_at, t.finished_at) end
    from unnest($3::uuid[], $4::int[], $5::smallint[], $6::int[], $7::text[], $8::bytea[], $9::text[],
                $10::timestamptz[], $11::timestamptz[])
         as m (task_id, expected, state, revision, state_reason, steps, detail, started_at, finished_at)
    where t.task_id = m.task_id and t.revision = m.expected
    returning 1
), noted as (
    insert into transitions (task_id, sequence, step_no, from_state, to_state, attempt, at, started_at,
                             session_id, results, metadata)
    select n.task_id, n.sequence, n.step_no, n.from_state, n.to_state, n.attempt, $1, l.claimed_at,
           coalesce(l.session_id, n.session_id), n.results, n.metadata::json
    from unnest($12::uuid[], $13::int[], $14::smallint[], $15::smallint[], $16::smallint[], $17::int[],
                $18::text[], $19::text[], $20::smallint[], $32::uuid[])
         as n (task_id, sequence, step_no, from_state, to_state, attempt, results, metadata, ended_step_no, session_id)
    left join leases l on l.task_id = n.task_id and l.step_no = n.ended_step_no
), ended as (
    delete from leases l
    using unnest($21::uuid[], $22::smallint[]) as e (task_id, step_no)
    where l.task_id = e.task_id and l.step_no = e.step_no
), begun as (
    insert into leases (task_id, step_no, attempt, queue_id, session_id, claimed_at, deadline_at)
    select b.task_id, b.step_no, b.attempt, b.queue_id, b.session_id, $1, b.deadline_at
    from unnest($23::uuid[], $24::smallint[], $25::int[], $26::int[], $27::uuid[], $28::timestamptz[])
         as b (task_id, step_no, attempt, queue_id, session_id, deadline_at)
), tallied as (
    insert into tally_changes (named_task_id, kind, change)
    select c.named_task_id, c.kind, c.change
    from unnest($29::int[], $30::smallint[], $31::int[]) as c (named_task_id, kind, change)
-- events: begin
), logged as (
    insert into event_log (position, at, task_ids, after, until)
    select case when pg_current_xact_id() is not null then nextval('event_positions') end, $1, $3::uuid[], $4::int[],
           $6::int[]
-- events: end
)
select tasker_require_all_moved(count(*), $2) from moved
