-- The names of all namespaces, for a caller who may not see all of them. Locks nothing.
select name from task_namespaces order by name
