-- Read-only functions for operators and for AnalyticsService: how tasks of a period did, and where time goes.
-- Locks nothing: everything is new and nothing is stored.
-- A period is a range of keys, because ids of tasks begin with the time: everything here costs by the tasks of the
-- period, of which at most `tasks_max`, the newest, are looked at. Each step counts once. A task takes from its
-- creation to its end, a step from the beginning of the attempt that completed it to that attempt's end.
-- `namespaces`, `handler_name` and `handler_version` restrict when they are not null.

-- --------------------------------------------------------------------------------------------------- periods

-- The least id that a task created at this time can have.
create function tasker_task_id_at(at timestamptz) returns uuid
language sql immutable parallel safe
return (lpad(to_hex(greatest(floor(extract(epoch from at) * 1000), 0)::bigint), 12, '0') || '00000000000000000000')::uuid;

-- When a task with this id was created, to the millisecond.
create function tasker_task_time(task_id uuid) returns timestamptz
language sql immutable parallel safe
return to_timestamp(('x' || left(replace(task_id::text, '-', ''), 12))::bit(48)::bigint / 1000.0);

-- The id from which on tasks are looked at: those since a time, or the newest `tasks_max` of them.
create function tasker_period_start(since timestamptz, tasks_max integer) returns uuid
language sql stable parallel safe as $$
    select coalesce(
        (
            select t.task_id
            from tasks t
            where t.task_id >= tasker_task_id_at(since)
            order by t.task_id desc
            offset greatest(tasks_max, 1) - 1
            limit 1
        ),
        tasker_task_id_at(since)
    )
$$;

-- The handler versions that are meant.
create function tasker_handlers_of(namespaces text[], handler_name text, handler_version text)
returns table (named_task_id integer, namespace_name text, task_name text, version text)
language sql stable parallel safe as $$
    select h.named_task_id, n.name, h.name, h.version
    from named_tasks h
    join task_namespaces n on n.task_namespace_id = h.task_namespace_id
    where (namespaces is null or n.name = any (namespaces))
      and (handler_name is null or h.name = handler_name)
      and (handler_version is null or h.version = handler_version)
$$;

-- ----------------------------------------------------------------------------------------------- performance

create function get_analytics_metrics(
    since timestamptz default now() - interval '1 hour', namespaces text[] default null,
    handler_name text default null, handler_version text default null,
    tasks_max integer default 200000, as_of timestamptz default now()
)
returns table (
    active_tasks_count      bigint,
    total_namespaces_count  bigint,
    unique_task_types_count bigint,
    system_health_score     numeric,
    task_throughput         bigint,
    completion_count        bigint,
    error_count             bigint,
    completion_rate         numeric,
    error_rate              numeric,
    avg_task_duration       numeric,
    avg_step_duration       numeric,
    step_throughput         bigint,
    analysis_period_start   timestamptz,
    calculated_at           timestamptz,
    completed_steps         bigint,
    task_durations          double precision[],
    step_durations          double precision[],
    truncated               boolean
)
language sql stable set jit = off as $$
    with handlers as materialized (
        select * from tasker_handlers_of(namespaces, handler_name, handler_version)
    ),
    bounds as materialized (
        select tasker_period_start(since, tasks_max) as first_id
    ),
    known as (
        select coalesce(sum(t.tasks) filter (where t.state in (0, 1)), 0)::bigint as active,
               count(distinct h.namespace_name) filter (where t.tasks > 0) as namespaces,
               count(distinct h.task_name) filter (where t.tasks > 0) as types
        from tasker_task_tallies t
        join handlers h on h.named_task_id = t.named_task_id
    ),
    picked as materialized (
        select t.task_id, t.state, length(t.steps) / 8 as steps,
               extract(epoch from t.finished_at - t.created_at)::double precision as seconds
        from tasks t
        where t.task_id >= (select b.first_id from bounds b)
          and t.named_task_id in (select h.named_task_id from handlers h)
    ),
    tasks_of as (
        select count(*) as throughput, coalesce(sum(p.steps), 0)::bigint as steps,
               count(*) filter (where p.state = 2) as complete,
               count(*) filter (where p.state = 3) as failed,
               count(*) filter (where p.state = 2 and p.task_id >= tasker_task_id_at(as_of - interval '1 hour')) as complete_lately,
               count(*) filter (where p.state = 3 and p.task_id >= tasker_task_id_at(as_of - interval '1 hour')) as failed_lately,
               avg(p.seconds) filter (where p.state = 2) as mean,
               percentile_cont(array[0.5, 0.95, 0.99, 1]) within group (order by p.seconds)
                   filter (where p.state = 2) as spread
        from picked p
    ),
    steps_of as (
        select count(*) as complete, avg(m.seconds) as mean,
               percentile_cont(array[0.5, 0.95, 0.99, 1]) within group (order by m.seconds) as spread
        from (
            select extract(epoch from n.at - n.started_at)::double precision as seconds
            from transitions n
            join picked p on p.task_id = n.task_id
            where n.task_id >= (select b.first_id from bounds b)
              and n.step_no is not null and n.from_state = 1 and n.to_state = 2
        ) m
    )
    select k.active, k.namespaces, k.types,
           case
               when t.complete_lately + t.failed_lately = 0 then 1.0
               else round(t.complete_lately::numeric / (t.complete_lately + t.failed_lately), 3)
           end,
           t.throughput, t.complete, t.failed,
           case when t.throughput = 0 then 0.0 else round(t.complete * 100.0 / t.throughput, 2) end,
           case when t.throughput = 0 then 0.0 else round(t.failed * 100.0 / t.throughput, 2) end,
           coalesce(round(t.mean::numeric, 3), 0), coalesce(round(s.mean::numeric, 3), 0), t.steps,
           greatest(since, tasker_task_time(b.first_id)), as_of,
           s.complete, t.spread, s.spread, b.first_id > tasker_task_id_at(since)
    from known k, tasks_of t, steps_of s, bounds b
$$;

-- The same by handler version, the busiest first.
create function get_analytics_metrics_by_handler(
    since timestamptz default now() - interval '24 hours', namespaces text[] default null,
    handler_name text default null, handler_version text default null,
    row_limit integer default 100, tasks_max integer default 200000
)
returns table (
    namespace_name    text,
    task_name         text,
    version           text,
    task_throughput   bigint,
    completion_count  bigint,
    error_count       bigint,
    completion_rate   numeric,
    error_rate        numeric,
    avg_task_duration numeric,
    avg_step_duration numeric,
    step_throughput   bigint,
    completed_steps   bigint,
    task_durations    double precision[],
    step_durations    double precision[]
)
language sql stable set jit = off as $$
    with bounds as materialized (
        select tasker_period_start(since, tasks_max) as first_id
    ),
    picked as materialized (
        select t.task_id, h.namespace_name, h.task_name, h.version, t.state, length(t.steps) / 8 as steps,
               extract(epoch from t.finished_at - t.created_at)::double precision as seconds
        from tasks t
        join tasker_handlers_of(namespaces, handler_name, handler_version) h on h.named_task_id = t.named_task_id
        where t.task_id >= (select b.first_id from bounds b)
    ),
    tasks_of as (
        select p.namespace_name, p.task_name, p.version,
               count(*) as throughput, sum(p.steps)::bigint as steps,
               count(*) filter (where p.state = 2) as complete,
               count(*) filter (where p.state = 3) as failed,
               avg(p.seconds) filter (where p.state = 2) as mean,
               percentile_cont(array[0.5, 0.95, 0.99, 1]) within group (order by p.seconds)
                   filter (where p.state = 2) as spread
        from picked p
        group by p.namespace_name, p.task_name, p.version
        order by throughput desc, p.namespace_name, p.task_name, p.version
        limit row_limit
    ),
    steps_of as (
        select p.namespace_name, p.task_name, p.version, count(*) as complete, avg(m.seconds) as mean,
               percentile_cont(array[0.5, 0.95, 0.99, 1]) within group (order by m.seconds) as spread
        from (
            select n.task_id, extract(epoch from n.at - n.started_at)::double precision as seconds
            from transitions n
            where n.task_id >= (select b.first_id from bounds b)
              and n.step_no is not null and n.from_state = 1 and n.to_state = 2
        ) m
        join picked p on p.task_id = m.task_id
        group by p.namespace_name, p.task_name, p.version
    )
    select t.namespace_name, t.task_name, t.version, t.throughput, t.complete, t.failed,
           round(t.complete * 100.0 / t.throughput, 2), round(t.failed * 100.0 / t.throughput, 2),
           coalesce(round(t.mean::numeric, 3), 0), coalesce(round(s.mean::numeric, 3), 0), t.steps,
           coalesce(s.complete, 0), t.spread, s.spread
    from tasks_of t
    left join steps_of s using (namespace_name, task_name, version)
    order by t.throughput desc, t.namespace_name, t.task_name, t.version
$$;

-- ----------------------------------------------------------------------------------------- what takes longest

-- Tasks of a period with at least one step that is complete or failed, the longest first. One that is not final
-- has taken until its newest such step, and has no `completed_at`.
create function get_slowest_tasks(
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
    with picked as (
        select t.task_id, t.steps || ''::bytea as steps, t.state, t.created_at, t.finished_at,
               h.task_name, h.namespace_name, h.version
        from tasks t
        join tasker_handlers_of(namespaces, handler_name, handler_version) h on h.named_task_id = t.named_task_id
        where t.task_id >= tasker_period_start(since, tasks_max)
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

-- Steps that are complete, of tasks of a period, by how long the attempt ran that completed them.
create function get_slowest_steps(
    since timestamptz default now() - interval '24 hours', row_limit integer default 10, namespaces text[] default null,
    handler_name text default null, handler_version text default null, tasks_max integer default 200000
)
returns table (
    workflow_step_id uuid,
    task_id          uuid,
    step_name        text,
    task_name        text,
    namespace_name   text,
    version          text,
    duration_seconds numeric,
    attempts         integer,
    created_at       timestamptz,
    completed_at     timestamptz,
    retryable        boolean,
    step_status      text
)
language sql stable set jit = off as $$
    with bounds as materialized (
        select tasker_period_start(since, tasks_max) as first_id
    ),
    slowest as (
        select m.task_id, m.step_no, m.attempt, m.started_at, m.at, t.created_at, t.named_task_id,
               h.task_name, h.namespace_name, h.version
        from transitions m
        join tasks t on t.task_id = m.task_id
        join tasker_handlers_of(namespaces, handler_name, handler_version) h on h.named_task_id = t.named_task_id
        where m.task_id >= (select b.first_id from bounds b)
          and t.task_id >= (select b.first_id from bounds b)
          and m.step_no is not null and m.from_state = 1 and m.to_state = 2 and m.at > m.started_at
        order by m.at - m.started_at desc, m.task_id, m.step_no
        limit row_limit
    )
    select tasker_step_id(s.task_id, s.step_no), s.task_id, d.step_name, s.task_name, s.namespace_name, s.version,
           round(extract(epoch from s.at - s.started_at), 3), s.attempt, s.created_at, s.at, d.default_retryable,
           'complete'
    from slowest s
    join named_tasks_named_steps d on d.named_task_id = s.named_task_id and d.step_no = s.step_no
    order by s.at - s.started_at desc, s.task_id, s.step_no
$$;

-- --------------------------------------------------------------------------------------------- bottlenecks

-- How tasks of a period failed. `total_errors` are tasks that are in error now and `recent_error_rate` their
-- share in percent; `retry_success_rate` is the share of complete ones among steps with more than one attempt.
create function get_error_patterns(
    since timestamptz default now() - interval '24 hours', row_limit integer default 10, namespaces text[] default null,
    handler_name text default null, handler_version text default null, tasks_max integer default 200000
)
returns table (
    total_tasks        bigint,
    unique_task_types  bigint,
    total_errors       bigint,
    recent_error_rate  numeric,
    retry_success_rate numeric,
    error_types        text[],
    error_counts       bigint[]
)
language sql stable set jit = off as $$
    with bounds as materialized (
        select tasker_period_start(since, tasks_max) as first_id
    ),
    picked as materialized (
        select t.task_id, t.state, h.task_name
        from tasks t
        join tasker_handlers_of(namespaces, handler_name, handler_version) h on h.named_task_id = t.named_task_id
        where t.task_id >= (select b.first_id from bounds b)
    ),
    ended as materialized (
        select m.task_id, m.step_no, m.attempt, m.to_state, m.metadata ->> 'error_class' as error_class
        from transitions m
        where m.task_id >= (select b.first_id from bounds b)
          and m.step_no is not null and m.from_state = 1 and (m.to_state = 3 or m.attempt > 1)
          and m.task_id in (select p.task_id from picked p)
    ),
    classes as (
        select coalesce(nullif(e.error_class, ''), 'unknown') as error_class, count(*) as n
        from ended e
        where e.to_state = 3
        group by 1
        order by n desc, 1
        limit row_limit
    ),
    retried as (
        select count(*) as steps, count(*) filter (where r.done) as done
        from (
            select bool_or(e.to_state = 2) as done
            from ended e
            where e.attempt > 1
            group by e.task_id, e.step_no
        ) r
    )
    select p.tasks, p.types, p.failed,
           case when p.tasks = 0 then 0.0 else round(p.failed * 100.0 / p.tasks, 1) end,
           case when r.steps = 0 then 0.0 else round(r.done * 100.0 / r.steps, 1) end,
           coalesce((select array_agg(c.error_class order by c.n desc, c.error_class) from classes c), '{}'),
           coalesce((select array_agg(c.n order by c.n desc, c.error_class) from classes c), '{}')
    from (
        select count(*) as tasks, count(distinct k.task_name) as types, count(*) filter (where k.state = 3) as failed
        from picked k
    ) p
    cross join retried r
$$;

-- What open tasks wait for: dependencies that are not complete of steps that are pending, how long tasks with such
-- steps that are older than five minutes have been there, and the names of the steps that wait most often.
create function get_dependency_bottlenecks(
    row_limit integer default 3, namespaces text[] default null, handler_name text default null,
    handler_version text default null, as_of timestamptz default now()
)
returns table (
    blocking_dependencies bigint,
    avg_wait_seconds      numeric,
    blocked_steps         text[],
    blocked_counts        bigint[]
)
language sql stable set jit = off as $$
    with alike as materialized (
        select a.named_task_id, a.steps || ''::bytea as steps, a.tasks, a.old_tasks, a.old_seconds
        from (
            select t.named_task_id, t.steps, count(*) as tasks,
                   count(*) filter (where t.created_at < as_of - interval '5 minutes') as old_tasks,
                   coalesce(sum(extract(epoch from as_of - t.created_at))
                       filter (where t.created_at < as_of - interval '5 minutes'), 0) as old_seconds
            from tasks t
            where t.state in (0, 1)
              and t.named_task_id in (
                  select h.named_task_id from tasker_handlers_of(namespaces, handler_name, handler_version) h
              )
            group by t.named_task_id, t.steps
        ) a
    ),
    waiting as (
        select a.named_task_id, e.to_step_no, a.tasks, a.old_tasks, a.old_seconds, count(*) as unmet
        from alike a
        join named_task_edges e on e.named_task_id = a.named_task_id
        where tasker_step_state(a.steps, e.to_step_no) = 0
          and tasker_step_state(a.steps, e.from_step_no) not in (2, 5)
        group by a.named_task_id, a.steps, e.to_step_no, a.tasks, a.old_tasks, a.old_seconds
    ),
    names as (
        select d.step_name, sum(w.tasks)::bigint as n
        from waiting w
        join named_tasks_named_steps d on d.named_task_id = w.named_task_id and d.step_no = w.to_step_no
        group by d.step_name
        order by n desc, d.step_name
        limit row_limit
    )
    select coalesce(sum(w.unmet * w.tasks), 0)::bigint,
           coalesce(round(sum(w.old_seconds) / nullif(sum(w.old_tasks), 0), 1), 0.0),
           coalesce((select array_agg(n.step_name order by n.n desc, n.step_name) from names n), '{}'),
           coalesce((select array_agg(n.n order by n.n desc, n.step_name) from names n), '{}')
    from waiting w
$$;

-- How many complete tasks of a period took how long: up to 10 seconds, up to 30, longer.
create function get_duration_distribution(
    since timestamptz default now() - interval '24 hours', namespaces text[] default null,
    handler_name text default null, handler_version text default null, tasks_max integer default 200000
)
returns table (completed_tasks bigint, mean_seconds numeric, durations double precision[], buckets bigint[])
language sql stable set jit = off as $$
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
        where t.task_id >= tasker_period_start(since, tasks_max) and t.state = 2
    ) p
$$;
