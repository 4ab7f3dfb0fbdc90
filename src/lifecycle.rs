//! Every change of task or step state, and the batching writer through which all of them go.
//!
//! Owns: the lanes, the runs held in memory, what is written in one transaction. Never: decides; the rules in
//! `domain` do. Nobody is answered before the commit. Next: `store::lifecycle`.

pub mod request;
pub mod watch;

pub use request::{Created, Identity, NewTask, Request};
pub use watch::Watch;
