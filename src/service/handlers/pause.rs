//! Giving no work of a handler, or of a namespace, for a while.

use super::{Actor, Handlers, namespace_or_default, operations};
use crate::{
    auth::Scope,
    domain::{handler::OperationKind, pause::Pause},
    error::{Error, Reason, Result},
    store::{self, pauses},
};

impl Handlers {
    /// Pauses a handler, or all of a namespace. When this returns, this server claims nothing of it any more; the others
    /// have been told.
    pub async fn pause(&self, scope: &Scope, namespace: &str, handler: Option<&str>, actor: &Actor) -> Result<Pause> {
        let namespace = namespace_or_default(namespace);
        self.require(scope, namespace, handler).await?;
        let mut transaction = self.store.begin().await?;
        let is_new = pauses::insert(&mut transaction, namespace, handler, actor.claims(scope)).await? == Some(true);
        if is_new {
            let kind = handler.map_or(OperationKind::PauseNamespace, |_| OperationKind::PauseHandler);
            let subject = (namespace, handler.unwrap_or_default(), "").into();
            operations::record(&mut transaction, scope, actor, vec![(kind, subject)]).await?;
        }
        transaction.commit().await.map_err(store::Error::from)?;
        self.pauses.refresh().await?;
        if is_new {
            tracing::info!(namespace, handler, "paused");
            self.hints.handlers();
        }
        let of_handler = |pause: &&Pause| pause.namespace == namespace && pause.handler.as_deref() == handler;
        let heard = self.pauses.heard().and_then(|paused| paused.all().iter().find(of_handler).cloned());
        heard.ok_or_else(|| Error::new(Reason::Contention, "it was resumed at the same moment"))
    }

    /// Ends a pause; whether there was one. What has waited is given out at once.
    pub async fn resume(&self, scope: &Scope, namespace: &str, handler: Option<&str>, actor: &Actor) -> Result<bool> {
        let namespace = namespace_or_default(namespace);
        self.require(scope, namespace, handler).await?;
        let mut transaction = self.store.begin().await?;
        let was_paused = pauses::delete(&mut transaction, namespace, handler).await?;
        if was_paused {
            let kind = handler.map_or(OperationKind::ResumeNamespace, |_| OperationKind::ResumeHandler);
            let subject = (namespace, handler.unwrap_or_default(), "").into();
            operations::record(&mut transaction, scope, actor, vec![(kind, subject)]).await?;
        }
        transaction.commit().await.map_err(store::Error::from)?;
        self.pauses.refresh().await?;
        if was_paused {
            tracing::info!(namespace, handler, "resumed");
            self.hints.handlers();
        }
        Ok(was_paused)
    }
}
