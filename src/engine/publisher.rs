//! Publishes the stream of events to NATS JetStream.
//!
//! Owns: one row that says how far it has come and which server does it at present. The log is the outbox: it is written
//! with the moves themselves. An event is published under its cursor as id, and the row moves on only after the
//! acknowledgement, so that nothing is lost; what is published again after a crash NATS drops by its id. One server
//! does it at a time; when it goes silent another takes over. Never: holds up anything else. Next:
//! `publisher/nats.rs` for the connection, `lifecycle::events` for reading.
//!
//! ```text
//!   take the row ──▶ connect ──▶ read a page ──▶ publish, in order ──▶ all acknowledged: move the row on ─┐
//!       ▲                            ▲────────────────────────────────────────────────────────────────────┘
//!       └── anything goes wrong: the connection is given up, so that nothing of it comes late
//! ```

mod nats;

use std::time::Duration;

use super::Shared;
use crate::{
    domain::events::Cursor,
    error::Result,
    lifecycle::{
        Events,
        events::{Filter, Listener, StreamEvent, Tail, Visible},
    },
    store::events as log,
};

pub use nats::Settings as Nats;

/// The publisher's name in the store.
const NAME: &str = "nats";
/// How long to wait after something went wrong.
const RETRY_PAUSE: Duration = Duration::from_secs(1);

/// Publishes until the engine stops.
pub(super) async fn run(shared: Shared, events: Events, settings: Nats) {
    while !shared.stop.is_cancelled() {
        let publisher = Publisher { shared: &shared, events: &events, settings: &settings };
        let pause = match shared.stop.run_until_cancelled(publisher.session()).await {
            None => break,
            Some(Ok(())) => settings.lease_ttl / 4,
            Some(Err(error)) => {
                tracing::warn!(error = &*error as &dyn std::error::Error, "events are not published");
                RETRY_PAUSE
            }
        };
        shared.stop.run_until_cancelled(tokio::time::sleep(pause)).await;
    }
    // Another server goes on at once.
    let give_up = log::give_up_publisher(shared.store.pool(), NAME, shared.server_id);
    let _late = tokio::time::timeout(RETRY_PAUSE, give_up).await;
}

type BoxError = Box<dyn std::error::Error + Send + Sync>;

struct Publisher<'a> {
    shared: &'a Shared,
    events: &'a Events,
    settings: &'a Nats,
}

impl Publisher<'_> {
    /// Publishes while this server has the right to; ends well when another one has it.
    async fn session(&self) -> Result<(), BoxError> {
        let Some(cursor) = self.take().await? else { return Ok(()) };
        let connection = nats::Connection::open(self.settings).await?;
        tracing::info!(%cursor, stream = self.settings.stream, "publishing events");
        let mut listener = self.events.listen();
        let mut tail = Tail::new(self.events.clone(), Filter::default(), Visible::all(), cursor);
        let mut saved = cursor;
        loop {
            let page = tail.read(listener.high_watermark()).await?;
            for chunk in page.events.chunks(self.settings.batch_max) {
                connection.publish(chunk).await?;
                let last = chunk.last().expect("chunks are not empty").cursor;
                if !self.advance(last, chunk.len()).await? {
                    return Ok(());
                }
                saved = last;
            }
            if page.more {
                continue;
            }
            let position = tail.cursor();
            if position != saved {
                if !self.advance(position, 0).await? {
                    return Ok(());
                }
                saved = position;
            }
            if !self.rest(&mut listener).await? {
                return Ok(());
            }
            connection.check()?;
        }
    }

    /// Waits for more; false when the right to publish is lost meanwhile.
    async fn rest(&self, listener: &mut Listener) -> Result<bool> {
        match tokio::time::timeout(self.settings.lease_ttl / 4, listener.further()).await {
            Ok(()) => Ok(true),
            Err(_) => Ok(self.take().await?.is_some()),
        }
    }

    async fn take(&self) -> Result<Option<Cursor>> {
        Ok(log::take_publisher(self.shared.store.pool(), NAME, self.shared.server_id, self.ttl_ms()).await?)
    }

    async fn advance(&self, cursor: Cursor, published: usize) -> Result<bool> {
        let published = i64::try_from(published).expect("a page is small");
        let who = (NAME, self.shared.server_id);
        Ok(log::advance_publisher(self.shared.store.pool(), who, cursor, published, self.ttl_ms()).await?)
    }

    fn ttl_ms(&self) -> i64 {
        i64::try_from(self.settings.lease_ttl.as_millis()).unwrap_or(i64::MAX)
    }
}

/// The event as one JSON document. What NATS would not take is told without its payload.
fn document(event: &StreamEvent, bytes_max: usize) -> String {
    let whole = event.to_json(true);
    if whole.len() <= bytes_max { whole } else { event.to_json(false) }
}
