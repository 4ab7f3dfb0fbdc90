//! How tasks did: the analysing functions of the schema as values.
//!
//! Owns: these values, and the bounds of what they may cost: a look at one moment that is given up when a statement
//! takes too long. The definitions stand in the migration that makes the functions. Next: `service::analytics`.

use std::time::Duration;

use chrono::{DateTime, Utc};
use sqlx::{
    Postgres, Row,
    postgres::{PgArguments, PgRow},
    query::Query,
};
use uuid::Uuid;

use super::{Error, Result, Store, Transaction, sql, status::Counts};

/// SQLSTATE of a statement that took too long.
const CANCELLED: &str = "57014";

type Statement<'q> = Query<'q, Postgres, PgArguments>;

/// Whose tasks. What is `None` does not restrict.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct Whose {
    /// Of one of these namespaces.
    pub namespaces: Option<Vec<String>>,
    /// Of handlers with this name.
    pub name: Option<String>,
    /// Of handlers with this version.
    pub version: Option<String>,
}

/// Which tasks of theirs.
#[derive(Debug, Clone, Copy)]
pub struct Span {
    /// Created since.
    pub since: DateTime<Utc>,
    /// The newest so many.
    pub tasks_max: i32,
}

/// How long things took, in seconds.
#[derive(Debug, Clone, Copy, Default)]
pub struct Spread {
    /// How many.
    pub count: i64,
    /// The mean.
    pub mean: f64,
    /// The median, the 95th and the 99th percentile, and the longest; `None` when there were none.
    pub points: Option<[f64; 4]>,
}

/// The time that was looked at.
#[derive(Debug, Clone, Copy)]
pub struct Period {
    /// From here on.
    pub start: DateTime<Utc>,
    /// Until here.
    pub end: DateTime<Utc>,
    /// Whether it was asked to begin earlier.
    pub truncated: bool,
}

/// How the tasks of a period did.
#[derive(Debug, Clone)]
pub struct Performance {
    /// The period.
    pub period: Period,
    /// Tasks created.
    pub tasks: i64,
    /// Complete ones.
    pub completed: i64,
    /// Ones in error.
    pub failed: i64,
    /// Complete ones in percent.
    pub completion_rate: f64,
    /// Ones in error in percent.
    pub error_rate: f64,
    /// Their steps.
    pub steps: i64,
    /// Complete tasks.
    pub task_durations: Spread,
    /// Complete steps.
    pub step_durations: Spread,
}

/// What there is.
#[derive(Debug, Clone, Copy)]
pub struct Overview {
    /// Tasks that are not final.
    pub active_tasks: i64,
    /// Namespaces with tasks.
    pub namespaces: i64,
    /// Handler names with tasks.
    pub task_types: i64,
    /// The completed part of the last hour's ends.
    pub health_score: f64,
}

/// How the tasks of a handler version did.
#[derive(Debug, Clone)]
pub struct OfHandler {
    /// The namespace.
    pub namespace: String,
    /// The handler.
    pub name: String,
    /// The version.
    pub version: String,
    /// What happened.
    pub performance: Performance,
}

/// A task that took long.
#[derive(Debug, Clone)]
#[expect(missing_docs, reason = "columns of get_slowest_tasks")]
pub struct SlowTask {
    pub task_id: Uuid,
    pub namespace: String,
    pub name: String,
    pub version: String,
    pub seconds: f64,
    pub steps: i32,
    pub completed_steps: i32,
    pub error_steps: i32,
    pub created_at: DateTime<Utc>,
    pub completed_at: Option<DateTime<Utc>>,
    pub initiator: String,
    pub source_system: String,
    pub state: String,
}

/// A step that took long.
#[derive(Debug, Clone)]
#[expect(missing_docs, reason = "columns of get_slowest_steps")]
pub struct SlowStep {
    pub step_id: Uuid,
    pub task_id: Uuid,
    pub step_name: String,
    pub namespace: String,
    pub name: String,
    pub version: String,
    pub seconds: f64,
    pub attempts: i32,
    pub created_at: DateTime<Utc>,
    pub completed_at: DateTime<Utc>,
    pub retryable: bool,
}

/// How tasks failed.
#[derive(Debug, Clone)]
pub struct ErrorPatterns {
    /// Tasks of the period.
    pub tasks: i64,
    /// Their handler names.
    pub task_types: i64,
    /// Those in error.
    pub errors: i64,
    /// Their part in percent.
    pub error_rate: f64,
    /// Of steps with several attempts, complete ones in percent.
    pub retry_success_rate: f64,
    /// The most frequent classes of errors.
    pub classes: Vec<(String, i64)>,
}

/// What open tasks wait for.
#[derive(Debug, Clone)]
pub struct Waits {
    /// Dependencies that are not complete.
    pub dependencies: i64,
    /// The mean age of tasks that wait.
    pub seconds: f64,
    /// The steps that wait most often.
    pub steps: Vec<(String, i64)>,
}

/// How long complete tasks took.
#[derive(Debug, Clone)]
pub struct Distribution {
    /// The period.
    pub period: Period,
    /// All of them.
    pub durations: Spread,
    /// How many took less than 10 seconds, less than 30, longer.
    pub buckets: Vec<i64>,
}

/// A look at one moment. Statements that take longer than its limit fail with [`Error::TooLong`].
#[derive(Debug)]
pub struct PeriodReader(Transaction<'static>);

impl PeriodReader {
    /// Begins.
    pub async fn begin(store: &Store, statement_timeout: Duration) -> Result<Self> {
        let mut moment = store.moment().await?;
        sql!("analytics/limit").bind(statement_timeout.as_millis().to_string()).execute(&mut *moment).await?;
        Ok(Self(moment))
    }

    /// What there is, and how the tasks of a period did.
    pub async fn metrics(&mut self, whose: &Whose, span: Span) -> Result<(Overview, Performance)> {
        let rows = spanned(sql!("analytics/metrics"), whose, span).fetch_one(&mut *self.0);
        let row = rows.await.map_err(too_long)?;
        let overview = Overview {
            active_tasks: row.try_get("active_tasks_count")?,
            namespaces: row.try_get("total_namespaces_count")?,
            task_types: row.try_get("unique_task_types_count")?,
            health_score: row.try_get("system_health_score")?,
        };
        Ok((overview, performance(&row, period(&row)?)?))
    }

    /// The same by handler version, the busiest first.
    pub async fn by_handler(
        &mut self,
        whose: &Whose,
        span: Span,
        period: Period,
        limit: i32,
    ) -> Result<Vec<OfHandler>> {
        let rows = ranked(sql!("analytics/metrics_by_handler"), whose, span, limit).fetch_all(&mut *self.0);
        let of = |row: &PgRow| {
            Ok(OfHandler {
                namespace: row.try_get("namespace_name")?,
                name: row.try_get("task_name")?,
                version: row.try_get("version")?,
                performance: performance(row, period)?,
            })
        };
        rows.await.map_err(too_long)?.iter().map(of).collect()
    }

    /// The tasks that took longest.
    pub async fn slowest_tasks(&mut self, whose: &Whose, span: Span, limit: i32) -> Result<Vec<SlowTask>> {
        let rows = ranked(sql!("analytics/slowest_tasks"), whose, span, limit).fetch_all(&mut *self.0);
        rows.await.map_err(too_long)?.iter().map(slow_task).collect()
    }

    /// The steps that took longest.
    pub async fn slowest_steps(&mut self, whose: &Whose, span: Span, limit: i32) -> Result<Vec<SlowStep>> {
        let rows = ranked(sql!("analytics/slowest_steps"), whose, span, limit).fetch_all(&mut *self.0);
        rows.await.map_err(too_long)?.iter().map(slow_step).collect()
    }

    /// How tasks failed.
    pub async fn error_patterns(&mut self, whose: &Whose, span: Span, limit: i32) -> Result<ErrorPatterns> {
        let row = ranked(sql!("analytics/error_patterns"), whose, span, limit).fetch_one(&mut *self.0);
        let row = row.await.map_err(too_long)?;
        Ok(ErrorPatterns {
            tasks: row.try_get("total_tasks")?,
            task_types: row.try_get("unique_task_types")?,
            errors: row.try_get("total_errors")?,
            error_rate: row.try_get("recent_error_rate")?,
            retry_success_rate: row.try_get("retry_success_rate")?,
            classes: counted(&row, "error_types", "error_counts")?,
        })
    }

    /// What open tasks wait for.
    pub async fn waits(&mut self, whose: &Whose, limit: i32) -> Result<Waits> {
        let row = named(sql!("analytics/dependencies"), whose).bind(limit).fetch_one(&mut *self.0);
        let row = row.await.map_err(too_long)?;
        Ok(Waits {
            dependencies: row.try_get("blocking_dependencies")?,
            seconds: row.try_get("avg_wait_seconds")?,
            steps: counted(&row, "blocked_steps", "blocked_counts")?,
        })
    }

    /// How long complete tasks took.
    pub async fn distribution(&mut self, whose: &Whose, span: Span) -> Result<Distribution> {
        let row = spanned(sql!("analytics/distribution"), whose, span).fetch_one(&mut *self.0);
        let row = row.await.map_err(too_long)?;
        Ok(Distribution {
            period: period(&row)?,
            durations: Spread {
                count: row.try_get("completed_tasks")?,
                mean: row.try_get("mean_seconds")?,
                points: points(&row, "durations")?,
            },
            buckets: row.try_get("buckets")?,
        })
    }

    /// Tasks and steps by state and condition.
    pub async fn health(&mut self, namespaces: Option<&[String]>) -> Result<Counts> {
        let row = sql!("status/counts").bind(namespaces).fetch_one(&mut *self.0).await.map_err(too_long)?;
        Counts::of(&row)
    }
}

/// The parameters of functions over a period.
fn spanned<'q>(query: Statement<'q>, whose: &'q Whose, span: Span) -> Statement<'q> {
    named(query.bind(span.since), whose).bind(span.tasks_max)
}

/// The parameters of functions over a period that list the first so many.
fn ranked<'q>(query: Statement<'q>, whose: &'q Whose, span: Span, limit: i32) -> Statement<'q> {
    named(query.bind(span.since), whose).bind(limit).bind(span.tasks_max)
}

fn named<'q>(query: Statement<'q>, whose: &'q Whose) -> Statement<'q> {
    query.bind(&whose.namespaces).bind(&whose.name).bind(&whose.version)
}

fn too_long(error: sqlx::Error) -> Error {
    let code = error.as_database_error().and_then(sqlx::error::DatabaseError::code);
    if code.as_deref() == Some(CANCELLED) { Error::TooLong(error) } else { error.into() }
}

fn period(row: &PgRow) -> Result<Period> {
    Ok(Period {
        start: row.try_get("analysis_period_start")?,
        end: row.try_get("calculated_at")?,
        truncated: row.try_get("truncated")?,
    })
}

fn performance(row: &PgRow, period: Period) -> Result<Performance> {
    let completed = row.try_get("completion_count")?;
    Ok(Performance {
        period,
        tasks: row.try_get("task_throughput")?,
        completed,
        failed: row.try_get("error_count")?,
        completion_rate: row.try_get("completion_rate")?,
        error_rate: row.try_get("error_rate")?,
        steps: row.try_get("step_throughput")?,
        task_durations: Spread {
            count: completed,
            mean: row.try_get("avg_task_duration")?,
            points: points(row, "task_durations")?,
        },
        step_durations: Spread {
            count: row.try_get("completed_steps")?,
            mean: row.try_get("avg_step_duration")?,
            points: points(row, "step_durations")?,
        },
    })
}

fn points(row: &PgRow, column: &str) -> Result<Option<[f64; 4]>> {
    let points: Option<Vec<Option<f64>>> = row.try_get(column)?;
    let points: Option<Vec<f64>> = points.and_then(|points| points.into_iter().collect());
    Ok(points.and_then(|points| points.try_into().ok()))
}

fn counted(row: &PgRow, names: &str, counts: &str) -> Result<Vec<(String, i64)>> {
    let (names, counts): (Vec<String>, Vec<i64>) = (row.try_get(names)?, row.try_get(counts)?);
    Ok(names.into_iter().zip(counts).collect())
}

fn slow_task(row: &PgRow) -> Result<SlowTask> {
    Ok(SlowTask {
        task_id: row.try_get("task_id")?,
        namespace: row.try_get("namespace_name")?,
        name: row.try_get("task_name")?,
        version: row.try_get("version")?,
        seconds: row.try_get("duration_seconds")?,
        steps: row.try_get("step_count")?,
        completed_steps: row.try_get("completed_steps")?,
        error_steps: row.try_get("error_steps")?,
        created_at: row.try_get("created_at")?,
        completed_at: row.try_get("completed_at")?,
        initiator: row.try_get("initiator")?,
        source_system: row.try_get("source_system")?,
        state: row.try_get("state")?,
    })
}

fn slow_step(row: &PgRow) -> Result<SlowStep> {
    Ok(SlowStep {
        step_id: row.try_get("workflow_step_id")?,
        task_id: row.try_get("task_id")?,
        step_name: row.try_get("step_name")?,
        namespace: row.try_get("namespace_name")?,
        name: row.try_get("task_name")?,
        version: row.try_get("version")?,
        seconds: row.try_get("duration_seconds")?,
        attempts: row.try_get("attempts")?,
        created_at: row.try_get("created_at")?,
        completed_at: row.try_get("completed_at")?,
        retryable: row.try_get("retryable")?,
    })
}
