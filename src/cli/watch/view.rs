//! Draws a board.
//!
//! Owns: the lines of the live view, cut to the size of the terminal. Pure: the time and the size are
//! arguments.

use super::{
    super::{
        style::{Paint, Tone, cut, glyph, one_line, tone, width},
        terminal::Size,
    },
    board::{Board, Row, Tally},
};
use crate::domain::{run::Micros, state::State};

/// The narrowest and the widest that names are shown.
const NAME_COLUMNS_MIN: usize = 8;
const NAME_COLUMNS_MAX: usize = 40;
/// The deepest that names are indented; deeper ones stand below one another.
const INDENT_MAX: usize = 8;
/// The widest progress bar. One that is narrower than a few columns is left out.
const BAR_COLUMNS_MAX: usize = 32;
const BAR_COLUMNS_MIN: usize = 4;
/// The columns of a line of a step beside its name and its note.
const LINE_COLUMNS: usize = 15;
/// The narrowest note; of fewer columns nobody reads anything.
const NOTE_COLUMNS_MIN: usize = 6;
const SPINNER: [&str; 10] = ["⠋", "⠙", "⠹", "⠸", "⠼", "⠴", "⠦", "⠧", "⠇", "⠏"];

/// The whole view: a title, the steps, the progress bar.
pub(crate) fn screen(board: &Board, now: Micros, paint: Paint, size: Size) -> Vec<String> {
    let id = paint.tone(Tone::Dim, &cut(&board.task_id, size.columns));
    let mut lines = vec![title(board, now, paint, size.columns), id, String::new()];
    lines.extend(steps(board, now, paint, Size { lines: size.lines.saturating_sub(5), ..size }));
    lines.push(String::new());
    lines.push(bar(board, paint, size.columns));
    lines
}

/// The steps, as many as there is room for: those that run or failed go first, then the newest.
pub(crate) fn steps(board: &Board, now: Micros, paint: Paint, size: Size) -> Vec<String> {
    let mut shown: Vec<usize> = (0..board.rows.len()).collect();
    if board.rows.len() > size.lines {
        shown.sort_by_key(|position| rank(board, *position));
        shown.truncate(size.lines.saturating_sub(1));
        shown.sort_unstable();
    }
    let name_columns = shown.iter().map(|position| name_width(&board.rows[*position])).max().unwrap_or(0);
    let name_columns = name_columns.min(NAME_COLUMNS_MAX).min(size.columns.saturating_sub(LINE_COLUMNS));
    let mut lines: Vec<String> =
        shown.iter().map(|position| line(board, &board.rows[*position], now, paint, name_columns, size)).collect();
    if shown.len() < board.rows.len() {
        let hidden = board.rows.len() - shown.len();
        lines.push(paint.tone(Tone::Dim, &format!("    … and {hidden} more")));
    }
    lines
}

/// `212ms`, `3.21s`, `4m05s` or `2h03m`.
pub(crate) fn duration(micros: Micros) -> String {
    let millis = micros.max(0) / 1_000;
    let seconds = millis / 1_000;
    match millis {
        0..1_000 => format!("{millis}ms"),
        1_000..60_000 => format!("{seconds}.{:02}s", millis % 1_000 / 10),
        60_000..3_600_000 => format!("{}m{:02}s", seconds / 60, seconds % 60),
        _ => format!("{}h{:02}m", seconds / 3_600, seconds % 3_600 / 60),
    }
}

fn title(board: &Board, now: Micros, paint: Paint, columns: usize) -> String {
    let reason = if board.reason.is_empty() { String::new() } else { format!(" ({})", one_line(&board.reason)) };
    let reason = cut(&reason, columns / 3);
    let elapsed = board.elapsed(now).map(duration).unwrap_or_default();
    let taken = width(board.state.label()) + width(&reason) + width(&elapsed) + 4;
    if columns < taken + NAME_COLUMNS_MIN {
        let words = cut(&format!("{}  {elapsed}", board.state.label()), columns);
        return paint.tone(tone(board.state), words.trim_end());
    }
    let name = paint.tone(Tone::Bold, &cut(&one_line(&board.full_name), columns - taken));
    format!("{name}  {}{reason}  {elapsed}", paint.tone(tone(board.state), board.state.label()))
}

fn bar(board: &Board, paint: Paint, columns: usize) -> String {
    let tally = board.tally();
    let total = board.rows.len();
    let words = words(tally, total);
    let room = columns.saturating_sub(width(&words) + 11).min(BAR_COLUMNS_MAX);
    if room < BAR_COLUMNS_MIN {
        return cut(&format!("  {words}"), columns);
    }
    let part = |count: usize| (count * room).checked_div(total).unwrap_or(0);
    let done = part(tally.done);
    let running = part(tally.done + tally.running) - done;
    let failed = part(tally.done + tally.running + tally.failed) - done - running;
    let percent = (tally.done * 100).checked_div(total).unwrap_or(0);
    format!(
        "  {}{}{}{}  {percent:>3} %  {}",
        paint.tone(Tone::Good, &"█".repeat(done)),
        paint.tone(Tone::Busy, &"▓".repeat(running)),
        paint.tone(Tone::Bad, &"▒".repeat(failed)),
        paint.tone(Tone::Dim, &"░".repeat(room - done - running - failed)),
        words
    )
}

/// `3 of 7 steps, 2 running, 1 failed`.
pub(crate) fn words(tally: Tally, total: usize) -> String {
    let steps = if total == 1 { "step" } else { "steps" };
    let mut words = format!("{} of {total} {steps}", tally.done);
    for (count, name) in [(tally.running, "running"), (tally.failed, "failed"), (tally.cancelled, "cancelled")] {
        if count > 0 {
            words += &format!(", {count} {name}");
        }
    }
    words
}

fn line(board: &Board, row: &Row, now: Micros, paint: Paint, name_columns: usize, size: Size) -> String {
    let waiting = row.state == State::Error && !row.blocked;
    let (symbol, tone) = match row.state {
        State::InProgress => (spinner(now), Tone::Busy),
        State::Error if waiting => ("↻", Tone::Warn),
        State::Complete if row.bypassed => ("»", Tone::Good),
        state => (glyph(state), tone(state)),
    };
    let indent = (row.depth.min(INDENT_MAX) * 2).min(name_columns * 2 / 3);
    let name = format!("{}{}", " ".repeat(indent), cut(&one_line(&row.name), name_columns.saturating_sub(indent)));
    let took = row.took(now).map(duration).unwrap_or_default();
    let note = one_line(&note(board, row, now));
    let room = size.columns.saturating_sub(name_columns + LINE_COLUMNS);
    let note = if room < NOTE_COLUMNS_MIN { String::new() } else { cut(&note, room) };
    let note = match row.state {
        State::Error => paint.tone(tone, &note),
        State::InProgress => note,
        _ => paint.tone(Tone::Dim, &note),
    };
    let gap = " ".repeat(name_columns.saturating_sub(width(&name)));
    format!("  {} {name}{gap}  {took:>7}  {note}", paint.tone(tone, symbol)).trim_end().to_owned()
}

/// What is worth saying about a step.
fn note(board: &Board, row: &Row, now: Micros) -> String {
    match row.state {
        State::Pending => {
            let names: Vec<&str> = board.waits_for(row).map(|parent| parent.name.as_str()).collect();
            match names.len() {
                0 if board.state.is_settled_task() => String::new(),
                0 => row.obstacle.clone().unwrap_or_else(|| "ready".to_owned()),
                1..=3 => format!("waits for {}", names.join(", ")),
                more => format!("waits for {}, {} and {} more", names[0], names[1], more - 2),
            }
        }
        State::InProgress => {
            let again = row.failure.as_ref().map(|failure| format!(" after {failure}")).unwrap_or_default();
            format!("attempt {} of {}{again}", row.attempts, row.retry_limit)
        }
        State::Complete if row.bypassed => "bypassed".to_owned(),
        State::Complete if row.attempts > 1 => match &row.failure {
            Some(failure) => format!("{} attempts; before: {failure}", row.attempts),
            None => format!("{} attempts", row.attempts),
        },
        State::Complete => String::new(),
        State::Error => {
            let when = match row.retry_at {
                Some(at) if at > now => format!("again in {}", duration(at - now)),
                _ if row.blocked => "gave up".to_owned(),
                _ => "again now".to_owned(),
            };
            let failure = row.failure.as_deref().unwrap_or("failed");
            format!("{failure} · attempt {} of {} · {when}", row.attempts, row.retry_limit)
        }
        State::Cancelled => "cancelled".to_owned(),
        State::ResolvedManually => "resolved manually".to_owned(),
    }
}

fn spinner(now: Micros) -> &'static str {
    let frame = usize::try_from(now / 100_000).unwrap_or(0) % SPINNER.len();
    SPINNER[frame]
}

fn name_width(row: &Row) -> usize {
    row.depth.min(INDENT_MAX) * 2 + width(&row.name)
}

/// What goes first when not all fits: running, failed, could start, newest done, the rest.
fn rank(board: &Board, position: usize) -> (u8, i64, usize) {
    let row = &board.rows[position];
    match row.state {
        State::InProgress => (0, 0, position),
        State::Error => (1, 0, position),
        State::Pending if board.waits_for(row).next().is_none() => (2, 0, position),
        State::Complete | State::ResolvedManually | State::Cancelled => (3, -row.ended.unwrap_or(0), position),
        State::Pending => (4, 0, position),
    }
}
