-- Lets a connection commit without waiting for the disk: for hints, and for rows that are only hints. A
-- transaction that waits for long gives up what it holds, so that nobody waits for the one who waits.
select set_config('synchronous_commit', 'off', false),
       set_config('idle_in_transaction_session_timeout', '10s', false)
