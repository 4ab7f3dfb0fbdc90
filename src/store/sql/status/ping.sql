-- Whether the database answers. Locks nothing. No parameters.
select 1
