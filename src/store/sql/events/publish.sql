-- Adds a custom event, unless one with this id is there. Locks the id. The position is assigned after the transaction has
-- its number, as in lifecycle/write.
-- $1 event id, $2 name, $3 namespace, $4 handler version, $5 task id, $6 step, $7 payload, $8 who
insert into event_log (position, at, event_id, name, namespace, named_task_id, task_id, step_no, payload, published_by)
select case when pg_current_xact_id() is not null then nextval('event_positions') end, clock_timestamp(), $1, $2, $3,
       $4, $5, $6, $7, $8
on conflict (event_id) where event_id is not null do nothing
returning position, at
