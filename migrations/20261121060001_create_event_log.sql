-- The order of events. One row per commit of the writer, not per event: which tasks it moved and from which to which
-- sequence number; what the events are is read from `transitions`. A custom event is a row of its own.
-- Locks nothing: everything is new.
--
-- A position is drawn after the transaction has its number (see store/sql/lifecycle/write.sql), so that a reader
-- can tell when nobody can still come in below a position: when no transaction runs that is older than the newest
-- number at the time the position was seen. Positions have gaps: a rolled-back batch keeps its own.
create sequence event_positions as bigint;

create table event_log (
    position      bigint primary key,
    at            timestamptz not null,
    -- moves, by place: the task, its revision before and after
    task_ids      uuid[],
    after         integer[],
    until         integer[],
    -- custom events
    event_id      uuid,
    name          text check (char_length(name) <= 255),
    namespace     text check (char_length(namespace) <= 64),
    named_task_id integer,
    task_id       uuid,
    step_no       smallint,
    payload       jsonb,
    published_by  text
) with (toast_tuple_target = 8160, autovacuum_vacuum_insert_scale_factor = 0.2);

-- Random ids do not compress; trying costs more than writing them.
alter table event_log alter column task_ids set storage external, alter column after set storage external,
    alter column until set storage external;

-- A publisher may repeat an event under its id. Moves have none and cost this index nothing.
create unique index event_log_event_id on event_log (event_id) where event_id is not null;

-- One row: what has been taken off the log's old end.
create table event_log_state (
    one        boolean primary key default true check (one),
    trimmed_to bigint not null
);

insert into event_log_state (trimmed_to) values (0);

-- Those who publish the log elsewhere: how far each has come, and which server does it at present.
create table event_publishers (
    name       text primary key check (char_length(name) <= 64),
    cursor     text not null,
    position   bigint not null,
    holder     uuid not null,
    expires_at timestamptz not null,
    published  bigint not null default 0,
    updated_at timestamptz not null default now()
);
