//! Why a task or a step does not move.
//!
//! Owns: gathering what the explanation needs, in a handful of reads by key whatever the history holds: the run, how its
//! steps failed, who holds them, who is connected, what is paused. Never: judges; `domain::explain` does. Next:
//! `service::worker_roster` for who is connected; `rpc::explain`, which shows it.

mod blockers;

use std::collections::{HashMap, HashSet};

pub use blockers::{BlockerGroup, BlockerPage};

use super::{
    snapshot::{Reader, Snapshot, View},
    worker_roster::WorkerRoster,
};
use crate::{
    auth::Scope,
    domain::{
        explain::{
            Blocker, Explainer, Explanation, Facts, Failure, Group, Lease, ROOTS_NAMED, Tally, Verdict, roots,
            terminal_cause,
        },
        ids::{StepId, StepNo, TaskId},
        pause::Pause,
        run::Run,
        state::State,
        template::Template,
    },
    error::{Error, Reason, Result},
    lifecycle::Pauses,
    store::{self, steps::Failed},
};

/// Steps behind which causes are looked for at most.
const SEARCHED_MAX: usize = 1_000;

/// How often a task that moves meanwhile is looked at anew.
const TRIES_MAX: usize = 4;

/// Steps whose outcomes one answer reads at most.
const OUTCOMES_MAX: usize = 4_000;

/// Tasks with more moves than this are not searched for when a step was cancelled.
const MOVES_MAX: u32 = 2_000;

/// The use case.
#[derive(Debug, Clone)]
pub struct Explain {
    reader: Reader,
    roster: WorkerRoster,
    pauses: Pauses,
}

/// What can be said of a task.
#[derive(Debug)]
pub struct TaskExplanation {
    /// The task.
    pub snapshot: Snapshot,
    /// Whether it moves.
    pub verdict: Verdict,
    /// How many of its steps got which verdict.
    pub tally: Tally,
    /// What keeps all of it.
    pub blockers: Vec<Blocker>,
    /// A page of its unsettled steps, grouped by the step at which they stand.
    pub groups: Vec<(Group, Explanation)>,
    /// Whether there are more.
    pub more: bool,
}

/// What can be said of a step.
#[derive(Debug)]
pub struct StepExplanation {
    /// The task.
    pub snapshot: Snapshot,
    /// The step.
    pub step: Explanation,
    /// The steps at the bottom of it.
    pub roots: Vec<Explanation>,
}

impl Explain {
    /// The use case over a reader, the connected workers and what is paused.
    pub const fn new(reader: Reader, roster: WorkerRoster, pauses: Pauses) -> Self {
        Self { reader, roster, pauses }
    }

    /// Explains a task with at most so many groups of its steps, those whose root comes after `after`, or TASK_NOT_FOUND.
    pub async fn task(&self, scope: &Scope, id: TaskId, after: Option<StepNo>, most: usize) -> Result<TaskExplanation> {
        let mut tries = 0;
        loop {
            tries += 1;
            let snapshot = self.reader.task(scope, id, View::Basic).await?;
            let run = &snapshot.run;
            let empty = Facts::default();
            let groups = Explainer::new(run, &empty).groups().into_iter();
            let mut groups: Vec<Group> = groups.filter(|group| after.is_none_or(|after| group.root > after)).collect();
            let more = groups.len() > most;
            groups.truncate(most);
            let shown: Vec<StepNo> = groups.iter().map(|group| group.root).collect();
            let open = (0..run.len()).filter(|no| !run.step(*no).state.is_settled_step());
            let facts = self.facts(&snapshot, &shown, open).await?;
            if tries < TRIES_MAX && self.has_moved(&snapshot).await? {
                continue;
            }
            let explainer = Explainer::new(run, &facts);
            let (verdict, tally) = explainer.task();
            let blockers = explainer.task_blockers();
            let explained = |group: Group| {
                let root = explainer.step(group.root);
                (group, root)
            };
            let groups = groups.into_iter().map(explained).collect();
            return Ok(TaskExplanation { verdict, tally, blockers, groups, more, snapshot });
        }
    }

    /// Explains a step with those at the bottom of it, or STEP_NOT_FOUND.
    pub async fn step(&self, scope: &Scope, id: StepId) -> Result<StepExplanation> {
        let unknown =
            || Error::new(Reason::StepNotFound, format!("there is no step {id}")).with("step_id", id.to_string());
        let mut tries = 0;
        loop {
            tries += 1;
            let found = self.reader.task(scope, id.task, View::Basic).await;
            let snapshot =
                found.map_err(|error| if error.reason() == Reason::TaskNotFound { unknown() } else { error })?;
            let run = &snapshot.run;
            if !run.has(id.no) {
                return Err(unknown());
            }
            let is_open = !run.step(id.no).state.is_settled_step();
            let below = if is_open { roots(run, id.no, ROOTS_NAMED) } else { Vec::new() };
            let shown: Vec<StepNo> = [id.no].into_iter().chain(below.iter().copied()).collect();
            let facts = self.facts(&snapshot, &shown, shown.iter().copied()).await?;
            if tries < TRIES_MAX && self.has_moved(&snapshot).await? {
                continue;
            }
            let explainer = Explainer::new(run, &facts);
            let step = explainer.step(id.no);
            let roots = below.into_iter().map(|no| explainer.step(no)).collect();
            return Ok(StepExplanation { step, roots, snapshot });
        }
    }

    /// Whether the task has moved since it was read: what was seen of the workers may then be the consequence of it.
    async fn has_moved(&self, snapshot: &Snapshot) -> Result<bool> {
        let now = store::tasks::revision(self.reader.store(), snapshot.row.task_id).await?;
        Ok(now.is_none_or(|(revision, _)| revision != snapshot.run.revision()))
    }

    /// The pauses of a handler, and of its namespace.
    fn pauses_of(&self, template: &Template) -> Vec<Pause> {
        let Some(paused) = self.pauses.heard() else { return Vec::new() };
        let is_ours = |pause: &&Pause| {
            *pause.namespace == *template.namespace
                && pause.handler.as_ref().is_none_or(|name| **name == *template.name)
        };
        paused.all().iter().filter(is_ours).cloned().collect()
    }

    /// What only the engine knows of these steps of a task; workers are looked for for all that are open.
    async fn facts(&self, snapshot: &Snapshot, shown: &[StepNo], open: impl Iterator<Item = StepNo>) -> Result<Facts> {
        let (run, task) = (&snapshot.run, snapshot.row.task_id);
        let queues: HashSet<_> = open.map(|no| run.template().step(no).queue).collect();
        let queues: Vec<_> = queues.into_iter().collect();
        let running: Vec<StepNo> =
            shown.iter().copied().filter(|no| run.step(*no).state == State::InProgress).collect();
        let mentioned = mentioned(run, shown);
        let with_outcome = |no: &StepNo| run.step(*no).outcome_sequence;
        let keys: HashMap<u32, StepNo> =
            mentioned.iter().map(|no| (with_outcome(no), *no)).filter(|(sequence, _)| *sequence > 0).collect();
        let store = self.reader.store();
        let outcomes = store::steps::failures(store, task, &keys.keys().copied().collect::<Vec<_>>()).await?;
        let leases = store::steps::leases_of(store, task, &running).await?;
        let sessions = self.roster.of(&queues).await?;
        let mut facts = Facts {
            // The same moment as the run's, or one step is explained twice.
            now: snapshot.now,
            created_at: snapshot.row.created_at.timestamp_micros(),
            finished_at: snapshot.row.finished_at.map(|at| at.timestamp_micros()),
            sessions,
            pauses: self.pauses_of(run.template()),
            ..Facts::default()
        };
        for (id, lease) in leases {
            if lease.attempt == i32::from(run.step(id.no).token()) {
                facts.leases.insert(id.no, held(lease));
            }
        }
        for outcome in outcomes {
            if let Some(no) = keys.get(&outcome.sequence).copied() {
                note_outcome(&mut facts, no, outcome);
            }
        }
        let cancelled = mentioned.iter().copied();
        let cancelled: Vec<StepNo> = cancelled
            .filter(|no| run.step(*no).state == State::Cancelled && !facts.ended_at.contains_key(no))
            .collect();
        if !cancelled.is_empty() && run.revision() <= MOVES_MAX {
            for (no, at) in store::steps::ends(store, task, &cancelled).await? {
                facts.ended_at.insert(no, at.timestamp_micros());
            }
        }
        Ok(facts)
    }
}

/// The steps that the explanations of these steps speak of: themselves, their parents, and what keeps them for ever.
fn mentioned(run: &Run, shown: &[StepNo]) -> Vec<StepNo> {
    let mut seen = HashSet::new();
    let mut mentioned = Vec::new();
    let mut add = |no: StepNo| {
        if mentioned.len() < OUTCOMES_MAX && seen.insert(no) {
            mentioned.push(no);
        }
    };
    for no in shown.iter().copied() {
        add(no);
        run.template().step(no).parents.iter().copied().for_each(&mut add);
    }
    // Steps are doomed by few, mostly the same; the first so many steps are asked for theirs.
    for no in shown.iter().copied().filter(|no| run.step(*no).unmet > 0).take(ROOTS_NAMED) {
        roots(run, no, SEARCHED_MAX)
            .into_iter()
            .filter(|no| terminal_cause(run, *no).is_some())
            .take(ROOTS_NAMED)
            .for_each(&mut add);
    }
    mentioned
}

/// Adds how a step came to its present end.
fn note_outcome(facts: &mut Facts, no: StepNo, outcome: Failed) {
    let Failed { to, attempt, at, error_class, message, .. } = outcome;
    let at = at.timestamp_micros();
    facts.ended_at.insert(no, at);
    if to == State::Error {
        let attempt = u16::try_from(attempt).unwrap_or(0);
        facts.failures.insert(no, Failure { attempt, error_class, message, at });
    }
}

fn held(lease: store::steps::Lease) -> Lease {
    Lease {
        session_id: lease.session_id,
        worker_id: lease.worker_id.unwrap_or_default(),
        since: lease.claimed_at.timestamp_micros(),
        expires_at: lease.expires_at.map(|at| at.timestamp_micros()),
        deadline_at: lease.deadline_at.map(|at| at.timestamp_micros()),
        percent: lease.percent,
        note: lease.note.unwrap_or_default(),
    }
}
