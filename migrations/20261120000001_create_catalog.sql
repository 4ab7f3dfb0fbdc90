-- Namespaces, handlers and what their steps are made of. Small, read-mostly tables.
-- Locks nothing: everything is new.

create table task_namespaces (
    task_namespace_id integer generated always as identity primary key,
    name              text not null unique check (char_length(name) between 1 and 64),
    description       text check (char_length(description) <= 255),
    created_at        timestamptz not null default now(),
    updated_at        timestamptz not null default now()
);

insert into task_namespaces (name) values ('default');

-- A handler version. Replacing its content makes a new row with the next revision; tasks keep the row that
-- they were created from. `configuration` is the definition as registered.
create table named_tasks (
    named_task_id     integer generated always as identity primary key,
    task_namespace_id integer not null references task_namespaces,
    name              text not null check (char_length(name) between 1 and 64),
    version           text not null check (version ~ '^[0-9]+\.[0-9]+\.[0-9]+$' and char_length(version) <= 16),
    version_order     bigint[] not null,
    revision          integer not null default 1 check (revision > 0),
    is_current        boolean not null default true,
    description       text check (char_length(description) <= 255),
    configuration     jsonb not null,
    content_hash      bytea not null,
    created_at        timestamptz not null default now(),
    updated_at        timestamptz not null default now(),
    unique (task_namespace_id, name, version, revision)
);

create unique index named_tasks_current on named_tasks (task_namespace_id, name, version_order) where is_current;

create table dependent_systems (
    dependent_system_id integer generated always as identity primary key,
    name                text not null unique check (char_length(name) between 1 and 64),
    description         text check (char_length(description) <= 255),
    created_at          timestamptz not null default now(),
    updated_at          timestamptz not null default now()
);

create table dependent_system_object_maps (
    dependent_system_object_map_id bigint generated always as identity primary key,
    dependent_system_one_id        integer not null references dependent_systems,
    dependent_system_two_id        integer not null references dependent_systems,
    remote_id_one                  text not null check (char_length(remote_id_one) <= 128),
    remote_id_two                  text not null check (char_length(remote_id_two) <= 128),
    created_at                     timestamptz not null default now(),
    updated_at                     timestamptz not null default now(),
    unique (dependent_system_one_id, dependent_system_two_id, remote_id_one, remote_id_two)
);

create index dependent_system_object_maps_two on dependent_system_object_maps (dependent_system_two_id);

create table named_steps (
    named_step_id       integer generated always as identity primary key,
    dependent_system_id integer not null references dependent_systems,
    name                text not null check (char_length(name) between 1 and 128),
    description         text check (char_length(description) <= 255),
    created_at          timestamptz not null default now(),
    updated_at          timestamptz not null default now(),
    unique (dependent_system_id, name)
);

-- The names under which workers offer to run steps; each is one queue.
create table step_handlers (
    step_handler_id   integer generated always as identity primary key,
    task_namespace_id integer not null references task_namespaces,
    name              text not null check (char_length(name) between 1 and 255),
    created_at        timestamptz not null default now(),
    unique (task_namespace_id, name)
);

-- The steps of a handler version, numbered from 0 in declaration order.
create table named_tasks_named_steps (
    named_task_id       integer not null references named_tasks,
    step_no             smallint not null check (step_no >= 0),
    named_step_id       integer not null references named_steps,
    step_handler_id     integer not null references step_handlers,
    step_name           text not null,
    skippable           boolean not null default false,
    default_retryable   boolean not null default true,
    default_retry_limit integer not null default 3,
    timeout_ms          bigint not null default 0 check (timeout_ms >= 0),
    created_at          timestamptz not null default now(),
    updated_at          timestamptz not null default now(),
    primary key (named_task_id, step_no)
);

create index named_tasks_named_steps_named_step on named_tasks_named_steps (named_step_id);
create index named_tasks_named_steps_step_handler on named_tasks_named_steps (step_handler_id);

-- The edges of a handler version: `to` waits for `from`.
create table named_task_edges (
    named_task_id integer not null references named_tasks,
    from_step_no  smallint not null,
    to_step_no    smallint not null,
    name          text not null default 'provides',
    primary key (named_task_id, from_step_no, to_step_no),
    check (from_step_no <> to_step_no)
);

create index named_task_edges_to on named_task_edges (named_task_id, to_step_no);

create table annotation_types (
    annotation_type_id integer generated always as identity primary key,
    name               text not null unique check (char_length(name) between 1 and 64),
    description        text check (char_length(description) <= 255),
    created_at         timestamptz not null default now(),
    updated_at         timestamptz not null default now()
);
