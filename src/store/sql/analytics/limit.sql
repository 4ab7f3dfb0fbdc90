-- Ends statements of this transaction that take longer. Locks nothing.
-- $1 milliseconds as text
select set_config('statement_timeout', $1, true)
