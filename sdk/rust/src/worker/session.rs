//! One stream to a server: owns what is said on it and when; leases and results outlive it in the ledger.
//!
//! Everything that is ready when the stream can take a message goes into that message: no timer gathers results, a busy
//! worker batches by itself. Next: `worker.rs`, which opens the next stream.

use std::{
    collections::VecDeque,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicI64, Ordering},
    },
    time::Duration,
};

use tokio::{
    sync::{
        mpsc::{self, error::TryRecvError},
        watch,
    },
    time::{Instant, MissedTickBehavior, interval, timeout},
};
use tokio_stream::wrappers::ReceiverStream;
use tokio_util::{sync::CancellationToken, task::AbortOnDropHandle};
use tonic::Streaming;

use super::{
    Hook, Settings,
    attempt::{Begun, Event, Runner, at},
    cancel::CancelReason,
    ledger::{DroppedResult, Key, Ledger},
    progress::ProgressCell,
};
use crate::{
    client::{Client, Token},
    errors::{Error, Result},
    proto::tasker::worker::v1::{
        AssignmentBatch, DrainNotice, Heartbeat, HeldLease, Hello, OpenSessionRequest, OpenSessionResponse,
        ProgressReport, Refresh, ResultBatch, SetSlots, Welcome, open_session_request::Message as Say,
        open_session_response::Message as Hear,
    },
};

/// Messages that wait for the connection: few, so that what comes meanwhile joins a batch.
const OUTGOING_MAX: usize = 4;
/// Events that are taken note of at once, and entries of one progress report.
const EVENTS_MAX: usize = 1_000;
const WELCOME_WITHIN: Duration = Duration::from_secs(30);
/// The pause before a result that the server could not store is sent again.
const RETRY_PAUSE: Duration = Duration::from_millis(250);
/// How long acknowledgements are waited for after everything was handed back at the end of a drain.
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

/// How far a drain has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Drain {
    /// The worker was not asked to go.
    No,
    /// Attempts may finish until then.
    Finishing(Instant),
    /// Attempts were told to stop, and may react until then.
    Interrupted(Instant),
    /// Everything is handed back, and acknowledgements are waited for until then.
    LastWords(Instant),
}

/// The life of a worker over all its streams.
#[derive(Debug)]
pub(crate) struct Session {
    pub(crate) settings: Settings,
    pub(crate) runner: Runner,
    pub(crate) events: mpsc::UnboundedReceiver<Event>,
    pub(crate) drain: CancellationToken,
    pub(crate) stop: CancellationToken,
    pub(crate) ledger: Ledger,
    pub(crate) slots: watch::Receiver<u32>,
    /// The attempts whose handlers ignore their stop, for whoever asks.
    pub(crate) stuck: watch::Sender<Vec<HeldLease>>,
    progress: Vec<Arc<ProgressCell>>,
    session_id: String,
    draining: Drain,
    /// When the leases end, by what the server has answered.
    lease_until: Option<Instant>,
}

/// What one stream needs.
struct Stream {
    outgoing: mpsc::Sender<OpenSessionRequest>,
    incoming: Streaming<OpenSessionResponse>,
    /// Whether the drain notice is still to be sent.
    owes_notice: bool,
    /// The number of slots that the server knows.
    slots_said: i32,
    server_drains: bool,
    retry_at: Option<Instant>,
    lease_ttl: Duration,
    heard_at: Instant,
    pulse: Arc<Pulse>,
    _heartbeats: AbortOnDropHandle<()>,
}

/// What the heartbeats of a stream say, and when those that are not answered were sent.
#[derive(Debug, Default)]
struct Pulse {
    received: AtomicI64,
    sent: Mutex<VecDeque<Instant>>,
}

/// What a session is made of.
pub(crate) struct Parts {
    pub(crate) settings: Settings,
    pub(crate) runner: Runner,
    pub(crate) events: mpsc::UnboundedReceiver<Event>,
    pub(crate) drain: CancellationToken,
    pub(crate) stop: CancellationToken,
    pub(crate) slots: watch::Receiver<u32>,
    pub(crate) stuck: watch::Sender<Vec<HeldLease>>,
}

impl Session {
    pub(crate) fn new(parts: Parts) -> Self {
        let Parts { settings, runner, events, drain, stop, slots, stuck } = parts;
        Self {
            settings,
            runner,
            events,
            drain,
            stop,
            ledger: Ledger::default(),
            slots,
            stuck,
            progress: Vec::new(),
            session_id: String::new(),
            draining: Drain::No,
            lease_until: None,
        }
    }

    /// Opens a stream and serves it to its end.
    pub(crate) async fn serve(&mut self) -> End {
        let stop = self.stop.clone();
        let slots = self.free_slots();
        let connecting = connect(self.runner.client.clone(), self.hello(slots));
        let mut connecting = std::pin::pin!(timeout(WELCOME_WITHIN, connecting));
        let connected = loop {
            tokio::select! {
                biased;
                () = stop.cancelled() => return End::Stopped,
                () = at(self.lease_until) => self.lose_leases(),
                connected = &mut connecting => break connected,
            }
        };
        let connected = connected
            .unwrap_or_else(|_| Err(tonic::Status::deadline_exceeded("the server does not say welcome").into()));
        match connected {
            Ok(connected) => {
                let mut stream = self.begin(connected, slots);
                let end = self.talk(&mut stream).await;
                if matches!(end, End::Drained | End::ServerDrained) {
                    stream.close().await;
                }
                end
            }
            Err(error) => End::Lost(error),
        }
    }

    /// Waits between two streams. A lease that ends meanwhile ends its attempt; the end of the drain's patience, a stop and a
    /// drain that begins end the wait.
    pub(crate) async fn pause(&mut self, wait: Duration) {
        let (drain, stop) = (self.drain.clone(), self.stop.clone());
        let was_draining = drain.is_cancelled();
        let until = Instant::now() + wait;
        loop {
            tokio::select! {
                () = at(Some(until)) => return,
                () = stop.cancelled() => return,
                () = drain.cancelled(), if !was_draining => return,
                () = at(self.lease_until) => self.lose_leases(),
                () = at(self.draining.until()) => {
                    if self.drain_further() {
                        return;
                    }
                }
            }
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
        if !self.drain.is_cancelled() {
            return false;
        }
        self.begin_drain();
        while self.draining.until().is_some_and(|until| until <= Instant::now()) {
            if self.drain_further() {
                return true;
            }
        }
        self.ledger.is_idle()
    }

    /// Tells the hook of results that nobody will store.
    pub(crate) fn tell_dropped(&self, dropped: impl IntoIterator<Item = DroppedResult>) {
        for dropped in dropped {
            tracing::warn!(
                step_id = dropped.step_id,
                lease_token = dropped.lease_token,
                reason = ?dropped.reason,
                "a result was dropped: {}",
                dropped.message
            );
            if let Hook(Some(hook)) = &self.settings.on_result_dropped {
                hook(&dropped);
            }
        }
    }

    fn hello(&self, slots: i32) -> Hello {
        Hello {
            worker_id: self.settings.worker_id.clone(),
            offers: self.runner.registry.offers().to_vec(),
            slots,
            session_id: self.session_id.clone(),
            held: self.ledger.held(),
            sdk: crate::SDK.to_owned(),
        }
    }

    fn begin(&mut self, connected: Connected, slots: i32) -> Stream {
        let Connected { outgoing, incoming, welcome, token, asked_at } = connected;
        let pulse = Arc::<Pulse>::default();
        let lease_ttl = duration(welcome.lease_ttl.as_ref()).unwrap_or(Duration::from_secs(30));
        let heartbeats = heartbeats(outgoing.clone(), interval_of(&welcome), token, Arc::clone(&pulse));
        let heartbeats = AbortOnDropHandle::new(self.runner.tasks.spawn(heartbeats));
        self.runner.clock.set(welcome.server_time.as_ref());
        self.runner.payload_bytes_max.set(welcome.payload_bytes_max, welcome.message_bytes_max);
        self.lease_until = Some(asked_at + lease_ttl);
        self.welcome(welcome);
        Stream {
            outgoing,
            incoming,
            owes_notice: self.drain.is_cancelled(),
            slots_said: slots,
            server_drains: false,
            retry_at: None,
            lease_ttl,
            heard_at: Instant::now(),
            pulse,
            _heartbeats: heartbeats,
        }
    }

    fn welcome(&mut self, welcome: Welcome) {
        self.absorb();
        let dropped = self.ledger.reconnected(&welcome.lost);
        self.tell_dropped(dropped);
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
        let mut slots = self.slots.clone();
        let mut gathered = Vec::new();
        loop {
            if self.ledger.is_idle() && !stream.owes_notice {
                if self.draining != Drain::No {
                    return End::Drained;
                }
                if stream.server_drains {
                    return End::ServerDrained;
                }
            }
            let owes_slots = stream.slots_said != self.free_slots();
            let has_words = stream.owes_notice || owes_slots || self.ledger.has_ready() || !self.progress.is_empty();
            tokio::select! {
                biased;
                () = &mut stop => return End::Stopped,
                () = &mut drain, if self.draining == Drain::No => {
                    self.begin_drain();
                    stream.owes_notice = true;
                }
                permit = outgoing.reserve(), if has_words => {
                    let Ok(permit) = permit else { return stream.cause().await };
                    self.absorb();
                    if let Some(words) = self.words(stream) {
                        permit.send(words);
                    }
                }
                _ = self.events.recv_many(&mut gathered, EVENTS_MAX) => {
                    gathered.drain(..).for_each(|event| self.note(event));
                    self.begin_waiting();
                }
                heard = stream.incoming.message() => match heard {
                    Ok(Some(response)) => self.hear(response, stream),
                    Ok(None) if stream.server_drains => return End::ServerDrained,
                    Ok(None) => return End::Lost(tonic::Status::unavailable("the server ended the stream").into()),
                    Err(status) => return End::Lost(status.into()),
                },
                () = at(Some(stream.heard_at + stream.lease_ttl)) => {
                    let silent = format!("the server has said nothing for {:?}", stream.lease_ttl);
                    return End::Lost(tonic::Status::unavailable(silent).into());
                }
                () = at(self.lease_until) => self.lose_leases(),
                () = at(stream.retry_at) => {
                    stream.retry_at = None;
                    self.ledger.retry_now();
                }
                () = at(self.ledger.next_stuck_at(self.runner.stop_grace)) => {}
                changed = slots.changed(), if !slots.is_closed() => drop(changed),
                () = at(self.draining.until()) => {
                    if self.drain_further() {
                        return End::Drained;
                    }
                }
            }
        }
    }

    /// The most urgent message, if there is one.
    fn words(&mut self, stream: &mut Stream) -> Option<OpenSessionRequest> {
        let slots = self.free_slots();
        if std::mem::take(&mut stream.owes_notice) {
            let grace = self.settings.drain_grace.try_into().ok();
            return Some(say(Say::Drain(DrainNotice { reason: "the worker is going".into(), grace })));
        }
        if stream.slots_said != slots {
            stream.slots_said = slots;
            return Some(say(Say::SetSlots(SetSlots { slots })));
        }
        if self.ledger.has_ready() {
            return Some(say(Say::Results(ResultBatch { results: self.ledger.take_batch() })));
        }
        let count = self.progress.len().min(EVENTS_MAX);
        let progress: Vec<_> = self.progress.drain(..count).filter_map(|cell| cell.take()).collect();
        (!progress.is_empty()).then(|| say(Say::Progress(ProgressReport { progress })))
    }

    fn hear(&mut self, response: OpenSessionResponse, stream: &mut Stream) {
        stream.heard_at = Instant::now();
        match response.message {
            Some(Hear::Assignments(batch)) => {
                stream.pulse.received.store(batch.sequence, Ordering::Relaxed);
                self.assigned(batch);
            }
            Some(Hear::Acks(batch)) => {
                let dropped: Vec<_> = batch.acks.iter().filter_map(|ack| self.ledger.acknowledge(ack)).collect();
                self.tell_dropped(dropped);
                if self.ledger.has_later() && stream.retry_at.is_none() {
                    stream.retry_at = Some(Instant::now() + RETRY_PAUSE);
                }
            }
            Some(Hear::Stops(batch)) => {
                for stop in batch.stops {
                    let (key, reason) = (Key::new(&stop.step_id, stop.lease_token), CancelReason::of(stop.reason()));
                    if self.ledger.stop(&key, reason) {
                        tracing::info!(step_id = stop.step_id, %reason, "an attempt was stopped");
                    }
                }
            }
            Some(Hear::Drain(notice)) => {
                tracing::info!(reason = notice.reason, "the server is going");
                stream.server_drains = true;
            }
            Some(Hear::Heartbeat(_)) => {
                let mut sent = stream.pulse.sent.lock().unwrap_or_else(PoisonError::into_inner);
                self.lease_until = sent.pop_front().map(|sent| sent + stream.lease_ttl).or(self.lease_until);
            }
            Some(Hear::Welcome(_)) | None => {}
        }
    }

    fn assigned(&mut self, batch: AssignmentBatch) {
        let slots = usize::try_from(*self.slots.borrow()).unwrap_or(usize::MAX);
        for assignment in batch.assignments {
            let key = Key::new(&assignment.step_id, assignment.lease_token);
            if self.ledger.knows(&key) {
                continue;
            }
            if self.ledger.is_full(slots) {
                self.ledger.wait(key, assignment);
            } else {
                self.start(key, assignment);
            }
        }
    }

    fn start(&mut self, key: Key, assignment: crate::proto::tasker::worker::v1::Assignment) {
        let step_name = assignment.step_name.clone();
        match self.runner.begin(key.clone(), assignment) {
            Begun::Done(result) => self.ledger.finish_at_once(key, result),
            Begun::Running(cancel) => self.ledger.begin(key, step_name, cancel),
        }
    }

    /// Begins what waited for a handler that has returned.
    fn begin_waiting(&mut self) {
        let slots = usize::try_from(*self.slots.borrow()).unwrap_or(usize::MAX);
        while let Some((key, assignment)) = self.ledger.next_waiting(slots) {
            self.start(key, assignment);
        }
    }

    /// The slots that are not occupied by handlers that ignore their stop.
    fn free_slots(&mut self) -> i32 {
        let stuck = self.ledger.stuck(self.runner.stop_grace);
        if self.stuck.borrow().len() != stuck {
            self.stuck.send_replace(self.ledger.stuck_attempts());
        }
        let wanted = usize::try_from(*self.slots.borrow()).unwrap_or(usize::MAX);
        i32::try_from(wanted.saturating_sub(stuck)).unwrap_or(i32::MAX)
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
            Event::Ended(key) => self.ledger.ended(&key),
            Event::TimedOut(key) => {
                if self.ledger.stop(&key, CancelReason::TimedOut) {
                    tracing::info!(step_id = key.lease().step_id, "an attempt has passed its deadline");
                }
            }
            Event::Progress(cell) => self.progress.push(cell),
        }
    }

    /// The leases have ended, for all that is known here: others may run the steps now. Results are offered again at the next
    /// welcome, which says what is lost.
    fn lose_leases(&mut self) {
        self.lease_until = None;
        self.absorb();
        let lost = self.ledger.stop_all(CancelReason::LeaseLost);
        if !lost.is_empty() {
            tracing::warn!(attempts = lost.len(), "the leases have ended without a word from the server");
        }
    }

    /// Starts the grace of a drain, once.
    fn begin_drain(&mut self) {
        if self.draining == Drain::No {
            self.draining = Drain::Finishing(Instant::now() + self.settings.drain_grace);
        }
    }

    /// The present part of the drain is over: attempts are told, then handed back, then given up. Whether that was all.
    fn drain_further(&mut self) -> bool {
        self.absorb();
        let now = Instant::now();
        self.draining = match self.draining {
            Drain::No => return false,
            Drain::Finishing(_) => {
                self.ledger.interrupt_all();
                Drain::Interrupted(now + self.runner.stop_grace)
            }
            Drain::Interrupted(_) => {
                self.ledger.release_all();
                Drain::LastWords(now + LAST_WORDS)
            }
            Drain::LastWords(_) => return true,
        };
        false
    }
}

impl Drain {
    const fn until(self) -> Option<Instant> {
        match self {
            Self::No => None,
            Self::Finishing(until) | Self::Interrupted(until) | Self::LastWords(until) => Some(until),
        }
    }
}

impl Stream {
    /// Ends the stream so that the server sees an end and not a loss.
    async fn close(self) {
        let Self { outgoing, mut incoming, _heartbeats: heartbeats, .. } = self;
        drop((outgoing, heartbeats));
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

/// A stream whose welcome was heard.
struct Connected {
    outgoing: mpsc::Sender<OpenSessionRequest>,
    incoming: Streaming<OpenSessionResponse>,
    welcome: Welcome,
    /// The token that the stream was opened with; the one that comes into the file later is sent on the stream.
    token: Option<(String, Token)>,
    asked_at: Instant,
}

/// Says hello and waits for the welcome.
async fn connect(client: Client, hello: Hello) -> Result<Connected> {
    let (outgoing, requests) = mpsc::channel(OUTGOING_MAX);
    let token = client.changing_token().map(|token| (token.text(), token));
    // The channel is new and has room.
    let _ = outgoing.try_send(say(Say::Hello(hello)));
    let asked_at = Instant::now();
    let response = client.workers().open_session(ReceiverStream::new(requests)).await?;
    let mut incoming = response.into_inner();
    match incoming.message().await?.and_then(|response| response.message) {
        Some(Hear::Welcome(welcome)) => Ok(Connected { outgoing, incoming, welcome, token, asked_at }),
        _ => Err(tonic::Status::internal("the server did not say welcome").into()),
    }
}

/// Sends signs of life, by itself, so that a busy session does not look dead; and a fresh token when there is one.
async fn heartbeats(
    outgoing: mpsc::Sender<OpenSessionRequest>,
    every: Duration,
    mut token: Option<(String, Token)>,
    pulse: Arc<Pulse>,
) {
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
        let Ok(permit) = outgoing.reserve().await else { return };
        pulse.sent.lock().unwrap_or_else(PoisonError::into_inner).push_back(Instant::now());
        permit.send(say(Say::Heartbeat(Heartbeat { received_sequence: pulse.received.load(Ordering::Relaxed) })));
    }
}

/// The interval that the server asked for; a third of the lease time if it asked for none.
fn interval_of(welcome: &Welcome) -> Duration {
    let asked = duration(welcome.heartbeat_interval.as_ref()).filter(|interval| !interval.is_zero());
    asked
        .or_else(|| duration(welcome.lease_ttl.as_ref()).map(|ttl| ttl / 3))
        .unwrap_or(Duration::from_secs(5))
        .max(Duration::from_millis(100))
}

fn duration(of: Option<&prost_types::Duration>) -> Option<Duration> {
    // The conversion of the library cannot negate the smallest numbers.
    of.filter(|duration| duration.seconds >= 0 && duration.nanos >= 0)
        .and_then(|duration| Duration::try_from(*duration).ok())
}

fn say(message: Say) -> OpenSessionRequest {
    OpenSessionRequest { message: Some(message) }
}
