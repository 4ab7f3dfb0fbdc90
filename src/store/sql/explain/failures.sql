-- Reads when steps came to their newest outcomes, and how those that failed did, in short. Locks nothing. Walks
-- transitions_pkey. $1 task id, $2 sequence numbers
select m.sequence, m.to_state, m.attempt, m.at, left(m.metadata ->> 'error_class', 255) as error_class,
       left(m.metadata ->> 'message', 1000) as message
from unnest($2::integer[]) as k (sequence)
join transitions m on m.task_id = $1 and m.sequence = k.sequence
