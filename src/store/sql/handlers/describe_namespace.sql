-- Describes a namespace; no row when it is described so already. Locks its row and the catalog's revision. Walks
-- task_namespaces by name. $1 name, $2 description
update task_namespaces
set description = $2, updated_at = now()
where name = $1 and coalesce(description, '') <> $2
