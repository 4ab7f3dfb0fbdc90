-- Lists every present handler version. Locks nothing; reads named_tasks_current, which is as long as there are versions.
select namespace.name as namespace, task.name, task.version, task.version_order, task.named_task_id,
       deprecation.name is not null as deprecated
from named_tasks task
join task_namespaces namespace using (task_namespace_id)
left join handler_deprecations deprecation
     on deprecation.task_namespace_id = task.task_namespace_id
    and deprecation.name = task.name
    and deprecation.version_order = task.version_order
where task.is_current
