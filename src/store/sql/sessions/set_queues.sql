-- Notes which queues a session serves, because a handler was registered. Locks its row. Walks sessions_pkey.
-- $1 session id, $2 the queues
update sessions set queue_ids = $2::integer[] where session_id = $1 and closed_at is null
