-- Notes that the sessions of a server that is about to go take no further work. Locks their rows.
-- Walks sessions_open. $1 server id, $2 now
update sessions set draining = true
where server_id = $1 and closed_at is null and expires_at > $2 and not draining
