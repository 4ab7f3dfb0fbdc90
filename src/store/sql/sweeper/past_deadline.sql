-- Unfinished tasks past their deadline. Locks nothing. Walks tasks_deadline. $1 now, $2 at most
select task_id from tasks
where deadline_at is not null and state in (0, 1) and deadline_at <= $1
order by deadline_at
limit $2
