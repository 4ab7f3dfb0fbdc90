-- Reads the transitions of tasks between two revisions, in order. Results and inputs that are larger than a limit are
-- left out, and their sizes told; a limit below 0 leaves all of them unread. Locks nothing. Walks transitions_pkey and
-- step_inputs_pkey by key.
-- $1 task ids, $2 revisions before, $3 revisions after, $4 bytes of a result or input at most
select k.place, x.sequence, x.step_no, x.from_state, x.to_state, x.attempt, x.at, x.started_at,
       x.metadata::text as metadata,
       case when $4 < 0 then pg_column_size(x.results) else octet_length(x.results) end as results_bytes,
       case when $4 >= 0 and octet_length(x.results) <= $4 then x.results end as results,
       case when $4 < 0 then pg_column_size(i.inputs) else octet_length(i.inputs) end as inputs_bytes,
       case when $4 >= 0 and octet_length(i.inputs) <= $4 then i.inputs end as inputs
from unnest($1::uuid[], $2::int[], $3::int[]) with ordinality as k (task_id, after, until, place)
join transitions x on x.task_id = k.task_id and x.sequence > k.after and x.sequence <= k.until
left join step_inputs i on x.to_state = 1 and i.task_id = x.task_id and i.step_no = x.step_no
order by k.place, x.sequence
