//! What a server tells about itself: metrics, as text and to a collector of the test's own.

mod collector;
mod metrics;
