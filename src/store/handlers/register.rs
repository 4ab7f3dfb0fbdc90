//! Handlers as rows: writing them.
//!
//! A batch of handlers takes about ten statements, however many steps there are. All of it happens under the
//! registration lock, so that nobody else adds names meanwhile.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use sqlx::{PgConnection, Row, postgres::PgRow};

use crate::{
    domain::{handler::Definition, ids::StepNo, template::NamedTaskId},
    store::{Error, Result, sql},
};

/// Edges sent in one statement: 600 kB.
const EDGES_PER_STATEMENT: usize = 100_000;

/// A handler version to be inserted.
#[derive(Debug)]
pub struct NewVersion<'a> {
    /// What it says.
    pub definition: &'a Definition,
    /// Its revision.
    pub revision: i32,
    /// The revision that it takes the place of.
    pub replaces: Option<NamedTaskId>,
}

/// A handler version that has been inserted.
#[derive(Debug, Clone)]
pub struct Inserted {
    /// Its number.
    pub named_task_id: NamedTaskId,
    /// When.
    pub created_at: DateTime<Utc>,
}

/// Makes other registrations wait until the transaction ends.
pub async fn lock_registration(connection: &mut PgConnection) -> Result<()> {
    sql!("handlers/lock_registration").execute(connection).await?;
    Ok(())
}

/// Inserts handler versions with everything that belongs to them, and tells their numbers in the same order.
/// Needs a transaction that holds the registration lock.
pub async fn insert(connection: &mut PgConnection, versions: &[NewVersion<'_>]) -> Result<Vec<Inserted>> {
    let retired: Vec<NamedTaskId> = versions.iter().filter_map(|version| version.replaces).collect();
    if !retired.is_empty() {
        sql!("handlers/retire").bind(retired).execute(&mut *connection).await?;
    }
    let namespaces = ensure_namespaces(connection, versions).await?;
    let namespace_of = |definition: &Definition| number(&namespaces, &definition.namespace);
    let owners = versions.iter().map(|version| namespace_of(version.definition)).collect::<Result<Vec<_>>>()?;
    let inserted = insert_versions(connection, versions, &owners).await?;
    insert_steps(connection, versions, &owners, &inserted).await?;
    insert_edges(connection, versions, &inserted).await?;
    Ok(inserted)
}

async fn ensure_namespaces(connection: &mut PgConnection, versions: &[NewVersion<'_>]) -> Result<HashMap<String, i32>> {
    let names: Vec<&str> = versions.iter().map(|version| version.definition.namespace.as_str()).collect();
    let rows = sql!("handlers/ensure_namespaces").bind(names).fetch_all(connection).await?;
    rows.iter().map(|row| Ok((row.try_get("name")?, row.try_get("id")?))).collect()
}

async fn insert_versions(
    connection: &mut PgConnection,
    versions: &[NewVersion<'_>],
    owners: &[i32],
) -> Result<Vec<Inserted>> {
    fn column<'a, T>(versions: &'a [NewVersion<'_>], of: impl Fn(&'a Definition) -> T) -> Vec<T> {
        versions.iter().map(|version| of(version.definition)).collect()
    }
    let configuration = |definition: &Definition| {
        serde_json::to_string(definition.draft()).expect("the JSON inside a definition has been checked")
    };
    let rows = sql!("handlers/insert")
        .bind(owners)
        .bind(column(versions, |definition| definition.name.as_str()))
        .bind(column(versions, |definition| definition.version.to_string()))
        .bind(column(versions, |definition| definition.version.order()[0]))
        .bind(column(versions, |definition| definition.version.order()[1]))
        .bind(column(versions, |definition| definition.version.order()[2]))
        .bind(versions.iter().map(|version| version.revision).collect::<Vec<_>>())
        .bind(column(versions, |definition| definition.description.as_str()))
        .bind(column(versions, configuration))
        .bind(column(versions, |definition| definition.content_hash().to_vec()))
        .fetch_all(connection)
        .await?;
    let mut inserted = vec![None; versions.len()];
    for row in &rows {
        let place = position(row, versions.len())?;
        inserted[place] =
            Some(Inserted { named_task_id: row.try_get("named_task_id")?, created_at: row.try_get("created_at")? });
    }
    let all: Option<Vec<Inserted>> = inserted.into_iter().collect();
    all.ok_or_else(|| Error::Corrupt("a handler version was not inserted".to_owned()))
}

async fn insert_steps(
    connection: &mut PgConnection,
    versions: &[NewVersion<'_>],
    owners: &[i32],
    inserted: &[Inserted],
) -> Result<()> {
    let all = || versions.iter().flat_map(|version| &version.definition.steps);
    let owner_of_each = || {
        let counted = versions.iter().zip(owners);
        counted.flat_map(|(version, owner)| std::iter::repeat_n(*owner, version.definition.steps.len()))
    };
    let systems: Vec<&str> = all().map(|step| step.dependent_system.as_str()).collect();
    let rows = sql!("handlers/ensure_systems").bind(&systems).fetch_all(&mut *connection).await?;
    let known: HashMap<String, i32> =
        rows.iter().map(|row| Ok((row.try_get("name")?, row.try_get("id")?))).collect::<Result<_>>()?;
    let systems = systems.iter().map(|name| number(&known, name)).collect::<Result<Vec<_>>>()?;

    let names: Vec<&str> = all().map(|step| step.name.as_str()).collect();
    let named = sql!("handlers/ensure_named_steps")
        .bind(&systems)
        .bind(&names)
        .bind(all().map(|step| step.description.as_str()).collect::<Vec<_>>())
        .fetch_all(&mut *connection)
        .await?;
    let named = owned(&named)?;

    let classes: Vec<&str> = all().map(|step| step.handler_class.as_str()).collect();
    let handlers = sql!("handlers/ensure_step_handlers")
        .bind(owner_of_each().collect::<Vec<_>>())
        .bind(&classes)
        .fetch_all(&mut *connection)
        .await?;
    let handlers = owned(&handlers)?;

    let versions_of_each = versions.iter().zip(inserted).flat_map(|(version, inserted)| {
        let count = StepNo::try_from(version.definition.steps.len()).expect("steps are limited");
        (0..count).map(move |no| (inserted.named_task_id, signed(no)))
    });
    let (ids, numbers): (Vec<i32>, Vec<i16>) = versions_of_each.unzip();
    let named_of_each = systems.iter().zip(&names).map(|(system, name)| number_of(&named, *system, name));
    let handler_of_each = owner_of_each().zip(&classes).map(|(owner, class)| number_of(&handlers, owner, class));
    sql!("handlers/insert_steps")
        .bind(ids)
        .bind(numbers)
        .bind(named_of_each.collect::<Result<Vec<_>>>()?)
        .bind(handler_of_each.collect::<Result<Vec<_>>>()?)
        .bind(&names)
        .bind(all().map(|step| step.skippable).collect::<Vec<_>>())
        .bind(all().map(|step| step.retryable).collect::<Vec<_>>())
        .bind(all().map(|step| i32::from(step.retry_limit)).collect::<Vec<_>>())
        .bind(all().map(|step| step.timeout_ms).collect::<Vec<_>>())
        .execute(connection)
        .await?;
    Ok(())
}

async fn insert_edges(connection: &mut PgConnection, versions: &[NewVersion<'_>], inserted: &[Inserted]) -> Result<()> {
    let mut edges: Vec<(i32, i16, i16)> = Vec::new();
    for (version, inserted) in versions.iter().zip(inserted) {
        for (no, step) in (0..).zip(&version.definition.steps) {
            edges.extend(step.parents.iter().map(|parent| (inserted.named_task_id, signed(*parent), signed(no))));
        }
    }
    // In the order of the primary key, so that rows land beside each other.
    edges.sort_unstable();
    for chunk in edges.chunks(EDGES_PER_STATEMENT) {
        sql!("handlers/insert_edges")
            .bind(chunk.iter().map(|edge| edge.0).collect::<Vec<_>>())
            .bind(chunk.iter().map(|edge| edge.1).collect::<Vec<_>>())
            .bind(chunk.iter().map(|edge| edge.2).collect::<Vec<_>>())
            .execute(&mut *connection)
            .await?;
    }
    Ok(())
}

fn signed(no: StepNo) -> i16 {
    i16::try_from(no).expect("there are at most 30,000 steps")
}

/// The place in the batch that a row is about.
pub(super) fn position(row: &PgRow, count: usize) -> Result<usize> {
    let position: i64 = row.try_get("position")?;
    let place = usize::try_from(position - 1).ok().filter(|place| *place < count);
    place.ok_or_else(|| Error::Corrupt(format!("position {position} of {count}")))
}

/// Numbers by owner and name.
type Owned = HashMap<i32, HashMap<String, i32>>;

fn owned(rows: &[PgRow]) -> Result<Owned> {
    let mut all = Owned::new();
    for row in rows {
        all.entry(row.try_get("owner")?).or_default().insert(row.try_get("name")?, row.try_get("id")?);
    }
    Ok(all)
}

fn number_of(all: &Owned, owner: i32, name: &str) -> Result<i32> {
    number(all.get(&owner).ok_or_else(|| missing(name))?, name)
}

fn number(all: &HashMap<String, i32>, name: &str) -> Result<i32> {
    all.get(name).copied().ok_or_else(|| missing(name))
}

fn missing(name: &str) -> Error {
    Error::Corrupt(format!("'{name}' was neither found nor made"))
}
