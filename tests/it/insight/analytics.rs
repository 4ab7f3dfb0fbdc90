//! The analysing functions say what a naive count says, and AnalyticsService says what they say.

use std::{collections::BTreeMap, time::Duration};

use chrono::{DateTime, TimeDelta, Utc};
use sqlx::Row;
use tasker::{
    lifecycle::Clock,
    store::{
        Store,
        analytics::{PeriodReader, Span, Spread, Whose},
        lifecycle::timestamp,
    },
};
use tasker_sdk::proto::tasker::v1::{
    AnalyticsFilter, GetBottlenecksRequest, GetHealthCountsRequest, GetPerformanceRequest, ListSlowestStepsRequest,
    ListSlowestTasksRequest,
};

use super::seed;
use crate::{
    calls::world::{client, told},
    harness,
};

/// A step as a naive reader sees it: state, seconds of the attempt that completed it, attempts, end.
type Step = (i16, Option<f64>, i32, Option<DateTime<Utc>>);

/// A task as a naive reader sees it.
#[derive(Debug, Clone)]
struct Seen {
    task_id: String,
    namespace: String,
    name: String,
    state: i16,
    created_at: DateTime<Utc>,
    finished_at: Option<DateTime<Utc>>,
    steps: BTreeMap<i16, Step>,
    /// Classes of errors of its attempts.
    errors: Vec<String>,
}

fn now() -> DateTime<Utc> {
    timestamp(Clock::local())
}

/// Everything, row by row.
async fn everything(store: &Store) -> Vec<Seen> {
    let tasks = sqlx::query(
        "select t.task_id::text as task_id, n.name as namespace, h.name, t.state, t.created_at, t.finished_at
         from tasks t join named_tasks h using (named_task_id) join task_namespaces n using (task_namespace_id)
         order by t.task_id",
    )
    .fetch_all(store.pool())
    .await
    .unwrap();
    let mut seen: BTreeMap<String, Seen> = BTreeMap::new();
    for row in &tasks {
        let task_id: String = row.get("task_id");
        let task = Seen {
            task_id: task_id.clone(),
            namespace: row.get("namespace"),
            name: row.get("name"),
            state: row.get("state"),
            created_at: row.get("created_at"),
            finished_at: row.get("finished_at"),
            steps: (0..4).map(|no| (no, (0, None, 0, None))).collect(),
            errors: Vec::new(),
        };
        seen.insert(task_id, task);
    }
    let moves = sqlx::query(
        "select task_id::text as task_id, step_no, to_state, attempt, at, started_at, metadata ->> 'error_class' as class
         from transitions where step_no is not null order by task_id, sequence",
    )
    .fetch_all(store.pool())
    .await
    .unwrap();
    for row in &moves {
        let task = seen.get_mut(&row.get::<String, _>("task_id")).unwrap();
        let (to, attempt): (i16, i32) = (row.get("to_state"), row.get("attempt"));
        let (at, began): (DateTime<Utc>, Option<DateTime<Utc>>) = (row.get("at"), row.get("started_at"));
        let took = began.filter(|_| to == 2).map(|began| (at - began).as_seconds_f64());
        task.steps.insert(row.get("step_no"), (to, took, attempt, (to == 2 || to == 3).then_some(at)));
        task.errors.extend(row.get::<Option<String>, _>("class"));
    }
    seen.into_values().collect()
}

fn spread(mut seconds: Vec<f64>) -> Option<(f64, [f64; 4])> {
    seconds.sort_by(f64::total_cmp);
    let last = seconds.len().checked_sub(1)?;
    let at = |share: f64| {
        let place = share * last as f64;
        let (low, rest) = (place.floor() as usize, place.fract());
        seconds[low] + (seconds[(low + 1).min(last)] - seconds[low]) * rest
    };
    let mean = seconds.iter().sum::<f64>() / seconds.len() as f64;
    Some((mean, [at(0.5), at(0.95), at(0.99), at(1.0)]))
}

fn same(found: &Spread, seconds: Vec<f64>) {
    assert_eq!(found.count, i64::try_from(seconds.len()).unwrap());
    match (spread(seconds), found.points) {
        (None, None) => {}
        (Some((mean, points)), Some(found_points)) => {
            assert!((mean - found.mean).abs() < 0.001, "{mean} {}", found.mean);
            for (point, found) in points.iter().zip(found_points) {
                assert!((point - found).abs() < 1e-4, "{points:?} {found_points:?}");
            }
        }
        (expected, found) => panic!("{expected:?} {found:?}"),
    }
}

fn percent(part: usize, of: usize, factor: f64) -> f64 {
    if of == 0 { 0.0 } else { (part as f64 * 100.0 / of as f64 * factor).round() / factor }
}

/// A history, work in progress, and the filters under which both are looked at.
async fn seeded() -> (harness::Database, Vec<Seen>, Vec<(Whose, TimeDelta)>) {
    let database = harness::database().await;
    seed(&database, 2_500, 400, 7).await;
    let seen = everything(&database.store).await;
    let some = |namespaces: &[&str]| Some(namespaces.iter().map(|name| (*name).to_owned()).collect());
    let filters = vec![
        (Whose::default(), TimeDelta::days(40)),
        (Whose::default(), TimeDelta::hours(30)),
        (Whose { namespaces: some(&["seed_billing"]), ..Whose::default() }, TimeDelta::days(20)),
        (Whose { namespaces: some(&["seed_orders", "seed_support"]), ..Whose::default() }, TimeDelta::days(10)),
        (Whose { name: Some("seeded_0005".to_owned()), ..Whose::default() }, TimeDelta::days(40)),
        (Whose { version: Some("9.9.9".to_owned()), ..Whose::default() }, TimeDelta::days(40)),
        (Whose { namespaces: some(&[]), ..Whose::default() }, TimeDelta::days(40)),
    ];
    (database, seen, filters)
}

fn of<'a>(seen: &'a [Seen], whose: &Whose, since: Option<DateTime<Utc>>) -> Vec<&'a Seen> {
    seen.iter()
        .filter(|task| whose.namespaces.as_ref().is_none_or(|names| names.contains(&task.namespace)))
        .filter(|task| whose.name.as_ref().is_none_or(|name| *name == task.name))
        .filter(|_| whose.version.as_ref().is_none_or(|version| version == "1.0.0"))
        .filter(|task| since.is_none_or(|since| task.created_at >= since))
        .collect()
}

fn long(task: &Seen) -> Option<f64> {
    (task.state == 2).then(|| (task.finished_at.unwrap() - task.created_at).as_seconds_f64())
}

fn completed(tasks: &[&Seen]) -> Vec<f64> {
    tasks.iter().flat_map(|task| task.steps.values().filter_map(|step| step.1)).collect()
}

const PATIENCE: Duration = Duration::from_secs(20);

#[tokio::test(flavor = "multi_thread")]
async fn performance_is_what_a_naive_count_says() {
    let (database, seen, filters) = seeded().await;
    let mut look = PeriodReader::begin(&database.store, PATIENCE).await.unwrap();
    for (whose, period) in filters {
        let since = now() - period;
        let span = Span { since, tasks_max: 1_000_000 };
        let tasks = of(&seen, &whose, Some(since));
        let (overview, performance) = look.metrics(&whose, span).await.unwrap();
        let all = of(&seen, &whose, None);
        let kinds = |key: fn(&Seen) -> &String| {
            let names: std::collections::BTreeSet<&String> = all.iter().map(|task| key(task)).collect();
            i64::try_from(names.len()).unwrap()
        };
        assert_eq!(overview.active_tasks, i64::try_from(all.iter().filter(|task| task.state < 2).count()).unwrap());
        assert_eq!(overview.namespaces, kinds(|task| &task.namespace));
        assert_eq!(overview.task_types, kinds(|task| &task.name));
        let lately = of(&seen, &whose, Some(now() - TimeDelta::hours(1)));
        let ends = |state| lately.iter().filter(|task| task.state == state).count();
        let (good, bad) = (ends(2) as f64, ends(3) as f64);
        let score = if good + bad == 0.0 { 1.0 } else { good / (good + bad) };
        assert!((overview.health_score - score).abs() < 0.02, "{} {score}", overview.health_score);

        let in_state = |state| tasks.iter().filter(|task| task.state == state).count();
        assert_eq!(performance.tasks, i64::try_from(tasks.len()).unwrap(), "{whose:?}");
        assert_eq!(performance.completed, i64::try_from(in_state(2)).unwrap());
        assert_eq!(performance.failed, i64::try_from(in_state(3)).unwrap());
        assert!((performance.completion_rate - percent(in_state(2), tasks.len(), 100.0)).abs() < 0.006);
        assert!((performance.error_rate - percent(in_state(3), tasks.len(), 100.0)).abs() < 0.006);
        assert_eq!(performance.steps, i64::try_from(tasks.len() * 4).unwrap());
        assert!(!performance.period.truncated);
        same(&performance.task_durations, tasks.iter().filter_map(|task| long(task)).collect());
        same(&performance.step_durations, completed(&tasks));

        let handlers = look.by_handler(&whose, span, performance.period, 100).await.unwrap();
        assert_eq!(handlers.iter().map(|handler| handler.performance.tasks).sum::<i64>(), performance.tasks);
        assert!(handlers.is_sorted_by(|one, next| one.performance.tasks >= next.performance.tasks));
        for handler in handlers {
            let own: Vec<&Seen> = tasks.iter().copied().filter(|task| task.name == handler.name).collect();
            assert_eq!(handler.performance.tasks, i64::try_from(own.len()).unwrap());
            same(&handler.performance.task_durations, own.iter().filter_map(|task| long(task)).collect());
            same(&handler.performance.step_durations, completed(&own));
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_slowest_are_the_slowest() {
    let (database, seen, filters) = seeded().await;
    let mut look = PeriodReader::begin(&database.store, PATIENCE).await.unwrap();
    for (whose, period) in filters {
        let since = now() - period;
        let span = Span { since, tasks_max: 1_000_000 };
        let tasks = of(&seen, &whose, Some(since));
        let mut expected: Vec<(f64, &str)> = tasks
            .iter()
            .filter_map(|task| {
                let newest = task.steps.values().filter_map(|step| step.3).max()?;
                let until = task.finished_at.unwrap_or(newest);
                Some(((until - task.created_at).as_seconds_f64(), &*task.task_id))
            })
            .collect();
        expected.sort_by(|one, next| next.0.total_cmp(&one.0).then(one.1.cmp(next.1)));
        let found = look.slowest_tasks(&whose, span, 25).await.unwrap();
        let ids: Vec<String> = found.iter().map(|task| task.task_id.to_string()).collect();
        assert_eq!(ids, expected.iter().take(25).map(|task| task.1).collect::<Vec<_>>());
        for (task, (seconds, _)) in found.iter().zip(&expected) {
            assert!((task.seconds - seconds).abs() < 0.001, "{task:?} {seconds}");
            let own = tasks.iter().find(|seen| seen.task_id == task.task_id.to_string()).unwrap();
            let steps = |state| own.steps.values().filter(|step| step.0 == state).count();
            let counted = (task.steps, task.completed_steps, task.error_steps);
            assert_eq!(counted, (4, i32::try_from(steps(2)).unwrap(), i32::try_from(steps(3)).unwrap()));
            assert_eq!(task.completed_at, own.finished_at);
        }

        let mut expected: Vec<(f64, i32)> =
            tasks.iter().flat_map(|task| task.steps.values().filter_map(|step| Some((step.1?, step.2)))).collect();
        expected.sort_by(|one, next| next.0.total_cmp(&one.0));
        let found = look.slowest_steps(&whose, span, 25).await.unwrap();
        assert_eq!(found.len(), expected.len().min(25));
        for (step, (seconds, attempts)) in found.iter().zip(expected) {
            assert!((step.seconds - seconds).abs() < 0.001, "{step:?} {seconds}");
            assert_eq!(step.attempts, attempts);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_fails_and_what_waits_is_counted() {
    let (database, seen, filters) = seeded().await;
    let mut look = PeriodReader::begin(&database.store, PATIENCE).await.unwrap();
    for (whose, period) in filters {
        let since = now() - period;
        let span = Span { since, tasks_max: 1_000_000 };
        let tasks = of(&seen, &whose, Some(since));
        let errors = look.error_patterns(&whose, span, 10).await.unwrap();
        let failed = tasks.iter().filter(|task| task.state == 3).count();
        assert_eq!(errors.tasks, i64::try_from(tasks.len()).unwrap());
        assert_eq!(errors.errors, i64::try_from(failed).unwrap());
        assert!((errors.error_rate - percent(failed, tasks.len(), 10.0)).abs() < 0.06);
        let mut classes: BTreeMap<&String, i64> = BTreeMap::new();
        tasks.iter().flat_map(|task| &task.errors).for_each(|class| *classes.entry(class).or_default() += 1);
        let mut classes: Vec<(String, i64)> = classes.into_iter().map(|(class, n)| (class.clone(), n)).collect();
        classes.sort_by_key(|(class, n)| (-n, class.clone()));
        assert_eq!(errors.classes, classes);
        let retried: Vec<_> = tasks.iter().flat_map(|task| task.steps.values()).filter(|step| step.2 > 1).collect();
        let good = retried.iter().filter(|step| step.0 == 2).count();
        assert!((errors.retry_success_rate - percent(good, retried.len(), 10.0)).abs() < 0.06);

        let question = "
            select count(*)::bigint as dependencies
            from tasks t
            join named_tasks h using (named_task_id)
            join task_namespaces n using (task_namespace_id)
            join named_task_edges e using (named_task_id)
            where t.state in (0, 1) and ($1::text[] is null or n.name = any ($1)) and ($2::text is null or h.name = $2)
              and ($3::text is null or h.version = $3)
              and (select c.state from tasker_step_conditions(t.task_id) c where c.step_no = e.to_step_no) = 0
              and (select c.state from tasker_step_conditions(t.task_id) c where c.step_no = e.from_step_no) not in (2, 5)";
        let dependencies: i64 = sqlx::query_scalar(question)
            .bind(&whose.namespaces)
            .bind(&whose.name)
            .bind(&whose.version)
            .fetch_one(database.store.pool())
            .await
            .unwrap();
        let waits = look.waits(&whose, 3).await.unwrap();
        assert_eq!(waits.dependencies, dependencies, "{whose:?}");
        assert_eq!(waits.steps.is_empty(), dependencies == 0);
        assert!(waits.steps.len() <= 3 && waits.steps.is_sorted_by(|one, next| one.1 >= next.1));
        assert!(dependencies == 0 || waits.seconds > 300.0);

        let distribution = look.distribution(&whose, span).await.unwrap();
        let lengths: Vec<f64> = tasks.iter().filter_map(|task| long(task)).collect();
        let within = |low: f64, high: f64| lengths.iter().filter(|long| (low..high).contains(long)).count();
        let buckets = [within(0.0, 10.0), within(10.0, 30.0), within(30.0, f64::INFINITY)];
        assert_eq!(distribution.buckets, buckets.map(|n| i64::try_from(n).unwrap()));
        same(&distribution.durations, lengths);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn of_too_many_tasks_the_newest_are_looked_at() {
    let (database, seen, _) = seeded().await;
    let mut look = PeriodReader::begin(&database.store, PATIENCE).await.unwrap();
    let span = Span { since: now() - TimeDelta::days(40), tasks_max: 1_000 };
    let (_, performance) = look.metrics(&Whose::default(), span).await.unwrap();
    assert_eq!(performance.tasks, 1_000);
    assert!(performance.period.truncated);
    let first = seen[seen.len() - 1_000].created_at;
    assert!(
        (performance.period.start - first).abs() <= TimeDelta::milliseconds(1),
        "{} {first}",
        performance.period.start
    );
}

fn filter(namespace: &str) -> Option<AnalyticsFilter> {
    Some(AnalyticsFilter { namespace: namespace.to_owned(), ..AnalyticsFilter::default() })
}

#[tokio::test(flavor = "multi_thread")]
async fn answers_are_kept_by_what_they_are_about() {
    let (database, seen, _) = seeded().await;
    let app = harness::serve(&database).await;
    let client = client(&app).await;
    let ask = async |namespace: &str, seconds: i64| {
        let period = Some(prost_types::Duration { seconds, nanos: 0 });
        let request = GetPerformanceRequest { filter: filter(namespace), period };
        client.analytics().get_performance(request).await.unwrap().into_inner()
    };
    let month = 30 * 24 * 3_600;
    let first = ask("", month).await;
    assert_eq!(first.trends.len(), 3);
    assert_eq!(
        first.overview.unwrap().active_tasks,
        i64::try_from(seen.iter().filter(|task| task.state < 2).count()).unwrap()
    );
    assert!(!first.info.unwrap().cached);
    seed(&database, 0, 10, 7).await;
    let again = ask("", month).await;
    assert!(again.info.unwrap().cached, "the same question within the time");
    assert_eq!(again.info.unwrap().generate_time, first.info.unwrap().generate_time);
    assert_eq!(again.performance, first.performance);
    for (namespace, seconds) in [("", month - 1), ("seed_orders", month), ("nowhere", month)] {
        assert!(!ask(namespace, seconds).await.info.unwrap().cached, "{namespace} {seconds} is another question");
    }
    let nowhere = ask("nowhere", month).await;
    assert_eq!(nowhere.performance.unwrap().task_throughput, 0);
    assert_eq!(nowhere.handlers, []);

    let request =
        || GetBottlenecksRequest { filter: None, period: Some(prost_types::Duration { seconds: month, nanos: 0 }) };
    let found = client.analytics().get_bottlenecks(request()).await.unwrap().into_inner();
    assert_eq!((found.slowest_tasks.len(), found.slowest_steps.len()), (10, 10));
    assert!(!found.recommendations.is_empty() && !found.info.unwrap().cached);
    assert!(client.analytics().get_bottlenecks(request()).await.unwrap().into_inner().info.unwrap().cached);
    let mut request = ListSlowestTasksRequest { page_size: 3, ..ListSlowestTasksRequest::default() };
    let first = client.analytics().list_slowest_tasks(request.clone()).await.unwrap().into_inner();
    request.page_token = first.next_page_token;
    let second = client.analytics().list_slowest_tasks(request.clone()).await.unwrap().into_inner();
    request = ListSlowestTasksRequest { page_size: 6, ..ListSlowestTasksRequest::default() };
    let both = client.analytics().list_slowest_tasks(request.clone()).await.unwrap().into_inner();
    assert_eq!((first.tasks.len(), both.tasks.len()), (3, 6));
    assert_eq!([first.tasks, second.tasks].concat(), both.tasks, "pages go on where the last one ended");
    request.filter = filter("seed_orders");
    request.page_token = both.next_page_token;
    assert_eq!(told(&client.analytics().list_slowest_tasks(request).await.unwrap_err()), "PAGE_TOKEN_INVALID");
    let period = Some(prost_types::Duration { seconds: month, nanos: 0 });
    let mut request = ListSlowestStepsRequest { period, page_size: 400, ..ListSlowestStepsRequest::default() };
    let mut sizes = Vec::new();
    loop {
        let page = client.analytics().list_slowest_steps(request.clone()).await.unwrap().into_inner();
        sizes.push(page.steps.len());
        if page.next_page_token.is_empty() {
            break;
        }
        request.page_token = page.next_page_token;
    }
    assert_eq!(sizes, [400, 400, 200], "the list ends after a thousand");

    let counts = async |namespace: &str| {
        let request = GetHealthCountsRequest { namespace: namespace.to_owned() };
        client.analytics().get_health_counts(request).await.unwrap().into_inner()
    };
    let all = counts("").await;
    let (tasks, steps) = (all.tasks.unwrap(), all.steps.unwrap());
    assert_eq!((tasks.total, tasks.complete), (2_910, 2_500));
    assert_eq!(steps.total, 4 * 2_910);
    let by_state = [tasks.pending, tasks.in_progress, tasks.complete, tasks.error, tasks.cancelled];
    assert_eq!(by_state.iter().sum::<i64>() + tasks.resolved_manually, tasks.total);
    let by_state = [steps.pending, steps.in_progress, steps.complete, steps.error, steps.cancelled];
    assert_eq!(by_state.iter().sum::<i64>() + steps.resolved_manually, steps.total);
    assert_eq!(steps.retryable_errors + steps.exhausted_retries, steps.error);
    let mut sum = 0;
    for namespace in tasker::bench::seed::NAMESPACES {
        sum += counts(namespace).await.tasks.unwrap().total;
    }
    assert_eq!(sum, 2_910);
    assert!(counts("").await.info.unwrap().cached);
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn bad_questions_are_refused_and_long_answers_given_up() {
    let database = harness::database().await;
    seed(&database, 100, 10, 3).await;
    let app = harness::serve_with(&database, &[("analytics.period_max_hours", "48")]).await;
    let client = client(&app).await;
    let period = |seconds| Some(prost_types::Duration { seconds, nanos: 0 });
    for (request, expected) in [
        (
            ListSlowestTasksRequest { filter: filter(&"n".repeat(65)), period: period(0), ..Default::default() },
            "INVALID_FIELDS\nfilter.namespace: has 65 characters, at most 64 are allowed\n\
             period: must be between 1 and 172800 seconds",
        ),
        (
            ListSlowestTasksRequest { period: period(172_801), page_size: -1, ..Default::default() },
            "INVALID_FIELDS\nperiod: must be between 1 and 172800 seconds\npage_size: must not be negative",
        ),
    ] {
        let refused = client.analytics().list_slowest_tasks(request).await.unwrap_err();
        assert_eq!(told(&refused), expected);
    }
    // A limit that an answer that nothing holds up may not keep to either, on a machine that pauses.
    let hasty = harness::serve_with(&database, &[("analytics.statement_timeout_ms", "50")]).await;
    let mut blocking = database.store.begin().await.unwrap();
    sqlx::query("lock table named_tasks in access exclusive mode").execute(&mut *blocking).await.unwrap();
    let hurried = self::client(&hasty).await;
    let refused = hurried.analytics().get_performance(GetPerformanceRequest::default()).await.unwrap_err();
    assert_eq!(told(&refused), "QUERY_TIMEOUT");
    assert_eq!(refused.code(), tonic::Code::DeadlineExceeded);
    blocking.rollback().await.unwrap();
    client.analytics().get_performance(GetPerformanceRequest::default()).await.unwrap();
    hasty.stop().await;
    app.stop().await;
}
