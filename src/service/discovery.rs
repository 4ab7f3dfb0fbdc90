//! Finding handlers, and saying which of them may be used: deprecations and pauses.
//!
//! Owns: the listing of everything that is registered, and what is said of one version. Both are kept in memory: the
//! listing by the catalog's revision, which every call reads, so that it is never stale; a version by its number, under
//! which it never changes. Who is connected is looked up each time. Never: registers; `service::handlers` does.
//! Next: `service::discovery::listing` for the listing, `service::worker_roster` for who is connected.

mod listing;

use std::sync::Arc;

use chrono::{DateTime, Utc};
use moka::future::Cache;

pub use listing::{Entry, Listing, Namespace, VersionEntry};

use super::{handlers::namespace_or_default, worker_roster::WorkerRoster};
use crate::{
    auth::Scope,
    domain::{
        explain::Presence,
        handler::{Draft, LATEST, Outline, Version},
        pause::Pause,
        template::NamedTaskId,
    },
    error::{Error, Reason, Result},
    lifecycle::{Hints, Pauses, Templates, templates::unknown},
    store::{
        self, Store,
        handlers::{self as rows, Deprecation, Record, StepHandler},
        pauses,
    },
    telemetry::{Metrics, metrics::CacheMeter},
};

/// Tasks that a record looks at.
const RECORD_TASKS: i64 = 200;

/// Versions take about this much memory at most.
const BYTES_MAX: u64 = 32 << 20;

/// What can be found out about handlers. Clones share everything.
#[derive(Debug, Clone)]
pub struct Discovery {
    store: Store,
    templates: Templates,
    hints: Hints,
    pauses: Pauses,
    roster: WorkerRoster,
    listings: Cache<i64, Arc<Listing>>,
    listings_meter: CacheMeter,
    details: Cache<NamedTaskId, Arc<Details>>,
    details_meter: CacheMeter,
}

/// What a version says, under its number.
#[derive(Debug)]
pub struct Details {
    /// What it says, defaults filled in.
    pub draft: Draft,
    /// How many times its content was replaced, from 1.
    pub revision: i32,
    /// When this revision was registered.
    pub created_at: DateTime<Utc>,
    /// The graph of its steps.
    pub outline: Outline,
    /// The step handlers that it needs, by name.
    pub step_handlers: Vec<StepHandler>,
}

/// Everything that is said of one version.
#[derive(Debug)]
pub struct Found {
    /// What it says.
    pub details: Arc<Details>,
    /// Set when it takes no new tasks.
    pub deprecation: Option<Deprecation>,
    /// Who runs its step handlers now.
    pub served: Vec<Served>,
    /// How it has done lately.
    pub record: Record,
    /// The pauses of the handler and of its namespace.
    pub pauses: Vec<Pause>,
}

/// Who runs a step handler now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Served {
    /// The step handler.
    pub step_handler: String,
    /// Workers that take work for it, if they have room.
    pub workers: usize,
    /// Slots that they have free.
    pub free: usize,
}

/// A handler of a list, with whether anybody runs it.
#[derive(Debug, Clone)]
pub struct Listed {
    /// The handler.
    pub entry: Arc<Entry>,
    /// Whether every step handler of its latest version has a connected worker.
    pub available: bool,
}

/// Where a list of names goes on: after this namespace and name.
pub type Cursor = (String, String);

impl Discovery {
    /// What can be found out in this store.
    pub fn new(
        store: Store,
        templates: Templates,
        hints: Hints,
        pauses: Pauses,
        roster: WorkerRoster,
        metrics: &Metrics,
    ) -> Self {
        let weigh = |_: &NamedTaskId, details: &Arc<Details>| weight(details);
        Self {
            store,
            templates,
            hints,
            pauses,
            roster,
            // The present one, and one that answers are being made of.
            listings: Cache::builder().max_capacity(2).build(),
            listings_meter: metrics.cache("handler_list"),
            details: Cache::builder().max_capacity(BYTES_MAX).weigher(weigh).build(),
            details_meter: metrics.cache("handler"),
        }
    }

    /// The namespaces that the caller may see, after one, and where the next page begins.
    pub async fn list_namespaces(
        &self,
        scope: &Scope,
        after: Option<String>,
        size: i64,
    ) -> Result<(Vec<Namespace>, Option<String>)> {
        let listing = self.listing().await?;
        let after = after.as_deref();
        let visible = listing.namespaces.iter().filter(|one| after.is_none_or(|after| *one.name > *after));
        let visible = visible.filter(|one| scope.covers_all() || !scope.select([&one.name]).is_empty());
        let (page, more) = page(visible.cloned(), size);
        let next = page.last().filter(|_| more).map(|last| last.name.clone());
        Ok((page, next))
    }

    /// The handlers of one namespace, or of all that the caller may see, and where the next page begins.
    pub async fn list_handlers(
        &self,
        scope: &Scope,
        namespace: &str,
        after: Option<Cursor>,
        size: i64,
    ) -> Result<(Vec<Listed>, Option<Cursor>)> {
        if !namespace.is_empty() {
            scope.narrow(namespace)?;
        }
        let (listing, served) = tokio::try_join!(self.listing(), self.roster.served())?;
        if !namespace.is_empty() && !listing.has_namespace(namespace) {
            let mut connection = self.store.pool().acquire().await.map_err(store::Error::from)?;
            return Err(unknown(&mut connection, namespace, "", "").await?);
        }
        let sees_all = scope.covers_all();
        let mut allowed: Option<(&str, bool)> = None;
        let visible = listing.after(namespace, after.as_ref()).filter(|entry| {
            if sees_all || !namespace.is_empty() {
                return true;
            }
            // Handlers come by namespace: one question for each.
            match allowed {
                Some((known, answer)) if known == entry.namespace => answer,
                _ => {
                    let answer = !scope.select([&entry.namespace]).is_empty();
                    allowed = Some((&entry.namespace, answer));
                    answer
                }
            }
        });
        let (page, more) = page(visible.cloned(), size);
        let next = page.last().filter(|_| more).map(|last| (last.namespace.clone(), last.name.clone()));
        let listed = page.into_iter().map(|entry| {
            let available = entry.queues.iter().all(|queue| served.contains(queue));
            Listed { entry, available }
        });
        Ok((listed.collect(), next))
    }

    /// Everything about one version; nothing and `latest` mean the greatest that takes new tasks, or the greatest.
    ///
    /// Fails with `NamespaceUnknown`, `HandlerUnknown` or `VersionUnknown`; `did_you_mean` names a near miss.
    pub async fn get_handler(&self, scope: &Scope, namespace: &str, name: &str, version: &str) -> Result<Found> {
        let id = self.find(scope, namespace, name, version).await?;
        self.found(id).await
    }

    /// Deprecates a version: it takes no new tasks.
    pub async fn deprecate(
        &self,
        scope: &Scope,
        (namespace, name, version): (&str, &str, &str),
        reason: &str,
        by: &str,
    ) -> Result<Found> {
        let id = self.find_exactly(scope, namespace, name, version).await?;
        let mut transaction = self.store.begin().await?;
        let is_new = rows::deprecate(&mut transaction, id, reason, by).await?;
        transaction.commit().await.map_err(store::Error::from)?;
        if is_new {
            tracing::info!(namespace, name, version, by, "deprecated");
            self.announce();
        }
        self.found(id).await
    }

    /// Takes a deprecation back.
    pub async fn restore(&self, scope: &Scope, (namespace, name, version): (&str, &str, &str)) -> Result<Found> {
        let id = self.find_exactly(scope, namespace, name, version).await?;
        let mut transaction = self.store.begin().await?;
        let was_deprecated = rows::restore(&mut transaction, id).await?;
        transaction.commit().await.map_err(store::Error::from)?;
        if was_deprecated {
            tracing::info!(namespace, name, version, "restored");
            self.announce();
        }
        self.found(id).await
    }

    /// Pauses a handler, or all of a namespace. When this returns, this server claims nothing of it any more; the others
    /// have been told.
    pub async fn pause(
        &self,
        scope: &Scope,
        namespace: &str,
        handler: Option<&str>,
        reason: &str,
        by: &str,
    ) -> Result<Pause> {
        let namespace = namespace_or_default(namespace);
        self.require(scope, namespace, handler).await?;
        let mut transaction = self.store.begin().await?;
        let is_new = pauses::insert(&mut transaction, namespace, handler, reason, by).await?;
        transaction.commit().await.map_err(store::Error::from)?;
        self.pauses.refresh().await?;
        if is_new == Some(true) {
            tracing::info!(namespace, handler, by, "paused");
            self.hints.handlers();
        }
        let of_handler = |pause: &&Pause| pause.namespace == namespace && pause.handler.as_deref() == handler;
        let heard = self.pauses.heard().and_then(|paused| paused.all().iter().find(of_handler).cloned());
        heard.ok_or_else(|| Error::new(Reason::Contention, "it was resumed at the same moment"))
    }

    /// Ends a pause; whether there was one. What has waited is given out at once.
    pub async fn resume(&self, scope: &Scope, namespace: &str, handler: Option<&str>) -> Result<bool> {
        let namespace = namespace_or_default(namespace);
        self.require(scope, namespace, handler).await?;
        let mut transaction = self.store.begin().await?;
        let was_paused = pauses::delete(&mut transaction, namespace, handler).await?;
        transaction.commit().await.map_err(store::Error::from)?;
        self.pauses.refresh().await?;
        if was_paused {
            tracing::info!(namespace, handler, "resumed");
            self.hints.handlers();
        }
        Ok(was_paused)
    }

    /// Tells everybody that names mean something else now.
    fn announce(&self) {
        self.templates.invalidate();
        self.hints.handlers();
    }

    /// Everything that is registered, as it is now.
    async fn listing(&self) -> Result<Arc<Listing>> {
        let revision = store::catalog::revision(self.store.pool()).await?;
        let load = Listing::load(&self.store);
        let loaded = self.listings.entry(revision).or_try_insert_with(async { Ok(Arc::new(load.await?)) }).await;
        let entry = loaded.map_err(|error: Arc<Error>| (*error).clone())?;
        self.listings_meter.note(!entry.is_fresh());
        Ok(entry.into_value())
    }

    /// The number of a version that the caller may see.
    async fn find(&self, scope: &Scope, namespace: &str, name: &str, version: &str) -> Result<NamedTaskId> {
        let namespace = namespace_or_default(namespace);
        scope.narrow(namespace)?;
        let wanted = match version {
            "" | LATEST => None,
            version => {
                let version = version.parse::<Version>();
                Some(version.map_err(|error| Error::invalid_field("version", error.to_string()))?.order())
            }
        };
        let listing = self.listing().await?;
        if let Some(id) = listing.find(namespace, name, wanted) {
            return Ok(id);
        }
        let mut connection = self.store.pool().acquire().await.map_err(store::Error::from)?;
        Err(unknown(&mut connection, namespace, name, version).await?)
    }

    /// The number of a version that is named by its numbers.
    async fn find_exactly(&self, scope: &Scope, namespace: &str, name: &str, version: &str) -> Result<NamedTaskId> {
        scope.narrow(namespace_or_default(namespace))?;
        if matches!(version, "" | LATEST) {
            return Err(Error::invalid_field("version", "must be named by its numbers"));
        }
        self.find(scope, namespace, name, version).await
    }

    /// Refuses a handler or a namespace that does not exist or that the caller may not see.
    async fn require(&self, scope: &Scope, namespace: &str, handler: Option<&str>) -> Result<()> {
        scope.narrow(namespace)?;
        let listing = self.listing().await?;
        let is_known = match handler {
            Some(name) => listing.find(namespace, name, None).is_some(),
            None => listing.has_namespace(namespace),
        };
        if is_known {
            return Ok(());
        }
        let mut connection = self.store.pool().acquire().await.map_err(store::Error::from)?;
        Err(unknown(&mut connection, namespace, handler.unwrap_or_default(), "").await?)
    }

    async fn found(&self, id: NamedTaskId) -> Result<Found> {
        let details = self.details(id).await?;
        let pool = self.store.pool();
        let deprecation = rows::deprecation(pool, id).await?;
        let record = rows::record(pool, id, RECORD_TASKS).await?;
        let queues: Vec<_> = details.step_handlers.iter().map(|needed| needed.queue).collect();
        let by_queue = self.roster.of(&queues).await?;
        let served = details.step_handlers.iter().map(|needed| {
            let sessions = by_queue.get(&needed.queue).map_or(&[][..], Vec::as_slice);
            Served {
                step_handler: needed.name.clone(),
                workers: sessions.iter().filter(|session| session.presence == Presence::Open).count(),
                free: sessions.iter().map(crate::domain::explain::SessionOccupancy::free).sum(),
            }
        });
        let served = served.collect();
        let listing = self.listing().await?;
        let pauses = listing.pauses_of(&details.draft.namespace, &details.draft.name);
        Ok(Found { deprecation, served, record, pauses, details })
    }

    async fn details(&self, id: NamedTaskId) -> Result<Arc<Details>> {
        let load = async {
            let pool = self.store.pool();
            let defect = |why: &str| Error::new(Reason::Internal, format!("handler version {id} {why}"));
            let found = rows::details(pool, id).await?.ok_or_else(|| defect("has gone"))?;
            let draft: Draft = serde_json::from_str(&found.configuration)
                .map_err(|error| defect("cannot be read").caused_by(error))?;
            let outline = Outline::of(&draft).ok_or_else(|| defect("has steps in a circle"))?;
            let step_handlers = rows::queues(pool, &[id]).await?;
            let (revision, created_at) = (found.revision, found.created_at);
            Ok(Arc::new(Details { draft, revision, created_at, outline, step_handlers }))
        };
        let loaded = self.details.entry(id).or_try_insert_with(load).await;
        let entry = loaded.map_err(|error: Arc<Error>| (*error).clone())?;
        self.details_meter.note(!entry.is_fresh());
        Ok(entry.into_value())
    }
}

/// The first so many, and whether there are more.
fn page<T>(mut items: impl Iterator<Item = T>, size: i64) -> (Vec<T>, bool) {
    let size = usize::try_from(size).expect("a page has a positive size");
    let page: Vec<T> = items.by_ref().take(size).collect();
    let more = items.next().is_some();
    (page, more)
}

/// About how many bytes a version takes.
fn weight(details: &Details) -> u32 {
    let steps = details.draft.step_templates.iter().map(|step| {
        let names = step.name.len() + step.handler_class.len() + step.description.len() + step.depends_on_step.len();
        let parents: usize = step.depends_on_steps.iter().map(|name| 24 + name.len()).sum();
        256 + names + parents + step.handler_config_json.len()
    });
    let bytes = 512 + steps.sum::<usize>() + details.draft.schema_json.len() + details.outline.shape.bytes();
    u32::try_from(bytes).unwrap_or(u32::MAX)
}
