-- Makes the step handlers that are missing and tells the numbers of all. The registration lock is held; walks
-- the unique index on namespace and name. $1 namespaces, $2 names.
with wanted as (
    select distinct namespace_id, name from unnest($1::integer[], $2::text[]) as given (namespace_id, name)
), added as (
    insert into step_handlers (task_namespace_id, name)
    select namespace_id, name from wanted
    where not exists (
        select from step_handlers known where known.task_namespace_id = wanted.namespace_id and known.name = wanted.name
    )
    returning step_handler_id, task_namespace_id, name
)
select task_namespace_id as owner, name, step_handler_id as id from added
union all
select known.task_namespace_id, known.name, known.step_handler_id
from wanted
join step_handlers known on known.task_namespace_id = wanted.namespace_id and known.name = wanted.name
