-- Tasks and steps by state, and connections. Locks nothing; costs by unfinished and failed tasks. No parameters.
select * from get_system_health_counts()
