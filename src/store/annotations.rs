//! Annotations: typed notes on tasks.

use chrono::{DateTime, Utc};
use sha2::{Digest, Sha256};
use sqlx::{Row, postgres::PgRow};
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

/// An annotation to be added.
#[derive(Debug, Clone)]
pub struct NewAnnotation {
    /// The name of its type.
    pub annotation_type: String,
    /// A JSON object as text.
    pub annotation: String,
    /// The id under which it is added only once, empty for none.
    pub request_id: String,
}

/// What became of an annotation to be added.
#[derive(Debug)]
pub enum Inserted {
    /// It was added.
    Added(Annotation),
    /// The same was added before under the same request id.
    Repeated(Annotation),
    /// Another was added before under the same request id.
    Reused,
    /// The task does not exist, or has no room for it.
    Full,
}

/// Adds an annotation to a task that has at most `room` of them.
pub async fn insert(
    store: &Store,
    annotation_id: Uuid,
    task_id: TaskId,
    new: &NewAnnotation,
    room: i64,
) -> Result<Inserted> {
    let NewAnnotation { annotation_type, annotation, request_id } = new;
    let found: bool =
        sql!("annotations/type_exists").bind(annotation_type).fetch_one(store.pool()).await?.try_get("found")?;
    if !found {
        sql!("annotations/ensure_type").bind(annotation_type).execute(store.pool()).await?;
    }
    let request_id = (!request_id.is_empty()).then_some(request_id);
    let hash = Sha256::digest(format!("{}:{annotation_type}{annotation}", annotation_type.len()));
    let row = sql!("annotations/insert")
        .bind(annotation_id)
        .bind(task_id.uuid())
        .bind(annotation_type)
        .bind(annotation)
        .bind(room)
        .bind(request_id)
        .bind(request_id.map(|_| hash.to_vec()))
        .fetch_optional(store.pool())
        .await?;
    if let Some(row) = row {
        return Ok(Inserted::Added(Annotation {
            annotation_id,
            task_id,
            annotation_type: annotation_type.clone(),
            annotation: row.try_get("annotation")?,
            created_at: row.try_get("created_at")?,
        }));
    }
    let Some(request_id) = request_id else { return Ok(Inserted::Full) };
    let first = sql!("annotations/find").bind(task_id.uuid()).bind(request_id).fetch_optional(store.pool()).await?;
    let Some(first) = first else { return Ok(Inserted::Full) };
    let same = first.try_get::<Vec<u8>, _>("content_hash")? == hash.to_vec();
    Ok(if same { Inserted::Repeated(annotation_of(&first)?) } else { Inserted::Reused })
}

/// Reads annotations of a task after one of them, oldest first, at most so many.
pub async fn page(store: &Store, task: TaskId, after: Option<Uuid>, rows_max: i64) -> Result<Vec<Annotation>> {
    let rows = sql!("annotations/page").bind(task.uuid()).bind(after).bind(rows_max).fetch_all(store.pool()).await?;
    rows.iter().map(annotation_of).collect()
}

/// Reads the annotations of tasks, oldest first within each.
pub async fn list(store: &Store, tasks: &[Uuid]) -> Result<Vec<Annotation>> {
    let rows = of_tasks!("annotations/list", tasks).fetch_all(store.pool()).await?;
    rows.iter().map(annotation_of).collect()
}

fn annotation_of(row: &PgRow) -> Result<Annotation> {
    Ok(Annotation {
        annotation_id: row.try_get("task_annotation_id")?,
        task_id: TaskId::from_uuid(row.try_get("task_id")?),
        annotation_type: row.try_get("name")?,
        annotation: row.try_get("annotation")?,
        created_at: row.try_get("created_at")?,
    })
}
