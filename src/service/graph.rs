//! The dependency graphs of tasks.
//!
//! Owns: the use cases, and what is remembered: shapes by handler version, durations by handler version, analyses under
//! what they were made of. A task's row is read for every answer, so no answer is older than its question; what is
//! remembered saves the work and never the look. Never: protobuf, the rules. Next: `domain::graph` for the rules,
//! `graph/memory.rs` for what is remembered, `graph/durations.rs` for what is measured.

mod durations;
mod memory;
mod watch;

use std::{collections::HashMap, sync::Arc, time::Duration};

use uuid::Uuid;

use super::snapshot::{Reader, Snapshot, View};
use crate::{
    auth::Scope,
    domain::{
        graph::{Analysis, Durations, Forecast, Picture, Policy, Shape, forecast},
        ids::{StepId, TaskId},
        run::Micros,
        state::State,
    },
    error::Result,
    lifecycle::Watch,
    store::{self, shared::Shared},
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
            metrics: Metrics::off(),
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
    /// The DAG.
    pub shape: Arc<Shape>,
    /// The conditions of its steps.
    pub picture: Picture,
    /// What follows from them.
    pub analysis: Arc<Analysis>,
    /// How long the steps take.
    pub durations: Arc<Durations>,
    /// What weighs how much.
    pub policy: Arc<Policy>,
    /// When the task will be done.
    pub forecast: Forecast,
}

impl Graphs {
    /// The use cases over a reader.
    pub fn new(reader: Reader, watch: Watch, settings: Settings) -> Self {
        let Settings { policy, memory_bytes, shared, watch_interval, metrics } = settings;
        let measurements = Measurements::new(reader.store().clone());
        let memory = Memory::new(memory_bytes, shared, &metrics);
        Self { reader, watch, policy: Arc::new(policy), memory, measurements, watch_interval }
    }

    /// The graph of a task, or TASK_NOT_FOUND, also when it is outside the scope.
    pub async fn get(&self, scope: &Scope, id: TaskId) -> Result<(Snapshot, Graph)> {
        let snapshot = self.reader.task(scope, id, View::Basic).await?;
        let graph = self.of(&snapshot).await?;
        Ok((snapshot, graph))
    }

    /// The graph of a task that has been read.
    pub async fn of(&self, snapshot: &Snapshot) -> Result<Graph> {
        let mut graphs = self.of_all(std::slice::from_ref(snapshot)).await;
        graphs.pop().expect("one in, one out")
    }

    /// The graphs of tasks that have been read, each by itself.
    pub async fn of_all(&self, snapshots: &[Snapshot]) -> Vec<Result<Graph>> {
        let began = self.began(snapshots).await;
        let mut graphs = Vec::with_capacity(snapshots.len());
        for snapshot in snapshots {
            graphs.push(match &began {
                Ok(began) => self.one(snapshot, began).await,
                Err(error) => Err(error.clone()),
            });
        }
        graphs
    }

    async fn one(&self, snapshot: &Snapshot, began: &HashMap<StepId, (i32, Micros)>) -> Result<Graph> {
        let Snapshot { row, run, now, .. } = snapshot;
        let shape = self.memory.shape(run.template()).await?;
        let durations = self.measurements.get(run.template(), *now).await;
        let picture = Picture::of(run, *now);
        let analysis = self.memory.analysis(&shape, &picture, &durations, &self.policy).await?;
        let began = |no| {
            let (attempt, at) = began.get(&row.task_id.step(no))?;
            (*attempt == i32::from(run.step(no).attempts)).then_some(*at)
        };
        let forecast = forecast(&shape, run, &durations, &self.policy.duration_estimates, began, *now);
        Ok(Graph { shape, picture, analysis, durations, policy: Arc::clone(&self.policy), forecast })
    }

    /// When the running attempts of these tasks began.
    async fn began(&self, snapshots: &[Snapshot]) -> Result<HashMap<StepId, (i32, Micros)>> {
        let runs = |snapshot: &&Snapshot| snapshot.run.steps().iter().any(|step| step.state == State::InProgress);
        let running: Vec<Uuid> = snapshots.iter().filter(runs).map(|snapshot| snapshot.row.task_id.uuid()).collect();
        if running.is_empty() {
            return Ok(HashMap::new());
        }
        let leases = store::steps::leases(self.reader.store(), &running).await?;
        Ok(leases
            .into_iter()
            .map(|(step, lease)| (step, (lease.attempt, lease.claimed_at.timestamp_micros())))
            .collect())
    }
}
