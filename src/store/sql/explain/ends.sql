-- Reads when steps last came to the state they are in, for those that carry no outcome. Locks nothing. Walks
-- transitions_pkey over the moves of one task. $1 task id, $2 step numbers
select step_no, max(at) as at
from transitions
where task_id = $1 and step_no = any ($2::smallint[])
group by step_no
