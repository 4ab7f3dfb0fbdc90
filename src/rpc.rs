//! One file a proto service: parse, call, render.
//!
//! Owns: turning messages into values that are valid, and values into messages. Never: rules, SQL, state.
//! Next: `service` for what callers ask for, `engine::sessions` for what workers say.

pub mod analytics;
pub mod events;
pub mod explain;
mod fields;
pub mod graph;
pub mod handlers;
pub mod limits;
mod render;
pub mod status;
pub mod steps;
pub mod tasks;
pub mod workers;

use crate::{auth::Scope, error::Result};

/// What a call may touch, as the gate decided.
fn scope<T>(request: &tonic::Request<T>) -> Result<Scope> {
    Scope::of(request.extensions())
}
