-- Notes a sign of life of a session that this server may not know, and what it offers; no row when it has gone. Locks its
-- row. Walks sessions_pkey. $1 session id, $2 now, $3 expires at, $4 subject
update sessions
set expires_at = greatest(expires_at, $3)
where session_id = $1 and subject is not distinct from $4 and closed_at is null and expires_at > $2
returning offers::text as offers
