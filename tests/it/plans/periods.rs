//! Analytics of a period, with many handlers: they cost by the tasks of the period, not by that times the handlers.

use sqlx::AssertSqlSafe;
use tasker::bench::seed::{self, Amounts};

use super::{cost, narrow};

const TASKS: i64 = 6_000;

#[tokio::test(flavor = "multi_thread")]
async fn a_period_is_read_once_however_many_handlers_there_are() {
    let (_database, store) = narrow().await;
    seed::seed(&store, Amounts { finished: 100, active: TASKS, handlers: 300 }, &|_| {}).await.unwrap();
    for function in [
        "get_analytics_metrics",
        "get_analytics_metrics_by_handler",
        "get_slowest_tasks",
        "get_slowest_steps",
        "get_error_patterns",
        "get_duration_distribution",
    ] {
        let text = AssertSqlSafe(format!("select * from {function}(since => now() - interval '1 day')"));
        let mut rows = 0;
        let (_, all) =
            cost(&store, async || rows = sqlx::query(text).fetch_all(store.pool()).await.unwrap().len()).await;
        assert!(rows > 0, "{function} says nothing");
        assert!(all >= TASKS / 2, "{function} reads {all} rows: fewer than it is about");
        assert!(all <= 4 * TASKS, "{function} reads {all} rows");
    }
}
