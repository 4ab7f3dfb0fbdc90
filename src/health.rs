//! Whether the server can do its work, and how it and its database are.
//!
//! Owns: the checks behind readiness, the detailed status, and their loops. Both are looked at in the background, each
//! look with a limit of its own, and every question is answered from memory: at once, also when the database hangs.
//! Never: changes anything. Next: `transport::http` and `rpc::status` render it, `app::operations` tells the gRPC health
//! service.
//!
//! Being alive is another matter: whoever answers is. A process is not restarted because its database is unavailable.

mod checks;
mod observe;

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::{
    lifecycle::{Clock, Watchdog, Workforce, writer::LanesView},
    store::{Store, status as rows},
    supervisor::Supervisor,
    telemetry::Metrics,
};

pub use checks::{Check, DATABASE, LOOPS, MIGRATIONS, POOL, POOLER, SWEEPER, WRITER};

/// How looks are taken.
#[derive(Debug, Clone)]
pub struct Settings {
    /// How often readiness is checked.
    pub interval: Duration,
    /// How long the database may take to answer.
    pub readiness_timeout: Duration,
    /// How long a writer lane or the sweeper may be at the same piece of work, and the pool without a free connection.
    pub stall: Duration,
    /// How often the detailed status is made anew.
    pub status_interval: Duration,
    /// How long making it may take.
    pub status_timeout: Duration,
}

/// What is looked at.
#[derive(Debug, Clone)]
pub struct Vitals {
    /// The database.
    pub store: Store,
    /// The lanes.
    pub lanes: LanesView,
    /// The connected workers.
    pub workforce: Workforce,
    /// The sweeper.
    pub sweeper: Arc<Watchdog>,
    /// The loops.
    pub supervisor: Supervisor,
    /// The time.
    pub clock: Clock,
    /// Where what is seen is told.
    pub metrics: Metrics,
}

/// Whether the server can do its work.
#[derive(Debug, Clone, PartialEq)]
pub struct Readiness {
    /// It can.
    pub ready: bool,
    /// It is about to go.
    pub draining: bool,
    /// The checks.
    pub checks: Vec<Check>,
    /// How long the last look took.
    pub took: Duration,
}

/// How everything is.
#[derive(Debug, Clone)]
pub struct Status {
    /// Neither connections nor failures are beyond what is healthy.
    pub healthy: bool,
    /// Why it is not, one sentence each.
    pub problems: Vec<String>,
    /// What was seen last; `None` when nothing was seen yet.
    pub seen: Option<Arc<Seen>>,
    /// Why the last look failed, if it did.
    pub error: Option<String>,
    /// How long ago the last good look was.
    pub age: Duration,
    /// This server.
    pub server: Server,
    /// Whether it is told to somebody who may see some namespaces only.
    pub restricted: bool,
}

impl Status {
    /// The status for somebody who may see some namespaces only: their counts and queues, and whether all is well.
    #[must_use]
    pub fn within(self, is_visible: impl Fn(&str) -> bool) -> Self {
        let narrowed = |seen: Arc<Seen>| {
            let mut seen = Arc::unwrap_or_clone(seen);
            seen.namespaces.retain(|(name, _)| is_visible(name));
            seen.queues.retain(|queue| is_visible(&queue.namespace));
            seen.counts = rows::Counts::default();
            seen.namespaces.iter().for_each(|(_, counts)| seen.counts.add(counts));
            Arc::new(seen)
        };
        Self { problems: Vec::new(), error: None, seen: self.seen.map(narrowed), restricted: true, ..self }
    }
}

/// What one look at the database saw.
#[derive(Debug, Clone)]
pub struct Seen {
    /// Tasks and steps of all namespaces.
    pub counts: rows::Counts,
    /// Tasks and steps by namespace.
    pub namespaces: Vec<(String, rows::Counts)>,
    /// How the last hour went.
    pub trends: rows::Trends,
    /// What waits for workers.
    pub queues: Vec<rows::Queue>,
    /// The database.
    pub database: rows::Database,
    /// The tables that grow.
    pub tables: Vec<rows::Table>,
    /// How long the look took.
    pub took: Duration,
}

/// This server, as it is now.
#[derive(Debug, Clone, PartialEq)]
pub struct Server {
    /// Since when it runs.
    pub uptime: Duration,
    /// Items that wait for each lane, and how long it has been at the same batch.
    pub lanes: Vec<crate::lifecycle::writer::LaneState>,
    /// Its workers.
    pub workers: crate::lifecycle::workforce::Tally,
    /// The pool: connections, idle ones, the most.
    pub pool: crate::store::pool::Usage,
}

/// The looks, and what they saw. Clones share it.
#[derive(Debug, Clone)]
pub struct Monitor(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    settings: Settings,
    vitals: Vitals,
    began: Instant,
    looked: Mutex<Looked>,
    ready: watch::Sender<bool>,
}

#[derive(Debug, Default)]
struct Looked {
    checks: Vec<Check>,
    took: Duration,
    seen: Option<(Instant, Arc<Seen>)>,
    error: Option<String>,
}

impl Monitor {
    /// Looks at these; nothing is known before the first look.
    pub fn new(settings: Settings, vitals: Vitals) -> Self {
        let (ready, _) = watch::channel(false);
        Self(Arc::new(Inner { settings, vitals, began: Instant::now(), looked: Mutex::default(), ready }))
    }

    /// Looks at readiness until `stop`.
    pub async fn check(self, stop: CancellationToken) {
        checks::run(&self, &stop).await;
    }

    /// Looks at the details until `stop`.
    pub async fn observe(self, stop: CancellationToken) {
        observe::run(&self, &stop).await;
    }

    /// Resolves after the first look at readiness.
    pub async fn first_look(&self) {
        checks::look(self, &mut checks::Probe::default()).await;
    }

    /// Whether the server can do its work, as of the last look.
    pub fn readiness(&self) -> Readiness {
        let draining = self.0.vitals.workforce.is_draining();
        let (mut checks, took) = {
            let looked = self.looked();
            (looked.checks.clone(), looked.took)
        };
        let ready = !draining && !checks.is_empty();
        if !checks.is_empty() {
            // Known without a look, and also when the looks are what has failed.
            checks.push(checks::loops(&self.0.vitals.supervisor));
        }
        Readiness { ready: ready && checks.iter().all(|check| check.healthy), draining, checks, took }
    }

    /// Tells of every change of readiness.
    pub fn changes(&self) -> watch::Receiver<bool> {
        self.0.ready.subscribe()
    }

    /// How everything is, as of the last look.
    pub fn status(&self) -> Status {
        let server = self.server();
        let looked = self.looked();
        let seen = looked.seen.as_ref().map(|(_, seen)| Arc::clone(seen));
        let mut problems = seen.as_ref().map(|seen| problems(&seen.counts, &seen.database)).unwrap_or_default();
        problems.extend(checks::failing(&self.0.vitals.supervisor));
        Status {
            healthy: seen.is_some() && looked.error.is_none() && problems.is_empty(),
            problems,
            error: looked.error.clone().or_else(|| seen.is_none().then(|| "nothing was seen yet".to_owned())),
            age: looked.seen.as_ref().map_or(Duration::ZERO, |(at, _)| at.elapsed()),
            seen,
            server,
            restricted: false,
        }
    }

    fn server(&self) -> Server {
        let vitals = &self.0.vitals;
        Server {
            uptime: self.0.began.elapsed(),
            lanes: vitals.lanes.states(),
            workers: vitals.workforce.tally(),
            pool: vitals.store.usage(),
        }
    }

    fn looked(&self) -> MutexGuard<'_, Looked> {
        self.0.looked.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What is beyond healthy: more than 90 % of the connections, more than half of the tasks or steps failed.
fn problems(counts: &rows::Counts, database: &rows::Database) -> Vec<String> {
    let beyond =
        |part: i64, whole: i64, percent: i64| whole > 0 && part.saturating_mul(100) > whole.saturating_mul(percent);
    let mut problems = Vec::new();
    let connections = database.connections.max(counts.active_connections);
    if beyond(connections, counts.max_connections, 90) {
        problems.push(format!("{connections} of {} database connections are taken", counts.max_connections));
    }
    if beyond(counts.error_tasks, counts.total_tasks, 50) {
        problems.push(format!("{} of {} tasks have failed", counts.error_tasks, counts.total_tasks));
    }
    if beyond(counts.error_steps, counts.total_steps, 50) {
        problems.push(format!("{} of {} steps have failed", counts.error_steps, counts.total_steps));
    }
    problems
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Failed tasks and steps, taken connections, each out of a hundred; what is wrong.
    fn check(tasks: i64, steps: i64, connections: i64, expected: &[&str]) {
        let counts = rows::Counts {
            total_tasks: 100,
            error_tasks: tasks,
            total_steps: 100,
            error_steps: steps,
            max_connections: 100,
            ..rows::Counts::default()
        };
        let database = rows::Database { connections, ..rows::Database::default() };
        assert_eq!(problems(&counts, &database), expected, "{tasks} {steps} {connections}");
    }

    #[test]
    fn exactly_at_the_threshold_is_healthy() {
        check(50, 50, 90, &[]);
        check(51, 50, 90, &["51 of 100 tasks have failed"]);
        check(50, 51, 90, &["51 of 100 steps have failed"]);
        check(50, 50, 91, &["91 of 100 database connections are taken"]);
        check(
            51,
            51,
            91,
            &["91 of 100 database connections are taken", "51 of 100 tasks have failed", "51 of 100 steps have failed"],
        );
    }

    #[test]
    fn nothing_of_nothing_is_healthy() {
        assert!(problems(&rows::Counts::default(), &rows::Database::default()).is_empty());
    }
}
