//! What a caller can ask for.
//!
//! Owns: the use cases behind the rpcs: what is looked up, in which order things are checked, what is asked
//! of the writer. Never: protobuf (that is `rpc`), SQL (that is `store`), a change of task or step state (that
//! is `lifecycle`). Next: `lifecycle` for changes, `store` for reads.

pub mod analytics;
pub mod dependencies;
pub mod events;
pub mod explain;
pub mod graph;
pub mod handlers;
pub mod namespaces;
pub mod page;
pub mod reads;
pub mod snapshot;
pub mod steps;
pub mod tasks;
pub mod worker_roster;
