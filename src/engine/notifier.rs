//! Hints between servers, over LISTEN and NOTIFY.
//!
//! Hints are gathered, sent after the commits they tell of, on a connection of their own, and coalesced.
//! Everything works without them, only slower: the dispatcher and the sweeper look on their own.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{Sessions, Shared, catalog};
use crate::{
    domain::ids::StepId,
    lifecycle::{StopReason, hints::Gathered},
    store::{self, Dedicated, Listener, ready},
};

const CHANNEL: &str = "tasker_hints";
/// Hints are sent at most this often.
const PAUSE: Duration = Duration::from_millis(10);
/// How long to wait after the store was unavailable.
const RETRY_PAUSE: Duration = Duration::from_secs(1);
/// Items in one notification; a payload holds less than 8,000 bytes and a stop takes about 50.
const ITEMS_MAX: usize = 90;

#[derive(Debug, Default, Serialize, Deserialize)]
struct Note {
    from: Uuid,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    queues: Vec<i32>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    stops: Vec<(Uuid, u16)>,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    handlers: bool,
}

/// Sends what the lanes gathered, until the engine stops.
pub(super) async fn publish(shared: Shared, sessions: Sessions) {
    let mut connection: Option<Dedicated> = None;
    let outcome = |outcome| shared.metrics.hints.with([outcome]);
    let (sent, lost) = (outcome("sent"), outcome("lost"));
    while let Some(gathered) = shared.stop.run_until_cancelled(shared.hints.next()).await {
        if gathered.handlers {
            catalog::take_in(&shared, &sessions).await;
        }
        if shared.settings.hints {
            for note in notes(shared.server_id, &gathered) {
                let notified = notify(&shared, &mut connection, &note).await;
                if notified.is_ok() { &sent } else { &lost }.add(1);
                if let Err(error) = notified {
                    tracing::debug!(error = &error as &dyn std::error::Error, "hint lost");
                    connection = None;
                }
            }
        }
        shared.stop.run_until_cancelled(tokio::time::sleep(PAUSE)).await;
    }
}

/// Acts on what other servers tell, until the engine stops.
pub(super) async fn subscribe(shared: Shared, sessions: Sessions) {
    while !shared.stop.is_cancelled() {
        if let Some(Err(error)) = shared.stop.run_until_cancelled(listen(&shared, &sessions)).await {
            tracing::debug!(error = &error as &dyn std::error::Error, "not listening");
            shared.stop.run_until_cancelled(tokio::time::sleep(RETRY_PAUSE)).await;
        }
    }
}

async fn listen(shared: &Shared, sessions: &Sessions) -> store::Result<()> {
    let mut listener = Listener::open(&shared.store, CHANNEL).await?;
    // What was said before nobody heard.
    catalog::take_in(shared, sessions).await;
    shared.workforce.expect_work_everywhere();
    loop {
        let Ok(note) = serde_json::from_str::<Note>(&listener.next().await?) else { continue };
        if note.from == shared.server_id {
            continue;
        }
        shared.metrics.hints.with(["received"]).add(1);
        if note.handlers {
            catalog::take_in(shared, sessions).await;
        }
        shared.workforce.expect_work(note.queues);
        for (step, attempt) in note.stops {
            if let Some(step) = StepId::from_uuid(step) {
                shared.workforce.stop(step, attempt, StopReason::Cancelled);
            }
        }
    }
}

async fn notify(shared: &Shared, connection: &mut Option<Dedicated>, note: &Note) -> store::Result<()> {
    let connection = match connection {
        Some(connection) => connection,
        None => connection.insert(shared.store.dedicated_to_hints().await?),
    };
    let mut reader = connection.read().await?;
    ready::notify(&mut reader, &serde_json::to_string(note).expect("a note is plain JSON")).await?;
    reader.end().await
}

fn notes(from: Uuid, gathered: &Gathered) -> Vec<Note> {
    let queues: Vec<i32> = gathered.queues.iter().copied().collect();
    let mut notes: Vec<Note> =
        queues.chunks(ITEMS_MAX * 5).map(|queues| Note { from, queues: queues.to_vec(), ..Note::default() }).collect();
    notes.extend(gathered.stops.chunks(ITEMS_MAX).map(|stops| Note {
        from,
        stops: stops.iter().map(|(step, attempt)| (step.uuid(), *attempt)).collect(),
        ..Note::default()
    }));
    if gathered.handlers {
        notes.push(Note { from, handlers: true, ..Note::default() });
    }
    notes
}
