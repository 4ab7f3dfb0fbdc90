//! Lives of tasks, told by the rules themselves.
//!
//! A script says which attempts fail and when to stop looking; the run says what happens, in the order in which a
//! lane would have it: what ends, the task's own state, then what begins. So a seeded task has the states, numbers
//! and records that the engine would have written, whatever the rules become.

use std::{iter, sync::Arc, time::Duration};

use crate::{
    domain::{
        audit,
        ids::StepNo,
        run::{Cause, Changes, Claimed, Failure, Micros, Run},
        state::State,
        template::Template,
    },
    store::{
        seed::{LATER, Move, Story},
        tallies::Kind,
    },
};

/// Backoffs at least this long are still running when the story ends.
const FAR: Micros = 1_000_000_000;
/// For how long after the story's end, in seconds: nothing moves while the bench looks.
const BACKOFF_SECONDS: f64 = 6.0 * 3_600.0;
/// What each step produces.
const RESULTS: &str = "{}";

/// What is special about a life.
#[derive(Debug, Clone, Copy)]
pub(super) struct Script {
    /// How many tasks live it.
    pub(super) share: f64,
    /// Attempts that fail: step, attempt, whether for good.
    pub(super) failing: &'static [(StepNo, u16, bool)],
    /// How long a failed step waits.
    pub(super) wait: Micros,
    /// The story stops when so many attempts have ended.
    pub(super) attempts: usize,
    /// Whether there were workers at the last moment.
    pub(super) workers: bool,
}

/// Tasks that have ended well, some of them after a failure.
pub(super) const FINISHED: &[Script] = &[
    Script { share: 0.9, failing: &[], wait: 0, attempts: usize::MAX, workers: true },
    Script { share: 0.06, failing: &[(1, 1, false)], wait: 300, attempts: usize::MAX, workers: true },
    Script { share: 0.03, failing: &[(0, 1, false)], wait: 150, attempts: usize::MAX, workers: true },
    Script { share: 0.01, failing: &[(3, 1, false), (3, 2, false)], wait: 400, attempts: usize::MAX, workers: true },
];

/// Tasks in the middle of things: new ones that wait for a worker, running ones, ones whose first step is done and
/// whose children wait for a worker, ones in backoff, ones that have failed after all attempts or for good.
pub(super) const ACTIVE: &[Script] = &[
    Script { share: 0.25, failing: &[], wait: 0, attempts: 0, workers: false },
    Script { share: 0.15, failing: &[], wait: 0, attempts: 0, workers: true },
    Script { share: 0.15, failing: &[], wait: 0, attempts: 1, workers: true },
    Script { share: 0.15, failing: &[], wait: 0, attempts: 2, workers: false },
    Script { share: 0.15, failing: &[(1, 1, false)], wait: FAR, attempts: 4, workers: true },
    Script {
        share: 0.1,
        failing: &[(0, 1, false), (0, 2, false), (0, 3, false)],
        wait: 200,
        attempts: usize::MAX,
        workers: true,
    },
    Script { share: 0.05, failing: &[(1, 1, true)], wait: 0, attempts: usize::MAX, workers: true },
];

/// How long an attempt of a step takes: enough that two steps never end at the same moment.
const fn length(no: StepNo) -> Micros {
    [310, 140, 372, 181][no as usize % 4]
}

/// A task as it goes.
struct StoryRunner {
    run: Run,
    changes: Changes,
    script: Script,
    now: Micros,
    /// Attempts that run: when they end, what they are, when they began.
    running: Vec<(Micros, Claimed, Micros)>,
    /// Steps that wait: until when.
    waiting: Vec<(Micros, StepNo)>,
    ended: usize,
    moves: Vec<Move>,
}

/// Tells a story about a task of a handler.
pub(super) fn tell(template: &Arc<Template>, shape: i16, script: Script) -> Story {
    let (run, changes) = Run::create(Arc::clone(template), &[]);
    let mut runner = StoryRunner {
        run,
        changes,
        script,
        now: 0,
        running: Vec::new(),
        waiting: Vec::new(),
        ended: 0,
        moves: Vec::new(),
    };
    runner.finish();
    while runner.next() {}
    runner.story(shape)
}

impl StoryRunner {
    /// The next thing that happens; false when the story is over.
    fn next(&mut self) -> bool {
        let end = self.running.iter().map(|(at, ..)| *at).min();
        let due = self.waiting.iter().map(|(at, _)| *at).filter(|at| *at < FAR && *at > self.now).min();
        if self.ended >= self.script.attempts {
            return false;
        }
        match (end, due) {
            (Some(end), due) if due.is_none_or(|due| end <= due) => self.end(end),
            (_, Some(due)) => self.begin_due(due),
            _ => return false,
        }
        true
    }

    /// An attempt ends.
    fn end(&mut self, at: Micros) {
        self.now = at;
        self.ended += 1;
        let place = self.running.iter().position(|(end, ..)| *end == at).expect("it is the least of them");
        let (_, Claimed { no, attempt }, _) = self.running[place];
        let failing = self.script.failing.iter().find(|failing| (failing.0, failing.1) == (no, attempt));
        let ended = match failing {
            None => self.run.complete(no, attempt, &mut self.changes),
            Some((.., permanent)) => {
                let failure = Failure {
                    error_class: if *permanent { "InvalidAddress" } else { "ServiceUnavailable" }.to_owned(),
                    message: "made up".to_owned(),
                    permanent: *permanent,
                    ..Failure::default()
                };
                let wait = Duration::from_micros(self.script.wait.unsigned_abs());
                self.run.fail(no, attempt, failure, at, wait, &mut self.changes)
            }
        };
        ended.expect("the attempt runs");
        self.finish();
        self.running.retain(|(end, ..)| *end != at);
    }

    /// A backoff is over.
    fn begin_due(&mut self, at: Micros) {
        self.now = at;
        let place = self.waiting.iter().position(|(due, _)| *due == at).expect("it is the least of them");
        let (_, no) = self.waiting.swap_remove(place);
        self.claim(no);
        self.finish();
    }

    fn claim(&mut self, no: StepNo) {
        let claimed = self.run.claim(no, self.now, &mut self.changes).expect("the step is ready");
        self.running.push((self.now + length(no), claimed, self.now));
    }

    /// What a lane does once it has looked at every item of a task.
    fn finish(&mut self) {
        self.run.settle(self.now, &mut self.changes);
        for released in std::mem::take(&mut self.changes.released) {
            let step = *self.run.step(released.no);
            if self.run.state().is_settled_task() || !step.is_startable() {
                continue;
            }
            let at = step.next_retry_at.unwrap_or(self.now);
            let has_worker = self.script.workers || self.ended < self.script.attempts;
            if at > self.now || !has_worker {
                self.waiting.push((at, released.no));
            } else {
                self.claim(released.no);
            }
        }
        let changes = std::mem::take(&mut self.changes);
        for row in changes.moves {
            let ends = row.step.is_some() && row.from == Some(State::InProgress);
            let began =
                self.running.iter().find(|(_, held, _)| Some(held.no) == row.step && held.attempt == row.attempt);
            let retry_at = match row.cause {
                Cause::Failed { retry_at, .. } => retry_at,
                _ => None,
            };
            self.moves.push(Move {
                sequence: crate::store::lifecycle::signed(row.sequence),
                step_no: row.step.map(crate::store::lifecycle::number),
                from: row.from.map(|state| i16::from(state.code())),
                to: i16::from(row.to.code()),
                attempt: i32::from(row.attempt),
                at: self.now as f64,
                started_at: began.filter(|_| ends).map(|(.., since)| *since as f64),
                metadata: audit::metadata(&row.cause),
                retry_at: retry_at.map(|at| at as f64),
                results: (ends && row.to == State::Complete).then(|| RESULTS.to_owned()),
            });
        }
    }

    /// The whole of it, its length made a thousand.
    fn story(self, shape: i16) -> Story {
        let whole = (self.now.max(1)) as f64;
        let scaled = |at: f64| if at >= FAR as f64 { LATER + BACKOFF_SECONDS } else { at / whole * 1_000.0 };
        let backoff = self.run.steps().iter().zip(0_i16..).find_map(|(step, no)| Some((no, step.next_retry_at?)));
        let moves = self.moves.into_iter().map(|row| Move {
            at: scaled(row.at),
            started_at: row.started_at.map(scaled),
            retry_at: row.retry_at.map(scaled),
            ..row
        });
        let moves: Vec<Move> = moves.collect();
        let started = |row: &&Move| row.step_no.is_none() && row.to == i16::from(State::InProgress.code());
        let number = crate::store::lifecycle::number;
        Story {
            shape,
            share: self.script.share,
            stored: self.run.store(),
            backoff: backoff.map(|(no, at)| (no, scaled(at as f64))),
            started_at: moves.iter().find(started).map(|row| row.at),
            moves,
            leases: self
                .running
                .iter()
                .map(|(_, held, since)| (number(held.no), i32::from(held.attempt), scaled(*since as f64)))
                .collect(),
            queued: self.waiting.iter().map(|(at, no)| (number(*no), scaled(*at as f64))).collect(),
            tallies: tallies(&self.run),
        }
    }
}

/// How a run counts.
fn tallies(run: &Run) -> Vec<(Kind, i32)> {
    let steps = run.steps().iter().map(|step| Kind::Steps(step.state));
    let retryable = run.steps().iter().filter(|step| step.is_retryable_error()).map(|_| Kind::Retryable);
    iter::once(Kind::Tasks(run.state())).chain(steps).chain(retryable).map(|kind| (kind, 1)).collect()
}
