use tokio_util::sync::CancellationToken;

use super::*;
use crate::proto::tasker::worker::v1::{Failure, Success};

fn key(step: u128) -> Key {
    Key::new(&format!("step {step}"), 1)
}

fn result(step: u128, json: &str) -> (Key, StepResult) {
    let key = key(step);
    let result = key.result(Outcome::Success(Success { results_json: Some(json.to_owned()) }));
    (key, result)
}

fn cancel() -> Cancel {
    Cancel::new(CancellationToken::new())
}

fn done(ledger: &mut Ledger, step: u128) {
    let (key, result) = result(step, "{}");
    ledger.finish_at_once(key, result);
}

fn ack(ledger: &mut Ledger, step: u128, outcome: AckOutcome) -> Option<DroppedResult> {
    let lease = key(step).lease();
    ledger.acknowledge(&Ack {
        step_id: lease.step_id,
        lease_token: lease.lease_token,
        outcome: outcome.into(),
        message: String::new(),
    })
}

#[test]
fn a_result_is_kept_until_it_is_acknowledged() {
    let check = |outcome: AckOutcome, kept: usize, dropped: Option<DropReason>| {
        let mut ledger = Ledger::default();
        done(&mut ledger, 1);
        assert_eq!(ledger.take_batch().len(), 1);
        assert_eq!((ledger.has_ready(), ledger.unacknowledged()), (false, 1));
        assert_eq!(ack(&mut ledger, 1, outcome).map(|dropped| dropped.reason), dropped, "{outcome:?}");
        assert_eq!(ledger.unacknowledged(), kept, "{outcome:?}");
        ledger.retry_now();
        assert_eq!(ledger.take_batch().len(), kept, "{outcome:?}");
    };
    check(AckOutcome::Accepted, 0, None);
    check(AckOutcome::Stale, 0, Some(DropReason::Stale));
    check(AckOutcome::Invalid, 0, Some(DropReason::Invalid));
    check(AckOutcome::Retry, 1, None);
}

#[test]
fn a_stopped_attempt_is_told_and_its_result_is_dropped() {
    let mut ledger = Ledger::default();
    let cancel = cancel();
    ledger.begin(key(1), "a".into(), cancel.clone());
    assert!(ledger.stop(&key(1), CancelReason::TimedOut));
    assert_eq!(cancel.reason(), Some(CancelReason::TimedOut));
    let (key, result) = result(1, "{}");
    ledger.finish(key.clone(), result);
    assert!(ledger.is_idle());
    assert!(!ledger.stop(&key, CancelReason::TimedOut));
}

#[tokio::test(start_paused = true)]
async fn a_handler_that_ignores_its_stop_keeps_its_slot_and_is_named() {
    let grace = Duration::from_secs(5);
    let mut ledger = Ledger::default();
    ledger.begin(key(1), "a".into(), cancel());
    assert!(ledger.stop(&key(1), CancelReason::Cancelled));
    assert!(ledger.is_full(1) && !ledger.is_full(2));
    assert_eq!((ledger.stuck(grace), ledger.stuck_attempts()), (0, vec![]));
    ledger.wait(key(2), Assignment::default());
    assert_eq!(ledger.next_waiting(1), None);
    assert_eq!(ledger.held(), [key(2).lease()]);
    tokio::time::advance(grace).await;
    assert_eq!((ledger.stuck(grace), ledger.stuck_attempts()), (1, vec![key(1).lease()]));
    assert_eq!(ledger.next_stuck_at(grace), None);
    ledger.ended(&key(1));
    assert_eq!(ledger.stuck(grace), 0);
    assert_eq!(ledger.next_waiting(1).map(|(key, _)| key), Some(key(2)));
}

#[test]
fn an_interrupted_attempt_may_succeed_and_its_failure_is_handed_back() {
    let mut ledger = Ledger::default();
    for step in 1..=3 {
        ledger.begin(key(step), "a".into(), cancel());
    }
    ledger.wait(key(4), Assignment::default());
    ledger.interrupt_all();
    let (one, success) = result(1, "1");
    ledger.finish(one, success);
    ledger.finish(key(2), key(2).result(Outcome::Failure(Failure::default())));
    ledger.release_all();
    let mut sent: Vec<_> = ledger.take_batch();
    sent.sort_by(|one, two| one.step_id.cmp(&two.step_id));
    let outcomes: Vec<_> = sent.into_iter().map(|result| result.outcome.expect("set")).collect();
    let handed_back = release(ReleaseReason::WorkerDraining);
    let success = Outcome::Success(Success { results_json: Some("1".into()) });
    assert_eq!(outcomes, [success, handed_back.clone(), handed_back.clone(), handed_back]);
}

#[test]
fn a_new_stream_gets_everything_but_what_is_lost() {
    let mut ledger = Ledger::default();
    let (running, lost_running) = (cancel(), cancel());
    ledger.begin(key(1), "a".into(), running.clone());
    ledger.begin(key(2), "b".into(), lost_running.clone());
    (3..=5).for_each(|step| done(&mut ledger, step));
    ledger.take_batch();
    ack(&mut ledger, 5, AckOutcome::Retry);
    done(&mut ledger, 6);
    assert_eq!(ledger.held().len(), 6);

    let dropped = ledger.reconnected(&[key(2).lease(), key(3).lease(), key(9).lease()]);
    assert_eq!(dropped, [key(3).dropped(DropReason::Stale)]);
    assert_eq!((running.reason(), lost_running.reason()), (None, Some(CancelReason::LeaseLost)));
    let mut again: Vec<String> = ledger.take_batch().into_iter().map(|result| result.step_id).collect();
    again.sort();
    assert_eq!(again, [4, 5, 6].map(|step| key(step).lease().step_id));
}

#[test]
fn attempts_in_hand_are_known() {
    let mut ledger = Ledger::default();
    ledger.begin(key(1), "a".into(), cancel());
    (2..=4).for_each(|step| done(&mut ledger, step));
    ledger.take_batch();
    ack(&mut ledger, 3, AckOutcome::Retry);
    ack(&mut ledger, 4, AckOutcome::Accepted);
    done(&mut ledger, 5);
    let known: Vec<u128> = (1..=6).filter(|step| ledger.knows(&key(*step))).collect();
    assert_eq!(known, [1, 2, 3, 5]);
}

#[test]
fn batches_have_limits() {
    let check = |bytes: usize, count: usize, expected: &[usize]| {
        let mut ledger = Ledger::default();
        for step in 0..count {
            let (key, result) = result(step as u128, &"x".repeat(bytes));
            ledger.finish_at_once(key, result);
        }
        let sizes: Vec<usize> =
            std::iter::from_fn(|| Some(ledger.take_batch().len()).filter(|size| *size > 0)).collect();
        assert_eq!(sizes, expected, "{count} of {bytes} bytes");
    };
    check(10, 2_500, &[1_000, 1_000, 500]);
    check(2 << 20, 2, &[1, 1]);
    check((512 << 10) - RESULT_BYTES, 3, &[2, 1]);
    check((512 << 10) - RESULT_BYTES + 1, 3, &[1, 1, 1]);
}
