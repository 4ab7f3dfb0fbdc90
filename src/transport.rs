//! The way in: the listener, the ordered layers, health, reflection.
//!
//! Owns: connections and what surrounds every call. Never: knows what a call means; the services in `rpc` do.
//! The road of a call is the list in `layers`. Next: `server` serves, `status` turns errors into answers.

pub mod access;
mod authority;
pub mod bounds;
pub mod correlation;
mod deadline;
pub mod deferred_routes;
pub mod drain;
mod foreign;
pub mod layers;
pub mod listener;
pub mod meter;
mod panics;
mod peer;
mod protocol;
mod reflection;
pub mod refusal;
mod sampler;
pub mod server;
pub mod status;
pub mod tls;

pub use correlation::CorrelationId;
pub use listener::Bound;
