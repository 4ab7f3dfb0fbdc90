//! Every metric, once.
//!
//! A line is a metric: what it tells (the comment is its help), its field, its kind, its name, its unit, its labels. To
//! add one: write the line, record into the field, and run the tests with `TASKER_WRITE_DOCS=1`, which writes
//! `docs/METRICS.md` anew.
//!
//! Names follow Prometheus: `tasker_`, the thing, the unit; counters end in `_total`. OTLP gets the same names.
//! `namespace`, `handler` and `step` are names that users make up; their number is bounded (`telemetry.metrics_series_max`).

use super::{Counter, Definition, Family, Gauge, Histogram, Kind, Series, Unit};

/// Of calls and statements: 0.5 ms to 10 s.
const SHORT: &[f64] = &[0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0];
/// Of attempts and waits: 5 ms to an hour.
const WORK: &[f64] = &[0.005, 0.025, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0, 900.0, 3600.0];
/// Of whole tasks: 10 ms to a day.
const LONG: &[f64] = &[0.01, 0.05, 0.25, 1.0, 5.0, 15.0, 60.0, 300.0, 900.0, 3600.0, 14400.0, 86400.0];
/// Of batches: 1 to 4,096 items.
const ITEMS: &[f64] = &[1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0, 512.0, 1024.0, 4096.0];

/// Makes the definitions and the struct that holds the numbers.
macro_rules! table {
    ($($(#[doc = $help:literal])+
       $field:ident: $kind:ident $(($bounds:ident))? = $name:literal in $unit:ident by [$($label:ident),*];)*) => {
        /// Every metric, in the order of the table.
        pub const DEFINITIONS: &[Definition] = &[$(Definition {
            name: $name,
            kind: Kind::$kind,
            unit: Unit::$unit,
            help: concat!($($help),+),
            labels: &[$(stringify!($label)),*],
            bounds: table!(@bounds $($bounds)?),
        },)*];

        /// The numbers of every metric.
        #[derive(Debug)]
        pub struct Table {
            $($(#[doc = $help])+
            pub $field: Family<$kind, { <[&str]>::len(&[$(stringify!($label)),*]) }>,)*
        }

        impl Table {
            pub(super) fn new(series_max: usize) -> Self {
                let mut definitions = DEFINITIONS.iter();
                Self { $($field: Family::new(definitions.next().expect("one for each field"), series_max),)* }
            }

            /// What every metric says now; those without a series are left out.
            pub fn read(&self) -> Vec<(&'static Definition, Vec<Series>)> {
                let all = vec![$((self.$field.definition(), self.$field.read()),)*];
                all.into_iter().filter(|(_, series)| !series.is_empty()).collect()
            }
        }
    };
    (@bounds $bounds:ident) => { $bounds };
    (@bounds) => { &[] };
}

table! {
    /// Tasks that were created.
    tasks_created: Counter = "tasker_tasks_created_total" in Things by [namespace, handler];
    /// Tasks that came to an end, by the state in which they did: complete, error, cancelled, resolved_manually.
    tasks_finished: Counter = "tasker_tasks_finished_total" in Things by [namespace, handler, state];
    /// Time from a task's creation to its end.
    task_duration: Histogram(LONG) = "tasker_task_duration_seconds" in Seconds by [namespace, handler, state];
    /// Tasks in the database by state, as last observed.
    tasks: Gauge = "tasker_tasks" in Things by [state];
    /// Steps that came to an end, by state: complete, error (given up), cancelled, resolved_manually.
    steps_finished: Counter = "tasker_steps_finished_total" in Things by [namespace, handler, step, state];
    /// Time from the beginning of a step's first attempt to the step's end, waits between attempts included.
    step_duration: Histogram(WORK) = "tasker_step_duration_seconds" in Seconds by [namespace, handler, step];
    /// Steps in the database by state, as last observed; retryable, exhausted and in_backoff are parts of error.
    steps: Gauge = "tasker_steps" in Things by [state];

    /// Attempts that began.
    attempts_started: Counter = "tasker_attempts_started_total" in Things by [namespace, handler, step];
    /// Attempts that ended, by outcome: completed, failed, lost (lease or timeout), stopped (by somebody's will), handed_back
    /// (they do not count).
    attempts_finished: Counter = "tasker_attempts_finished_total" in Things by [namespace, handler, step, outcome];
    /// Time from an attempt's assignment to its result.
    attempt_duration: Histogram(WORK) = "tasker_attempt_duration_seconds" in Seconds by [namespace, handler, step];
    /// Attempts that began after an earlier one of the same step had failed.
    retries: Counter = "tasker_retries_total" in Things by [namespace, handler, step];
    /// The wait that was decided on when an attempt failed and another may follow.
    backoff: Histogram(WORK) = "tasker_backoff_seconds" in Seconds by [namespace, handler];
    /// Attempts that the engine ended: lease_expired, timed_out, assignment_lost.
    leases_lost: Counter = "tasker_leases_lost_total" in Things by [namespace, handler, reason];
    /// Results that workers sent, by what became of them: accepted, stale, invalid, retry.
    results: Counter = "tasker_results_total" in Things by [outcome];
    /// Claims, by path: direct (in the transaction that made the step ready) or dispatched (out of the queue).
    claims: Counter = "tasker_claims_total" in Things by [path];

    /// Steps that could start and wait for a worker; each queue is counted up to 10,000.
    queue_depth: Gauge = "tasker_queue_depth" in Things by [namespace, handler, step];
    /// How long the longest waiting of them has waited.
    queue_age: Gauge = "tasker_queue_age_seconds" in Seconds by [namespace, handler, step];
    /// Time that steps spent in a queue between being ready and being claimed; direct claims wait for nothing.
    queue_wait: Histogram(WORK) = "tasker_queue_wait_seconds" in Seconds by [namespace, handler, step];

    /// Items in each batch that a writer lane wrote.
    batch_items: Histogram(ITEMS) = "tasker_writer_batch_items" in Things by [];
    /// Time from taking a batch to having answered it.
    batch_duration: Histogram(SHORT) = "tasker_writer_batch_duration_seconds" in Seconds by [];
    /// Time that the statement or transaction of a batch took, its commit included.
    commit_duration: Histogram(SHORT) = "tasker_writer_commit_duration_seconds" in Seconds by [];
    /// Tries to write a batch: committed, moved (another server was faster), unverified (decided again), failed.
    commits: Counter = "tasker_writer_commits_total" in Things by [outcome];
    /// Items that wait for a writer lane.
    writer_queue: Gauge = "tasker_writer_queue_items" in Things by [lane];
    /// Calls that were told QUEUE_FULL because a writer lane had too much to do.
    writer_refusals: Counter = "tasker_writer_refusals_total" in Things by [];

    /// Worker sessions on this server.
    sessions: Gauge = "tasker_sessions" in Things by [];
    /// Sessions that were opened: new, continued, or claim for a worker without a stream.
    sessions_opened: Counter = "tasker_sessions_opened_total" in Things by [kind];
    /// Slots that this server's workers offer (credits): busy with an attempt, or free.
    session_slots: Gauge = "tasker_session_slots" in Things by [state];

    /// Looks at the queues by the dispatcher, by outcome: found, empty, failed.
    dispatches: Counter = "tasker_dispatches_total" in Things by [outcome];
    /// Rounds of the sweeper, by outcome: done, failed.
    sweeps: Counter = "tasker_sweeps_total" in Things by [outcome];
    /// Time that a round of the sweeper took.
    sweep_duration: Histogram(SHORT) = "tasker_sweep_duration_seconds" in Seconds by [];
    /// Hints between servers: sent, received, lost.
    hints: Counter = "tasker_hints_total" in Things by [outcome];
    /// How far the local clock is behind the database's; leases and backoffs follow the database's.
    clock_offset: Gauge = "tasker_clock_offset_seconds" in Seconds by [];
    /// Jumps of the database's clock by more than five minutes; nothing old is removed until it is back where it was.
    clock_jumps: Counter = "tasker_clock_jumps_total" in Things by [];

    /// Time from a call's arrival to the end of its answer; for methods that stream, how long the stream was open.
    rpc_duration: Histogram(SHORT) = "tasker_rpc_duration_seconds" in Seconds by [method, code];
    /// Calls and streams that are open now.
    rpc_in_flight: Gauge = "tasker_rpc_in_flight" in Things by [method];
    /// Connections that were closed at once because there were as many as there may be.
    connections_refused: Counter = "tasker_connections_refused_total" in Things by [];
    /// Decisions about callers: allowed, unauthenticated, denied; the permission asked for and the reason of a refusal.
    auth_decisions: Counter = "tasker_auth_decisions_total" in Things by [outcome, permission, reason];
    /// Look-ups in caches by outcome: hit, miss, failed.
    cache_requests: Counter = "tasker_cache_requests_total" in Things by [cache, outcome];

    /// Connections of the pool: busy or idle. Writer lanes, the dispatcher and hints have their own beside it.
    pool_connections: Gauge = "tasker_pool_connections" in Things by [state];
    /// Connections that the pool may have.
    pool_connections_max: Gauge = "tasker_pool_connections_max" in Things by [];
    /// Connections to the database server from all its clients, and how many it allows: active, max.
    database_connections: Gauge = "tasker_database_connections" in Things by [state];
    /// Size of the database.
    database_size: Gauge = "tasker_database_size_bytes" in Bytes by [];
    /// Dead rows that a vacuum has not removed yet as a share of all, for each table that grows.
    database_dead_ratio: Gauge = "tasker_database_dead_rows_ratio" in Ratio by [table];
    /// Dead rows that a vacuum has not removed yet, for each table that grows.
    database_dead_rows: Gauge = "tasker_database_dead_rows" in Things by [table];
    /// Age of the oldest snapshot that is held open in the database; an old one slows every queue.
    database_snapshot_age: Gauge = "tasker_database_oldest_snapshot_seconds" in Seconds by [];

    /// Failures of long-lived loops by the name of the loop and outcome: panicked, ended (before it was asked to).
    loop_failures: Counter = "tasker_loop_failures_total" in Things by [name, outcome];
    /// Readiness checks: 1 when one is fine, 0 when it is not.
    health: Gauge = "tasker_health_check" in Things by [check];
    /// Whether the server is ready for calls: 1 or 0.
    ready: Gauge = "tasker_ready" in Things by [];
    /// Messages to the telemetry collector by signal (traces, metrics) and outcome (sent, failed).
    exports: Counter = "tasker_telemetry_exports_total" in Things by [signal, outcome];
    /// Log lines that were left out because too many like them came at once.
    log_lines_suppressed: Counter = "tasker_log_lines_suppressed_total" in Things by [];

    /// Always 1; the label is the version of the server.
    build: Gauge = "tasker_build_info" in Things by [version];
    /// When the server started, in seconds since 1970.
    start_time: Gauge = "tasker_start_time_seconds" in Seconds by [];
    /// Memory of the process that is resident.
    memory: Gauge = "tasker_process_resident_memory_bytes" in Bytes by [];
    /// Processor time that the process has used, in whole seconds.
    cpu: Counter = "tasker_process_cpu_seconds_total" in Seconds by [];
    /// Files and sockets that the process has open.
    open_files: Gauge = "tasker_process_open_files" in Things by [];
}
