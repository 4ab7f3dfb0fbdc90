-- The end of the store's log as a number: everything committed so far lies before it. A page that has only its header
-- holds nothing, so the end is the page's beginning then, which is where a replica stops. Locks nothing; no table.
-- No parameters.
select (lsn - case when lsn % page = case when (lsn - lsn % page) % segment = 0 then 40 else 24 end
                   then lsn % page else 0 end)::bigint as written
  from (select pg_current_wal_insert_lsn() - '0/0'::pg_lsn                    as lsn,
               current_setting('wal_block_size')::numeric                    as page,
               pg_size_bytes(current_setting('wal_segment_size'))::numeric   as segment) as here
