-- Health counts that cost by open work: tasks by the counts that are kept, steps of complete tasks by their
-- handlers, steps of open and failed tasks by their packed bytes, of which there are few different ones. Tasks that were cancelled or resolved are history too: up to `exact_up_to` of them are looked at, beyond
-- that the newest `exact_up_to` stand for all, and `estimated` says so.
-- Locks nothing: functions are replaced.

drop function get_system_health_counts(bigint, timestamptz);

-- `namespaces` restricts everything but the connections; null for all. Without sorts, because the planner expects that
-- packed bytes differ, and would sort all open tasks where a small hash table does.
create function get_system_health_counts(
    exact_up_to bigint default 1000, as_of timestamptz default now(), namespaces text[] default null
)
returns table (
    total_tasks           bigint,
    pending_tasks         bigint,
    in_progress_tasks     bigint,
    complete_tasks        bigint,
    error_tasks           bigint,
    cancelled_tasks       bigint,
    total_steps           bigint,
    pending_steps         bigint,
    in_progress_steps     bigint,
    complete_steps        bigint,
    error_steps           bigint,
    retryable_error_steps bigint,
    exhausted_retry_steps bigint,
    in_backoff_steps      bigint,
    active_connections    bigint,
    max_connections       bigint,
    estimated             boolean
)
language sql stable set jit = off set enable_sort = off as $$
    with handlers as materialized (
        select s.named_task_id, count(*) as steps,
               dense_rank() over (order by array_agg(s.default_retry_limit order by s.step_no)) as limits_no,
               array_agg(s.default_retry_limit order by s.step_no) as limits
        from named_tasks_named_steps s
        join named_tasks h on h.named_task_id = s.named_task_id
        join task_namespaces n on n.task_namespace_id = h.task_namespace_id
        where namespaces is null or n.name = any (namespaces)
        group by s.named_task_id
    ),
    tallies as materialized (
        select coalesce(sum(t.tasks), 0) as total,
               coalesce(sum(t.tasks) filter (where t.state = 0), 0) as pending,
               coalesce(sum(t.tasks) filter (where t.state = 1), 0) as in_progress,
               coalesce(sum(t.tasks) filter (where t.state = 2), 0) as complete,
               coalesce(sum(t.tasks) filter (where t.state = 3), 0) as error,
               coalesce(sum(t.tasks) filter (where t.state = 4), 0) as cancelled,
               coalesce(sum(t.tasks) filter (where t.state in (4, 5)), 0) as settled,
               coalesce(sum(t.tasks * h.steps) filter (where t.state = 2), 0) as complete_steps
        from (
            select k.named_task_id, k.state, k.tasks from task_tallies k
            union all
            select d.named_task_id, d.state, d.change from task_tally_changes d
        ) t
        join handlers h on h.named_task_id = t.named_task_id
    ),
    looked_at as (
        select t.named_task_id, t.steps, t.detail, 1 as kind
        from tasks t
        where t.state in (0, 1)
        union all
        select t.named_task_id, t.steps, t.detail, 1
        from tasks t
        where t.state = 3
        union all (
            select t.named_task_id, t.steps, t.detail, 2
            from tasks t
            where t.state in (4, 5) and (namespaces is null or t.named_task_id in (select h.named_task_id from handlers h))
            order by t.task_id desc
            limit exact_up_to
        )
    ),
    -- Tasks with the same packed bytes and the same limits are judged once.
    alike as materialized (
        select h.limits_no, l.steps || ''::bytea as steps, l.kind, count(*) as tasks,
               case when l.detail::text like '%retry_limit%' then l.detail end as overrides,
               coalesce(sum(case when l.detail is not null then (
                   select count(*)
                   from jsonb_each(l.detail) d
                   where (d.value ->> 'next_retry_at')::bigint > extract(epoch from as_of) * 1000000
                     and get_byte(l.steps, d.key::integer * 8) in (0, 3)
               ) end), 0) as in_backoff
        from looked_at l
        join handlers h on h.named_task_id = l.named_task_id
        group by h.limits_no, l.steps, l.kind, overrides
    ),
    judged as (
        select a.kind, a.tasks, a.in_backoff * (n = 0)::integer as in_backoff,
               tasker_step_state(a.steps, n) as state,
               tasker_step_state(a.steps, n) = 3
                   and tasker_step_flags(a.steps, n) & 1 = 0
                   and tasker_step_attempts(a.steps, n)
                       < coalesce((a.overrides -> n::text ->> 'retry_limit')::integer, m.limits[n + 1]) as retryable
        from alike a
        join (select distinct h.limits_no, h.limits from handlers h) m on m.limits_no = a.limits_no
        cross join lateral generate_series(0, length(a.steps) / 8 - 1) n
    ),
    counted as (
        select j.kind,
               sum(j.tasks) as total,
               coalesce(sum(j.tasks) filter (where j.state = 0), 0) as pending,
               coalesce(sum(j.tasks) filter (where j.state = 1), 0) as in_progress,
               coalesce(sum(j.tasks) filter (where j.state = 2), 0) as complete,
               coalesce(sum(j.tasks) filter (where j.state = 3), 0) as error,
               coalesce(sum(j.tasks) filter (where j.retryable), 0) as retryable,
               sum(j.in_backoff) as in_backoff
        from judged j
        group by j.kind
    ),
    -- What was looked at, times what it stands for.
    weighed as (
        select coalesce(sum(c.total * w.weight), 0)::bigint as total,
               coalesce(sum(c.pending * w.weight), 0)::bigint as pending,
               coalesce(sum(c.in_progress * w.weight), 0)::bigint as in_progress,
               coalesce(sum(c.complete * w.weight), 0)::bigint as complete,
               coalesce(sum(c.error * w.weight), 0)::bigint as error,
               coalesce(sum(c.retryable * w.weight), 0)::bigint as retryable,
               coalesce(sum(c.in_backoff * w.weight), 0)::bigint as in_backoff
        from counted c
        cross join tallies t
        cross join lateral (
            select case when c.kind = 2 then greatest(t.settled / nullif(exact_up_to, 0), 1) else 1 end as weight
        ) w
    )
    select t.total::bigint, t.pending::bigint, t.in_progress::bigint, t.complete::bigint, t.error::bigint,
           t.cancelled::bigint,
           (w.total + t.complete_steps)::bigint, w.pending, w.in_progress, (w.complete + t.complete_steps)::bigint,
           w.error, w.retryable, w.error - w.retryable, w.in_backoff,
           (select count(*) from pg_stat_activity a where a.datname = current_database() and a.state = 'active'),
           current_setting('max_connections')::bigint,
           t.settled > exact_up_to
    from tallies t
    cross join weighed w
$$;
