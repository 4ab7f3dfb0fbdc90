//! What holds for every DAG and every history.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use proptest::prelude::*;

use super::stage::{Op, Stage, compile, spec};
use crate::domain::{
    ids::StepNo,
    run::{Changes, Micros, Move, Run},
    state::{Owner, State, event},
    template::Template,
};

/// A DAG of up to twelve steps: whether each is retryable, its limit, and which earlier steps it waits for.
pub(in crate::domain) fn dags() -> impl Strategy<Value = Arc<Template>> {
    let step = (prop::bool::weighted(0.8), 0_u16..4, any::<u16>(), any::<u16>());
    prop::collection::vec(step, 1..12).prop_map(|steps| {
        let specs = steps.iter().enumerate().map(|(no, (retryable, limit, one, other))| {
            let limit = if *limit == 0 && no % 3 > 0 { 1 } else { *limit };
            // Two masks make dense parents rarer than few.
            let mask = one & other;
            let parents = (0..no).filter(|parent| mask >> parent & 1 == 1);
            let parents = parents.map(|parent| StepNo::try_from(parent).unwrap()).collect();
            spec(&format!("s{no}"), *retryable, limit, parents)
        });
        compile(specs.collect())
    })
}

/// Histories as raw numbers; [`op`] makes sense of them where they are played.
pub(in crate::domain) fn histories() -> impl Strategy<Value = Vec<(u8, u16, u16)>> {
    prop::collection::vec((0_u8..34, any::<u16>(), 0_u16..6), 0..60)
}

/// Most of the time the engine's own operations, on steps that they fit; now and then anything on any step.
pub(in crate::domain) fn op(run: &Run, now: Micros, (kind, pick, extent): (u8, u16, u16)) -> Op {
    let some = |wanted: &dyn Fn(StepNo) -> bool| {
        let fitting: Vec<StepNo> = (0..run.len()).filter(|no| wanted(*no)).collect();
        fitting.get(usize::from(pick) % fitting.len().max(1)).copied().unwrap_or(pick % run.len())
    };
    let any = pick % run.len();
    let ready = some(&|no| run.step(no).is_ready(now));
    let running = some(&|no| run.step(no).state == State::InProgress);
    let wait = Duration::from_secs(u64::from(extent));
    match kind {
        0..=8 => Op::Claim(ready),
        9..=14 => Op::Complete(running, None),
        15..=18 => Op::Fail { no: running, token: None, permanent: false, wait },
        19 => Op::Fail { no: running, token: None, permanent: true, wait },
        20..=22 => Op::Wait(wait),
        23 => Op::Complete(any, Some(extent)),
        24 => Op::Claim(any),
        25 => Op::CancelStep(any),
        26 => Op::Resolve(any),
        27 => Op::RetryStep(some(&|no| run.step(no).state == State::Error)),
        28 => Op::Retry,
        29 => Op::Limit(any, extent),
        30 => Op::Inputs(any),
        31 if extent < 3 => Op::Cancel,
        32 if extent < 3 => Op::Deadline,
        _ => Op::Wait(wait),
    }
}

/// When a step can start, if it can without help.
fn startable(run: &Run, no: StepNo) -> Option<Option<Micros>> {
    run.step(no).is_startable().then_some(run.step(no).next_retry_at)
}

fn all_startable(run: &Run) -> Vec<Option<Option<Micros>>> {
    (0..run.len()).map(|no| startable(run, no)).collect()
}

/// Plays one operation and checks everything that must hold after it.
fn play(stage: &mut Stage, op: &Op) {
    let (before, startable_before) = (stage.run.clone(), all_startable(&stage.run));
    let mut changes = Changes::default();
    let refused = stage.apply(op, &mut changes).is_err();
    if refused {
        assert_eq!(stage.run.store(), before.store(), "a refusal changes nothing: {op:?}");
        assert!(changes.moves.is_empty() && changes.released.is_empty() && changes.ended.is_empty());
        assert_eq!(changes.retryable, 0);
    }
    let attempts_ended: Vec<_> = changes.ended.clone();
    stage.settle(&mut changes);
    if let Op::Claim(no) = *op
        && !refused
    {
        let parents = &stage.run.template().step(no).parents;
        assert!(parents.iter().all(|parent| before.step(*parent).state.is_satisfied()), "{op:?}");
        assert!(before.step(no).attempts < before.step(no).retry_limit, "{op:?}");
        assert_eq!(stage.run.step(no).attempts, before.step(no).attempts + 1);
    }
    for ended in attempts_ended {
        assert_eq!((before.step(ended.no).state, before.step(ended.no).attempts), (State::InProgress, ended.attempt));
        assert_ne!(stage.run.step(ended.no).state, State::InProgress);
    }
    let released: BTreeSet<StepNo> = changes.released.iter().map(|released| released.no).collect();
    assert_eq!(released.len(), changes.released.len(), "nothing is released twice");
    let became = (0..stage.run.len()).filter(|no| {
        let now = startable(&stage.run, *no);
        now.is_some() && now != startable_before[usize::from(*no)]
    });
    assert_eq!(released, became.collect(), "exactly what became startable is released: {op:?}");
    let retryable = |run: &Run| run.steps().iter().map(|step| i32::from(step.is_retryable_error())).sum::<i32>();
    assert_eq!(retryable(&before) + changes.retryable, retryable(&stage.run), "{op:?}");
    check_run(stage);
}

/// What holds for a run at any time.
fn check_run(stage: &mut Stage) {
    let run = &stage.run;
    for (no, step) in (0..).zip(run.steps()) {
        let parents = &run.template().step(no).parents;
        let unmet = parents.iter().filter(|parent| !run.step(**parent).state.is_satisfied()).count();
        assert_eq!(usize::from(step.unmet), unmet, "the running count equals the recount, step {no}");
        if step.state == State::InProgress {
            assert_eq!(step.unmet, 0);
            assert!(!run.state().is_settled_task(), "a settled task runs nothing");
        }
    }
    if run.state() == State::Error {
        assert!(run.steps().iter().all(|step| !step.is_startable()), "a failed task can do nothing by itself");
    }
    if run.state() == State::Complete {
        assert!(run.steps().iter().all(|step| step.state.is_satisfied()));
    }
    check_moves(&stage.moves);
    assert_eq!(stage.moves.len(), usize::try_from(run.revision()).unwrap());
    let stored = run.store();
    let loaded = Run::load(Arc::clone(run.template()), &stored).unwrap();
    assert_eq!((loaded.state(), loaded.reason(), loaded.steps()), (run.state(), run.reason(), run.steps()));
    assert_eq!(loaded.store(), stored);
    let mut again = Changes::default();
    stage.run.settle(stage.now, &mut again);
    assert!(again.moves.is_empty(), "deciding again changes nothing: {:?}", again.moves);
}

/// The audit trail: without gaps, each move from where the one before ended, each in the table.
fn check_moves(moves: &[Move]) {
    let mut states = std::collections::HashMap::new();
    for (sequence, row) in (1..).zip(moves) {
        assert_eq!(row.sequence, sequence);
        let owner = if row.step.is_some() { Owner::Step } else { Owner::Task };
        let first = if row.step.is_some() { Some(State::Pending) } else { None };
        let known = states.insert(row.step, row.to).or(first);
        match row.from {
            None => assert!(row.to == State::Pending || row.to == State::Complete),
            Some(from) => {
                assert_eq!(Some(from), known, "{row:?}");
                assert!(from == row.to || from.check(owner, row.to).is_ok(), "{row:?}");
                assert!(from == row.to || event(owner, row.from, row.to).is_some(), "{row:?}");
            }
        }
    }
}

/// How an attempt of a step ends, whoever runs it and whenever.
fn fate(seed: u64, no: StepNo, attempt: u16) -> u64 {
    let mixed = seed ^ (u64::from(no) << 32) ^ u64::from(attempt);
    (mixed.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 33) % 10
}

/// Runs a task to its end, each time with the choice that `order` makes; in a bounded number of rounds.
fn finish(stage: &mut Stage, seed: u64, mut order: impl FnMut(usize) -> usize) {
    let attempts: usize = stage.run.steps().iter().map(|step| usize::from(step.retry_limit)).sum();
    for _ in 0..4 * attempts + 4 {
        if stage.run.state().is_settled_task() {
            break;
        }
        let run = &stage.run;
        let can_move = |no: &StepNo| run.step(*no).state == State::InProgress || run.step(*no).is_ready(stage.now);
        let choices: Vec<StepNo> = (0..run.len()).filter(can_move).collect();
        if choices.is_empty() {
            let due = run.steps().iter().filter(|step| step.is_startable()).filter_map(|step| step.next_retry_at);
            stage.now = due.min().expect("an unfinished task can move now or later");
            continue;
        }
        let no = choices[order(choices.len())];
        let step = run.step(no);
        let op = match fate(seed, no, step.attempts) {
            _ if step.state != State::InProgress => Op::Claim(no),
            0..=1 => Op::Fail { no, token: None, permanent: false, wait: Duration::from_secs(3) },
            2 => Op::Fail { no, token: None, permanent: true, wait: Duration::ZERO },
            _ => Op::Complete(no, None),
        };
        play(stage, &op);
    }
    assert!(stage.run.state().is_settled_task(), "it ends: {}", stage.describe());
}

/// What became of the steps, without when.
type Outcome<'a> = (State, Option<&'a str>, Vec<(State, u16, bool)>);

fn outcome(stage: &Stage) -> Outcome<'_> {
    let steps = stage.run.steps().iter().map(|step| (step.state, step.attempts, step.permanent));
    (stage.run.state(), stage.run.reason(), steps.collect())
}

proptest! {
    #[test]
    fn no_history_breaks_the_rules(template in dags(), bypass in any::<u16>(), history in histories(), seed: u64) {
        let bypass: Vec<StepNo> = (0..StepNo::try_from(template.steps.len()).unwrap())
            .filter(|no| bypass & 0x1111 & (1 << no) != 0)
            .collect();
        let mut stage = Stage::begin(template, &bypass);
        check_run(&mut stage);
        for raw in history {
            let op = op(&stage.run, stage.now, raw);
            play(&mut stage, &op);
        }
        let mut turn = 0;
        finish(&mut stage, seed, |count| { turn += 1; turn % count });
    }

    #[test]
    fn the_outcome_does_not_depend_on_the_order_of_results(
        template in dags(),
        seed: u64,
        orders in prop::collection::vec(any::<prop::sample::Index>(), 1..64),
    ) {
        let mut plain = Stage::begin(Arc::clone(&template), &[]);
        finish(&mut plain, seed, |_| 0);
        let mut shuffled = Stage::begin(template, &[]);
        let mut turns = orders.iter().cycle();
        finish(&mut shuffled, seed, |count| turns.next().unwrap().index(count));
        prop_assert_eq!(outcome(&plain), outcome(&shuffled));
    }
}
