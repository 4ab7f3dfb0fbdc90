-- Tells the number that the next transaction will have, and the oldest one that runs, both modulo 2^32. Locks
-- nothing. age() counts back from the next number when, as here, the transaction has none itself; 3 is the first
-- number there is.
select age('3'::xid)::bigint + 3 as next,
       mod(pg_snapshot_xmin(pg_current_snapshot())::text::numeric, 4294967296)::bigint as oldest
