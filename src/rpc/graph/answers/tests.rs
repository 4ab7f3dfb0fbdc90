use super::*;
use crate::domain::{graph::Measured, state::State};

fn stored() -> Stored {
    Stored { state: State::InProgress, reason: None, revision: 3, steps: vec![1; 16], detail: None }
}

fn durations(p95_ms: u64) -> Arc<Durations> {
    Arc::new(Durations::new(2, [(0, Measured { median_ms: 10, p95_ms, samples: 5 })]))
}

fn origin() -> Origin {
    Origin { stored: stored(), durations: Some(durations(20)), between_backoffs: 100..200 }
}

#[test]
fn an_answer_is_good_for_the_very_same_only() {
    assert!(origin().is_of(&stored(), Some(&durations(20)), 100), "measured again, and found the same");
    assert!(
        !origin().is_of(&stored(), Some(&durations(21)), 100),
        "an analysis would be the same, the durations shown are not"
    );
    assert!(!origin().is_of(&Stored { revision: 4, ..stored() }, Some(&durations(20)), 100));
    assert!(!origin().is_of(&Stored { steps: vec![2; 16], ..stored() }, Some(&durations(20)), 100));
    let limited = Stored { detail: Some(r#"{"0":{"retry_limit":9}}"#.to_owned()), ..stored() };
    assert!(!origin().is_of(&limited, Some(&durations(20)), 100), "even if the revision had stayed");
}

#[test]
fn an_answer_is_good_while_no_backoff_elapses() {
    let is_good = |now| origin().is_of(&stored(), Some(&durations(20)), now);
    assert_eq!([99, 100, 199, 200].map(is_good), [false, true, true, false]);
}

#[test]
fn an_answer_of_a_task_that_has_ended_is_good_whatever_is_measured() {
    let ended = Origin { durations: None, ..origin() };
    assert!(ended.is_of(&stored(), None, 100));
    assert!(!ended.is_of(&stored(), Some(&durations(20)), 100));
    assert!(!origin().is_of(&stored(), None, 100));
}

#[test]
fn backoffs_end_at_both_ends_of_the_time_between() {
    let check = |backoffs: &[Micros], expected| assert_eq!(between(backoffs.iter().copied(), 100), expected);
    check(&[], Micros::MIN..Micros::MAX);
    check(&[100], 100..Micros::MAX);
    check(&[101], Micros::MIN..101);
    check(&[90, 95, 130, 120], 95..120);
}
