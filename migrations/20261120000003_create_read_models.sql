-- Read-only functions for operators and tools, over the packed columns of `tasks`: the steps as rows, and
-- which of them could start. The next file judges tasks, the one after it has the views.
-- Locks nothing: everything is new and nothing is stored. Functions cost by the tasks asked for. The rules are
-- those of the engine; a property test holds the two equal. `as_of` lends a clock.

-- ---------------------------------------------------------------------------------------------- small words

create function tasker_state_name(state smallint) returns text
language sql immutable parallel safe
return (array['pending', 'in_progress', 'complete', 'error', 'cancelled', 'resolved_manually'])[state + 1];

-- A step's id is its task's id with the step's number plus one in the lowest 16 bits.
create function tasker_step_id(task_id uuid, step_no integer) returns uuid
language sql immutable parallel safe
return (left(task_id::text, 32) || lpad(to_hex(step_no + 1), 4, '0'))::uuid;

-- The task that a step's id names.
create function tasker_step_task_id(workflow_step_id uuid) returns uuid
language sql immutable parallel safe
return (left(workflow_step_id::text, 32) || '0000')::uuid;

-- The number, from 0, that a step's id names.
create function tasker_step_no(workflow_step_id uuid) returns integer
language sql immutable parallel safe
return ('x' || right(workflow_step_id::text, 4))::bit(16)::integer - 1;

-- The event that a move publishes; null for an audit record without a move.
create function tasker_transition_event(is_step boolean, from_state smallint, to_state smallint) returns text
language sql immutable parallel safe
return case
    when from_state = to_state then null
    else (case when is_step then 'step.' else 'task.' end) || case to_state
        when 0 then case when from_state = 3 then 'retry_requested' else 'initialize_requested' end
        when 1 then case when is_step then 'execution_requested' else 'start_requested' end
        when 2 then 'completed'
        when 3 then 'failed'
        when 4 then 'cancelled'
        when 5 then 'resolved_manually'
    end
end;

-- -------------------------------------------------------------------------------------- the packed steps, read

create function tasker_step_state(steps bytea, step_no integer) returns smallint
language sql immutable parallel safe
return get_byte(steps, step_no * 8)::smallint;

create function tasker_step_flags(steps bytea, step_no integer) returns smallint
language sql immutable parallel safe
return get_byte(steps, step_no * 8 + 1)::smallint;

create function tasker_step_attempts(steps bytea, step_no integer) returns integer
language sql immutable parallel safe
return get_byte(steps, step_no * 8 + 2) * 256 + get_byte(steps, step_no * 8 + 3);

create function tasker_step_outcome_sequence(steps bytea, step_no integer) returns integer
language sql immutable parallel safe
return (get_byte(steps, step_no * 8 + 4) << 24) + (get_byte(steps, step_no * 8 + 5) << 16)
     + (get_byte(steps, step_no * 8 + 6) << 8) + get_byte(steps, step_no * 8 + 7);

-- Every step of a task with the conditions that readiness is made of. The other functions build on this one.
-- `steps || ''` unpacks a compressed value once instead of once per byte read.
create function tasker_step_conditions(input_task_id uuid, as_of timestamptz default now())
returns table (
    task_id           uuid,
    named_task_id     integer,
    step_no           integer,
    state             smallint,
    permanent         boolean,
    bypassed          boolean,
    inputs_changed    boolean,
    attempts          integer,
    retry_limit       integer,
    outcome_sequence  integer,
    next_retry_at     timestamptz,
    total_parents     integer,
    completed_parents integer,
    startable         boolean,
    ready             boolean
)
language sql stable parallel safe as $$
    with run as materialized (
        select t.task_id, t.named_task_id, t.detail, t.steps || ''::bytea as steps
        from tasks t
        where t.task_id = input_task_id
    ),
    parents as (
        select e.to_step_no,
               count(*)::integer as total,
               (count(*) filter (where tasker_step_state(r.steps, e.from_step_no) in (2, 5)))::integer as completed
        from run r
        join named_task_edges e on e.named_task_id = r.named_task_id
        group by e.to_step_no
    ),
    few as (
        select d.key::integer as step_no,
               (d.value ->> 'retry_limit')::integer as retry_limit,
               to_timestamp(0) + (d.value ->> 'next_retry_at')::bigint * interval '1 microsecond' as next_retry_at
        from run r
        cross join lateral jsonb_each(r.detail) d
    ),
    unpacked as (
        select n as step_no,
               tasker_step_state(r.steps, n) as state,
               tasker_step_flags(r.steps, n) as flags,
               tasker_step_attempts(r.steps, n) as attempts,
               tasker_step_outcome_sequence(r.steps, n) as outcome_sequence,
               (
                   select s.default_retry_limit
                   from named_tasks_named_steps s
                   where s.named_task_id = r.named_task_id and s.step_no = n
               ) as default_retry_limit
        from run r
        cross join lateral generate_series(0, length(r.steps) / 8 - 1) n
        offset 0
    ),
    judged as (
        select u.*,
               coalesce(f.retry_limit, u.default_retry_limit) as retry_limit,
               f.next_retry_at,
               coalesce(p.total, 0) as total_parents,
               coalesce(p.completed, 0) as completed_parents,
               u.state in (0, 3)
                   and coalesce(p.completed = p.total, true)
                   and u.attempts < coalesce(f.retry_limit, u.default_retry_limit)
                   and u.flags & 1 = 0 as startable
        from unpacked u
        left join parents p on p.to_step_no = u.step_no
        left join few f on f.step_no = u.step_no
    )
    select r.task_id, r.named_task_id, j.step_no, j.state,
           j.flags & 1 <> 0, j.flags & 2 <> 0, j.flags & 4 <> 0,
           j.attempts, j.retry_limit, j.outcome_sequence, j.next_retry_at,
           j.total_parents, j.completed_parents, j.startable,
           j.startable and coalesce(j.next_retry_at <= as_of, true)
    from run r
    cross join judged j
$$;

-- The graph of a handler version: how far each step is from a root, by the longest way and by the shortest.
-- One walk in topological order, so that wide and deep graphs cost by their edges.
create function tasker_handler_graph(input_named_task_id integer)
returns table (step_no integer, dependency_level integer, min_depth_from_root integer)
language plpgsql stable parallel safe as $$
declare
    children integer[];
    first    integer[];
    unmet    integer[];
    levels   integer[];
    depths   integer[];
    queue    integer[];
    head     integer := 0;
    tail     integer;
    here     integer;
    there    integer;
begin
    select coalesce(array_agg(e.to_step_no::integer order by e.from_step_no, e.to_step_no), '{}')
    into children
    from named_task_edges e
    where e.named_task_id = input_named_task_id;

    select array_agg(coalesce(i.n, 0) order by s.step_no),
           array_agg(s.step_no::integer order by s.step_no) filter (where i.n is null),
           array_agg(coalesce(o.before, 0) order by s.step_no) || cardinality(children)
    into unmet, queue, first
    from (
        select s.step_no, coalesce(sum(c.n) over (order by s.step_no rows between unbounded preceding and 1 preceding), 0)::integer as before
        from named_tasks_named_steps s
        left join (
            select e.from_step_no, count(*) as n
            from named_task_edges e
            where e.named_task_id = input_named_task_id
            group by e.from_step_no
        ) c on c.from_step_no = s.step_no
        where s.named_task_id = input_named_task_id
    ) o
    join named_tasks_named_steps s on s.named_task_id = input_named_task_id and s.step_no = o.step_no
    left join (
        select e.to_step_no, count(*)::integer as n
        from named_task_edges e
        where e.named_task_id = input_named_task_id
        group by e.to_step_no
    ) i on i.to_step_no = s.step_no;

    if unmet is null then
        return;
    end if;
    levels := array_fill(0, array[cardinality(unmet)]);
    depths := array_fill(0, array[cardinality(unmet)]);
    tail := coalesce(cardinality(queue), 0);
    while head < tail loop
        head := head + 1;
        here := queue[head];
        for place in first[here + 1] + 1 .. first[here + 2] loop
            there := children[place] + 1;
            levels[there] := greatest(levels[there], levels[here + 1] + 1);
            depths[there] := case
                when depths[there] = 0 then depths[here + 1] + 1
                else least(depths[there], depths[here + 1] + 1)
            end;
            unmet[there] := unmet[there] - 1;
            if unmet[there] = 0 then
                tail := tail + 1;
                queue[tail] := there - 1;
            end if;
        end loop;
    end loop;
    return query
        select (u.place - 1)::integer, u.level, u.depth
        from unnest(levels, depths) with ordinality u (level, depth, place);
end
$$;

-- ------------------------------------------------------------------------------------------------ readiness

-- Readiness of the steps of one task, or of those of them that `step_ids` names.
create function get_step_readiness_status(
    input_task_id uuid, step_ids uuid[] default null, as_of timestamptz default now()
)
returns table (
    workflow_step_id        uuid,
    task_id                 uuid,
    named_step_id           integer,
    name                    text,
    current_state           text,
    dependencies_satisfied  boolean,
    retry_eligible          boolean,
    ready_for_execution     boolean,
    last_failure_at         timestamptz,
    next_retry_at           timestamptz,
    total_parents           integer,
    completed_parents       integer,
    attempts                integer,
    retry_limit             integer,
    backoff_request_seconds numeric,
    last_attempted_at       timestamptz,
    permanently_blocked     boolean,
    blocking_reason         text,
    time_until_ready        integer,
    dependency_status       text,
    retry_status            text
)
language sql stable parallel safe as $$
    select tasker_step_id(c.task_id, c.step_no),
           c.task_id,
           s.named_step_id,
           s.step_name,
           tasker_state_name(c.state),
           c.completed_parents = c.total_parents,
           c.attempts < c.retry_limit and not c.permanent,
           c.ready,
           case when c.state = 3 then o.at end,
           c.next_retry_at,
           c.total_parents,
           c.completed_parents,
           c.attempts,
           c.retry_limit,
           case when o.to_state = 3 then (o.metadata ->> 'retry_at')::bigint / 1000000.0 - extract(epoch from o.at) end,
           coalesce(l.claimed_at, o.started_at),
           c.state = 3 and (c.attempts >= c.retry_limit or c.permanent),
           case
               when c.ready then null
               when c.completed_parents < c.total_parents then 'dependencies_not_satisfied'
               when c.attempts >= c.retry_limit or c.permanent then 'retry_not_eligible'
               when c.state not in (0, 3) then 'invalid_state'
               else 'waiting_for_backoff'
           end,
           case
               when c.ready then 0
               when c.next_retry_at > as_of then trunc(extract(epoch from c.next_retry_at - as_of))::integer
               when c.next_retry_at is not null then 0
           end,
           case
               when c.total_parents = 0 then 'no_dependencies'
               when c.completed_parents = c.total_parents then 'all_satisfied'
               else c.completed_parents || '/' || c.total_parents || '_satisfied'
           end,
           case
               when c.attempts >= c.retry_limit or c.permanent then 'max_retries_reached'
               when c.next_retry_at > as_of then 'waiting_for_backoff'
               else 'retry_eligible'
           end
    from tasker_step_conditions(input_task_id, as_of) c
    cross join lateral (
        select d.named_step_id, d.step_name
        from named_tasks_named_steps d
        where d.named_task_id = c.named_task_id and d.step_no = c.step_no
        offset 0
    ) s
    left join transitions o on o.task_id = c.task_id and o.sequence = c.outcome_sequence and c.outcome_sequence > 0
    left join leases l on l.task_id = c.task_id and l.step_no = c.step_no and c.state = 1
    where step_ids is null or tasker_step_id(c.task_id, c.step_no) = any (step_ids)
$$;

-- Readiness of all steps of many tasks.
create function get_step_readiness_status_batch(input_task_ids uuid[], as_of timestamptz default now())
returns table (
    workflow_step_id        uuid,
    task_id                 uuid,
    named_step_id           integer,
    name                    text,
    current_state           text,
    dependencies_satisfied  boolean,
    retry_eligible          boolean,
    ready_for_execution     boolean,
    last_failure_at         timestamptz,
    next_retry_at           timestamptz,
    total_parents           integer,
    completed_parents       integer,
    attempts                integer,
    retry_limit             integer,
    backoff_request_seconds numeric,
    last_attempted_at       timestamptz,
    permanently_blocked     boolean,
    blocking_reason         text,
    time_until_ready        integer,
    dependency_status       text,
    retry_status            text
)
language sql stable parallel safe as $$
    select r.*
    from (select distinct id from unnest(input_task_ids) id) asked
    cross join lateral get_step_readiness_status(asked.id, null, as_of) r
$$;
