//! The stream of events, as everybody on this server reads it.
//!
//! Owns: who listens, how far the log is complete, and reading it in order. The lanes wake it after their commits,
//! which costs a look at a counter while nobody listens. Never: writes the log; the lanes' own statement does.
//! Next: `high_watermark` for how far is safe to read, `tail` for reading.
//!
//! ```text
//!   lane: commit ── wake ──▶ high watermark: nobody can come in below P any more ──▶ tails read up to P
//! ```

mod high_watermark;
mod tail;

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use tokio::sync::{Notify, watch};

pub use high_watermark::follow;
pub use tail::{Filter, Omission, Page, StreamEvent, Tail, Visible};

use super::Templates;
use crate::{
    error::Result,
    store::{self, Store},
};

/// How the stream is read.
#[derive(Debug, Clone, Copy)]
pub struct Settings {
    /// Whether there is a log.
    pub enabled: bool,
    /// The largest result or input that an event carries.
    pub payload_bytes: usize,
    /// How often commits of other servers are looked for while somebody listens.
    pub poll_interval: Duration,
}

impl Default for Settings {
    fn default() -> Self {
        Self { enabled: true, payload_bytes: 16 * 1_024, poll_interval: Duration::from_millis(100) }
    }
}

/// The stream. Clones share it.
#[derive(Debug, Clone)]
pub struct Events(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    settings: Settings,
    store: Store,
    templates: Templates,
    listeners: AtomicUsize,
    wake: Notify,
    /// Everything up to this position is there to be read, or never will be.
    high_watermark: watch::Sender<i64>,
}

/// Somebody who listens; the log is followed while there is one.
#[derive(Debug)]
pub struct Listener {
    events: Events,
    high_watermark: watch::Receiver<i64>,
}

impl Events {
    /// Begins with nobody listening.
    pub fn new(settings: Settings, store: Store, templates: Templates) -> Self {
        Self(Arc::new(Inner {
            settings,
            store,
            templates,
            listeners: AtomicUsize::new(0),
            wake: Notify::new(),
            high_watermark: watch::Sender::new(0),
        }))
    }

    /// Whether there is a log.
    pub fn enabled(&self) -> bool {
        self.0.settings.enabled
    }

    /// Something was committed on this server.
    pub fn wake(&self) {
        if self.0.listeners.load(Ordering::Acquire) > 0 {
            self.0.wake.notify_one();
        }
    }

    /// How many listen.
    pub fn listeners(&self) -> usize {
        self.0.listeners.load(Ordering::Acquire)
    }

    /// Listens from now on.
    pub fn listen(&self) -> Listener {
        self.0.listeners.fetch_add(1, Ordering::AcqRel);
        self.0.wake.notify_one();
        Listener { events: self.clone(), high_watermark: self.0.high_watermark.subscribe() }
    }

    /// The last position that was assigned.
    pub async fn last_assigned(&self) -> Result<i64> {
        Ok(store::events::last_assigned(self.0.store.pool()).await?)
    }
}

impl Listener {
    /// Up to where the log is complete, as far as this server knows.
    pub fn high_watermark(&mut self) -> i64 {
        *self.high_watermark.borrow_and_update()
    }

    /// Waits until the log is complete further than when this was last asked.
    pub async fn further(&mut self) {
        self.high_watermark.changed().await.expect("the stream outlives those who listen to it");
    }

    /// Waits until the log is complete up to a position.
    pub async fn reach(&mut self, position: i64) {
        self.high_watermark.wait_for(|at| *at >= position).await.expect("the stream outlives those who listen to it");
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        self.events.0.listeners.fetch_sub(1, Ordering::AcqRel);
    }
}
