-- Makes registrations wait for each other, on every server, until the transaction ends. Ten seconds at most:
-- a registration takes milliseconds. Takes one advisory lock and no row.
select set_config('lock_timeout', '10s', true), pg_advisory_xact_lock(hashtextextended('tasker.handlers', 0))
