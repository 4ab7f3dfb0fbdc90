//! The dependency graphs of tasks.
//!
//! Owns: the use cases, and what is remembered: shapes by handler version, durations by handler version, analyses under
//! what they were made of. (Answers that were rendered are remembered where they are rendered, in `rpc::graph`.) A
//! task's row is read for every answer, so no answer is older than its question; what is remembered saves the work and
//! never the look. Never: protobuf, the rules. Next: `domain::graph` for the rules, `graph/memory.rs` for what is
//! remembered, `graph/durations.rs` for what is measured.

mod durations;
mod memory;
mod watch;

use std::{collections::HashMap, sync::Arc, time::Duration};

use uuid::Uuid;

use super::snapshot::{Found, Reader, Snapshot};
use crate::{
    auth::Scope,
    domain::{
        graph::{Analysis, Durations, Forecast, Policy, Shape, StepStates, forecast},
        ids::{StepId, TaskId},
        run::Micros,
        state::State,
        template::Template,
    },
    error::Result,
    lifecycle::Watch,
    store::{self, shared::Shared, steps::Lease},
    telemetry::Metrics,
};

pub use watch::Graphs as Followed;

use durations::Measurements;
use memory::Memory;

/// How graphs are made.
#[derive(Debug, Clone)]
pub struct Settings {
    /// What weighs how much.
    pub policy: Policy,
    /// Memory for analyses, and as much for shapes, in bytes.
    pub memory_bytes: u64,
    /// What servers share, if they do.
    pub shared: Option<Shared>,
    /// How long a follower waits for a hint before it looks by itself, since other servers' moves give none.
    pub watch_interval: Duration,
    /// Where hits and misses are counted.
    pub metrics: Metrics,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            policy: Policy::default(),
            memory_bytes: 32 << 20,
            shared: None,
            watch_interval: Duration::from_secs(1),
            metrics: Metrics::disabled(),
        }
    }
}

/// Everything that can be asked about dependency graphs. Clones share what is remembered.
#[derive(Debug, Clone)]
pub struct Graphs {
    reader: Reader,
    watch: Watch,
    policy: Arc<Policy>,
    memory: Memory,
    measurements: Measurements,
    watch_interval: Duration,
}

/// The graph of a task at the moment of its snapshot.
#[derive(Debug, Clone)]
pub struct Graph {
    /// What goes before the analysis.
    pub inputs: AnalysisInputs,
    /// The conditions of its steps.
    pub states: StepStates,
    /// What follows from them.
    pub analysis: Arc<Analysis>,
}

/// What is known of a task before its run is analysed. It is little work, so that an answer that needs nothing else is
/// soon there.
#[derive(Debug, Clone)]
pub struct AnalysisInputs {
    /// The DAG.
    pub shape: Arc<Shape>,
    /// How long the steps take.
    pub durations: Arc<Durations>,
    /// What weighs how much.
    pub policy: Arc<Policy>,
    /// When the newest attempts of running steps began.
    began: Arc<HashMap<StepId, Began>>,
}

/// When which attempt of a step began.
#[derive(Debug, Clone, Copy)]
struct Began {
    attempt: i32,
    at: Micros,
}

impl AnalysisInputs {
    /// When the task of this snapshot will be done.
    pub fn forecast(&self, Snapshot { row, run, now, .. }: &Snapshot) -> Forecast {
        let began = |no| {
            let began = self.began.get(&row.task_id.step(no))?;
            (began.attempt == i32::from(run.step(no).token())).then_some(began.at)
        };
        forecast(&self.shape, run, &self.durations, &self.policy.duration_estimates, began, *now)
    }
}

impl Graphs {
    /// The use cases over a reader.
    pub fn new(reader: Reader, watch: Watch, settings: Settings) -> Self {
        let Settings { policy, memory_bytes, shared, watch_interval, metrics } = settings;
        let measurements = Measurements::new(reader.store().clone());
        let memory = Memory::new(memory_bytes, shared, &metrics);
        Self { reader, watch, policy: Arc::new(policy), memory, measurements, watch_interval }
    }

    /// A task for a look at its row, or TASK_NOT_FOUND, also when it is outside the scope.
    pub async fn find(&self, scope: &Scope, id: TaskId) -> Result<Found> {
        self.reader.find(scope, id).await
    }

    /// How long the steps of a handler version take.
    pub async fn durations(&self, template: &Arc<Template>, now: Micros) -> Arc<Durations> {
        self.measurements.get(template, now).await
    }

    /// When the task of this snapshot will be done.
    pub async fn forecast(&self, snapshot: &Snapshot) -> Result<Forecast> {
        Ok(self.inputs(snapshot).await?.forecast(snapshot))
    }

    /// The graph of a task that has been read.
    pub async fn of(&self, snapshot: &Snapshot) -> Result<Graph> {
        self.on(self.inputs(snapshot).await?, snapshot).await
    }

    async fn inputs(&self, snapshot: &Snapshot) -> Result<AnalysisInputs> {
        let snapshots = std::slice::from_ref(snapshot);
        let began = self.began(snapshots).await?;
        let ended = self.ended(snapshots).await;
        self.based(snapshot, &ended, Arc::new(began)).await
    }

    /// The durations of those tasks that have ended, as they had them themselves.
    async fn ended(&self, snapshots: &[Snapshot]) -> HashMap<TaskId, Arc<Durations>> {
        let ended = snapshots.iter().filter(|snapshot| snapshot.run.state().is_ended_task());
        let ended: Vec<_> = ended.map(|snapshot| (snapshot.row.task_id, usize::from(snapshot.run.len()))).collect();
        self.measurements.of_tasks(&ended).await
    }

    async fn on(&self, inputs: AnalysisInputs, snapshot: &Snapshot) -> Result<Graph> {
        let states = StepStates::of(&snapshot.run, snapshot.now);
        let analysis = self.memory.analysis(&inputs.shape, &states, &inputs.durations, &inputs.policy).await?;
        Ok(Graph { inputs, states, analysis })
    }

    /// The graphs of tasks that have been read, each by itself.
    pub async fn of_all(&self, snapshots: &[Snapshot]) -> Vec<Result<Graph>> {
        let began = match self.began(snapshots).await {
            Ok(began) => Arc::new(began),
            Err(error) => return snapshots.iter().map(|_| Err(error.clone())).collect(),
        };
        let ended = self.ended(snapshots).await;
        let mut graphs = Vec::with_capacity(snapshots.len());
        for snapshot in snapshots {
            graphs.push(match self.based(snapshot, &ended, Arc::clone(&began)).await {
                Ok(inputs) => self.on(inputs, snapshot).await,
                Err(error) => Err(error),
            });
        }
        graphs
    }

    async fn based(
        &self,
        snapshot: &Snapshot,
        ended: &HashMap<TaskId, Arc<Durations>>,
        began: Arc<HashMap<StepId, Began>>,
    ) -> Result<AnalysisInputs> {
        let durations = match ended.get(&snapshot.row.task_id) {
            Some(durations) => Arc::clone(durations),
            None => self.durations(snapshot.run.template(), snapshot.now).await,
        };
        let shape = self.memory.shape(snapshot.run.template()).await?;
        Ok(AnalysisInputs { shape, durations, policy: Arc::clone(&self.policy), began })
    }

    /// When the running attempts of these tasks began.
    async fn began(&self, snapshots: &[Snapshot]) -> Result<HashMap<StepId, Began>> {
        let runs = |snapshot: &&Snapshot| snapshot.run.steps().iter().any(|step| step.state == State::InProgress);
        let running: Vec<Uuid> = snapshots.iter().filter(runs).map(|snapshot| snapshot.row.task_id.uuid()).collect();
        if running.is_empty() {
            return Ok(HashMap::new());
        }
        let leases = store::steps::leases(self.reader.store(), &running).await?;
        let began = |lease: Lease| Began { attempt: lease.attempt, at: lease.claimed_at.timestamp_micros() };
        Ok(leases.into_iter().map(|(step, lease)| (step, began(lease))).collect())
    }
}
