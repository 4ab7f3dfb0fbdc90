//! The rules, pure.
//!
//! Owns: state machines, readiness, backoff, outcome, identity, template validation, dependency graphs. Everything here is a
//! function of values; the clock and the dice are arguments. Never: IO, async, SQL, protobuf, configuration
//! files. Next: `lifecycle`, which asks these rules what happens and writes it down.

pub mod audit;
pub mod backoff;
pub mod events;
pub mod execution;
pub mod explain;
pub mod graph;
pub mod handler;
pub mod identity;
pub mod ids;
pub mod json;
pub mod near;
pub mod offer;
pub mod pause;
pub mod retention;
pub mod run;
pub mod schema;
pub mod state;
pub mod template;
pub mod violation;
