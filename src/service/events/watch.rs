//! One watcher's stream.
//!
//! Pulled by the transport: nothing is read while the watcher does not take what there is, so that a slow one
//! holds a page in memory and no more. When the server stops, the transport ends the stream.

use std::{collections::VecDeque, time::Duration};

use futures::{Stream, stream};
use tokio::time::Instant;

use super::{Events, Permit};
use crate::{
    auth::Scope,
    domain::{events::Cursor, run::Micros},
    error::{Error, Reason, Result},
    lifecycle::events::{Filter, Listener, StreamEvent, Tail, Visible},
    service::namespaces,
    store::events as log,
};

/// How long opening waits for commits that are under way.
const OPENING: Duration = Duration::from_secs(5);
/// A stream says how far it has come at least this often, and when it has caught up at most this often.
const PROGRESS: (Duration, Duration) = (Duration::from_secs(15), Duration::from_secs(1));
/// Clocks of servers and of lanes may differ by this much.
const SKEW: Micros = 5_000_000;

/// Where a stream begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Start {
    /// With what happens from now on.
    Now,
    /// With what happened at or after this time.
    Since(Micros),
    /// After this cursor.
    After(Cursor),
}

/// What a watcher is told.
#[derive(Debug)]
pub enum Message {
    /// An event.
    Event(Box<StreamEvent>),
    /// How far the stream has come.
    Progress {
        /// Everything up to here was told.
        cursor: Cursor,
        /// Whether there is nothing more for now.
        caught_up: bool,
    },
}

/// What a watcher is told, in order.
pub trait Messages: Stream<Item = Result<Message>> + Send + 'static {}

impl<S: Stream<Item = Result<Message>> + Send + 'static> Messages for S {}

struct Watcher {
    listener: Listener,
    tail: Tail,
    /// Events before this time are not told.
    since: Micros,
    /// The stream ends here.
    until: Option<i64>,
    waiting: VecDeque<Message>,
    progress_at: Instant,
    /// The last progress said that it had caught up with this.
    caught_up_with: Option<Cursor>,
    ended: bool,
    _permit: Permit,
}

impl Events {
    /// Follows the stream.
    pub async fn watch_events(
        &self,
        scope: &Scope,
        filter: Filter,
        start: Start,
        until_caught_up: bool,
    ) -> Result<impl Messages + use<>> {
        self.require_log()?;
        if let Some(namespace) = &filter.namespace {
            scope.narrow(namespace)?;
        }
        let charged = namespaces::within(&self.store, scope, filter.namespace.clone()).await?;
        let permit = self.watchers.take(scope.subject().as_deref(), charged.as_deref().unwrap_or_default())?;
        let scope = scope.clone();
        let visible = Visible::when(move |namespace| !scope.select([namespace]).is_empty());
        let mut listener = self.stream.listen();
        let last_assigned = self.stream.last_assigned().await?;
        // What is under way now, and commits within this time, counts as before.
        let _in_time = tokio::time::timeout(OPENING, listener.reach(last_assigned)).await;
        let (after, since) = match start {
            Start::Now => (Cursor::past(last_assigned), Micros::MIN),
            Start::Since(at) => (self.before(at, listener.high_watermark()).await?, at),
            Start::After(cursor) => (self.checked(cursor, last_assigned).await?, Micros::MIN),
        };
        let watcher = Watcher {
            listener,
            tail: Tail::new(self.stream.clone(), filter, visible, after),
            since,
            until: until_caught_up.then_some(last_assigned),
            waiting: VecDeque::from([Message::Progress { cursor: after, caught_up: false }]),
            progress_at: Instant::now(),
            caught_up_with: None,
            ended: false,
            _permit: permit,
        };
        Ok(stream::unfold(watcher, async |mut watcher| {
            let message = watcher.next().await?;
            // After an error there is nothing more to tell.
            watcher.ended |= message.is_err();
            Some((message, watcher))
        }))
    }

    /// Refuses a cursor that the log does not hold any more, or never held.
    async fn checked(&self, cursor: Cursor, last_assigned: i64) -> Result<Cursor> {
        if cursor.position > last_assigned {
            return Err(Error::invalid_field("after_cursor", "is ahead of the stream"));
        }
        let trimmed_to = log::trimmed_to(self.store.pool()).await?;
        if cursor < Cursor::past(trimmed_to) {
            let error = Error::new(Reason::CursorExpired, "the log of events does not go back to the cursor any more");
            return Err(error.with("earliest_cursor", Cursor::past(trimmed_to).to_string()));
        }
        Ok(cursor)
    }

    /// A place before everything that happened at or after a time. Entries are in order but for the skew of clocks.
    async fn before(&self, at: Micros, high_watermark: i64) -> Result<Cursor> {
        let at = at.saturating_sub(SKEW);
        let pool = self.store.pool();
        let (mut low, mut high) = (log::trimmed_to(pool).await?.saturating_add(1), high_watermark.saturating_add(1));
        while low < high {
            let middle = low + (high - low) / 2;
            match log::first_from(pool, middle).await? {
                Some((position, written)) if written < at => low = position.saturating_add(1),
                _ => high = middle,
            }
        }
        Ok(Cursor::past(low - 1))
    }
}

impl Watcher {
    async fn next(&mut self) -> Option<Result<Message>> {
        loop {
            if let Some(message) = self.waiting.pop_front() {
                return Some(Ok(message));
            }
            if self.ended {
                return None;
            }
            if let Err(error) = self.read().await {
                return Some(Err(error));
            }
        }
    }

    async fn read(&mut self) -> Result<()> {
        let known = self.listener.high_watermark();
        let high_watermark = self.until.map_or(known, |until| until.min(known));
        let page = self.tail.read(high_watermark).await?;
        if page.more {
            self.take(page.events);
            if self.waiting.is_empty() && self.progress_at.elapsed() > PROGRESS.1 {
                self.say(false);
            }
            return Ok(());
        }
        if self.until.is_some_and(|until| known >= until) {
            self.say(true);
            self.ended = true;
            return Ok(());
        }
        // Once caught up it is said, but not after every event.
        let news = self.caught_up_with != Some(self.tail.cursor());
        let soon = if news { PROGRESS.1 } else { PROGRESS.0 };
        let overdue = news && (self.caught_up_with.is_none() || self.progress_at.elapsed() > PROGRESS.1);
        if overdue || tokio::time::timeout(soon, self.listener.further()).await.is_err() {
            self.say(true);
        }
        Ok(())
    }

    /// Takes the events of a page.
    fn take(&mut self, events: Vec<StreamEvent>) {
        let late_enough = events.into_iter().filter(|event| event.at >= self.since);
        self.waiting.extend(late_enough.map(|event| Message::Event(Box::new(event))));
    }

    fn say(&mut self, caught_up: bool) {
        let cursor = self.tail.cursor();
        self.waiting.push_back(Message::Progress { cursor, caught_up });
        self.progress_at = Instant::now();
        self.caught_up_with = caught_up.then_some(cursor).or(self.caught_up_with);
    }
}
