-- The database as a whole: its version, size, the connections of its server, and the age of the oldest snapshot that
-- somebody holds open. Locks nothing. Reads statistics. No parameters.
select current_setting('server_version') as version,
       pg_database_size(current_database()) as size_bytes,
       (select count(*) from pg_stat_activity where backend_type = 'client backend') as connections,
       current_setting('max_connections')::bigint as connections_max,
       coalesce((
           select extract(epoch from clock_timestamp() - min(xact_start))::double precision
           from pg_stat_activity
           where backend_xmin is not null and xact_start is not null and pid <> pg_backend_pid()
       ), 0) as oldest_snapshot_seconds
