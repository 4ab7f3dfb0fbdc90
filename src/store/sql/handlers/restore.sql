-- Takes the deprecation of a handler version back. Locks its row and the catalog's revision. Walks the primary keys.
-- $1 handler version
delete from handler_deprecations deprecation
using named_tasks task
where task.named_task_id = $1
  and deprecation.task_namespace_id = task.task_namespace_id
  and deprecation.name = task.name
  and deprecation.version_order = task.version_order
