//! Which namespaces a list is about: what the caller names and what its scope covers.

use crate::{
    auth::Scope,
    error::Result,
    store::{self, Store, handlers},
};

/// The namespaces that a list is restricted to: the named one, which the scope must cover, or all that it covers;
/// `None` when nothing restricts it.
pub async fn within(store: &Store, scope: &Scope, named: Option<String>) -> Result<Option<Vec<String>>> {
    if let Some(named) = named.filter(|named| !named.is_empty()) {
        scope.narrow(&named)?;
        return Ok(Some(vec![named]));
    }
    if scope.covers_all() {
        return Ok(None);
    }
    let mut connection = store.pool().acquire().await.map_err(store::Error::from)?;
    let all = handlers::list_namespaces(&mut connection, "", i64::MAX).await?;
    Ok(Some(scope.select(all)))
}
