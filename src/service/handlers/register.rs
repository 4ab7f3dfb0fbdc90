//! Registering handlers.
//!
//! Owns: the order of things: everything is checked before anything is looked up, and everything is stored in
//! one transaction or nothing is.

use std::collections::HashMap;

use chrono::{DateTime, Utc};

use super::{
    Actor, Handlers, namespace_or_default,
    operations::{self, Subject},
    refusal,
};
use crate::{
    auth::Scope,
    domain::{
        handler::{Definition, Draft, Limits, OperationKind, Problem, ProblemKind, Version},
        violation::Violation,
    },
    error::Result,
    lifecycle::{Hints, Templates},
    store::{
        self, Connection, Store,
        handlers::{self, Current, NewVersion},
    },
};

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

/// Registers handlers. Clones share everything.
#[derive(Debug, Clone)]
pub struct Registrar {
    store: Store,
    templates: Templates,
    hints: Hints,
    limits: Limits,
}

impl Handlers {
    /// Registers handlers, all or none, and tells what became of each, in the same order.
    pub async fn register_handlers(
        &self,
        scope: &Scope,
        drafts: Vec<Draft>,
        existing: Existing,
        extent: Extent,
        actor: &Actor,
    ) -> Result<Vec<(Handler, Outcome)>> {
        self.registrar.register(scope, drafts, existing, extent, actor).await
    }
}

impl Registrar {
    /// Registers in this store. Registrations are announced to the templates here and, by hint, elsewhere.
    pub const fn new(store: Store, templates: Templates, hints: Hints, limits: Limits) -> Self {
        Self { store, templates, hints, limits }
    }

    /// Registers handlers, all or none, and tells what became of each, in the same order.
    pub async fn register(
        &self,
        scope: &Scope,
        drafts: Vec<Draft>,
        existing: Existing,
        extent: Extent,
        actor: &Actor,
    ) -> Result<Vec<(Handler, Outcome)>> {
        for draft in &drafts {
            scope.narrow(namespace_or_default(&draft.namespace))?;
        }
        let limits = self.limits;
        // A million dependencies take a while, and so do schemas; other calls shall not wait.
        let definitions = self.templates.compute().run(move || check(&drafts, &limits)).await??;

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
            Extent::Store => {
                let created = insert(&mut transaction, &definitions, &current, &outcomes).await?;
                let changed = definitions.iter().zip(&outcomes).filter_map(|(definition, outcome)| {
                    let kind = match outcome {
                        Outcome::Created => OperationKind::Register,
                        Outcome::Replaced => OperationKind::Replace,
                        Outcome::Unchanged => return None,
                    };
                    Some((kind, Subject::version(definition)))
                });
                operations::record(&mut transaction, scope, actor, changed.collect()).await?;
                created
            }
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
