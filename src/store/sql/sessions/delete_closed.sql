-- Forgets sessions that closed before a time, a bounded number at once. Walks sessions_pkey.
-- $1 closed before, $2 at most
delete from sessions
where session_id in (select session_id from sessions where closed_at < $1 limit $2)
