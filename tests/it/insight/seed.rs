//! A seeded task reads back like one that has run.

use sqlx::Row;
use tasker::store::Store;
use tasker_sdk::{
    Client,
    proto::tasker::{
        v1::{
            CreateTaskRequest, GetTaskRequest, ListTransitionsRequest, NewTask, State, StepFailure, Task, TaskView,
            Transition, transition::Cause,
        },
        worker::v1::{
            ClaimStepsRequest, Failure, Offer, ReportResultsRequest, StepResult, Success, offer::Target,
            step_result::Outcome,
        },
    },
};

use super::seed;
use crate::{
    calls::world::{client, word},
    harness::{self, eventually},
};

const NAMESPACE: &str = "seed_billing";
const HANDLER: &str = "seeded_0000";

/// Runs a task of the first seeded handler, whose steps stand in a row; an attempt of these fails.
async fn run(client: &Client, failing: &[(&str, i64)]) -> String {
    let task = NewTask {
        handler: harness::handler_ref(NAMESPACE, HANDLER, ""),
        context_json: r#"{"order": 1}"#.to_owned(),
        ..NewTask::default()
    };
    let created = client.tasks().create_task(CreateTaskRequest { task: Some(task) }).await.unwrap().into_inner();
    let task_id = created.task.unwrap().task_id;
    let mut session_id = String::new();
    while full(client, &task_id).await.state() != State::Complete {
        let offer = |name: &str| Offer {
            namespace: NAMESPACE.to_owned(),
            target: Some(Target::StepHandler(format!("Seed{name}"))),
            ..Offer::default()
        };
        let request = ClaimStepsRequest {
            worker_id: "worker".to_owned(),
            session_id: session_id.clone(),
            offers: ["reserve", "charge", "pack", "ship"].map(offer).into(),
            max_steps: 1,
            wait: Some(std::time::Duration::from_secs(20).try_into().unwrap()),
        };
        let claimed = client.workers().claim_steps(request).await.unwrap().into_inner();
        session_id = claimed.session_id;
        for assignment in claimed.assignments {
            let key = (&*assignment.step_name, assignment.lease_token);
            let outcome = if failing.contains(&key) {
                Outcome::Failure(Failure {
                    error_class: "ServiceUnavailable".to_owned(),
                    message: "made up".to_owned(),
                    retry_after: Some(prost_types::Duration { seconds: 0, nanos: 300_000_000 }),
                    ..Failure::default()
                })
            } else {
                Outcome::Success(Success { results_json: Some("{}".to_owned()) })
            };
            let (step_id, lease_token) = (assignment.step_id, assignment.lease_token);
            let result = StepResult { step_id, lease_token, outcome: Some(outcome), ..StepResult::default() };
            let request = ReportResultsRequest { session_id: session_id.clone(), results: vec![result] };
            client.workers().report_results(request).await.unwrap();
        }
    }
    task_id
}

async fn full(client: &Client, task_id: &str) -> Task {
    let request =
        GetTaskRequest { task_id: task_id.to_owned(), view: TaskView::Full.into(), ..GetTaskRequest::default() };
    client.tasks().get_task(request).await.unwrap().into_inner().task.unwrap()
}

/// What a task says of itself, but for who it is and when it was.
async fn told(client: &Client, task_id: &str) -> String {
    let task = full(client, task_id).await;
    let mut lines = vec![format!(
        "{} {:?} {:?} {:?} {}",
        word(task.state()),
        task.state_reason,
        task.execution,
        (task.start_time.is_some(), task.finish_time.is_some()),
        task.revision
    )];
    lines.extend(task.steps.iter().map(|step| {
        format!(
            "{} {} {}/{} {:?} {:?} {:?} {}",
            step.name,
            word(step.state()),
            step.attempts,
            step.retry_limit,
            step.readiness,
            step.failure,
            (step.complete_time.is_some(), step.last_attempt_time.is_some(), step.retry_time.is_some()),
            step.results_json
        )
    }));
    let request = ListTransitionsRequest { task_id: task_id.to_owned(), ..ListTransitionsRequest::default() };
    let trail = client.tasks().list_transitions(request).await.unwrap().into_inner().transitions;
    lines.extend(trail.iter().map(moved));
    lines.join("\n")
}

fn moved(row: &Transition) -> String {
    // But for who it was and when.
    let cause = match row.cause.clone() {
        Some(Cause::Claimed(_)) => "claimed".to_owned(),
        Some(Cause::Completed(_)) => "completed".to_owned(),
        Some(Cause::Failed(failed)) => {
            let failure = failed.failure.map(|failure| StepFailure { fail_time: None, ..failure });
            format!("{failure:?} {}", failed.retry_time.is_some())
        }
        other => format!("{other:?}"),
    };
    format!(
        "{} {} {:?} -> {:?} {} {} {cause}",
        row.sequence,
        row.step_name,
        row.from_state(),
        row.to_state(),
        row.attempt,
        row.event
    )
}

/// How a task's rows hang together, but for who it is and when it was.
async fn rows(store: &Store, task_id: &str) -> String {
    let question = "
        select concat_ws(' ', t.state, t.revision, t.state_reason, encode(t.steps, 'hex'), t.detail,
                   t.updated_at = m.last, t.finished_at = m.last, t.started_at = m.started, t.created_at <= m.first,
                   r.named_task_id = t.named_task_id, m.moves) as told
        from tasks t
        join task_requests r using (task_id)
        cross join lateral (
            select min(n.at) as first, max(n.at) as last,
                   min(n.at) filter (where n.step_no is null and n.to_state = 1) as started,
                   string_agg(concat_ws(' ', n.sequence, n.step_no, n.from_state, n.to_state, n.attempt,
                       n.started_at = c.at, n.session_id is not null, n.results, n.metadata::jsonb - 'retry_at',
                       (n.metadata ->> 'retry_at')::bigint >= extract(epoch from n.at) * 1000000), E'\\n'
                       order by n.sequence) as moves
            from transitions n
            left join transitions c on c.task_id = n.task_id and c.step_no = n.step_no and c.attempt = n.attempt
                and c.to_state = 1 and n.from_state = 1
            where n.task_id = t.task_id
        ) m
        where t.task_id = $1::uuid";
    sqlx::query_scalar(question).bind(task_id).fetch_one(store.pool()).await.unwrap()
}

/// A seeded task with so many attempts of each step.
async fn seeded(store: &Store, attempts: [i32; 4]) -> String {
    let question = "
        select t.task_id::text
        from tasks t
        join named_tasks h using (named_task_id)
        join task_requests r using (task_id)
        where h.name = $1 and t.state = 2 and r.reason = 'seeded' and (
            select array_agg(tasker_step_attempts(t.steps, n) order by n) from generate_series(0, 3) n
        ) = $2
        limit 1";
    sqlx::query_scalar(question).bind(HANDLER).bind(attempts).fetch_one(store.pool()).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_seeded_task_reads_back_like_a_real_one() {
    let database = harness::database().await;
    seed(&database, 0, 0, 3).await;
    let app = harness::serve(&database).await;
    let client = client(&app).await;
    let plain = run(&client, &[]).await;
    let retried = run(&client, &[("charge", 1)]).await;
    let thrice = run(&client, &[("ship", 1), ("ship", 2)]).await;
    seed(&database, 1_500, 0, 3).await;
    let store = &database.store;
    for (real, attempts) in [(plain, [1, 1, 1, 1]), (retried, [1, 2, 1, 1]), (thrice, [1, 1, 1, 3])] {
        let seeded = seeded(store, attempts).await;
        assert_eq!(told(&client, &seeded).await, told(&client, &real).await);
        assert_eq!(rows(store, &seeded).await, rows(store, &real).await);
    }
    app.stop().await;
}

async fn count(store: &Store, question: &'static str) -> i64 {
    sqlx::query_scalar(question).fetch_one(store.pool()).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_seeded_history_is_spread_and_whole() {
    let database = harness::database().await;
    seed(&database, 3_000, 0, 30).await;
    let store = &database.store;
    for (what, question, expected) in [
        ("complete tasks", "select count(*) from tasks where state = 2", 3_000),
        ("requests", "select count(*) from task_requests", 3_000),
        ("kept counts", "select sum(tasks)::bigint from tasker_task_tallies where state = 2", 3_000),
        ("leases and queued steps", "select (select count(*) from leases) + (select count(*) from ready_steps)", 0),
        ("namespaces", "select count(distinct task_namespace_id) from tasks join named_tasks using (named_task_id)", 5),
        (
            "trails with gaps",
            "select count(*) from tasks t where t.revision <> (select count(*) from transitions m
                 where m.task_id = t.task_id and m.sequence between 1 and t.revision)",
            0,
        ),
        (
            "steps whose newest move is not their state",
            "select count(*) from tasks t, generate_series(0, 3) n where tasker_step_state(t.steps, n) <> (
                 select m.to_state from transitions m where m.task_id = t.task_id and m.step_no = n
                 order by m.sequence desc limit 1)",
            0,
        ),
        (
            "times out of order",
            "select count(*) from (select at, lag(at) over (partition by task_id order by sequence) as before,
                 started_at from transitions) m where m.at < m.before or m.started_at > m.at",
            0,
        ),
        ("times ahead", "select count(*) from transitions where at > now()", 0),
        (
            "ids out of step with time",
            "select count(*) from tasks where tasker_task_id_at(created_at) > task_id
             or tasker_task_id_at(created_at + interval '1 millisecond') < task_id",
            0,
        ),
    ] {
        assert_eq!(count(store, question).await, expected, "{what}");
    }
    let days = "select count(distinct date_trunc('day', created_at)) from tasks";
    assert!(count(store, days).await >= 29, "spread over the last 30 days");
    let lengths =
        "select count(distinct width_bucket(ln(extract(epoch from finished_at - created_at)), -5, 5, 10)) from tasks";
    assert!(count(store, lengths).await >= 5, "durations over several orders of magnitude");
}

#[tokio::test(flavor = "multi_thread")]
async fn seeded_work_is_in_all_kinds_of_states_and_stays_there() {
    let database = harness::database().await;
    seed(&database, 0, 600, 6).await;
    let store = &database.store;
    let states = async || {
        let question = "select c.status, c.execution_status, count(*) as n
            from tasks t cross join lateral get_task_execution_context(t.task_id) c group by 1, 2 order by 1, 2";
        let rows = sqlx::query(question).fetch_all(store.pool()).await.unwrap();
        rows.iter()
            .map(|row| format!("{} {}: {}", row.get::<String, _>(0), row.get::<String, _>(1), row.get::<i64, _>(2)))
            .collect::<Vec<_>>()
    };
    let seeded = states().await;
    let kinds: Vec<&str> = seeded.iter().map(|line| line.split(':').next().unwrap()).collect();
    assert_eq!(
        kinds,
        [
            "error blocked_by_failures",
            "in_progress has_ready_steps",
            "in_progress processing",
            "pending has_ready_steps",
            "pending waiting_for_dependencies"
        ]
    );
    // What could start is queued, what runs has a lease; so the sweeper finds nothing to do.
    let running = "select count(*) from tasks t, generate_series(0, 3) n where tasker_step_state(t.steps, n) = 1";
    let app =
        harness::serve_with(&database, &[("sweeper.interval_ms", "10"), ("sweeper.reconcile_interval_ms", "100")])
            .await;
    let moved = count(store, "select count(*) from transitions").await;
    let queued = count(store, "select count(*) from ready_steps").await;
    // The sweeper folds counts in each round, and looks at unfinished tasks in every tenth.
    for _ in 0..25 {
        let mark = "insert into tally_changes (named_task_id, kind, change) values (0, 0, 0)";
        sqlx::query(mark).execute(store.pool()).await.unwrap();
        let left = "select count(*) from tally_changes";
        eventually("the sweeper has been round", async || count(store, left).await == 0).await;
    }
    assert_eq!(states().await, seeded);
    assert_eq!(count(store, "select count(*) from transitions").await, moved);
    assert_eq!(count(store, "select count(*) from ready_steps").await, queued);
    assert_eq!(count(store, running).await, count(store, "select count(*) from leases").await);
    let startable = "select count(*) from tasks t cross join lateral tasker_step_conditions(t.task_id) c where c.startable and t.state in (0, 1)";
    assert_eq!(count(store, startable).await, queued);
    app.stop().await;
}
