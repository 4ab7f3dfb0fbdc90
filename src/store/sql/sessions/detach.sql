-- Notes that a session has neither a stream nor a waiting claim any more, unless it has come back meanwhile.
-- Locks its row. Walks sessions_pkey. $1 session id, $2 since when it was attached, $3 attempts held
update sessions set seated_at = null, held = $3 where session_id = $1 and seated_at = $2
