-- Brings steps back to their queues that were parked because their handler, or its namespace, was paused. Locks
-- their rows. Walks ready_steps_pkey once for each queue of the handler, then tasks_pkey.
-- $1 namespace, $2 name or null for all of the namespace, $3 now, $4 the time that stands for parked
with versions as (
    select task.named_task_id
    from named_tasks task
    join task_namespaces namespace using (task_namespace_id)
    where namespace.name = $1 and ($2::text is null or task.name = $2)
), queues as (
    select distinct step_handler_id
    from named_tasks_named_steps
    where named_task_id in (select named_task_id from versions)
)
update ready_steps ready
set visible_at = $3
from queues, tasks task
where ready.queue_id = queues.step_handler_id and ready.visible_at = $4
  and task.task_id = ready.task_id
  and task.named_task_id in (select named_task_id from versions)
