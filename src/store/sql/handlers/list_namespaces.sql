-- Lists the names of namespaces, the wanted one first if it exists, for near misses. Locks nothing.
-- $1 the wanted name, $2 rows at most.
select name from task_namespaces order by name <> $1::text, name limit $2
