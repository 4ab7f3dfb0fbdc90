-- Notes that a session takes no further work. Locks its row. Walks sessions_pkey. $1 session id
update sessions set draining = true where session_id = $1 and closed_at is null
