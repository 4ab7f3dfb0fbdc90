-- Loads results by the transitions that carry them. Locks nothing. Walks transitions_pkey.
-- $1 task ids, $2 sequence numbers
select t.task_id, t.sequence, t.results
from unnest($1::uuid[], $2::int[]) as k (task_id, sequence)
join transitions t on t.task_id = k.task_id and t.sequence = k.sequence
