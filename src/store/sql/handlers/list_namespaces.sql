-- Lists the names of namespaces, for near misses. Locks nothing. $1 rows at most.
select name from task_namespaces order by name limit $1
