//! Taking versions out of use, and back.

use super::{Actor, Found, Handlers, operations};
use crate::{
    auth::Scope,
    domain::handler::OperationKind,
    error::Result,
    store::{self, handlers as rows},
};

impl Handlers {
    /// Deprecates a version: it takes no new tasks.
    pub async fn deprecate(
        &self,
        scope: &Scope,
        (namespace, name, version): (&str, &str, &str),
        actor: &Actor,
    ) -> Result<Found> {
        let id = self.find_exactly(scope, namespace, name, version).await?;
        let mut transaction = self.store.begin().await?;
        let is_new = rows::deprecate(&mut transaction, id, actor.claims(scope)).await?;
        if is_new {
            let subject = (namespace, name, version).into();
            operations::record(&mut transaction, scope, actor, vec![(OperationKind::Deprecate, subject)]).await?;
        }
        transaction.commit().await.map_err(store::Error::from)?;
        if is_new {
            tracing::info!(namespace, name, version, "deprecated");
            self.announce();
        }
        self.found(id).await
    }

    /// Takes a deprecation back.
    pub async fn restore(
        &self,
        scope: &Scope,
        (namespace, name, version): (&str, &str, &str),
        actor: &Actor,
    ) -> Result<Found> {
        let id = self.find_exactly(scope, namespace, name, version).await?;
        let mut transaction = self.store.begin().await?;
        let was_deprecated = rows::restore(&mut transaction, id).await?;
        if was_deprecated {
            let subject = (namespace, name, version).into();
            operations::record(&mut transaction, scope, actor, vec![(OperationKind::Restore, subject)]).await?;
        }
        transaction.commit().await.map_err(store::Error::from)?;
        if was_deprecated {
            tracing::info!(namespace, name, version, "restored");
            self.announce();
        }
        self.found(id).await
    }
}
