//! The edges: the largest graphs, the largest payloads, and what must be refused.

mod authority;
mod graphs;
mod overload;
mod receipts;
mod results;
mod sessions;
mod statuses;
mod wire;
