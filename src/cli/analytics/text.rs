//! What `tasker analytics` tells people.

use tasker_sdk::proto::tasker::v1 as pb;

use crate::cli::{
    input::from_proto,
    output::Out,
    shape::time,
    style::{Tone, one_line, tone},
    table::{Cell, Table, columns, id, text},
};

pub(super) fn performance(out: Out, answer: &pb::GetPerformanceResponse) {
    let overview = answer.overview.unwrap_or_default();
    out.line(&format!(
        "{} active tasks, {} handlers in {} namespaces; health of the last hour {:.3}\n",
        overview.active_tasks, overview.total_handlers, overview.total_namespaces, overview.system_health_score
    ));
    let mut table = Table::new(
        const {
            columns([
                text("TASKS OF", 11),
                text("CREATED", 7),
                text("COMPLETE", 12),
                text("ERROR", 10),
                text("TASK P50", 8),
                text("P95", 5),
                text("P99", 5),
                text("STEP P50", 8),
                text("P95", 0),
                text("P99", 0),
            ])
        },
    );
    let trends = answer.trends.iter().map(|trend| (format!("last {}", length(trend.period)), trend.performance));
    let handlers = answer.handlers.iter().map(|of| (handler(of.handler.as_ref()), of.performance));
    let mut truncated = None;
    for (name, of) in trends.chain([("the period".to_owned(), answer.performance)]).chain(handlers) {
        let of = of.unwrap_or_default();
        let period = of.period.unwrap_or_default();
        truncated = truncated.or(period.start_time.filter(|_| period.truncated));
        let (tasks, steps) = (of.task_durations.unwrap_or_default(), of.step_durations.unwrap_or_default());
        let error = if of.error_count > 0 { Some(Tone::Bad) } else { None };
        let errors = format!("{} ({:.2}%)", of.error_count, of.error_rate);
        table.row([
            name.into(),
            of.task_throughput.to_string().into(),
            format!("{} ({:.2}%)", of.completion_count, of.completion_rate).into(),
            error.map_or_else(|| errors.clone().into(), |tone| Cell::toned(tone, errors.clone())),
            length(tasks.p50).into(),
            length(tasks.p95).into(),
            length(tasks.p99).into(),
            length(steps.p50).into(),
            length(steps.p95).into(),
            length(steps.p99).into(),
        ]);
    }
    out.table(&table);
    tell_truncated(out, truncated);
    tell_age(out, answer.info.as_ref());
}

pub(super) fn bottlenecks(out: Out, answer: &pb::GetBottlenecksResponse) {
    let errors = answer.error_patterns.clone().unwrap_or_default();
    let waits = answer.dependency_bottlenecks.clone().unwrap_or_default();
    let durations = answer.task_durations.unwrap_or_default();
    let listed = |names: Vec<String>| if names.is_empty() { "none".to_owned() } else { names.join(", ") };
    out.line(&format!("{} tasks of {} handlers\n", answer.total_tasks, answer.total_handlers));
    out.line(&format!(
        "errors      {} tasks in error ({:.1}%); {:.1}% of retried steps completed; {}",
        errors.total_errors,
        errors.recent_error_rate,
        errors.retry_success_rate,
        listed(
            errors.common_error_types.iter().map(|of| format!("{} x{}", one_line(&of.error_class), of.count)).collect()
        )
    ));
    out.line(&format!(
        "waiting     {} dependencies are not complete, for {} on average; most often waits: {}",
        waits.blocking_dependencies,
        length(waits.mean_wait_duration),
        listed(
            waits.most_blocked_steps.iter().map(|of| format!("{} x{}", one_line(&of.step_name), of.count)).collect()
        )
    ));
    let bucket = |of: &pb::DurationBucket| match of.max_duration {
        Some(most) => format!("{} under {}", of.count, length(Some(most))),
        None => format!("{} longer", of.count),
    };
    out.line(&format!(
        "durations   p50 {}, p95 {}, p99 {}; {}\n",
        length(durations.p50),
        length(durations.p95),
        length(durations.p99),
        answer.distribution_buckets.iter().map(bucket).collect::<Vec<_>>().join(", ")
    ));
    slow_tasks(out, &answer.slowest_tasks);
    out.line("");
    slow_steps(out, &answer.slowest_steps);
    out.line("");
    answer.recommendations.iter().for_each(|text| out.line(&format!("- {text}")));
    let period = answer.period.unwrap_or_default();
    tell_truncated(out, period.start_time.filter(|_| period.truncated));
    tell_age(out, answer.info.as_ref());
}

pub(super) fn slow_tasks(out: Out, tasks: &[pb::SlowTask]) {
    let mut table = Table::new(
        const {
            columns([
                id("SLOWEST TASK"),
                text("HANDLER", 10),
                text("STATE", 9),
                text("TOOK", 6),
                text("STEPS", 9),
                text("FAILED", 0),
                text("CREATED", 0),
            ])
        },
    );
    for task in tasks {
        let state = from_proto(task.state).unwrap_or_default();
        table.row([
            task.task_id.as_str().into(),
            handler(task.handler.as_ref()).into(),
            Cell::toned(tone(state), state.label()),
            length(task.duration).into(),
            format!("{}/{}", task.completed_steps, task.step_count).into(),
            task.error_steps.to_string().into(),
            moment(task.create_time).into(),
        ]);
    }
    out.table(&table);
}

pub(super) fn slow_steps(out: Out, steps: &[pb::SlowStep]) {
    let mut table = Table::new(
        const {
            columns([
                id("SLOWEST STEP"),
                text("NAME", 10),
                text("HANDLER", 10),
                text("TOOK", 6),
                text("ATTEMPTS", 8),
                text("COMPLETE", 0),
            ])
        },
    );
    for step in steps {
        table.row([
            step.step_id.as_str().into(),
            one_line(&step.step_name).into(),
            handler(step.handler.as_ref()).into(),
            length(step.duration).into(),
            step.attempts.to_string().into(),
            moment(step.complete_time).into(),
        ]);
    }
    out.table(&table);
}

pub(super) fn health(out: Out, answer: &pb::GetHealthCountsResponse) {
    let mut table = Table::new(const { columns([text("STATE", 17), text("TASKS", 16), text("STEPS", 16)]) });
    let (tasks, steps) = (answer.tasks.unwrap_or_default(), answer.steps.unwrap_or_default());
    for (name, tasks, steps) in [
        ("pending", Some(tasks.pending), steps.pending),
        ("in_progress", Some(tasks.in_progress), steps.in_progress),
        ("complete", Some(tasks.complete), steps.complete),
        ("error", Some(tasks.error), steps.error),
        ("  retryable", None, steps.retryable_errors),
        ("  exhausted", None, steps.exhausted_retries),
        ("in backoff", None, steps.in_backoff),
        ("cancelled", Some(tasks.cancelled), steps.cancelled),
        ("resolved_manually", Some(tasks.resolved_manually), steps.resolved_manually),
        ("total", Some(tasks.total), steps.total),
    ] {
        let tasks = tasks.map(|tasks| tasks.to_string()).unwrap_or_default();
        table.row([name.into(), tasks.into(), steps.to_string().into()]);
    }
    out.table(&table);
    if let (Some(active), Some(most)) = (answer.active_connections, answer.max_connections) {
        out.line(&format!("\n{active} of {most} connections are active"));
    }
    tell_age(out, answer.info.as_ref());
}

/// `namespace.name@version`.
fn handler(handler: Option<&pb::HandlerRef>) -> String {
    let pb::HandlerRef { namespace, name, version } = handler.cloned().unwrap_or_default();
    one_line(&format!("{namespace}.{name}@{version}"))
}

fn tell_truncated(out: Out, start: Option<prost_types::Timestamp>) {
    if let Some(start) = start {
        let words = format!("too many tasks to look at all of them: only those since {}", moment(Some(start)));
        out.line(&out.paint.tone(Tone::Warn, &words));
    }
}

fn tell_age(out: Out, info: Option<&pb::AnswerInfo>) {
    if let Some(info) = info.filter(|info| info.cached) {
        out.line(&out.paint.tone(Tone::Dim, &format!("as of {}", moment(info.generate_time))));
    }
}

fn moment(at: Option<prost_types::Timestamp>) -> String {
    time(at).map(|time| format!("{}Z", time[..19].replace('T', " "))).unwrap_or_default()
}

/// A duration with three digits or so, `-` for none.
pub(crate) fn length(duration: Option<prost_types::Duration>) -> String {
    let Some(duration) = duration else { return "-".to_owned() };
    let seconds = duration.seconds as f64 + f64::from(duration.nanos) / 1e9;
    match seconds {
        0.0..1.0 => format!("{:.0}ms", seconds * 1_000.0),
        1.0..120.0 => format!("{seconds:.1}s"),
        120.0..7_200.0 => format!("{:.0}m", seconds / 60.0),
        _ => format!("{:.0}h", seconds / 3_600.0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_are_short() {
        let check = |millis: i64, expected: &str| {
            let nanos = i32::try_from(millis % 1_000 * 1_000_000).unwrap();
            assert_eq!(length(Some(prost_types::Duration { seconds: millis / 1_000, nanos })), expected);
        };
        check(7, "7ms");
        check(1_500, "1.5s");
        check(600_000, "10m");
        check(24 * 3_600_000, "24h");
        assert_eq!(length(None), "-");
    }
}
