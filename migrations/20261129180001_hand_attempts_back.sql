-- Attempts that were handed back do not count, and their lease tokens grow all the same. The upper five bits of a step's
-- flags (byte 1 of its record) count them; attempts (bytes 2 and 3) leave them out.
create function tasker_step_token(steps bytea, step_no integer) returns integer
language sql immutable parallel safe
return tasker_step_attempts(steps, step_no) + (get_byte(steps, step_no * 8 + 1) >> 4);

comment on function tasker_step_token(bytea, integer) is
    'The lease token of a step''s newest attempt: attempts that count, and those that were handed back.';
