-- What `tasker doctor` asks about the server. Locks nothing. Reads settings and pg_stat_activity.
-- No parameters.
select current_setting('server_version')                                              as version,
       current_setting('server_version_num')::int                                     as version_number,
       pg_is_in_recovery()                                                            as standby,
       current_setting('fsync') = 'on'                                                as fsync,
       current_setting('full_page_writes') = 'on'                                     as full_page_writes,
       current_setting('synchronous_commit') <> 'off'                                 as synchronous_commit,
       current_setting('autovacuum') = 'on'                                           as autovacuum,
       current_setting('max_connections')::int
           - current_setting('superuser_reserved_connections')::int                   as connections_max,
       (select count(*) from pg_stat_activity where backend_type = 'client backend')::int as connections_used,
       (extract(epoch from clock_timestamp()) * 1000000)::bigint                      as now_micros
