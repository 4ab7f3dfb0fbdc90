//! The looks behind the detailed status and the gauges.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use tokio_util::sync::CancellationToken;

use super::{Monitor, Seen};
use crate::store::{self, Connection, status as rows};

/// Looks at every interval until `stop`.
pub(super) async fn run(monitor: &Monitor, stop: &CancellationToken) {
    let mut connection: Option<Connection> = None;
    let look_and_wait = async {
        loop {
            look(monitor, &mut connection).await;
            tokio::time::sleep(monitor.0.settings.status_interval).await;
        }
    };
    let _stopped: Option<()> = stop.run_until_cancelled(look_and_wait).await;
}

async fn look(monitor: &Monitor, connection: &mut Option<Connection>) {
    let limit = monitor.0.settings.status_timeout;
    let asked = tokio::time::timeout(limit, ask(monitor, connection)).await;
    let seen = asked.map_err(|_| format!("no answer within {limit:?}"));
    match seen.and_then(|seen| seen.map_err(|error| error.to_string())) {
        Ok(seen) => {
            tell(monitor, &seen);
            let mut looked = monitor.looked();
            looked.seen = Some((Instant::now(), Arc::new(seen)));
            looked.error = None;
        }
        Err(problem) => {
            *connection = None;
            tracing::debug!(problem, "status not seen");
            monitor.looked().error = Some(problem);
        }
    }
}

async fn ask(monitor: &Monitor, connection: &mut Option<Connection>) -> store::Result<Seen> {
    let began = Instant::now();
    let vitals = &monitor.0.vitals;
    let connection = match connection {
        Some(connection) => connection,
        None => connection.insert(vitals.store.single().await?),
    };
    let mut transaction = store::begin(connection).await?;
    rows::limit(&mut transaction, monitor.0.settings.status_timeout).await?;
    let namespaces = rows::counts_by_namespace(&mut transaction, vitals.clock.now()).await?;
    let trends = rows::trends(&mut transaction, vitals.clock.now()).await?;
    let queues = rows::queues(&mut transaction, vitals.clock.now()).await?;
    let database = rows::database(&mut transaction).await?;
    let tables = rows::tables(&mut transaction).await?;
    store::commit(transaction).await?;
    let mut counts = rows::Counts {
        active_connections: database.connections,
        max_connections: database.connections_max,
        ..rows::Counts::default()
    };
    namespaces.iter().for_each(|(_, of)| counts.add(of));
    Ok(Seen { counts, namespaces, trends, queues, database, tables, took: began.elapsed() })
}

/// Tells what was seen of the database.
#[expect(clippy::cast_precision_loss, reason = "gauges are floating")]
fn tell(monitor: &Monitor, seen: &Seen) {
    let metrics = &monitor.0.vitals.metrics;
    let counts = &seen.counts;
    for (state, count) in [
        ("pending", counts.pending_tasks),
        ("in_progress", counts.in_progress_tasks),
        ("complete", counts.complete_tasks),
        ("error", counts.error_tasks),
        ("cancelled", counts.cancelled_tasks),
    ] {
        metrics.tasks.with([state]).set(count as f64);
    }
    for (state, count) in [
        ("pending", counts.pending_steps),
        ("in_progress", counts.in_progress_steps),
        ("complete", counts.complete_steps),
        ("error", counts.error_steps),
        ("retryable", counts.retryable_error_steps),
        ("exhausted", counts.exhausted_retry_steps),
        ("in_backoff", counts.in_backoff_steps),
    ] {
        metrics.steps.with([state]).set(count as f64);
    }
    fn labels(queue: &rows::Queue) -> [&str; 3] {
        [&queue.namespace, &queue.handler, &queue.step]
    }
    let depths: Vec<_> = seen.queues.iter().map(|queue| (labels(queue), queue.depth as f64)).collect();
    metrics.queue_depth.replace(&depths, |one, other| one + other);
    let ages: Vec<_> = seen.queues.iter().map(|queue| (labels(queue), queue.age_seconds)).collect();
    metrics.queue_age.replace(&ages, f64::max);
    metrics.database_connections.with(["active"]).set(seen.database.connections as f64);
    metrics.database_connections.with(["max"]).set(seen.database.connections_max as f64);
    metrics.database_size.with([]).set(seen.database.size_bytes as f64);
    metrics.database_snapshot_age.with([]).set(seen.database.oldest_snapshot_seconds);
    for table in &seen.tables {
        metrics.database_dead_ratio.with([&table.name]).set(table.dead_ratio());
        metrics.database_dead_rows.with([&table.name]).set(table.dead_rows as f64);
    }
}

/// Tells how this server is; costs no statement.
#[expect(clippy::cast_precision_loss, reason = "gauges are floating")]
pub(super) fn gauges(monitor: &Monitor) {
    let metrics = &monitor.0.vitals.metrics;
    let server = monitor.server();
    for (number, lane) in server.lanes.iter().enumerate() {
        metrics.writer_queue.with([&number.to_string()]).set(lane.queued as f64);
    }
    metrics.sessions.with([]).set(server.workers.sessions as f64);
    metrics.session_slots.with(["busy"]).set(server.workers.busy as f64);
    metrics.session_slots.with(["free"]).set(server.workers.slots.saturating_sub(server.workers.busy) as f64);
    let pool = &server.pool;
    metrics.pool_connections.with(["idle"]).set(pool.idle as f64);
    metrics.pool_connections.with(["busy"]).set(pool.connections.saturating_sub(pool.idle) as f64);
    metrics.pool_connections_max.with([]).set(pool.connections_max as f64);
    metrics.log_lines_suppressed.with([]).set(crate::telemetry::suppressed());
    process(monitor);
}

/// Tells what the kernel says of this process; nothing where it says nothing.
#[expect(clippy::cast_precision_loss, reason = "gauges are floating")]
fn process(monitor: &Monitor) {
    let metrics = &monitor.0.vitals.metrics;
    let read = |name: &str| std::fs::read_to_string(format!("/proc/self/{name}")).ok();
    let pages = read("statm").and_then(|text| text.split_whitespace().nth(1)?.parse::<u64>().ok());
    if let Some(pages) = pages {
        metrics.memory.with([]).set((pages * 4_096) as f64);
    }
    // After the name in brackets: user and system time are the 12th and 13th word, in hundredths of a second.
    let ticks = read("stat").and_then(|text| {
        let words: Vec<&str> = text.rsplit_once(')')?.1.split_whitespace().collect();
        Some(words.get(11)?.parse::<u64>().ok()? + words.get(12)?.parse::<u64>().ok()?)
    });
    if let Some(ticks) = ticks {
        metrics.cpu.with([]).set(Duration::from_millis(ticks * 10).as_secs());
    }
    if let Ok(files) = std::fs::read_dir("/proc/self/fd") {
        metrics.open_files.with([]).set(files.count() as f64);
    }
}
