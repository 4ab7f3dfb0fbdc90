-- Tasks: a narrow hot row that moves, beside cold rows that are written once.
-- Locks nothing: everything is new. Hot tables carry no foreign keys: the writer is their only author and
-- writes owner and dependant in one statement; a key check per row would cost more than the row.

-- The hot row. `steps` holds 8 bytes per step of the handler, in its order:
--   byte 0     state (0 pending, 1 in_progress, 2 complete, 3 error, 4 cancelled, 5 resolved_manually)
--   byte 1     flags (1 permanent failure, 2 bypassed, 4 inputs changed)
--   bytes 2-3  attempts, big endian
--   bytes 4-7  sequence number of the step's newest transition that carries results or an error, big endian
-- `detail` holds, by step number, what few steps have: {"3": {"retry_limit": 5, "next_retry_at": microseconds}}.
-- `revision` is the sequence number of the newest transition; every write names the revision it read.
-- Only `state` is indexed, so that every move but the last updates the row in place.
create table tasks (
    task_id       uuid primary key,
    named_task_id integer not null,
    state         smallint not null check (state between 0 and 5),
    revision      integer not null check (revision >= 0),
    state_reason  text,
    steps         bytea not null,
    detail        jsonb,
    created_at    timestamptz not null,
    updated_at    timestamptz not null,
    started_at    timestamptz,
    finished_at   timestamptz,
    deadline_at   timestamptz
) with (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.05, autovacuum_vacuum_cost_delay = 0);

create index tasks_active on tasks (task_id) where state in (0, 1);
create index tasks_failed on tasks (task_id) where state = 3;
create index tasks_cancelled on tasks (task_id) where state in (4, 5);
create index tasks_deadline on tasks (deadline_at) where deadline_at is not null and state in (0, 1);

-- What the caller said when it asked for the task.
create table task_requests (
    task_id        uuid primary key,
    named_task_id  integer not null,
    initiator      text not null default 'unknown' check (char_length(initiator) <= 128),
    source_system  text not null default 'unknown' check (char_length(source_system) <= 128),
    reason         text not null default 'unknown' check (char_length(reason) <= 128),
    tags           text[] not null default '{}',
    bypass_steps   text[] not null default '{}',
    context        jsonb not null,
    requested_at   timestamptz not null,
    correlation_id text,
    identity       text,
    identity_hash  bytea,
    created_by     text,
    trace_context  text
);

create unique index task_requests_identity on task_requests (identity) where identity is not null;
create index task_requests_named_task on task_requests (named_task_id, task_id);
create index task_requests_requested_at on task_requests (requested_at, task_id);
create index task_requests_initiator on task_requests (initiator, task_id) where initiator <> 'unknown';
create index task_requests_source_system on task_requests (source_system, task_id) where source_system <> 'unknown';
create index task_requests_correlation on task_requests (correlation_id, task_id) where correlation_id is not null;
create index task_requests_tags on task_requests using gin (tags) where tags <> '{}';

-- Inputs that somebody changed; a step without a row has the task's context.
create table step_inputs (
    task_id    uuid not null,
    step_no    smallint not null,
    inputs     jsonb not null,
    updated_at timestamptz not null default now(),
    primary key (task_id, step_no)
);

-- The audit trail and the results: one row per move, only ever added. `step_no` is null for the task's own
-- moves. A row that settles an attempt carries when the attempt began, the session that ran it and what came out.
create table transitions (
    task_id    uuid not null,
    sequence   integer not null,
    step_no    smallint,
    from_state smallint check (from_state between 0 and 5),
    to_state   smallint not null check (to_state between 0 and 5),
    attempt    integer not null default 0,
    at         timestamptz not null,
    started_at timestamptz,
    session_id uuid,
    results    jsonb,
    metadata   jsonb,
    primary key (task_id, sequence)
) with (autovacuum_vacuum_insert_scale_factor = 0.2);

-- Attempts that run now: a row when claimed, gone when settled.
create table leases (
    task_id     uuid not null,
    step_no     smallint not null,
    attempt     integer not null,
    queue_id    integer not null,
    session_id  uuid not null,
    claimed_at  timestamptz not null,
    deadline_at timestamptz,
    percent     double precision,
    note        text,
    primary key (task_id, step_no)
) with (fillfactor = 90, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 5000, autovacuum_vacuum_cost_delay = 0);

-- Steps that could start at `visible_at` and have no worker yet: ready ones and those in backoff.
-- A hint kept in the database: a row whose step has moved on is dropped when it comes up.
create table ready_steps (
    queue_id   integer not null,
    visible_at timestamptz not null,
    task_id    uuid not null,
    step_no    smallint not null,
    primary key (queue_id, visible_at, task_id, step_no)
) with (fillfactor = 90, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 5000, autovacuum_vacuum_cost_delay = 0);

-- Connected workers. The server that holds the stream moves `expires_at` ahead; leases live as long as it.
create table sessions (
    session_id   uuid primary key,
    worker_id    text not null check (char_length(worker_id) between 1 and 128),
    server_id    uuid not null,
    sdk          text not null default '',
    offers       jsonb not null default '[]',
    slots        integer not null check (slots >= 0),
    draining     boolean not null default false,
    subject      text,
    connected_at timestamptz not null,
    expires_at   timestamptz not null,
    closed_at    timestamptz
) with (fillfactor = 70);

create index sessions_open on sessions (expires_at) where closed_at is null;

create table task_annotations (
    task_annotation_id uuid primary key,
    task_id            uuid not null,
    annotation_type_id integer not null references annotation_types,
    annotation         jsonb not null check (jsonb_typeof(annotation) = 'object'),
    created_at         timestamptz not null default now(),
    updated_at         timestamptz not null default now()
);

create index task_annotations_task on task_annotations (task_id, task_annotation_id);
create index task_annotations_type on task_annotations (annotation_type_id, task_id);
create index task_annotations_content on task_annotations using gin (annotation jsonb_path_ops);

-- Fails a batch in which a task has moved since it was read, so that it happens whole or not at all.
create function tasker_require_all_moved(moved bigint, wanted bigint) returns boolean
language plpgsql as $$
begin
    if moved <> wanted then
        raise exception 'of % tasks % have moved since they were read', wanted, wanted - moved using errcode = 'TK001';
    end if;
    return true;
end
$$;
