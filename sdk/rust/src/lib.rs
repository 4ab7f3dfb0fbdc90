//! Client and worker for tasker, the workflow-orchestration service.
//!
//! | Part | Where |
//! |---|---|
//! | messages and clients, generated | [`proto`] |
//! | connecting, credentials, deadlines, repeats | [`Client`] |
//! | running steps | [`Worker`], [`StepContext`], [`StepError`] |
//! | why a call failed | [`Error`], [`Reason`] |
#![doc = include_str!("../README.md")]

pub mod client;
pub mod errors;
pub mod proto;
pub mod worker;

mod codec;

pub use client::{Client, TlsFiles, Token};
pub use errors::{Error, Reason, Result};
pub use worker::{CancelReason, StepContext, StepError, Steps, Worker, WorkerHandle};

/// How the SDK introduces itself.
pub const SDK: &str = concat!("tasker-rust/", env!("CARGO_PKG_VERSION"));
