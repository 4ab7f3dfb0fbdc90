-- Counts the tasks that are old enough, by handler and state: a rehearsal. Locks nothing. Reads all finished tasks up
-- to a bound.
-- $1 before this task
-- handlers: $2 named_task_id, $3 tasks that ended well may go if they ended before, $4 the same for failed ones
select t.named_task_id, t.state, count(*) as tasks
from tasks t
join unnest($2::int[], $3::timestamptz[], $4::timestamptz[]) as c (named_task_id, ended, failed)
     on c.named_task_id = t.named_task_id
where t.task_id < $1
  and (t.state in (2, 4, 5) and t.finished_at < c.ended or t.state = 3 and t.finished_at < c.failed)
group by t.named_task_id, t.state
