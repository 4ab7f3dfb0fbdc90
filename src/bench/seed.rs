//! `tasker bench seed`: a history and work in progress, made in sets.
//!
//! Owns: which handlers there are, how many tasks of which kind, and the chunks in which they are made. What their
//! lives look like is `story`'s. A million finished tasks of four steps take minutes, and read back like real ones.

mod story;

use std::time::Instant;

use anyhow::Context as _;
use uuid::Uuid;

use crate::{
    auth::{Gate, Scope},
    domain::handler::{Draft, Limits, StepDraft},
    lifecycle::{Clock, Hints, Templates},
    service::handlers::{Actor, Existing, Extent, Registrar},
    store::{
        Store,
        lifecycle::timestamp,
        seed::{self as rows, Chunk, Story},
        sessions,
    },
};

/// Tasks made in one transaction: some 200,000 rows, a few seconds.
const CHUNK: i64 = 20_000;
/// Handlers registered in one call.
const CALL: usize = 200;
/// The history reaches back this far.
const HISTORY_SECONDS: i64 = 30 * 24 * 3_600;
/// Work in progress is at most this old.
const ACTIVE_SECONDS: i64 = 2 * 3_600;
/// The youngest task is this old, so that no time lies ahead.
const YOUNGEST_SECONDS: i64 = 60;
/// Sessions whose attempts run stay alive this long.
const ALIVE_SECONDS: i64 = 24 * 3_600;
const SECOND: i64 = 1_000_000;

/// The namespaces of seeded handlers.
pub const NAMESPACES: [&str; 5] = ["seed_billing", "seed_catalog", "seed_orders", "seed_shipping", "seed_support"];

/// How many of what.
#[derive(Debug, Clone, Copy)]
pub struct Amounts {
    /// Tasks that are complete.
    pub finished: i64,
    /// Tasks that are not.
    pub active: i64,
    /// Handlers that they are spread over, the first ones with the most.
    pub handlers: usize,
}

/// What was made, and how fast.
#[derive(Debug, Clone, Copy, serde::Serialize)]
pub struct Seeded {
    /// Tasks that are complete.
    pub finished: i64,
    /// Tasks that are not.
    pub active: i64,
    /// Handlers.
    pub handlers: usize,
    /// In all, in seconds.
    pub seconds: f64,
}

/// Makes tasks in a migrated database. `say` is told how far it has come.
pub async fn seed(store: &Store, amounts: Amounts, say: &impl Fn(&str)) -> anyhow::Result<Seeded> {
    let began = Instant::now();
    let templates = Templates::new(store.clone());
    let handlers = register(store, &templates, amounts.handlers).await?;
    let now = Clock::local();
    let session = |open| session(store, now, open);
    if amounts.finished > 0 {
        let seconds = HISTORY_SECONDS - ACTIVE_SECONDS;
        let stories = stories(&templates, &handlers, story::FINISHED).await?;
        let chunk = Chunk {
            first: 1,
            count: 0,
            of: amounts.finished,
            begin: timestamp(now - HISTORY_SECONDS * SECOND),
            seconds: seconds as f64,
            salt: now,
            open: false,
            session_id: session(false).await?,
        };
        make(store, "finished", chunk, &handlers, &stories, say).await?;
    }
    if amounts.active > 0 {
        let stories = stories(&templates, &handlers, story::ACTIVE).await?;
        let chunk = Chunk {
            first: 1,
            count: 0,
            of: amounts.active,
            begin: timestamp(now - ACTIVE_SECONDS * SECOND),
            seconds: (ACTIVE_SECONDS - YOUNGEST_SECONDS) as f64,
            salt: now + 100,
            open: true,
            session_id: session(true).await?,
        };
        make(store, "active", chunk, &handlers, &stories, say).await?;
    }
    say("statistics");
    rows::settle(store).await?;
    Ok(Seeded {
        finished: amounts.finished,
        active: amounts.active,
        handlers: handlers.len(),
        seconds: began.elapsed().as_secs_f64(),
    })
}

async fn make(
    store: &Store,
    kind: &str,
    all: Chunk,
    handlers: &[(i32, i16)],
    stories: &[Story],
    say: &impl Fn(&str),
) -> anyhow::Result<()> {
    let mut connection = store.dedicated().await?;
    let began = Instant::now();
    let mut first = 1;
    while first <= all.of {
        let count = CHUNK.min(all.of - first + 1);
        let made = rows::seed(&mut connection, Chunk { first, count, ..all }, handlers, stories).await?;
        anyhow::ensure!(made == count, "{made} of {count} tasks were made");
        first += count;
        let done = first - 1;
        say(&format!("{done} of {} {kind} tasks, {:.0} a second", all.of, done as f64 / began.elapsed().as_secs_f64()));
    }
    Ok(())
}

/// The session that ran what has ended, or runs what has not.
async fn session(store: &Store, now: i64, open: bool) -> anyhow::Result<Uuid> {
    let session_id = Uuid::now_v7();
    let new = sessions::NewSession {
        session_id,
        worker_id: "seed",
        server_id: Uuid::nil(),
        sdk: "",
        offers: "[]",
        slots: 0,
        subject: None,
        queues: &[],
        held: 0,
    };
    let (since, until) = if open { (now, now + ALIVE_SECONDS * SECOND) } else { (now - HISTORY_SECONDS * SECOND, now) };
    sessions::insert(store.pool(), &new, since, until).await?;
    if !open {
        sessions::close(store.pool(), session_id, now).await?;
    }
    Ok(session_id)
}

/// The stories of each shape, told about the first handler of it.
async fn stories(
    templates: &Templates,
    handlers: &[(i32, i16)],
    scripts: &[story::Script],
) -> anyhow::Result<Vec<Story>> {
    let mut stories = Vec::new();
    for shape in 0..SHAPES.len() {
        let shape = i16::try_from(shape)?;
        let Some((id, _)) = handlers.iter().find(|(_, other)| *other == shape) else { continue };
        let template = templates.get(*id).await?;
        stories.extend(scripts.iter().map(|script| story::tell(&template, shape, *script)));
    }
    Ok(stories)
}

/// Registers the handlers, unless they are there, and returns each with its shape.
async fn register(store: &Store, templates: &Templates, count: usize) -> anyhow::Result<Vec<(i32, i16)>> {
    let registrar = Registrar::new(store.clone(), templates.clone(), Hints::default(), Limits::default());
    let everything = Scope::of_everything(&Gate::open()).context("an open gate lets everybody in")?;
    let mut registered = Vec::with_capacity(count);
    for first in (0..count).step_by(CALL) {
        let drafts: Vec<Draft> = (first..count.min(first + CALL)).map(draft).collect();
        let names: Vec<(String, String)> =
            drafts.iter().map(|draft| (draft.namespace.clone(), draft.name.clone())).collect();
        let stored = registrar.register(&everything, drafts, Existing::Keep, Extent::Store, &Actor::default()).await;
        stored.context("cannot register the handlers of the seed")?;
        for (place, (namespace, name)) in names.iter().enumerate() {
            let template = &templates.resolve(namespace, name, "").await?.template;
            registered.push((template.id, shape_of(first + place)));
        }
    }
    Ok(registered)
}

/// Four steps: one after another; two side by side; three side by side after the first.
const SHAPES: [[&[&str]; 4]; 3] = [
    [&[], &["reserve"], &["charge"], &["pack"]],
    [&[], &["reserve"], &["reserve"], &["charge", "pack"]],
    [&[], &["reserve"], &["reserve"], &["reserve"]],
];
const STEPS: [&str; 4] = ["reserve", "charge", "pack", "ship"];

fn shape_of(place: usize) -> i16 {
    i16::try_from(place % SHAPES.len()).expect("there are few shapes")
}

fn draft(place: usize) -> Draft {
    let namespace = NAMESPACES[place % NAMESPACES.len()];
    let steps = STEPS.iter().zip(SHAPES[place % SHAPES.len()]);
    Draft {
        namespace: namespace.to_owned(),
        name: format!("seeded_{place:04}"),
        version: "1.0.0".to_owned(),
        step_templates: steps
            .map(|(name, parents)| StepDraft {
                name: (*name).to_owned(),
                handler_class: format!("Seed{name}"),
                dependent_system: format!("{name}_service"),
                depends_on_steps: parents.iter().map(|parent| (*parent).to_owned()).collect(),
                ..StepDraft::default()
            })
            .collect(),
        ..Draft::default()
    }
}
