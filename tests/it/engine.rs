//! The engine on a real database, without gRPC: servers share it, workers come and go.

mod batches;
mod chaos;
mod crowd;
mod database_unavailable;
mod lost;
mod upkeep;
