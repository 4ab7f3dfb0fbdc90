-- Counts steps as well as tasks, and keeps a second level of counts by namespace: what is asked of a namespace or of
-- all costs by namespaces, whatever the history and however many handlers it has. Health counts read nothing else,
-- but for the steps in backoff, which time alone ends: those are found through an index of the tasks that have any.
--
-- A kind is what is counted: 0 to 5 tasks by state, 8 to 13 steps by state (8 more than the state), 14 steps in error
-- that have attempts left. As before, the writer inserts what a batch changed in the batch's own statement, and the
-- sweeper folds it; a count is the sum of what is folded and what is not, in one statement, and exact.
-- Reads `tasks` once to begin with: some seconds for a million tasks, during which tasks cannot be written.

drop function get_system_health_counts(bigint, timestamptz, text[]);
drop view tasker_task_tallies;
drop table task_tallies, task_tally_changes;

create table tallies (
    named_task_id integer not null,
    kind          smallint not null check (kind between 0 and 14),
    count         bigint not null,
    primary key (named_task_id, kind)
) with (fillfactor = 70);

create table namespace_tallies (
    task_namespace_id integer not null,
    kind              smallint not null check (kind between 0 and 14),
    count             bigint not null,
    primary key (task_namespace_id, kind)
) with (fillfactor = 50);

create table tally_changes (
    named_task_id integer not null,
    kind          smallint not null check (kind between 0 and 14),
    change        integer not null
) with (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 5000, autovacuum_vacuum_cost_delay = 0);

-- Tasks with steps that may be in backoff, and those with limits of their own. A step that moves without having
-- failed changes nothing here.
create index tasks_waiting on tasks (task_id) where detail is not null and state in (0, 1, 3);

-- Tasks by handler version and state, and steps likewise.
create view tasker_task_tallies as
select c.named_task_id, c.kind as state, sum(c.count)::bigint as tasks
from (
    select t.named_task_id, t.kind, t.count from tallies t
    union all
    select d.named_task_id, d.kind, d.change from tally_changes d
) c
where c.kind < 8
group by c.named_task_id, c.kind;

create view tasker_step_tallies as
select c.named_task_id, (c.kind - 8)::smallint as state, sum(c.count)::bigint as steps
from (
    select t.named_task_id, t.kind, t.count from tallies t
    union all
    select d.named_task_id, d.kind, d.change from tally_changes d
) c
where c.kind between 8 and 13
group by c.named_task_id, c.kind;

-- Everything that is counted, by namespace.
create view tasker_namespace_tallies as
select c.task_namespace_id, c.kind, sum(c.count)::bigint as count
from (
    select t.task_namespace_id, t.kind, t.count from namespace_tallies t
    union all
    select h.task_namespace_id, d.kind, d.change
    from tally_changes d
    join named_tasks h on h.named_task_id = d.named_task_id
) c
group by c.task_namespace_id, c.kind;

-- Whether a step has failed and has attempts left, from the packed row of its task.
create function tasker_step_retryable(named_task integer, steps bytea, detail jsonb, no integer) returns boolean
language sql stable as $$
    select tasker_step_state(steps, no) = 3
       and tasker_step_flags(steps, no) & 1 = 0
       and tasker_step_attempts(steps, no) < coalesce(
               (detail -> no::text ->> 'retry_limit')::integer,
               (select s.default_retry_limit from named_tasks_named_steps s
                where s.named_task_id = named_task and s.step_no = no)
           )
$$;

-- Counts everything anew, for whoever has written to `tasks` by hand. Locks `tasks` against writers meanwhile.
create or replace function tasker_recount_tasks() returns void
language plpgsql as $$
begin
    lock table tasks in share mode;
    lock table tallies, namespace_tallies, tally_changes in exclusive mode;
    delete from tally_changes;
    delete from tallies;
    delete from namespace_tallies;
    insert into tallies (named_task_id, kind, count)
    select t.named_task_id, t.state, count(*)
    from tasks t
    group by t.named_task_id, t.state
    union all
    select t.named_task_id, 8 + tasker_step_state(t.steps, n), count(*)
    from tasks t
    cross join lateral generate_series(0, length(t.steps) / 8 - 1) n
    group by t.named_task_id, tasker_step_state(t.steps, n)
    union all
    select t.named_task_id, 14, count(*)
    from tasks t
    cross join lateral generate_series(0, length(t.steps) / 8 - 1) n
    where t.state <> 2 and tasker_step_retryable(t.named_task_id, t.steps, t.detail, n)
    group by t.named_task_id;
    insert into namespace_tallies (task_namespace_id, kind, count)
    select h.task_namespace_id, t.kind, sum(t.count)
    from tallies t
    join named_tasks h on h.named_task_id = t.named_task_id
    group by h.task_namespace_id, t.kind;
end
$$;

create or replace function tasker_tally_deleted_tasks() returns trigger
language plpgsql as $$
begin
    insert into tally_changes (named_task_id, kind, change)
    select g.named_task_id, g.state, -count(*)
    from gone g
    group by g.named_task_id, g.state
    union all
    select g.named_task_id, 8 + tasker_step_state(g.steps, n), -count(*)
    from gone g
    cross join lateral generate_series(0, length(g.steps) / 8 - 1) n
    group by g.named_task_id, tasker_step_state(g.steps, n)
    union all
    select g.named_task_id, 14, -count(*)
    from gone g
    cross join lateral generate_series(0, length(g.steps) / 8 - 1) n
    where g.state <> 2 and tasker_step_retryable(g.named_task_id, g.steps, g.detail, n)
    group by g.named_task_id;
    return null;
end
$$;

create or replace function tasker_tally_emptied_tasks() returns trigger
language plpgsql as $$
begin
    delete from tally_changes;
    delete from tallies;
    delete from namespace_tallies;
    return null;
end
$$;

select tasker_recount_tasks();

-- Tasks and steps by state and condition, of some namespaces or, with null, of all; the connections are those of the
-- whole server. Exact, and all of one moment.
create function get_system_health_counts(as_of timestamptz default now(), namespaces text[] default null)
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
    max_connections       bigint
)
language sql stable set jit = off as $$
    with chosen as materialized (
        select n.task_namespace_id from task_namespaces n where namespaces is null or n.name = any (namespaces)
    ),
    moment as materialized (
        select jsonb_build_object('now', floor(extract(epoch from as_of) * 1000000)) as vars
    ),
    waiting as (
        select coalesce(sum(jsonb_array_length(
            jsonb_path_query_array(t.detail, '$.*.next_retry_at ? (@ > $now)', m.vars)
        )), 0) as steps
        from tasks t
        cross join moment m
        where t.detail is not null and t.state in (0, 1, 3)
          and (namespaces is null or t.named_task_id in (
              select h.named_task_id from named_tasks h join chosen c on c.task_namespace_id = h.task_namespace_id
          ))
    ),
    counted as (
        select coalesce(sum(t.count) filter (where t.kind < 8), 0) as tasks,
               coalesce(sum(t.count) filter (where t.kind = 0), 0) as pending,
               coalesce(sum(t.count) filter (where t.kind = 1), 0) as in_progress,
               coalesce(sum(t.count) filter (where t.kind = 2), 0) as complete,
               coalesce(sum(t.count) filter (where t.kind = 3), 0) as error,
               coalesce(sum(t.count) filter (where t.kind = 4), 0) as cancelled,
               coalesce(sum(t.count) filter (where t.kind between 8 and 13), 0) as steps,
               coalesce(sum(t.count) filter (where t.kind = 8), 0) as pending_steps,
               coalesce(sum(t.count) filter (where t.kind = 9), 0) as in_progress_steps,
               coalesce(sum(t.count) filter (where t.kind = 10), 0) as complete_steps,
               coalesce(sum(t.count) filter (where t.kind = 11), 0) as error_steps,
               coalesce(sum(t.count) filter (where t.kind = 14), 0) as retryable
        from tasker_namespace_tallies t
        where t.task_namespace_id in (select c.task_namespace_id from chosen c)
    )
    select t.tasks::bigint, t.pending::bigint, t.in_progress::bigint, t.complete::bigint, t.error::bigint,
           t.cancelled::bigint, t.steps::bigint, t.pending_steps::bigint, t.in_progress_steps::bigint,
           t.complete_steps::bigint, t.error_steps::bigint, t.retryable::bigint,
           (t.error_steps - t.retryable)::bigint, w.steps::bigint,
           (select count(*) from pg_stat_activity a where a.datname = current_database() and a.state = 'active'),
           current_setting('max_connections')::bigint
    from counted t
    cross join waiting w
$$;
