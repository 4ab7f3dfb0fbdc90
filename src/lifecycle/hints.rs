//! What other servers may want to know. Hints are sent after the commit and may be lost.

use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex, PoisonError},
};

use tokio::sync::Notify;

use crate::domain::{ids::StepId, template::QueueId};

/// Hints gathered since the last time they were sent.
#[derive(Debug, Default)]
pub struct Gathered {
    /// Queues that have new rows.
    pub queues: BTreeSet<QueueId>,
    /// Attempts to stop that no session of this server holds.
    pub stops: Vec<(StepId, u16)>,
    /// Handlers were registered.
    pub handlers: bool,
}

/// Where hints are gathered until the engine sends them.
#[derive(Debug, Clone, Default)]
pub struct Hints(Arc<(Mutex<Gathered>, Notify)>);

impl Hints {
    /// These queues have new rows.
    pub fn queues(&self, queues: impl IntoIterator<Item = QueueId>) {
        self.gather(|gathered| gathered.queues.extend(queues));
    }

    /// These attempts are to stop.
    pub fn stops(&self, stops: impl IntoIterator<Item = (StepId, u16)>) {
        self.gather(|gathered| gathered.stops.extend(stops));
    }

    /// Handlers were registered.
    pub fn handlers(&self) {
        self.gather(|gathered| gathered.handlers = true);
    }

    /// Waits for a hint and takes all there are.
    pub async fn next(&self) -> Gathered {
        self.0.1.notified().await;
        std::mem::take(&mut *self.0.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn gather(&self, add: impl FnOnce(&mut Gathered)) {
        add(&mut self.0.0.lock().unwrap_or_else(PoisonError::into_inner));
        self.0.1.notify_one();
    }
}
