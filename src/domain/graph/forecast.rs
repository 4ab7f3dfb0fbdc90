//! When a run will be done, if nothing fails and a worker is free for whatever is ready.

use super::{Durations, Shape, policy::DurationEstimates};
use crate::domain::{
    ids::StepNo,
    run::{Micros, Run},
    state::State,
};

/// When a run will be done, counted from the moment of the forecast.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Forecast {
    /// With typical durations. `None` when the task is final, or some step will never be done by itself.
    pub finish_in: Option<Micros>,
    /// With durations that 95 of 100 attempts keep to.
    pub late_finish_in: Option<Micros>,
    /// The unfinished steps that decide when, in order: each begins when the one before it ends.
    pub steps: Vec<StepNo>,
    /// How many of these have a measured duration.
    pub measured: usize,
    /// Steps that will never be done by themselves: failed for good, cancelled, or without attempts. Not those that
    /// merely wait for them.
    pub stuck: Vec<StepNo>,
}

/// Forecasts a run. `began` tells when a running attempt began, if that is known.
pub fn forecast(
    shape: &Shape,
    run: &Run,
    durations: &Durations,
    estimates: &DurationEstimates,
    began: impl Fn(StepNo) -> Option<Micros>,
    now: Micros,
) -> Forecast {
    if run.state().is_settled_task() {
        return Forecast::default();
    }
    let stuck: Vec<StepNo> = (0..run.len()).filter(|no| is_stuck(run, *no)).collect();
    if !stuck.is_empty() {
        return Forecast { stuck, ..Forecast::default() };
    }
    let typical = |no| millis(durations.typical_ms(no, estimates));
    let long = |no| millis(durations.long_ms(no, estimates));
    // An attempt that runs longer than is typical is expected to take long; one that takes longer still, to end now.
    let running = |no, takes: Micros| match began(no) {
        Some(began) if began + takes < now => (began + long(no)).max(now),
        Some(began) => began + takes,
        None => now + takes,
    };
    let (ends, after) = schedule(shape, run, now, typical, running);
    let (late, _) = schedule(shape, run, now, long, running);
    let unfinished = shape.order().iter().copied().filter(|no| !run.step(*no).state.is_satisfied());
    let last = unfinished.max_by_key(|no| (ends[usize::from(*no)], std::cmp::Reverse(shape.rank(*no))));
    let mut steps = Vec::new();
    let mut at = last;
    while let Some(no) = at {
        steps.push(no);
        at = after[usize::from(no)];
    }
    steps.reverse();
    let ahead = |at: Micros| at.max(now) - now;
    Forecast {
        finish_in: Some(last.map_or(0, |last| ahead(ends[usize::from(last)]))),
        late_finish_in: late.into_iter().max().map(ahead),
        measured: steps.iter().filter(|no| durations.measured(**no).is_some()).count(),
        steps,
        stuck,
    }
}

/// Whether the forecast of a run stays the same until a step moves, counted from the moment of each question: nothing
/// runs, and no backoff has yet to end.
pub fn is_steady(run: &Run, now: Micros) -> bool {
    run.steps()
        .iter()
        .all(|step| step.state != State::InProgress && step.next_retry_at.is_none_or(|elapses_at| elapses_at <= now))
}

/// When each step ends, which for those that are done is before all that counts, and after which parent it begins, if
/// one of them decides that. `takes` tells how long an attempt takes, `running` when one that runs and takes so long
/// ends.
fn schedule(
    shape: &Shape,
    run: &Run,
    now: Micros,
    takes: impl Fn(StepNo) -> Micros,
    running: impl Fn(StepNo, Micros) -> Micros,
) -> (Vec<Micros>, Vec<Option<StepNo>>) {
    let mut ends = vec![Micros::MIN; shape.steps()];
    let mut after = vec![None; shape.steps()];
    for no in shape.order() {
        let step = run.step(*no);
        let end = match step.state {
            state if state.is_satisfied() => continue,
            State::InProgress => running(*no, takes(*no)),
            _ => {
                let mut start = step.next_retry_at.unwrap_or(now).max(now);
                let mut decider = None;
                for parent in shape.parents(*no) {
                    let end = ends[usize::from(*parent)];
                    let decides = || decider.is_none_or(|known| shape.rank(*parent) < shape.rank(known));
                    if end > start || (end == start && decides()) {
                        start = end;
                        decider = Some(*parent);
                    }
                }
                after[usize::from(*no)] = decider;
                start + takes(*no)
            }
        };
        ends[usize::from(*no)] = end;
    }
    (ends, after)
}

/// Whether a step that is not done will never be done by itself.
fn is_stuck(run: &Run, no: StepNo) -> bool {
    let step = run.step(no);
    match step.state {
        State::Cancelled => true,
        State::Pending | State::Error => !step.is_retry_eligible(),
        State::InProgress | State::Complete | State::ResolvedManually => false,
    }
}

fn millis(duration: u64) -> Micros {
    Micros::try_from(duration.saturating_mul(1_000)).unwrap_or(Micros::MAX / 4)
}
