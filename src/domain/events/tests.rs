//! What groups tell, one case a line, and what holds for every history.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::domain::{
    audit::metadata,
    ids::{StepNo, TaskId},
    run::{Cause, Changes, Failure, Micros, Move, Operation, OperationKind, Run, tests::stage::asked},
    state::{self, Owner, State},
    template::{StepSpec, Template},
};

const CREATED: Micros = 1_700_000_000_000_000;

fn task() -> TaskId {
    TaskId::new(CREATED, 7)
}

/// Steps with the attempts that they are allowed and those that they wait for.
fn template(steps: &[(u16, &[StepNo])]) -> Arc<Template> {
    let step = |(no, (limit, parents)): (usize, &(u16, &[StepNo]))| StepSpec {
        name: format!("s{no}").into(),
        handler_class: "Work".into(),
        queue: 1,
        dependent_system: "none".into(),
        retryable: true,
        retry_limit: *limit,
        skippable: true,
        timeout: None,
        config_json: "".into(),
        parents: parents.to_vec(),
        children: Vec::new(),
    };
    Arc::new(Template {
        id: 1,
        namespace: "shop".into(),
        name: "order".into(),
        version: "1.0.0".into(),
        steps: Template::link(steps.iter().enumerate().map(step).collect()),
    })
}

/// The row that the writer makes of a move.
fn row(of: &Move, at: Micros) -> Row {
    let ends = of.from == Some(State::InProgress) && of.step.is_some();
    Row {
        sequence: of.sequence,
        step: of.step,
        from: of.from,
        to: of.to,
        attempt: of.attempt,
        at,
        started_at: ends.then_some(at - 250_000),
        retry_limit: None,
        inputs: None,
        results: (of.cause == Cause::Completed).then(|| r#"{"big":12345678901234567890123}"#.to_owned()),
        omitted_bytes: None,
        metadata: metadata(&of.cause),
    }
}

/// A run whose groups are read as they happen.
struct Stage {
    run: Run,
    now: Micros,
    before: Before,
    moves: Vec<Move>,
    events: Vec<Event>,
}

impl Stage {
    fn begin(template: Arc<Template>, bypass: &[StepNo]) -> Self {
        let (run, changes) = Run::create(template, bypass);
        let mut stage = Self { run, now: CREATED, before: Before::default(), moves: Vec::new(), events: Vec::new() };
        stage.end_group(changes);
        stage
    }

    fn group(&mut self, apply: impl FnOnce(&mut Run, Micros, &mut Changes)) {
        let mut changes = Changes::default();
        apply(&mut self.run, self.now, &mut changes);
        self.end_group(changes);
    }

    fn end_group(&mut self, mut changes: Changes) {
        self.run.settle(self.now, &mut changes);
        let rows: Vec<Row> = changes.moves.iter().map(|of| row(of, self.now)).collect();
        let template = Arc::clone(self.run.template());
        let context = Some(r#"{"order":7}"#);
        let subject = Subject { task: task(), template: &template, created_at: CREATED, context };
        self.events.extend(derive(subject, &self.before, &rows));
        self.moves.extend(changes.moves);
        self.before = condition(&self.run);
    }
}

/// The condition of the steps as the store would tell it.
fn condition(run: &Run) -> Before {
    let mut before = Before::default();
    for (no, step) in (0..).zip(run.steps()) {
        match step.state {
            State::Complete | State::ResolvedManually => before.completed += 1,
            State::Error => before.failed.push((no, step.next_retry_at)),
            _ => {}
        }
    }
    before
}

fn names(events: &[Event]) -> Vec<&'static str> {
    events.iter().map(|event| event.name).collect()
}

fn failure(message: &str) -> Failure {
    Failure {
        error_class: "Boom".to_owned(),
        message: message.to_owned(),
        context_json: r#"{"n":1}"#.to_owned(),
        ..Failure::default()
    }
}

#[test]
fn a_task_of_one_step_from_beginning_to_end() {
    let mut stage = Stage::begin(template(&[(3, &[])]), &[]);
    assert_eq!(names(&stage.events), ["task.initialize_requested", "observability.task.enqueue"]);
    stage.events.clear();
    stage.group(|run, now, changes| drop(run.claim(0, now, changes)));
    assert_eq!(
        names(&stage.events),
        [
            "task.before_transition",
            "task.start_requested",
            "workflow.task_started",
            "step.before_transition",
            "step.execution_requested",
            "step.before_handle",
            "workflow.viable_steps_discovered",
            "workflow.steps_execution_started",
        ]
    );
    assert!(stage.events[4].payload.to_json().contains(r#""step_inputs":{"order":7}"#));
    stage.events.clear();
    stage.now += 1_250_000;
    stage.group(|run, _, changes| run.complete(0, 1, changes).unwrap());
    assert_eq!(
        names(&stage.events),
        [
            "step.before_transition",
            "step.completed",
            "workflow.step_completed",
            "workflow.steps_execution_completed",
            "task.before_transition",
            "task.completed",
            "workflow.task_finalization_started",
            "workflow.task_completed",
            "workflow.task_finalization_completed",
        ]
    );
    let completed = &stage.events[1].payload;
    assert_eq!(completed.get("execution_duration"), Some(&json!(0.25)));
    assert!(completed.to_json().ends_with(r#""step_results":{"big":12345678901234567890123}}"#));
    let ended = &stage.events[5].payload;
    assert_eq!(ended.get("total_execution_duration"), Some(&json!(1.25)));
    assert_eq!(ended.get("completed_steps"), Some(&json!(1)));
    assert_eq!(ended.get("pending_steps"), Some(&json!(0)));
}

#[test]
fn a_failure_tells_when_it_goes_on_and_the_last_one_that_it_does_not() {
    let mut stage = Stage::begin(template(&[(2, &[])]), &[]);
    stage.group(|run, now, changes| drop(run.claim(0, now, changes)));
    stage.events.clear();
    let wait = Duration::from_secs(4);
    stage.group(|run, now, changes| run.fail(0, 1, failure("first"), now, wait, changes).unwrap());
    assert_eq!(
        names(&stage.events)[1..],
        [
            "step.failed",
            "workflow.step_failed",
            "observability.step.backoff",
            "workflow.steps_execution_completed",
            "task.before_transition",
            "task.initialize_requested",
            "workflow.no_viable_steps",
            "workflow.task_reenqueue_delayed",
        ]
    );
    assert_eq!(stage.events[1].payload.get("error_message"), Some(&json!("first")));
    assert_eq!(stage.events[1].payload.get("exception_class"), Some(&json!("Boom")));
    assert_eq!(stage.events[3].payload.get("backoff_seconds"), Some(&json!(4.0)));
    assert_eq!(stage.events[8].payload.get("delay_seconds"), Some(&json!(4.0)));
    stage.events.clear();
    stage.now += 4_000_000;
    stage.group(|run, now, changes| drop(run.claim(0, now, changes)));
    assert!(names(&stage.events).contains(&"step.retry_requested"));
    stage.events.clear();
    stage.group(|run, now, changes| run.fail(0, 2, failure("second"), now, wait, changes).unwrap());
    assert_eq!(names(&stage.events)[3], "observability.step.max_retries_reached");
    let failed = stage.events.iter().find(|event| event.name == "task.failed").unwrap();
    assert_eq!(failed.payload.get("error_steps"), Some(&json!(["s0"])));
    assert_eq!(failed.payload.get("reason"), Some(&json!("steps_in_error_state")));
}

#[test]
fn bypassed_steps_are_told_as_skipped() {
    let stage = Stage::begin(template(&[(3, &[]), (3, &[0])]), &[0]);
    assert_eq!(
        names(&stage.events),
        ["task.initialize_requested", "observability.task.enqueue", "step.completed", "observability.step.skip"]
    );
}

#[test]
fn the_catalog_names_everything_once() {
    let names: BTreeSet<&str> = CATALOG.iter().map(|event| event.name).collect();
    assert_eq!(names.len(), CATALOG.len());
    for event in CATALOG {
        assert!(event.description.ends_with('.'), "{}", event.name);
        let (schema, example) = (event.payload_schema(), event.example_payload());
        assert!(jsonschema::validator_for(&schema).unwrap().is_valid(&example), "{}", event.name);
    }
}

/// DAGs of up to six steps.
fn dags() -> impl Strategy<Value = Arc<Template>> {
    prop::collection::vec((0_u16..4, any::<u8>()), 1..6).prop_map(|steps| {
        let parents: Vec<(u16, Vec<StepNo>)> = steps
            .iter()
            .enumerate()
            .map(|(no, (limit, mask))| {
                let no = StepNo::try_from(no).unwrap();
                (*limit, (0..no).filter(|parent| mask >> parent & 1 == 1).collect())
            })
            .collect();
        let steps: Vec<(u16, &[StepNo])> = parents.iter().map(|(limit, parents)| (*limit, &parents[..])).collect();
        template(&steps)
    })
}

/// Plays something on a run; what the rules refuse changes nothing.
fn play(run: &mut Run, now: Micros, changes: &mut Changes, (kind, pick): (u8, u16)) {
    let any = pick % run.len();
    let operation = |kind| Operation { requested_by: "me".to_owned(), ..asked(kind) };
    let fits = |wanted: &dyn Fn(StepNo) -> bool| {
        let fitting: Vec<StepNo> = (0..run.len()).filter(|no| wanted(*no)).collect();
        fitting.get(usize::from(pick) % fitting.len().max(1)).copied().unwrap_or(any)
    };
    let running = fits(&|no| run.step(no).state == State::InProgress);
    let token = run.step(running).attempts;
    let wait = Duration::from_secs(u64::from(pick % 5));
    let _refused = match kind {
        0..=8 => run.claim(fits(&|no| run.step(no).is_ready(now)), now, changes).map(drop),
        9..=14 => run.complete(running, token, changes),
        15..=18 => run.fail(running, token, failure("x"), now, wait, changes),
        19 => run.fail(running, token, Failure { permanent: true, ..failure("x") }, now, wait, changes),
        20 => run.cancel_step(any, operation(OperationKind::CancelStep), changes),
        21 => run.resolve_step(any, operation(OperationKind::ResolveStep), changes),
        22 => run.retry_step(any, 1, operation(OperationKind::RetryStep), changes),
        23 => run.retry(1, &operation(OperationKind::RetryTask), changes),
        24 => run.limit_step(any, pick % 5, operation(OperationKind::UpdateStep), changes),
        25 => run.change_inputs(any, operation(OperationKind::UpdateStep), changes),
        26 if pick % 4 == 0 => run.cancel(operation(OperationKind::CancelTask), changes),
        27 if pick % 4 == 0 => run.exceed_deadline(now, changes),
        _ => Ok(()),
    };
}

proptest! {
    #[test]
    fn every_transition_is_told_exactly_once(
        dag in dags(),
        batches in prop::collection::vec(prop::collection::vec((0_u8..28, any::<u16>()), 1..4), 0..40),
    ) {
        let mut stage = Stage::begin(dag, &[]);
        for batch in batches {
            stage.now += 1_000_000;
            stage.group(|run, now, changes| batch.iter().for_each(|op| play(run, now, changes, *op)));
        }
        let Stage { run, moves, events, .. } = stage;
        for of in &moves {
            let told: Vec<&Event> = events.iter().filter(|event| event.sequence == of.sequence).collect();
            let places: Vec<usize> = told.iter().map(|event| usize::from(event.nth)).collect();
            prop_assert_eq!(places, (0..told.len()).collect::<Vec<_>>());
            let count = |name: &str| told.iter().filter(|event| event.name == name).count();
            let (owner, before) = match of.step {
                Some(_) => (Owner::Step, "step.before_transition"),
                None => (Owner::Task, "task.before_transition"),
            };
            if of.from == Some(of.to) {
                prop_assert!(told.is_empty(), "{of:?} {told:?}");
                continue;
            }
            let own = state::event(owner, of.from, of.to).expect("the state machine knows its moves");
            prop_assert_eq!(count(own), 1, "{:?}", of);
            prop_assert_eq!(count(before), usize::from(of.from.is_some()), "{:?}", of);
        }
        // In order, and each place once.
        let places: Vec<_> = events.iter().map(|event| (event.sequence, event.nth)).collect();
        prop_assert!(places.is_sorted() && places.windows(2).all(|pair| pair[0] != pair[1]));
        for event in &events {
            let known = find(event.name).expect("it is in the catalog");
            prop_assert!(!known.fired_by.is_empty(), "{} has somebody who tells it", event.name);
            let names: BTreeSet<&str> = event.payload.names().collect();
            for field in known.fields() {
                prop_assert!(!field.required || names.contains(field.name), "{} lacks {}", event.name, field.name);
            }
            for name in names {
                prop_assert!(known.fields().any(|field| field.name == name), "{} has {name}", event.name);
            }
        }
        // The counts of the last word about the task are those of the run, unless a step has moved since.
        let last_step = moves.iter().rev().find(|of| of.step.is_some()).map_or(0, |of| of.sequence);
        let word = events.iter().rev().find(|event| event.name.starts_with("task.") && event.sequence > last_step);
        if let Some(word) = word {
            let now = condition(&run);
            prop_assert_eq!(word.payload.get("completed_steps"), Some(&json!(now.completed)));
            prop_assert_eq!(word.payload.get("failed_steps"), Some(&json!(now.failed.len())));
        }
    }
}
