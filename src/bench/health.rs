//! How long answers about health take: at rest, beside a full load, and while the database hangs.
//!
//! Every question that a probe asks, over gRPC and over HTTP, one after another. For the last situation every process
//! of the private Postgres is stopped as it is, which looks like a machine that has frozen: connections stay open and
//! nothing answers.

use std::{
    fmt,
    time::{Duration, Instant},
};

use anyhow::{Context as _, ensure};
use hdrhistogram::Histogram;
use tasker_sdk::{Client, proto::tasker::v1::GetStatusRequest};
use tonic::transport::{Channel, Endpoint};
use tonic_health::pb::{HealthCheckRequest, health_check_response::ServingStatus, health_client::HealthClient};

use super::{
    load::{drive, register},
    process::family,
    scenario::{Options, connect, free_address, linear, serve, work},
};
use crate::{
    embedded::{self, Signal},
    store::{Store, bench as rows},
    supervisor::spawn_short,
};

/// Questions of each kind in each situation.
const CALLS: usize = 1_000;
/// 99 of 100 answers may take this long.
const P99_MS: f64 = 5.0;
/// Every answer may take this long.
const MOST_MS: f64 = 100.0;
/// How long the server may take to notice that the database hangs or is back.
const PATIENCE: Duration = Duration::from_secs(60);

/// How long one kind of question took in one situation, in milliseconds.
#[derive(Debug, Clone, serde::Serialize)]
pub struct Probe {
    /// What the server and the database did.
    pub situation: &'static str,
    /// What was asked.
    pub question: String,
    /// The median.
    pub p50_ms: f64,
    /// The 99th percentile.
    pub p99_ms: f64,
    /// The slowest answer.
    pub most_ms: f64,
    /// Whether the 99th percentile is within 5 ms and every answer within 100 ms.
    pub holds: bool,
}

/// A question.
#[derive(Debug, Clone, Copy)]
enum Question {
    Check,
    GetStatus,
    Http(&'static str),
}

impl Question {
    const ALL: [Self; 6] = [
        Self::Check,
        Self::GetStatus,
        Self::Http("/health/live"),
        Self::Http("/health/ready"),
        Self::Http("/health/status"),
        Self::Http("/metrics"),
    ];
}

/// Who asks.
struct Asker {
    health: HealthClient<Channel>,
    client: Client,
    http: reqwest::Client,
    base: String,
}

pub(super) async fn measure(
    options: &Options,
    store: &Store,
    url: &str,
    say: &impl Fn(&str),
) -> anyhow::Result<Vec<Probe>> {
    ensure!(options.database_url.is_none(), "health is measured with a private Postgres only: the bench stops it");
    let postmaster = rows::postmaster(store).await.context("the private Postgres has no pid")?;
    let port = free_address()?;
    let (server, address) = serve(url, [("http.listen", &*port), ("telemetry.log_level", "error")])?;
    let client = connect(&address).await?;
    let mut asker = Asker {
        health: HealthClient::new(Endpoint::from_shared(address.clone())?.tcp_nodelay(true).connect().await?),
        client: client.clone(),
        http: reqwest::Client::builder().no_proxy().tcp_nodelay(true).build()?,
        base: format!("http://{port}"),
    };
    asker.wait_until(ServingStatus::Serving).await?;
    say("health: at rest");
    let mut probes = asker.ask("at rest").await?;

    say("health: beside a full load");
    register(&client, vec![linear(options).handler]).await?;
    let worker = work(&address, options.slots, &[])?;
    let (shape, load_store) = (linear(options), store.clone());
    let load = spawn_short("load", async move { while drive(&client, &load_store, &shape).await.is_ok() {} });
    let beside = asker.ask("full load").await;
    ensure!(!load.is_finished(), "the load ended before the questions did");
    load.abort();
    worker.stop().await;
    probes.extend(beside?);

    say("health: while the database hangs");
    let stopped = Stopped::all_of(postmaster);
    asker.wait_until(ServingStatus::NotServing).await?;
    probes.extend(asker.ask("database hangs").await?);
    drop(stopped);
    asker.wait_until(ServingStatus::Serving).await?;
    server.stop().await;
    Ok(probes)
}

/// The processes of a Postgres, which stand still until the value is dropped.
struct Stopped(Vec<u32>);

impl Stopped {
    fn all_of(postmaster: u32) -> Self {
        let all: Vec<u32> = family(postmaster).collect();
        for pid in &all {
            embedded::signal(*pid, Signal::Stop);
        }
        Self(all)
    }
}

impl Drop for Stopped {
    fn drop(&mut self) {
        for pid in &self.0 {
            embedded::signal(*pid, Signal::Continue);
        }
    }
}

impl Asker {
    async fn wait_until(&mut self, wanted: ServingStatus) -> anyhow::Result<()> {
        let began = Instant::now();
        let request = HealthCheckRequest { service: String::new() };
        while self.health.check(request.clone()).await?.into_inner().status() != wanted {
            ensure!(began.elapsed() < PATIENCE, "the server does not say {wanted:?} within {PATIENCE:?}");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        Ok(())
    }

    async fn ask(&mut self, situation: &'static str) -> anyhow::Result<Vec<Probe>> {
        let mut times = Vec::with_capacity(Question::ALL.len());
        for question in Question::ALL {
            times.push((question, Histogram::<u64>::new(3)?));
        }
        for _ in 0..CALLS {
            for (question, times) in &mut times {
                let began = Instant::now();
                self.one(*question).await.with_context(|| question.to_string())?;
                times.record(u64::try_from(began.elapsed().as_nanos())?)?;
            }
        }
        let probe = |(question, times): (Question, Histogram<u64>)| {
            let at = |share: f64| times.value_at_quantile(share) as f64 / 1e6;
            let (p50_ms, p99_ms, most_ms) = (at(0.5), at(0.99), times.max() as f64 / 1e6);
            let holds = p99_ms <= P99_MS && most_ms <= MOST_MS;
            Probe { situation, question: question.to_string(), p50_ms, p99_ms, most_ms, holds }
        };
        Ok(times.into_iter().map(probe).collect())
    }

    async fn one(&mut self, question: Question) -> anyhow::Result<()> {
        match question {
            Question::Check => {
                self.health.check(HealthCheckRequest { service: String::new() }).await?;
            }
            Question::GetStatus => {
                self.client.status().get_status(GetStatusRequest {}).await?;
            }
            Question::Http(path) => {
                self.http.get(format!("{}{path}", self.base)).send().await?.bytes().await?;
            }
        }
        Ok(())
    }
}

impl fmt::Display for Question {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Check => f.pad("grpc.health.v1 Check"),
            Self::GetStatus => f.pad("GetStatus"),
            Self::Http(path) => f.pad(path),
        }
    }
}
