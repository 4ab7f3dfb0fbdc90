//! Handlers: registering them and telling which ones there are.
//!
//! Owns: the order of things: everything is checked before anything is looked up, and everything is stored in
//! one transaction or nothing is. Never: what a handler may look like; `domain::handler` knows. Next:
//! `store::handlers` for the rows, `lifecycle::templates` for what running tasks needs of them.

mod refusal;

use std::collections::HashMap;

use chrono::{DateTime, Utc};

use super::namespaces;
use crate::{
    auth::Scope,
    domain::{
        handler::{Definition, Draft, LATEST, Limits, NAMESPACE_DEFAULT, Problem, ProblemKind, Version},
        violation::Violation,
    },
    error::{Error, Reason, Result},
    lifecycle::{Hints, Templates, templates::unknown},
    store::{
        self, Connection, Store,
        handlers::{self, Current, NewVersion, Summary},
    },
};

/// The handlers of one database. Clones share everything.
#[derive(Debug, Clone)]
pub struct Handlers {
    store: Store,
    templates: Templates,
    hints: Hints,
    limits: Limits,
}

/// A handler version as it is stored.
#[derive(Debug, Clone)]
pub struct Handler {
    /// What it says, defaults filled in.
    pub draft: Draft,
    /// How many times its content was replaced, from 1.
    pub revision: i32,
    /// When this revision was registered; `None` when it was only checked.
    pub created_at: Option<DateTime<Utc>>,
}

/// What registering one handler did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// A new version came into being.
    Created,
    /// The version existed with the same content.
    Unchanged,
    /// The version existed with other content, which was replaced.
    Replaced,
}

/// What to do about a version that exists with other content.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Existing {
    /// Refuse.
    Keep,
    /// Put the new content in its place.
    Replace,
}

/// How far to go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Extent {
    /// Check everything and store nothing.
    ValidateOnly,
    /// Store.
    Store,
}

/// Where a list of names goes on: after this namespace and name.
pub type Cursor = (String, String);

impl Handlers {
    /// The handlers in this store. Registrations are announced to the templates here and, by hint, elsewhere.
    pub const fn new(store: Store, templates: Templates, hints: Hints, limits: Limits) -> Self {
        Self { store, templates, hints, limits }
    }

    /// Registers handlers, all or none, and tells what became of each, in the same order.
    pub async fn register_handlers(
        &self,
        scope: &Scope,
        drafts: Vec<Draft>,
        existing: Existing,
        extent: Extent,
    ) -> Result<Vec<(Handler, Outcome)>> {
        for draft in &drafts {
            scope.narrow(namespace_or_default(&draft.namespace))?;
        }
        let limits = self.limits;
        // A million dependencies take a while; other calls shall not wait.
        let checked = tokio::task::spawn_blocking(move || check(&drafts, &limits)).await;
        let definitions =
            checked.map_err(|error| Error::new(Reason::Defect, "checking panicked").caused_by(error))??;

        let mut transaction = self.store.begin().await?;
        if extent == Extent::Store {
            handlers::lock_registration(&mut transaction).await?;
        }
        let current = find_current(&mut transaction, &definitions).await?;
        let outcomes: Vec<Outcome> = definitions.iter().zip(&current).map(|(new, old)| outcome(new, old)).collect();
        if existing == Existing::Keep {
            refusal::replaced(&definitions, &outcomes)?;
        }
        let created = match extent {
            Extent::ValidateOnly => HashMap::new(),
            Extent::Store => insert(&mut transaction, &definitions, &current, &outcomes).await?,
        };
        transaction.commit().await.map_err(store::Error::from)?;
        if !created.is_empty() {
            self.templates.invalidate();
            self.hints.handlers();
        }
        let registered = definitions.into_iter().zip(current).zip(outcomes).enumerate();
        Ok(registered
            .map(|(position, ((definition, current), outcome))| {
                let revision = revision(current.as_ref(), outcome);
                let before = current.filter(|_| outcome == Outcome::Unchanged).map(|current| current.created_at);
                let created_at = created.get(&position).copied().or(before);
                (Handler { draft: definition.into_draft(), revision, created_at }, outcome)
            })
            .collect())
    }

    /// Gets one handler version; nothing and `latest` mean the greatest.
    pub async fn get_handler(&self, scope: &Scope, namespace: &str, name: &str, version: &str) -> Result<Handler> {
        let namespace = namespace_or_default(namespace);
        scope.narrow(namespace)?;
        let wanted = match version {
            "" | LATEST => None,
            version => {
                let version = version.parse::<Version>();
                Some(version.map_err(|error| Error::invalid_field("version", error.to_string()))?.order())
            }
        };
        let mut connection = self.store.pool().acquire().await.map_err(store::Error::from)?;
        let Some(found) = handlers::find(&mut connection, namespace, name, wanted).await? else {
            return Err(unknown(&mut connection, namespace, name, version).await?);
        };
        let draft = serde_json::from_str(&found.configuration)
            .map_err(|error| Error::new(Reason::Defect, "a stored handler cannot be read").caused_by(error))?;
        Ok(Handler { draft, revision: found.revision, created_at: Some(found.created_at) })
    }

    /// Lists the handler names of one namespace, or of all when it is empty, and tells where the next page begins.
    pub async fn list_handlers(
        &self,
        scope: &Scope,
        namespace: &str,
        after: Option<Cursor>,
        size: i64,
    ) -> Result<(Vec<Summary>, Option<Cursor>)> {
        let only = namespaces::within(&self.store, scope, Some(namespace.to_owned())).await?;
        let mut connection = self.store.pool().acquire().await.map_err(store::Error::from)?;
        let cursor = after.as_ref().map(|(namespace, name)| (namespace.as_str(), name.as_str()));
        // One more than the page tells whether there is another.
        let mut summaries = handlers::list(&mut connection, only.as_deref(), cursor, size + 1).await?;
        if summaries.is_empty() && after.is_none() && !namespace.is_empty() {
            let error = unknown(&mut connection, namespace, "", "").await?;
            if error.reason() == Reason::NamespaceUnknown {
                return Err(error);
            }
        }
        let size = usize::try_from(size).expect("a page has a positive size");
        let more = summaries.len() > size;
        summaries.truncate(size);
        let last = summaries.last().filter(|_| more);
        let next = last.map(|last| (last.namespace.clone(), last.name.clone()));
        Ok((summaries, next))
    }
}

/// The namespace that nothing stands for.
pub fn namespace_or_default(namespace: &str) -> &str {
    if namespace.is_empty() { NAMESPACE_DEFAULT } else { namespace }
}

fn check(drafts: &[Draft], limits: &Limits) -> Result<Vec<Definition>> {
    let mut definitions: Vec<Definition> = Vec::with_capacity(drafts.len());
    let mut problems = Vec::new();
    let mut seen: HashMap<(String, String, Version), usize> = HashMap::new();
    for (position, draft) in drafts.iter().enumerate() {
        let path = format!("handlers[{position}]");
        match draft.check(&path, limits) {
            Ok(definition) => {
                let key = (definition.namespace.clone(), definition.name.clone(), definition.version);
                if let Some(first) = seen.get(&key) {
                    let text = format!("{} is given twice, handlers[{first}] is it too", definition.full_name());
                    problems.push(Problem { field: path, text, kind: ProblemKind::Field });
                } else {
                    seen.insert(key, position);
                }
                definitions.push(definition);
            }
            Err(more) => problems.extend(more),
        }
    }
    if problems.is_empty() { Ok(definitions) } else { Err(refusal::of(problems)) }
}

async fn find_current(connection: &mut Connection, definitions: &[Definition]) -> Result<Vec<Option<Current>>> {
    let keys: Vec<handlers::Key<'_>> = definitions
        .iter()
        .map(|definition| (definition.namespace.as_str(), definition.name.as_str(), definition.version.order()))
        .collect();
    Ok(handlers::find_current(connection, &keys).await?)
}

fn outcome(definition: &Definition, current: &Option<Current>) -> Outcome {
    match current {
        None => Outcome::Created,
        Some(current) if current.content_hash == definition.content_hash() => Outcome::Unchanged,
        Some(_) => Outcome::Replaced,
    }
}

fn revision(current: Option<&Current>, outcome: Outcome) -> i32 {
    match (current, outcome) {
        (Some(current), Outcome::Replaced) => current.revision + 1,
        (Some(current), _) => current.revision,
        (None, _) => 1,
    }
}

/// Inserts what is new and tells when, by position.
async fn insert(
    connection: &mut Connection,
    definitions: &[Definition],
    current: &[Option<Current>],
    outcomes: &[Outcome],
) -> Result<HashMap<usize, DateTime<Utc>>> {
    let changed: Vec<usize> = (0..definitions.len()).filter(|no| outcomes[*no] != Outcome::Unchanged).collect();
    if changed.is_empty() {
        return Ok(HashMap::new());
    }
    let version = |no: &usize| NewVersion {
        definition: &definitions[*no],
        revision: revision(current[*no].as_ref(), outcomes[*no]),
        replaces: current[*no].as_ref().map(|current| current.named_task_id),
    };
    let inserted = handlers::insert(connection, &changed.iter().map(version).collect::<Vec<_>>()).await?;
    Ok(changed.into_iter().zip(inserted).map(|(no, inserted)| (no, inserted.created_at)).collect())
}

impl From<Problem> for Violation {
    fn from(problem: Problem) -> Self {
        Self { field: problem.field, description: problem.text }
    }
}
