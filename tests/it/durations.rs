//! What is measured of earlier runs, whatever else waits.

use tasker::{
    domain::ids::TaskId,
    store::graph::{Sample, durations},
};

use crate::harness::{self, Database};

const NOW: i64 = 1_800_000_000_000_000;
const SECOND: i64 = 1_000_000;

/// Tasks of handler 1, one a second before `until`, the newest first; when done, their only step took so long.
async fn tasks(database: &Database, until: i64, count: u64, took_seconds: Option<i64>) {
    for n in 0..count {
        let at = until - i64::try_from(n + 1).unwrap() * SECOND;
        let id = TaskId::new(at, n).uuid();
        let at = chrono::DateTime::from_timestamp_micros(at).unwrap();
        sqlx::query(
            "with request as (
                 insert into task_requests (task_id, named_task_id, context, requested_at) values ($1, 1, '{}', $2)
             )
             insert into transitions (task_id, sequence, step_no, from_state, to_state, attempt, at, started_at)
             select $1, 4, 0, 1, 2, 1, $2, $2 - make_interval(secs => $3) where $3 is not null",
        )
        .bind(id)
        .bind(at)
        .bind(took_seconds.map(|seconds| seconds as f64))
        .execute(database.store.pool())
        .await
        .unwrap();
    }
}

/// `samples median p95` of the step, looking before now and before ten minutes ago.
async fn measured(database: &Database) -> String {
    let before = [0, 600].map(|back| TaskId::new(NOW - back * SECOND, 0)).to_vec();
    let sample = Sample { before, until: NOW, tasks: 20, attempts: 1_000 };
    let found = durations(&database.store, 1, &sample).await.unwrap();
    let show = found.iter().map(|(no, found)| format!("{no}: {} {} {}", found.samples, found.median_ms, found.p95_ms));
    show.collect::<Vec<_>>().join(", ")
}

#[tokio::test(flavor = "multi_thread")]
async fn the_newest_runs_count_and_a_backlog_hides_none() {
    let database = harness::database().await;
    assert_eq!(measured(&database).await, "");
    // A long history, of which only the newest counts.
    tasks(&database, NOW - 5_000 * SECOND, 200, Some(1_000)).await;
    assert_eq!(measured(&database).await, "0: 20 1000000 1000000");
    tasks(&database, NOW - 1_000 * SECOND, 100, Some(10)).await;
    assert_eq!(measured(&database).await, "0: 20 10000 10000");
    // Tasks that have not run stand before it.
    tasks(&database, NOW, 300, None).await;
    assert_eq!(measured(&database).await, "0: 20 10000 10000");
    // A few that have run come on top, once each.
    tasks(&database, NOW + SECOND / 2, 5, Some(30)).await;
    assert_eq!(measured(&database).await, "0: 25 10000 30000");
}
