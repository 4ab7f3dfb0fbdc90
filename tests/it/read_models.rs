//! The read models for operators say what the domain says, column by column, about random histories of random
//! handlers.

use std::fmt::Write as _;

use sqlx::{PgConnection, Row, postgres::PgRow};
use tasker::{
    domain::{
        ids::StepNo,
        run::Micros,
        state::{self, Owner, State},
    },
    store::tallies,
};

use self::model::{Model, time};
use crate::harness;

mod model;

const HANDLERS: u64 = 40;
const TASKS_EACH: u64 = 8;

/// Random tasks in a database of their own.
async fn world() -> (harness::Database, Vec<Model>) {
    let database = harness::database().await;
    let mut connection = database.store.pool().acquire().await.unwrap();
    let mut models = Vec::new();
    for handler in 0..HANDLERS {
        let template = model::handler(&mut connection, handler).await;
        for task in 0..TASKS_EACH {
            let model = Model::random(&template, handler * 1_000 + task);
            model.store(&mut connection).await;
            models.push(model);
        }
    }
    (database, models)
}

/// One line a row, `name=value` a column.
macro_rules! lines {
    ($rows:expr, $($column:ident: $kind:ty),* $(,)?) => {
        $rows.iter().map(|row: &PgRow| {
            let mut line = String::new();
            $(write!(line, "{}={:?} ", stringify!($column), row.get::<$kind, _>(stringify!($column))).unwrap();)*
            line
        }).collect::<Vec<String>>()
    };
}

/// The same for values of the domain.
macro_rules! line {
    ($($column:ident: $value:expr),* $(,)?) => {{
        let mut line = String::new();
        $(write!(line, "{}={:?} ", stringify!($column), $value).unwrap();)*
        line
    }};
}

/// What follows from the graph; after the macros that it uses.
mod graph;

/// The times at which a history is looked at: its end, and when all backoffs are over.
fn moments(model: &Model) -> [Micros; 2] {
    [model.now, model.now + 60_000_000]
}

type Time = Option<chrono::DateTime<chrono::Utc>>;

#[tokio::test(flavor = "multi_thread")]
async fn readiness_is_the_domains() {
    let (database, models) = world().await;
    let mut connection = database.store.pool().acquire().await.unwrap();
    let (mut ready, mut waiting, mut blocked) = (0, 0, 0);
    for model in &models {
        for now in moments(model) {
            let rows = sqlx::query(
                "select *, backoff_request_seconds::float8 as backoff
                 from get_step_readiness_status($1, null, $2) order by workflow_step_id",
            )
            .bind(model.task_id.uuid())
            .bind(time(now))
            .fetch_all(&mut *connection)
            .await
            .unwrap();
            let found = lines!(
                rows, workflow_step_id: uuid::Uuid, task_id: uuid::Uuid, name: String, current_state: String,
                dependencies_satisfied: bool, retry_eligible: bool, ready_for_execution: bool, last_failure_at: Time,
                next_retry_at: Time, total_parents: i32, completed_parents: i32, attempts: i32, retry_limit: i32,
                backoff: Option<f64>, last_attempted_at: Time, permanently_blocked: bool,
                blocking_reason: Option<String>, time_until_ready: Option<i32>, dependency_status: String,
                retry_status: String,
            );
            let expected: Vec<String> = (0..model.run.len()).map(|no| readiness(model, no, now)).collect();
            assert_eq!(found, expected);
            let counts = model.run.counts(now);
            ready += counts.ready;
            waiting += counts.waiting;
            blocked += counts.permanently_blocked;
        }
    }
    // The histories show what there is to see.
    assert!(ready > 100 && waiting > 30 && blocked > 50, "{ready} ready, {waiting} waiting, {blocked} blocked");
}

fn readiness(model: &Model, no: StepNo, now: Micros) -> String {
    let step = model.run.step(no);
    let spec = model.run.template().step(no);
    let total = u16::try_from(spec.parents.len()).unwrap();
    let done = spec.parents.iter().filter(|parent| model.run.step(**parent).state.is_satisfied()).count();
    let outcome = model.outcome(no);
    let blocking_reason = if step.is_ready(now) {
        None
    } else if step.unmet > 0 {
        Some("dependencies_not_satisfied")
    } else if !step.is_retry_eligible() {
        Some("retry_not_eligible")
    } else if !matches!(step.state, State::Pending | State::Error) {
        Some("invalid_state")
    } else {
        Some("waiting_for_backoff")
    };
    line!(
        workflow_step_id: model.task_id.step(no).uuid(),
        task_id: model.task_id.uuid(),
        name: spec.name,
        current_state: step.state.label(),
        dependencies_satisfied: step.unmet == 0,
        retry_eligible: step.is_retry_eligible(),
        ready_for_execution: step.is_ready(now),
        last_failure_at: outcome.filter(|_| step.state == State::Error).map(|(_, at, _)| time(*at)),
        next_retry_at: step.next_retry_at.map(time),
        total_parents: total,
        completed_parents: done,
        attempts: step.attempts,
        retry_limit: step.retry_limit,
        backoff: model.backoff(no).map(|wait| wait as f64 / 1_000_000.0),
        last_attempted_at: model.leases.get(&no).copied().or_else(|| outcome?.2).map(time),
        permanently_blocked: step.is_permanently_blocked(),
        blocking_reason: blocking_reason,
        time_until_ready: if step.is_ready(now) {
            Some(0)
        } else {
            step.next_retry_at.map(|at| ((at - now) / 1_000_000).max(0))
        },
        dependency_status: if total == 0 {
            "no_dependencies".to_owned()
        } else if step.unmet == 0 {
            "all_satisfied".to_owned()
        } else {
            format!("{done}/{total}_satisfied")
        },
        retry_status: if !step.is_retry_eligible() {
            "max_retries_reached"
        } else if step.next_retry_at.is_some_and(|at| at > now) {
            "waiting_for_backoff"
        } else {
            "retry_eligible"
        },
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn the_execution_context_is_the_domains() {
    let (database, models) = world().await;
    let mut connection = database.store.pool().acquire().await.unwrap();
    for model in &models {
        for now in moments(model) {
            let rows = sqlx::query(
                "select *, completion_percentage::float8 as percentage from get_task_execution_context($1, $2)",
            )
            .bind(model.task_id.uuid())
            .bind(time(now))
            .fetch_all(&mut *connection)
            .await
            .unwrap();
            let found = lines!(
                rows, task_id: uuid::Uuid, named_task_id: i32, status: String, total_steps: i64, pending_steps: i64,
                in_progress_steps: i64, completed_steps: i64, failed_steps: i64, ready_steps: i64,
                execution_status: String, recommended_action: String, percentage: f64, health_status: String,
                cancelled_steps: i64, waiting_steps: i64, permanently_blocked_steps: i64,
            );
            let counts = model.run.counts(now);
            let expected = line!(
                task_id: model.task_id.uuid(),
                named_task_id: model.run.template().id,
                status: model.run.state().label(),
                total_steps: counts.total,
                pending_steps: counts.pending,
                in_progress_steps: counts.in_progress,
                completed_steps: counts.completed,
                failed_steps: counts.failed,
                ready_steps: counts.ready,
                execution_status: counts.status().label(),
                recommended_action: counts.status().action().label(),
                percentage: counts.completion_percentage(),
                health_status: counts.health().label(),
                cancelled_steps: counts.cancelled,
                waiting_steps: counts.waiting,
                permanently_blocked_steps: counts.permanently_blocked,
            );
            assert_eq!(found, [expected]);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_audit_trail_reads_as_it_was_written() {
    let (database, models) = world().await;
    let mut connection = database.store.pool().acquire().await.unwrap();
    for model in &models {
        let rows = ask(
            &mut connection,
            "select null::uuid as step, sort_key, from_state, to_state, event, most_recent
             from tasker_task_transitions where task_id = $1
             union all
             select workflow_step_id, sort_key, from_state, to_state, event, most_recent
             from tasker_workflow_step_transitions where task_id = $1
             order by sort_key",
            model,
        )
        .await;
        let found = lines!(
            rows, step: Option<uuid::Uuid>, sort_key: i32, from_state: Option<String>, to_state: String,
            event: Option<String>, most_recent: bool,
        );
        let expected: Vec<String> = model
            .moves
            .iter()
            .map(|(step, ..)| {
                let owner = if step.step.is_some() { Owner::Step } else { Owner::Task };
                let newest = model.moves.iter().rfind(|(other, ..)| other.step == step.step).unwrap();
                let moved = step.from != Some(step.to);
                line!(
                    step: step.step.map(|no| model.task_id.step(no).uuid()),
                    sort_key: step.sequence,
                    from_state: step.from.map(State::label),
                    to_state: step.to.label(),
                    event: state::event(owner, step.from, step.to).filter(|_| moved),
                    most_recent: newest.0.sequence == step.sequence,
                )
            })
            .collect();
        assert_eq!(found, expected);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn active_views_show_active_work_and_health_counts_everything() {
    let (database, models) = world().await;
    let mut connection = database.store.pool().acquire().await.unwrap();
    let active = |model: &&Model| matches!(model.run.state(), State::Pending | State::InProgress);
    let tasks = models.iter().filter(active).count();
    let open = |state: &State| matches!(state, State::Pending | State::InProgress | State::Error);
    let states = |model: &Model| model.run.steps().iter().map(|step| step.state).collect::<Vec<_>>();
    let steps = models.iter().filter(active).flat_map(|model| states(model).into_iter().filter(open)).count();
    for (view, expected) in [
        ("tasker_active_tasks", tasks),
        ("tasker_active_task_execution_contexts", tasks),
        ("tasker_task_workflow_summaries", tasks),
        ("tasker_active_workflow_steps", steps),
        ("tasker_active_step_readiness_statuses", steps),
        ("tasker_tasks", models.len()),
        ("tasker_task_execution_contexts", models.len()),
        ("tasker_workflow_steps", models.iter().map(|model| model.run.steps().len()).sum()),
        ("tasker_step_readiness_statuses", models.iter().map(|model| model.run.steps().len()).sum()),
    ] {
        let text = sqlx::AssertSqlSafe(format!("select count(*) from {view}"));
        let found: i64 = sqlx::query_scalar(text).fetch_one(&mut *connection).await.unwrap();
        assert_eq!(usize::try_from(found).unwrap(), expected, "{view}");
    }
    let all: Vec<uuid::Uuid> = models.iter().map(|model| model.task_id.uuid()).collect();
    for (text, expected) in [
        ("select count(*) from get_task_execution_contexts_batch($1)", models.len()),
        (
            "select count(*) from get_step_readiness_status_batch($1)",
            models.iter().map(|model| model.run.steps().len()).sum(),
        ),
    ] {
        let found: i64 = sqlx::query_scalar(text).bind(&all).fetch_one(&mut *connection).await.unwrap();
        assert_eq!(usize::try_from(found).unwrap(), expected, "{text}");
    }

    sqlx::query("select tasker_recount_tasks()").execute(&mut *connection).await.unwrap();
    let now = model::EPOCH;
    let rows = sqlx::query("select * from get_system_health_counts($1)")
        .bind(time(now))
        .fetch_all(&mut *connection)
        .await
        .unwrap();
    let found = lines!(
        rows, total_tasks: i64, pending_tasks: i64, in_progress_tasks: i64, complete_tasks: i64, error_tasks: i64,
        cancelled_tasks: i64, total_steps: i64, pending_steps: i64, in_progress_steps: i64, complete_steps: i64,
        error_steps: i64, retryable_error_steps: i64, exhausted_retry_steps: i64, in_backoff_steps: i64,
    );
    let of = |wanted: State| models.iter().filter(|model| model.run.state() == wanted).count();
    let every: Vec<_> = models.iter().flat_map(|model| model.run.steps()).collect();
    let steps_of = |wanted: State| every.iter().filter(|step| step.state == wanted).count();
    let expected = line!(
        total_tasks: models.len(),
        pending_tasks: of(State::Pending),
        in_progress_tasks: of(State::InProgress),
        complete_tasks: of(State::Complete),
        error_tasks: of(State::Error),
        cancelled_tasks: of(State::Cancelled),
        total_steps: every.len(),
        pending_steps: steps_of(State::Pending),
        in_progress_steps: steps_of(State::InProgress),
        complete_steps: steps_of(State::Complete),
        error_steps: steps_of(State::Error),
        retryable_error_steps: every.iter().filter(|step| step.state == State::Error && step.is_retry_eligible()).count(),
        exhausted_retry_steps: every.iter().filter(|step| step.is_permanently_blocked()).count(),
        in_backoff_steps: every.iter().filter(|step| {
            matches!(step.state, State::Pending | State::Error) && step.next_retry_at.is_some_and(|at| at > now)
        }).count(),
    );
    assert_eq!(found, [expected]);
}

#[tokio::test(flavor = "multi_thread")]
async fn kept_counts_follow_tasks_that_are_deleted() {
    let (database, models) = world().await;
    let mut connection = database.store.pool().acquire().await.unwrap();
    sqlx::query("select tasker_recount_tasks()").execute(&mut *connection).await.unwrap();
    let some: Vec<uuid::Uuid> = models.iter().step_by(3).map(|model| model.task_id.uuid()).collect();
    let all = kept_counts(&mut connection).await;
    for text in ["delete from transitions", "delete from tasks"] {
        let text = sqlx::AssertSqlSafe(format!("{text} where task_id = any ($1)"));
        sqlx::query(text).bind(&some).execute(&mut *connection).await.unwrap();
    }
    let unfolded = kept_counts(&mut connection).await;
    assert_ne!(unfolded, all);
    // Some at a time, as the sweeper does.
    for _ in 0..50 {
        tallies::fold(&mut *connection, 20).await.unwrap();
    }
    let left: i64 = sqlx::query_scalar("select count(*) from tally_changes").fetch_one(&mut *connection).await.unwrap();
    assert_eq!(left, 0);
    assert_eq!(kept_counts(&mut connection).await, unfolded, "folding changes no count");
    sqlx::query("select tasker_recount_tasks()").execute(&mut *connection).await.unwrap();
    assert_eq!(kept_counts(&mut connection).await, unfolded, "deletion was followed");
    sqlx::query("truncate tasks cascade").execute(&mut *connection).await.unwrap();
    assert!(kept_counts(&mut connection).await.is_empty());
}

/// Everything that is counted, by handler version and by namespace.
async fn kept_counts(connection: &mut PgConnection) -> Vec<(String, i32, i16, i64)> {
    sqlx::query_as(
        "select * from (
             select 'tasks', named_task_id, state, tasks from tasker_task_tallies
             union all
             select 'steps', named_task_id, state, steps from tasker_step_tallies
             union all
             select 'namespaces', task_namespace_id, kind, count from tasker_namespace_tallies
         ) k (what, id, kind, count)
         where count <> 0 order by what, id, kind",
    )
    .fetch_all(connection)
    .await
    .unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn ids_are_taken_apart_and_put_together() {
    let (database, models) = world().await;
    let mut connection = database.store.pool().acquire().await.unwrap();
    let task = models[0].task_id;
    for no in [0, 1, 4_095, 9_999, 29_999] {
        let step = task.step(no);
        let row = sqlx::query("select tasker_step_id($1, $2), tasker_step_task_id($3), tasker_step_no($3)")
            .bind(task.uuid())
            .bind(i32::from(no))
            .bind(step.uuid())
            .fetch_one(&mut *connection)
            .await
            .unwrap();
        assert_eq!(row.get::<uuid::Uuid, _>(0), step.uuid());
        assert_eq!(row.get::<uuid::Uuid, _>(1), task.uuid());
        assert_eq!(row.get::<i32, _>(2), i32::from(no));
    }
    let named: i64 = sqlx::query_scalar("select count(*) from get_step_readiness_status($1, array[$2, $3])")
        .bind(task.uuid())
        .bind(task.step(0).uuid())
        .bind(models[1].task_id.step(0).uuid())
        .fetch_one(&mut *connection)
        .await
        .unwrap();
    assert_eq!(named, 1, "only steps of the task are looked at");
}

async fn ask(connection: &mut PgConnection, text: &'static str, model: &Model) -> Vec<PgRow> {
    sqlx::query(text).bind(model.task_id.uuid()).fetch_all(connection).await.unwrap()
}

/// Step ids as jsonb shows them.
fn ids(model: &Model, steps: &[StepNo]) -> String {
    let ids: Vec<String> = steps.iter().map(|no| format!("\"{}\"", model.task_id.step(*no))).collect();
    format!("[{}]", ids.join(", "))
}
