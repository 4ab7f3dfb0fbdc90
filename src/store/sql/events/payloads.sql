-- Reads the payloads of custom events. Locks nothing. Walks event_log_pkey by key. $1 positions
select position, payload from event_log where position = any ($1) and payload is not null
