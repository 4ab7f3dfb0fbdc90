//! The engine on a real database, without gRPC: servers share it, workers come and go.

mod away;
mod batches;
mod chaos;
mod crowd;
mod lost;
mod upkeep;
