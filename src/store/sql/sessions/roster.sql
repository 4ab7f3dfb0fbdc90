-- Lists the sessions that are alive and serve some queues, with those of these queues that they serve. Locks nothing.
-- Walks sessions_open: as many rows as workers are connected. $1 now, $2 queues, $3 rows at most
select session_id, worker_id, server_id, slots, held, draining, connected_at, seated_at is not null as attached,
       array(select q from unnest(queue_ids) q where q = any ($2::integer[])) as queues
from sessions
where closed_at is null and expires_at > $1 and queue_ids && $2::integer[]
order by worker_id, session_id
limit $3
