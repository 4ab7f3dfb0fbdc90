-- Reads the annotations of tasks, oldest first. Locks nothing. Walks task_annotations_task; a task has at most
-- a few hundred.
-- $1 task ids
select a.task_id, a.task_annotation_id, y.name, a.annotation::text as annotation, a.created_at
from task_annotations a
join annotation_types y on y.annotation_type_id = a.annotation_type_id
where a.task_id = any ($1::uuid[])
order by a.task_id, a.task_annotation_id
