-- Ends statements of this transaction that take longer than $1 milliseconds, so that a slow look does not pile up.
-- Locks nothing.
select set_config('statement_timeout', $1::bigint::text, true)
