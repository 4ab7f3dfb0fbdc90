-- Whether a session is over whose attempts may still be leased: an open one expired before a time, or one closed since
-- another. Locks nothing. Walks sessions_open and sessions_closed, one row of each.
-- $1 expired before, $2 closed since
select coalesce((select min(s.expires_at) from sessions s where s.closed_at is null) < $1, false)
    or coalesce((select max(s.closed_at) from sessions s where s.closed_at is not null) >= $2, false) as over
