-- Lists the queues that connected workers serve. Locks nothing. Walks sessions_open: as many rows as workers are
-- connected. $1 now
select distinct q as queue_id
from sessions s, unnest(s.queue_ids) q
where s.closed_at is null and s.expires_at > $1 and s.seated_at is not null and not s.draining
