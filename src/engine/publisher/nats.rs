//! A connection to NATS that is used until something goes wrong, and then no more.
//!
//! A client that comes back by itself would send what it had kept after what was sent since, so this one never comes
//! back: a new one begins where the acknowledgements ended.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use async_nats::{
    Client, ConnectOptions, HeaderMap,
    connection::State,
    jetstream::{self, Context, context::PublishAckFuture, stream},
};

use super::{BoxError, StreamEvent, document};

/// How long connecting, and an acknowledgement, may take.
const PATIENCE: Duration = Duration::from_secs(5);
/// How often a connection is looked at while an acknowledgement is waited for.
const LOOK: Duration = Duration::from_millis(100);
/// Room in a message for its subject and headers.
const HEADER_BYTES: usize = 1_024;

/// How events are published.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The server.
    pub url: String,
    /// The stream.
    pub stream: String,
    /// What subjects begin with.
    pub subject_prefix: String,
    /// How long NATS remembers ids.
    pub duplicate_window: Duration,
    /// Messages that wait for their acknowledgement at most.
    pub batch_max: usize,
    /// How long a server that has gone silent stays the one that publishes.
    pub lease_ttl: Duration,
}

#[derive(Debug)]
pub(super) struct Connection {
    client: Client,
    context: Context,
    prefix: String,
    bytes_max: usize,
}

impl Connection {
    /// Connects, and creates the stream if there is none.
    pub(super) async fn open(settings: &Settings) -> Result<Self, BoxError> {
        let connected = Arc::new(AtomicBool::new(false));
        let was_connected = Arc::clone(&connected);
        let never_again = move |_| match was_connected.load(Ordering::Acquire) {
            true => Duration::from_secs(24 * 3_600),
            false => Duration::ZERO,
        };
        let options = ConnectOptions::new()
            .name("tasker")
            .connection_timeout(PATIENCE)
            .request_timeout(Some(PATIENCE))
            .max_reconnects(1)
            .reconnect_delay_callback(never_again);
        let client = tokio::time::timeout(PATIENCE, options.connect(settings.url.as_str())).await??;
        connected.store(true, Ordering::Release);
        let context = jetstream::new(client.clone());
        let wanted = stream::Config {
            name: settings.stream.clone(),
            subjects: vec![format!("{}.>", settings.subject_prefix)],
            duplicate_window: settings.duplicate_window,
            ..stream::Config::default()
        };
        context.get_or_create_stream(wanted).await?;
        let bytes_max = client.server_info().max_payload.saturating_sub(HEADER_BYTES);
        Ok(Self { client, context, prefix: settings.subject_prefix.clone(), bytes_max })
    }

    /// Fails when the connection was lost.
    pub(super) fn check(&self) -> Result<(), BoxError> {
        match self.client.connection_state() {
            State::Connected => Ok(()),
            _ => Err("the connection to NATS was lost".into()),
        }
    }

    /// Publishes in order; returns when all are acknowledged.
    pub(super) async fn publish(&self, events: &[StreamEvent]) -> Result<(), BoxError> {
        let mut waiting = Vec::with_capacity(events.len());
        for event in events {
            let mut headers = HeaderMap::new();
            headers.insert("Nats-Msg-Id", event.cursor.to_string().as_str());
            let subject = format!("{}.{}.{}", self.prefix, word(&event.namespace), word(&event.name));
            let document = document(event, self.bytes_max);
            waiting.push(self.context.publish_with_headers(subject, headers, document.into()).await?);
        }
        for acknowledgement in waiting {
            self.acknowledged(acknowledgement).await?;
        }
        Ok(())
    }

    async fn acknowledged(&self, acknowledgement: PublishAckFuture) -> Result<(), BoxError> {
        let acknowledgement = acknowledgement.into_future();
        let mut acknowledgement = std::pin::pin!(tokio::time::timeout(PATIENCE, acknowledgement));
        loop {
            tokio::select! {
                ended = &mut acknowledgement => {
                    ended??;
                    return Ok(());
                }
                () = tokio::time::sleep(LOOK) => self.check()?,
            }
        }
    }
}

/// A part of a subject: what has a meaning in subjects, beside dots, is replaced.
fn word(text: &str) -> String {
    let plain = |one: char| if one.is_whitespace() || one.is_control() || matches!(one, '*' | '>') { '_' } else { one };
    let text: String = text.chars().map(plain).collect();
    // Subjects have no empty words.
    text.split('.').map(|word| if word.is_empty() { "_" } else { word }).collect::<Vec<_>>().join(".")
}

#[cfg(test)]
mod tests {
    use super::word;

    #[test]
    fn words_of_subjects() {
        let check = |text: &str, expected: &str| assert_eq!(word(text), expected);
        check("task.completed", "task.completed");
        check("my shop", "my_shop");
        check("a*b.>", "a_b._");
        check("..", "_._._");
    }
}
