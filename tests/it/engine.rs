//! The engine on a real database, without gRPC: servers share it, workers come and go.

mod away;
mod batches;
mod crowd;
mod lost;
mod upkeep;
