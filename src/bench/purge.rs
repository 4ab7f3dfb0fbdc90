//! What a purge costs those who work meanwhile.
//!
//! Old finished tasks are made in bulk; then the linear scenario runs in turns: on a server that keeps everything, and
//! on one that purges, until all the old tasks are gone or there were turns enough: a purge takes its
//! time on purpose.

use std::time::Instant;

use anyhow::{Context as _, ensure};
use tasker_sdk::proto::tasker::v1::Handler;

use super::{
    figures::median,
    load::{drive, register},
    process::Process,
    scenario::{Options, borrowed, connect, linear, serve, work},
};
use crate::store::{Store, bench as rows};

/// Turns on the server that keeps everything, half of them before and half of them after.
const TURNS_WITHOUT: usize = 4;
/// The handler of the old tasks: one that nobody counts meanwhile.
const OLD: &str = "linear4_old";
/// Turns on the server that purges, at most.
const TURNS_DURING: usize = 8;

/// A purge beside work.
#[derive(Debug, Clone, serde::Serialize)]
pub struct Purge {
    /// Old tasks.
    pub tasks: i64,
    /// Those of them that were removed meanwhile.
    pub removed: i64,
    /// How long that took, in seconds.
    pub seconds: f64,
    /// Steps per second without a purge, each turn.
    pub without: Vec<f64>,
    /// Steps per second during the purge, each turn.
    pub during: Vec<f64>,
    /// The medians: during, over without.
    pub ratio: f64,
}

pub(super) async fn measure(options: &Options, store: &Store, url: &str, say: &impl Fn(&str)) -> anyhow::Result<Purge> {
    let tasks = i64::try_from(options.old_tasks)?;
    let keeping = &[("retention.max_age_hours", "0")][..];
    let purging = &[("retention.max_age_hours", "24"), ("retention.interval_ms", "1000")][..];
    let mut without = turns(options, store, url, keeping, TURNS_WITHOUT / 2).await?;
    say(&format!("purge: making {tasks} tasks of ten days ago"));
    rows::make_old(store, tasks, OLD).await?;
    without.extend(turns(options, store, url, keeping, 1).await?);
    say("purge: work beside it, in turns until it is done");
    let began = Instant::now();
    let servers = Servers::start(options, url, purging).await?;
    let mut during = Vec::new();
    let mut left = rows::old(store).await?;
    while left > 0 && during.len() < TURNS_DURING {
        let rate = servers.turn(options, store).await?;
        left = rows::old(store).await?;
        // A turn in which the purge ended is none.
        if left > 0 {
            during.push(rate);
        }
        say(&format!("purge: {left} left, {rate:.0} steps/s"));
    }
    let (seconds, removed) = (began.elapsed().as_secs_f64(), tasks - left);
    ensure!(removed > 0, "nothing was purged");
    ensure!(!during.is_empty(), "the purge was done within a turn: more old tasks or shorter turns are needed");
    servers.stop().await;
    without.extend(turns(options, store, url, keeping, TURNS_WITHOUT / 2).await?);
    let ratio = median(&during) / median(&without);
    Ok(Purge { tasks, removed, seconds, without, during, ratio })
}

/// A server and a worker.
struct Servers {
    server: Process,
    worker: Process,
    client: tasker_sdk::Client,
}

impl Servers {
    async fn start(options: &Options, url: &str, keys: &[(&str, &str)]) -> anyhow::Result<Self> {
        let (server, address) = serve(url, borrowed(&options.set).chain(keys.iter().copied()))?;
        let client = connect(&address).await?;
        let worker = work(&address, options.slots, &[])?;
        let handler = linear(options).handler;
        register(&client, vec![Handler { name: OLD.to_owned(), ..handler.clone() }, handler]).await?;
        Ok(Self { server, worker, client })
    }

    /// Steps per second of one run of the linear scenario.
    async fn turn(&self, options: &Options, store: &Store) -> anyhow::Result<f64> {
        let shape = linear(options);
        let took = drive(&self.client, store, &shape).await.context("a turn beside the purge")?;
        Ok((shape.tasks * shape.steps()) as f64 / took.as_secs_f64())
    }

    async fn stop(self) {
        self.worker.stop().await;
        self.server.stop().await;
    }
}

async fn turns(
    options: &Options,
    store: &Store,
    url: &str,
    keys: &[(&str, &str)],
    count: usize,
) -> anyhow::Result<Vec<f64>> {
    let servers = Servers::start(options, url, keys).await?;
    let mut rates = Vec::with_capacity(count);
    // The first one warms up.
    for turn in 0..=count {
        let rate = servers.turn(options, store).await?;
        if turn > 0 {
            rates.push(rate);
        }
    }
    servers.stop().await;
    Ok(rates)
}
