-- Notes how far the search has come, and goes on holding the right to it. Locks the row.
-- $1 server, $2 milliseconds until the right ends, $3 newest task that was looked at, $4 tasks removed, $5 tasks archived
update retention_progress
set expires_at = clock_timestamp() + $2 * interval '1 millisecond', task_id = $3, removed = removed + $4,
    archived = archived + $5, round_removed = round_removed + $4, worked_at = clock_timestamp()
where holder = $1
