//! Who follows which task, and how far each task has come as far as this server knows.
//!
//! Owns: one channel per followed task, there as long as somebody follows it. Publishing costs one look at a
//! counter while nobody follows anything. Hints only: a follower reads the store, and looks again after a
//! while, because moves that another server wrote are not published here. Never: touches the store.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
};

use tokio::sync::watch;

use crate::domain::ids::TaskId;

/// The followed tasks of this server.
#[derive(Debug, Clone, Default)]
pub struct Watch(Arc<Inner>);

#[derive(Debug, Default)]
struct Inner {
    channels: Mutex<HashMap<TaskId, watch::Sender<u32>>>,
    followed: AtomicUsize,
}

/// One follower of one task; the channel goes with the last of them.
#[derive(Debug)]
pub struct Subscription {
    task: TaskId,
    receiver: watch::Receiver<u32>,
    hub: Watch,
}

impl Watch {
    /// Follows a task from now on. To miss nothing, read the store after this.
    pub fn subscribe(&self, task: TaskId) -> Subscription {
        let mut channels = self.channels();
        let receiver = channels.entry(task).or_insert_with(|| watch::Sender::new(0)).subscribe();
        self.0.followed.store(channels.len(), Ordering::Release);
        drop(channels);
        Subscription { task, receiver, hub: self.clone() }
    }

    /// Tells the followers of a task that it has come to this revision. Called after the commit.
    pub fn publish(&self, task: TaskId, revision: u32) {
        if self.0.followed.load(Ordering::Acquire) == 0 {
            return;
        }
        if let Some(channel) = self.channels().get(&task) {
            channel.send_if_modified(|known| {
                let newer = revision > *known;
                *known = revision.max(*known);
                newer
            });
        }
    }

    /// How many tasks are followed.
    pub fn followed(&self) -> usize {
        self.0.followed.load(Ordering::Acquire)
    }

    fn channels(&self) -> MutexGuard<'_, HashMap<TaskId, watch::Sender<u32>>> {
        self.0.channels.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Subscription {
    /// Waits until the task has come further than when this was last called. Safe to cancel.
    pub async fn changed(&mut self) {
        self.receiver.changed().await.expect("the hub keeps the channel while it is followed");
    }
}

impl Drop for Subscription {
    fn drop(&mut self) {
        let mut channels = self.hub.channels();
        // Counted under the lock, so that nobody joins in between; this receiver is still one of them.
        if channels.get(&self.task).is_some_and(|channel| channel.receiver_count() <= 1) {
            channels.remove(&self.task);
            self.hub.0.followed.store(channels.len(), Ordering::Release);
        }
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt;

    use super::*;

    fn task(number: u64) -> TaskId {
        TaskId::new(1_700_000_000_000_000, number)
    }

    #[test]
    fn a_follower_hears_of_its_task_only_and_once() {
        let hub = Watch::default();
        let mut one = hub.subscribe(task(1));
        let mut two = hub.subscribe(task(2));
        hub.publish(task(1), 5);
        hub.publish(task(1), 4);
        assert!(one.changed().now_or_never().is_some());
        assert!(one.changed().now_or_never().is_none());
        assert!(two.changed().now_or_never().is_none());
    }

    #[test]
    fn a_task_is_forgotten_with_its_last_follower() {
        let hub = Watch::default();
        let first = hub.subscribe(task(1));
        let mut second = hub.subscribe(task(1));
        drop(first);
        hub.publish(task(1), 1);
        assert!(second.changed().now_or_never().is_some());
        assert_eq!(hub.followed(), 1);
        drop(second);
        assert_eq!(hub.followed(), 0);
        hub.publish(task(1), 2);
    }
}
