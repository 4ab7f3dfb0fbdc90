//! What was measured, as a document and as tables.

use std::fmt::Write as _;

use super::{ceiling::Ceiling, health::Probe, pairs::Pair, process::Usage, purge::Purge};

/// Everything that one run measured.
#[derive(Debug, Clone, Default, serde::Serialize)]
pub struct Figures {
    /// The machine.
    pub machine: Machine,
    /// The bare loop.
    pub ceiling: Option<Ceiling>,
    /// Scenarios of throughput.
    pub throughput: Vec<Throughput>,
    /// A chain, one task at a time.
    pub hop: Option<Hop>,
    /// Servers that were compared.
    pub pairs: Vec<Pair>,
    /// Answers about health.
    pub health: Vec<Probe>,
    /// Work beside a purge.
    pub purge: Option<Purge>,
    /// What the server used in all of it.
    pub server: Usage,
    /// What the worker used in all of it.
    pub worker: Usage,
}

/// The machine that the figures are from.
#[derive(Debug, Clone, Default, serde::Serialize)]
pub struct Machine {
    /// The processor's name.
    pub processor: String,
    /// Processors.
    pub processors: usize,
    /// Memory in GiB.
    pub memory_gib: f64,
    /// The operating system's kernel.
    pub kernel: String,
    /// Postgres' version.
    pub postgres: String,
    /// tasker's version.
    pub tasker: String,
}

/// One scenario of throughput.
#[derive(Debug, Clone, serde::Serialize)]
pub struct Throughput {
    /// Its name.
    pub name: String,
    /// Tasks.
    pub tasks: usize,
    /// Steps.
    pub steps: usize,
    /// From the first submission to the last durable final state, in seconds.
    pub seconds: f64,
    /// Steps per second.
    pub steps_per_second: f64,
    /// Steps per second over the ceiling's rows per second.
    pub of_ceiling: Option<f64>,
    /// Transactions per step.
    pub commits_per_step: f64,
    /// Bytes of write-ahead log per step.
    pub wal_bytes_per_step: f64,
    /// Dead rows left behind.
    pub dead_rows: i64,
    /// Processor time per step in microseconds: server, worker, Postgres.
    pub cpu_us_per_step: [f64; 3],
}

/// A chain, one task at a time.
#[derive(Debug, Clone, serde::Serialize)]
pub struct Hop {
    /// Hops measured.
    pub hops: usize,
    /// The median time of a hop in microseconds.
    pub p50_us: f64,
    /// The 95th percentile.
    pub p95_us: f64,
    /// The 99th percentile.
    pub p99_us: f64,
    /// The median of a one-row commit.
    pub commit_p50_us: f64,
    /// The median of an empty unary call.
    pub call_p50_us: f64,
    /// How many empty calls the hop takes beyond one commit.
    pub calls_beyond_commit: f64,
}

impl Machine {
    pub(super) fn look(postgres: String) -> Self {
        let read = |path: &str| std::fs::read_to_string(path).unwrap_or_default();
        let field = |text: &str, name: &str| {
            let line = text.lines().find(|line| line.starts_with(name)).unwrap_or_default();
            line.split(':').nth(1).unwrap_or_default().trim().to_owned()
        };
        let memory = field(&read("/proc/meminfo"), "MemTotal");
        let kib: f64 = memory.trim_end_matches(" kB").parse().unwrap_or(0.0);
        Self {
            processor: field(&read("/proc/cpuinfo"), "model name"),
            processors: std::thread::available_parallelism().map_or(1, usize::from),
            memory_gib: (kib / 1_048_576.0 * 10.0).round() / 10.0,
            kernel: read("/proc/sys/kernel/osrelease").trim().to_owned(),
            postgres,
            tasker: env!("CARGO_PKG_VERSION").to_owned(),
        }
    }

    /// The machine on a line.
    pub(super) fn line(&self) -> String {
        format!(
            "{} x{}, {} GiB, Linux {}, PostgreSQL {}, tasker {}\n",
            self.processor, self.processors, self.memory_gib, self.kernel, self.postgres, self.tasker
        )
    }
}

/// The figures as tables for people.
pub fn table(figures: &Figures) -> String {
    let mut text = figures.machine.line() + "\n";
    if let Some(ceiling) = &figures.ceiling {
        line(
            &mut text,
            format_args!(
                "ceiling     {:>8.0} rows/s in bare SQL with {} connections; one-row commit p50 {:.0} us\n",
                ceiling.rows_per_second, ceiling.connections, ceiling.commit_p50_us
            ),
        );
    }
    if !figures.throughput.is_empty() {
        line(
            &mut text,
            format_args!(
                "{:<22}{:>8}{:>9}{:>8}{:>9}{:>9}{:>9}{:>9}{:>8}  cpu us/step: server worker postgres",
                "throughput", "tasks", "steps", "s", "steps/s", "ceiling", "commits", "WAL B", "dead"
            ),
        );
        for row in &figures.throughput {
            let ratio = row.of_ceiling.map_or_else(|| "-".to_owned(), |ratio| format!("{ratio:.2}"));
            let [server, worker, postgres] = row.cpu_us_per_step;
            line(
                &mut text,
                format_args!(
                    "{:<22}{:>8}{:>9}{:>8.2}{:>9.0}{ratio:>9}{:>9.4}{:>9.0}{:>8}  {server:>19.1} {worker:>6.1} {postgres:>8.1}",
                    row.name,
                    row.tasks,
                    row.steps,
                    row.seconds,
                    row.steps_per_second,
                    row.commits_per_step,
                    row.wal_bytes_per_step,
                    row.dead_rows
                ),
            );
        }
    }
    if let Some(hop) = &figures.hop {
        line(
            &mut text,
            format_args!(
                "\nhop         p50 {:.0} us, p95 {:.0} us, p99 {:.0} us over {} hops; commit {:.0} us, empty call {:.0} us: \
             one commit and {:.2} calls",
                hop.p50_us,
                hop.p95_us,
                hop.p99_us,
                hop.hops,
                hop.commit_p50_us,
                hop.call_p50_us,
                hop.calls_beyond_commit
            ),
        );
    }
    for pair in &figures.pairs {
        let [without, with] = pair.call_p50_us;
        line(
            &mut text,
            format_args!(
                "\n{:<12}{:.0} steps/s without, {:.0} with: {:.3} of it (median of {} rounds); a call takes {without:.0} us \
                 without, {with:.0} with",
                pair.name, pair.without, pair.with, pair.ratio, pair.rounds
            ),
        );
    }
    if !figures.health.is_empty() {
        let head = format_args!("\n{:<16}{:<24}{:>9}{:>9}{:>9}", "health, ms", "question", "p50", "p99", "slowest");
        line(&mut text, head);
    }
    for Probe { situation, question, p50_ms, p99_ms, most_ms, holds } in &figures.health {
        let bar = if *holds { "holds" } else { "DOES NOT HOLD" };
        line(&mut text, format_args!("{situation:<16}{question:<24}{p50_ms:>9.2}{p99_ms:>9.2}{most_ms:>9.2}  {bar}"));
    }
    if let Some(purge) = &figures.purge {
        let list = |rates: &[f64]| rates.iter().map(|rate| format!("{rate:.0}")).collect::<Vec<_>>().join(" ");
        line(
            &mut text,
            format_args!(
                "\npurge       {} of {} old tasks removed in {:.0} s; {:.2} of the throughput without\n            without {} steps/s\n            \
                 during  {} steps/s",
                purge.removed,
                purge.tasks,
                purge.seconds,
                purge.ratio,
                list(&purge.without),
                list(&purge.during)
            ),
        );
    }
    line(
        &mut text,
        format_args!(
            "\nserver      peak {:.0} MiB, {:.1} s of processor time; worker peak {:.0} MiB, {:.1} s",
            figures.server.peak_mib, figures.server.cpu_seconds, figures.worker.peak_mib, figures.worker.cpu_seconds
        ),
    );
    text
}

/// The median; of an even number, the middle of the two in the middle.
pub(super) fn median(numbers: &[f64]) -> f64 {
    let mut numbers = numbers.to_vec();
    numbers.sort_by(f64::total_cmp);
    match numbers.len() {
        0 => f64::NAN,
        len if len % 2 == 1 => numbers[len / 2],
        len => f64::midpoint(numbers[len / 2 - 1], numbers[len / 2]),
    }
}

fn line(text: &mut String, arguments: std::fmt::Arguments<'_>) {
    writeln!(text, "{arguments}").expect("a String takes writes");
}
