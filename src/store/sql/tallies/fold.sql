-- Folds changes of counts into the counts of handler versions and of namespaces. Locks the changes that it takes, those
-- of others are left to them, and the counts in key order, so that two servers that fold at once do not wait for each
-- other in a circle. Reads tally_changes from the start, and named_tasks_pkey, tallies_pkey and namespace_tallies_pkey.
-- $1 changes at most
with taken as (
    delete from tally_changes
    where ctid = any (array(select ctid from tally_changes limit $1 for update skip locked))
    returning named_task_id, kind, change
), of_handlers as (
    insert into tallies as t (named_task_id, kind, count)
    select named_task_id, kind, sum(change) from taken
    group by named_task_id, kind
    order by named_task_id, kind
    on conflict (named_task_id, kind) do update set count = t.count + excluded.count
)
insert into namespace_tallies as t (task_namespace_id, kind, count)
select h.task_namespace_id, c.kind, sum(c.change)
from taken c
join named_tasks h on h.named_task_id = c.named_task_id
group by h.task_namespace_id, c.kind
order by h.task_namespace_id, c.kind
on conflict (task_namespace_id, kind) do update set count = t.count + excluded.count
