-- Finds the first entry of the log from a position on. Locks nothing. Walks event_log_pkey.
-- $1 position
select position, at from event_log where position >= $1 order by position limit 1
