-- Reads the annotations of a task after one of them, oldest first. Locks nothing. Walks task_annotations_task.
-- $1 task id, $2 annotation id or null, $3 rows at most
select a.task_id, a.task_annotation_id, y.name, a.annotation::text as annotation, a.created_at
from task_annotations a
join annotation_types y on y.annotation_type_id = a.annotation_type_id
where a.task_id = $1 and ($2::uuid is null or a.task_annotation_id > $2)
order by a.task_annotation_id
limit $3
