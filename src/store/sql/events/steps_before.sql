-- Tells which steps of tasks were complete, and which had failed, at a revision. Locks nothing. Walks
-- transitions_pkey by key.
-- $1 task ids, $2 revisions
select k.place, s.step_no, s.to_state, (s.metadata ->> 'retry_at')::bigint as retry_at
from unnest($1::uuid[], $2::int[]) with ordinality as k (task_id, revision, place)
cross join lateral (
    select distinct on (x.step_no) x.step_no, x.to_state, x.metadata
    from transitions x
    where x.task_id = k.task_id and x.sequence <= k.revision and x.step_no is not null
    order by x.step_no, x.sequence desc
) s
where s.to_state in (2, 3, 5)
order by k.place, s.step_no
