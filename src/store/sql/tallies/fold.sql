-- Folds changes of counts into the counts. Locks the changes that it takes, those of others are left to them, and
-- the counts in key order, so that two servers that fold at once do not wait for each other in a circle.
-- Reads task_tally_changes from the start, and task_tallies_pkey.
-- $1 changes at most
with taken as (
    delete from task_tally_changes
    where ctid = any (array(select ctid from task_tally_changes limit $1 for update skip locked))
    returning named_task_id, state, change
)
insert into task_tallies as t (named_task_id, state, tasks)
select named_task_id, state, sum(change) from taken
group by named_task_id, state
order by named_task_id, state
on conflict (named_task_id, state) do update set tasks = t.tasks + excluded.tasks
