//! Lists, counts and views cost by what is unfinished, not by the history: no page of `tasks` is read row by row.

mod hot;
mod periods;

use std::{fs, path::Path};

use sqlx::{AssertSqlSafe, PgConnection, Row};
use tasker::{
    domain::{ids::TaskId, state::State},
    store::{
        self, Store,
        pages::{self, AnnotationFilter, Cursor, Filter, Order},
        pool::Settings,
    },
};

use crate::harness;

/// Finished tasks; enough that a look at all of them shows.
const FINISHED: i64 = 60_000;

/// Of every so many tasks one is pending, one failed, one cancelled.
const RARE: i64 = 1_000;

/// The text of a statement.
fn statement(file: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("src/store/sql/{file}.sql"));
    fs::read_to_string(path).unwrap()
}

/// An empty database, on a store with one connection.
async fn narrow() -> (harness::Database, Store) {
    let database = harness::database().await;
    let store = Store::new(database.options.clone(), &Settings { connections_max: 1, ..Settings::default() });
    (database, store)
}

/// A history of two handlers, with some unfinished tasks in it, on a store with one connection.
async fn history() -> (harness::Database, Store) {
    let (database, store) = narrow().await;
    for text in [
        "insert into named_tasks (task_namespace_id, name, version, version_order, configuration, content_hash)
         values (1, 'common', '1.0.0', '{1, 0, 0}', '{}', ''), (1, 'rare', '1.0.0', '{1, 0, 0}', '{}', '')",
        "insert into dependent_systems (name) values ('system')",
        "insert into named_steps (dependent_system_id, name) values (1, 'step')",
        "insert into step_handlers (task_namespace_id, name) values (1, 'Handler')",
        "insert into named_tasks_named_steps (named_task_id, step_no, named_step_id, step_handler_id, step_name)
         values (1, 0, 1, 1, 'step'), (2, 0, 1, 1, 'step')",
    ] {
        sqlx::query(text).execute(store.pool()).await.unwrap();
    }
    sqlx::query(
        "insert into tasks (task_id, named_task_id, state, revision, steps, created_at, updated_at)
         select (lpad(to_hex(n), 8, '0') || '-0000-7000-8000-000000000000')::uuid, case when n % $2 = 7 then 2 else 1 end,
                case n % $2 when 1 then 0 when 2 then 3 when 3 then 4 else 2 end, 1,
                case when n % $2 = 1 then '\\x0000000000000000'::bytea else '\\x0200000100000001'::bytea end, now(), now()
         from generate_series(1, $1) n",
    )
    .bind(FINISHED)
    .bind(RARE)
    .execute(store.pool())
    .await
    .unwrap();
    for text in [
        "insert into task_requests (task_id, named_task_id, context, requested_at, initiator, source_system, tags,
                                    correlation_id)
         select task_id, named_task_id, '{\"a\": 1}', now() - interval '1 second' * row_number() over (order by task_id desc),
                case when named_task_id = 2 then 'alice' else 'unknown' end,
                case when named_task_id = 2 then 'shop' else 'unknown' end,
                case when named_task_id = 2 then array['red'] else '{}' end,
                case when named_task_id = 2 then 'cart' end
         from tasks",
        "insert into annotation_types (name) values ('paint')",
        "insert into task_annotations (task_annotation_id, task_id, annotation_type_id, annotation)
         select gen_random_uuid(), task_id, 1, jsonb_build_object('n', row_number() over ()) from tasks
         where named_task_id = 2",
        "select tasker_recount_tasks()",
        "vacuum analyze",
    ] {
        sqlx::query(text).execute(store.pool()).await.unwrap();
    }
    (database, store)
}

/// How many rows of `tasks` and `task_requests` were read in sequential scans, and how many in all.
async fn read(connection: &mut PgConnection) -> (i64, i64) {
    sqlx::query("select pg_stat_force_next_flush()").execute(&mut *connection).await.unwrap();
    let row = sqlx::query(
        "select sum(seq_tup_read)::bigint, sum(seq_tup_read + coalesce(idx_tup_fetch, 0))::bigint
         from pg_stat_user_tables where relname in ('tasks', 'task_requests')",
    )
    .fetch_one(connection)
    .await
    .unwrap();
    (row.get(0), row.get(1))
}

/// Rows read by an action, in sequential scans and in all.
async fn cost(store: &Store, action: impl AsyncFnOnce()) -> (i64, i64) {
    let before = read(&mut store.pool().acquire().await.unwrap()).await;
    action().await;
    let after = read(&mut store.pool().acquire().await.unwrap()).await;
    (after.0 - before.0, after.1 - before.1)
}

#[tokio::test(flavor = "multi_thread")]
async fn lists_walk_indexes() {
    let (_database, store) = history().await;
    let scan = async || drop(sqlx::query("select from tasks where detail is not null").fetch_all(store.pool()).await);
    assert_eq!(cost(&store, scan).await, (FINISHED, FINISHED), "a scan shows");
    let open = FINISHED / RARE;
    let check = async |filter: Filter, order: Order, found: i64, rows_max: i64| {
        for after in [None, Some(middle(order))] {
            let mut ids = Vec::new();
            let (sequential, all) = cost(&store, async || {
                ids = pages::list(&store, &filter, order, after, 20).await.unwrap();
            })
            .await;
            assert_eq!(sequential, 0, "{filter:?} {order:?} {after:?} scans");
            assert!(all <= rows_max, "{filter:?} {order:?} {after:?} reads {all} rows");
            let expected = if after.is_none() { found.min(20) } else { (found / 2).min(20) };
            assert!((i64::try_from(ids.len()).unwrap() - expected).abs() <= 1, "{filter:?} {order:?}: {}", ids.len());
        }
    };
    let states = |states: &[State]| Filter { states: states.to_vec(), ..Filter::default() };
    let rare = || Filter { handlers: Some(vec![2]), ..Filter::default() };
    for order in [Order::CreatedDesc, Order::CreatedAsc, Order::RequestedDesc, Order::RequestedAsc] {
        check(Filter::default(), order, FINISHED, 100).await;
        check(states(&[State::Complete]), order, FINISHED, 200).await;
        // Few tasks are in these states: reading all of them is cheap, and sorting them too.
        check(states(&[State::Pending, State::InProgress]), order, open, 4 * open).await;
        check(states(&[State::Error]), order, open, 4 * open).await;
        check(states(&[State::Error, State::Cancelled]), order, 2 * open, 8 * open).await;
        check(rare(), order, open, 4 * open).await;
        check(Filter { handlers: Some(vec![1, 2]), ..Filter::default() }, order, FINISHED, 200).await;
        check(Filter { initiator: Some("alice".into()), ..Filter::default() }, order, open, 4 * open).await;
        check(Filter { source_system: Some("shop".into()), ..Filter::default() }, order, open, 4 * open).await;
        check(Filter { correlation_id: Some("cart".into()), ..Filter::default() }, order, open, 4 * open).await;
        check(Filter { tags: vec!["red".into()], ..Filter::default() }, order, open, 4 * open).await;
        check(Filter { states: vec![State::Complete], ..rare() }, order, open, 8 * open).await;
        for wanted in [&[State::Pending, State::InProgress][..], &[State::Error], &[State::Cancelled]] {
            check(Filter { handlers: Some(vec![1]), ..states(wanted) }, order, open, 4 * open).await;
            check(Filter { handlers: Some(vec![2]), ..states(wanted) }, order, 0, 4 * open).await;
        }
    }
    let annotation = AnnotationFilter { annotation_type: None, key: Some("n".into()), value: Some("7".into()) };
    let filter = Filter { annotation: Some(annotation), ..Filter::default() };
    let (sequential, all) = cost(&store, async || {
        let ids = pages::list(&store, &filter, Order::CreatedDesc, None, 20).await.unwrap();
        assert_eq!(ids.len(), 1);
    })
    .await;
    assert_eq!(sequential, 0, "annotations scan");
    assert!(all <= 4, "annotations read {all} rows");
}

/// A task in the middle of the history.
fn middle(order: Order) -> Cursor {
    let place = u128::try_from(FINISHED / 2).unwrap();
    let task = uuid::Uuid::from_u128(place << 96 | 0x7000 << 64 | 0x8000 << 48);
    let ago = chrono::TimeDelta::seconds(FINISHED / 2);
    let now = tasker::lifecycle::Clock::local();
    let requested_at = now
        - if matches!(order, Order::RequestedAsc | Order::RequestedDesc) { ago.num_microseconds().unwrap() } else { 0 };
    Cursor { task: TaskId::from_uuid(task).uuid(), requested_at }
}

#[tokio::test(flavor = "multi_thread")]
async fn counts_of_unfinished_tasks_cost_by_them() {
    let (_database, store) = history().await;
    let open = FINISHED / RARE;
    let states = vec![State::Pending, State::InProgress, State::Error, State::Cancelled];
    for filter in [
        Filter { states: states.clone(), ..Filter::default() },
        Filter { states, handlers: Some(vec![2]), ..Filter::default() },
    ] {
        let (sequential, all) = cost(&store, async || drop(pages::count(&store, &filter).await.unwrap())).await;
        assert_eq!(sequential, 0, "{filter:?} scans");
        assert!(all <= 8 * open, "{filter:?} reads {all} rows");
    }
    let mut counts = Vec::new();
    for handlers in [None, Some(vec![1, 2])] {
        let filter = Filter { handlers, ..Filter::default() };
        let read = cost(&store, async || counts = pages::count(&store, &filter).await.unwrap()).await;
        assert_eq!(read, (0, 0), "the counts are kept");
        assert_eq!(counts.iter().map(|(_, count)| count).sum::<i64>(), FINISHED);
    }
    let requested = Filter { requested_from: Some(chrono::DateTime::UNIX_EPOCH), ..Filter::default() };
    let counted = pages::count(&store, &requested).await.unwrap();
    let of = |state| counts.iter().find(|(other, _)| *other == state).map(|(_, count)| *count);
    assert!(counted.iter().all(|(state, count)| of(*state) == Some(*count)), "{counted:?} is not {counts:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_single_task_is_read_without_planning_each_call_anew() {
    let (_database, store) = history().await;
    let mut connection = store.pool().acquire().await.unwrap();
    let task: uuid::Uuid = sqlx::query_scalar("select task_id from tasks where state = 0 limit 1")
        .fetch_one(&mut *connection)
        .await
        .unwrap();
    for (file, others) in [("tasks/get", ", true"), ("steps/leases", ""), ("annotations/list", "")] {
        let text = store::of_one_task(&statement(file));
        let mut run = async |text: String| sqlx::raw_sql(AssertSqlSafe(text)).execute(&mut *connection).await.unwrap();
        run(format!("prepare one as {text}")).await;
        for _ in 0..12 {
            run(format!("execute one(array['{task}'::uuid]{others})")).await;
        }
        let plans: (i64, i64) =
            sqlx::query_as("select custom_plans, generic_plans from pg_prepared_statements where name = 'one'")
                .fetch_one(&mut *connection)
                .await
                .unwrap();
        assert_eq!(plans, (5, 7), "{file}: Postgres tries five plans, then keeps one");
        sqlx::raw_sql("deallocate one").execute(&mut *connection).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn active_views_cost_by_active_work() {
    let (_database, store) = history().await;
    let open = FINISHED / RARE;
    for view in [
        "tasker_active_tasks",
        "tasker_active_workflow_steps",
        "tasker_active_task_execution_contexts",
        "tasker_active_step_readiness_statuses",
        "tasker_task_workflow_summaries",
        "tasker_tasks where task_id = '00000007-0000-7000-8000-000000000000'",
        "tasker_workflow_steps where task_id = '00000007-0000-7000-8000-000000000000'",
        "tasker_step_dag_relationships where task_id = '00000007-0000-7000-8000-000000000000'",
        "get_system_health_counts()",
    ] {
        let text = AssertSqlSafe(format!("select * from {view}"));
        let (sequential, all) =
            cost(&store, async || drop(sqlx::query(text).fetch_all(store.pool()).await.unwrap())).await;
        assert_eq!(sequential, 0, "{view} scans");
        assert!(all <= 20 * open, "{view} reads {all} rows");
    }
}
