-- What is given no work, what takes no new tasks, and how the servers notice that the catalog has changed.
-- Takes a short lock on named_tasks for the trigger; the rest is new.

-- Handlers, or whole namespaces, whose steps are not claimed. `name` is empty for all of a namespace.
create table handler_pauses (
    task_namespace_id integer not null references task_namespaces,
    name              text not null default '' check (char_length(name) <= 64),
    reason            text not null default '' check (char_length(reason) <= 1024),
    paused_by         text not null default '' check (char_length(paused_by) <= 128),
    paused_at         timestamptz not null default now(),
    primary key (task_namespace_id, name)
);

-- Handler versions that take no new tasks. A version, and not one of its revisions: replacing the content of a
-- deprecated version does not restore it.
create table handler_deprecations (
    task_namespace_id integer not null references task_namespaces,
    name              text not null check (char_length(name) between 1 and 64),
    version_order     bigint[] not null,
    reason            text not null default '' check (char_length(reason) <= 1024),
    deprecated_by     text not null default '' check (char_length(deprecated_by) <= 128),
    deprecated_at     timestamptz not null default now(),
    primary key (task_namespace_id, name, version_order)
);

-- Counts the changes of the catalog, so that a server that keeps the catalog in memory sees with one look at one
-- row that it is out of date. Kept by triggers, so that no writer can forget it.
create table catalog_revision (
    only_row boolean primary key default true check (only_row),
    revision bigint not null default 1
);

insert into catalog_revision default values;

create function tasker_catalog_changed() returns trigger
language plpgsql as $$
begin
    update catalog_revision set revision = revision + 1;
    return null;
end
$$;

create trigger named_tasks_changed after insert or update or delete on named_tasks
for each statement execute function tasker_catalog_changed();
create trigger task_namespaces_changed after insert or update or delete on task_namespaces
for each statement execute function tasker_catalog_changed();
create trigger handler_pauses_changed after insert or update or delete on handler_pauses
for each statement execute function tasker_catalog_changed();
create trigger handler_deprecations_changed after insert or update or delete on handler_deprecations
for each statement execute function tasker_catalog_changed();
