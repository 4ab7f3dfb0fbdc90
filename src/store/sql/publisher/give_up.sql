-- Gives up the right to publish, so that another server goes on at once. Locks the row.
-- $1 name, $2 server
update event_publishers set expires_at = '-infinity' where name = $1 and holder = $2
