-- The version that the server says it is. Locks nothing.
select current_setting('server_version')
