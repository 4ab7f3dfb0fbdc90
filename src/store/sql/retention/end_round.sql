-- Notes that all tasks have been looked at; the next round begins later. Locks the row.
-- $1 server, $2 milliseconds until the next round
update retention_progress
set task_id = '00000000-0000-0000-0000-000000000000', rounds = rounds + 1, round_removed = 0,
    round_due_at = clock_timestamp() + $2 * interval '1 millisecond'
where holder = $1
