-- Closes a session that said goodbye; what it still holds expires now. Locks its row. Walks sessions_pkey.
-- $1 session id, $2 now
update sessions
set closed_at = $2, expires_at = least(expires_at, $2)
where session_id = $1 and closed_at is null
