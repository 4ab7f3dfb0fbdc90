-- Adds a session. Walks sessions_pkey.
-- $1 session id, $2 worker id, $3 server id, $4 sdk, $5 offers, $6 slots, $7 subject, $8 now, $9 expires at,
-- $10 the queues that it serves, $11 attempts held
insert into sessions (session_id, worker_id, server_id, sdk, offers, slots, subject, connected_at, expires_at,
                      queue_ids, held, seated_at)
values ($1, $2, $3, $4, $5::text::jsonb, $6, $7, $8, $9, $10::integer[], $11, $8)
