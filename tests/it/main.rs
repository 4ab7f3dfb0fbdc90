//! The integration tests: one binary, one private Postgres, a database for each test.

#![allow(unreachable_pub, reason = "nothing is reachable from outside a test binary")]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
#![allow(clippy::large_futures, reason = "a test has a stack of its own")]
#![allow(clippy::disallowed_methods, reason = "nobody starts a test's work again")]

mod harness;
mod sim;

mod access;
mod architecture;
mod auth;
mod calls;
mod cli;
mod configuration;
mod databases;
mod dev;
mod discovery;
mod documents;
mod durations;
mod edges;
mod embedded;
mod engine;
mod events;
mod explain;
mod handlers;
mod health;
mod insight;
mod migrations;
mod payloads;
mod plans;
mod read_models;
mod retention;
mod servers;
mod ship;
mod sql;
mod supervision;
mod telemetry;
mod transport;
mod worker;
