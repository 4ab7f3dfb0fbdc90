//! The way to the lanes.

use std::{sync::Arc, time::Duration};

use arc_swap::ArcSwap;
use futures::{StreamExt as _, future::BoxFuture, stream::FuturesUnordered};
use tokio::sync::{Semaphore, mpsc, oneshot};
use tokio_util::sync::CancellationToken;

use super::{
    AckTo, ClaimVerdict, Clock, Events, Hints, Outcome, Pauses, Templates, Watch, Watchdog, Workforce,
    item::{Item, Queued},
    lane::{Lane, LaneQueue},
    request::{Created, NewTask, Request, TaskState},
};
use crate::{
    domain::{
        backoff::Policy,
        ids::{StepId, TaskId},
        run::Micros,
    },
    error::{Error, Reason, Result},
    store::{Store, lifecycle::Log},
    supervisor::{Group, Handover, Supervisor},
    telemetry::{Metrics, Spans, metrics::Counter},
};

/// How the writer works.
#[derive(Debug, Clone)]
pub struct Settings {
    /// How many lanes there are; each has a connection of its own.
    pub lanes: usize,
    /// Items in one batch at most.
    pub batch_items_max: usize,
    /// Items that wait for a lane at most; one more is QUEUE_FULL.
    pub queue_items_max: usize,
    /// Bytes of items that wait for a lane at most; one more is QUEUE_FULL. One item always fits.
    pub queue_bytes_max: usize,
    /// Bytes of runs that a lane keeps in memory at most.
    pub run_cache_bytes_max: usize,
    /// Parents' results in one assignment at most; more are fetched by the worker.
    pub assignment_bytes_max: usize,
    /// How long a lane waits for its connection.
    pub connect_timeout: Duration,
    /// How long failed steps wait.
    pub backoff: Policy,
    /// Whether batches are logged for events.
    pub log: Log,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            lanes: 2,
            batch_items_max: 512,
            queue_items_max: 8_192,
            queue_bytes_max: 8 * 1024 * 1024,
            run_cache_bytes_max: 8 * 1024 * 1024,
            assignment_bytes_max: 2 * 1024 * 1024,
            connect_timeout: Duration::from_secs(2),
            backoff: Policy::default(),
            log: Log::On,
        }
    }
}

/// What the lanes share with each other and with the engine.
#[derive(Debug, Clone)]
pub(super) struct Shared {
    pub(super) settings: Arc<Settings>,
    /// How long failed steps wait; it may change while the server runs.
    pub(super) backoff: Arc<ArcSwap<Policy>>,
    pub(super) store: Store,
    pub(super) templates: Templates,
    pub(super) workforce: Workforce,
    pub(super) pauses: Pauses,
    pub(super) hints: Hints,
    pub(super) watch: Watch,
    pub(super) events: Events,
    pub(super) clock: Clock,
    pub(super) metrics: Metrics,
    pub(super) spans: Spans,
    later: mpsc::UnboundedSender<(Duration, Item)>,
}

impl Shared {
    /// Has an item done after the present batch and this pause. Bounded by the attempts that this server has
    /// handed out.
    pub(super) fn later(&self, pause: Duration, item: Item) {
        let _stopped = self.later.send((pause, item));
    }
}

/// What the writer works with.
#[derive(Debug, Clone)]
pub struct Parts {
    /// The database.
    pub store: Store,
    /// Compiled handlers.
    pub templates: Templates,
    /// The connected workers.
    pub workforce: Workforce,
    /// What is paused.
    pub pauses: Pauses,
    /// Hints to other servers.
    pub hints: Hints,
    /// Those who follow tasks.
    pub watch: Watch,
    /// The stream of events.
    pub events: Events,
    /// The time.
    pub clock: Clock,
    /// What is counted and measured.
    pub metrics: Metrics,
}

/// A handle to the lanes. Every change of task or step state goes through one.
#[derive(Debug, Clone)]
pub struct Writer {
    lanes: Arc<[LaneHandle]>,
    clock: Clock,
    backoff: Arc<ArcSwap<Policy>>,
}

/// The way into a lane: a place in its queue, and room for the item's bytes, counted in KiB.
#[derive(Debug, Clone)]
struct LaneHandle {
    queue: mpsc::Sender<Queued>,
    places: Arc<Semaphore>,
    room: Arc<Semaphore>,
    room_max: u32,
    refusals: Counter,
    watchdog: Arc<Watchdog>,
}

/// How a lane is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LaneState {
    /// Items that wait for it.
    pub queued: usize,
    /// How long it has been at the same batch; `None` when it waits for one.
    pub busy_for: Option<Duration>,
}

impl LaneHandle {
    fn new(queue: mpsc::Sender<Queued>, bytes_max: usize, metrics: &Metrics) -> Self {
        let room_max = u32::try_from(bytes_max / 1_024).unwrap_or(u32::MAX / 2).max(1);
        let room = Arc::new(Semaphore::new(usize::try_from(room_max).unwrap_or(Semaphore::MAX_PERMITS)));
        let refusals = metrics.writer_refusals.with([]);
        let places = Arc::new(Semaphore::new(queue.max_capacity()));
        Self { queue, places, room, room_max, refusals, watchdog: Arc::default() }
    }

    fn needs(&self, item: &Item) -> u32 {
        u32::try_from(item.weight() / 1_024 + 1).unwrap_or(u32::MAX).min(self.room_max)
    }

    /// Puts an item into the queue if there is a place and room.
    fn try_send(&self, item: Item) -> Result<()> {
        let full = || {
            self.refusals.add(1);
            Error::new(Reason::QueueFull, "the writer's queue is full")
        };
        let place = Arc::clone(&self.places).try_acquire_owned().map_err(|_| full())?;
        let room = Arc::clone(&self.room).try_acquire_many_owned(self.needs(&item)).map_err(|_| full())?;
        self.queue.try_send(Queued { item, room, _place: place }).map_err(|error| match error {
            mpsc::error::TrySendError::Full(_) => full(),
            mpsc::error::TrySendError::Closed(_) => stopped(()),
        })
    }

    /// Puts an item into the queue as soon as there is a place and room.
    async fn send(&self, item: Item) -> Result<()> {
        let place = Arc::clone(&self.places).acquire_owned().await.map_err(stopped)?;
        let room = Arc::clone(&self.room).acquire_many_owned(self.needs(&item)).await.map_err(stopped)?;
        self.queue.send(Queued { item, room, _place: place }).await.map_err(stopped)
    }
}

/// A look at the lanes. They end although there is one.
#[derive(Debug, Clone)]
pub struct LanesView(std::sync::Weak<[LaneHandle]>);

impl LanesView {
    /// How the lanes are; none when they have ended.
    pub fn states(&self) -> Vec<LaneState> {
        let state = |lane: &LaneHandle| LaneState {
            queued: lane.queue.max_capacity().saturating_sub(lane.places.available_permits()),
            busy_for: lane.watchdog.busy_for(),
        };
        self.0.upgrade().map(|lanes| lanes.iter().map(state).collect()).unwrap_or_default()
    }
}

/// The lanes at work; they end when every [`Writer`] is gone and their queues are empty.
#[derive(Debug)]
pub struct Lanes(Group);

impl Writer {
    /// Starts the lanes.
    pub fn start(settings: Settings, parts: Parts, supervisor: &Supervisor) -> (Self, Lanes) {
        let (later, waiting) = mpsc::unbounded_channel();
        let settings = Arc::new(settings);
        let backoff = Arc::new(ArcSwap::from_pointee(settings.backoff.clone()));
        let clock = parts.clock.clone();
        let shared = Shared {
            settings: Arc::clone(&settings),
            backoff: Arc::clone(&backoff),
            store: parts.store,
            templates: parts.templates,
            workforce: parts.workforce,
            pauses: parts.pauses,
            hints: parts.hints,
            watch: parts.watch,
            events: parts.events,
            clock: parts.clock,
            metrics: parts.metrics,
            spans: Spans::of_process(),
            later,
        };
        // The lanes themselves cancel it, once nobody can bring them work any more.
        let mut loops = supervisor.group(CancellationToken::new());
        let mut lanes = Vec::with_capacity(settings.lanes);
        for number in 0..settings.lanes.max(1) {
            let (sender, queue) = mpsc::channel(settings.queue_items_max);
            let lane = LaneHandle::new(sender, settings.queue_bytes_max, &shared.metrics);
            let (shared, watchdog) = (shared.clone(), Arc::clone(&lane.watchdog));
            let (queue, over) = (Handover::new(LaneQueue::new(queue)), loops.stop().clone());
            loops.spawn(format!("lane_{number}"), move || {
                let lane = Lane::new(shared.clone(), Arc::clone(&watchdog));
                let (queue, over) = (queue.clone(), over.clone());
                async move {
                    if let Some(mut queue) = queue.take() {
                        lane.run(&mut queue).await;
                        over.cancel();
                    }
                }
            });
            lanes.push(lane);
        }
        let writer = Self { lanes: lanes.into(), clock, backoff };
        let (waiting, lanes) = (Handover::new((waiting, FuturesUnordered::new())), Arc::downgrade(&writer.lanes));
        loops.spawn("retries", move || {
            let (waiting, lanes) = (waiting.clone(), lanes.clone());
            async move {
                if let Some(mut waiting) = waiting.take() {
                    forward(&mut waiting, &lanes).await;
                }
            }
        });
        (writer, Lanes(loops))
    }

    /// Changes how long failed steps wait, from their next failure on.
    pub fn set_backoff(&self, policy: Policy) {
        self.backoff.store(Arc::new(policy));
    }

    /// Creates a task. Returns when it is durable.
    pub async fn create_task(&self, new: NewTask) -> Result<Created> {
        let task_id = TaskId::new(self.clock.now(), rand::random());
        let (reply, answer) = oneshot::channel();
        self.offer(task_id, Item::Create { task_id, new: Box::new(new), reply })?;
        answer.await.map_err(stopped)?
    }

    /// Changes a task. Returns how it is then, once the change is durable.
    pub async fn apply(&self, task: TaskId, request: Request) -> Result<TaskState> {
        let (reply, answer) = oneshot::channel();
        self.offer(task, Item::Apply { task, request: Box::new(request), reply })?;
        answer.await.map_err(stopped)?
    }

    /// Settles an attempt; the answer goes to `ack` once it is durable. Waits while the lane's queue is full.
    pub async fn settle(&self, step: StepId, attempt: u16, outcome: Outcome, ack: AckTo) -> Result<()> {
        let item = Item::Settle { step, attempt, outcome, ack };
        self.lane(step.task).send(item).await
    }

    /// Claims steps that wait in the store, each since a time; what became of each.
    pub async fn claim(&self, steps: Vec<(StepId, Micros)>) -> Vec<(StepId, ClaimVerdict)> {
        let mut by_lane: Vec<Vec<(StepId, Micros)>> = vec![Vec::new(); self.lanes.len()];
        for (step, since) in steps {
            by_lane[self.lane_number(step.task)].push((step, since));
        }
        let mut answers = Vec::new();
        for (lane, steps) in self.lanes.iter().zip(by_lane) {
            if !steps.is_empty() {
                let (reply, answer) = oneshot::channel();
                let waiting = steps.clone();
                let sent = lane.send(Item::Claim { steps, reply }).await;
                answers.push((waiting, sent.is_ok().then_some(answer)));
            }
        }
        let mut verdicts = Vec::new();
        for (waiting, answer) in answers {
            let answered = match answer {
                Some(answer) => answer.await.ok(),
                None => None,
            };
            verdicts.extend(
                answered.unwrap_or_else(|| {
                    waiting.into_iter().map(|(step, _)| (step, ClaimVerdict::Waits(None))).collect()
                }),
            );
        }
        verdicts
    }

    /// A look at the lanes that does not keep them going.
    pub fn view(&self) -> LanesView {
        LanesView(Arc::downgrade(&self.lanes))
    }

    fn offer(&self, task: TaskId, item: Item) -> Result<()> {
        self.lane(task).try_send(item)
    }

    fn lane(&self, task: TaskId) -> &LaneHandle {
        &self.lanes[self.lane_number(task)]
    }

    fn lane_number(&self, task: TaskId) -> usize {
        lane_number(task, self.lanes.len())
    }
}

impl Lanes {
    /// Waits until the lanes have finished their last batches.
    pub async fn finished(mut self) {
        self.0.finished().await;
    }
}

/// Items that the lanes made themselves: those that nobody has looked at yet, and those that pause.
type Postponed = (mpsc::UnboundedReceiver<(Duration, Item)>, FuturesUnordered<BoxFuture<'static, Item>>);

/// Brings items that the lanes made themselves to their lanes.
async fn forward((waiting, pausing): &mut Postponed, lanes: &std::sync::Weak<[LaneHandle]>) {
    loop {
        let item = tokio::select! {
            Some(item) = pausing.next() => item,
            more = waiting.recv() => match more {
                Some((pause, item)) => {
                    pausing.push(Box::pin(async move {
                        tokio::time::sleep(pause).await;
                        item
                    }));
                    continue;
                }
                // The lanes have ended.
                None => return,
            },
        };
        let Some(task) = item.tasks().first().copied() else { continue };
        let Some(lane) = lanes.upgrade().map(|lanes| lanes[lane_number(task, lanes.len())].clone()) else { return };
        // A full lane is worth waiting for; a closed one means that the server stops and leases will expire.
        let _stopped = lane.send(item).await;
    }
}

fn lane_number(task: TaskId, lanes: usize) -> usize {
    usize::try_from(task.spread() % lanes as u64).expect("a remainder of a usize")
}

fn stopped<T>(_: T) -> Error {
    Error::new(Reason::Draining, "the server is shutting down")
}
