//! The audit trail of the catalog: who changed what, and why.
//!
//! An operation is recorded in the transaction that makes the change, so that there is no change without one. The
//! authenticated subject is recorded always; what the caller says about itself stands beside it.

use chrono::{DateTime, Utc};

use super::{Handlers, namespace_or_default};
use crate::{
    auth::Scope,
    domain::handler::{Definition, OperationKind},
    error::Result,
    service::namespaces,
    store::{
        Connection,
        handlers::{self as rows, Claims, NewOperation, OperationRow},
    },
};

/// Who asks for a change, in the caller's words, and why.
#[derive(Debug, Clone, Default)]
pub struct Actor {
    /// Who.
    pub requested_by: String,
    /// Why.
    pub reason: String,
}

/// What was changed. Empty texts stand for all there are.
#[derive(Debug, Clone)]
pub(super) struct Subject {
    namespace: String,
    name: String,
    version: String,
}

/// Which operations.
#[derive(Debug, Clone, Default)]
pub struct OperationFilter {
    /// Of this namespace.
    pub namespace: Option<String>,
    /// Of this handler, in the namespace or in `default`.
    pub handler: Option<String>,
    /// Of these kinds, or of any.
    pub kinds: Vec<OperationKind>,
    /// At or after this time.
    pub from: Option<DateTime<Utc>>,
    /// Before this time.
    pub until: Option<DateTime<Utc>>,
}

impl Actor {
    /// The same with the authenticated subject.
    pub(super) fn claims(&self, scope: &Scope) -> Claims {
        let subject = scope.subject().map(|subject| subject.to_string()).unwrap_or_default();
        Claims { subject, requested_by: self.requested_by.clone(), reason: self.reason.clone() }
    }
}

impl Subject {
    /// A version.
    pub(super) fn version(definition: &Definition) -> Self {
        (&*definition.namespace, &*definition.name, &*definition.version.to_string()).into()
    }
}

impl From<(&str, &str, &str)> for Subject {
    fn from((namespace, name, version): (&str, &str, &str)) -> Self {
        let namespace = namespace_or_default(namespace).to_owned();
        Self { namespace, name: name.to_owned(), version: version.to_owned() }
    }
}

/// Records operations, in this order.
pub(super) async fn record(
    connection: &mut Connection,
    scope: &Scope,
    actor: &Actor,
    done: Vec<(OperationKind, Subject)>,
) -> Result<()> {
    let operation = |(kind, subject): (OperationKind, Subject)| NewOperation {
        kind,
        namespace: subject.namespace,
        name: subject.name,
        version: subject.version,
    };
    let done: Vec<NewOperation> = done.into_iter().map(operation).collect();
    Ok(rows::record_operations(connection, &done, &actor.claims(scope)).await?)
}

impl Handlers {
    /// The operations that the caller may see, newest first, before a number; and whether there are more.
    pub async fn list_operations(
        &self,
        scope: &Scope,
        filter: &OperationFilter,
        before: Option<i64>,
        size: i64,
    ) -> Result<(Vec<OperationRow>, bool)> {
        let named = match (&filter.namespace, &filter.handler) {
            (None, Some(_)) => Some(namespace_or_default("").to_owned()),
            (named, _) => named.clone(),
        };
        if let Some(namespace) = &named {
            self.require(scope, namespace, None).await?;
        }
        let within = namespaces::within(&self.store, scope, named).await?;
        let query = rows::OperationQuery {
            namespaces: within.as_deref(),
            name: filter.handler.as_deref(),
            kinds: &filter.kinds,
            from: filter.from,
            until: filter.until,
            before,
        };
        let mut found = rows::list_operations(self.store.pool(), &query, size.saturating_add(1)).await?;
        let size = usize::try_from(size).unwrap_or_default();
        let more = found.len() > size;
        found.truncate(size);
        Ok((found, more))
    }
}
