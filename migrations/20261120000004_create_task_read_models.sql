-- Read-only functions for operators and tools about whole tasks: execution context, levels, summary, health.
-- Locks nothing: everything is new and nothing is stored. Functions cost by the tasks asked for.

-- -------------------------------------------------------------------------------------- the execution context

-- The steps of one task counted and judged; no row for an unknown task.
create function get_task_execution_context(input_task_id uuid, as_of timestamptz default now())
returns table (
    task_id                   uuid,
    named_task_id             integer,
    status                    text,
    total_steps               bigint,
    pending_steps             bigint,
    in_progress_steps         bigint,
    completed_steps           bigint,
    failed_steps              bigint,
    ready_steps               bigint,
    execution_status          text,
    recommended_action        text,
    completion_percentage     numeric,
    health_status             text,
    cancelled_steps           bigint,
    waiting_steps             bigint,
    permanently_blocked_steps bigint
)
language sql stable parallel safe as $$
    select t.task_id, t.named_task_id, tasker_state_name(t.state),
           n.total, n.pending, n.in_progress, n.completed, n.failed, n.ready,
           e.execution_status,
           case e.execution_status
               when 'has_ready_steps' then 'execute_ready_steps'
               when 'processing' then 'wait_for_completion'
               when 'all_complete' then 'finalize_task'
               when 'blocked_by_failures' then 'handle_failures'
               else 'wait_for_dependencies'
           end,
           case when n.total = 0 then 0.0 else round(n.completed * 100.0 / n.total, 2) end,
           case
               when n.failed = 0 then 'healthy'
               when n.ready > 0 or n.permanently_blocked = 0 then 'recovering'
               else 'blocked'
           end,
           n.cancelled, n.waiting, n.permanently_blocked
    from tasks t
    cross join lateral (
        select count(*) as total,
               count(*) filter (where c.state = 0) as pending,
               count(*) filter (where c.state = 1) as in_progress,
               count(*) filter (where c.state in (2, 5)) as completed,
               count(*) filter (where c.state = 3) as failed,
               count(*) filter (where c.state = 4) as cancelled,
               count(*) filter (where c.ready) as ready,
               count(*) filter (where c.startable and not c.ready) as waiting,
               count(*) filter (
                   where c.state = 3 and (c.attempts >= c.retry_limit or c.permanent)
               ) as permanently_blocked
        from tasker_step_conditions(t.task_id, as_of) c
    ) n
    cross join lateral (
        select case
            when n.ready > 0 then 'has_ready_steps'
            when n.in_progress > 0 then 'processing'
            when n.completed = n.total and n.total > 0 then 'all_complete'
            when n.waiting > 0 or n.total = 0 then 'waiting_for_dependencies'
            else 'blocked_by_failures'
        end as execution_status
    ) e
    where t.task_id = input_task_id
$$;

-- The same for many tasks, ordered by task; unknown ones are left out.
create function get_task_execution_contexts_batch(input_task_ids uuid[], as_of timestamptz default now())
returns table (
    task_id                   uuid,
    named_task_id             integer,
    status                    text,
    total_steps               bigint,
    pending_steps             bigint,
    in_progress_steps         bigint,
    completed_steps           bigint,
    failed_steps              bigint,
    ready_steps               bigint,
    execution_status          text,
    recommended_action        text,
    completion_percentage     numeric,
    health_status             text,
    cancelled_steps           bigint,
    waiting_steps             bigint,
    permanently_blocked_steps bigint
)
language sql stable parallel safe as $$
    select c.*
    from (select distinct id from unnest(input_task_ids) id) asked
    cross join lateral get_task_execution_context(asked.id, as_of) c
    order by c.task_id
$$;

-- ---------------------------------------------------------------------------------------------- graph, summary

-- The longest distance of every step from a root.
create function calculate_dependency_levels(input_task_id uuid)
returns table (workflow_step_id uuid, dependency_level integer)
language sql stable parallel safe as $$
    select tasker_step_id(t.task_id, g.step_no), g.dependency_level
    from tasks t
    cross join lateral tasker_handler_graph(t.named_task_id) g
    where t.task_id = input_task_id
    order by g.dependency_level, g.step_no
$$;

-- The execution context of one task with the steps behind the numbers.
create function get_task_workflow_summary(input_task_id uuid, as_of timestamptz default now())
returns table (
    task_id                   uuid,
    named_task_id             integer,
    status                    text,
    total_steps               bigint,
    pending_steps             bigint,
    in_progress_steps         bigint,
    completed_steps           bigint,
    failed_steps              bigint,
    ready_steps               bigint,
    execution_status          text,
    recommended_action        text,
    completion_percentage     numeric,
    health_status             text,
    root_step_ids             jsonb,
    root_step_count           bigint,
    ready_step_ids            jsonb,
    blocked_step_ids          jsonb,
    blocking_reasons          jsonb,
    max_dependency_depth      integer,
    parallel_branches         bigint,
    workflow_efficiency       text,
    parallelism_potential     text
)
language sql stable parallel safe as $$
    select c.task_id, c.named_task_id, c.status, c.total_steps, c.pending_steps, c.in_progress_steps,
           c.completed_steps, c.failed_steps, c.ready_steps, c.execution_status, c.recommended_action,
           c.completion_percentage, c.health_status,
           s.root_step_ids, s.root_step_count, s.ready_step_ids, s.blocked_step_ids, s.blocking_reasons,
           g.max_dependency_depth, g.parallel_branches,
           case
               when c.ready_steps > 0 then case when c.failed_steps = 0 then 'optimal' else 'recovering' end
               when c.in_progress_steps > 0 then 'processing'
               when c.execution_status = 'blocked_by_failures' then 'blocked'
               else 'waiting'
           end,
           case
               when c.ready_steps > 5 then 'high_parallelism'
               when c.ready_steps > 1 then 'moderate_parallelism'
               when c.ready_steps = 1 then 'sequential_only'
               else 'no_ready_work'
           end
    from get_task_execution_context(input_task_id, as_of) c
    cross join lateral (
        select coalesce(jsonb_agg(r.workflow_step_id order by r.workflow_step_id)
                   filter (where r.total_parents = 0), '[]') as root_step_ids,
               count(*) filter (where r.total_parents = 0) as root_step_count,
               coalesce(jsonb_agg(r.workflow_step_id order by r.workflow_step_id)
                   filter (where r.ready_for_execution), '[]') as ready_step_ids,
               coalesce(jsonb_agg(r.workflow_step_id order by r.workflow_step_id)
                   filter (where not r.ready_for_execution and r.current_state in ('pending', 'error')),
                   '[]') as blocked_step_ids,
               coalesce(jsonb_agg(r.blocking_reason order by r.workflow_step_id)
                   filter (where not r.ready_for_execution and r.current_state in ('pending', 'error')),
                   '[]') as blocking_reasons
        from get_step_readiness_status(c.task_id, null, as_of) r
    ) s
    cross join lateral (
        select coalesce(max(w.dependency_level), 0) as max_dependency_depth,
               coalesce(max(w.steps), 0) as parallel_branches
        from (
            select l.dependency_level, count(*) as steps
            from tasker_handler_graph(c.named_task_id) l
            group by l.dependency_level
        ) w
    ) g
$$;

-- ---------------------------------------------------------------------------------------------------- health

-- How much there is of everything, for dashboards. Tasks that are not complete are counted exactly, by the
-- partial indexes of their states. Complete ones, the history, are counted exactly while there are at most
-- `exact_up_to` tasks and estimated beyond, from the table's statistics and a sample of about a hundred pages,
-- so that the answer takes as long with a million finished tasks as with a thousand.
create function get_system_health_counts(exact_up_to bigint default 100000, as_of timestamptz default now())
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
language plpgsql stable set jit = off as $$
declare
    pages         bigint := pg_relation_size('tasks') / current_setting('block_size')::integer;
    guess         double precision;
    open          record;
    steps         record;
    sampled_steps double precision;
    all_tasks     bigint;
    done_steps    bigint;
begin
    select greatest(c.reltuples, 0) / greatest(c.relpages, 1) * pages into guess
    from pg_class c
    where c.oid = 'tasks'::regclass;
    estimated := guess > exact_up_to;

    select count(*) filter (where t.state = 0) as pending,
           count(*) filter (where t.state = 1) as in_progress,
           count(*) filter (where t.state = 3) as error,
           count(*) filter (where t.state = 4) as cancelled,
           count(*) as total
    into open
    from tasks t
    where t.state in (0, 1) or t.state = 3 or t.state in (4, 5);

    -- Only steps in error need their limits; the others are read off the packed bytes.
    select count(*) as total,
           count(*) filter (where s.state = 0) as pending,
           count(*) filter (where s.state = 1) as in_progress,
           count(*) filter (where s.state = 2) as complete,
           count(*) filter (where s.state = 3) as error,
           count(*) filter (where s.state = 3 and s.attempts < s.retry_limit and s.flags & 1 = 0) as retryable,
           count(*) filter (where s.state = 3 and not (s.attempts < s.retry_limit and s.flags & 1 = 0)) as exhausted,
           count(*) filter (
               where s.state in (0, 3) and s.next_retry_at > extract(epoch from as_of) * 1000000
           ) as in_backoff
    into steps
    from (
        select tasker_step_state(t.steps, n) as state,
               tasker_step_flags(t.steps, n) as flags,
               tasker_step_attempts(t.steps, n) as attempts,
               (t.detail -> n::text ->> 'next_retry_at')::bigint as next_retry_at,
               case when tasker_step_state(t.steps, n) = 3 then coalesce(
                   (t.detail -> n::text ->> 'retry_limit')::integer,
                   (
                       select d.default_retry_limit
                       from named_tasks_named_steps d
                       where d.named_task_id = t.named_task_id and d.step_no = n
                   )
               ) end as retry_limit
        from (
            select u.named_task_id, u.detail, u.steps || ''::bytea as steps
            from tasks u
            where u.state in (0, 1) or u.state = 3 or u.state in (4, 5)
            offset 0
        ) t
        cross join lateral generate_series(0, length(t.steps) / 8 - 1) n
    ) s;

    if estimated then
        select avg(length(t.steps) / 8) into sampled_steps
        from tasks t tablesample system (least(100.0, 10000.0 / greatest(pages, 1)))
        where t.state = 2;
        all_tasks := greatest(guess::bigint, open.total);
        done_steps := (coalesce(sampled_steps, 0) * (all_tasks - open.total))::bigint;
    else
        select count(*), coalesce(sum(length(t.steps) / 8) filter (where t.state = 2), 0)
        into all_tasks, done_steps
        from tasks t;
    end if;

    total_tasks := all_tasks;
    pending_tasks := open.pending;
    in_progress_tasks := open.in_progress;
    complete_tasks := all_tasks - open.total;
    error_tasks := open.error;
    cancelled_tasks := open.cancelled;
    total_steps := steps.total + done_steps;
    pending_steps := steps.pending;
    in_progress_steps := steps.in_progress;
    complete_steps := steps.complete + done_steps;
    error_steps := steps.error;
    retryable_error_steps := steps.retryable;
    exhausted_retry_steps := steps.exhausted;
    in_backoff_steps := steps.in_backoff;
    select count(*) into active_connections
    from pg_stat_activity a
    where a.datname = current_database() and a.state = 'active';
    max_connections := current_setting('max_connections')::bigint;
    return next;
end
$$;
