//! Blockers in a line each, for people.

use super::{Cause, Failure, SessionOccupancy, TerminalCause};
use crate::domain::{
    ids::StepNo,
    run::{Micros, Run},
};

/// Characters of an error message that are shown.
const MESSAGE_CHARS: usize = 120;

/// A cause that keeps a step, in one line without a full stop.
pub fn summary(run: &Run, no: StepNo, cause: &Cause, now: Micros) -> String {
    let template = run.template();
    match cause {
        Cause::TaskSettled { state, reason } if reason.is_empty() || reason == state.label() => {
            format!("the task is {state}")
        }
        Cause::TaskSettled { state, reason } => format!("the task is {state}: {reason}"),
        Cause::Parents { unsettled, count } => {
            let named = unsettled.iter().map(|(no, state)| format!("{} ({state})", template.step(*no).name));
            format!("waits for {}", list(&named.collect::<Vec<_>>(), *count))
        }
        Cause::Ancestor { ancestor, terminal_cause, failure } => {
            let name = &template.step(*ancestor).name;
            let step = run.step(*ancestor);
            let why = match terminal_cause {
                TerminalCause::Cancelled => "is cancelled".to_owned(),
                TerminalCause::Exhausted => used(step.attempts, step.retry_limit, failure.as_ref()),
                TerminalCause::Permanent => format!("failed for good{}", with(failure.as_ref())),
            };
            format!("{name} {why}")
        }
        Cause::Backoff { until, failure } => {
            let attempt = failure.as_ref().map_or_else(|| "the last attempt".to_owned(), attempt);
            let failed = with(failure.as_ref());
            format!("{attempt} failed{failed}; the next may begin in {}", span(until - now))
        }
        Cause::Exhausted { attempts, limit, failure } => used(*attempts, *limit, failure.as_ref()),
        Cause::Permanent { retryable: true, failure } => format!("failed for good{}", with(failure.as_ref())),
        Cause::Permanent { retryable: false, failure } => {
            format!("failed{}, and its handler allows no second attempt", with(failure.as_ref()))
        }
        Cause::Leased { attempt, lease: None, .. } => {
            format!("attempt {attempt} runs without a lease and is about to be ended")
        }
        Cause::Leased { attempt, lease: Some(lease), overdue } => {
            let since = span(now - lease.since);
            let who = if lease.worker_id.is_empty() { "a worker that is gone" } else { &lease.worker_id };
            let end = if *overdue { "; it is overdue and about to be ended" } else { "" };
            format!("attempt {attempt} runs on {who} for {since}{end}")
        }
        Cause::Paused(pause) => {
            let what = match &pause.handler {
                Some(name) => format!("handler {}.{name}", pause.namespace),
                None => format!("namespace {}", pause.namespace),
            };
            let by = match (&*pause.subject, &*pause.requested_by) {
                ("", "") => String::new(),
                ("", whom) => format!(" by {}", shown(whom)),
                (subject, whom) if whom.is_empty() || whom == subject => format!(" by {}", shown(subject)),
                (subject, whom) => format!(" by {} for {}", shown(subject), shown(whom)),
            };
            let why = if pause.reason.is_empty() { String::new() } else { format!(": {}", shown(&pause.reason)) };
            format!("{what} is paused{by}{why}")
        }
        Cause::NoWorker { disconnected } => {
            let handler = &template.step(no).handler_class;
            let gone = if disconnected.is_empty() {
                String::new()
            } else {
                format!("; {} has just gone", names(disconnected, 0))
            };
            format!("no worker runs step handler {handler} in namespace {}{gone}", template.namespace)
        }
        Cause::NoFreeSlot { holders, count } => {
            let slots: usize = holders.iter().map(|session| session.slots).sum();
            let more = if *count > holders.len() { "more than " } else { "" };
            format!("all {more}{} are taken: {}", counted(slots, "slot"), names(holders, *count))
        }
        Cause::Draining { sessions } => format!("the workers that run it take no more work: {}", names(sessions, 0)),
        Cause::Cancelled => "was cancelled, so that the steps behind it never start".to_owned(),
        Cause::Dispatch { free } => format!("{} free: it starts now", counted(*free, "slot")),
    }
}

fn used(attempts: u16, limit: u16, failure: Option<&Failure>) -> String {
    if attempts == 0 {
        return "is allowed no attempt".to_owned();
    }
    let last = failure.map_or_else(String::new, |failure| format!("; the last failed{}", with(Some(failure))));
    format!("has used {attempts} of {}{last}", counted(usize::from(limit), "attempt"))
}

fn attempt(failure: &Failure) -> String {
    format!("attempt {}", failure.attempt)
}

/// ` with CLASS: MESSAGE`, as far as it is known.
fn with(failure: Option<&Failure>) -> String {
    let Some(Failure { error_class, message, .. }) = failure else { return String::new() };
    match (error_class.is_empty(), message.is_empty()) {
        (true, true) => String::new(),
        (false, true) => format!(" with {error_class}"),
        (true, false) => format!(": {}", shown(message)),
        (false, false) => format!(" with {error_class}: {}", shown(message)),
    }
}

fn names(sessions: &[SessionOccupancy], count: usize) -> String {
    let named = sessions.iter().map(|session| format!("{} ({} of {})", session.worker_id, session.held, session.slots));
    list(&named.collect::<Vec<_>>(), count.max(sessions.len()))
}

/// `a, b and 3 more`.
fn list(named: &[String], count: usize) -> String {
    let more = count.saturating_sub(named.len());
    let named = named.join(", ");
    if more > 0 { format!("{named} and {more} more") } else { named }
}

fn counted(count: usize, what: &str) -> String {
    if count == 1 { format!("{count} {what}") } else { format!("{count} {what}s") }
}

/// A message on one line, cut.
fn shown(message: &str) -> String {
    let line: String = message.chars().map(|symbol| if symbol.is_control() { ' ' } else { symbol }).collect();
    if line.chars().count() <= MESSAGE_CHARS {
        return line;
    }
    let kept: String = line.chars().take(MESSAGE_CHARS - 1).collect();
    format!("{}…", kept.trim_end())
}

/// A stretch of time, to about two digits.
fn span(micros: Micros) -> String {
    let millis = micros.max(0) / 1_000;
    match millis {
        0..1_000 => format!("{millis}ms"),
        1_000..60_000 => format!("{}.{}s", millis / 1_000, millis % 1_000 / 100),
        60_000..3_600_000 => format!("{}m{:02}s", millis / 60_000, millis % 60_000 / 1_000),
        3_600_000..86_400_000 => format!("{}h{:02}m", millis / 3_600_000, millis % 3_600_000 / 60_000),
        _ => format!("{}d{:02}h", millis / 86_400_000, millis % 86_400_000 / 3_600_000),
    }
}

impl super::Verdict {
    /// The name used everywhere outside.
    pub const fn label(self) -> &'static str {
        match self {
            Self::Movable => "movable",
            Self::Running => "running",
            Self::Waiting { .. } => "waiting",
            Self::Stuck => "stuck",
            Self::Settled => "settled",
        }
    }
}
