-- Lists every handler version, retired ones too, with its name. Locks nothing.
select h.named_task_id, n.name as namespace, h.name
from named_tasks h
join task_namespaces n on n.task_namespace_id = h.task_namespace_id
order by h.named_task_id
