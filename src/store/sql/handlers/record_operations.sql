-- Records changes of the catalog, in order. Locks the new rows. Walks task_namespaces by name.
-- $1 kinds, $2 namespaces, $3 names, $4 versions, $5 subject, $6 requested by, $7 reason
insert into handler_operations (task_namespace_id, kind, name, version, subject, requested_by, reason)
select namespace.task_namespace_id, done.kind, done.name, done.version, $5, $6, $7
from unnest($1::smallint[], $2::text[], $3::text[], $4::text[])
     with ordinality as done (kind, namespace, name, version, position)
join task_namespaces namespace on namespace.name = done.namespace
order by done.position
