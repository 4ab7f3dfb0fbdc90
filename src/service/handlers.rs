//! Handlers: registering, finding and listing them, and saying which of them may be used.
//!
//! Owns: the use cases, one file each, and what they share: the listing of everything that is registered, and what is
//! said of one version. Both are kept in memory: the listing by the catalog's revision, which every call reads, so that
//! it is never stale; a version by its number, under which it never changes. Every change leaves an operation in the
//! audit trail, in the same transaction. Never: what a handler may look like; `domain::handler` knows. Next:
//! `store::handlers` for the rows, `lifecycle::templates` for what running tasks needs of them.

mod deprecate;
mod find;
mod list;
mod listing;
mod operations;
mod pause;
mod refusal;
mod register;
mod update_namespace;

use std::sync::Arc;

use moka::future::Cache;

pub use find::{Details, Found, Served};
pub use list::{Cursor, Listed};
pub use listing::{Entry, Listing, Namespace, VersionEntry};
pub use operations::{Actor, OperationFilter};
pub use register::{Existing, Extent, Handler, Outcome, Registrar};

use super::worker_roster::WorkerRoster;
use crate::{
    domain::{
        handler::{Limits, NAMESPACE_DEFAULT},
        template::NamedTaskId,
    },
    error::{Error, Result},
    lifecycle::{Hints, Pauses, Templates},
    store::{self, Store},
    telemetry::{Metrics, metrics::CacheMeter},
};

/// Versions take about this much memory at most.
const BYTES_MAX: u64 = 32 << 20;

/// The handlers of one database. Clones share everything.
#[derive(Debug, Clone)]
pub struct Handlers {
    store: Store,
    templates: Templates,
    hints: Hints,
    pauses: Pauses,
    roster: WorkerRoster,
    registrar: Registrar,
    listings: Cache<i64, Arc<Listing>>,
    listings_meter: CacheMeter,
    details: Cache<NamedTaskId, Arc<Details>>,
    details_meter: CacheMeter,
}

/// What running tasks needs to hear of: changes are announced to it, here and, by hint, on the other servers.
#[derive(Debug, Clone)]
pub struct Running {
    /// The compiled handlers.
    pub templates: Templates,
    /// Tells the other servers.
    pub hints: Hints,
    /// What is paused.
    pub pauses: Pauses,
}

impl Handlers {
    /// The handlers in this store.
    pub fn new(store: Store, running: Running, roster: WorkerRoster, limits: Limits, metrics: &Metrics) -> Self {
        let weigh = |_: &NamedTaskId, details: &Arc<Details>| find::weight(details);
        let Running { templates, hints, pauses } = running;
        let registrar = Registrar::new(store.clone(), templates.clone(), hints.clone(), limits);
        Self {
            store,
            templates,
            hints,
            pauses,
            roster,
            registrar,
            // The present one, and one that answers are being made of.
            listings: Cache::builder().max_capacity(2).build(),
            listings_meter: metrics.cache("handler_list"),
            details: Cache::builder().max_capacity(BYTES_MAX).weigher(weigh).build(),
            details_meter: metrics.cache("handler"),
        }
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

    /// The refusal of a name that does not exist; `did_you_mean` names a near miss.
    async fn unknown(&self, namespace: &str, name: &str, version: &str) -> Error {
        let refusal = async {
            let mut connection = self.store.pool().acquire().await.map_err(store::Error::from)?;
            Ok::<_, Error>(crate::lifecycle::templates::unknown(&mut connection, namespace, name, version).await?)
        };
        refusal.await.unwrap_or_else(|error| error)
    }
}

/// The namespace that nothing stands for.
pub fn namespace_or_default(namespace: &str) -> &str {
    if namespace.is_empty() { NAMESPACE_DEFAULT } else { namespace }
}
