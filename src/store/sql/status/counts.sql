-- Tasks and steps by state and condition, and connections. Locks nothing. Walks the partial indexes of tasks that are
-- not complete; complete ones are counted as they come.
-- $1 namespaces or null
select * from get_system_health_counts(namespaces => $1::text[])
