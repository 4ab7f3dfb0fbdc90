//! The schema comes from nothing, once, whoever asks, and keeps its rules.

use sqlx::Row;
use tasker::store::migrate;

use crate::harness;

#[tokio::test(flavor = "multi_thread")]
async fn a_second_run_does_nothing() {
    let database = harness::empty_database().await;
    let first = migrate::run(&database.store).await.unwrap();
    assert_eq!(first.before, 0);
    assert!(!first.applied.is_empty());
    let second = migrate::run(&database.store).await.unwrap();
    assert_eq!(second.before, first.applied.len());
    assert_eq!(second.applied, []);
    assert_eq!(migrate::missing(&database.store).await.unwrap(), Vec::<i64>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn many_at_once_agree() {
    let database = harness::empty_database().await;
    let runs = (0..4).map(|_| migrate::run(&database.store));
    for run in futures::future::join_all(runs).await {
        run.unwrap();
    }
    assert_eq!(migrate::missing(&database.store).await.unwrap(), Vec::<i64>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn every_foreign_key_is_indexed() {
    check(
        "select format('%s.%s', conrelid::regclass, conname) as offender
         from pg_constraint as key
         where contype = 'f' and not exists (
             select from pg_index as index
             where index.indrelid = key.conrelid
               and index.indpred is null
               and (index.indkey::int2[])[0:cardinality(key.conkey) - 1] @> key.conkey)",
    )
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_timestamp_has_a_zone() {
    check(
        "select format('%s.%s', table_name, column_name) as offender
         from information_schema.columns
         where table_schema = 'public' and data_type = 'timestamp without time zone'",
    )
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_state_is_checked() {
    check(
        "select format('%s.%s', attrelid::regclass, attname) as offender
         from pg_attribute
         join pg_class on pg_class.oid = attrelid and relkind = 'r' and relnamespace = 'public'::regnamespace
         where attname like '%state' and attnum > 0 and not exists (
             select from pg_constraint
             where conrelid = attrelid and contype = 'c' and conkey @> array[attnum])",
    )
    .await;
}

/// A catalog query finds nobody who breaks the rule.
async fn check(offenders: &'static str) {
    let database = harness::database().await;
    let rows = sqlx::query(offenders).fetch_all(database.store.pool()).await.unwrap();
    let names: Vec<String> = rows.iter().map(|row| row.get("offender")).collect();
    assert_eq!(names, Vec::<String>::new());
}
