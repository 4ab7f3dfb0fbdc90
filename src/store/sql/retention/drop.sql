-- Deletes tasks with everything that belongs to them, those of them that are still old enough. Locks their rows and
-- passes over rows that the writer has at the moment. Walks the primary keys and task_annotations_task; needs the
-- settings of session/plan_by_key.
-- $1 task ids
-- handlers: $2 named_task_id, $3 tasks that ended well may go if they ended before, $4 the same for failed ones
with doomed as materialized (
    select t.task_id
    from tasks t
    join unnest($2::int[], $3::timestamptz[], $4::timestamptz[]) as c (named_task_id, ended, failed)
         on c.named_task_id = t.named_task_id
    where t.task_id = any ($1::uuid[])
      and (t.state in (2, 4, 5) and t.finished_at < c.ended or t.state = 3 and t.finished_at < c.failed)
    order by t.task_id
    for update of t skip locked
), gone as (
    delete from tasks t using doomed d where t.task_id = d.task_id returning t.task_id
), requests as (
    delete from task_requests r using doomed d where r.task_id = d.task_id
), moves as (
    delete from transitions x using doomed d where x.task_id = d.task_id
), inputs as (
    delete from step_inputs i where i.task_id = any (array(select d.task_id from doomed d))
), operations as (
    delete from operation_requests o where o.task_id = any (array(select d.task_id from doomed d))
), annotations as (
    delete from task_annotations a where a.task_id = any (array(select d.task_id from doomed d))
)
select count(*) as removed from gone
