//! Everything that is found out about a run, and its summary.

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::{
    Bottlenecks, CriticalPaths, Durations, ErrorChains, Parallelism, Policy, Shape, StepStates, bottlenecks, chains,
    parallelism, paths,
};

/// What was found out about a run. It names steps by number and holds no times, so that it is true for every task
/// with the same step states.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Analysis {
    /// The ways that matter most.
    pub critical_paths: CriticalPaths,
    /// What could run side by side.
    pub parallelism: Parallelism,
    /// What failed steps hold up.
    pub error_chains: ErrorChains,
    /// The steps that hold up the most.
    pub bottlenecks: Bottlenecks,
}

/// What an analysis depends on, as a number: analyses with equal keys are equal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Key(pub [u8; 16]);

/// The health of a task as its analysis shows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Health {
    /// Nothing is wrong.
    Healthy,
    /// A bottleneck is of high severity.
    Warning,
    /// A bottleneck is critical, or a step has failed.
    Critical,
}

/// What somebody could do for a task.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Recommendation {
    /// Failed steps come first.
    ResolveErrorChains,
    /// Then what else holds it up.
    AddressCriticalBottlenecks,
    /// Few levels have more than one step to run.
    OptimiseDependencies,
    /// Nothing.
    Healthy,
}

impl Key {
    /// The key of an analysis of these.
    pub fn of(shape: &Shape, states: &StepStates, durations: &Durations, policy: &Policy) -> Self {
        let mut hash = Sha256::new();
        hash.update(shape.fingerprint());
        hash.update(durations.fingerprint());
        hash.update(serde_json::to_vec(policy).expect("a policy is plain numbers"));
        let mut bytes = Vec::with_capacity(states.steps().len() * 6);
        bytes.extend(states.bytes().flatten());
        hash.update(bytes);
        hash.update([u8::from(states.has_ended())]);
        let digest = hash.finalize();
        Self(std::array::from_fn(|at| digest[at]))
    }
}

impl Analysis {
    /// Analyses a run.
    pub fn of(shape: &Shape, states: &StepStates, durations: &Durations, policy: &Policy) -> Self {
        Self {
            critical_paths: paths::analyse(shape, states, durations, policy),
            parallelism: parallelism::analyse(shape, states),
            error_chains: chains::analyse(shape, states, policy),
            bottlenecks: bottlenecks::analyse(shape, states, policy),
        }
    }

    /// Whether the analysis can be one of this shape: it names no steps that are not there. What came from elsewhere
    /// is not trusted.
    pub fn fits(&self, shape: &Shape) -> bool {
        let exists = |no: &u16| usize::from(*no) < shape.steps();
        self.parallelism.levels.len() == shape.depth()
            && self.critical_paths.paths.iter().all(|path| {
                path.steps.iter().all(exists) && path.bottlenecks.iter().all(|bottleneck| exists(&bottleneck.step))
            })
            && self.error_chains.chains.iter().all(|chain| exists(&chain.step) && chain.downstream.iter().all(exists))
            && self.bottlenecks.worst.iter().all(|bottleneck| exists(&bottleneck.step))
    }

    /// The health of the task.
    pub fn health(&self) -> Health {
        if self.bottlenecks.critical > 0 || self.error_chains.errors > 0 {
            Health::Critical
        } else if self.bottlenecks.high > 0 {
            Health::Warning
        } else {
            Health::Healthy
        }
    }

    /// What somebody could do, most urgent first. A finished task needs no better dependencies.
    pub fn recommendations(&self, is_finished: bool) -> Vec<Recommendation> {
        let could = [
            (self.error_chains.errors > 0, Recommendation::ResolveErrorChains),
            (self.bottlenecks.critical > 0, Recommendation::AddressCriticalBottlenecks),
            (self.parallelism.efficiency < 50.0 && !is_finished, Recommendation::OptimiseDependencies),
        ];
        let found: Vec<_> = could.into_iter().filter(|(holds, _)| *holds).map(|(_, text)| text).collect();
        if found.is_empty() { vec![Recommendation::Healthy] } else { found }
    }

    /// About how many bytes the analysis takes.
    pub fn bytes(&self) -> usize {
        let paths =
            self.critical_paths.paths.iter().map(|path| 2 * path.steps.len() + 24 * path.bottlenecks.len() + 128);
        let chains = self.error_chains.chains.iter().map(|chain| 2 * chain.downstream.len() + 64);
        let levels = 20 * self.parallelism.levels.len();
        paths.sum::<usize>() + chains.sum::<usize>() + levels + 32 * self.bottlenecks.worst.len() + 256
    }
}
