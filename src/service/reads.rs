//! Reads that may be answered by a replica.

use crate::{
    error::{Reason, Result},
    store::Store,
};

/// Looks something up on the replica if it is fresh enough, else on the store; also when the replica fails on the way,
/// or has grown too old by the time the answer is there.
pub async fn read<T, Answer: Future<Output = Result<T>>>(store: &Store, look: impl Fn(Store) -> Answer) -> Result<T> {
    if let Some(replica) = store.replica().filter(|replica| replica.is_fresh()) {
        match look(replica.store().clone()).await {
            Err(error)
                if matches!(error.reason(), Reason::DatabaseUnavailable | Reason::Contention | Reason::Internal) =>
            {
                tracing::debug!(%error, "the replica does not answer");
            }
            answer if replica.is_fresh() => return answer,
            _ => tracing::debug!(age = ?replica.age(), "the replica's answer is too old"),
        }
    }
    look(store.clone()).await
}
