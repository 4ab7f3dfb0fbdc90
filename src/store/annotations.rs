//! Annotations: typed notes on tasks.

use chrono::{DateTime, Utc};
use sqlx::Row;
use uuid::Uuid;

use super::{Result, Store, of_tasks, sql};
use crate::domain::ids::TaskId;

/// A note on a task.
#[derive(Debug, Clone)]
pub struct Annotation {
    /// The id.
    pub annotation_id: Uuid,
    /// The task.
    pub task_id: TaskId,
    /// The name of its type.
    pub annotation_type: String,
    /// A JSON object as text.
    pub annotation: String,
    /// When it was made.
    pub created_at: DateTime<Utc>,
}

/// Adds an annotation; `None` when the task does not exist or has `room` of them already.
pub async fn insert(
    store: &Store,
    annotation_id: Uuid,
    task_id: TaskId,
    annotation_type: &str,
    annotation: &str,
    room: i64,
) -> Result<Option<Annotation>> {
    let found: bool =
        sql!("annotations/type_exists").bind(annotation_type).fetch_one(store.pool()).await?.try_get("found")?;
    if !found {
        sql!("annotations/ensure_type").bind(annotation_type).execute(store.pool()).await?;
    }
    let row = sql!("annotations/insert")
        .bind(annotation_id)
        .bind(task_id.uuid())
        .bind(annotation_type)
        .bind(annotation)
        .bind(room)
        .fetch_optional(store.pool())
        .await?;
    row.map(|row| {
        Ok(Annotation {
            annotation_id,
            task_id,
            annotation_type: annotation_type.to_owned(),
            annotation: row.try_get("annotation")?,
            created_at: row.try_get("created_at")?,
        })
    })
    .transpose()
}

/// Reads the annotations of tasks, oldest first within each.
pub async fn list(store: &Store, tasks: &[Uuid]) -> Result<Vec<Annotation>> {
    let rows = of_tasks!("annotations/list", tasks).fetch_all(store.pool()).await?;
    rows.iter()
        .map(|row| {
            Ok(Annotation {
                annotation_id: row.try_get("task_annotation_id")?,
                task_id: TaskId::from_uuid(row.try_get("task_id")?),
                annotation_type: row.try_get("name")?,
                annotation: row.try_get("annotation")?,
                created_at: row.try_get("created_at")?,
            })
        })
        .collect()
}
