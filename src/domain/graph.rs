//! The dependency graph of a handler, and of a task as it runs.
//!
//! Owns: the [`Shape`] of a DAG (order, levels, roots, leaves, the exact number of paths) and what follows from it for
//! a run: critical paths, parallelism, error chains, bottlenecks, the expected finish. Rules from the specification,
//! backoff-and-dependency-graph §4 to §6. Everything goes by step number; names matter for ties only. Never:
//! enumerates paths, of which there can be more than atoms. Next: `service::graph`, which keeps what was found.

mod natural;
mod shape;

pub use natural::Natural;
pub use shape::{Adjacency, Shape};
