//! What the same Postgres does without the service: the bare loop.
//!
//! Claim 100 rows with SKIP LOCKED and commit, settle the 100 and append 100 audit rows and commit; with as many
//! connections as do best. And a one-row commit, one at a time.

use std::time::{Duration, Instant};

use crate::store::{Store, bench as rows};

/// How long each number of connections is tried.
const TRIAL: Duration = Duration::from_secs(3);
const CONNECTIONS: [usize; 4] = [1, 2, 4, 8];

/// The bare loop's figures.
#[derive(Debug, Clone, serde::Serialize)]
pub struct Ceiling {
    /// Rows claimed, settled and audited per second, at best.
    pub rows_per_second: f64,
    /// With this many connections.
    pub connections: usize,
    /// The median of a one-row commit, in microseconds.
    pub commit_p50_us: f64,
}

pub(super) async fn measure(store: &Store) -> anyhow::Result<Ceiling> {
    let mut best = (0.0, 0);
    for connections in CONNECTIONS {
        rows::prepare(store, 1_000_000).await?;
        let began = Instant::now();
        let mut loops = tokio::task::JoinSet::new();
        for _ in 0..connections {
            let store = store.clone();
            loops.spawn(async move { rows::bare_loop(&store, began + TRIAL).await });
        }
        let mut settled = 0_u64;
        while let Some(done) = loops.join_next().await {
            settled += done??;
        }
        let rate = settled as f64 / began.elapsed().as_secs_f64();
        if rate > best.0 {
            best = (rate, connections);
        }
    }
    let commit_p50_us = commit_p50(store).await?;
    rows::clean(store).await?;
    Ok(Ceiling { rows_per_second: best.0, connections: best.1, commit_p50_us })
}

/// The median of a one-row commit, in microseconds.
pub(super) async fn commit_p50(store: &Store) -> anyhow::Result<f64> {
    let mut times = hdrhistogram::Histogram::<u64>::new(3)?;
    let mut connection = rows::one_row_connection(store).await?;
    for _ in 0..2_000 {
        let began = Instant::now();
        rows::one_row(&mut connection).await?;
        times.record(u64::try_from(began.elapsed().as_nanos())?)?;
    }
    Ok(times.value_at_quantile(0.5) as f64 / 1_000.0)
}
