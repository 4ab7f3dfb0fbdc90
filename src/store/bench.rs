//! Statements of the bench: the bare loop on tables of its own, and what Postgres says of itself.

use std::time::Instant;

use sqlx::{Connection, PgConnection, Row};

use super::{Result, Store};

const LIMIT: u64 = 100;

/// What Postgres has done so far.
#[derive(Debug, Clone, Copy, Default)]
pub struct Totals {
    /// Transactions committed in this database.
    pub commits: i64,
    /// Bytes of write-ahead log.
    pub wal_bytes: i64,
    /// Dead rows in the tables of this database.
    pub dead_rows: i64,
}

/// Makes the bare loop's tables and fills its queue.
pub async fn prepare(store: &Store, rows: i64) -> Result<()> {
    clean(store).await?;
    for statement in [
        "create table tasker_bench_queue (id bigint generated always as identity primary key, \
         queue integer not null, visible_at timestamptz not null, state smallint not null, lease bigint not null \
         default 0, payload jsonb not null)",
        "create index tasker_bench_queue_ready on tasker_bench_queue (queue, visible_at) where state = 0",
        "create table tasker_bench_audit (id bigint generated always as identity primary key, row_id bigint not \
         null, from_state smallint not null, to_state smallint not null, at timestamptz not null)",
        "create table tasker_bench_commit (id bigint generated always as identity primary key, n integer)",
    ] {
        sqlx::query(statement).execute(store.pool()).await?;
    }
    sqlx::query(
        "insert into tasker_bench_queue (queue, visible_at, state, payload) \
         select 1, now() - make_interval(secs => 1 + n / 1e6), 0, '{}' from generate_series(1, $1) n",
    )
    .bind(rows)
    .execute(store.pool())
    .await?;
    sqlx::query("analyze tasker_bench_queue").execute(store.pool()).await?;
    Ok(())
}

/// Removes the bare loop's tables.
pub async fn clean(store: &Store) -> Result<()> {
    sqlx::query("drop table if exists tasker_bench_queue, tasker_bench_audit, tasker_bench_commit")
        .execute(store.pool())
        .await?;
    Ok(())
}

/// Claims and settles 100 rows at a time until the queue is empty or the time is over; how many.
pub async fn bare_loop(store: &Store, until: Instant) -> Result<u64> {
    let mut connection = sqlx::ConnectOptions::connect(store.options()).await?;
    let mut settled = 0;
    while Instant::now() < until {
        let claimed: Vec<i64> = sqlx::query_scalar(
            "update tasker_bench_queue set state = 1, lease = lease + 1 where id in (select id from \
             tasker_bench_queue where state = 0 and queue = 1 and visible_at <= now() order by queue, visible_at \
             limit 100 for update skip locked) returning id",
        )
        .fetch_all(&mut connection)
        .await?;
        if claimed.is_empty() {
            break;
        }
        let mut transaction = connection.begin().await?;
        sqlx::query("update tasker_bench_queue set state = 2 where id = any ($1) and state = 1")
            .bind(&claimed)
            .execute(&mut *transaction)
            .await?;
        sqlx::query(
            "insert into tasker_bench_audit (row_id, from_state, to_state, at) \
             select id, 1, 2, now() from unnest($1::bigint[]) id",
        )
        .bind(&claimed)
        .execute(&mut *transaction)
        .await?;
        transaction.commit().await?;
        settled += u64::try_from(claimed.len()).unwrap_or(LIMIT);
    }
    Ok(settled)
}

/// A connection with the one-row table at hand.
pub async fn one_row_connection(store: &Store) -> Result<PgConnection> {
    sqlx::query("create table if not exists tasker_bench_commit (id bigint generated always as identity primary key, n integer)")
        .execute(store.pool())
        .await?;
    Ok(sqlx::ConnectOptions::connect(store.options()).await?)
}

/// Commits one row.
pub async fn one_row(connection: &mut PgConnection) -> Result<()> {
    sqlx::query("insert into tasker_bench_commit (n) values (1)").execute(connection).await?;
    Ok(())
}

/// What Postgres has done so far.
pub async fn totals(store: &Store) -> Result<Totals> {
    let row = sqlx::query(
        "select (select sum(xact_commit)::bigint from pg_stat_database where datname = current_database()), \
         (pg_current_wal_insert_lsn() - '0/0'::pg_lsn)::bigint, \
         (select coalesce(sum(n_dead_tup), 0)::bigint from pg_stat_user_tables)",
    )
    .fetch_one(store.pool())
    .await?;
    Ok(Totals { commits: row.try_get(0)?, wal_bytes: row.try_get(1)?, dead_rows: row.try_get(2)? })
}

/// Tasks that are not final.
pub async fn unfinished(store: &Store) -> Result<i64> {
    Ok(sqlx::query_scalar("select count(*) from tasks where state in (0, 1)").fetch_one(store.pool()).await?)
}

/// How many tasks of a handler ended in each way: complete, otherwise.
pub async fn ended(store: &Store, handler: &str) -> Result<(i64, i64)> {
    let row = sqlx::query(
        "select count(*) filter (where t.state = 2), count(*) filter (where t.state <> 2) \
         from tasks t join named_tasks n using (named_task_id) where n.name = $1",
    )
    .bind(handler)
    .fetch_one(store.pool())
    .await?;
    Ok((row.try_get(0)?, row.try_get(1)?))
}

/// The times between one step's completion and the next one's, over all tasks of a handler, in microseconds.
pub async fn hops(store: &Store, handler: &str) -> Result<Vec<f64>> {
    Ok(sqlx::query_scalar(
        "select (extract(epoch from hop) * 1e6)::float8 from (select x.at - lag(x.at) over (partition by x.task_id \
         order by x.sequence) as hop from transitions x join tasks t using (task_id) join named_tasks n using \
         (named_task_id) where n.name = $1 and x.to_state = 2 and x.step_no is not null) h where hop is not null",
    )
    .bind(handler)
    .fetch_all(store.pool())
    .await?)
}

/// The process id of Postgres' first process, when it runs on this machine.
pub async fn postmaster(store: &Store) -> Option<u32> {
    let backend: i32 = sqlx::query_scalar("select pg_backend_pid()").fetch_one(store.pool()).await.ok()?;
    let stat = std::fs::read_to_string(format!("/proc/{backend}/stat")).ok()?;
    stat.rsplit(')').next()?.split_whitespace().nth(1)?.parse().ok()
}

/// Some tasks that have not ended, or that have.
pub async fn some_tasks(store: &Store, open: bool) -> Result<Vec<uuid::Uuid>> {
    let text = if open {
        "select task_id from tasks where state in (0, 1) order by hashtext(task_id::text) limit 500"
    } else {
        // Of few pages one in a hundred may be none.
        "with picked as (select task_id from tasks tablesample system (1) where state = 2 limit 500)
         select task_id from picked
         union all
         (select task_id from tasks where state = 2 and not exists (select from picked) limit 500)"
    };
    Ok(sqlx::query_scalar(text).fetch_all(store.pool()).await?)
}

/// How many tasks the health counts tell of.
pub async fn health_counts(store: &Store) -> Result<i64> {
    Ok(sqlx::query_scalar("select total_tasks from get_system_health_counts()").fetch_one(store.pool()).await?)
}

/// Makes finished tasks of four steps each, of ten days ago, as rows in bulk.
pub async fn make_old(store: &Store, tasks: i64, handler: &str) -> Result<()> {
    const SLICE: i64 = 50_000;
    let mut made = 0;
    while made < tasks {
        let count = SLICE.min(tasks - made);
        sqlx::query(
            "with handler as (
                select named_task_id from named_tasks where name = $1 order by named_task_id desc limit 1
            ), made as (
                select h.named_task_id, now() - interval '10 days' + (n + $3) * interval '1 millisecond' as at,
                       (lpad(to_hex((extract(epoch from now() - interval '10 days') * 1000)::bigint + n + $3), 12, '0')
                        || '7' || substr(md5(n::text || random()::text), 1, 3) || '8'
                        || substr(md5(random()::text), 1, 11) || '0000')::uuid as task_id
                from handler h, generate_series(1, $2) n
            ), tasked as (
                insert into tasks (task_id, named_task_id, state, revision, steps, created_at, updated_at, started_at,
                                   finished_at)
                select task_id, named_task_id, 2, 11, decode('02000001000000040200000100000006020000010000000802000001'
                       || '0000000a', 'hex'), at, at, at, at
                from made
            ), requested as (
                insert into task_requests (task_id, named_task_id, context, requested_at)
                select task_id, named_task_id, '{\"order\": 42}', at from made
            )
            insert into transitions (task_id, sequence, step_no, from_state, to_state, attempt, at, started_at, session_id,
                                     results)
            select m.task_id, s.sequence, s.step_no, s.from_state, s.to_state, s.attempt, m.at, m.at, m.task_id,
                   case when s.to_state = 2 then '{}' end
            from made m
            cross join (values (1, null, null, 0, 0), (2, null, 0, 1, 0), (3, 0, 0, 1, 1), (4, 0, 1, 2, 1), (5, 1, 0, 1, 1),
                               (6, 1, 1, 2, 1), (7, 2, 0, 1, 1), (8, 2, 1, 2, 1), (9, 3, 0, 1, 1), (10, 3, 1, 2, 1),
                               (11, null, 1, 2, 0)) as s (sequence, step_no, from_state, to_state, attempt)",
        )
        .bind(handler)
        .bind(count)
        .bind(made)
        .execute(store.pool())
        .await?;
        made += count;
    }
    for statement in ["select tasker_recount_tasks()", "vacuum analyze tasks, task_requests, transitions"] {
        sqlx::query(statement).execute(store.pool()).await?;
    }
    Ok(())
}

/// Has Postgres do at once what it would do behind a bulk load for some minutes: vacuum, statistics, dirty pages.
pub async fn settle(store: &Store) -> Result<()> {
    for statement in ["vacuum analyze", "checkpoint"] {
        sqlx::query(statement).execute(store.pool()).await?;
    }
    Ok(())
}

/// How many of the old tasks are left.
pub async fn old(store: &Store) -> Result<i64> {
    // Ids begin with the time.
    Ok(sqlx::query_scalar(
        "select count(*) from tasks where task_id < (lpad(to_hex((extract(epoch from now() - interval '1 day') * \
         1000)::bigint), 12, '0') || repeat('0', 20))::uuid",
    )
    .fetch_one(store.pool())
    .await?)
}
