-- Counts tasks by state from what is kept of them, whatever the history. Locks nothing. Reads task_tallies and
-- what has not been folded into it yet, which are both small.
-- $1 handler versions, null for all
select t.state, sum(t.tasks)::bigint as tasks
from tasker_task_tallies t
where $1::integer[] is null or t.named_task_id = any ($1)
group by t.state
