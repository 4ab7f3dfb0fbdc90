//! Listing handlers and namespaces.

use std::sync::Arc;

use super::{Entry, Handlers, Namespace};
use crate::{auth::Scope, error::Result};

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

impl Handlers {
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
            return Err(self.unknown(namespace, "", "").await);
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
}

/// The first so many, and whether there are more.
fn page<T>(mut items: impl Iterator<Item = T>, size: i64) -> (Vec<T>, bool) {
    let size = usize::try_from(size).unwrap_or_default().max(1);
    let page: Vec<T> = items.by_ref().take(size).collect();
    let more = items.next().is_some();
    (page, more)
}
