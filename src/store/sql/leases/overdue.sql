-- Attempts past their own deadline. Locks nothing. Walks leases_deadline. $1 now, $2 at most
select task_id, step_no, attempt, true as overdue
from leases
where deadline_at is not null and deadline_at < $1
order by deadline_at
limit $2
