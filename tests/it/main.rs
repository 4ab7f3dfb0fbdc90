//! The integration tests: one binary, one private Postgres, a database for each test.

#![allow(unreachable_pub, reason = "nothing is reachable from outside a test binary")]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

#[allow(dead_code, reason = "the harness offers more than every moment's tests use")]
mod engine;
mod harness;

mod architecture;
mod calls;
mod cli;
mod dev;
mod embedded;
mod handlers;
mod migrations;
mod plans;
mod read_models;
mod sdk_gen;
mod servers;
mod sql;
mod transport;
mod worker;
