-- Notes how far attempts have come, each only of the session that holds it. Locks their leases. Walks leases_pkey.
-- $1 task ids, $2 step numbers, $3 attempts, $4 sessions, $5 percents, $6 notes
update leases l
set percent = p.percent, note = p.note
from unnest($1::uuid[], $2::smallint[], $3::int[], $4::uuid[], $5::float8[], $6::text[])
     as p (task_id, step_no, attempt, session_id, percent, note)
where l.task_id = p.task_id and l.step_no = p.step_no and l.attempt = p.attempt and l.session_id = p.session_id
