-- Ends a pause. Locks its row and the catalog's revision. Walks handler_pauses_pkey. $1 namespace, $2 name
delete from handler_pauses pause
using task_namespaces namespace
where namespace.name = $1 and pause.task_namespace_id = namespace.task_namespace_id and pause.name = $2
