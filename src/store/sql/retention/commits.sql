-- Tells how many transactions this database has committed. Locks nothing.
select coalesce(sum(xact_commit), 0)::bigint as commits from pg_stat_database where datname = current_database()
