//! How tasks did, and where time goes.
//!
//! Owns: which figures make an answer, how long an answer is kept, and what is recommended. Answers are kept by
//! what they are about, the caller's namespaces included; many who ask the same at once make one look. Never: the
//! definitions of the figures; those are functions of the schema, which operators can call as well. Next:
//! `store::analytics`.

use std::{sync::Arc, time::Duration};

use chrono::{DateTime, TimeDelta, Utc};
use moka::future::Cache;

use super::{namespaces, reads};
use crate::{
    auth::Scope,
    error::{Error, Reason, Result},
    lifecycle::Clock,
    store::{
        Store,
        analytics::{
            Distribution, ErrorPatterns, OfHandler, Overview, Performance, PeriodReader, SlowStep, SlowTask, Span,
            Waits, Whose,
        },
        lifecycle::timestamp,
        status::Counts,
    },
    telemetry::{Metrics, metrics::CacheMeter},
};

/// The trends that every answer about performance has, in hours.
const TRENDS: [u64; 3] = [1, 4, 24];
const HOUR: u64 = 3_600;
/// Handler versions of one answer.
const HANDLERS_MAX: i32 = 100;
/// Slowest tasks and steps of an answer about bottlenecks.
const SLOWEST: i32 = 10;
/// Rows of the lists of what took longest; pages are cut from them.
const LISTED_MAX: i32 = 1_000;
/// Classes of errors.
const CLASSES: i32 = 10;
/// Names of steps that wait.
const WAITING: i32 = 3;
/// A task is slow from here on, in seconds.
const SLOW_SECONDS: f64 = 60.0;

/// How much one answer may cost and how long it is kept.
#[derive(Debug, Clone, Copy)]
pub struct Settings {
    /// How long performance and slowest lists are kept.
    pub performance_ttl: Duration,
    /// How long bottlenecks are kept.
    pub bottlenecks_ttl: Duration,
    /// How long health counts are kept.
    pub health_ttl: Duration,
    /// How long one statement may take.
    pub statement_timeout: Duration,
    /// Tasks of a period that are looked at, the newest.
    pub tasks_max: i32,
    /// The longest period.
    pub period_max: Duration,
    /// Answers of one kind that are kept.
    pub answers_max: u64,
}

/// What an answer is about.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct About {
    /// Whose tasks.
    pub whose: Whose,
    /// Created in the last so many seconds.
    pub period: Duration,
}

/// Performance of a period, and of the trends.
#[derive(Debug)]
pub struct PerformanceReport {
    /// What there is.
    pub overview: Overview,
    /// The last so many hours.
    pub trends: Vec<(Duration, Performance)>,
    /// The period that was asked for.
    pub performance: Performance,
    /// By handler version.
    pub handlers: Vec<OfHandler>,
}

/// What is slow, what fails, what waits.
#[derive(Debug)]
pub struct BottleneckReport {
    /// Slowest tasks.
    pub tasks: Vec<SlowTask>,
    /// Slowest steps.
    pub steps: Vec<SlowStep>,
    /// What fails.
    pub errors: ErrorPatterns,
    /// What waits.
    pub waits: Waits,
    /// How long tasks took.
    pub distribution: Distribution,
    /// What to do.
    pub recommendations: Vec<String>,
}

/// An answer and when it was made.
#[derive(Debug)]
pub struct Answer<T> {
    /// The answer.
    pub value: Arc<Dated<T>>,
    /// Whether it was kept from an earlier call.
    pub cached: bool,
    /// For how long it is kept.
    pub ttl: Duration,
}

/// Something and the time that it is from.
#[derive(Debug)]
pub struct Dated<T> {
    /// The thing.
    pub value: T,
    /// The time.
    pub at: DateTime<Utc>,
}

/// Analytics over one store. Clones share what is kept.
#[derive(Debug, Clone)]
pub struct Analytics {
    store: Store,
    clock: Clock,
    settings: Settings,
    performance: Kept<About, PerformanceReport>,
    bottlenecks: Kept<About, BottleneckReport>,
    slowest_tasks: Kept<About, Vec<SlowTask>>,
    slowest_steps: Kept<About, Vec<SlowStep>>,
    health: Kept<Option<Vec<String>>, Counts>,
    meter: CacheMeter,
}

/// Answers by what they are about.
type Kept<K, T> = Cache<K, Arc<Dated<T>>>;

fn kept<K, T>(settings: &Settings, ttl: Duration) -> Kept<K, T>
where
    K: std::hash::Hash + Eq + Send + Sync + 'static,
    T: Send + Sync + 'static,
{
    Cache::builder().max_capacity(settings.answers_max).time_to_live(ttl).build()
}

impl Analytics {
    /// Analytics with nothing kept yet.
    pub fn new(store: Store, clock: Clock, settings: Settings, metrics: &Metrics) -> Self {
        Self {
            store,
            clock,
            performance: kept(&settings, settings.performance_ttl),
            bottlenecks: kept(&settings, settings.bottlenecks_ttl),
            slowest_tasks: kept(&settings, settings.performance_ttl),
            slowest_steps: kept(&settings, settings.performance_ttl),
            health: kept(&settings, settings.health_ttl),
            meter: metrics.cache("analytics"),
            settings,
        }
    }

    /// The longest period.
    pub const fn period_max(&self) -> Duration {
        self.settings.period_max
    }

    /// The namespaces that an answer for this caller is about: the one that is named, or all of the scope; `None` for
    /// all there are.
    ///
    /// Fails with `PermissionMissing` when the named one is outside the scope.
    pub async fn namespaces(&self, scope: &Scope, named: Option<String>) -> Result<Option<Vec<String>>> {
        namespaces::within(&self.store, scope, named).await
    }

    /// Throughput, rates and durations.
    pub async fn performance(&self, about: About) -> Result<Answer<PerformanceReport>> {
        let look = Box::pin(self.look_at_performance(about.clone()));
        answer(&self.performance, about, (&self.meter, self.settings.performance_ttl), look).await
    }

    /// What is slow, what fails, what waits.
    pub async fn bottlenecks(&self, about: About) -> Result<Answer<BottleneckReport>> {
        let look = Box::pin(self.look_at_bottlenecks(about.clone()));
        answer(&self.bottlenecks, about, (&self.meter, self.settings.bottlenecks_ttl), look).await
    }

    /// The tasks that took longest, the longest first.
    pub async fn slowest_tasks(&self, about: About) -> Result<Answer<Vec<SlowTask>>> {
        let (whose, span) = (about.whose.clone(), self.span(about.period));
        let look = async move { self.begin().await?.slowest_tasks(&whose, span, LISTED_MAX).await.map_err(Into::into) };
        answer(&self.slowest_tasks, about, (&self.meter, self.settings.performance_ttl), self.dated(look)).await
    }

    /// The steps that took longest, the longest first.
    pub async fn slowest_steps(&self, about: About) -> Result<Answer<Vec<SlowStep>>> {
        let (whose, span) = (about.whose.clone(), self.span(about.period));
        let look = async move { self.begin().await?.slowest_steps(&whose, span, LISTED_MAX).await.map_err(Into::into) };
        answer(&self.slowest_steps, about, (&self.meter, self.settings.performance_ttl), self.dated(look)).await
    }

    /// Tasks and steps by state and condition, of these namespaces or of all.
    pub async fn health(&self, namespaces: Option<Vec<String>>) -> Result<Answer<Counts>> {
        let wanted = namespaces.clone();
        let look = async move { self.begin().await?.health(wanted.as_deref()).await.map_err(Into::into) };
        answer(&self.health, namespaces, (&self.meter, self.settings.health_ttl), self.dated(look)).await
    }

    async fn look_at_performance(&self, about: About) -> Result<Dated<PerformanceReport>> {
        self.dated(async {
            let mut look = self.begin().await?;
            let span = self.span(about.period);
            let (overview, performance) = look.metrics(&about.whose, span).await?;
            let mut trends = Vec::with_capacity(TRENDS.len());
            for hours in TRENDS {
                let period = Duration::from_secs(hours * HOUR);
                let trend = if period == about.period {
                    performance.clone()
                } else {
                    look.metrics(&about.whose, self.span(period)).await?.1
                };
                trends.push((period, trend));
            }
            let handlers = look.by_handler(&about.whose, span, performance.period, HANDLERS_MAX).await?;
            Ok(PerformanceReport { overview, trends, performance, handlers })
        })
        .await
    }

    async fn look_at_bottlenecks(&self, about: About) -> Result<Dated<BottleneckReport>> {
        self.dated(async {
            let mut look = self.begin().await?;
            let span = self.span(about.period);
            let tasks = look.slowest_tasks(&about.whose, span, SLOWEST).await?;
            let steps = look.slowest_steps(&about.whose, span, SLOWEST).await?;
            let errors = look.error_patterns(&about.whose, span, CLASSES).await?;
            let waits = look.waits(&about.whose, WAITING).await?;
            let distribution = look.distribution(&about.whose, span).await?;
            let seconds: Vec<f64> = tasks.iter().map(|task| task.seconds).collect();
            let recommendations = recommend(&seconds, steps.iter().any(|step| step.attempts > 1));
            Ok(BottleneckReport { tasks, steps, errors, waits, distribution, recommendations })
        })
        .await
    }

    /// A moment on the replica, if there is one that is fresh enough, else on the store.
    async fn begin(&self) -> Result<PeriodReader> {
        let timeout = self.settings.statement_timeout;
        reads::read(&self.store, |store| async move { Ok(PeriodReader::begin(&store, timeout).await?) }).await
    }

    fn span(&self, period: Duration) -> Span {
        let period = TimeDelta::from_std(period).unwrap_or(TimeDelta::MAX);
        let since = timestamp(self.clock.now()).checked_sub_signed(period).unwrap_or(DateTime::UNIX_EPOCH);
        Span { since, tasks_max: self.settings.tasks_max }
    }

    async fn dated<T>(&self, look: impl Future<Output = Result<T>>) -> Result<Dated<T>> {
        let at = timestamp(self.clock.now());
        Ok(Dated { value: look.await?, at })
    }
}

/// What is kept about this, or a new look.
async fn answer<K, T>(
    kept: &Kept<K, T>,
    key: K,
    (meter, ttl): (&CacheMeter, Duration),
    look: impl Future<Output = Result<Dated<T>>>,
) -> Result<Answer<T>>
where
    K: std::hash::Hash + Eq + Send + Sync + 'static,
    T: Send + Sync + 'static,
{
    let entry = kept.entry(key).or_try_insert_with(async { look.await.map(Arc::new) }).await;
    let entry = entry.map_err(|error| advised(&error))?;
    let cached = !entry.is_fresh();
    meter.note(cached);
    Ok(Answer { value: entry.into_value(), cached, ttl })
}

/// The error with the advice that helps here.
fn advised(error: &Error) -> Error {
    match error.reason() {
        Reason::QueryTimeout => {
            let text = "the answer takes too long: ask for a shorter period or for fewer handlers";
            Error::new(Reason::QueryTimeout, text).caused_by(error.clone())
        }
        _ => error.clone(),
    }
}

/// What to do about the slowest tasks, by how many seconds they took, and the slowest steps.
fn recommend(tasks: &[f64], retried: bool) -> Vec<String> {
    let mut recommendations = Vec::new();
    let slow: Vec<f64> = tasks.iter().copied().filter(|seconds| *seconds > SLOW_SECONDS).collect();
    if !slow.is_empty() {
        let mean = slow.iter().sum::<f64>() / slow.len() as f64;
        recommendations.push(format!("Consider optimizing long-running tasks ({mean:.1}s average)"));
    }
    if retried {
        recommendations
            .push("High retry patterns detected. Review error handling and timeout configurations.".to_owned());
    }
    if recommendations.is_empty() {
        recommendations.extend(
            [
                "Monitor task performance trends regularly",
                "Review timeout configurations for network operations",
                "Consider implementing caching for repeated operations",
            ]
            .map(str::to_owned),
        );
    }
    recommendations
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn recommendations_follow_what_is_slow() {
        assert_eq!(recommend(&[60.0], false).len(), 3);
        assert_eq!(recommend(&[100.0, 61.0, 3.0], false), ["Consider optimizing long-running tasks (80.5s average)"]);
        let both = recommend(&[100.0], true);
        assert!(both.len() == 2 && both[1].starts_with("High retry patterns"), "{both:?}");
        assert_eq!(recommend(&[], true).len(), 1);
    }
}
