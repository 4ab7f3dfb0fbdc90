//! The checks behind readiness.

use std::time::{Duration, Instant};

use tokio_util::sync::CancellationToken;

use super::Monitor;
use crate::{
    store::{self, Connection, migrate, pooler, status as rows},
    supervisor::Supervisor,
};

/// The database answers in time and takes writes.
pub const DATABASE: &str = "database";
/// The way to the database is what the configuration says it is.
pub const POOLER: &str = "pooler";
/// The schema is what this version needs.
pub const MIGRATIONS: &str = "migrations";
/// No writer lane is stuck.
pub const WRITER: &str = "writer";
/// The sweeper is not stuck.
pub const SWEEPER: &str = "sweeper";
/// Every long-lived loop runs.
pub const LOOPS: &str = "loops";
/// The pool has connections to give.
pub const POOL: &str = "pool";

/// How often the schema is looked at when it was fine.
const SCHEMA_EVERY: Duration = Duration::from_secs(30);

/// One check.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Check {
    /// What was checked.
    pub name: &'static str,
    /// It is fine.
    pub healthy: bool,
    /// In words.
    pub message: String,
    /// How long the answer took, for what is asked.
    pub took: Option<Duration>,
}

/// What the database answers.
struct Answer {
    /// Why no write could succeed, if so.
    problem: Option<&'static str>,
    /// How many migrations it lacks.
    missing: usize,
}

/// What a look leaves behind for the next one.
#[derive(Debug, Default)]
pub(super) struct Probe {
    connection: Option<Connection>,
    schema_was_fine: Option<Instant>,
    exhausted_since: Option<Instant>,
    /// Whether a pooler in transaction mode stands between although the configuration knows of none.
    is_pooled_unasked: bool,
}

/// Looks at every interval until `stop`.
pub(super) async fn run(monitor: &Monitor, stop: &CancellationToken) {
    let mut probe = Probe::default();
    let look_and_wait = async {
        loop {
            look(monitor, &mut probe).await;
            tokio::time::sleep(monitor.0.settings.interval).await;
        }
    };
    let _stopped: Option<()> = stop.run_until_cancelled(look_and_wait).await;
}

/// Takes a look.
pub(super) async fn look(monitor: &Monitor, probe: &mut Probe) {
    let began = Instant::now();
    let mut checks = probe.database(monitor).await;
    checks.extend([writer(monitor), sweeper(monitor), probe.pool(monitor)]);
    let took = began.elapsed();
    let metrics = &monitor.0.vitals.metrics;
    for check in checks.iter().chain([&loops(&monitor.0.vitals.supervisor)]) {
        metrics.health.with([check.name]).set(f64::from(u8::from(check.healthy)));
    }
    tell_changes(monitor, &checks);
    {
        let mut looked = monitor.looked();
        looked.checks = checks;
        looked.took = took;
    }
    let ready = monitor.readiness().ready;
    metrics.ready.with([]).set(f64::from(u8::from(ready)));
    monitor.0.ready.send_if_modified(|before| std::mem::replace(before, ready) != ready);
    super::observe::gauges(monitor);
}

fn tell_changes(monitor: &Monitor, checks: &[Check]) {
    let before = monitor.looked().checks.clone();
    for check in checks {
        let was_healthy = before.iter().find(|other| other.name == check.name).is_none_or(|other| other.healthy);
        match (was_healthy, check.healthy) {
            (true, false) => tracing::warn!(check = check.name, message = check.message, "not ready"),
            (false, true) => tracing::info!(check = check.name, message = check.message, "ready again"),
            _ => {}
        }
    }
}

impl Probe {
    /// Asks the database; the connection is kept while it is good.
    async fn database(&mut self, monitor: &Monitor) -> Vec<Check> {
        let limit = monitor.0.settings.readiness_timeout;
        let began = Instant::now();
        let asked = tokio::time::timeout(limit, self.ask(&monitor.0.vitals.store)).await;
        let took = Some(began.elapsed());
        let problem = match asked {
            Ok(Ok(Answer { problem: Some(problem), .. })) => {
                let message = format!("Database connection failed: {problem}");
                return vec![Check { name: DATABASE, healthy: false, message, took }];
            }
            Ok(Ok(Answer { missing, .. })) => {
                self.schema_was_fine = (missing == 0).then(|| self.schema_was_fine.unwrap_or(began));
                let message = match missing {
                    0 => "the schema is up to date".to_owned(),
                    missing => format!("the database lacks migrations: {missing} in all"),
                };
                let fine = Check { name: DATABASE, healthy: true, message: "Database connection active".into(), took };
                let migrations = Check { name: MIGRATIONS, healthy: missing == 0, message, took: None };
                let pooler = self.is_pooled_unasked.then(|| Check {
                    name: POOLER,
                    healthy: false,
                    message: pooler::FORGOTTEN.to_owned(),
                    took: None,
                });
                return [fine, migrations].into_iter().chain(pooler).collect();
            }
            Ok(Err(error)) => error.to_string(),
            Err(_) => format!("no answer within {limit:?}"),
        };
        // Whatever it was asked, its answer would come too late.
        self.connection = None;
        let message = format!("Database connection failed: {problem}");
        vec![Check { name: DATABASE, healthy: false, message, took }]
    }

    async fn ask(&mut self, store: &store::Store) -> store::Result<Answer> {
        let connection = match &mut self.connection {
            Some(connection) => connection,
            None => {
                // Before anything else: behind a pooler nobody told of, statements with names fail at random.
                self.is_pooled_unasked = !store.is_pooled() && pooler::is_between(store.options()).await?;
                self.connection.insert(store.single().await?)
            }
        };
        let problem = rows::ping(connection).await?;
        if problem.is_some() || self.schema_was_fine.is_some_and(|at| at.elapsed() < SCHEMA_EVERY) {
            return Ok(Answer { problem, missing: 0 });
        }
        self.schema_was_fine = None;
        Ok(Answer { problem, missing: migrate::missing_on(connection).await?.len() })
    }

    fn pool(&mut self, monitor: &Monitor) -> Check {
        let usage = monitor.0.vitals.store.usage();
        let exhausted = usage.connections >= usage.connections_max && usage.idle == 0;
        self.exhausted_since = exhausted.then(|| self.exhausted_since.unwrap_or_else(Instant::now));
        let stall = monitor.0.settings.stall;
        let healthy = self.exhausted_since.is_none_or(|since| since.elapsed() < stall);
        let message = format!("{} of {} connections, {} idle", usage.connections, usage.connections_max, usage.idle);
        Check { name: POOL, healthy, message, took: None }
    }
}

/// Whether every loop runs; one that is about to be started again does not.
pub(super) fn loops(supervisor: &Supervisor) -> Check {
    let states = supervisor.states();
    let down: Vec<String> = states
        .iter()
        .filter(|state| !state.is_running)
        .map(|state| format!("{} {}", state.name, state.problem.as_deref().unwrap_or("has not started yet")))
        .collect();
    let message = if down.is_empty() { format!("{} loops run", states.len()) } else { down.join("; ") };
    Check { name: LOOPS, healthy: down.is_empty(), message, took: None }
}

/// What is wrong with loops, one sentence each; those that run again after a failure are not among them.
pub(super) fn failing(supervisor: &Supervisor) -> Vec<String> {
    let down = supervisor.states().into_iter().filter(|state| !state.is_running && state.failures > 0);
    let problem = |problem: Option<String>| problem.unwrap_or_else(|| "ended".to_owned());
    down.map(|state| format!("the loop {} does not run: it {}", state.name, problem(state.problem))).collect()
}

fn writer(monitor: &Monitor) -> Check {
    let stall = monitor.0.settings.stall;
    let lanes = monitor.0.vitals.lanes.states();
    let stuck = lanes.iter().filter(|lane| lane.busy_for.is_some_and(|busy| busy >= stall)).count();
    let message = match stuck {
        0 => format!("{} lanes move", lanes.len()),
        stuck => format!("{stuck} of {} lanes have been at the same batch for {stall:?} or longer", lanes.len()),
    };
    Check { name: WRITER, healthy: stuck == 0, message, took: None }
}

fn sweeper(monitor: &Monitor) -> Check {
    let stall = monitor.0.settings.stall;
    let healthy = monitor.0.vitals.sweeper.busy_for().is_none_or(|busy| busy < stall);
    let message = if healthy { "the sweeper moves".to_owned() } else { format!("the sweeper is stuck for {stall:?}") };
    Check { name: SWEEPER, healthy, message, took: None }
}
