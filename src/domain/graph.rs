//! The dependency graph of a handler, and of a task as it runs.
//!
//! Owns: the [`Shape`] of a DAG (order, levels, roots, leaves, the exact number of paths) and what follows from it for
//! a run: critical paths, parallelism, error chains, bottlenecks, the expected finish. Rules from the specification,
//! backoff-and-dependency-graph §4 to §6. Everything goes by step number; names matter for ties only. Never:
//! enumerates paths, of which there can be more than atoms. Next: `service::graph`, which keeps what was found.

mod analysis;
pub mod bottlenecks;
pub mod chains;
mod durations;
mod forecast;
pub mod parallelism;
mod path_count;
pub mod paths;
pub mod policy;
mod reach;
mod shape;
mod step_states;

pub use analysis::{Analysis, Health, Key, Recommendation};
pub use bottlenecks::Bottlenecks;
pub use chains::ErrorChains;
pub use durations::{Durations, Measured};
pub use forecast::{Forecast, forecast, is_steady};
pub use parallelism::Parallelism;
pub use path_count::PathCount;
pub use paths::CriticalPaths;
pub use policy::{Policy, Severity};
pub use shape::{Adjacency, Shape};
pub use step_states::{Condition, StepStates};

#[cfg(test)]
mod tests;
