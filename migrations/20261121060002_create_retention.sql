-- What becomes of finished tasks that are old enough. Locks nothing: everything is new.

-- Archived tasks, whole. `document` holds all rows of the task by table.
create table archived_tasks (
    task_id       uuid primary key,
    named_task_id integer not null,
    final_state   smallint not null check (final_state in (2, 3, 4, 5)),
    created_at    timestamptz not null,
    finished_at   timestamptz not null,
    archived_at   timestamptz not null default now(),
    document      jsonb not null
);

-- One row: which server looks for old tasks at present, how far it has come, and what has been done so far.
create table retention_progress (
    one           boolean primary key default true check (one),
    holder        uuid,
    expires_at    timestamptz not null default '-infinity',
    task_id       uuid not null default '00000000-0000-0000-0000-000000000000',
    round_due_at  timestamptz not null default '-infinity',
    round_removed bigint not null default 0,
    removed       bigint not null default 0,
    archived      bigint not null default 0,
    rounds        bigint not null default 0,
    worked_at     timestamptz
);

insert into retention_progress default values;
