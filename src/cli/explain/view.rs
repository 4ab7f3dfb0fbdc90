//! Explanations for people.

use std::fmt::Write as _;

use tasker_sdk::proto::tasker::v1 as pb;

use super::super::{
    input::from_proto,
    style::{Paint, Tone, glyph, one_line, tone, width},
};

/// How calls are written.
#[derive(Debug, Clone, Copy)]
pub(super) struct Calls<'a> {
    /// The server that they go to.
    pub(super) endpoint: &'a str,
    /// Whether all of them are written for grpcurl, and not only those that have no command of ours.
    pub(super) all_grpcurl: bool,
}

/// A task.
pub(super) fn of_task(task: &pb::TaskExplanation, paint: Paint, calls: Calls<'_>) -> String {
    let mut text = String::new();
    let state = from_proto(task.state).unwrap_or_default();
    let reason = if task.state_reason.is_empty() { String::new() } else { format!(" ({})", task.state_reason) };
    let handler = paint.tone(Tone::Bold, &task.handler);
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
    for step in &task.steps {
        text.push('\n');
        one(&mut text, step, paint, calls);
    }
    if task.steps_left_out > 0 {
        let _ = writeln!(text, "\n  and {} more; --max-steps shows them", task.steps_left_out);
    }
    text
}

/// A step, and the steps at the bottom of it.
pub(super) fn of_step(explained: &pb::ExplainStepResponse, paint: Paint, calls: Calls<'_>) -> String {
    let mut text = String::new();
    let Some(step) = &explained.step else { return text };
    one(&mut text, step, paint, calls);
    if !explained.roots.is_empty() {
        let _ = writeln!(text, "\nat the bottom of it:");
    }
    for root in &explained.roots {
        text.push('\n');
        one(&mut text, root, paint, calls);
    }
    text
}

fn one(text: &mut String, step: &pb::StepExplanation, paint: Paint, calls: Calls<'_>) {
    let state = from_proto(step.state).unwrap_or_default();
    let until = moment(step.until_time).map(|at| format!(" until {at}")).unwrap_or_default();
    let _ = writeln!(
        text,
        "  {} {}  {}{until}  {}",
        paint.tone(tone(state), glyph(state)),
        paint.tone(Tone::Bold, &one_line(&step.name)),
        verdict(step.verdict(), paint),
        paint.tone(Tone::Dim, &format!("attempt {} of {}", step.attempts, step.retry_limit)),
    );
    blockers(text, &step.blockers, "    ", paint, calls);
}

fn blockers(text: &mut String, blockers: &[pb::Blocker], indent: &str, paint: Paint, calls: Calls<'_>) {
    for blocker in blockers {
        let since = moment(blocker.since_time).map(|at| format!("  since {at}")).unwrap_or_default();
        let since = paint.tone(Tone::Dim, &since);
        let _ = writeln!(text, "{indent}{}{since}", one_line(&blocker.summary));
        let lines: Vec<(String, &str)> =
            blocker.remedies.iter().filter_map(|remedy| Some((line(remedy, calls)?, &*remedy.description))).collect();
        let widest = lines.iter().map(|(line, _)| width(line)).filter(|width| *width < 80).max().unwrap_or(0);
        // A stream is nothing to be opened by hand.
        for remedy in blocker.remedies.iter().filter(|remedy| remedy.method.ends_with("/Session")) {
            let _ = writeln!(text, "{indent}  → {}", one_line(&remedy.description));
        }
        for (line, why) in lines {
            let room = " ".repeat(widest.saturating_sub(width(&line)));
            let why = paint.tone(Tone::Dim, &format!("# {}", one_line(why)));
            let _ = writeln!(text, "{indent}  $ {line}{room}  {why}");
        }
    }
}

/// The command line of a remedy, if there is one.
fn line(remedy: &pb::Remedy, calls: Calls<'_>) -> Option<String> {
    if !remedy.command.is_empty() && !calls.all_grpcurl {
        return Some(remedy.command.clone());
    }
    if remedy.method.is_empty() || remedy.method.ends_with("/Session") {
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

fn verdict(verdict: pb::Verdict, paint: Paint) -> String {
    let (tone, word) = match verdict {
        pb::Verdict::Movable => (Tone::Busy, "starts now"),
        pb::Verdict::Running => (Tone::Busy, "runs"),
        pb::Verdict::Waiting => (Tone::Warn, "waits"),
        pb::Verdict::Never => (Tone::Bad, "never starts by itself"),
        pb::Verdict::Settled => (Tone::Good, "is settled"),
        pb::Verdict::Unspecified => (Tone::Dim, "is unknown"),
    };
    paint.tone(tone, word)
}

fn counted(counts: &pb::VerdictCounts) -> String {
    let all = counts.movable + counts.running + counts.waiting + counts.never + counts.settled;
    let parts = [
        (counts.settled, "settled"),
        (counts.running, "running"),
        (counts.movable, "about to start"),
        (counts.waiting, "waiting"),
        (counts.never, "stuck"),
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
