//! AnalyticsService.

use std::time::Duration;

use tonic::{Request, Response, Status};
use uuid::Uuid;

use super::{
    fields::{Fields, length},
    limits::Limits,
    render::{
        counts::{step_counts, task_counts},
        time,
    },
    scope,
};
use crate::{
    auth::Scope,
    error::Result,
    proto::tasker::v1::{self as proto, analytics_service_server::AnalyticsService},
    service::{
        analytics::{About, Analytics as UseCases, Answer as Answered, BottleneckReport, PerformanceReport},
        page::{Binding, Cursor},
    },
    store::{
        analytics::{self as values, SlowStep, SlowTask, Spread, Whose},
        status::Counts,
    },
};

/// Lengths in characters, from the protos.
const NAME_MAX: usize = 64;
const VERSION_MAX: usize = 16;
/// The period of a request that names none: one day.
const PERIOD_DEFAULT: Duration = Duration::from_secs(24 * 3_600);
/// Rows of a page when the caller does not say.
const ROWS_DEFAULT: i64 = 10;
/// Where the buckets of durations begin, in seconds.
const BUCKETS: [i64; 3] = [0, 10, 30];

/// The service.
#[derive(Debug, Clone)]
pub struct Analytics {
    analytics: UseCases,
    limits: Limits,
}

impl Analytics {
    /// The service over the use cases.
    pub const fn new(analytics: UseCases, limits: Limits) -> Self {
        Self { analytics, limits }
    }

    /// Whose tasks of which period, and what else the request says, checked together.
    async fn about<T>(
        &self,
        scope: &Scope,
        filter: Option<proto::AnalyticsFilter>,
        period: Option<prost_types::Duration>,
        more: impl FnOnce(&mut Fields) -> T,
    ) -> Result<(About, T)> {
        let proto::AnalyticsFilter { namespace, handler, version } = filter.unwrap_or_default();
        let mut fields = Fields::default();
        let namespace = fields.optional("filter.namespace", namespace, NAME_MAX);
        let name = fields.optional("filter.handler", handler, NAME_MAX);
        let version = fields.optional("filter.version", version, VERSION_MAX);
        let period = self.period(&mut fields, period);
        let more = more(&mut fields);
        fields.finish()?;
        let namespaces = self.analytics.namespaces(scope, namespace).await?;
        Ok((About { whose: Whose { namespaces, name, version }, period }, more))
    }

    fn period(&self, fields: &mut Fields, period: Option<prost_types::Duration>) -> Duration {
        let Some(period) = period else { return PERIOD_DEFAULT.min(self.analytics.period_max()) };
        let most = self.analytics.period_max();
        match length(period) {
            Some(period) if period >= Duration::from_secs(1) && period <= most => period,
            _ => {
                fields.refuse("period", format!("must be between 1 and {} seconds", most.as_secs()));
                PERIOD_DEFAULT
            }
        }
    }
}

type Answer<T> = Result<Response<T>, Status>;

#[tonic::async_trait]
impl AnalyticsService for Analytics {
    async fn get_performance(
        &self,
        request: Request<proto::GetPerformanceRequest>,
    ) -> Answer<proto::GetPerformanceResponse> {
        let scope = scope(&request)?;
        let proto::GetPerformanceRequest { filter, period } = request.into_inner();
        let (about, ()) = self.about(&scope, filter, period, |_| ()).await?;
        let answer = Box::pin(self.analytics.performance(about)).await?;
        Ok(Response::new(performance_report(&answer)))
    }

    async fn get_bottlenecks(
        &self,
        request: Request<proto::GetBottlenecksRequest>,
    ) -> Answer<proto::GetBottlenecksResponse> {
        let scope = scope(&request)?;
        let proto::GetBottlenecksRequest { filter, period } = request.into_inner();
        let (about, ()) = self.about(&scope, filter, period, |_| ()).await?;
        let answer = Box::pin(self.analytics.bottlenecks(about)).await?;
        Ok(Response::new(bottleneck_report(&answer)))
    }

    async fn list_slowest_tasks(
        &self,
        request: Request<proto::ListSlowestTasksRequest>,
    ) -> Answer<proto::ListSlowestTasksResponse> {
        let scope = scope(&request)?;
        let proto::ListSlowestTasksRequest { filter, period, page_size, page_token } = request.into_inner();
        let (about, size) =
            self.about(&scope, filter, period, |fields| fields.page_size(page_size, ROWS_DEFAULT)).await?;
        let binding = about.binding("ListSlowestTasks");
        let after: Option<After> = binding.open(&page_token)?;
        let answer = self.analytics.slowest_tasks(about).await?;
        let whole = proto::ListSlowestTasksResponse { info: Some(info(&answer)), ..Default::default() };
        let place = |row: &SlowTask| After { seconds: row.seconds, id: row.task_id };
        let rows = page(&answer.value.value, after, place);
        let tasks = self.limits.fitting(&whole, rows.iter().take(size_of(size)).map(slow_task));
        let last = rows.get(..tasks.len()).and_then(<[_]>::last).filter(|_| rows.len() > tasks.len());
        let next_page_token = last.map(|last| binding.seal(&place(last))).unwrap_or_default();
        Ok(Response::new(proto::ListSlowestTasksResponse { tasks, next_page_token, ..whole }))
    }

    async fn list_slowest_steps(
        &self,
        request: Request<proto::ListSlowestStepsRequest>,
    ) -> Answer<proto::ListSlowestStepsResponse> {
        let scope = scope(&request)?;
        let proto::ListSlowestStepsRequest { filter, period, page_size, page_token } = request.into_inner();
        let (about, size) =
            self.about(&scope, filter, period, |fields| fields.page_size(page_size, ROWS_DEFAULT)).await?;
        let binding = about.binding("ListSlowestSteps");
        let after: Option<After> = binding.open(&page_token)?;
        let answer = self.analytics.slowest_steps(about).await?;
        let whole = proto::ListSlowestStepsResponse { info: Some(info(&answer)), ..Default::default() };
        let place = |row: &SlowStep| After { seconds: row.seconds, id: row.step_id };
        let rows = page(&answer.value.value, after, place);
        let steps = self.limits.fitting(&whole, rows.iter().take(size_of(size)).map(slow_step));
        let last = rows.get(..steps.len()).and_then(<[_]>::last).filter(|_| rows.len() > steps.len());
        let next_page_token = last.map(|last| binding.seal(&place(last))).unwrap_or_default();
        Ok(Response::new(proto::ListSlowestStepsResponse { steps, next_page_token, ..whole }))
    }

    async fn get_health_counts(
        &self,
        request: Request<proto::GetHealthCountsRequest>,
    ) -> Answer<proto::GetHealthCountsResponse> {
        let scope = scope(&request)?;
        let mut fields = Fields::default();
        let namespace = fields.optional("namespace", request.into_inner().namespace, NAME_MAX);
        fields.finish()?;
        let answer = self.analytics.health(self.analytics.namespaces(&scope, namespace).await?).await?;
        Ok(Response::new(health_counts(&answer, scope.covers_all())))
    }
}

/// Where a page begins: after the row with this id, which took so many seconds.
#[derive(Debug, Clone, Copy)]
struct After {
    seconds: f64,
    id: Uuid,
}

impl Cursor for After {
    fn write(&self, to: &mut Vec<u8>) {
        self.seconds.to_bits().write(to);
        self.id.write(to);
    }

    fn read(from: &mut &[u8]) -> Option<Self> {
        Some(Self { seconds: f64::from_bits(u64::read(from)?), id: Uuid::read(from)? })
    }
}

impl About {
    /// The binding of page tokens to a list about this.
    fn binding(&self, method: &str) -> Binding {
        let Whose { namespaces, name, version } = &self.whose;
        Binding::to(&(method, namespaces, name, version, self.period.as_micros().to_string()))
    }
}

/// The rows after a place. Where the row itself is gone, because the list was made anew, the shorter ones are after it.
fn page<T>(rows: &[T], after: Option<After>, place: impl Fn(&T) -> After) -> &[T] {
    let Some(after) = after else { return rows };
    let begin = match rows.iter().position(|row| place(row).id == after.id) {
        Some(at) => at + 1,
        None => rows.iter().position(|row| place(row).seconds < after.seconds).unwrap_or(rows.len()),
    };
    rows.get(begin..).unwrap_or_default()
}

fn size_of(size: i64) -> usize {
    usize::try_from(size).unwrap_or(usize::MAX)
}

fn handler(namespace: &str, name: &str, version: &str) -> proto::HandlerRef {
    proto::HandlerRef { namespace: namespace.to_owned(), name: name.to_owned(), version: version.to_owned() }
}

fn info<T>(answer: &Answered<T>) -> proto::AnswerInfo {
    proto::AnswerInfo {
        generate_time: Some(time(answer.value.at)),
        cached: answer.cached,
        ttl: prost_types::Duration::try_from(answer.ttl).ok(),
    }
}

fn performance_report(answer: &Answered<PerformanceReport>) -> proto::GetPerformanceResponse {
    let report = &answer.value.value;
    let trend = |(period, of): &(Duration, values::Performance)| proto::PerformanceTrend {
        period: prost_types::Duration::try_from(*period).ok(),
        performance: Some(performance(of)),
    };
    let handler = |of: &values::OfHandler| proto::HandlerPerformance {
        handler: Some(self::handler(&of.namespace, &of.name, &of.version)),
        performance: Some(performance(&of.performance)),
    };
    proto::GetPerformanceResponse {
        overview: Some(proto::SystemOverview {
            active_tasks: report.overview.active_tasks,
            total_namespaces: report.overview.namespaces,
            total_handlers: report.overview.task_types,
            system_health_score: report.overview.health_score,
        }),
        trends: report.trends.iter().map(trend).collect(),
        performance: Some(performance(&report.performance)),
        handlers: report.handlers.iter().map(handler).collect(),
        info: Some(info(answer)),
    }
}

fn performance(of: &values::Performance) -> proto::Performance {
    proto::Performance {
        period: Some(analysed(&of.period)),
        task_throughput: of.tasks,
        completion_count: of.completed,
        error_count: of.failed,
        completion_rate: of.completion_rate,
        error_rate: of.error_rate,
        step_throughput: of.steps,
        task_durations: Some(durations(&of.task_durations)),
        step_durations: Some(durations(&of.step_durations)),
    }
}

fn bottleneck_report(answer: &Answered<BottleneckReport>) -> proto::GetBottlenecksResponse {
    let BottleneckReport { tasks, steps, errors, waits, distribution, recommendations } = &answer.value.value;
    let error = |(class, count): &(String, i64)| proto::ErrorCount { error_class: class.clone(), count: *count };
    let blocked = |(name, count): &(String, i64)| proto::BlockedStep { step_name: name.clone(), count: *count };
    let whole = |seconds: i64| prost_types::Duration { seconds, nanos: 0 };
    let bucket = |(place, count): (usize, &i64)| proto::DurationBucket {
        min_duration: BUCKETS.get(place).copied().map(whole),
        max_duration: BUCKETS.get(place + 1).copied().map(whole),
        count: *count,
    };
    proto::GetBottlenecksResponse {
        period: Some(analysed(&distribution.period)),
        total_tasks: errors.tasks,
        total_handlers: errors.task_types,
        slowest_tasks: tasks.iter().map(slow_task).collect(),
        slowest_steps: steps.iter().map(slow_step).collect(),
        error_patterns: Some(proto::ErrorPatterns {
            total_errors: errors.errors,
            recent_error_rate: errors.error_rate,
            common_error_types: errors.classes.iter().map(error).collect(),
            retry_success_rate: errors.retry_success_rate,
        }),
        dependency_bottlenecks: Some(proto::DependencyBottlenecks {
            blocking_dependencies: waits.dependencies,
            mean_wait_duration: seconds(waits.seconds),
            most_blocked_steps: waits.steps.iter().map(blocked).collect(),
        }),
        task_durations: Some(durations(&distribution.durations)),
        distribution_buckets: distribution.buckets.iter().enumerate().map(bucket).collect(),
        recommendations: recommendations.clone(),
        info: Some(info(answer)),
    }
}

fn slow_task(task: &SlowTask) -> proto::SlowTask {
    proto::SlowTask {
        task_id: task.task_id.to_string(),
        handler: Some(handler(&task.namespace, &task.name, &task.version)),
        duration: seconds(task.seconds),
        step_count: task.steps,
        completed_steps: task.completed_steps,
        error_steps: task.error_steps,
        create_time: Some(time(task.created_at)),
        complete_time: task.completed_at.map(time),
        initiator: task.initiator.clone(),
        source_system: task.source_system.clone(),
        state: proto::State::from_str_name(&format!("STATE_{}", task.state.to_uppercase())).unwrap_or_default().into(),
    }
}

fn slow_step(step: &SlowStep) -> proto::SlowStep {
    proto::SlowStep {
        step_id: step.step_id.to_string(),
        task_id: step.task_id.to_string(),
        step_name: step.step_name.clone(),
        handler: Some(handler(&step.namespace, &step.name, &step.version)),
        duration: seconds(step.seconds),
        attempts: step.attempts,
        create_time: Some(time(step.created_at)),
        complete_time: Some(time(step.completed_at)),
        retryable: step.retryable,
    }
}

fn health_counts(answer: &Answered<Counts>, covers_all: bool) -> proto::GetHealthCountsResponse {
    let counts = &answer.value.value;
    proto::GetHealthCountsResponse {
        tasks: Some(task_counts(counts)),
        steps: Some(step_counts(counts)),
        active_connections: covers_all.then_some(counts.active_connections),
        max_connections: covers_all.then_some(counts.max_connections),
        info: Some(info(answer)),
    }
}

fn analysed(period: &values::Period) -> proto::AnalysedPeriod {
    proto::AnalysedPeriod {
        start_time: Some(time(period.start)),
        end_time: Some(time(period.end)),
        truncated: period.truncated,
    }
}

fn durations(spread: &Spread) -> proto::DurationStatistics {
    let point = |place: usize| spread.points.and_then(|points| seconds(points[place]));
    proto::DurationStatistics {
        count: spread.count,
        mean: spread.points.and_then(|_| seconds(spread.mean)),
        p50: point(0),
        p95: point(1),
        p99: point(2),
        max: point(3),
    }
}

/// Seconds to the microsecond.
fn seconds(seconds: f64) -> Option<prost_types::Duration> {
    let duration = Duration::try_from_secs_f64(seconds.max(0.0)).ok()?;
    prost_types::Duration::try_from(Duration::from_micros(u64::try_from(duration.as_micros()).ok()?)).ok()
}
