//! Lists and counts of tasks by any combination of conditions: the one statement that is put together.
//!
//! Owns: the text of that statement, from an allow-list of conditions; values are always parameters. It is
//! planned anew for the values of each call, because which index is right depends on them. States are written
//! as literals in the groups of the partial indexes of `tasks`, so that a list of unfinished or failed tasks
//! costs by those and not by the history.
//!
//! What walks what, by the filter alone: nothing or `complete`: tasks_pkey in order; other states: their
//! partial indexes, also those of a handler, which may have a long history of complete ones; handler, initiator,
//! source system, correlation id: an index of task_requests that is in the order of tasks; tags and annotations:
//! GIN, then a sort of what was found; requested time: its index; a range of ids: a range of tasks_pkey.

use chrono::{DateTime, Datelike as _, Utc};
use serde::{Deserialize, Serialize};
use sqlx::{Postgres, QueryBuilder, Row};
use uuid::Uuid;

use super::{Error, Result, Store, tallies, tasks::state};
use crate::domain::{ids::TaskId, run::Micros, state::State, template::NamedTaskId};

/// Which tasks. What is empty or `None` does not restrict.
#[derive(Debug, Clone, Default)]
pub struct Filter {
    /// Of one of these handler versions.
    pub handlers: Option<Vec<NamedTaskId>>,
    /// In one of these states.
    pub states: Vec<State>,
    /// With all of these tags.
    pub tags: Vec<String>,
    /// Of this initiator.
    pub initiator: Option<String>,
    /// Of this source system.
    pub source_system: Option<String>,
    /// With this correlation id.
    pub correlation_id: Option<String>,
    /// Requested at or after this time.
    pub requested_from: Option<DateTime<Utc>>,
    /// Requested before this time.
    pub requested_until: Option<DateTime<Utc>>,
    /// With an annotation like this.
    pub annotation: Option<AnnotationFilter>,
    /// With an id from the first to the last.
    pub ids: Option<(Uuid, Uuid)>,
}

/// Which annotations.
#[derive(Debug, Clone)]
pub struct AnnotationFilter {
    /// Of this type.
    pub annotation_type: Option<String>,
    /// With this key.
    pub key: Option<String>,
    /// With this value under the key, compared as text.
    pub value: Option<String>,
}

/// In which order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub enum Order {
    /// Newest first.
    CreatedDesc,
    /// Oldest first.
    CreatedAsc,
    /// Last requested first.
    RequestedDesc,
    /// First requested first.
    RequestedAsc,
}

/// Where a page begins: after this task.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cursor {
    /// The task.
    pub task: Uuid,
    /// When it was requested.
    pub requested_at: Micros,
}

impl Order {
    const fn by_request(self) -> bool {
        matches!(self, Self::RequestedDesc | Self::RequestedAsc)
    }

    const fn direction(self) -> (&'static str, &'static str) {
        match self {
            Self::CreatedDesc | Self::RequestedDesc => (" < ", " desc"),
            Self::CreatedAsc | Self::RequestedAsc => (" > ", ""),
        }
    }
}

/// Lists the ids of tasks in an order, at most `limit` after the cursor.
pub async fn list(
    store: &Store,
    filter: &Filter,
    order: Order,
    after: Option<Cursor>,
    limit: i64,
) -> Result<Vec<TaskId>> {
    let mut query = QueryBuilder::new("select ");
    let requests = filter.on_requests() || order.by_request();
    let id = source(&mut query, if requests { "r.task_id" } else { "t.task_id" }, filter.on_tasks(), requests);
    filter.push(&mut query, id);
    let (beyond, direction) = order.direction();
    if let Some(cursor) = after {
        if order.by_request() {
            query.push(" and (r.requested_at, r.task_id)").push(beyond).push("(");
            query.push_bind(timestamp(cursor.requested_at)?).push(", ").push_bind(cursor.task).push(")");
        } else {
            query.push(" and ").push(id).push(beyond).push_bind(cursor.task);
        }
    }
    query.push(" order by ");
    if order.by_request() {
        query.push("r.requested_at").push(direction).push(", ");
    }
    query.push(id).push(direction).push(" limit ").push_bind(limit);
    let rows = query.build().persistent(false).fetch_all(store.pool()).await?;
    rows.iter().map(|row| Ok(TaskId::from_uuid(row.try_get("task_id")?))).collect()
}

/// Counts tasks of some namespaces, or of all, by state. The filter asks for states only.
pub async fn count_of_namespaces(
    store: &Store,
    namespaces: Option<&[String]>,
    filter: &Filter,
) -> Result<Vec<(State, i64)>> {
    Ok(filter.of_states(tallies::of_namespaces(store.pool(), namespaces).await?))
}

/// Counts tasks by state.
///
/// By handler and state the counts are kept, and cost nothing. By anything else the tasks are counted: complete
/// ones, the history, are the rest of all, which is one count over one index instead of a join.
pub async fn count(store: &Store, filter: &Filter) -> Result<Vec<(State, i64)>> {
    if filter.is_tallied() {
        let counts = match &filter.handlers {
            Some(handlers) => tallies::count(store.pool(), handlers).await?,
            None => tallies::of_namespaces(store.pool(), None).await?,
        };
        return Ok(filter.of_states(counts));
    }
    let complete = filter.states.is_empty() || filter.states.contains(&State::Complete);
    let mut open = filter.clone();
    if complete {
        open.states = State::ALL.into_iter().filter(|state| *state != State::Complete).collect();
    }
    let mut query = QueryBuilder::new("with open as (select ");
    let id = source(&mut query, "t.state, count(*) as n", true, filter.on_requests());
    open.push(&mut query, id);
    query.push(" group by t.state) select state::int as state, n from open");
    if complete {
        let everything = Filter { states: Vec::new(), ..filter.clone() };
        query.push(" union all select 2, (select ");
        let id = source(&mut query, "count(*)", false, filter.on_requests());
        everything.push(&mut query, id);
        query.push(") - coalesce((select sum(n) from open), 0)::bigint");
    }
    let rows = query.build().persistent(false).fetch_all(store.pool()).await?;
    let counts = rows.iter().map(|row| {
        let code: i32 = row.try_get("state")?;
        Ok((state(i16::try_from(code).unwrap_or(-1))?, row.try_get("n")?))
    });
    Ok(filter.of_states(counts.collect::<Result<_>>()?))
}

/// Writes the columns and the tables that are needed, and returns the column that holds the task's id.
fn source(query: &mut QueryBuilder<Postgres>, columns: &str, tasks: bool, requests: bool) -> &'static str {
    query.push(columns).push(" from ");
    match (tasks, requests) {
        (true, true) => {
            query.push("tasks t join task_requests r on r.task_id = t.task_id where true");
            "r.task_id"
        }
        (false, true) => {
            query.push("task_requests r where true");
            "r.task_id"
        }
        (_, false) => {
            query.push("tasks t where true");
            "t.task_id"
        }
    }
}

impl Filter {
    const fn on_tasks(&self) -> bool {
        !self.states.is_empty()
    }

    /// Whether it asks for nothing but handlers and states, of which counts are kept.
    pub const fn is_tallied(&self) -> bool {
        !self.on_requests_but_handlers() && self.annotation.is_none() && self.ids.is_none()
    }

    fn of_states(&self, mut counts: Vec<(State, i64)>) -> Vec<(State, i64)> {
        counts.retain(|(state, _)| self.states.is_empty() || self.states.contains(state));
        counts
    }

    fn on_requests(&self) -> bool {
        (self.handlers.is_some() && !self.leaves_out_complete()) || self.on_requests_but_handlers()
    }

    /// Whether the partial indexes of tasks lead past the history.
    fn leaves_out_complete(&self) -> bool {
        !self.states.is_empty() && !self.states.contains(&State::Complete)
    }

    const fn on_requests_but_handlers(&self) -> bool {
        !self.tags.is_empty()
            || self.initiator.is_some()
            || self.source_system.is_some()
            || self.correlation_id.is_some()
            || self.requested_from.is_some()
            || self.requested_until.is_some()
    }

    /// Writes the conditions, each after an `and`.
    fn push(&self, query: &mut QueryBuilder<Postgres>, id: &'static str) {
        self.push_states(query);
        if let Some(handlers) = &self.handlers {
            let table = if self.leaves_out_complete() { "t" } else { "r" };
            query.push(" and ").push(table).push(".named_task_id = any (").push_bind(handlers.clone()).push(")");
        }
        if !self.tags.is_empty() {
            query.push(" and r.tags <> '{}' and r.tags @> ").push_bind(self.tags.clone());
        }
        for (column, value) in [("initiator", &self.initiator), ("source_system", &self.source_system)] {
            let Some(value) = value else { continue };
            query.push(" and r.").push(column).push(" = ").push_bind(value.clone());
            if value != "unknown" {
                query.push(" and r.").push(column).push(" <> 'unknown'");
            }
        }
        if let Some(value) = &self.correlation_id {
            query.push(" and r.correlation_id = ").push_bind(value.clone());
        }
        if let Some(from) = self.requested_from {
            query.push(" and r.requested_at >= ").push_bind(from);
        }
        if let Some(until) = self.requested_until {
            query.push(" and r.requested_at < ").push_bind(until);
        }
        if let Some(annotation) = &self.annotation {
            annotation.push(query, id);
        }
        if let Some((first, last)) = self.ids {
            query.push(" and ").push(id).push(" between ").push_bind(first).push(" and ").push_bind(last);
        }
    }

    /// Writes the states as literals, in the groups that the partial indexes have.
    fn push_states(&self, query: &mut QueryBuilder<Postgres>) {
        if self.states.is_empty() {
            return;
        }
        let groups = [
            &[State::Pending, State::InProgress][..],
            &[State::Complete],
            &[State::Error],
            &[State::Cancelled, State::ResolvedManually],
        ];
        let groups = groups.iter().filter_map(|group| {
            let wanted = group.iter().filter(|state| self.states.contains(state));
            let wanted: Vec<String> = wanted.map(|state| state.code().to_string()).collect();
            (!wanted.is_empty()).then(|| format!("t.state in ({})", wanted.join(", ")))
        });
        query.push(" and (").push(groups.collect::<Vec<_>>().join(" or ")).push(")");
    }
}

impl AnnotationFilter {
    fn push(&self, query: &mut QueryBuilder<Postgres>, id: &'static str) {
        query.push(" and ").push(id).push(" in (select a.task_id from task_annotations a");
        if let Some(name) = &self.annotation_type {
            query.push(" join annotation_types y on y.annotation_type_id = a.annotation_type_id and y.name = ");
            query.push_bind(name.clone());
        }
        query.push(" where true");
        match (&self.key, &self.value) {
            (Some(key), Some(value)) => {
                query.push(" and a.annotation ->> ").push_bind(key.clone()).push(" = ").push_bind(value.clone());
                // The same as containment, which the index knows: as a string, and as what the text is in JSON.
                query.push(" and (a.annotation @> jsonb_build_object(");
                query.push_bind(key.clone()).push("::text, ").push_bind(value.clone()).push("::text)");
                if serde_json::from_str::<serde_json::Value>(value).is_ok() {
                    query.push(" or a.annotation @> jsonb_build_object(");
                    query.push_bind(key.clone()).push("::text, ").push_bind(value.clone()).push("::jsonb)");
                }
                query.push(")");
            }
            (Some(key), None) => {
                query.push(" and jsonb_exists(a.annotation, ").push_bind(key.clone()).push(")");
            }
            (None, _) => {}
        }
        query.push(")");
    }
}

/// The time that a page begins at. Postgres knows fewer years than a cursor can name.
fn timestamp(micros: Micros) -> Result<DateTime<Utc>> {
    let time = DateTime::from_timestamp_micros(micros).filter(|time| (1..=9_999).contains(&time.year()));
    time.ok_or(Error::BadCursor)
}
