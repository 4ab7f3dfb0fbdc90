-- Lists the sessions that are alive, by worker, with what they hold. Locks nothing. Walks sessions_open; the
-- leases are counted once for all. $1 now, $2 namespace or null, $3 and $4 after this worker and session, or null, $5 at most
select s.session_id, s.worker_id, s.server_id, s.sdk, s.offers::text as offers, s.slots, s.draining,
       s.connected_at, s.expires_at, coalesce(h.held, 0) as held
from sessions s
left join (select session_id, count(*) as held from leases group by session_id) h using (session_id)
where s.closed_at is null and s.expires_at > $1
  and ($2::text is null
       or exists (select 1 from jsonb_array_elements(s.offers) o where o ->> 'namespace' = $2))
  and ($3::text is null or (s.worker_id, s.session_id) > ($3, $4::uuid))
order by s.worker_id, s.session_id
limit $5
