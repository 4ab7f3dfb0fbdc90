-- Whether the database answers, and why a write could not succeed. Locks nothing. No parameters.
select pg_is_in_recovery() as standby,
       current_setting('transaction_read_only')::boolean as read_only,
       coalesce(has_table_privilege(to_regclass('tasks'), 'insert'), true) as may_write
