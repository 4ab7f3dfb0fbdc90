-- Tells how long results are, and loads those that are no longer than a limit: they lie in the row itself, while the
-- length of longer ones is known without reading them. Locks nothing. Walks transitions_pkey.
-- $1 task ids, $2 sequence numbers, $3 bytes of a result at most
select t.task_id, t.sequence, coalesce(octet_length(t.results), 0) as bytes,
       case when octet_length(t.results) <= $3 then t.results end as results
from unnest($1::uuid[], $2::int[]) as k (task_id, sequence)
join transitions t on t.task_id = k.task_id and t.sequence = k.sequence
