//! Verdicts and blockers, one case a line, and what holds for every history.

use std::{collections::HashMap, fmt::Write as _};

use proptest::prelude::*;
use uuid::Uuid;

use super::{Cause, Explainer, Facts, Failure, Lease, Presence, SessionOccupancy, Verdict, roots, summary};
use crate::domain::{
    ids::StepNo,
    pause::Pause,
    run::{
        Changes, Micros, Run,
        tests::{
            properties::{dags, histories, op},
            stage::{Op, Stage, play},
        },
    },
    state::State,
};

fn session(worker_id: &str, slots: usize, held: usize, presence: Presence) -> SessionOccupancy {
    SessionOccupancy {
        session_id: Uuid::nil(),
        worker_id: worker_id.to_owned(),
        server_id: Uuid::nil(),
        slots,
        held,
        presence,
        since: 0,
    }
}

fn pause(handler: Option<&str>) -> Pause {
    Pause {
        namespace: "default".to_owned(),
        handler: handler.map(str::to_owned),
        since: 0,
        subject: String::new(),
        requested_by: "ops".to_owned(),
        reason: "the carrier is down".to_owned(),
    }
}

/// The facts in words: `free`, `full`, `draining`, `away`, `gone`, `unleased`, `overdue`, `paused`, `stopped`; without any
/// a worker has a free slot.
fn facts(run: &Run, now: Micros, words: &str) -> Facts {
    let has = |word: &str| words.split_whitespace().any(|given| given == word);
    let sessions = match () {
        () if has("nobody") => Vec::new(),
        () if has("full") => vec![session("one", 2, 2, Presence::Open), session("two", 1, 1, Presence::Disconnected)],
        () if has("draining") => vec![session("one", 2, 0, Presence::Draining)],
        () if has("away") => vec![session("one", 2, 0, Presence::Disconnected)],
        () => vec![session("one", 2, 1, Presence::Open)],
    };
    let mut pauses = Vec::new();
    pauses.extend(has("paused").then(|| pause(Some("staged"))));
    pauses.extend(has("stopped").then(|| pause(None)));
    let lease = Lease {
        session_id: Uuid::nil(),
        worker_id: "one".to_owned(),
        since: now - 3_000_000,
        expires_at: Some(if has("overdue") { now } else { now + 1 }),
        deadline_at: None,
        percent: None,
        note: String::new(),
    };
    let failure = |no: &StepNo| Failure {
        attempt: run.step(*no).attempts,
        error_class: "Boom".to_owned(),
        message: "it broke".to_owned(),
        at: now,
    };
    let in_state = |state: State| (0..run.len()).filter(move |no| run.step(*no).state == state);
    Facts {
        now,
        pauses,
        sessions: HashMap::from([(1, sessions)]),
        leases: in_state(State::InProgress).filter(|_| !has("unleased")).map(|no| (no, lease.clone())).collect(),
        failures: in_state(State::Error).map(|no| (no, failure(&no))).collect(),
        ..Facts::default()
    }
}

/// The unsettled steps, those that no earlier step keeps before the others.
fn roots_first(run: &Run) -> Vec<StepNo> {
    let mut open: Vec<StepNo> = (0..run.len()).filter(|no| !run.step(*no).state.is_settled_step()).collect();
    open.sort_by_key(|no| run.step(*no).unmet > 0 && super::terminal_cause(run, *no).is_none());
    open
}

/// Checks what is said of every step that is not settled, one a line, and of the task before them.
fn check(dag: &str, history: &str, words: &str, expected: &str) {
    let (stage, refusals) = play(dag, history);
    assert_eq!(refusals, []);
    let facts = facts(&stage.run, stage.now, words);
    let explainer = Explainer::new(&stage.run, &facts);
    let mut found = explainer.task().0.label().to_owned();
    for no in roots_first(&stage.run) {
        let told = explainer.step(no);
        write!(found, "\n{} {}", stage.run.template().step(no).name, told.verdict.label()).unwrap();
        if let Verdict::Waiting { until: Some(at) } = told.verdict {
            write!(found, " {}s", (at - stage.now) / 1_000_000).unwrap();
        }
        for blocker in &told.blockers {
            write!(found, " | {}", summary(&stage.run, no, &blocker.cause, stage.now)).unwrap();
        }
    }
    let expected: Vec<&str> = expected.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    assert_eq!(found, expected.join("\n"), "{dag} after {history}, {words}");
}

#[test]
fn a_step_that_is_ready_moves_if_a_worker_has_a_slot() {
    check("a", "", "", "movable\na movable | 1 slot free: it starts now");
    check("a", "", "nobody", "waiting\na waiting | no worker runs step handler Handler in namespace default");
    check(
        "a",
        "",
        "away",
        "waiting\na waiting | no worker runs step handler Handler in namespace default; one (0 of 2) has just gone",
    );
    check("a", "", "full", "waiting\na waiting | all 3 slots are taken: one (2 of 2), two (1 of 1)");
    check("a", "", "draining", "waiting\na waiting | the workers that run it take no more work: one (0 of 2)");
}

#[test]
fn what_is_paused_waits() {
    check("a", "", "paused", "waiting\na waiting | handler default.staged is paused by ops: the carrier is down");
    check("a", "", "stopped", "waiting\na waiting | namespace default is paused by ops: the carrier is down");
    check(
        "a",
        "claim a, fail a 9s",
        "paused nobody",
        "waiting
         a waiting 9s | attempt 1 failed with Boom: it broke; the next may begin in 9.0s \
         | handler default.staged is paused by ops: the carrier is down \
         | no worker runs step handler Handler in namespace default",
    );
    check("a", "claim a", "paused", "running\na running | attempt 1 runs on one for 3.0s");
}

#[test]
fn a_running_step_is_held_by_somebody() {
    check("a", "claim a", "", "running\na running | attempt 1 runs on one for 3.0s");
    check(
        "a",
        "claim a",
        "overdue",
        "running\na running | attempt 1 runs on one for 3.0s; it is overdue and about to be ended",
    );
    check("a", "claim a", "unleased", "running\na running | attempt 1 runs without a lease and is about to be ended");
}

#[test]
fn a_step_waits_for_its_parents_and_its_backoff() {
    check(
        "a; b; c <- a b; d <- c",
        "claim a, fail a 30s, claim b",
        "full",
        "running
         a waiting 30s | attempt 1 failed with Boom: it broke; the next may begin in 30.0s
         b running | attempt 1 runs on one for 3.0s
         c waiting | waits for a (error), b (in_progress)
         d waiting | waits for c (pending)",
    );
    check(
        "a",
        "claim a, fail a 30s, +30s",
        "full",
        "waiting\na waiting | all 3 slots are taken: one (2 of 2), two (1 of 1)",
    );
}

#[test]
fn what_has_failed_for_good_keeps_all_that_comes_after() {
    check(
        "a:1; b; c <- a; d <- b c; e <- b",
        "claim a, fail a",
        "",
        "movable
         a stuck | has used 1 of 1 attempt; the last failed with Boom: it broke
         b movable | 1 slot free: it starts now
         c stuck | waits for a (error) | a has used 1 of 1 attempt; the last failed with Boom: it broke
         d stuck | waits for b (pending), c (pending) | a has used 1 of 1 attempt; the last failed with Boom: it broke
         e waiting | waits for b (pending)",
    );
    check("a", "claim a, fail! a", "", "stuck\na stuck | failed for good with Boom: it broke");
    check(
        "a:once",
        "claim a, fail a",
        "",
        "stuck\na stuck | failed with Boom: it broke, and its handler allows no second attempt",
    );
    check(
        "a:0; b <- a",
        "",
        "",
        "stuck\na stuck | is allowed no attempt\nb stuck | waits for a (pending) | a is allowed no attempt",
    );
    check("a; b <- a", "cancel a", "", "stuck\nb stuck | waits for a (cancelled) | a is cancelled");
    check(
        "a; b",
        "claim a, fail a, cancel",
        "",
        "settled\na stuck | the task is cancelled | failed for good with Boom: it broke",
    );
}

#[test]
fn what_is_settled_needs_no_reason() {
    check("a", "claim a, complete a", "", "settled");
    check("a; b", "resolve a, claim b, complete b", "", "settled");
}

#[test]
fn the_roots_are_found_through_any_number_of_steps() {
    let (stage, _) = play("a; b <- a; c <- b; x:0; d <- c x", "claim a");
    assert_eq!(roots(&stage.run, 4, 8), [3, 0]);
    assert_eq!(roots(&stage.run, 4, 1), [3]);
    assert!(roots(&stage.run, 0, 8).is_empty());
}

fn check_group_lines(dag: &str, history: &str, expected: &str) {
    let (stage, _) = play(dag, history);
    let facts = facts(&stage.run, stage.now, "");
    let name = |no: &StepNo| &*stage.run.template().step(*no).name;
    let show = |group: &super::Group| {
        let waiting: Vec<&str> = group.waiting.iter().map(name).collect();
        format!("{} < {} {}", name(&group.root), group.waiting_count, waiting.join(" ")).trim_end().to_owned()
    };
    let found: Vec<String> = Explainer::new(&stage.run, &facts).groups().iter().map(show).collect();
    assert_eq!(found.join(", "), expected, "{dag} after {history}");
}

#[test]
fn steps_are_grouped_by_the_step_at_which_they_stand() {
    check_group_lines("a; b <- a; c <- b; x; d <- c x", "", "a < 2 b c, x < 1 d");
    check_group_lines("a:1; b <- a; c <- a; d <- a", "claim a, fail a", "a < 3 b c d");
    // A stuck step goes before a nearer one that moves.
    check_group_lines("a:1; b <- a; x; d <- b x", "claim a, fail a", "a < 2 b d, x < 0");
    check_group_lines("a; b <- a; c <- a", "cancel a", "a < 2 b c");
    check_group_lines("a; b", "claim a, complete a, claim b, complete b", "");
    let leaves: String = (0..40).map(|no| format!("; l{no} <- a")).collect();
    let named: String = (0..16).map(|no| format!(" l{no}")).collect();
    check_group_lines(&format!("a:1{leaves}"), "claim a, fail a", &format!("a < 40{named}"));
}

/// Goes on as well as possible: all that runs succeeds, all that waits is waited for, all that is ready starts.
fn best_case(stage: &mut Stage) {
    loop {
        let run = &stage.run;
        let steps = || 0..run.len();
        let running = steps().find(|no| run.step(*no).state == State::InProgress);
        let open = !run.state().is_settled_task();
        let ready = steps().find(|no| open && run.step(*no).is_ready(stage.now));
        let due = steps().filter(|no| open && run.step(*no).is_startable()).filter_map(|no| run.step(no).next_retry_at);
        let op = match (running, ready, due.min()) {
            (Some(no), ..) => Op::Complete(no, None),
            (None, Some(no), _) => Op::Claim(no),
            (None, None, Some(at)) => {
                stage.now = at;
                continue;
            }
            (None, None, None) => return,
        };
        let mut changes = Changes::default();
        stage.apply(&op, &mut changes).unwrap();
        stage.settle(&mut changes);
    }
}

/// Every unsettled step is in one group, and stands at its root.
fn check_groups(explainer: &Explainer<'_>, run: &Run) {
    let groups = explainer.groups();
    assert!(groups.windows(2).all(|pair| pair[0].root < pair[1].root), "each root once, in order");
    let open = roots_first(run).len();
    let is_open = |no: StepNo| !run.step(no).state.is_settled_step();
    let members: usize = groups.iter().map(|group| group.waiting_count + usize::from(is_open(group.root))).sum();
    assert_eq!(members, open, "{groups:?}");
    for group in &groups {
        assert!(is_open(group.root) || run.step(group.root).state == State::Cancelled, "{group:?}");
        assert!(!explainer.step(group.root).blockers.is_empty(), "{group:?}");
        for no in &group.waiting {
            assert!(is_open(*no) && roots(run, *no, usize::MAX).contains(&group.root), "{group:?}");
        }
    }
}

/// What a verdict promises, held against what the rules do.
fn check_promises(stage: &Stage) {
    let run = &stage.run;
    let given = facts(run, stage.now, "");
    let without = facts(run, stage.now, "nobody");
    let paused = facts(run, stage.now, "paused");
    let explainer = Explainer::new(run, &given);
    let mut best = Stage { run: run.clone(), now: stage.now, moves: Vec::new() };
    best_case(&mut best);
    let claims = |no: StepNo, now: Micros| run.clone().claim(no, now, &mut Changes::default()).is_ok();
    for no in 0..run.len() {
        let told = explainer.step(no);
        let state = run.step(no).state;
        assert_eq!(
            told.verdict == Verdict::Movable,
            claims(no, stage.now),
            "movable is what can be claimed, step {no}"
        );
        assert_eq!(told.verdict == Verdict::Running, state == State::InProgress);
        assert_eq!(told.verdict == Verdict::Settled, state.is_settled_step());
        let done_at_best = best.run.step(no).state.is_satisfied();
        match told.verdict {
            Verdict::Stuck => assert!(!done_at_best, "step {no} runs although it was called stuck"),
            Verdict::Settled => assert_eq!(done_at_best, state.is_satisfied()),
            _ => assert!(done_at_best, "step {no} does not run, {:?} was said", told.verdict),
        }
        if let Verdict::Waiting { until: Some(at) } = told.verdict {
            assert!(claims(no, at) && !claims(no, at - 1), "it waits until then and no longer, step {no}");
        }
        let only_cancelled = |blocker: &super::Blocker| blocker.cause == Cause::Cancelled;
        if told.verdict == Verdict::Settled {
            assert!(told.blockers.iter().all(only_cancelled), "a settled step needs no reason, step {no}");
        } else {
            assert!(!told.blockers.is_empty(), "there is a reason, step {no}");
        }
        if told.verdict == Verdict::Stuck && run.step(no).unmet > 0 && super::terminal_cause(run, no).is_none() {
            let is_ancestor = |blocker: &super::Blocker| match blocker.cause {
                Cause::Ancestor { ancestor, terminal_cause, .. } => {
                    super::terminal_cause(run, ancestor) == Some(terminal_cause)
                }
                Cause::TaskSettled { .. } => true,
                _ => false,
            };
            assert!(told.blockers.iter().any(is_ancestor), "the cause is named, step {no}");
        }
        for kept in [&without, &paused] {
            assert_ne!(Explainer::new(run, kept).verdict(no), Verdict::Movable);
        }
        for root in roots(run, no, usize::MAX) {
            assert!(!run.step(root).state.is_satisfied());
        }
    }
    check_groups(&explainer, run);
    let (verdict, tally) = explainer.task();
    let sum = tally.movable + tally.running + tally.waiting + tally.stuck + tally.settled;
    assert_eq!(sum, u32::from(run.len()));
    assert_eq!(verdict == Verdict::Settled, run.state().is_settled_task() && run.state() != State::Error);
    assert_eq!(run.state() == State::Error, verdict == Verdict::Stuck);
}

proptest! {
    #[test]
    fn verdicts_are_true_in_every_history(
        template in dags(), bypass in any::<u16>(), history in histories(),
    ) {
        let bypass: Vec<StepNo> = (0..u16::try_from(template.steps.len()).unwrap()).filter(|no| bypass >> no & 7 == 7).collect();
        let mut stage = Stage::begin(template, &bypass);
        check_promises(&stage);
        for raw in history {
            let op = op(&stage.run, stage.now, raw);
            let mut changes = Changes::default();
            let _refused = stage.apply(&op, &mut changes);
            stage.settle(&mut changes);
            check_promises(&stage);
        }
    }

    #[test]
    fn remedies_are_never_refused(template in dags(), history in histories()) {
        use super::Remedy;
        let mut stage = Stage::begin(template, &[]);
        for raw in history {
            let op = op(&stage.run, stage.now, raw);
            let mut changes = Changes::default();
            let _refused = stage.apply(&op, &mut changes);
            stage.settle(&mut changes);
            let facts = facts(&stage.run, stage.now, "");
            let explainer = Explainer::new(&stage.run, &facts);
            for no in 0..stage.run.len() {
                let told = explainer.step(no);
                for remedy in told.blockers.iter().flat_map(|blocker| blocker.cause.remedies(&stage.run, &told)) {
                    let op = match remedy {
                        Remedy::RetryStep(no) => Op::RetryStep(no),
                        Remedy::RetryTask => Op::Retry,
                        Remedy::ResolveStep(no) => Op::Resolve(no),
                        Remedy::RaiseLimit(no, limit) => Op::Limit(no, limit),
                        Remedy::CancelStep(no) => Op::CancelStep(no),
                        _ => continue,
                    };
                    let mut tried = Stage { run: stage.run.clone(), now: stage.now, moves: Vec::new() };
                    let applied = tried.apply(&op, &mut Changes::default());
                    prop_assert!(applied.is_ok(), "{op:?} for step {no}: {applied:?}");
                }
            }
        }
    }
}
