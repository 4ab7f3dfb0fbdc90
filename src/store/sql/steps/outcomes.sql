-- Reads the transitions that carry the newest results or errors of steps. Locks nothing. Walks transitions_pkey.
-- $1 task ids, $2 sequence numbers, $3 whether results are wanted
select m.task_id, m.sequence, m.to_state, m.attempt, m.at, m.started_at, m.metadata::text as metadata,
       case when $3 then m.results end as results
from unnest($1::uuid[], $2::int[]) as k (task_id, sequence)
join transitions m on m.task_id = k.task_id and m.sequence = k.sequence
