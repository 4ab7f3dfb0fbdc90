//! Reads of what the dependency graph needs beside the run: measured durations, of handler versions and of tasks.

use sqlx::Row;
use uuid::Uuid;

use super::{
    Result, Store,
    lifecycle::{step_no, timestamp},
    sql,
};
use crate::domain::{
    graph::Measured,
    ids::{StepId, StepNo, TaskId},
    run::Micros,
    template::NamedTaskId,
};

/// Which tasks to measure.
#[derive(Debug, Clone)]
pub struct Sample {
    /// The newest tasks before each of these are looked at.
    pub before: Vec<TaskId>,
    /// What was done from this time on is left out.
    pub until: Micros,
    /// How many tasks before each.
    pub tasks: i64,
    /// Attempts of one task at most.
    pub attempts: i64,
}

/// Measures the steps of a handler version; steps that no task of the sample has completed are left out.
pub async fn durations(store: &Store, handler: NamedTaskId, sample: &Sample) -> Result<Vec<(StepNo, Measured)>> {
    let before: Vec<Uuid> = sample.before.iter().map(|task| task.uuid()).collect();
    let rows = sql!("graph/durations")
        .bind(handler)
        .bind(before)
        .bind(sample.tasks)
        .bind(sample.attempts)
        .bind(timestamp(sample.until))
        .fetch_all(store.pool())
        .await?;
    rows.iter()
        .map(|row| {
            let millis = |name| Ok::<_, super::Error>(u64::try_from(row.try_get::<i64, _>(name)?).unwrap_or(0));
            let samples: i32 = row.try_get("samples")?;
            let measured = Measured {
                median_ms: millis("median_ms")?,
                p95_ms: millis("p95_ms")?,
                samples: samples.unsigned_abs(),
            };
            Ok((step_no(row.try_get("step_no")?)?, measured))
        })
        .collect()
}

/// Measures how long each step of tasks took: from the begin of its first attempt to the end of its last one. Steps
/// without an attempt are left out, and so is whatever lies beyond so many transitions of a task.
pub async fn task_durations(store: &Store, tasks: &[TaskId], transitions_max: i64) -> Result<Vec<(StepId, Measured)>> {
    let keys: Vec<Uuid> = tasks.iter().map(|task| task.uuid()).collect();
    let rows = sql!("graph/task_durations").bind(keys).bind(transitions_max).fetch_all(store.pool()).await?;
    rows.iter()
        .map(|row| {
            let task = TaskId::from_uuid(row.try_get("task_id")?);
            let took: i64 = row.try_get("took_ms")?;
            let attempts: i32 = row.try_get("attempts")?;
            let took = u64::try_from(took).unwrap_or(0);
            let measured = Measured { median_ms: took, p95_ms: took, samples: attempts.unsigned_abs() };
            Ok((task.step(step_no(row.try_get("step_no")?)?), measured))
        })
        .collect()
}
