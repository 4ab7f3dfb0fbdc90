//! Client and worker for tasker.

pub mod proto;
