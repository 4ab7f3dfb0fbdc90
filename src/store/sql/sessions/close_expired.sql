-- Closes sessions that expired and hold nothing any more. Locks their rows. Walks sessions_open, leases.
-- $1 now
update sessions s
set closed_at = $1
where s.closed_at is null and s.expires_at < $1
  and not exists (select 1 from leases l where l.session_id = s.session_id)
