-- Who keeps old row versions from being cleaned away, for longer than $1 seconds. Locks nothing.
-- Reads pg_stat_activity, pg_prepared_xacts and pg_replication_slots; of slots only the fact is known, not
-- since when. Parameters: 1 seconds.
select format('process %s of %s (%s)', pid, usename, state) as holder,
       extract(epoch from now() - xact_start)::bigint       as seconds
from pg_stat_activity
where backend_xmin is not null and xact_start < now() - make_interval(secs => $1::int) and pid <> pg_backend_pid()
union all
select format('prepared transaction %s', gid), extract(epoch from now() - prepared)::bigint
from pg_prepared_xacts
where prepared < now() - make_interval(secs => $1::int)
union all
select format('inactive replication slot %s', slot_name), 0
from pg_replication_slots
where not active and (xmin is not null or catalog_xmin is not null)
order by 2 desc
limit 10
