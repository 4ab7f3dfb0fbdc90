//! A small language for runs: a DAG, what happens to it, what has become of it.
//!
//! ```text
//! DAG       a:2; b:once <- a; c <- a b       names, attempts allowed (3 unless said), what each waits for
//! history   claim a, complete a, +5s         one batch each; `&` puts two into one batch
//! outcome   in_progress: a complete#1, b ready | refusals
//! ```
//!
//! In outcomes `#2` is the number of attempts, `/5` a limit that is not the handler's, `!` failed for good,
//! `*` bypassed, `~` with changed inputs.

use std::{fmt::Write as _, sync::Arc, time::Duration};

use crate::domain::{
    ids::StepNo,
    run::{Changes, Failure, Micros, Move, Operation, OperationKind, Refusal, Run},
    state::State,
    template::{StepSpec, Template},
};

/// What can happen to a run.
#[derive(Debug, Clone)]
pub(in crate::domain) enum Op {
    Claim(StepNo),
    /// Without a token the present one is named.
    Complete(StepNo, Option<u16>),
    Fail {
        no: StepNo,
        token: Option<u16>,
        permanent: bool,
        wait: Duration,
    },
    Cancel,
    CancelStep(StepNo),
    Resolve(StepNo),
    RetryStep(StepNo),
    Retry,
    Limit(StepNo, u16),
    Inputs(StepNo),
    Deadline,
    Wait(Duration),
}

/// A run with a clock and everything that has moved.
pub(in crate::domain) struct Stage {
    pub(in crate::domain) run: Run,
    pub(in crate::domain) now: Micros,
    pub(in crate::domain) moves: Vec<Move>,
}

/// Checks what becomes of a run.
pub(in crate::domain) fn check(dag: &str, history: &str, expected: &str) {
    let (stage, refusals) = play(dag, history);
    let mut found = stage.describe();
    for refusal in refusals {
        write!(found, " | {refusal}").unwrap();
    }
    assert_eq!(found, expected, "{dag} after {history}");
}

/// Checks every move of a run.
pub(in crate::domain) fn check_moves(dag: &str, history: &str, expected: &str) {
    let (stage, refusals) = play(dag, history);
    assert_eq!(refusals, []);
    let moves = stage.moves.iter().map(|row| {
        let name = row.step.map_or("task", |no| &stage.run.template().step(no).name);
        let from = row.from.map_or(String::new(), |from| format!("{from} "));
        format!("{} {name} {from}-> {}", row.sequence, row.to)
    });
    assert_eq!(moves.collect::<Vec<_>>().join("; "), expected, "{dag} after {history}");
}

pub(in crate::domain) fn play(dag: &str, history: &str) -> (Stage, Vec<Refusal>) {
    let template = template(dag);
    let (bypass, history) = match history.strip_prefix("bypass ") {
        Some(rest) => rest.split_once(", ").unwrap_or((rest, "")),
        None => ("", history),
    };
    let bypass: Vec<StepNo> = bypass.split_whitespace().map(|name| template.step_no(name).unwrap()).collect();
    let mut stage = Stage::begin(template, &bypass);
    let mut refusals = Vec::new();
    for batch in history.split(", ").filter(|batch| !batch.is_empty()) {
        let mut changes = Changes::default();
        for op in batch.split(" & ") {
            let op = parse(op, stage.run.template());
            refusals.extend(stage.apply(&op, &mut changes).err());
        }
        stage.settle(&mut changes);
    }
    (stage, refusals)
}

impl Stage {
    pub(in crate::domain) fn begin(template: Arc<Template>, bypass: &[StepNo]) -> Self {
        let (run, mut changes) = Run::create(template, bypass);
        let mut stage = Self { run, now: 1_000_000_000, moves: Vec::new() };
        stage.settle(&mut changes);
        stage
    }

    /// Does it, without deciding the task's state.
    pub(in crate::domain) fn apply(&mut self, op: &Op, changes: &mut Changes) -> Result<(), Refusal> {
        let Self { run, now, .. } = self;
        let present = |run: &Run, no: StepNo, token: Option<u16>| token.unwrap_or(run.step(no).attempts);
        match *op {
            Op::Claim(no) => run.claim(no, *now, changes).map(|_| ()),
            Op::Complete(no, token) => run.complete(no, present(run, no, token), changes),
            Op::Fail { no, token, permanent, wait } => {
                let failure = Failure { permanent, ..Failure::default() };
                run.fail(no, present(run, no, token), failure, *now, wait, changes)
            }
            Op::Cancel => run.cancel(asked(OperationKind::CancelTask), changes),
            Op::CancelStep(no) => run.cancel_step(no, asked(OperationKind::CancelStep), changes),
            Op::Resolve(no) => run.resolve_step(no, asked(OperationKind::ResolveStep), changes),
            Op::RetryStep(no) => run.retry_step(no, 1, asked(OperationKind::RetryStep), changes),
            Op::Retry => run.retry(1, &asked(OperationKind::RetryTask), changes),
            Op::Limit(no, limit) => run.limit_step(no, limit, asked(OperationKind::UpdateStep), changes),
            Op::Inputs(no) => run.change_inputs(no, asked(OperationKind::UpdateStep), changes),
            Op::Deadline => run.exceed_deadline(*now, changes),
            Op::Wait(time) => {
                *now += Micros::try_from(time.as_micros()).unwrap();
                Ok(())
            }
        }
    }

    /// Decides the task's state and keeps the moves of the batch.
    pub(in crate::domain) fn settle(&mut self, changes: &mut Changes) {
        self.run.settle(self.now, changes);
        self.moves.append(&mut changes.moves);
    }

    pub(in crate::domain) fn describe(&self) -> String {
        let reason = self.run.reason().map_or(String::new(), |reason| format!(" ({reason})"));
        let steps: Vec<String> = (0..self.run.len()).map(|no| self.describe_step(no)).collect();
        format!("{}{reason}: {}", self.run.state(), steps.join(", "))
    }

    fn describe_step(&self, no: StepNo) -> String {
        let (step, spec) = (self.run.step(no), self.run.template().step(no));
        let ready = !self.run.state().is_settled_task() && step.is_ready(self.now);
        let word = if ready && step.state == State::Pending { "ready" } else { step.state.label() };
        let mut text = format!("{} {word}", spec.name);
        if step.attempts > 0 {
            write!(text, "#{}", step.attempts).unwrap();
        }
        if step.retry_limit != spec.retry_limit {
            write!(text, "/{}", step.retry_limit).unwrap();
        }
        for (set, mark) in [(step.permanent, '!'), (step.bypassed, '*'), (step.inputs_changed, '~')] {
            text.extend(set.then_some(mark));
        }
        match step.next_retry_at {
            Some(at) if at > self.now => write!(text, " in {}s", (at - self.now) / 1_000_000).unwrap(),
            _ if ready && step.state == State::Error => text.push_str(" ready"),
            _ => {}
        }
        text
    }
}

/// Reads a DAG.
pub(in crate::domain) fn template(dag: &str) -> Arc<Template> {
    let lines: Vec<(&str, &str)> = dag.split(';').map(|line| line.split_once("<-").unwrap_or((line, ""))).collect();
    let name = |declared: &str| declared.trim().split(':').next().unwrap_or_default().to_owned();
    let names: Vec<String> = lines.iter().map(|(declared, _)| name(declared)).collect();
    let number = |parent: &str| StepNo::try_from(names.iter().position(|name| name == parent).unwrap()).unwrap();
    let steps = lines.iter().map(|(declared, parents)| {
        let word = declared.trim().split_once(':').map(|(_, word)| word);
        let limit = word.and_then(|word| word.parse().ok()).unwrap_or(3);
        spec(&name(declared), word != Some("once"), limit, parents.split_whitespace().map(number).collect())
    });
    compile(steps.collect())
}

/// A step that says only what the rules look at.
pub(in crate::domain) fn spec(name: &str, retryable: bool, retry_limit: u16, parents: Vec<StepNo>) -> StepSpec {
    StepSpec {
        name: name.into(),
        handler_class: "Handler".into(),
        queue: 1,
        dependent_system: "unknown".into(),
        retryable,
        retry_limit,
        skippable: true,
        timeout: None,
        config_json: "".into(),
        parents,
        children: Vec::new(),
    }
}

/// A template of these steps.
pub(in crate::domain) fn compile(steps: Vec<StepSpec>) -> Arc<Template> {
    Arc::new(Template {
        id: 1,
        namespace: "default".into(),
        name: "staged".into(),
        version: "1.0.0".into(),
        steps: Template::link(steps),
    })
}

fn parse(op: &str, template: &Template) -> Op {
    let words: Vec<&str> = op.split_whitespace().collect();
    let step = || template.step_no(words[1].split('#').next().unwrap()).unwrap();
    let token = || words[1].split_once('#').map(|(_, token)| token.parse().unwrap());
    let seconds = |word: &str| Duration::from_secs(word.trim_end_matches('s').parse().unwrap());
    match (words[0], words.len()) {
        ("claim", 2) => Op::Claim(step()),
        ("complete", 2) => Op::Complete(step(), token()),
        ("fail" | "fail!", 2 | 3) => Op::Fail {
            no: step(),
            token: token(),
            permanent: words[0] == "fail!",
            wait: words.get(2).map_or(Duration::from_secs(10), |word| seconds(word)),
        },
        ("cancel", 1) => Op::Cancel,
        ("cancel", 2) => Op::CancelStep(step()),
        ("resolve", 2) => Op::Resolve(step()),
        ("retry", 1) => Op::Retry,
        ("retry", 2) => Op::RetryStep(step()),
        ("limit", 3) => Op::Limit(step(), words[2].parse().unwrap()),
        ("inputs", 2) => Op::Inputs(step()),
        ("deadline", 1) => Op::Deadline,
        (wait, 1) if wait.starts_with('+') => Op::Wait(seconds(&wait[1..])),
        _ => panic!("no such operation: {op}"),
    }
}

/// An operation that somebody asked for.
pub(in crate::domain) fn asked(kind: OperationKind) -> Operation {
    Operation {
        kind,
        subject: "tester".into(),
        requested_by: "somebody".to_owned(),
        reason: "a test".to_owned(),
        request_id: String::new(),
    }
}
