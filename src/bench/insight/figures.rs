//! What the reads cost, as a document and as a table.

use std::fmt::Write as _;

use hdrhistogram::Histogram;

use super::calls::Call;
use crate::bench::{figures::Machine, pauses::Pauses};

/// With a history a read may cost this many times what it costs without.
const RATIO_MAX: f64 = 1.5;

/// Everything that one run measured.
#[derive(Debug, Clone, serde::Serialize)]
pub struct Figures {
    /// The machine.
    pub machine: Machine,
    /// Finished tasks in the database with a history.
    pub finished: i64,
    /// What the machine took from a thread that did nothing but read the clock, between the kinds of calls.
    pub pauses: Pauses,
    /// One row per kind of call and stage.
    pub rows: Vec<Row>,
}

/// How long calls took, in milliseconds.
#[derive(Debug, Clone, Copy, serde::Serialize)]
pub struct Times {
    /// How many.
    pub calls: u64,
    /// The median.
    pub p50_ms: f64,
    /// The 99th percentile.
    pub p99_ms: f64,
}

/// One kind of call at one stage.
#[derive(Debug, Clone, serde::Serialize)]
pub struct Row {
    /// The call.
    pub call: String,
    /// Active tasks.
    pub active: i64,
    /// Without a history; the only times where both were not compared.
    pub without: Times,
    /// With it.
    pub with: Option<Times>,
    /// The medians' ratio.
    pub ratio_p50: Option<f64>,
    /// The 99th percentiles' ratio.
    pub ratio_p99: Option<f64>,
    /// What the 99th percentile may be.
    pub bar_p99_ms: Option<f64>,
    /// Whether both 99th percentiles and both ratios are within their bars.
    pub holds: Option<bool>,
}

impl Times {
    pub(super) fn of(times: &Histogram<u64>) -> Self {
        let at = |share| times.value_at_quantile(share) as f64 / 1e6;
        Self { calls: times.len(), p50_ms: at(0.5), p99_ms: at(0.99) }
    }
}

impl Row {
    pub(super) fn new(call: Call, active: i64, without: Times, with: Option<Times>) -> Self {
        let ratio_p50 = with.map(|with| with.p50_ms / without.p50_ms);
        let ratio_p99 = with.map(|with| with.p99_ms / without.p99_ms);
        let holds = call.bar().map(|bar| {
            let slow = without.p99_ms.max(with.map_or(0.0, |with| with.p99_ms));
            let ratios = [ratio_p50, ratio_p99].into_iter().flatten();
            slow <= bar.p99_ms && ratios.into_iter().all(|ratio| ratio <= RATIO_MAX)
        });
        Self {
            call: call.to_string(),
            active,
            without,
            with,
            ratio_p50,
            ratio_p99,
            bar_p99_ms: call.bar().map(|bar| bar.p99_ms),
            holds,
        }
    }
}

impl Figures {
    pub(super) fn new(finished: i64) -> Self {
        Self { machine: Machine::default(), finished, pauses: Pauses::default(), rows: Vec::new() }
    }

    /// Adds a row and says what it is.
    pub(super) fn add(&mut self, row: Row, say: &impl Fn(&str)) {
        let times = |times: Times| format!("p50 {:.2} ms, p99 {:.2} ms", times.p50_ms, times.p99_ms);
        let with = row.with.map(|with| format!("; with a history {}", times(with))).unwrap_or_default();
        say(&format!("{} active tasks: {}: {}{with}", row.active, row.call, times(row.without)));
        self.rows.push(row);
    }
}

/// The figures for people.
pub fn table(figures: &Figures) -> String {
    let mut text = figures.machine.line();
    let mut line = |arguments: std::fmt::Arguments<'_>| writeln!(text, "{arguments}").expect("a String takes writes");
    line(format_args!("milliseconds; with a history of {} finished tasks, and without\n", figures.finished));
    line(format_args!(
        "{:>7}  {:<38}{:>9}{:>9}{:>9}{:>9}{:>8}{:>8}{:>7}",
        "active", "call", "p50", "p99", "p50 with", "p99 with", "x p50", "x p99", "bar"
    ));
    for row in &figures.rows {
        let ms = |time: Option<f64>| time.map_or_else(|| "-".to_owned(), |time| format!("{time:.2}"));
        line(format_args!(
            "{:>7}  {:<38}{:>9}{:>9}{:>9}{:>9}{:>8}{:>8}{:>7}  {}",
            row.active,
            row.call,
            ms(Some(row.without.p50_ms)),
            ms(Some(row.without.p99_ms)),
            ms(row.with.map(|with| with.p50_ms)),
            ms(row.with.map(|with| with.p99_ms)),
            ms(row.ratio_p50),
            ms(row.ratio_p99),
            row.bar_p99_ms.map_or_else(|| "-".to_owned(), |bar| format!("{bar:.0}")),
            match row.holds {
                Some(true) => "holds",
                Some(false) => "DOES NOT HOLD",
                None => "",
            }
        ));
    }
    let held = figures.rows.iter().filter(|row| row.holds == Some(true)).count();
    let judged = figures.rows.iter().filter(|row| row.holds.is_some()).count();
    line(format_args!("\n{}", figures.pauses));
    line(format_args!("{held} of {judged} bars hold: p99, and at most {RATIO_MAX} times with the history"));
    text
}
