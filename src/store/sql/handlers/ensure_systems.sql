-- Makes the dependent systems that are missing and tells the numbers of all. The registration lock is held;
-- walks the unique index on the name. $1 names.
with wanted as (
    select distinct name from unnest($1::text[]) as given (name)
), added as (
    insert into dependent_systems (name)
    select name from wanted where not exists (select from dependent_systems known where known.name = wanted.name)
    returning dependent_system_id, name
)
select name, dependent_system_id as id from added
union all
select known.name, known.dependent_system_id from wanted join dependent_systems known on known.name = wanted.name
