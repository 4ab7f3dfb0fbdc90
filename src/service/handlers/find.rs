//! Finding one handler.

use std::sync::Arc;

use chrono::{DateTime, Utc};

use super::{Handlers, namespace_or_default};
use crate::{
    auth::Scope,
    domain::{
        explain::Presence,
        handler::{Draft, LATEST, Outline, Version},
        pause::Pause,
        template::NamedTaskId,
    },
    error::{Error, Reason, Result},
    store::handlers::{self as rows, Deprecation, Record, StepHandler},
};

/// Tasks that a record looks at.
const RECORD_TASKS: i64 = 200;

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

impl Handlers {
    /// Everything about one version; nothing and `latest` mean the greatest that takes new tasks, or the greatest.
    ///
    /// Fails with `NamespaceUnknown`, `HandlerUnknown` or `VersionUnknown`; `did_you_mean` names a near miss.
    pub async fn get_handler(&self, scope: &Scope, namespace: &str, name: &str, version: &str) -> Result<Found> {
        let id = self.find(scope, namespace, name, version).await?;
        self.found(id).await
    }

    /// The number of a version that the caller may see.
    pub(super) async fn find(&self, scope: &Scope, namespace: &str, name: &str, version: &str) -> Result<NamedTaskId> {
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
        Err(self.unknown(namespace, name, version).await)
    }

    /// The number of a version that is named by its numbers.
    pub(super) async fn find_exactly(
        &self,
        scope: &Scope,
        namespace: &str,
        name: &str,
        version: &str,
    ) -> Result<NamedTaskId> {
        scope.narrow(namespace_or_default(namespace))?;
        if matches!(version, "" | LATEST) {
            return Err(Error::invalid_field("version", "must be named by its numbers"));
        }
        self.find(scope, namespace, name, version).await
    }

    /// Refuses a handler or a namespace that does not exist or that the caller may not see.
    pub(super) async fn require(&self, scope: &Scope, namespace: &str, handler: Option<&str>) -> Result<()> {
        scope.narrow(namespace)?;
        let listing = self.listing().await?;
        let is_known = match handler {
            Some(name) => listing.find(namespace, name, None).is_some(),
            None => listing.has_namespace(namespace),
        };
        if is_known {
            return Ok(());
        }
        Err(self.unknown(namespace, handler.unwrap_or_default(), "").await)
    }

    pub(super) async fn found(&self, id: NamedTaskId) -> Result<Found> {
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

/// About how many bytes a version takes.
pub(super) fn weight(details: &Details) -> u32 {
    let steps = details.draft.step_templates.iter().map(|step| {
        let names = step.name.len() + step.handler_class.len() + step.description.len() + step.depends_on_step.len();
        let parents: usize = step.depends_on_steps.iter().map(|name| 24 + name.len()).sum();
        256 + names + parents + step.handler_config_json.len()
    });
    let bytes = 512 + steps.sum::<usize>() + details.draft.schema_json.len() + details.outline.shape.bytes();
    u32::try_from(bytes).unwrap_or(u32::MAX)
}
