-- Makes tasks that look as if they had run: each is given a handler, a story of that handler's shape, a time of its
-- creation and a length, all from its number, so that the same numbers make the same tasks. Locks nothing that exists.
-- Walks no index: everything is inserted, in key order.
-- Times of stories are in thousandths of the task's length; from 1,000,000 on they are seconds after its end.
-- $1 first number, $2 how many, $3 how many in all that share the span, $4 begin of the span, $5 length of the span
--   in seconds, $6 salt, $7 whether they still run, $8 session of their attempts
-- handlers: $9 named_task_id, $10 shape
-- stories: $11 shape, $12 from this share on, $13 below this share, $14 state, $15 revision, $16 state_reason,
--   $17 steps, $18 step in backoff, $19 until when, $20 when it started
-- moves: $21 story, $22 sequence, $23 step_no, $24 from_state, $25 to_state, $26 attempt, $27 at, $28 started at,
--   $29 metadata, $30 retry at, $31 results
-- leases: $32 story, $33 step_no, $34 attempt, $35 since
-- queued steps: $36 story, $37 step_no, $38 not before
-- counts: $39 story, $40 kind, $41 how many
with stories as (
    select s.no - 1 as no, s.shape, s.low, s.high, s.state, s.revision, s.state_reason, s.steps, s.retry_step,
           s.retry_at, s.started_at
    from unnest($11::smallint[], $12::float8[], $13::float8[], $14::smallint[], $15::int[], $16::text[], $17::bytea[],
                $18::smallint[], $19::float8[], $20::float8[]) with ordinality
         as s (shape, low, high, state, revision, state_reason, steps, retry_step, retry_at, started_at, no)
), moves as (
    select m.*
    from unnest($21::int[], $22::int[], $23::smallint[], $24::smallint[], $25::smallint[], $26::int[], $27::float8[],
                $28::float8[], $29::text[], $30::float8[], $31::text[])
         as m (story, sequence, step_no, from_state, to_state, attempt, at, started_at, metadata, retry_at, results)
), lasts as materialized (
    select m.story, max(m.at) as at from moves m group by m.story
), dice as (
    select n,
           (hashint8extended(n, $6) & 1048575) / 1048576.0::float8 as place,
           (hashint8extended(n, $6 + 1) & 1048575) / 1048576.0::float8 as story,
           (hashint8extended(n, $6 + 2) & 1048575) / 1048576.0::float8 as moment,
           ((hashint8extended(n, $6 + 3) & 1048575) + (hashint8extended(n, $6 + 4) & 1048575)
               + (hashint8extended(n, $6 + 5) & 1048575)) / 3145728.0::float8 as length,
           hashint8extended(n, $6 + 6) as bits
    from generate_series($1::bigint, $1 + $2 - 1) n
), timed as (
    select d.*, ($9::int[])[d.handler] as named_task_id, ($10::smallint[])[d.handler] as shape, $4::timestamptz + make_interval(secs => (d.n - 1 + d.moment) / $3::bigint * $5::float8) as created_at
    from (
        select x.*, 1 + floor(x.place * x.place * cardinality($9::int[]))::int as handler from dice x
    ) d
), cast_ as materialized (
    select t.n, t.created_at, t.bits, t.named_task_id, s.no as story, s.state, s.revision, s.state_reason, s.steps,
           s.retry_step, s.retry_at, s.started_at,
           make_interval(secs => least(
               case when $7 then 1e9 else 0.3 * exp(9 * (t.length - 0.5)) * (1 + t.shape) end,
               0.9 * extract(epoch from now() - t.created_at)::float8
           )) as life,
           (lpad(to_hex(floor(extract(epoch from t.created_at) * 1000)::bigint), 12, '0') || '7'
               || lpad(to_hex((floor(extract(epoch from t.created_at) * 1000000)::bigint % 1000) * 1000 / 245), 3, '0')
               || substr('89ab', 1 + (t.bits >> 44 & 3)::int, 1) || lpad(to_hex(t.bits >> 32 & 4095), 3, '0')
               || lpad(to_hex(t.bits & 4294967295), 8, '0') || '0000')::uuid as task_id
    from timed t
    join stories s on s.shape = t.shape and t.story >= s.low and t.story < s.high
), told as (
    insert into tasks (task_id, named_task_id, state, revision, state_reason, steps, detail, created_at, updated_at,
                       started_at, finished_at)
    select c.task_id, c.named_task_id, c.state, c.revision, c.state_reason, c.steps,
           case when c.retry_step is not null then jsonb_build_object(c.retry_step::text, jsonb_build_object(
               'next_retry_at', (extract(epoch from c.created_at + c.life
                   + make_interval(secs => c.retry_at - 1000000)) * 1000000)::bigint
           )) end,
           c.created_at, c.last, c.created_at + c.life * (c.started_at / 1000), case when c.state >= 2 then c.last end
    from (
        select d.*, d.created_at + d.life * (m.at / 1000) as last from cast_ d join lasts m on m.story = d.story
    ) c
    order by c.task_id
), requested as (
    insert into task_requests (task_id, named_task_id, initiator, source_system, reason, tags, context, requested_at,
                               correlation_id)
    select c.task_id, c.named_task_id,
           case when c.bits & 3 = 0 then 'unknown' else 'user_' || (c.bits >> 2 & 1023) end,
           (array['unknown', 'shop', 'billing', 'warehouse'])[1 + (c.bits >> 12 & 3)], 'seeded',
           case when c.bits >> 14 & 7 = 0 then array['urgent'] else '{}' end,
           json_build_object('order', c.n, 'customer', c.bits >> 17 & 65535)::text, c.created_at,
           case when c.bits >> 33 & 3 = 0 then 'cart-' || c.n end
    from cast_ c
    order by c.task_id
), noted as (
    insert into transitions (task_id, sequence, step_no, from_state, to_state, attempt, at, started_at, session_id,
                             results, metadata)
    select c.task_id, m.sequence, m.step_no, m.from_state, m.to_state, m.attempt,
           c.created_at + c.life * (m.at / 1000), c.created_at + c.life * (m.started_at / 1000),
           case when m.started_at is not null or m.to_state = 1 and m.step_no is not null then $8::uuid end, m.results,
           case
               when m.retry_at is null then m.metadata::json
               else (m.metadata::jsonb || jsonb_build_object('retry_at', (extract(epoch from c.created_at + case
                   when m.retry_at < 1000000 then c.life * (m.retry_at / 1000)
                   else c.life + make_interval(secs => m.retry_at - 1000000)
               end) * 1000000)::bigint))::json
           end
    from cast_ c
    join moves m on m.story = c.story
    order by c.task_id, m.sequence
), leased as (
    insert into leases (task_id, step_no, attempt, queue_id, session_id, claimed_at)
    select c.task_id, l.step_no, l.attempt, s.step_handler_id, $8, c.created_at + c.life * (l.at / 1000)
    from cast_ c
    join unnest($32::int[], $33::smallint[], $34::int[], $35::float8[]) as l (story, step_no, attempt, at)
        on l.story = c.story
    join named_tasks_named_steps s on s.named_task_id = c.named_task_id and s.step_no = l.step_no
), queued as (
    insert into ready_steps (queue_id, visible_at, task_id, step_no)
    select s.step_handler_id, c.created_at + case
               when q.at < 1000000 then c.life * (q.at / 1000)
               else c.life + make_interval(secs => q.at - 1000000)
           end, c.task_id, q.step_no
    from cast_ c
    join unnest($36::int[], $37::smallint[], $38::float8[]) as q (story, step_no, at) on q.story = c.story
    join named_tasks_named_steps s on s.named_task_id = c.named_task_id and s.step_no = q.step_no
), tallied as (
    insert into tally_changes (named_task_id, kind, change)
    select c.named_task_id, k.kind, sum(k.count)
    from cast_ c
    join unnest($39::int[], $40::smallint[], $41::int[]) as k (story, kind, count) on k.story = c.story
    group by c.named_task_id, k.kind
)
select count(*) from cast_
