//! `tasker bench insight`: what reads cost with little and much to do, on top of no history and of a long one.
//!
//! Two databases in one private Postgres, each behind a server process of its own: one without a history, one with
//! it; both are given the same active work, more at each stage. Every call goes to both in turn, so that whatever
//! else the machine does meets both alike, and their ratio means something. Next: `figures` for what is printed.

mod calls;
mod figures;

use std::{
    path::PathBuf,
    time::{Duration, Instant},
};

use anyhow::Context as _;
use hdrhistogram::Histogram;
use tasker_sdk::{
    Client,
    proto::tasker::v1::{CreateTaskRequest, Handler, HandlerRef, NewTask},
};

use super::{
    NOOP,
    load::{self, register},
    pauses::Pauses,
    process::Process,
    scenario::{connect, serve},
    seed::{self, Amounts},
};
use crate::{
    embedded::{self, Server},
    store::{Store, bench as rows, databases, migrate, pool},
};

use calls::{Call, Keys, LARGE};
pub use figures::{Figures, Row, Times, table};

/// Calls before the measurement, so that connections, plans and caches are as they stay.
const WARM: usize = 30;
/// Calls of one kind to each server at most.
const SAMPLES: usize = 4_000;
/// Calls of one kind to each server at least, however long they take: the least that have a 99th percentile.
const SAMPLES_MIN: usize = 200;
/// The same where nothing was promised.
const SAMPLES_OF_SLOW: usize = 10;
/// How long the machine is looked at before each kind of call.
const PAUSES_LOOK: Duration = Duration::from_millis(250);

/// What to measure.
#[derive(Debug, Clone)]
pub struct Options {
    /// Where the private database is put.
    pub directory: PathBuf,
    /// The history of one of the two databases.
    pub finished: i64,
    /// Handlers in both.
    pub handlers: usize,
    /// Active tasks, stage by stage, ascending.
    pub active: Vec<i64>,
    /// How long one kind of call is measured, about.
    pub patience: Duration,
}

/// One of the two databases and its server.
struct Side {
    store: Store,
    url: String,
    client: Client,
    server: Process,
    keys: Keys,
}

/// Measures and returns what was found. `say` is told what happens.
pub async fn run(options: &Options, say: &impl Fn(&str)) -> anyhow::Result<Figures> {
    say("starting a private Postgres");
    let settings =
        embedded::Settings::new(&options.directory).parameter("shared_buffers", "1GB").parameter("max_wal_size", "8GB");
    let postgres = Server::start(&settings).await?;
    let result = both(options, &postgres, say).await;
    postgres.stop().await;
    result
}

async fn both(options: &Options, postgres: &Server, say: &impl Fn(&str)) -> anyhow::Result<Figures> {
    let mut figures = Figures::new(options.finished);
    let mut without = Side::start(postgres, "without", 0, options, say).await?;
    let mut with = Side::start(postgres, "with", options.finished, options, say).await?;
    figures.machine = super::figures::Machine::look(databases::version(&with.store).await?);
    let compared = stages(options, &mut without, &mut with, &mut figures, say).await;
    // A server looks after what is active, also when nobody asks it anything.
    without.stop().await;
    let measured = match compared {
        Ok(active) => alone(options, &mut with, active, &mut figures, say).await,
        Err(error) => Err(error),
    };
    with.stop().await;
    measured.map(|()| figures)
}

/// Compares the two stage by stage; how many tasks are active in the end.
async fn stages(
    options: &Options,
    without: &mut Side,
    with: &mut Side,
    figures: &mut Figures,
    say: &impl Fn(&str),
) -> anyhow::Result<i64> {
    let mut active = 0;
    for stage in &options.active {
        for side in [&mut *without, &mut *with] {
            let amounts = Amounts { finished: 0, active: stage - active, handlers: options.handlers };
            seed::seed(&side.store, amounts, &|_| {}).await?;
            rows::settle(&side.store).await?;
            side.keys = Keys::look(&side.store).await?;
            // The first call would pay for handlers that are seen for the first time, and the others not.
            for n in 0..side.keys.active() {
                Call::Graph.make(&side.client, &side.store, &side.keys, n).await?;
            }
        }
        active = *stage;
        for call in Call::AT_EVERY_STAGE {
            let [without, with] = times(options, call, [&*without, &*with], &mut figures.pauses).await?;
            figures.add(Row::new(call, active, without, Some(with)), say);
        }
    }
    Ok(active)
}

/// What is not compared: asked of the one with a history alone.
async fn alone(
    options: &Options,
    with: &mut Side,
    active: i64,
    figures: &mut Figures,
    say: &impl Fn(&str),
) -> anyhow::Result<()> {
    for call in Call::ONCE {
        let [times] = times(options, call, [&*with], &mut figures.pauses).await?;
        figures.add(Row::new(call, active, times, None), say);
    }
    large_graph(options, with, active, figures, say).await
}

/// The graph of a task of many steps: from a server that remembers nothing, and then from the one that remembers it.
async fn large_graph(
    options: &Options,
    kept: &mut Side,
    active: i64,
    figures: &mut Figures,
    say: &impl Fn(&str),
) -> anyhow::Result<()> {
    say(&format!("the graph of a task of {LARGE} steps"));
    let handler = large();
    let task = NewTask {
        handler: Some(HandlerRef {
            namespace: handler.namespace.clone(),
            name: handler.name.clone(),
            version: String::new(),
        }),
        context_json: r#"{"order": 42}"#.to_owned(),
        ..NewTask::default()
    };
    register(&kept.client, vec![handler]).await?;
    let request = CreateTaskRequest { task: Some(task) };
    let created = kept.client.tasks().create_task(request).await?.into_inner().task;
    let task_id = created.context("a task was created and not shown")?.task_id;
    kept.keys = std::mem::take(&mut kept.keys).with_large(task_id.clone());
    let (server, client) = start(&kept.url, &[("cache.memory_bytes", "0")]).await?;
    let keys = Keys::default().with_large(task_id);
    let forgetful = Side { store: kept.store.clone(), url: kept.url.clone(), client, server, keys };
    let mut measured = Vec::new();
    for call in [Call::LargeGraphCold, Call::LargeSummaryCold] {
        measured.push((call, times(options, call, [&forgetful], &mut figures.pauses).await));
    }
    forgetful.server.stop().await;
    for call in [Call::LargeGraphCached, Call::LargeSummaryCached] {
        measured.push((call, times(options, call, [&*kept], &mut figures.pauses).await));
    }
    for (call, times) in measured {
        let [times] = times?;
        figures.add(Row::new(call, active, times, None), say);
    }
    Ok(())
}

/// Layers of ten steps, each of which waits for three of the layer before.
fn large() -> Handler {
    const WIDTH: usize = 10;
    let name = |place: usize| format!("s{place:04}");
    let parents = |place: usize| match place / WIDTH {
        0 => Vec::new(),
        layer => (0..3).map(|n| name((layer - 1) * WIDTH + (place + n) % WIDTH)).collect(),
    };
    let steps: Vec<_> = (0..LARGE).map(|place| (name(place), parents(place))).collect();
    load::handler("large", NOOP, &steps)
}

/// The times of one kind of call to each side, one to each in turn. Before it the machine is looked at by itself.
async fn times<const N: usize>(
    options: &Options,
    call: Call,
    sides: [&Side; N],
    pauses: &mut Pauses,
) -> anyhow::Result<[Times; N]> {
    pauses.look(PAUSES_LOOK);
    let (warm, least) = if call.bar().is_some() { (WARM, SAMPLES_MIN) } else { (2, SAMPLES_OF_SLOW) };
    for n in 0..warm {
        for side in sides {
            call.make(&side.client, &side.store, &side.keys, n).await?;
        }
    }
    let empty = Histogram::<u64>::new(3)?;
    let mut times: [_; N] = std::array::from_fn(|_| empty.clone());
    let began = Instant::now();
    for n in 0..SAMPLES {
        if n >= least && began.elapsed() > options.patience {
            break;
        }
        for turn in 0..N {
            let place = (n + turn) % N;
            let side = sides[place];
            let began = Instant::now();
            call.make(&side.client, &side.store, &side.keys, n).await?;
            times[place].record(u64::try_from(began.elapsed().as_nanos())?)?;
        }
    }
    Ok(times.map(|times| Times::of(&times)))
}

impl Side {
    async fn start(
        postgres: &Server,
        name: &str,
        finished: i64,
        options: &Options,
        say: &impl Fn(&str),
    ) -> anyhow::Result<Self> {
        databases::ensure(&postgres.options(), name).await?;
        let store = Store::new(postgres.options().database(name), &pool::Settings::default());
        migrate::run(&store).await?;
        let amounts = Amounts { finished, active: 0, handlers: options.handlers };
        seed::seed(&store, amounts, &|words| say(&format!("the database {name} a history: {words}"))).await?;
        let socket = postgres.socket_directory().display();
        let url = format!("postgres://postgres@localhost/{name}?host={socket}");
        let (server, client) = start(&url, &[]).await?;
        let keys = Keys::look(&store).await?;
        Ok(Self { store, url, client, server, keys })
    }

    /// Ends its server.
    async fn stop(self) {
        self.store.close().await;
        self.server.stop().await;
    }
}

/// A server on a database, with further keys of its configuration.
async fn start(url: &str, keys: &[(&str, &str)]) -> anyhow::Result<(Process, Client)> {
    let (server, address) = serve(url, [("telemetry.log_level", "warn")].into_iter().chain(keys.iter().copied()))?;
    Ok((server, connect(&address).await?))
}
