//! Tells the moves of a task, a line each, where no screen can be repainted.

use tasker_sdk::proto::tasker::v1::{self as pb, transition::Cause};

use super::{
    super::{
        input::{count, from_proto},
        shape,
        style::{Paint, Tone, glyph, one_line, tone},
    },
    board::{self, Board, Row},
    view::{duration, words},
};
use crate::domain::{run::Micros, state::State};

/// How many failures are told in full at the end.
const FAILURES_SHOWN: usize = 10;

/// The task as it is.
pub(crate) fn snapshot(board: &Board, paint: Paint) -> String {
    let state = paint.tone(tone(board.state), board.state.label());
    let words = words(board.tally(), board.rows.len());
    format!("{}  {}  {state}, {words}", paint.tone(Tone::Bold, &board.full_name), board.task_id)
}

/// A move, after the board has taken it over.
pub(crate) fn transition(board: &Board, transition: &pb::Transition, paint: Paint) -> String {
    let to = from_proto(transition.to_state).unwrap_or_default();
    let at = transition.transition_time.map(board::micros);
    let since = match (at, board.created) {
        (Some(at), Some(created)) => duration(at - created),
        _ => String::new(),
    };
    let step = !transition.step_id.is_empty();
    let name = if step { one_line(&transition.step_name) } else { "task".to_owned() };
    let note = if step { step_note(board, transition, to) } else { task_note(transition) };
    let symbol = if to == State::Error && board::retry_at(transition).is_some() { "↻" } else { glyph(to) };
    let state = paint.tone(tone(to), &format!("{symbol} {:<11}", to.label()));
    format!("{since:>9}  {state}  {}  {}", paint.tone(Tone::Bold, &format!("{name:<20}")), one_line(&note))
        .trim_end()
        .to_owned()
}

/// What keeps a step that could start.
pub(crate) fn obstacle(row: &Row, paint: Paint) -> String {
    let why = row.obstacle.as_deref().unwrap_or_default();
    let state = paint.tone(tone(row.state), &format!("{} {:<11}", glyph(row.state), "waiting"));
    format!("{:>9}  {state}  {}  {}", "", paint.tone(Tone::Bold, &format!("{:<20}", row.name)), one_line(why))
}

/// How it ended.
pub(crate) fn end(board: &Board, now: Micros, paint: Paint) -> String {
    let took = board.elapsed(now).map(|took| format!(" in {}", duration(took))).unwrap_or_default();
    let reason = if board.reason.is_empty() { String::new() } else { format!(" ({})", board.reason) };
    let attempts: i64 = board.rows.iter().map(|row| i64::from(row.attempts)).sum();
    let state = paint.tone(tone(board.state), &format!("{} {}", glyph(board.state), board.state.label()));
    let attempts = count(usize::try_from(attempts).unwrap_or(0), "attempt");
    format!("{state}{reason}{took}: {}, {attempts}", words(board.tally(), board.rows.len()))
}

fn step_note(board: &Board, transition: &pb::Transition, to: State) -> String {
    let row = board.row(&transition.step_id);
    let limit = row.map_or(0, |row| row.retry_limit);
    match to {
        State::InProgress => format!("attempt {} of {limit}", transition.attempt),
        State::Complete | State::Error => {
            let took = row.and_then(|row| row.took(0)).map(|took| format!("after {}", duration(took)));
            let failure = board::failure(transition).filter(|_| to == State::Error);
            let again = board::retry_at(transition)
                .zip(transition.transition_time)
                .map(|(at, time)| format!("again in {}", duration(at - board::micros(time))));
            [took, failure, again].into_iter().flatten().collect::<Vec<_>>().join(" · ")
        }
        State::Pending if transition.attempt > 0 => "to be tried again".to_owned(),
        State::Pending => String::new(),
        State::Cancelled | State::ResolvedManually => manual_note(transition),
    }
}

fn task_note(transition: &pb::Transition) -> String {
    match &transition.cause {
        Some(Cause::Manual(_)) => manual_note(transition),
        _ => shape::cause_line(transition),
    }
}

/// Who did it and why.
fn manual_note(transition: &pb::Transition) -> String {
    match &transition.cause {
        Some(Cause::Manual(manual)) => shape::who_and_why(manual),
        _ => shape::cause_line(transition),
    }
}

/// What to do about a task that did not end well: its failures in full, and the commands that help.
pub(crate) fn advice(board: &Board) -> Vec<String> {
    if !matches!(board.state, State::Error) {
        return Vec::new();
    }
    let mut lines: Vec<String> = board
        .rows
        .iter()
        .filter(|row| row.state == State::Error)
        .take(FAILURES_SHOWN)
        .map(|row| format!("  {}: {}", row.name, row.failure.as_deref().unwrap_or("failed")))
        .collect();
    let first = board.rows.iter().find(|row| row.state == State::Error);
    lines.push(format!("  next: tasker retry {}", board.task_id));
    if let Some(row) = first {
        lines.push(format!("        tasker get {}/{}", board.task_id, row.name));
        lines.push(format!("        tasker resolve {}/{} --results '{{}}'", board.task_id, row.name));
    }
    lines
}
