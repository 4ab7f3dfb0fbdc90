//! Explanations for people.

use std::fmt::Write as _;

use tasker_sdk::proto::tasker::v1::{self as pb, blocker::Cause};

use super::super::{
    input::from_proto,
    style::{Paint, Tone, glyph, one_line, tone, width},
};
use crate::domain::state::State;

/// Names of steps that are listed.
const NAMES_MAX: usize = 8;

/// How calls are written.
#[derive(Debug, Clone, Copy)]
pub(super) struct Calls<'a> {
    /// The server that they go to.
    pub(super) endpoint: &'a str,
    /// Whether all of them are written for grpcurl, and not only those that have no command of ours.
    pub(super) all_grpcurl: bool,
}

/// A task.
pub(super) fn of_task(explained: &pb::ExplainTaskResponse, paint: Paint, calls: Calls<'_>) -> String {
    let mut text = String::new();
    let task = explained.task.clone().unwrap_or_default();
    let state = from_proto(task.state).unwrap_or_default();
    let reason = if task.state_reason.is_empty() { String::new() } else { format!(" ({})", task.state_reason) };
    let of = task.handler.clone().unwrap_or_default();
    let handler = one_line(&format!("{}.{}@{}", of.namespace, of.name, of.version));
    let handler = paint.tone(Tone::Bold, &handler);
    let state = paint.tone(tone(state), state.label());
    let _ = writeln!(text, "{handler}  {state}{reason}  {}", verdict(task.verdict(), paint));
    let _ = writeln!(text, "{}", paint.tone(Tone::Dim, &task.task_id));
    if let Some(at) = moment(task.deadline_time) {
        let _ = writeln!(text, "  must be finished by {at}");
    }
    if let Some(counts) = &task.counts {
        let _ = writeln!(text, "  {}", counted(counts));
    }
    blockers(&mut text, &task.blockers, "  ", paint, calls);
    for alike in alike(&explained.groups) {
        text.push('\n');
        let roots: Vec<&pb::StepExplanation> = alike.iter().filter_map(|group| group.root.as_ref()).collect();
        several(&mut text, &roots, paint, calls);
        let names = alike.iter().flat_map(|group| &group.waiting).map(|step| one_line(&step.name));
        let count = alike.iter().map(|group| group.waiting_count).sum();
        if count > 0 {
            let waiting = listed(names.collect(), count);
            let (noun, verb) = if count == 1 { ("step", "waits") } else { ("steps", "wait") };
            let _ = writeln!(text, "    {count} {noun} {verb} behind: {waiting}");
        }
    }
    if !explained.next_page_token.is_empty() {
        let _ = writeln!(text, "\n  and more; --limit shows them");
    }
    text
}

/// A step, and the steps at which it stands.
pub(super) fn of_step(explained: &pb::ExplainStepResponse, paint: Paint, calls: Calls<'_>) -> String {
    let mut text = String::new();
    let Some(step) = &explained.step else { return text };
    several(&mut text, &[step], paint, calls);
    if !explained.roots.is_empty() {
        let _ = writeln!(text, "\nit stands at:");
    }
    for root in &explained.roots {
        text.push('\n');
        several(&mut text, &[root], paint, calls);
    }
    text
}

/// Groups side by side whose roots are kept by the same causes, so that these are told once.
fn alike(groups: &[pb::StepGroup]) -> Vec<&[pb::StepGroup]> {
    fn said(group: &pb::StepGroup) -> Option<pb::StepExplanation> {
        let mut root = group.root.clone()?;
        // The data of the cause may differ, such as when it began; the words do not.
        for blocker in &mut root.blockers {
            (blocker.cause, blocker.start_time) = (None, None);
            blocker.remedies.iter_mut().for_each(|remedy| remedy.arguments_json.clear());
        }
        Some(pb::StepExplanation { step_id: String::new(), name: String::new(), ..root })
    }
    groups.chunk_by(|one, other| said(one) == said(other)).collect()
}

/// Steps that are kept by the same causes.
fn several(text: &mut String, steps: &[&pb::StepExplanation], paint: Paint, calls: Calls<'_>) {
    let Some(step) = steps.first() else { return };
    let state = from_proto(step.state).unwrap_or_default();
    // A failed step that is tried again, as in `tasker watch`.
    let (sign, sign_tone) = match step.verdict() {
        pb::Verdict::Waiting | pb::Verdict::Movable if state == State::Error => ("↻", Tone::Warn),
        _ => (glyph(state), tone(state)),
    };
    let names: Vec<String> = steps.iter().map(|step| one_line(&step.name)).collect();
    let count = i32::try_from(names.len()).unwrap_or(i32::MAX);
    let until = moment(step.ready_time).map(|at| format!(" until {at}")).unwrap_or_default();
    let _ = writeln!(
        text,
        "  {} {}  {}{until}  {}",
        paint.tone(sign_tone, sign),
        paint.tone(Tone::Bold, &listed(names, count)),
        verdict(step.verdict(), paint),
        paint.tone(Tone::Dim, &format!("attempt {} of {}", step.attempts, step.retry_limit)),
    );
    blockers(text, &step.blockers, "    ", paint, calls);
}

/// The first names of so many.
fn listed(mut names: Vec<String>, count: i32) -> String {
    names.truncate(NAMES_MAX);
    let more = usize::try_from(count).unwrap_or(0).saturating_sub(names.len());
    let named = names.join(", ");
    if more > 0 { format!("{named} and {more} more") } else { named }
}

pub(super) fn blockers(text: &mut String, blockers: &[pb::Blocker], indent: &str, paint: Paint, calls: Calls<'_>) {
    for blocker in blockers {
        let since = moment(blocker.start_time).map(|at| format!("  since {at}")).unwrap_or_default();
        let since = paint.tone(Tone::Dim, &since);
        let _ = writeln!(text, "{indent}{}{since}", one_line(&blocker.summary));
        let lines: Vec<(String, &str)> =
            blocker.remedies.iter().filter_map(|remedy| Some((line(remedy, calls)?, &*remedy.description))).collect();
        let widest = lines.iter().map(|(line, _)| width(line)).filter(|width| *width < 80).max().unwrap_or(0);
        // A stream is nothing to be opened by hand.
        let by_hand = |remedy: &&pb::Remedy| match &blocker.cause {
            Some(Cause::TaskSettled(_) | Cause::Cancelled(_) | Cause::Ancestor(_)) => line(remedy, calls).is_none(),
            _ => is_stream(remedy),
        };
        for remedy in blocker.remedies.iter().filter(by_hand) {
            let _ = writeln!(text, "{indent}  → {}", one_line(&remedy.description));
        }
        for (line, why) in lines {
            let room = " ".repeat(widest.saturating_sub(width(&line)));
            let why = paint.tone(Tone::Dim, &format!("# {}", one_line(why)));
            let _ = writeln!(text, "{indent}  $ {line}{room}  {why}");
        }
    }
}

/// Whether the call is the session of a worker.
fn is_stream(remedy: &pb::Remedy) -> bool {
    remedy.method.starts_with("tasker.worker.v1.")
}

/// The command line of a remedy, if there is one.
fn line(remedy: &pb::Remedy, calls: Calls<'_>) -> Option<String> {
    if !remedy.command.is_empty() && !calls.all_grpcurl {
        return Some(remedy.command.clone());
    }
    if remedy.method.is_empty() || is_stream(remedy) {
        return None;
    }
    let arguments = remedy.arguments_json.replace('\'', "'\\''");
    let target = match calls.endpoint.strip_prefix("unix:") {
        Some(path) => format!("-unix {path}"),
        None => calls.endpoint.trim_start_matches("http://").trim_start_matches("https://").to_owned(),
    };
    let plain = if calls.endpoint.starts_with("https://") { "" } else { "-plaintext " };
    Some(format!("grpcurl {plain}-d '{arguments}' {target} {}", remedy.method))
}

pub(super) fn verdict(verdict: pb::Verdict, paint: Paint) -> String {
    let (tone, word) = match verdict {
        pb::Verdict::Movable => (Tone::Busy, "starts now"),
        pb::Verdict::Running => (Tone::Busy, "runs"),
        pb::Verdict::Waiting => (Tone::Warn, "waits"),
        pb::Verdict::Stuck => (Tone::Bad, "is stuck"),
        pb::Verdict::Settled => (Tone::Good, "is settled"),
        pb::Verdict::Unspecified => (Tone::Dim, "is unknown"),
    };
    paint.tone(tone, word)
}

fn counted(counts: &pb::VerdictCounts) -> String {
    let all = counts.movable + counts.running + counts.waiting + counts.stuck + counts.settled;
    let parts = [
        (counts.settled, "settled"),
        (counts.running, "running"),
        (counts.movable, "about to start"),
        (counts.waiting, "waiting"),
        (counts.stuck, "stuck"),
    ];
    let parts = parts.iter().filter(|(count, _)| *count > 0).map(|(count, word)| format!("{count} {word}"));
    let steps = if all == 1 { "step" } else { "steps" };
    format!("{all} {steps}: {}", parts.collect::<Vec<_>>().join(", "))
}

/// A time to the second, in UTC.
fn moment(time: Option<prost_types::Timestamp>) -> Option<String> {
    let time = time?;
    let time = chrono::DateTime::from_timestamp(time.seconds, 0)?;
    Some(time.format("%Y-%m-%d %H:%M:%SZ").to_string())
}
