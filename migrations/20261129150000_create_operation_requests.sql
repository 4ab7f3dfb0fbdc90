-- Calls that changed a task under a request id, so that a repeated call changes nothing. One row per such call, written
-- in the transaction of the change; deleted with the task.
create table operation_requests (
    task_id      uuid not null,
    request_id   text not null check (length(request_id) between 1 and 128),
    -- SHA-256 of everything that the call said.
    content_hash bytea not null,
    created_at   timestamptz not null default now(),
    primary key (task_id, request_id)
);

-- The same for annotations, which are rows of their own.
alter table task_annotations
    add column request_id   text check (length(request_id) between 1 and 128),
    add column content_hash bytea,
    add check ((request_id is null) = (content_hash is null));

create unique index task_annotations_request on task_annotations (task_id, request_id) where request_id is not null;
