-- What open tasks wait for. Locks nothing. Walks tasks_active.
-- $1 namespaces or null, $2 handler or null, $3 version or null, $4 names at most
select blocking_dependencies, avg_wait_seconds::float8 as avg_wait_seconds, blocked_steps, blocked_counts
from get_dependency_bottlenecks($4::integer, $1::text[], $2::text, $3::text)
