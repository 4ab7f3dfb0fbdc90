//! What runs by itself: sessions, the dispatcher, the sweeper, hints.
//!
//! Owns: the loops, their order of starting and stopping. All of them are backed by queries that run all the
//! time, so that a hint that is lost, a server that is killed or a worker that is gone costs time and no work.
//! Never: changes the state of a task or step; it asks the writer. Next: `engine/sessions.rs` for workers,
//! `engine/dispatcher.rs` for steps that wait, `lifecycle.rs` for the writer.

mod catalog;
mod dispatcher;
mod notifier;
mod publisher;
pub mod retention;
pub mod sessions;
mod sweeper;

use std::{sync::Arc, time::Duration};

use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::{
    lifecycle::{
        Clock, Events, Hints, Pauses, Templates, Watch, Watchdog, Workforce, Writer, events,
        writer::{Lanes, Parts, Settings as WriterSettings},
    },
    store::Store,
    supervisor::{self, Group, Supervisor},
    telemetry::Metrics,
};

pub use publisher::Nats;
pub use sessions::Sessions;

/// How long streams may take to send what waits for their workers at the end of a drain.
const STREAMS_END_WITHIN: Duration = Duration::from_secs(1);

/// How often a drain looks whether it is over.
const DRAIN_PAUSE: Duration = Duration::from_millis(10);

/// How the engine works.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The writer's settings.
    pub writer: WriterSettings,
    /// How long a session lives without a sign of life.
    pub lease_ttl: Duration,
    /// How often workers are to send one.
    pub heartbeat_interval: Duration,
    /// Slots of one session at most.
    pub slots_max: usize,
    /// How often the sweeper looks for lost leases and deadlines.
    pub sweep_interval: Duration,
    /// How often the sweeper looks for unfinished tasks that nobody moves.
    pub reconcile_interval: Duration,
    /// Steps that the dispatcher takes from a queue at once at most.
    pub dispatch_batch_max: usize,
    /// How often the dispatcher looks when no hint comes.
    pub poll_interval: Duration,
    /// Whether servers tell each other about new work at once.
    pub hints: bool,
    /// How loops are kept running.
    pub supervision: supervisor::Settings,
    /// What is counted and measured.
    pub metrics: Metrics,
    /// The stream of events.
    pub events: events::Settings,
    /// Where events are published, if anywhere.
    pub nats: Option<Nats>,
    /// How long finished tasks and events are kept.
    pub retention: retention::Settings,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            writer: WriterSettings::default(),
            lease_ttl: Duration::from_secs(15),
            heartbeat_interval: Duration::from_secs(5),
            slots_max: 10_000,
            sweep_interval: Duration::from_secs(1),
            reconcile_interval: Duration::from_secs(10),
            dispatch_batch_max: 256,
            poll_interval: Duration::from_secs(1),
            hints: true,
            supervision: supervisor::Settings::default(),
            metrics: Metrics::default(),
            events: events::Settings::default(),
            nats: None,
            retention: retention::Settings::default(),
        }
    }
}

/// The running engine.
#[derive(Debug)]
pub struct Engine {
    writer: Writer,
    sessions: Sessions,
    workforce: Workforce,
    pauses: Pauses,
    watch: Watch,
    events: Events,
    hints: Hints,
    clock: Clock,
    metrics: Metrics,
    sweeper: Arc<Watchdog>,
    server_id: Uuid,
    store: Store,
    lanes: Lanes,
    supervisor: Supervisor,
    loops: Group,
}

/// What the loops share.
#[derive(Debug, Clone)]
pub(crate) struct Shared {
    pub(crate) server_id: Uuid,
    pub(crate) settings: Settings,
    pub(crate) store: Store,
    pub(crate) templates: Templates,
    pub(crate) writer: Writer,
    pub(crate) workforce: Workforce,
    pub(crate) pauses: Pauses,
    pub(crate) hints: Hints,
    pub(crate) clock: Clock,
    pub(crate) metrics: Metrics,
    pub(crate) sweeper: Arc<Watchdog>,
    pub(crate) catalog_seen: catalog::Seen,
    pub(crate) stop: CancellationToken,
}

impl Engine {
    /// Starts the lanes and the loops. Needs a runtime and a migrated database, which may still be away.
    pub fn start(settings: Settings, store: Store, templates: Templates) -> Self {
        let (workforce, hints, watch, clock) =
            (Workforce::default(), Hints::default(), Watch::default(), Clock::default());
        let pauses = Pauses::new(store.clone(), workforce.clone(), clock.clone());
        let stream = Events::new(settings.events, store.clone(), templates.clone());
        let parts = Parts {
            store: store.clone(),
            templates: templates.clone(),
            workforce: workforce.clone(),
            pauses: pauses.clone(),
            hints: hints.clone(),
            watch: watch.clone(),
            events: stream.clone(),
            clock: clock.clone(),
            metrics: settings.metrics.clone(),
        };
        let supervisor = Supervisor::new(settings.supervision, settings.metrics.clone());
        let (writer, lanes) = Writer::start(settings.writer.clone(), parts, &supervisor);
        let stop = CancellationToken::new();
        let (metrics, sweeper) = (settings.metrics.clone(), Arc::<Watchdog>::default());
        let server_id = Uuid::from_u128(rand::random());
        let shared = Shared {
            server_id,
            settings,
            store: store.clone(),
            templates,
            writer: writer.clone(),
            workforce: workforce.clone(),
            pauses: pauses.clone(),
            hints: hints.clone(),
            clock: clock.clone(),
            metrics: metrics.clone(),
            sweeper: Arc::clone(&sweeper),
            catalog_seen: catalog::Seen::default(),
            stop: stop.clone(),
        };
        let sessions = Sessions::new(shared.clone());
        let loops = start_loops(&shared, &sessions, &stream, supervisor.group(stop));
        Self {
            writer,
            sessions,
            workforce,
            pauses,
            watch,
            events: stream,
            hints,
            clock,
            metrics,
            sweeper,
            server_id,
            store,
            lanes,
            supervisor,
            loops,
        }
    }

    /// The way to the lanes.
    pub const fn writer(&self) -> &Writer {
        &self.writer
    }

    /// The workers' sessions.
    pub const fn sessions(&self) -> &Sessions {
        &self.sessions
    }

    /// What is paused.
    pub const fn pauses(&self) -> &Pauses {
        &self.pauses
    }

    /// The number that this server goes by until it stops.
    pub const fn server_id(&self) -> Uuid {
        self.server_id
    }

    /// Those who follow tasks.
    pub const fn watch(&self) -> &Watch {
        &self.watch
    }

    /// The stream of events.
    pub const fn events(&self) -> &Events {
        &self.events
    }

    /// Hints to this server's loops and to the other servers.
    pub const fn hints(&self) -> &Hints {
        &self.hints
    }

    /// The time.
    pub const fn clock(&self) -> &Clock {
        &self.clock
    }

    /// The connected workers.
    pub const fn workforce(&self) -> &Workforce {
        &self.workforce
    }

    /// What is counted and measured.
    pub const fn metrics(&self) -> &Metrics {
        &self.metrics
    }

    /// Whether the sweeper still moves.
    pub const fn sweeper(&self) -> &Arc<Watchdog> {
        &self.sweeper
    }

    /// The loops of this server.
    pub const fn supervisor(&self) -> &Supervisor {
        &self.supervisor
    }

    /// Tells the workers to go elsewhere and waits until they have reported what they run, but not longer
    /// than `grace`. Whether all of it came in.
    ///
    /// Slots are closed before anybody is told: a worker that hears of the drain while a claim for it is being
    /// written might be gone when the assignment comes, and the step would wait for its lease to expire.
    pub async fn drain(&self, grace: Duration) -> bool {
        let until = tokio::time::Instant::now() + grace;
        self.workforce.close_all();
        // For the other servers, which explain why nothing is given to these workers; they find out by themselves, too.
        let now = self.clock.now();
        let noted = crate::store::sessions::drain_server(self.store.pool(), self.server_id, now);
        let _hangs = tokio::time::timeout_at(until - grace / 2, noted).await;
        // Half of the grace is left to the workers, even if the database hangs.
        let told_by = until - grace / 2;
        let _hangs = tokio::time::timeout_at(told_by, poll(|| !self.workforce.is_claiming())).await;
        self.workforce.announce_drain();
        let is_idle = tokio::time::timeout_at(until, poll(|| self.workforce.is_idle())).await.is_ok();
        // Streams end by themselves, after the answers to what they have brought.
        self.sessions.end();
        let streams = poll(|| self.workforce.open_streams() == 0);
        let _cut_off = tokio::time::timeout(STREAMS_END_WITHIN, streams).await;
        is_idle
    }

    /// Stops the loops, finishes the batches that have begun, and ends. Callers drop their writers first.
    pub async fn stop(self) {
        let Self { writer, sessions, lanes, mut loops, .. } = self;
        loops.stop().cancel();
        sessions.end();
        loops.finished().await;
        drop((writer, sessions));
        lanes.finished().await;
    }
}

/// Starts the loops of the engine, each under its name.
fn start_loops(shared: &Shared, sessions: &Sessions, stream: &Events, mut loops: Group) -> Group {
    let (engine, connected) = (shared.clone(), sessions.clone());
    loops.spawn("sweeper", move || sweeper::run(engine.clone(), connected.clone()));
    let engine = shared.clone();
    loops.spawn("dispatcher", move || dispatcher::run(engine.clone()));
    let connected = sessions.clone();
    loops.spawn("keep_alive", move || sessions::keep_alive(connected.clone()));
    let (engine, connected) = (shared.clone(), sessions.clone());
    loops.spawn("notifier", move || notifier::publish(engine.clone(), connected.clone()));
    if shared.settings.hints {
        let (engine, connected) = (shared.clone(), sessions.clone());
        loops.spawn("listener", move || notifier::subscribe(engine.clone(), connected.clone()));
    }
    let engine = shared.clone();
    loops.spawn("retention", move || retention::run(engine.clone()));
    if shared.settings.events.enabled {
        let (events, stop) = (stream.clone(), shared.stop.clone());
        loops.spawn("event_follower", move || events::follow(events.clone(), stop.clone()));
        if let Some(nats) = shared.settings.nats.clone() {
            let (engine, events) = (shared.clone(), stream.clone());
            loops.spawn("event_publisher", move || publisher::run(engine.clone(), events.clone(), nats.clone()));
        }
    }
    loops
}

/// Waits until the condition holds, looking often.
async fn poll(condition: impl Fn() -> bool) {
    while !condition() {
        tokio::time::sleep(DRAIN_PAUSE).await;
    }
}
