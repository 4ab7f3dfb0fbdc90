-- Lists what is paused. Locks nothing; the table has a row for each pause.
select namespace.name as namespace, pause.name, pause.reason, pause.requested_by, pause.subject,
       pause.paused_at
from handler_pauses pause
join task_namespaces namespace using (task_namespace_id)
order by namespace.name, pause.name
