//! One stream to a server: owns what is said on it and when; leases and results outlive it in the ledger.
//!
//! Everything that is ready when the stream can take a message goes into that message: no timer gathers results, a busy
//! worker batches by itself. Next: `worker.rs`, which opens the next stream.

use std::time::Duration;

use tokio::{
    sync::mpsc::{self, error::TryRecvError},
    time::{Instant, MissedTickBehavior, interval, sleep_until, timeout},
};
use tokio_stream::wrappers::ReceiverStream;
use tokio_util::{sync::CancellationToken, task::AbortOnDropHandle};
use tonic::Streaming;

use super::{
    Settings,
    attempt::{Begun, Event, Runner, failed},
    ledger::{Key, Ledger},
    step_error::StepError,
};
use crate::{
    client::Token,
    errors::{Error, Result},
    proto::tasker::worker::v1::{
        AssignmentBatch, Beat, DrainNotice, Hello, Progress, ProgressReport, Refresh, ResultBatch, SessionRequest,
        SessionResponse, StepResult, Welcome, session_request::Message as Say, session_response::Message as Hear,
    },
};

/// Messages that wait for the connection: few, so that what comes meanwhile joins a batch.
const OUTGOING_MAX: usize = 4;
const PROGRESS_MAX: usize = 1_000;
const WELCOME_WITHIN: Duration = Duration::from_secs(30);
/// The pause before a result that the server could not store is sent again.
const RETRY_PAUSE: Duration = Duration::from_millis(250);
/// How long acknowledgements are waited for after the grace of a drain is over.
const LAST_WORDS: Duration = Duration::from_secs(2);

/// Why a stream ended.
#[derive(Debug)]
pub(crate) enum End {
    /// The worker was asked to go and has nothing left in its hands, or no time.
    Drained,
    /// The worker was told to end at once.
    Stopped,
    /// The server said that it goes, and has everything.
    ServerDrained,
    /// The server refused, or the connection is lost.
    Lost(Error),
}

/// A worker's life over all its streams.
#[derive(Debug)]
pub(crate) struct Session {
    pub(crate) settings: Settings,
    pub(crate) runner: Runner,
    pub(crate) events: mpsc::UnboundedReceiver<Event>,
    pub(crate) drain: CancellationToken,
    pub(crate) stop: CancellationToken,
    pub(crate) ledger: Ledger,
    progress: Vec<Progress>,
    session_id: String,
    drain_until: Option<Instant>,
    grace_is_over: bool,
}

/// What one stream needs.
struct Stream {
    outgoing: mpsc::Sender<SessionRequest>,
    incoming: Streaming<SessionResponse>,
    /// Whether the drain notice is still to be sent.
    owes_notice: bool,
    server_drains: bool,
    retry_at: Option<Instant>,
    _beats: AbortOnDropHandle<()>,
}

impl Session {
    pub(crate) fn new(
        settings: Settings,
        runner: Runner,
        events: mpsc::UnboundedReceiver<Event>,
        drain: CancellationToken,
        stop: CancellationToken,
    ) -> Self {
        Self {
            settings,
            runner,
            events,
            drain,
            stop,
            ledger: Ledger::default(),
            progress: Vec::new(),
            session_id: String::new(),
            drain_until: None,
            grace_is_over: false,
        }
    }

    /// Opens a stream and serves it to its end.
    pub(crate) async fn serve(&mut self) -> End {
        let stop = self.stop.clone();
        let opened = tokio::select! {
            biased;
            () = stop.cancelled() => return End::Stopped,
            opened = self.open() => opened,
        };
        match opened {
            Ok(mut stream) => {
                let end = self.talk(&mut stream).await;
                if matches!(end, End::Drained | End::ServerDrained) {
                    stream.close().await;
                }
                end
            }
            Err(error) => End::Lost(error),
        }
    }

    /// Whether the credentials may be others at the next stream.
    pub(crate) fn has_changing_token(&self) -> bool {
        self.runner.client.changing_token().is_some()
    }

    /// The server does not know the session any more; the next hello starts a new one.
    pub(crate) fn forget(&mut self) {
        self.session_id.clear();
    }

    /// Whether the worker was asked to go and nothing keeps it.
    pub(crate) fn may_go(&mut self) -> bool {
        self.absorb();
        self.drain.is_cancelled() && (self.ledger.is_idle() || self.begin_drain() <= Instant::now())
    }

    async fn open(&mut self) -> Result<Stream> {
        let (outgoing, requests) = mpsc::channel(OUTGOING_MAX);
        let hello = Hello {
            worker_id: self.settings.worker_id.clone(),
            offers: self.runner.registry.offers().to_vec(),
            slots: self.settings.slots,
            session_id: self.session_id.clone(),
            held: self.ledger.held(),
            sdk: crate::SDK.to_owned(),
        };
        // What the stream is opened with; the one that comes into the file later is sent on the stream.
        let token = self.runner.client.changing_token().map(|token| (token.text(), token));
        outgoing.try_send(say(Say::Hello(hello))).expect("the channel is new");
        let welcomed = async {
            let response = self.runner.client.workers().session(ReceiverStream::new(requests)).await?;
            let mut incoming = response.into_inner();
            match incoming.message().await?.and_then(|response| response.message) {
                Some(Hear::Welcome(welcome)) => Ok((incoming, welcome)),
                _ => Err(tonic::Status::internal("the server did not say welcome")),
            }
        };
        let (incoming, welcome) = timeout(WELCOME_WITHIN, welcomed)
            .await
            .map_err(|_| tonic::Status::deadline_exceeded("the server does not say welcome"))??;
        let beats =
            AbortOnDropHandle::new(self.runner.tasks.spawn(beat(outgoing.clone(), interval_of(&welcome), token)));
        self.welcome(welcome);
        let owes_notice = self.drain.is_cancelled();
        Ok(Stream { outgoing, incoming, owes_notice, server_drains: false, retry_at: None, _beats: beats })
    }

    fn welcome(&mut self, welcome: Welcome) {
        self.absorb();
        self.ledger.reconnected(&welcome.lost);
        tracing::info!(
            session_id = welcome.session_id,
            server_version = welcome.server_version,
            running = self.ledger.running(),
            unacknowledged = self.ledger.unacknowledged(),
            "the worker is connected"
        );
        self.session_id = welcome.session_id;
    }

    async fn talk(&mut self, stream: &mut Stream) -> End {
        let (drain, stop) = (self.drain.clone(), self.stop.clone());
        let mut drain = std::pin::pin!(drain.cancelled_owned());
        let mut stop = std::pin::pin!(stop.cancelled_owned());
        let outgoing = stream.outgoing.clone();
        let mut gathered = Vec::new();
        loop {
            if self.ledger.is_idle() && !stream.owes_notice {
                if self.drain_until.is_some() {
                    return End::Drained;
                }
                if stream.server_drains {
                    return End::ServerDrained;
                }
            }
            let has_words = stream.owes_notice || self.ledger.has_ready() || !self.progress.is_empty();
            tokio::select! {
                biased;
                () = &mut stop => return End::Stopped,
                () = &mut drain, if self.drain_until.is_none() => {
                    self.begin_drain();
                    stream.owes_notice = true;
                }
                permit = outgoing.reserve(), if has_words => {
                    let Ok(permit) = permit else { return stream.cause().await };
                    self.absorb();
                    let notice = std::mem::take(&mut stream.owes_notice);
                    permit.send(self.words(notice));
                }
                _ = self.events.recv_many(&mut gathered, PROGRESS_MAX) => {
                    gathered.drain(..).for_each(|event| self.note(event));
                }
                heard = stream.incoming.message() => match heard {
                    Ok(Some(response)) => self.hear(response, stream),
                    Ok(None) if stream.server_drains => return End::ServerDrained,
                    Ok(None) => return End::Lost(tonic::Status::unavailable("the server ended the stream").into()),
                    Err(status) => return End::Lost(status.into()),
                },
                () = at(stream.retry_at) => {
                    stream.retry_at = None;
                    self.ledger.retry_now();
                }
                () = at(self.drain_until) => {
                    if self.grace_is_over {
                        return End::Drained;
                    }
                    self.give_up();
                }
            }
        }
    }

    /// The most urgent message. There is one.
    fn words(&mut self, notice: bool) -> SessionRequest {
        say(if notice {
            let grace = self.settings.drain_grace.try_into().unwrap_or_default();
            Say::Drain(DrainNotice { reason: "the worker is going".into(), grace: Some(grace) })
        } else if self.ledger.has_ready() {
            Say::Results(ResultBatch { results: self.ledger.take_batch() })
        } else {
            Say::Progress(ProgressReport { progress: std::mem::take(&mut self.progress) })
        })
    }

    fn hear(&mut self, response: SessionResponse, stream: &mut Stream) {
        match response.message {
            Some(Hear::Assignments(batch)) => self.assigned(batch),
            Some(Hear::Acks(batch)) => {
                batch.acks.iter().for_each(|ack| self.ledger.acknowledge(ack));
                if self.ledger.has_later() && stream.retry_at.is_none() {
                    stream.retry_at = Some(Instant::now() + RETRY_PAUSE);
                }
            }
            Some(Hear::Stops(batch)) => {
                for stop in batch.stops {
                    if Key::new(&stop.step_id, stop.lease_token).is_some_and(|key| self.ledger.stop(key)) {
                        tracing::info!(step_id = stop.step_id, reason = stop.reason, "an attempt was stopped");
                    }
                }
            }
            Some(Hear::Drain(notice)) => {
                tracing::info!(reason = notice.reason, "the server is going");
                stream.server_drains = true;
            }
            Some(Hear::Welcome(_) | Hear::Beat(_)) | None => {}
        }
    }

    fn assigned(&mut self, batch: AssignmentBatch) {
        for assignment in batch.assignments {
            let Some(key) = Key::new(&assignment.step_id, assignment.lease_token) else {
                tracing::error!(step_id = assignment.step_id, "an assignment has a step id that is no UUID");
                continue;
            };
            if self.ledger.knows(key) {
                continue;
            }
            match self.runner.begin(key, assignment) {
                Begun::Done(result) => self.ledger.finish_at_once(key, result),
                Begun::Running(cancel) => self.ledger.begin(key, cancel),
            }
        }
    }

    /// Takes note of everything that attempts have said so far.
    fn absorb(&mut self) {
        loop {
            match self.events.try_recv() {
                Ok(event) => self.note(event),
                Err(TryRecvError::Empty | TryRecvError::Disconnected) => return,
            }
        }
    }

    fn note(&mut self, event: Event) {
        match event {
            Event::Finished(key, result) => self.ledger.finish(key, result),
            Event::Progress(progress) if self.progress.len() < PROGRESS_MAX => self.progress.push(progress),
            Event::Progress(_) => {}
        }
    }

    /// Starts the grace of a drain, once, and says when it ends.
    fn begin_drain(&mut self) -> Instant {
        *self.drain_until.get_or_insert_with(|| Instant::now() + self.settings.drain_grace)
    }

    /// The grace is over: what still runs is stopped and reported as failed, so that nobody waits for its lease.
    fn give_up(&mut self) {
        for key in self.ledger.stop_all() {
            let lease = key.lease();
            let error = StepError::retryable("the worker went before the attempt ended").class("WorkerDrained");
            let result = StepResult {
                step_id: lease.step_id,
                lease_token: lease.lease_token,
                outcome: Some(failed(error)),
                ..StepResult::default()
            };
            self.ledger.finish_at_once(key, result);
        }
        self.grace_is_over = true;
        self.drain_until = Some(Instant::now() + LAST_WORDS);
    }
}

impl Stream {
    /// Ends the stream so that the server sees an end and not a loss.
    async fn close(self) {
        let Self { outgoing, mut incoming, _beats: beats, .. } = self;
        drop((outgoing, beats));
        let _ = timeout(Duration::from_secs(1), async { while let Ok(Some(_)) = incoming.message().await {} }).await;
    }

    /// Why the server does not listen any more.
    async fn cause(&mut self) -> End {
        let last = async {
            loop {
                match self.incoming.message().await {
                    Ok(Some(_)) => {}
                    Ok(None) => return tonic::Status::unavailable("the server ended the stream"),
                    Err(status) => return status,
                }
            }
        };
        let status = timeout(Duration::from_secs(1), last).await;
        End::Lost(status.unwrap_or_else(|_| tonic::Status::unavailable("the stream is broken")).into())
    }
}

/// Sends signs of life, by itself, so that a busy session does not look dead; and a fresh token when there is one.
async fn beat(outgoing: mpsc::Sender<SessionRequest>, every: Duration, mut token: Option<(String, Token)>) {
    let mut ticks = interval(every);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    ticks.tick().await;
    loop {
        ticks.tick().await;
        if let Some((sent, token)) = &mut token {
            let fresh = token.text();
            if fresh != *sent {
                sent.clone_from(&fresh);
                if outgoing.send(say(Say::Refresh(Refresh { token: fresh }))).await.is_err() {
                    return;
                }
            }
        }
        if outgoing.send(say(Say::Beat(Beat {}))).await.is_err() {
            return;
        }
    }
}

/// The interval that the server asked for; a third of the lease time if it asked for none.
fn interval_of(welcome: &Welcome) -> Duration {
    let of = |duration: Option<prost_types::Duration>| duration.and_then(|duration| Duration::try_from(duration).ok());
    let asked = of(welcome.heartbeat_interval).filter(|interval| !interval.is_zero());
    asked
        .or_else(|| of(welcome.lease_ttl).map(|ttl| ttl / 3))
        .unwrap_or(Duration::from_secs(5))
        .max(Duration::from_millis(100))
}

async fn at(time: Option<Instant>) {
    match time {
        Some(time) => sleep_until(time).await,
        None => std::future::pending().await,
    }
}

fn say(message: Say) -> SessionRequest {
    SessionRequest { message: Some(message) }
}
