//! What happens when several items of one batch are about the same step.

use super::*;
use crate::{
    domain::{
        run::{Operation, OperationKind},
        template::{StepSpec, Template},
    },
    lifecycle::workforce::{Outgoing, SessionReceiver},
};
use tokio::sync::oneshot;
use uuid::Uuid;

const QUEUE: QueueId = 1;

/// A task with one step that is ready, and a worker with one slot.
struct Stage {
    task: TaskId,
    cached: CachedRun,
    workforce: Workforce,
    paused: Option<Paused>,
    receiver: SessionReceiver,
}

impl Stage {
    fn new(from_earlier_batch: bool) -> Self {
        let step = StepSpec {
            name: "a".into(),
            handler_class: "A".into(),
            queue: QUEUE,
            dependent_system: "unknown".into(),
            retryable: true,
            retry_limit: 3,
            skippable: false,
            timeout: None,
            config_json: "".into(),
            parents: Vec::new(),
            children: Vec::new(),
        };
        let template = Template {
            id: 1,
            namespace: "default".into(),
            name: "t".into(),
            version: "1.0.0".into(),
            steps: vec![step],
        };
        let (run, _) = Run::create(Arc::new(template), &[]);
        let cached = CachedRun {
            run,
            started_at: None,
            finished_at: None,
            deadline_at: None,
            context: None,
            correlation_id: None,
            trace: None,
            results: Vec::new(),
            began: Vec::new(),
            from_earlier_batch,
        };
        let workforce = Workforce::default();
        let (sender, receiver) = workforce.channel();
        workforce.join(Uuid::from_u128(1), [(QUEUE, None)].into_iter().collect(), 1, sender);
        workforce.open(Uuid::from_u128(1), &HashSet::new());
        Self { task: TaskId::new(1, 1), cached, workforce, paused: Some(Paused::default()), receiver }
    }

    fn decide(&self, items: &[Item]) -> Batch {
        let backoff = Policy::default();
        let paused = self.paused.as_ref();
        let context = DecideContext { now: 1_000, backoff: &backoff, workforce: &self.workforce, paused };
        Batch::decide(items, vec![(self.task, self.cached.clone())], &Known::default(), context)
    }

    fn claim(&self) -> Item {
        Item::Claim { steps: vec![(self.task.step(0), 0)], reply: oneshot::channel().0 }
    }

    fn cancel(&self) -> Item {
        let request = Box::new(Request::CancelTask(Operation::of(OperationKind::CancelTask)));
        Item::Apply { task: self.task, request, reply: oneshot::channel().0 }
    }

    fn settle(&self, attempt: u16) -> Item {
        let outcome = Outcome::Success(Arc::from("{}"));
        Item::Settle { step: self.task.step(0), attempt, outcome, ack: super::super::AckTo::Nobody }
    }

    fn free_slots(&self) -> usize {
        self.workforce.expect_work([QUEUE]);
        self.workforce.openings(1_000).first().map_or(0, |opening| opening.free)
    }
}

#[test]
fn a_step_that_is_claimed_and_cancelled_in_one_batch_is_never_handed_out() {
    let mut stage = Stage::new(false);
    let items = [stage.claim(), stage.cancel()];
    let batch = stage.decide(&items);
    let entry = &batch.entries[&stage.task];
    assert_eq!(entry.cached.run.step(0).state, State::Cancelled);
    assert!(entry.reservations.is_empty() && entry.changes.stopped.is_empty());
    let set = batch.columns(&items, 1_000).unwrap();
    assert!(set.lease_inserts.task_id.is_empty(), "no lease begins");
    assert_eq!(stage.free_slots(), 1);
    let mut outgoing = Outgoing::default();
    stage.receiver.gather(&mut outgoing);
    assert!(outgoing.assignments.is_empty() && outgoing.stops.is_empty());
}

#[test]
fn a_refusal_on_the_word_of_a_cached_run_is_unverified() {
    for from_earlier_batch in [false, true] {
        let stage = Stage::new(from_earlier_batch);
        let is_unverified = |items: &[Item]| stage.decide(items).is_unverified(items);
        assert_eq!(is_unverified(&[stage.settle(1)]), from_earlier_batch, "nothing checks it");
        assert!(!is_unverified(&[stage.claim()]), "the write checks it");
        assert!(!is_unverified(&[stage.settle(1), stage.cancel()]), "the write checks it");
    }
}

#[test]
fn what_was_decided_can_be_undone() {
    let stage = Stage::new(false);
    let mut batch = stage.decide(&[stage.claim()]);
    assert_eq!(stage.free_slots(), 0);
    batch.undo(&stage.workforce);
    assert_eq!(stage.free_slots(), 1);
}
