-- Lets a connection commit without waiting for the disk: for hints, and for rows that are only hints.
select set_config('synchronous_commit', 'off', false)
