-- Lists changes of the catalog, newest first. Locks nothing. Walks handler_operations_pkey from its end, or
-- handler_operations_by_namespace.
-- $1 namespaces, null for all, $2 name or null, $3 kinds, null for all, $4 from, $5 until, $6 before this number,
-- $7 rows at most
select operation.sequence, operation.kind, namespace.name as namespace, operation.name, operation.version,
       operation.subject, operation.requested_by, operation.reason, operation.created_at
from handler_operations operation
join task_namespaces namespace using (task_namespace_id)
where ($1::text[] is null or namespace.name = any ($1))
  and ($2::text is null or operation.name = $2)
  and ($3::smallint[] is null or operation.kind = any ($3))
  and ($4::timestamptz is null or operation.created_at >= $4)
  and ($5::timestamptz is null or operation.created_at < $5)
  and ($6::bigint is null or operation.sequence < $6)
order by operation.sequence desc
limit $7
