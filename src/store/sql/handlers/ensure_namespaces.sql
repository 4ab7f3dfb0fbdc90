-- Makes the namespaces that are missing and tells the numbers of all. The registration lock is held, so nobody
-- else adds any meanwhile; walks the unique index on the name. $1 names.
with wanted as (
    select distinct name from unnest($1::text[]) as given (name)
), added as (
    insert into task_namespaces (name)
    select name from wanted where not exists (select from task_namespaces known where known.name = wanted.name)
    returning task_namespace_id, name
)
select name, task_namespace_id as id from added
union all
select known.name, known.task_namespace_id from wanted join task_namespaces known on known.name = wanted.name
