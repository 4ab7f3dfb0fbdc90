//! Saying what a namespace is for.

use super::{Actor, Handlers, Namespace, operations};
use crate::{
    auth::Scope,
    domain::handler::OperationKind,
    error::Result,
    store::{self, handlers as rows},
};

impl Handlers {
    /// Describes a namespace anew, when there is a description; how it is now.
    ///
    /// Fails with `NamespaceUnknown`; `did_you_mean` names a near miss.
    pub async fn update_namespace(
        &self,
        scope: &Scope,
        namespace: &str,
        description: Option<&str>,
        actor: &Actor,
    ) -> Result<Namespace> {
        self.require(scope, namespace, None).await?;
        if let Some(description) = description {
            let mut transaction = self.store.begin().await?;
            if rows::describe_namespace(&mut transaction, namespace, description).await? {
                let subject = (namespace, "", "").into();
                let done = vec![(OperationKind::UpdateNamespace, subject)];
                operations::record(&mut transaction, scope, actor, done).await?;
            }
            transaction.commit().await.map_err(store::Error::from)?;
        }
        let listing = self.listing().await?;
        match listing.namespaces.iter().find(|one| one.name == namespace) {
            Some(found) => Ok(found.clone()),
            None => Err(self.unknown(namespace, "", "").await),
        }
    }
}
