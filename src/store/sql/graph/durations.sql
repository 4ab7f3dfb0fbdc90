-- Measures how long completed attempts of each step of a handler version took, on a sample of its tasks: the newest
-- ones before each of some points in time, so that neither a backlog of tasks that have not run nor one that is stuck
-- hides those that did. Costs by the sample, not by the history. Locks nothing.
-- Walks task_requests_named_task from each point backwards and transitions_pkey by task.
-- $1 handler version, $2 task ids to look before, $3 tasks before each, $4 attempts of one task at most, $5 only what was
-- done before this time
with sample as (
    select distinct r.task_id
    from unnest($2::uuid[]) as point (task_id)
    cross join lateral (
        select task_id
        from task_requests
        where named_task_id = $1 and task_id < point.task_id
        order by task_id desc
        limit $3
    ) r
)
select a.step_no, count(*)::integer as samples,
       percentile_disc(0.5) within group (order by a.took_ms) as median_ms,
       percentile_disc(0.95) within group (order by a.took_ms) as p95_ms
from sample
cross join lateral (
    select t.step_no, (extract(epoch from t.at - t.started_at) * 1000)::bigint as took_ms
    from transitions t
    where t.task_id = sample.task_id and t.to_state = 2 and t.started_at is not null and t.step_no is not null
      and t.at < $5
    limit $4
) a
group by a.step_no
