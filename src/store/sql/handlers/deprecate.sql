-- Deprecates a handler version; one that is deprecated stays as it is. Locks the new row and the catalog's revision.
-- Walks the primary keys. $1 handler version, $2 reason, $3 requested by, $4 subject
insert into handler_deprecations (task_namespace_id, name, version_order, reason, requested_by, subject)
select task_namespace_id, name, version_order, $2, $3, $4 from named_tasks where named_task_id = $1
on conflict do nothing
