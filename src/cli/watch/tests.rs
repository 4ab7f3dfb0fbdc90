//! The views of a watched task, drawn from values.

use tasker_sdk::proto::tasker::v1::{self as pb, transition::Cause};

use super::{
    super::{input::to_proto, style::Paint, terminal::Size},
    board::Board,
    log, view,
};
use crate::domain::state::State;

const SIZE: Size = Size { columns: 100, lines: 30 };

/// A task from `name(parent, parent)` texts; ids are the names.
fn task(steps: &str) -> pb::Task {
    let step = |text: &str| {
        let (name, parents) = text.trim_end_matches(')').split_once('(').unwrap_or((text, ""));
        pb::Step {
            step_id: name.to_owned(),
            name: name.to_owned(),
            state: pb::State::Pending.into(),
            retry_limit: 3,
            parent_step_ids: parents.split_whitespace().map(str::to_owned).collect(),
            ..Default::default()
        }
    };
    pb::Task {
        task_id: "01932c07-6b1f-7d0e-9d0a-5f2c1d3e0000".to_owned(),
        handler: Some(pb::HandlerRef {
            namespace: "default".to_owned(),
            name: "anatomy".to_owned(),
            version: "1.0.0".to_owned(),
        }),
        state: pb::State::Pending.into(),
        create_time: at(0),
        revision: 1,
        steps: steps.split("; ").map(step).collect(),
        ..Default::default()
    }
}

fn cause(state: &str, text: &str) -> Option<Cause> {
    let Some((class, message)) = text.split_once(": ") else {
        return (!text.is_empty()).then(|| Cause::Finalized(pb::TaskFinalized { reason: text.to_owned() }));
    };
    assert_eq!(state, "error");
    let (message, again) = message.split_once(" again ").unwrap_or((message, ""));
    let failure = pb::StepFailure {
        error_class: class.to_owned(),
        message: message.to_owned(),
        permanent: again.is_empty(),
        ..Default::default()
    };
    let retry_time = again.parse().ok().and_then(at);
    Some(Cause::Failed(pb::StepFailed { failure: Some(failure), retry_time, ..Default::default() }))
}

fn at(millis: i64) -> Option<prost_types::Timestamp> {
    let nanos = i32::try_from(millis % 1_000 * 1_000_000).unwrap();
    Some(prost_types::Timestamp { seconds: millis / 1_000, nanos })
}

/// The moves of a task: `millis name state attempt [class: message [again MILLIS]]` or a reason, one a line; the name `task` is the task's own.
fn moves(text: &str) -> Vec<pb::Transition> {
    let moved = |(line, sequence): (&str, i64)| {
        let mut words = line.trim().splitn(5, ' ');
        let mut word = || words.next().unwrap_or_default();
        let (millis, name, state, attempt) = (word(), word(), word(), word());
        let name = if name == "task" { "" } else { name };
        pb::Transition {
            sequence,
            step_id: name.to_owned(),
            step_name: name.to_owned(),
            to_state: to_proto(State::from_label(state).unwrap()).into(),
            attempt: attempt.parse().unwrap_or(0),
            transition_time: at(millis.parse().unwrap()),
            cause: cause(state, word()),
            ..Default::default()
        }
    };
    text.lines().map(str::trim).filter(|line| !line.is_empty()).zip(2..).map(moved).collect()
}

const DAG: &str = "fetch; resolve(fetch); sections(resolve); cycles(resolve); layers(cycles); report(sections layers)";

const STORY: &str = "
    10 task in_progress 0
    10 fetch in_progress 1
    250 fetch error 1 Truncated: got 40960 of 70298 bytes again 1250
    1260 fetch pending 1
    1260 fetch in_progress 2
    1500 fetch complete 2
    1500 resolve in_progress 1
    2000 resolve complete 1
    2000 sections in_progress 1
    2000 cycles in_progress 1
    2100 sections complete 1
    2500 cycles error 3 Broken: no such edge
";

fn shown(steps: &str, story: &str, moves_seen: usize, now: i64, size: Size) -> String {
    let mut board = Board::new(&task(steps));
    moves(story).iter().take(moves_seen).for_each(|moved| board.apply(moved));
    view::screen(&board, now * 1_000, Paint::Plain, size).join("\n")
}

#[test]
fn a_step_waits_for_its_next_attempt() {
    insta::assert_snapshot!(shown(DAG, STORY, 3, 400, SIZE));
}

#[test]
fn branches_run_side_by_side() {
    insta::assert_snapshot!(shown(DAG, STORY, 11, 2_300, SIZE));
}

#[test]
fn a_step_gives_up() {
    insta::assert_snapshot!(shown(DAG, STORY, 12, 2_600, SIZE));
}

#[test]
fn what_runs_or_failed_is_shown_first_when_there_is_no_room() {
    insta::assert_snapshot!(shown(DAG, STORY, 12, 2_600, Size { columns: 60, lines: 9 }));
}

#[test]
fn moves_are_told_a_line_each() {
    let mut board = Board::new(&task(DAG));
    let mut told = vec![log::snapshot(&board, Paint::Plain)];
    for moved in moves(STORY) {
        board.apply(&moved);
        told.push(log::transition(&board, &moved, Paint::Plain));
    }
    for moved in moves("2600 task error 0 blocked_by_failures") {
        board.apply(&pb::Transition { sequence: 20, ..moved });
    }
    told.push(log::end(&board, 0, Paint::Plain));
    told.extend(log::advice(&board));
    insta::assert_snapshot!(told.join("\n"));
}

#[test]
fn a_move_that_the_snapshot_has_already_changes_nothing() {
    let mut snapshot = task("a");
    snapshot.revision = 5;
    snapshot.steps[0].state = pb::State::Complete.into();
    snapshot.steps[0].attempts = 1;
    let mut board = Board::new(&snapshot);
    moves("10 a in_progress 1").iter().for_each(|moved| board.apply(moved));
    assert_eq!(board.rows[0].state, State::Complete);
    assert_eq!(board.rows[0].began, Some(10_000));
}

#[test]
fn steps_stand_below_their_parents_however_they_were_declared() {
    let board = Board::new(&task("c(b a); b(a); a"));
    let order: Vec<_> = board.rows.iter().map(|row| format!("{}{}", row.name, row.depth)).collect();
    assert_eq!(order, ["a0", "b1", "c2"]);
}

#[test]
fn durations_are_short() {
    let found: Vec<_> =
        [0, 999, 1_234, 61_000, 3_600_000 * 2 + 180_000].map(|millis| view::duration(millis * 1_000)).into();
    assert_eq!(found, ["0ms", "999ms", "1.23s", "1m01s", "2h03m"]);
}

#[test]
fn no_line_is_wider_than_a_narrow_terminal() {
    for columns in [16, 20, 30, 40, 50, 59, 60, 80, 100] {
        for now in [0, 900, 2_600, 9_000] {
            let view = shown(DAG, STORY, 12, now, Size { columns, lines: 30 });
            let widest = view.lines().map(crate::cli::style::width).max().unwrap_or(0);
            assert!(widest <= columns, "{widest} in {columns} columns:\n{view}");
        }
    }
}

#[test]
fn a_step_that_waits_for_a_worker_says_so() {
    let mut board = Board::new(&task("a; b(a)"));
    assert_eq!(board.waiting(8), ["a"]);
    let why = "no worker runs step handler Step in namespace default";
    let told = board.keep("a", Some(why.to_owned())).map(|row| log::obstacle(row, Paint::Plain));
    assert_eq!(told.unwrap(), format!("           · waiting      a                     {why}"));
    assert!(board.keep("a", Some(why.to_owned())).is_none(), "it is told once");
    let lines = view::screen(&board, 0, Paint::Plain, SIZE);
    assert!(lines.iter().any(|line| line.trim_end().ends_with(why)), "{lines:?}");
    moves("10 a in_progress 1").iter().for_each(|moved| board.apply(moved));
    assert_eq!(board.rows[0].obstacle, None);
    assert!(board.waiting(8).is_empty());
}
