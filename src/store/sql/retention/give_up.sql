-- Gives up the right to look for old tasks, so that another server goes on at once. Locks the row.
-- $1 server
update retention_progress set expires_at = '-infinity' where holder = $1
