-- Makes the named steps that are missing and tells the numbers of all. The first description of a step stays.
-- The registration lock is held; walks the unique index on system and name.
-- $1 dependent systems, $2 names, $3 descriptions.
with wanted as (
    select distinct on (system_id, name) system_id, name, description
    from unnest($1::integer[], $2::text[], $3::text[]) as given (system_id, name, description)
), added as (
    insert into named_steps (dependent_system_id, name, description)
    select system_id, name, description from wanted
    where not exists (
        select from named_steps known where known.dependent_system_id = wanted.system_id and known.name = wanted.name
    )
    returning named_step_id, dependent_system_id, name
)
select dependent_system_id as owner, name, named_step_id as id from added
union all
select known.dependent_system_id, known.name, known.named_step_id
from wanted
join named_steps known on known.dependent_system_id = wanted.system_id and known.name = wanted.name
