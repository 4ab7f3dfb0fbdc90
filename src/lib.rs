//! tasker: a workflow-orchestration service.
//!
//! The map, from the outside in; arrows only go down:
//!
//! ```text
//! cli, app         parse → config → compose → run
//! transport, rpc   listener, layers; one file a proto service: parse, call, render
//! service          what a caller can ask for      engine    what runs by itself
//! lifecycle        every change of task or step state; the batching writer
//! store            every SQL statement
//! domain           the rules; pure; beside all, imports nothing
//! ```

pub mod app;
pub mod auth;
pub mod bench;
pub mod cli;
pub mod config;
pub mod domain;
pub mod embedded;
pub mod engine;
pub mod error;
pub mod health;
pub mod http;
pub mod lifecycle;
pub mod rpc;
pub mod service;
pub mod store;
pub mod supervisor;
pub mod telemetry;
pub mod templates;
pub mod transport;
pub mod worker;

pub use error::{Error, Reason, Result};

/// The generated messages and services.
#[allow(missing_docs, clippy::all, reason = "generated")]
pub mod proto {
    /// The descriptors of every proto, for reflection.
    pub const DESCRIPTORS: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/descriptors.bin"));
    pub mod tasker {
        pub mod v1 {
            include!(concat!(env!("OUT_DIR"), "/tasker.v1.rs"));
        }
        pub mod worker {
            pub mod v1 {
                include!(concat!(env!("OUT_DIR"), "/tasker.worker.v1.rs"));
            }
        }
    }
}
