use super::*;
use crate::proto::tasker::worker::v1::Success;

fn key(step: u128) -> Key {
    Key { step: Uuid::from_u128(step), token: 1 }
}

fn result(step: u128, json: &str) -> (Key, StepResult) {
    let key = key(step);
    let success = Outcome::Success(Success { results_json: json.to_owned() });
    (
        key,
        StepResult {
            step_id: key.step.to_string(),
            lease_token: key.token,
            outcome: Some(success),
            ..StepResult::default()
        },
    )
}

fn done(ledger: &mut Ledger, step: u128) {
    let (key, result) = result(step, "{}");
    ledger.finish_at_once(key, result);
}

fn ack(ledger: &mut Ledger, step: u128, outcome: AckOutcome) {
    let lease = key(step).lease();
    ledger.acknowledge(&Ack {
        step_id: lease.step_id,
        lease_token: lease.lease_token,
        outcome: outcome.into(),
        message: String::new(),
    });
}

#[test]
fn a_result_is_kept_until_it_is_acknowledged() {
    let check = |outcome: AckOutcome, kept: usize| {
        let mut ledger = Ledger::default();
        done(&mut ledger, 1);
        assert_eq!(ledger.take_batch().len(), 1);
        assert_eq!((ledger.has_ready(), ledger.unacknowledged()), (false, 1));
        ack(&mut ledger, 1, outcome);
        assert_eq!(ledger.unacknowledged(), kept, "{outcome:?}");
        ledger.retry_now();
        assert_eq!(ledger.take_batch().len(), kept, "{outcome:?}");
    };
    check(AckOutcome::Accepted, 0);
    check(AckOutcome::Stale, 0);
    check(AckOutcome::Invalid, 0);
    check(AckOutcome::Retry, 1);
}

#[test]
fn a_stopped_attempt_is_told_and_its_result_is_dropped() {
    let mut ledger = Ledger::default();
    let cancel = CancellationToken::new();
    ledger.begin(key(1), cancel.clone());
    assert!(ledger.stop(key(1)));
    assert!(cancel.is_cancelled());
    let (key, result) = result(1, "{}");
    ledger.finish(key, result);
    assert!(ledger.is_idle());
    assert!(!ledger.stop(key));
}

#[test]
fn a_new_stream_gets_everything_but_what_is_lost() {
    let mut ledger = Ledger::default();
    let (running, lost_running) = (CancellationToken::new(), CancellationToken::new());
    ledger.begin(key(1), running.clone());
    ledger.begin(key(2), lost_running.clone());
    (3..=5).for_each(|step| done(&mut ledger, step));
    ledger.take_batch();
    ack(&mut ledger, 5, AckOutcome::Retry);
    done(&mut ledger, 6);
    assert_eq!(ledger.held().len(), 6);

    ledger.reconnected(&[key(2).lease(), key(3).lease(), key(9).lease()]);
    assert_eq!((running.is_cancelled(), lost_running.is_cancelled()), (false, true));
    let mut again: Vec<String> = ledger.take_batch().into_iter().map(|result| result.step_id).collect();
    again.sort();
    let expected: Vec<String> = [4, 5, 6].map(|step| key(step).step.to_string()).into();
    assert_eq!(again, expected);
}

#[test]
fn attempts_in_hand_are_known() {
    let mut ledger = Ledger::default();
    ledger.begin(key(1), CancellationToken::new());
    (2..=4).for_each(|step| done(&mut ledger, step));
    ledger.take_batch();
    ack(&mut ledger, 3, AckOutcome::Retry);
    ack(&mut ledger, 4, AckOutcome::Accepted);
    done(&mut ledger, 5);
    let known: Vec<u128> = (1..=6).filter(|step| ledger.knows(key(*step))).collect();
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
