-- Adds the requests that carry an identity, except those whose identity is taken; tells which were added.
-- Walks task_requests_identity. Parameters as $13 to $24 of lifecycle/write, then $13 identity, $14 hash.
-- $1 task_id, $2 named_task_id, $3 initiator, $4 source_system, $5 reason, $6 tags, $7 bypass_steps, $8 context,
-- $9 requested_at, $10 correlation_id, $11 created_by, $12 trace_context
insert into task_requests (task_id, named_task_id, initiator, source_system, reason, tags, bypass_steps, context,
                           requested_at, correlation_id, created_by, trace_context, identity, identity_hash)
select r.task_id, r.named_task_id, r.initiator, r.source_system, r.reason, r.tags::text[], r.bypass_steps::text[],
       r.context, r.requested_at, r.correlation_id, r.created_by, r.trace_context, r.identity,
       r.identity_hash
from unnest($1::uuid[], $2::int[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[], $8::text[],
            $9::timestamptz[], $10::text[], $11::text[], $12::text[], $13::text[], $14::bytea[])
     as r (task_id, named_task_id, initiator, source_system, reason, tags, bypass_steps, context, requested_at,
           correlation_id, created_by, trace_context, identity, identity_hash)
on conflict (identity) where identity is not null do nothing
returning task_id
