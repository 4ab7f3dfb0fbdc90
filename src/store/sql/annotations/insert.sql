-- Adds an annotation to a task that exists and has room for one more; no row otherwise, when the type does not exist, or
-- when the task has one of the same request id. Waits for another that adds the same one. Walks tasks_pkey,
-- annotation_types by name, task_annotations_task, task_annotations_request.
-- $1 annotation id, $2 task id, $3 name of the type, $4 annotation, $5 annotations a task may have, $6 request id or null,
-- $7 hash of type and content or null
insert into task_annotations (task_annotation_id, task_id, annotation_type_id, annotation, request_id, content_hash)
select $1, t.task_id, y.annotation_type_id, $4::jsonb, $6, $7
from tasks t
cross join annotation_types y
where t.task_id = $2
  and y.name = $3
  and (select count(*) from task_annotations a where a.task_id = t.task_id) < $5
on conflict (task_id, request_id) where request_id is not null do nothing
returning annotation::text as annotation, created_at
