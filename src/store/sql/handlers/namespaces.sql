-- Lists the namespaces. Locks nothing; a small table.
select name, coalesce(description, '') as description from task_namespaces
