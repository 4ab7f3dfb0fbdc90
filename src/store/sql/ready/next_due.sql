-- When the next step of a queue falls due. Locks nothing. Walks ready_steps_pkey. $1 queue id, $2 now
select visible_at from ready_steps
where queue_id = $1 and visible_at > $2
order by queue_id, visible_at
limit 1
