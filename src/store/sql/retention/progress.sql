-- Tells how far the search for old tasks has come. Locks nothing.
select holder, expires_at >= clock_timestamp() as held, task_id, rounds, round_removed, removed, archived, worked_at,
       case when isfinite(round_due_at)
            then (extract(epoch from round_due_at - clock_timestamp()) * 1000)::double precision else 0 end as due_in_ms
from retention_progress
