//! How the database is, for those who watch it.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use sqlx::{PgConnection, Row, postgres::PgRow};

use super::{Result, lifecycle::timestamp, sql};
use crate::domain::run::Micros;

/// Rows of one queue that are counted at most.
const QUEUE_ROWS_MAX: i64 = 10_000;
/// Rows of all queues that are counted at most.
const ROWS_MAX: i64 = 50_000;
/// Tasks that trends look at, the newest ones.
const TREND_TASKS_MAX: i64 = 20_000;
/// Those of them whose steps are looked at.
const TREND_STEPS_OF: i64 = 1_000;

/// Tasks and steps by state.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[expect(missing_docs, reason = "the columns of get_system_health_counts, and the states that it leaves out")]
pub struct Counts {
    pub total_tasks: i64,
    pub pending_tasks: i64,
    pub in_progress_tasks: i64,
    pub complete_tasks: i64,
    pub error_tasks: i64,
    pub cancelled_tasks: i64,
    pub resolved_tasks: i64,
    pub total_steps: i64,
    pub pending_steps: i64,
    pub in_progress_steps: i64,
    pub complete_steps: i64,
    pub error_steps: i64,
    pub cancelled_steps: i64,
    pub resolved_steps: i64,
    pub retryable_error_steps: i64,
    pub exhausted_retry_steps: i64,
    pub in_backoff_steps: i64,
    pub active_connections: i64,
    pub max_connections: i64,
}

impl Counts {
    /// The counts of a row that has connections too.
    pub(super) fn of(row: &PgRow) -> Result<Self> {
        Ok(Self {
            active_connections: row.try_get("active_connections")?,
            max_connections: row.try_get("max_connections")?,
            ..Self::of_states(row)?
        })
    }

    fn of_states(row: &PgRow) -> Result<Self> {
        Ok(Self {
            total_tasks: row.try_get("total_tasks")?,
            pending_tasks: row.try_get("pending_tasks")?,
            in_progress_tasks: row.try_get("in_progress_tasks")?,
            complete_tasks: row.try_get("complete_tasks")?,
            error_tasks: row.try_get("error_tasks")?,
            cancelled_tasks: row.try_get("cancelled_tasks")?,
            resolved_tasks: row.try_get("resolved_tasks")?,
            total_steps: row.try_get("total_steps")?,
            pending_steps: row.try_get("pending_steps")?,
            in_progress_steps: row.try_get("in_progress_steps")?,
            complete_steps: row.try_get("complete_steps")?,
            error_steps: row.try_get("error_steps")?,
            cancelled_steps: row.try_get("cancelled_steps")?,
            resolved_steps: row.try_get("resolved_steps")?,
            retryable_error_steps: row.try_get("retryable_error_steps")?,
            exhausted_retry_steps: row.try_get("exhausted_retry_steps")?,
            in_backoff_steps: row.try_get("in_backoff_steps")?,
            ..Self::default()
        })
    }

    /// These and others; connections are left as they are.
    pub const fn add(&mut self, other: &Self) {
        self.total_tasks += other.total_tasks;
        self.pending_tasks += other.pending_tasks;
        self.in_progress_tasks += other.in_progress_tasks;
        self.complete_tasks += other.complete_tasks;
        self.error_tasks += other.error_tasks;
        self.cancelled_tasks += other.cancelled_tasks;
        self.resolved_tasks += other.resolved_tasks;
        self.total_steps += other.total_steps;
        self.pending_steps += other.pending_steps;
        self.in_progress_steps += other.in_progress_steps;
        self.complete_steps += other.complete_steps;
        self.error_steps += other.error_steps;
        self.cancelled_steps += other.cancelled_steps;
        self.resolved_steps += other.resolved_steps;
        self.retryable_error_steps += other.retryable_error_steps;
        self.exhausted_retry_steps += other.exhausted_retry_steps;
        self.in_backoff_steps += other.in_backoff_steps;
    }
}

/// How the tasks of the last hour did.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Trends {
    /// From here on: an hour ago, or later when more tasks were created than are looked at.
    pub start: DateTime<Utc>,
    /// Until here.
    pub end: DateTime<Utc>,
    /// Tasks created.
    pub created: i64,
    /// Of those, complete ones.
    pub completed: i64,
    /// Of those, ones in error.
    pub failed: i64,
    /// How long a step of the newest ones took until it was complete, in seconds, on average; zero when none was.
    pub step_seconds: f64,
}

/// Steps of one kind that wait for a worker.
#[derive(Debug, Clone, PartialEq)]
pub struct Queue {
    /// The handler's namespace.
    pub namespace: String,
    /// The handler.
    pub handler: String,
    /// The step.
    pub step: String,
    /// How many wait.
    pub depth: i64,
    /// How long the oldest has waited.
    pub age_seconds: f64,
}

/// The database as a whole.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Database {
    /// Its version.
    pub version: String,
    /// Its size.
    pub size_bytes: i64,
    /// Connections of all clients.
    pub connections: i64,
    /// Connections that it allows.
    pub connections_max: i64,
    /// Age of the oldest snapshot that somebody holds open.
    pub oldest_snapshot_seconds: f64,
}

impl Database {
    /// Connections as a share of those allowed, in percent, to two decimals.
    #[expect(clippy::cast_precision_loss, reason = "there are few connections")]
    pub fn utilization(&self) -> f64 {
        let share = self.connections as f64 / self.connections_max.max(1) as f64;
        (share * 1e4).round() / 1e2
    }
}

/// A table that grows.
#[derive(Debug, Clone, PartialEq)]
pub struct Table {
    /// Its name.
    pub name: String,
    /// Its size with indexes.
    pub bytes: i64,
    /// Rows that are there.
    pub live_rows: i64,
    /// Rows that a vacuum has not removed yet.
    pub dead_rows: i64,
}

impl Table {
    /// Dead rows as a share of all.
    #[expect(clippy::cast_precision_loss, reason = "a share is a rough figure")]
    pub fn dead_ratio(&self) -> f64 {
        self.dead_rows as f64 / (self.live_rows + self.dead_rows).max(1) as f64
    }
}

/// Asks whether the database answers and takes writes; why it does not take them, if so.
pub async fn ping(connection: &mut PgConnection) -> Result<Option<&'static str>> {
    let row = sql!("status/ping").fetch_one(connection).await?;
    Ok(if row.try_get("standby")? {
        Some("the database is a standby and takes no writes")
    } else if row.try_get("read_only")? {
        Some("the database is read-only and takes no writes")
    } else if !row.try_get::<bool, _>("may_write")? {
        Some("the user of the database may not write to the table tasks")
    } else {
        None
    })
}

/// Ends statements of the transaction that take longer.
pub async fn limit(connection: &mut PgConnection, most: Duration) -> Result<()> {
    let millis = i64::try_from(most.as_millis()).unwrap_or(i64::MAX);
    sql!("status/limit").bind(millis).execute(connection).await?;
    Ok(())
}

/// Counts tasks and steps by state, by namespace.
pub async fn counts_by_namespace(connection: &mut PgConnection, now: Micros) -> Result<Vec<(String, Counts)>> {
    let rows = sql!("status/counts_by_namespace").bind(now).fetch_all(connection).await?;
    rows.iter().map(|row| Ok((row.try_get("namespace")?, Counts::of_states(row)?))).collect()
}

/// Sums up the last hour, or as much of it as a cheap look sees.
pub async fn trends(connection: &mut PgConnection, now: Micros) -> Result<Trends> {
    let end = timestamp(now);
    let query = sql!("status/trends").bind(end - TimeDelta::hours(1)).bind(TREND_TASKS_MAX).bind(TREND_STEPS_OF);
    let row = query.fetch_one(connection).await?;
    Ok(Trends {
        start: row.try_get("period_start")?,
        end,
        created: row.try_get("created")?,
        completed: row.try_get("completed")?,
        failed: row.try_get("failed")?,
        step_seconds: row.try_get("step_seconds")?,
    })
}

/// Lists what waits for workers, the longest queue first.
pub async fn queues(connection: &mut PgConnection, now: Micros) -> Result<Vec<Queue>> {
    let query = sql!("status/queues").bind(timestamp(now)).bind(QUEUE_ROWS_MAX).bind(ROWS_MAX);
    let rows = query.fetch_all(connection).await?;
    rows.iter()
        .map(|row| {
            Ok(Queue {
                namespace: row.try_get("namespace")?,
                handler: row.try_get("handler")?,
                step: row.try_get("step")?,
                depth: row.try_get("depth")?,
                age_seconds: row.try_get("age_seconds")?,
            })
        })
        .collect()
}

/// Looks at the database as a whole.
pub async fn database(connection: &mut PgConnection) -> Result<Database> {
    let row = sql!("status/database").fetch_one(connection).await?;
    Ok(Database {
        version: row.try_get("version")?,
        size_bytes: row.try_get("size_bytes")?,
        connections: row.try_get("connections")?,
        connections_max: row.try_get("connections_max")?,
        oldest_snapshot_seconds: row.try_get("oldest_snapshot_seconds")?,
    })
}

/// Lists the tables that grow.
pub async fn tables(connection: &mut PgConnection) -> Result<Vec<Table>> {
    let rows = sql!("status/tables").fetch_all(connection).await?;
    rows.iter()
        .map(|row| {
            Ok(Table {
                name: row.try_get("name")?,
                bytes: row.try_get("bytes")?,
                live_rows: row.try_get("live_rows")?,
                dead_rows: row.try_get("dead_rows")?,
            })
        })
        .collect()
}
