-- Pauses a handler, or a namespace when the name is empty; one that is paused stays as it is. No row when there is no
-- such namespace. Locks the new row and the catalog's revision. Walks handler_pauses_pkey.
-- $1 namespace, $2 name, $3 reason, $4 requested by, $5 subject
with added as (
    insert into handler_pauses (task_namespace_id, name, reason, requested_by, subject)
    select task_namespace_id, $2, $3, $4, $5 from task_namespaces where name = $1
    on conflict do nothing
    returning task_namespace_id
)
select exists (select from added) as added
from task_namespaces where name = $1
