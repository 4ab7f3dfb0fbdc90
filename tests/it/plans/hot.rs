//! The statements of the hot path, with the plans that their connections keep: by key, whatever the tables hold.

use sqlx::{AssertSqlSafe, PgConnection};

use super::statement;
use crate::harness::{self, Database};

/// Enough rows that a plan that reads a table whole is never the cheap one.
async fn crowded() -> Database {
    let database = harness::database().await;
    for text in [
        "insert into tasks (task_id, named_task_id, state, revision, steps, created_at, updated_at, deadline_at)
         select gen_random_uuid(), 1, case when n % 20 = 0 then n / 20 % 2 else 2 end, 9, '\\x0200000100000001'::bytea,
                now(), now(), case when n % 40 = 0 then now() end
         from generate_series(1, 20000) n",
        "insert into task_requests (task_id, named_task_id, context, requested_at)
         select task_id, named_task_id, '{}', created_at from tasks",
        "insert into transitions (task_id, sequence, step_no, from_state, to_state, at)
         select task_id, s, 0, 1, 2, now() from tasks, generate_series(1, 4) s",
        "insert into leases (task_id, step_no, attempt, queue_id, session_id, claimed_at)
         select task_id, 0, 1, 1, md5((row_number() over () % 50)::text)::uuid, now() from tasks limit 5000",
        "insert into ready_steps (queue_id, visible_at, task_id, step_no)
         select row_number() over () % 5, now() + random() * interval '1 hour', task_id, 0 from tasks",
        "insert into step_inputs (task_id, step_no, inputs) select task_id, 0, '{}' from tasks",
        "insert into sessions (session_id, worker_id, server_id, slots, connected_at, expires_at, closed_at)
         select md5(n::text)::uuid, 'worker', md5((n % 3)::text)::uuid, 9, now(), now(), case when n > 50 then now() end
         from generate_series(1, 5000) n",
        "vacuum analyze",
    ] {
        sqlx::query(text).execute(database.store.pool()).await.unwrap();
    }
    database
}

/// The plan of a statement for any parameters.
async fn plan(connection: &mut PgConnection, file: &str) -> String {
    let text = statement(file);
    let code: String = text.lines().filter(|line| !line.starts_with("--")).collect();
    let count = (1..100).rev().find(|number| code.contains(&format!("${number}"))).unwrap_or(0);
    let nulls = vec!["null"; count].join(", ");
    let arguments = if count > 0 { format!("({nulls})") } else { String::new() };
    for text in [format!("prepare explained as {text}"), "set plan_cache_mode = force_generic_plan".to_owned()] {
        sqlx::raw_sql(AssertSqlSafe(text)).execute(&mut *connection).await.unwrap();
    }
    let explain = AssertSqlSafe(format!("explain (costs off) execute explained{arguments}"));
    let lines: Vec<String> = sqlx::query_scalar(explain).fetch_all(&mut *connection).await.unwrap();
    sqlx::raw_sql("deallocate explained").execute(connection).await.unwrap();
    lines.join("\n")
}

/// Checks that a statement reads no table whole but those `whole`, and walks these indexes.
async fn check(connection: &mut PgConnection, file: &str, indexes: &[&str], whole: &[&str]) {
    let plan = plan(connection, file).await;
    let scans = plan.lines().filter_map(|line| line.trim().trim_start_matches("->  ").strip_prefix("Seq Scan on "));
    let scanned: Vec<&str> = scans.filter_map(|rest| rest.split_whitespace().next()).collect();
    assert!(scanned.iter().all(|table| whole.contains(table)), "{file} scans {scanned:?}:\n{plan}");
    for index in indexes {
        assert!(plan.contains(index), "{file} does not walk {index}:\n{plan}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn lanes_and_the_dispatcher_walk_keys() {
    let database = crowded().await;
    let mut lane = database.store.dedicated().await.unwrap();
    let mut lane = lane.read().await.unwrap();
    check(&mut lane, "lifecycle/load", &["tasks_pkey"], &[]).await;
    check(&mut lane, "lifecycle/load_locked", &["tasks_pkey"], &[]).await;
    check(&mut lane, "lifecycle/write", &["tasks_pkey", "leases_pkey"], &[]).await;
    check(&mut lane, "lifecycle/advance", &["tasks_pkey", "leases_pkey"], &[]).await;
    check(&mut lane, "lifecycle/claim_identity", &[], &[]).await;
    check(&mut lane, "lifecycle/find_identity", &["task_requests_identity"], &[]).await;
    check(&mut lane, "lifecycle/contexts", &["task_requests_pkey"], &[]).await;
    check(&mut lane, "lifecycle/results", &["transitions_pkey"], &[]).await;
    check(&mut lane, "lifecycle/inputs", &["step_inputs_pkey"], &[]).await;
    check(&mut lane, "lifecycle/set_request", &["task_requests_pkey"], &[]).await;
    check(&mut lane, "ready/pop", &["ready_steps_pkey"], &[]).await;
    check(&mut lane, "ready/next_due", &["ready_steps_pkey"], &[]).await;
    check(&mut lane, "ready/put", &[], &[]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn sessions_and_the_sweeper_read_what_runs_and_what_waits() {
    let database = crowded().await;
    let mut connection = database.store.pool().acquire().await.unwrap();
    let connection = &mut *connection;
    check(connection, "sessions/adopt", &["sessions_pkey"], &["leases"]).await;
    check(connection, "sessions/roster", &["sessions_open"], &[]).await;
    check(connection, "sessions/served", &["sessions_open"], &[]).await;
    check(connection, "sessions/detach", &["sessions_pkey"], &[]).await;
    check(connection, "sessions/set_queues", &["sessions_pkey"], &[]).await;
    check(connection, "sessions/drain_server", &["sessions_open"], &[]).await;
    check(connection, "sessions/held", &[], &["leases"]).await;
    check(connection, "sessions/keep_alive", &["sessions_open"], &[]).await;
    check(connection, "sessions/revive", &["sessions_pkey"], &[]).await;
    check(connection, "sessions/close", &["sessions_pkey"], &[]).await;
    check(connection, "sessions/mark_draining", &["sessions_pkey"], &[]).await;
    check(connection, "sessions/close_expired", &["sessions_open"], &["leases"]).await;
    check(connection, "leases/expired", &["sessions_open"], &["leases"]).await;
    check(connection, "leases/overdue", &["leases_deadline"], &[]).await;
    check(connection, "sessions/over", &["sessions_open", "sessions_closed"], &[]).await;
    check(connection, "leases/of_server", &[], &["leases", "sessions"]).await;
    check(connection, "leases/holder", &["leases_pkey"], &[]).await;
    check(connection, "leases/set_progress", &["leases_pkey"], &[]).await;
    check(connection, "leases/remove_orphans", &["leases_pkey", "tasks_pkey"], &[]).await;
    check(connection, "ready/listed", &[], &["ready_steps"]).await;
    check(connection, "sweeper/past_deadline", &["tasks_deadline"], &[]).await;
    check(connection, "sweeper/unfinished", &["tasks_active"], &[]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn durations_are_measured_by_key() {
    let database = crowded().await;
    let mut connection = database.store.pool().acquire().await.unwrap();
    check(&mut connection, "graph/durations", &["task_requests_named_task", "transitions_pkey"], &[]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn explanations_walk_keys() {
    let database = crowded().await;
    let mut connection = database.store.pool().acquire().await.unwrap();
    let connection = &mut *connection;
    check(connection, "explain/failures", &["transitions_pkey"], &[]).await;
    check(connection, "explain/ends", &["transitions_pkey"], &[]).await;
    check(connection, "explain/leases", &["leases_pkey"], &[]).await;
    check(connection, "handlers/record", &["task_requests_named_task", "tasks_pkey"], &["named_tasks"]).await;
    check(
        connection,
        "pauses/release",
        &["ready_steps_pkey"],
        &["named_tasks", "named_tasks_named_steps", "task_namespaces"],
    )
    .await;
}
