//! The catalog as this server has it in memory, brought up to date.
//!
//! Owns: what follows when handlers were registered, deprecated, paused or resumed, here or elsewhere. A hint says so
//! at once; the sweeper looks at the catalog's revision, so that a hint that is lost costs a sweep. Never: changes
//! the catalog.

use std::sync::{
    Arc,
    atomic::{AtomicI64, Ordering},
};

use super::{Sessions, Shared};
use crate::{error::Result, store};

/// The revision of the catalog that this server has taken in; 0 for none.
#[derive(Debug, Clone, Default)]
pub(crate) struct Seen(Arc<AtomicI64>);

/// Takes in a change that somebody told of.
pub(super) async fn take_in(shared: &Shared, sessions: &Sessions) {
    // Names are looked up anew whatever else fails.
    shared.templates.invalidate();
    if let Err(error) = follow(shared, sessions, true).await {
        tracing::warn!(%error, "a change of the catalog was not taken in");
    }
}

/// Looks whether the catalog has changed, and takes that in.
pub(super) async fn look(shared: &Shared, sessions: &Sessions) -> Result<()> {
    follow(shared, sessions, false).await
}

async fn follow(shared: &Shared, sessions: &Sessions, notified: bool) -> Result<()> {
    // Before anything else is read: what changes in between is seen at the next look.
    let revision = store::catalog::revision(shared.store.pool()).await?;
    if notified || revision != shared.catalog_seen.0.load(Ordering::SeqCst) {
        shared.templates.invalidate();
        shared.pauses.refresh().await?;
        sessions.resolve_offers().await?;
        shared.catalog_seen.0.fetch_max(revision, Ordering::SeqCst);
    }
    Ok(())
}
