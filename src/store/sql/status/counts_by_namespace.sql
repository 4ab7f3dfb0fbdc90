-- Tasks and steps by state and condition, by namespace. Locks nothing. Walks the partial indexes of tasks that are not
-- complete for steps in backoff; everything else is kept by namespace.
-- $1 now in microseconds
with waiting as (
    select h.task_namespace_id, sum(jsonb_array_length(
               jsonb_path_query_array(t.detail, '$.*.next_retry_at ? (@ > $now)', jsonb_build_object('now', $1::bigint))
           ))::bigint as steps
    from tasks t
    join named_tasks h on h.named_task_id = t.named_task_id
    where t.detail is not null and t.state in (0, 1, 3)
    group by h.task_namespace_id
), counted as (
    select t.task_namespace_id,
           coalesce(sum(t.count) filter (where t.kind < 8), 0)::bigint as total_tasks,
           coalesce(sum(t.count) filter (where t.kind = 0), 0)::bigint as pending_tasks,
           coalesce(sum(t.count) filter (where t.kind = 1), 0)::bigint as in_progress_tasks,
           coalesce(sum(t.count) filter (where t.kind = 2), 0)::bigint as complete_tasks,
           coalesce(sum(t.count) filter (where t.kind = 3), 0)::bigint as error_tasks,
           coalesce(sum(t.count) filter (where t.kind = 4), 0)::bigint as cancelled_tasks,
           coalesce(sum(t.count) filter (where t.kind = 5), 0)::bigint as resolved_tasks,
           coalesce(sum(t.count) filter (where t.kind between 8 and 13), 0)::bigint as total_steps,
           coalesce(sum(t.count) filter (where t.kind = 8), 0)::bigint as pending_steps,
           coalesce(sum(t.count) filter (where t.kind = 9), 0)::bigint as in_progress_steps,
           coalesce(sum(t.count) filter (where t.kind = 10), 0)::bigint as complete_steps,
           coalesce(sum(t.count) filter (where t.kind = 11), 0)::bigint as error_steps,
           coalesce(sum(t.count) filter (where t.kind = 12), 0)::bigint as cancelled_steps,
           coalesce(sum(t.count) filter (where t.kind = 13), 0)::bigint as resolved_steps,
           coalesce(sum(t.count) filter (where t.kind = 14), 0)::bigint as retryable_error_steps
    from tasker_namespace_tallies t
    group by t.task_namespace_id
)
select n.name as namespace, c.*, c.error_steps - c.retryable_error_steps as exhausted_retry_steps,
       coalesce(w.steps, 0) as in_backoff_steps
from counted c
join task_namespaces n on n.task_namespace_id = c.task_namespace_id
left join waiting w on w.task_namespace_id = c.task_namespace_id
order by n.name
