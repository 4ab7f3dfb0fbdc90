//! The edges: the largest graphs, the largest payloads, and what must be refused.

mod graphs;
mod overload;
mod receipts;
mod results;
mod sessions;
mod wire;
