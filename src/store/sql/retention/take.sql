-- Takes, or goes on holding, the right to look for old tasks; finds nothing while another server has it. Locks the row.
-- $1 server, $2 milliseconds until the right ends
update retention_progress
set holder = $1, expires_at = clock_timestamp() + $2 * interval '1 millisecond'
where holder is not distinct from $1 or expires_at < clock_timestamp()
returning task_id, round_due_at <= clock_timestamp() as due
