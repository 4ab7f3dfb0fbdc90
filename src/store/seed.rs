//! Tasks that look as if they had run, made in sets: for the bench and for trying things out.
//!
//! Owns: the statement that makes them, and its columns. What a task's life looks like is `bench::seed`'s, which
//! asks the rules; nothing here knows them.

use chrono::{DateTime, Utc};
use sqlx::{PgConnection, Row};
use uuid::Uuid;

use super::{Result, Store, sql, tallies::Kind};
use crate::domain::{run::Stored, template::NamedTaskId};

/// Times from here on are seconds after the last move.
pub const LATER: f64 = 1_000_000.0;

/// What a task's life looks like, in thousandths of its length.
#[derive(Debug, Clone)]
pub struct Story {
    /// The shape of handler that it fits.
    pub shape: i16,
    /// How many of the tasks of that shape live it, from 0 to 1.
    pub share: f64,
    /// The run at its end.
    pub stored: Stored,
    /// The step that waits for its next attempt, and until when.
    pub backoff: Option<(i16, f64)>,
    /// When the task started.
    pub started_at: Option<f64>,
    /// The audit trail.
    pub moves: Vec<Move>,
    /// Attempts that run: step, attempt, since.
    pub leases: Vec<(i16, i32, f64)>,
    /// Steps that wait for a worker: step, not before.
    pub queued: Vec<(i16, f64)>,
    /// How it counts.
    pub tallies: Vec<(Kind, i32)>,
}

/// One row of a story's audit trail.
#[derive(Debug, Clone)]
pub struct Move {
    /// Its number.
    pub sequence: i32,
    /// The step, or `None` for the task's own.
    pub step_no: Option<i16>,
    /// The state before.
    pub from: Option<i16>,
    /// The state after.
    pub to: i16,
    /// The attempt, 0 for none.
    pub attempt: i32,
    /// When.
    pub at: f64,
    /// When the attempt that it settles began.
    pub started_at: Option<f64>,
    /// Details as JSON text.
    pub metadata: Option<String>,
    /// When the next attempt may begin.
    pub retry_at: Option<f64>,
    /// Results as JSON text.
    pub results: Option<String>,
}

/// Which tasks to make.
#[derive(Debug, Clone, Copy)]
pub struct Chunk {
    /// The first number, from 1.
    pub first: i64,
    /// How many.
    pub count: i64,
    /// How many share the span of time.
    pub of: i64,
    /// When the span begins.
    pub begin: DateTime<Utc>,
    /// How long it is, in seconds.
    pub seconds: f64,
    /// Makes other tasks of the same numbers.
    pub salt: i64,
    /// Whether they still run.
    pub open: bool,
    /// The session that ran or runs their attempts.
    pub session_id: Uuid,
}

/// Makes tasks of these handlers, each with its shape, in one transaction; how many.
pub async fn seed(
    connection: &mut PgConnection,
    chunk: Chunk,
    handlers: &[(NamedTaskId, i16)],
    stories: &[Story],
) -> Result<i64> {
    let (mut lows, mut highs) = (Vec::new(), Vec::new());
    for (place, story) in stories.iter().enumerate() {
        let low: f64 =
            stories[..place].iter().filter(|other| other.shape == story.shape).map(|other| other.share).sum();
        lows.push(low);
        // The last of a shape takes what rounding leaves.
        let last = !stories[place + 1..].iter().any(|other| other.shape == story.shape);
        highs.push(if last { 1.0 } else { low + story.share });
    }
    let each = || (0_i32..).zip(stories);
    let moves = || each().flat_map(|(no, story)| story.moves.iter().map(move |row| (no, row)));
    let leases = || each().flat_map(|(no, story)| story.leases.iter().map(move |row| (no, row)));
    let queued = || each().flat_map(|(no, story)| story.queued.iter().map(move |row| (no, row)));
    let tallies = || each().flat_map(|(no, story)| story.tallies.iter().map(move |(kind, count)| (no, *kind, *count)));
    /// One column of rows.
    macro_rules! column {
        ($rows:expr, $pattern:pat => $value:expr) => {
            $rows.map(|$pattern| $value).collect::<Vec<_>>()
        };
    }
    let row = sql!("bench/seed")
        .bind(chunk.first)
        .bind(chunk.count)
        .bind(chunk.of)
        .bind(chunk.begin)
        .bind(chunk.seconds)
        .bind(chunk.salt)
        .bind(chunk.open)
        .bind(chunk.session_id)
        .bind(column!(handlers.iter(), (id, _) => *id))
        .bind(column!(handlers.iter(), (_, shape) => *shape))
        .bind(column!(stories.iter(), story => story.shape))
        .bind(lows)
        .bind(highs)
        .bind(column!(stories.iter(), story => i16::from(story.stored.state.code())))
        .bind(column!(stories.iter(), story => super::lifecycle::signed(story.stored.revision)))
        .bind(column!(stories.iter(), story => story.stored.reason.as_deref()))
        .bind(column!(stories.iter(), story => story.stored.steps.as_slice()))
        .bind(column!(stories.iter(), story => story.backoff.map(|(step, _)| step)))
        .bind(column!(stories.iter(), story => story.backoff.map(|(_, at)| at)))
        .bind(column!(stories.iter(), story => story.started_at))
        .bind(column!(moves(), (no, _) => no))
        .bind(column!(moves(), (_, row) => row.sequence))
        .bind(column!(moves(), (_, row) => row.step_no))
        .bind(column!(moves(), (_, row) => row.from))
        .bind(column!(moves(), (_, row) => row.to))
        .bind(column!(moves(), (_, row) => row.attempt))
        .bind(column!(moves(), (_, row) => row.at))
        .bind(column!(moves(), (_, row) => row.started_at))
        .bind(column!(moves(), (_, row) => row.metadata.as_deref()))
        .bind(column!(moves(), (_, row) => row.retry_at))
        .bind(column!(moves(), (_, row) => row.results.as_deref()))
        .bind(column!(leases(), (no, _) => no))
        .bind(column!(leases(), (_, row) => row.0))
        .bind(column!(leases(), (_, row) => row.1))
        .bind(column!(leases(), (_, row) => row.2))
        .bind(column!(queued(), (no, _) => no))
        .bind(column!(queued(), (_, row) => row.0))
        .bind(column!(queued(), (_, row) => row.1))
        .bind(column!(tallies(), (no, ..) => no))
        .bind(column!(tallies(), (_, kind, _) => kind.code()))
        .bind(column!(tallies(), (.., count) => count))
        .fetch_one(connection)
        .await?;
    Ok(row.try_get(0)?)
}

/// Brings the statistics of what was seeded up to date, and folds its counts.
pub async fn settle(store: &Store) -> Result<()> {
    super::tallies::fold(store.pool(), i64::MAX).await?;
    for statement in [
        "vacuum (analyze) tasks",
        "vacuum (analyze) task_requests",
        "vacuum (analyze) transitions",
        "vacuum (analyze) leases, ready_steps, tallies, namespace_tallies, tally_changes",
        "checkpoint",
    ] {
        sqlx::query(statement).execute(store.pool()).await?;
    }
    Ok(())
}
