//! What operators see at a glance: seeded histories that are like real ones, execution contexts, analytics.

mod analytics;
mod contexts;
mod seed;

use tasker::bench::seed::{self as bench, Amounts};

use crate::harness::Database;

/// Seeds a database.
async fn seed(database: &Database, finished: i64, active: i64, handlers: usize) {
    bench::seed(&database.store, Amounts { finished, active, handlers }, &|_| {}).await.unwrap();
}
