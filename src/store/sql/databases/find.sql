-- Whether a database exists. Locks nothing. Index: pg_database_datname_index.
-- Parameters: 1 its name.
select 1 from pg_database where datname = $1
