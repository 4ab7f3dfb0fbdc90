-- Takes, or goes on holding, the right to publish; finds nothing while another server has it. A new publisher begins
-- after the newest position. Locks the row.
-- $1 name, $2 server, $3 milliseconds until the right ends
insert into event_publishers (name, cursor, position, holder, expires_at)
select $1, to_hex(p.last_assigned), p.last_assigned, $2, clock_timestamp() + $3 * interval '1 millisecond'
from (select case when is_called then last_value else 0 end as last_assigned from event_positions) p
on conflict (name) do update
set holder = $2, expires_at = clock_timestamp() + $3 * interval '1 millisecond'
where event_publishers.holder = $2 or event_publishers.expires_at < clock_timestamp()
returning cursor
