-- The tables that grow: their size with indexes, and live and dead rows as the statistics have them. Locks nothing.
-- No parameters.
select relname as name, pg_total_relation_size(relid) as bytes, n_live_tup as live_rows, n_dead_tup as dead_rows
from pg_stat_user_tables
where schemaname = current_schema()
  and relname in ('tasks', 'task_requests', 'transitions', 'leases', 'ready_steps', 'sessions', 'task_annotations')
order by relname
