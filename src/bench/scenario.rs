//! The run: processes up, scenarios, processes down.

use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use tasker_sdk::{Client, client::Token, proto::tasker::v1::ListHandlersRequest};
use tonic_health::pb::{HealthCheckRequest, health_client::HealthClient};

use super::{
    ECHO, NOOP, ceiling,
    figures::{Figures, Hop, Machine, Throughput},
    health,
    load::{Shape, drive, handler, register},
    pairs::{self, Side},
    process::{Process, family_cpu_seconds},
    purge,
};
use crate::{
    embedded::{self, Server},
    store::{Store, bench as rows, databases, pool},
};

/// What to measure.
#[derive(Debug, Clone)]
pub struct Options {
    /// A database to use instead of a private one. Its contents are kept; the bench adds to them.
    pub database_url: Option<String>,
    /// Where the private database is put.
    pub directory: std::path::PathBuf,
    /// Whether to measure the bare loop.
    pub ceiling: bool,
    /// Whether to measure throughput.
    pub throughput: bool,
    /// Whether to measure further shapes besides the linear one.
    pub shapes: bool,
    /// Whether to measure hops.
    pub hop: bool,
    /// Servers to compare: what differs, without and with it.
    pub pairs: Vec<(String, Side, Side)>,
    /// Whether to measure answers about health.
    pub health: bool,
    /// Whether to measure work beside a purge.
    pub purge: bool,
    /// Old tasks that the purge removes.
    pub old_tasks: usize,
    /// Linear tasks of the throughput scenario.
    pub tasks: usize,
    /// Slots of the worker.
    pub slots: u32,
    /// Calls that submit at once.
    pub callers: usize,
    /// Further keys of the server's configuration.
    pub set: Vec<(String, String)>,
}

/// Measures and returns what was found. `say` is told what happens.
pub async fn run(options: &Options, say: impl Fn(&str)) -> anyhow::Result<Figures> {
    let postgres = match &options.database_url {
        Some(_) => None,
        None => {
            say("starting a private Postgres");
            let settings = embedded::Settings::new(&options.directory)
                .parameter("shared_buffers", "1GB")
                .parameter("max_wal_size", "4GB");
            Some(Server::start(&settings).await?)
        }
    };
    let (url, connect) = match (&options.database_url, &postgres) {
        (Some(url), _) => (url.clone(), databases::address(url).map_err(anyhow::Error::msg)?),
        (None, Some(server)) => {
            let socket = server.socket_directory().display();
            (format!("postgres://postgres@localhost/tasker?host={socket}"), server.options())
        }
        (None, None) => unreachable!("one of the two is there"),
    };
    let store = Store::new(connect, &pool::Settings::default());
    let result = measure(options, &store, &url, &say).await;
    store.close().await;
    if let Some(postgres) = postgres {
        postgres.stop().await;
    }
    result
}

async fn measure(options: &Options, store: &Store, url: &str, say: &impl Fn(&str)) -> anyhow::Result<Figures> {
    let version = crate::store::databases::version(store).await?;
    let mut figures = Figures { machine: Machine::look(version), ..Figures::default() };
    if options.ceiling {
        say("ceiling: the bare loop in SQL");
        figures.ceiling = Some(ceiling::measure(store).await?);
    }
    for (name, without, with) in &options.pairs {
        let mut shape = linear(options);
        shape.tasks = (options.tasks / 5).max(100);
        let pair = pairs::measure(name, [without, with], (store, url), (&shape, options.slots), say).await?;
        figures.pairs.push(pair);
    }
    if options.health {
        figures.health = health::measure(options, store, url, say).await?;
    }
    if options.purge {
        figures.purge = Some(purge::measure(options, store, url, say).await?);
    }
    if !options.throughput && !options.hop {
        return Ok(figures);
    }
    say("starting a server and a worker");
    let (server, address) = serve(url, borrowed(&options.set))?;
    let client = connect(&address).await?;
    let worker = work(&address, options.slots, &[])?;
    let outcome = scenarios(options, store, &client, &address, (&server, &worker), &mut figures, say).await;
    figures.server = server.usage();
    figures.worker = worker.usage();
    worker.stop().await;
    server.stop().await;
    outcome.map(|()| figures)
}

async fn scenarios(
    options: &Options,
    store: &Store,
    client: &Client,
    address: &str,
    (server, worker): (&Process, &Process),
    figures: &mut Figures,
    say: &impl Fn(&str),
) -> anyhow::Result<()> {
    let mut shapes = vec![linear(options)];
    if options.shapes {
        shapes.extend(further(options));
    }
    let chain = chain();
    let mut warm = linear(options);
    warm.tasks = (options.tasks / 20).max(100);
    register(client, shapes.iter().chain([&chain]).map(|shape| shape.handler.clone()).collect()).await?;
    say("warming up");
    drive(client, store, &warm).await?;
    // Before the throughput scenarios, whose dead rows keep autovacuum busy for a while.
    if options.hop {
        say("hop: chains of 20 steps, one task at a time");
        figures.hop = Some(hop(store, client, address, &chain).await?);
    }
    if options.throughput {
        let postmaster = rows::postmaster(store).await;
        for shape in &shapes {
            say(&format!("throughput: {}, {} tasks", shape.name, shape.tasks));
            let before = (rows::totals(store).await?, server.usage(), worker.usage());
            let postgres_before = postmaster.map_or(0.0, family_cpu_seconds);
            let took = drive(client, store, shape).await?;
            let postgres = postmaster.map_or(0.0, family_cpu_seconds) - postgres_before;
            let after = (rows::totals(store).await?, server.usage(), worker.usage());
            let steps = shape.tasks * shape.steps();
            let per_step = |amount: f64| amount / steps as f64;
            let rate = steps as f64 / took.as_secs_f64();
            figures.throughput.push(Throughput {
                name: shape.name.to_owned(),
                tasks: shape.tasks,
                steps,
                seconds: took.as_secs_f64(),
                steps_per_second: rate,
                of_ceiling: figures.ceiling.as_ref().map(|ceiling| rate / ceiling.rows_per_second),
                commits_per_step: per_step((after.0.commits - before.0.commits) as f64),
                wal_bytes_per_step: per_step((after.0.wal_bytes - before.0.wal_bytes) as f64),
                dead_rows: after.0.dead_rows,
                cpu_us_per_step: [
                    per_step((after.1.cpu_seconds - before.1.cpu_seconds) * 1e6),
                    per_step((after.2.cpu_seconds - before.2.cpu_seconds) * 1e6),
                    per_step(postgres * 1e6),
                ],
            });
        }
    }
    Ok(())
}

async fn hop(store: &Store, client: &Client, address: &str, chain: &Shape) -> anyhow::Result<Hop> {
    let one = Shape { tasks: 1, callers: 1, ..chain.clone() };
    for _ in 0..chain.tasks {
        drive(client, store, &one).await?;
    }
    let mut hops = rows::hops(store, &chain.handler.name).await?;
    hops.sort_by(f64::total_cmp);
    if hops.is_empty() {
        bail!("no hop was measured");
    }
    let at = |share: f64| hops[((hops.len() - 1) as f64 * share) as usize];
    let commit = ceiling::commit_p50(store).await?;
    rows::clean(store).await?;
    let call = call_p50(address).await?;
    Ok(Hop {
        hops: hops.len(),
        p50_us: at(0.5),
        p95_us: at(0.95),
        p99_us: at(0.99),
        commit_p50_us: commit,
        call_p50_us: call,
        calls_beyond_commit: (at(0.5) - commit) / call,
    })
}

/// The median of an empty unary call, in microseconds: a health check, which asks nobody.
async fn call_p50(address: &str) -> anyhow::Result<f64> {
    let channel = tonic::transport::Endpoint::from_shared(address.to_owned())?.tcp_nodelay(true).connect().await?;
    let mut health = HealthClient::new(channel);
    let mut times = hdrhistogram::Histogram::<u64>::new(3)?;
    for _ in 0..2_000 {
        let began = Instant::now();
        health.check(HealthCheckRequest { service: String::new() }).await?;
        times.record(u64::try_from(began.elapsed().as_nanos())?)?;
    }
    Ok(times.value_at_quantile(0.5) as f64 / 1_000.0)
}

/// Waits until the server answers.
pub(super) async fn connect(address: &str) -> anyhow::Result<Client> {
    connect_with(address, None).await
}

/// The same, with a token.
pub(super) async fn connect_with(address: &str, token: Option<Token>) -> anyhow::Result<Client> {
    let began = Instant::now();
    loop {
        let builder = Client::builder(address).no_token();
        let builder = match &token {
            Some(token) => builder.token(token.clone()),
            None => builder,
        };
        let client = builder.connect().await;
        let ready = match &client {
            Ok(client) => client
                .handlers()
                .list_handlers(ListHandlersRequest::default())
                .await
                .map(|_| ())
                .map_err(anyhow::Error::from),
            Err(error) => Err(anyhow::anyhow!("{error}")),
        };
        match ready {
            Ok(()) => return Ok(client?),
            Err(error) if began.elapsed() > Duration::from_secs(30) => {
                return Err(error).context("the server does not answer");
            }
            Err(_) => tokio::time::sleep(Duration::from_millis(20)).await,
        }
    }
}

/// A server process on a database, with these keys of its configuration, and its address.
pub(super) fn serve<'a>(
    url: &str,
    keys: impl IntoIterator<Item = (&'a str, &'a str)>,
) -> anyhow::Result<(Process, String)> {
    let endpoint = free_address()?;
    let set: Vec<String> = keys.into_iter().map(|(key, value)| format!("{key}={value}")).collect();
    let mut arguments = vec!["serve", "--database-url", url, "--listen", &endpoint];
    set.iter().for_each(|pair| arguments.extend(["--set", pair]));
    Ok((Process::start(&arguments)?, format!("http://{endpoint}")))
}

/// The bench's own worker as a process, with these variables in its environment.
pub(super) fn work(address: &str, slots: u32, environment: &[(&str, &str)]) -> anyhow::Result<Process> {
    Process::start_with(&["--server", address, "bench", "worker", "--slots", &slots.to_string()], environment)
}

/// Keys of a configuration as they are passed on.
pub(super) fn borrowed(keys: &[(String, String)]) -> impl Iterator<Item = (&str, &str)> {
    keys.iter().map(|(key, value)| (key.as_str(), value.as_str()))
}

pub(super) fn free_address() -> anyhow::Result<String> {
    let listener = std::net::TcpListener::bind("127.0.0.1:0")?;
    Ok(listener.local_addr()?.to_string())
}

pub(super) fn linear(options: &Options) -> Shape {
    let steps = line(4);
    Shape {
        name: "linear, 4 steps",
        handler: handler("linear4", NOOP, &steps),
        context_json: r#"{"order": 42}"#.to_owned(),
        tasks: options.tasks,
        callers: options.callers,
    }
}

fn further(options: &Options) -> Vec<Shape> {
    let step = |name: &str, parents: &[&str]| {
        (name.to_owned(), parents.iter().map(|parent| (*parent).to_owned()).collect::<Vec<_>>())
    };
    let diamond = [step("a", &[]), step("b", &["a"]), step("c", &["a"]), step("d", &["b", "c"])];
    let mut fan = vec![step("start", &[])];
    fan.extend((0..100).map(|n| (format!("branch{n}"), vec!["start".to_owned()])));
    fan.push(("join".to_owned(), (0..100).map(|n| format!("branch{n}")).collect()));
    let shape =
        |name, handler, context_json, tasks| Shape { name, handler, context_json, tasks, callers: options.callers };
    let small = r#"{"order": 42}"#.to_owned();
    let large = format!(r#"{{"blob": "{}"}}"#, "x".repeat(64 * 1024));
    vec![
        shape("diamond, 4 steps", handler("diamond", NOOP, &diamond), small.clone(), options.tasks / 2),
        shape("fan out/in, 102 steps", handler("fan100", NOOP, &fan), small, options.tasks / 50),
        shape("linear, 64 KiB", handler("linear4_64k", ECHO, &line(4)), large, options.tasks / 20),
    ]
}

fn chain() -> Shape {
    Shape {
        name: "chain, 20 steps",
        handler: handler("chain20", NOOP, &line(20)),
        context_json: r#"{"order": 42}"#.to_owned(),
        tasks: 100,
        callers: 1,
    }
}

fn line(length: usize) -> Vec<(String, Vec<String>)> {
    let parents = |n: usize| if n == 0 { Vec::new() } else { vec![format!("s{}", n - 1)] };
    (0..length).map(|n| (format!("s{n}"), parents(n))).collect()
}
