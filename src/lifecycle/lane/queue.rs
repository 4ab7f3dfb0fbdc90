//! What waits for a lane, cut into batches.
//!
//! Owns: the end of the channel that items arrive on, and those that have arrived, by party: the new tasks of each
//! namespace, and everything that moves existing tasks on. Batches are bounded by items, bytes and rows; whoever fills
//! the queue waits for himself. An item whose caller has gone is left out.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, mpsc};

use super::{
    super::item::{Item, Queued},
    fair_queue::FairQueue,
};

/// Items of one batch bring at most about this many bytes.
const BATCH_BYTES_MAX: usize = 2 * 1024 * 1024;

/// Items of one batch write at most about this many rows, as far as that is known before.
pub(super) const BATCH_ROWS_MAX: usize = 20_000;

/// Bytes that cost about as much as a row.
const ROW_BYTES: usize = 256;

/// What has begun goes before what is new: it is charged so much less than it costs.
const BEGUN_DISCOUNT: usize = 4;

/// Whose item it is: the namespace of a new task; `None` for existing ones.
type Party = Option<Arc<str>>;

/// The queue of a lane.
#[derive(Debug)]
pub(in crate::lifecycle) struct LaneQueue {
    arriving: mpsc::Receiver<Queued>,
    arrived: FairQueue<Party, Queued>,
}

/// Items to be worked on together, and the room that they take in the queue until they are done.
#[derive(Debug)]
pub(super) struct NextBatch {
    pub(super) items: Vec<Item>,
    pub(super) rooms: Vec<OwnedSemaphorePermit>,
}

impl LaneQueue {
    pub(in crate::lifecycle) fn new(arriving: mpsc::Receiver<Queued>) -> Self {
        Self { arriving, arrived: FairQueue::default() }
    }

    /// The next batch, of one item at least; `None` when nobody can bring any more.
    pub(super) async fn next(&mut self, items_max: usize) -> Option<NextBatch> {
        loop {
            if self.arrived.is_empty() {
                let queued = self.arriving.recv().await?;
                self.arrive(queued);
            }
            while let Ok(queued) = self.arriving.try_recv() {
                self.arrive(queued);
            }
            let batch = self.cut(items_max);
            if !batch.items.is_empty() {
                return Some(batch);
            }
        }
    }

    fn arrive(&mut self, queued: Queued) {
        let cost = queued.item.rows() + queued.item.weight() / ROW_BYTES;
        let (party, cost) = match &queued.item {
            Item::Create { new, .. } => (Some(Arc::clone(&new.template.namespace)), cost),
            Item::Settle { .. } | Item::Claim { .. } | Item::Apply { .. } => (None, cost / BEGUN_DISCOUNT),
        };
        self.arrived.push(party, u64::try_from(cost).unwrap_or(u64::MAX), queued);
    }

    fn cut(&mut self, items_max: usize) -> NextBatch {
        let mut batch = NextBatch { items: Vec::new(), rooms: Vec::new() };
        let (mut bytes, mut rows) = (0, 0);
        while batch.items.len() < items_max {
            let is_first = batch.items.is_empty();
            let fits = |queued: &Queued| {
                bytes += queued.item.weight();
                rows += queued.item.rows();
                is_first || (bytes <= BATCH_BYTES_MAX && rows <= BATCH_ROWS_MAX)
            };
            let Some(queued) = self.arrived.pop_if(fits) else { break };
            if !queued.item.is_abandoned() {
                batch.items.push(queued.item);
                batch.rooms.push(queued.room);
            }
        }
        batch
    }
}
