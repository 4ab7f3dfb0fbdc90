//! Handlers as rows: reading them.
//!
//! Owns: what a handler version's rows are as values. `configuration` is the definition's draft with every
//! default filled in; steps and edges are kept beside it in the form that running them needs. Never: checks.
//! Next: `store/handlers/register.rs` for writing.

mod catalog;
mod operations;
mod register;

pub use catalog::{
    Deprecation, NamespaceRow, Record, StepHandler, VersionRow, catalog, deprecate, deprecation, describe_namespace,
    details, namespaces, queues, record, restore,
};
pub use operations::{Claims, NewOperation, OperationQuery, OperationRow, list_operations, record_operations};
pub use register::{Inserted, NewVersion, insert, lock_registration};

use std::time::Duration;

use chrono::{DateTime, Utc};
use sqlx::{PgConnection, Row, postgres::PgRow};

use super::{Error, Result, sql};
use crate::domain::{
    ids::StepNo,
    template::{NamedTaskId, StepSpec, Template},
};

/// The present revision of a handler version.
#[derive(Debug, Clone)]
pub struct Current {
    /// Its number.
    pub named_task_id: NamedTaskId,
    /// How many times its content was replaced, from 1.
    pub revision: i32,
    /// SHA-256 of what it says.
    pub content_hash: Vec<u8>,
    /// When it was registered.
    pub created_at: DateTime<Utc>,
}

/// A handler version as registered.
#[derive(Debug, Clone)]
pub struct Registration {
    /// Its number.
    pub named_task_id: NamedTaskId,
    /// How many times its content was replaced, from 1.
    pub revision: i32,
    /// When it was registered.
    pub created_at: DateTime<Utc>,
    /// The draft as JSON text.
    pub configuration: String,
}

/// A compiled handler version with the schema of its tasks' contexts.
#[derive(Debug)]
pub struct Compiled {
    /// The steps and edges.
    pub template: Template,
    /// JSON Schema as text, empty for none.
    pub schema_json: String,
    /// Whether every declared property is required and no other allowed.
    pub schema_strict: bool,
}

/// A handler version to look for: namespace, name, and the three numbers of the version.
pub type Key<'a> = (&'a str, &'a str, [i64; 3]);

/// Finds the present revision of each version, in the order of the keys.
pub async fn find_current(connection: &mut PgConnection, keys: &[Key<'_>]) -> Result<Vec<Option<Current>>> {
    let number = |place: usize| keys.iter().map(|key| key.2[place]).collect::<Vec<_>>();
    let rows = sql!("handlers/find_current")
        .bind(keys.iter().map(|key| key.0).collect::<Vec<_>>())
        .bind(keys.iter().map(|key| key.1).collect::<Vec<_>>())
        .bind(number(0))
        .bind(number(1))
        .bind(number(2))
        .fetch_all(connection)
        .await?;
    let mut found = vec![None; keys.len()];
    for row in rows {
        let position = register::position(&row, keys.len())?;
        found[position] = Some(Current {
            named_task_id: row.try_get("named_task_id")?,
            revision: row.try_get("revision")?,
            content_hash: row.try_get("content_hash")?,
            created_at: row.try_get("created_at")?,
        });
    }
    Ok(found)
}

/// Finds the number of one version, or of the greatest that takes new tasks, and whether it is deprecated.
pub async fn resolve(
    connection: &mut PgConnection,
    namespace: &str,
    name: &str,
    version: Option<[i64; 3]>,
) -> Result<Option<(NamedTaskId, bool)>> {
    let row = sql!("handlers/resolve")
        .bind(namespace)
        .bind(name)
        .bind(version.as_ref().map(<[i64; 3]>::as_slice))
        .fetch_optional(connection)
        .await?;
    row.map(|row| Ok((row.try_get("named_task_id")?, row.try_get("deprecated")?))).transpose()
}

/// Lists the names of namespaces, the wanted one first if it exists.
pub async fn list_namespaces(connection: &mut PgConnection, wanted: &str, limit: i64) -> Result<Vec<String>> {
    texts(&sql!("handlers/list_namespaces").bind(wanted).bind(limit).fetch_all(connection).await?)
}

/// Lists the names of handlers in a namespace.
pub async fn list_names(connection: &mut PgConnection, namespace: &str, limit: i64) -> Result<Vec<String>> {
    texts(&sql!("handlers/list_names").bind(namespace).bind(limit).fetch_all(connection).await?)
}

/// Lists the versions of a handler, greatest first.
pub async fn list_versions(
    connection: &mut PgConnection,
    namespace: &str,
    name: &str,
    limit: i64,
) -> Result<Vec<String>> {
    texts(&sql!("handlers/list_versions").bind(namespace).bind(name).bind(limit).fetch_all(connection).await?)
}

fn texts(rows: &[PgRow]) -> Result<Vec<String>> {
    rows.iter().map(|row| Ok(row.try_get(0)?)).collect()
}

/// Gets a handler version in the form that running it needs; `None` when there is none with this number.
pub async fn get(connection: &mut PgConnection, id: NamedTaskId) -> Result<Option<Compiled>> {
    let Some(row) = sql!("handlers/get").bind(id).fetch_optional(&mut *connection).await? else { return Ok(None) };
    let steps = sql!("handlers/list_steps").bind(id).fetch_all(&mut *connection).await?;
    let mut steps = steps.iter().map(step).collect::<Result<Vec<_>>>()?;
    for edge in sql!("handlers/list_edges").bind(id).fetch_all(connection).await? {
        let (from, to): (i16, i16) = (edge.try_get("from_step_no")?, edge.try_get("to_step_no")?);
        let (Ok(parent), Some(child)) =
            (StepNo::try_from(from), usize::try_from(to).ok().and_then(|to| steps.get_mut(to)))
        else {
            return Err(Error::Corrupt(format!("handler version {id} has an edge {from} -> {to}")));
        };
        child.parents.push(parent);
    }
    let count = steps.len();
    if steps.iter().flat_map(|step| &step.parents).any(|parent| usize::from(*parent) >= count) {
        return Err(Error::Corrupt(format!("handler version {id} has an edge from a step that does not exist")));
    }
    let text = |column: &str| -> Result<String> { Ok(row.try_get(column)?) };
    Ok(Some(Compiled {
        template: Template {
            id,
            namespace: text("namespace")?.into(),
            name: text("name")?.into(),
            version: text("version")?.into(),
            steps: Template::link(steps),
        },
        schema_json: text("schema_json")?,
        schema_strict: row.try_get("schema_strict")?,
    }))
}

fn step(row: &PgRow) -> Result<StepSpec> {
    let text = |column: &str| -> Result<String> { Ok(row.try_get(column)?) };
    let retry_limit: i32 = row.try_get("default_retry_limit")?;
    let timeout_ms: i64 = row.try_get("timeout_ms")?;
    Ok(StepSpec {
        name: text("step_name")?.into(),
        handler_class: text("handler_class")?.into(),
        queue: row.try_get("step_handler_id")?,
        dependent_system: text("dependent_system")?.into(),
        retryable: row.try_get("default_retryable")?,
        retry_limit: u16::try_from(retry_limit).map_err(|_| Error::Corrupt(format!("retry limit {retry_limit}")))?,
        skippable: row.try_get("skippable")?,
        timeout: u64::try_from(timeout_ms).ok().filter(|millis| *millis > 0).map(Duration::from_millis),
        config_json: text("config_json")?.into(),
        parents: Vec::new(),
        children: Vec::new(),
    })
}
