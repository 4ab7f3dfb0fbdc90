-- How long complete tasks of a period took. Locks nothing. Walks tasks_pkey over the period.
-- $1 since, $2 namespaces or null, $3 handler or null, $4 version or null, $5 tasks at most
with bounds as materialized (
    select tasker_period_start($1, $5::integer) as first_id
)
select completed_tasks, mean_seconds::float8 as mean_seconds, durations, buckets,
       greatest($1, tasker_task_time(b.first_id)) as analysis_period_start,
       b.first_id > tasker_task_id_at($1) as truncated, now() as calculated_at
from bounds b, get_duration_distribution($1, $2::text[], $3::text, $4::text, $5::integer)
