-- Cuts old entries off the log, a bounded number at once, never behind a publisher. Locks the entries and the log's
-- state. Walks event_log_pkey from where the last cut ended.
-- $1 older than, $2 rows at most
with kept as (
    select coalesce(min(position), 9223372036854775807) as position from event_publishers
), old as (
    select l.position
    from event_log l
    where l.position > (select trimmed_to from event_log_state)
    order by l.position
    limit $2
), cut as (
    select max(o.position) as position
    from old o
    join event_log l on l.position = o.position
    where l.at < $1 and o.position <= (select position from kept)
), gone as (
    delete from event_log
    where position > (select trimmed_to from event_log_state) and position <= (select position from cut)
    returning 1
), noted as (
    update event_log_state
    set trimmed_to = greatest(trimmed_to, (select position from cut))
    where (select position from cut) is not null
)
select count(*) as gone from gone
