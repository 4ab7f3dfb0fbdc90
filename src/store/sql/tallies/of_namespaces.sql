-- Counts tasks of namespaces by state from what is kept of them, whatever the history and the handlers. Locks nothing.
-- Reads namespace_tallies, a few rows for each namespace, and what has not been folded yet.
-- $1 names of namespaces, null for all
select t.kind as state, sum(t.count)::bigint as tasks
from tasker_namespace_tallies t
join task_namespaces n on n.task_namespace_id = t.task_namespace_id
where t.kind < 8 and ($1::text[] is null or n.name = any ($1))
group by t.kind
