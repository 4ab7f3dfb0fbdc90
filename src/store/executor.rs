//! The pool as statements see it.
//!
//! Behind a pooler in transaction mode the server's connection changes between transactions. The driver prepares a
//! statement in one exchange and runs it in the next, so there each statement goes in a transaction of its own, and
//! none has a name, which would stay behind on a connection that others get next. Elsewhere nothing is added.

use std::sync::atomic::{AtomicBool, Ordering};

use futures::{
    SinkExt as _, StreamExt as _, TryStreamExt as _,
    channel::mpsc,
    future::BoxFuture,
    stream::{self, BoxStream},
};
use sqlx::{
    Either, Error, Execute, Executor, PgPool, Postgres, SqlStr,
    postgres::{PgArguments, PgQueryResult, PgRow, PgStatement, PgTypeInfo},
};

use super::{ReadConnection, Transaction};
use crate::supervisor::spawn_short;

/// Rows on their way from a transaction of a statement's own to its reader.
const ROWS_AHEAD: usize = 16;

/// Whether statements have names. For the whole process, because a statement does not know where it will run;
/// without a name it runs everywhere.
static NAMES: AtomicBool = AtomicBool::new(true);

pub(super) fn give_no_names() {
    NAMES.store(false, Ordering::Relaxed);
}

/// Whether statements may be prepared under a name and kept.
pub(crate) fn names_statements() -> bool {
    NAMES.load(Ordering::Relaxed)
}

/// A pool of connections.
#[derive(Debug, Clone)]
pub struct Pool {
    inner: PgPool,
    is_pooled: bool,
}

impl Pool {
    pub(super) const fn new(inner: PgPool, is_pooled: bool) -> Self {
        Self { inner, is_pooled }
    }

    pub(super) const fn inner(&self) -> &PgPool {
        &self.inner
    }

    /// A connection for a few statements that stand alone; behind a pooler it is a transaction, see [`ReadConnection`].
    pub async fn acquire(&self) -> Result<ReadConnection<'static>, Error> {
        if self.is_pooled {
            return Ok(ReadConnection::Transaction(begin(&self.inner, "begin").await?));
        }
        Ok(ReadConnection::Pooled(self.inner.acquire().await?))
    }

    /// Connections that there are.
    pub fn size(&self) -> u32 {
        self.inner.size()
    }

    /// Those of them that nobody uses.
    pub fn num_idle(&self) -> usize {
        self.inner.num_idle()
    }

    /// Connections at most.
    pub fn size_max(&self) -> u32 {
        self.inner.options().get_max_connections()
    }
}

/// Begins a transaction.
///
/// A beginning that is given up half-way, by a caller that goes away, would bring a connection back to the pool
/// inside a transaction that nobody knows of. So it goes to its end in a task of its own, and is undone there.
pub(super) async fn begin(pool: &PgPool, statement: &'static str) -> Result<Transaction<'static>, Error> {
    let pool = pool.clone();
    let begun = spawn_short("begin transaction", async move { pool.begin_with(statement).await }).await;
    begun.ok().flatten().unwrap_or(Err(Error::WorkerCrashed))
}

/// A statement without a name.
struct Nameless<E>(E);

impl<'q, E: Execute<'q, Postgres>> Execute<'q, Postgres> for Nameless<E> {
    fn sql(self) -> SqlStr {
        self.0.sql()
    }

    fn statement(&self) -> Option<&PgStatement> {
        None
    }

    fn take_arguments(&mut self) -> Result<Option<PgArguments>, sqlx::error::BoxDynError> {
        self.0.take_arguments()
    }

    fn persistent(&self) -> bool {
        false
    }
}

type Step = Either<PgQueryResult, PgRow>;

impl<'p> Executor<'p> for &'_ Pool {
    type Database = Postgres;

    fn fetch_many<'e, 'q: 'e, E>(self, query: E) -> BoxStream<'e, Result<Step, Error>>
    where
        'p: 'e,
        E: 'q + Execute<'q, Postgres>,
    {
        let pool = self.inner.clone();
        if !self.is_pooled {
            return Executor::fetch_many(&pool, query);
        }
        let (mut sender, rows) = mpsc::channel(ROWS_AHEAD);
        let run = async move {
            let mut transaction = begin(&pool, "begin").await?;
            let mut steps = (&mut *transaction).fetch_many(Nameless(query));
            while let Some(step) = steps.try_next().await? {
                if sender.send(Ok(step)).await.is_err() {
                    return Ok(());
                }
            }
            drop(steps);
            transaction.commit().await
        };
        // The statement is over when its transaction is: that ends the stream.
        let ended = stream::once(run).filter_map(|ended| async { ended.err().map(Err) });
        stream::select(rows, ended).boxed()
    }

    fn fetch_optional<'e, 'q: 'e, E>(self, query: E) -> BoxFuture<'e, Result<Option<PgRow>, Error>>
    where
        'p: 'e,
        E: 'q + Execute<'q, Postgres>,
    {
        let pool = self.inner.clone();
        if !self.is_pooled {
            return Executor::fetch_optional(&pool, query);
        }
        Box::pin(async move {
            let mut transaction = begin(&pool, "begin").await?;
            let row = (&mut *transaction).fetch_optional(Nameless(query)).await?;
            transaction.commit().await?;
            Ok(row)
        })
    }

    fn prepare_with<'e>(self, sql: SqlStr, parameters: &'e [PgTypeInfo]) -> BoxFuture<'e, Result<PgStatement, Error>>
    where
        'p: 'e,
    {
        let pool = self.inner.clone();
        Box::pin(async move { pool.acquire().await?.prepare_with(sql, parameters).await })
    }
}
