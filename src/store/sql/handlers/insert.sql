-- Inserts handler versions, and tells the number of each by the position in the batch. Locks the new rows; the
-- unique indexes refuse a revision that is already there.
-- $1 namespaces, $2 names, $3 versions, $4 $5 $6 their numbers, $7 revisions, $8 descriptions,
-- $9 configurations, $10 content hashes.
with given as (
    select * from unnest($1::integer[], $2::text[], $3::text[], $4::bigint[], $5::bigint[], $6::bigint[],
                         $7::integer[], $8::text[], $9::text[], $10::bytea[])
         with ordinality as given (namespace_id, name, version, major, minor, patch,
                                   revision, description, configuration, content_hash, position)
), added as (
    insert into named_tasks (task_namespace_id, name, version, version_order, revision, description,
                             configuration, content_hash)
    select namespace_id, name, version, array[major, minor, patch], revision, nullif(description, ''),
           configuration::json, content_hash
    from given
    returning named_task_id, task_namespace_id, name, version, created_at
)
select given.position, added.named_task_id, added.created_at
from given
join added on added.task_namespace_id = given.namespace_id
          and added.name = given.name
          and added.version = given.version
