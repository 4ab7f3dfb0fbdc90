-- Analytics cost by the tasks of the period again, however many handlers there are: with many of both, the answer about
-- bottlenecks took longer than a statement may. Replaces three functions; what they answer is the same, and nothing
-- is read or locked for longer than a moment.

-- The handler versions that are meant. It says how many there may be, and its settings keep it from becoming part of a
-- larger statement: the planner takes conditions that are mostly null for conditions that hardly anything meets,
-- expects one handler, and walks the tasks of the period once for each.
create or replace function tasker_handlers_of(namespaces text[], handler_name text, handler_version text)
returns table (named_task_id integer, namespace_name text, task_name text, version text)
language sql stable parallel safe rows 1000 set jit = off as $$
    select h.named_task_id, n.name, h.name, h.version
    from named_tasks h
    join task_namespaces n on n.task_namespace_id = h.task_namespace_id
    where (namespaces is null or n.name = any (namespaces))
      and (handler_name is null or h.name = handler_name)
      and (handler_version is null or h.version = handler_version)
$$;

-- Tasks of a period with at least one step that is complete or failed, the longest first. One that is not final
-- has taken until its newest such step, and has no `completed_at`. The period's first task is looked up once.
create or replace function get_slowest_tasks(
    since timestamptz default now() - interval '24 hours', row_limit integer default 10, namespaces text[] default null,
    handler_name text default null, handler_version text default null, tasks_max integer default 200000
)
returns table (
    task_id          uuid,
    task_name        text,
    namespace_name   text,
    version          text,
    duration_seconds numeric,
    step_count       integer,
    completed_steps  integer,
    error_steps      integer,
    created_at       timestamptz,
    completed_at     timestamptz,
    initiator        text,
    source_system    text,
    state            text
)
language sql stable set jit = off as $$
    with bounds as materialized (
        select tasker_period_start(since, tasks_max) as first_id
    ),
    picked as (
        select t.task_id, t.steps || ''::bytea as steps, t.state, t.created_at, t.finished_at,
               h.task_name, h.namespace_name, h.version
        from tasks t
        join tasker_handlers_of(namespaces, handler_name, handler_version) h on h.named_task_id = t.named_task_id
        where t.task_id >= (select b.first_id from bounds b)
    ),
    timed as (
        select p.*, p.finished_at as until
        from picked p
        where p.state in (2, 3)
        union all
        select p.*, m.at
        from picked p
        cross join lateral (
            select max(tasker_step_outcome_sequence(p.steps, n)) as sequence
            from generate_series(0, length(p.steps) / 8 - 1) n
            where tasker_step_state(p.steps, n) in (2, 3)
        ) o
        join transitions m on m.task_id = p.task_id and m.sequence = o.sequence
        where p.state not in (2, 3)
    ),
    slowest as (
        select * from timed x order by x.until - x.created_at desc, x.task_id limit row_limit
    )
    select s.task_id, s.task_name, s.namespace_name, s.version,
           round(extract(epoch from s.until - s.created_at), 3),
           length(s.steps) / 8, c.completed, c.failed, s.created_at, case when s.state in (2, 3) then s.finished_at end,
           r.initiator, r.source_system, tasker_state_name(s.state)
    from slowest s
    join task_requests r on r.task_id = s.task_id
    cross join lateral (
        select (count(*) filter (where tasker_step_state(s.steps, n) = 2))::integer as completed,
               (count(*) filter (where tasker_step_state(s.steps, n) = 3))::integer as failed
        from generate_series(0, length(s.steps) / 8 - 1) n
    ) c
    where c.completed + c.failed > 0
    order by s.until - s.created_at desc, s.task_id
$$;

-- How many complete tasks of a period took how long: up to 10 seconds, up to 30, longer. The period's first task is
-- looked up once.
create or replace function get_duration_distribution(
    since timestamptz default now() - interval '24 hours', namespaces text[] default null,
    handler_name text default null, handler_version text default null, tasks_max integer default 200000
)
returns table (completed_tasks bigint, mean_seconds numeric, durations double precision[], buckets bigint[])
language sql stable set jit = off as $$
    with bounds as materialized (
        select tasker_period_start(since, tasks_max) as first_id
    )
    select count(*), coalesce(round(avg(p.seconds)::numeric, 3), 0),
           percentile_cont(array[0.5, 0.95, 0.99, 1]) within group (order by p.seconds),
           array[
               count(*) filter (where p.seconds < 10),
               count(*) filter (where p.seconds >= 10 and p.seconds < 30),
               count(*) filter (where p.seconds >= 30)
           ]
    from (
        select extract(epoch from t.finished_at - t.created_at)::double precision as seconds
        from tasks t
        join tasker_handlers_of(namespaces, handler_name, handler_version) h on h.named_task_id = t.named_task_id
        where t.task_id >= (select b.first_id from bounds b) and t.state = 2
    ) p
$$;
