//! What servers and workers tell about themselves: metrics, traces and log lines, to a collector of the test's own.

mod collector;
mod metrics;
mod process;
mod traces;
