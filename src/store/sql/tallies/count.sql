-- Counts tasks of handler versions by state from what is kept of them, whatever the history. Locks nothing. Walks
-- tallies_pkey and reads what has not been folded yet, which is little.
-- $1 handler versions
select c.kind as state, sum(c.count)::bigint as tasks
from (
    select t.kind, t.count from tallies t where t.named_task_id = any ($1) and t.kind < 8
    union all
    select d.kind, d.change from tally_changes d where d.named_task_id = any ($1) and d.kind < 8
) c
group by c.kind
