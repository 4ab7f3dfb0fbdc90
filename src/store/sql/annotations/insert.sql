-- Adds an annotation to a task that exists and has room for one more; no row otherwise, or when the type does
-- not exist. Locks nothing for long. Walks tasks_pkey, annotation_types by name, task_annotations_task.
-- $1 annotation id, $2 task id, $3 name of the type, $4 annotation, $5 annotations a task may have
insert into task_annotations (task_annotation_id, task_id, annotation_type_id, annotation)
select $1, t.task_id, y.annotation_type_id, $4::jsonb
from tasks t
cross join annotation_types y
where t.task_id = $2
  and y.name = $3
  and (select count(*) from task_annotations a where a.task_id = t.task_id) < $5
returning annotation::text as annotation, created_at
