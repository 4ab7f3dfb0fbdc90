-- The database's time. Locks nothing.
select clock_timestamp() as now
