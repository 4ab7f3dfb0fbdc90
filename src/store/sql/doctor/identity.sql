-- Which database this is: the origin of its cluster, which copies share, and its name. Locks nothing; no table.
-- No parameters.
select (select system_identifier from pg_control_system()) as origin,
       current_database()::text                            as name
