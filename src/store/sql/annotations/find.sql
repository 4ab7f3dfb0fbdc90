-- Reads the annotation of a task that was added under a request id. Locks nothing. Walks task_annotations_request.
-- $1 task id, $2 request id
select a.task_id, a.task_annotation_id, y.name, a.annotation::text as annotation, a.created_at, a.content_hash
from task_annotations a
join annotation_types y on y.annotation_type_id = a.annotation_type_id
where a.task_id = $1 and a.request_id = $2
