-- Takes over a session that comes back, on this server or from another one; no row when it is closed, or has
-- expired and nothing it held is left. Locks its row. Walks sessions_pkey.
-- $1 session id, $2 worker id, $3 server id, $4 sdk, $5 offers, $6 slots, $7 now, $8 expires at,
-- $9 subject, $10 the queues that it serves, $11 attempts held
update sessions
set server_id = $3, sdk = $4, offers = $5::text::jsonb, slots = $6, draining = false, expires_at = $8,
    queue_ids = $10::integer[], held = $11, seated_at = $7
where session_id = $1 and worker_id = $2 and subject is not distinct from $9 and closed_at is null
  and (expires_at > $7 or exists (select 1 from leases l where l.session_id = $1))
returning session_id
