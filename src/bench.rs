//! `tasker bench`: what the service does per second, beside what the same Postgres does bare.
//!
//! Owns: the scenarios, the processes that it starts for them, the figures. Everything runs on this machine in
//! one go, because only ratios from one run on one machine mean anything: a private Postgres (or one that is
//! given), a server process, a worker process, and this process, which submits. Never: part of serving.

mod ceiling;
mod figures;
mod health;
pub mod insight;
mod load;
mod pairs;
pub mod pauses;
mod process;
mod purge;
mod scenario;
pub mod seed;

pub use figures::{Figures, table};
pub use health::Probe;
pub use pairs::Side;
pub use purge::Purge;
pub use scenario::{Options, run};

/// The step handler that the bench worker serves with a no-op.
pub const NOOP: &str = "bench_noop";
/// The step handler that the bench worker serves by returning its input.
pub const ECHO: &str = "bench_echo";

/// Runs the bench's own worker until it is told to stop.
pub async fn worker(server: &str, slots: u32) -> anyhow::Result<()> {
    let worker = tasker_sdk::Worker::builder(server)
        .worker_id(format!("bench-{}", std::process::id()))
        .namespace("bench")
        .slots(slots)
        .step(NOOP, |_| async { Ok(serde_json::json!({})) })
        .step(ECHO, |context: tasker_sdk::StepContext| async move { context.inputs::<serde_json::Value>() })
        .build()?;
    Ok(worker.run().await?)
}
