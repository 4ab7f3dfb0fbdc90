-- How many tasks each handler version has in each state, kept as tasks move, so that counts cost by handlers and
-- not by history. The writer adds what a batch changed as rows of `task_tally_changes`, in the batch's own
-- statement: insertions wait for nobody, whatever else is written. The sweeper folds them into `task_tallies`.
-- A count is the sum of both tables in one statement, and exact.
-- Reads `tasks` once to begin with: a second for a million tasks, during which tasks cannot be written.

create table task_tallies (
    named_task_id integer not null,
    state         smallint not null check (state between 0 and 5),
    tasks         bigint not null,
    primary key (named_task_id, state)
) with (fillfactor = 70);

create table task_tally_changes (
    named_task_id integer not null,
    state         smallint not null check (state between 0 and 5),
    change        integer not null
) with (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 5000, autovacuum_vacuum_cost_delay = 0);

-- Both tables as one, for every question about counts.
create view tasker_task_tallies as
select c.named_task_id, c.state, sum(c.tasks)::bigint as tasks
from (
    select t.named_task_id, t.state, t.tasks from task_tallies t
    union all
    select d.named_task_id, d.state, d.change from task_tally_changes d
) c
group by c.named_task_id, c.state;

-- Counts everything anew, for whoever has written to `tasks` by hand. Locks `tasks` against writers meanwhile.
create function tasker_recount_tasks() returns void
language plpgsql as $$
begin
    lock table tasks in share mode;
    lock table task_tallies, task_tally_changes in exclusive mode;
    delete from task_tally_changes;
    delete from task_tallies;
    insert into task_tallies (named_task_id, state, tasks)
    select t.named_task_id, t.state, count(*) from tasks t group by t.named_task_id, t.state;
end
$$;

-- Nothing on the hot path deletes tasks; whoever does is followed here.
create function tasker_tally_deleted_tasks() returns trigger
language plpgsql as $$
begin
    insert into task_tally_changes (named_task_id, state, change)
    select g.named_task_id, g.state, -count(*) from gone g group by g.named_task_id, g.state;
    return null;
end
$$;

create trigger tasks_tally_deleted after delete on tasks
referencing old table as gone for each statement execute function tasker_tally_deleted_tasks();

create function tasker_tally_emptied_tasks() returns trigger
language plpgsql as $$
begin
    delete from task_tally_changes;
    delete from task_tallies;
    return null;
end
$$;

create trigger tasks_tally_emptied after truncate on tasks
for each statement execute function tasker_tally_emptied_tasks();

select tasker_recount_tasks();
