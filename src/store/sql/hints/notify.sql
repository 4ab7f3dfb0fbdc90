-- Tells the other servers. Sent on a connection of its own, after the commits it tells of. $1 payload
select pg_notify('tasker_hints', $1)
