-- Notes how far a publisher has come, if the server still has the right to publish. Locks the row.
-- $1 name, $2 server, $3 cursor, $4 its position, $5 events published since, $6 milliseconds until the right ends
update event_publishers
set cursor = $3, position = $4, published = published + $5, updated_at = clock_timestamp(),
    expires_at = clock_timestamp() + $6 * interval '1 millisecond'
where name = $1 and holder = $2 and expires_at >= clock_timestamp()
