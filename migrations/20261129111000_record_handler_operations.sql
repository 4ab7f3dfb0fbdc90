-- Who changed the catalog, and why: an entry for each change, and the authenticated subject beside what callers say about
-- themselves. Takes short locks on handler_pauses and handler_deprecations.

create table handler_operations (
    sequence          bigint generated always as identity primary key,
    task_namespace_id integer not null references task_namespaces,
    kind              smallint not null check (kind between 1 and 9),
    name              text not null default '' check (char_length(name) <= 64),
    version           text not null default '' check (char_length(version) <= 16),
    subject           text not null default '',
    requested_by      text not null default '' check (char_length(requested_by) <= 128),
    reason            text not null default '' check (char_length(reason) <= 1024),
    created_at        timestamptz not null default clock_timestamp()
);

create index handler_operations_by_namespace on handler_operations (task_namespace_id, sequence);

alter table handler_pauses rename column paused_by to requested_by;
alter table handler_pauses add column subject text not null default '';
alter table handler_deprecations rename column deprecated_by to requested_by;
alter table handler_deprecations add column subject text not null default '';
