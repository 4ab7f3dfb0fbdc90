-- Lists the publishers. Locks nothing.
select name, cursor, position, holder, expires_at >= clock_timestamp() as held, published, updated_at
from event_publishers
order by name
