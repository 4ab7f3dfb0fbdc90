-- How far a replica has come in the store's log, as a number; null when it follows nobody. Locks nothing; no table.
-- No parameters.
select case when pg_is_in_recovery() then (pg_last_wal_replay_lsn() - '0/0'::pg_lsn)::bigint end as replayed
