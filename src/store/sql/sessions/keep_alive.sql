-- Moves the expiry of sessions ahead that have shown a sign of life. Locks their rows.
-- Walks sessions_pkey. $1 session ids, $2 expiries
update sessions s
set expires_at = greatest(s.expires_at, k.expires_at)
from unnest($1::uuid[], $2::timestamptz[]) as k (session_id, expires_at)
where s.session_id = k.session_id and s.closed_at is null
