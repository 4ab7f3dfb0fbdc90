-- Moves the expiry of sessions ahead that have shown a sign of life, and notes how full they are. Locks their rows.
-- Walks sessions_pkey. $1 session ids, $2 expiries, $3 slots, $4 attempts held, null for both when not known
update sessions s
set expires_at = greatest(s.expires_at, k.expires_at), slots = coalesce(k.slots, s.slots),
    held = coalesce(k.held, s.held)
from unnest($1::uuid[], $2::timestamptz[], $3::integer[], $4::integer[]) as k (session_id, expires_at, slots, held)
where s.session_id = k.session_id and s.closed_at is null
