//! Every SQL statement, one file each under `store/sql`, and what servers share beside the database.
//!
//! Owns: the pools, the statements, and what Postgres' errors mean. Functions take a connection, so that they
//! work inside and outside a transaction. Never: rules; a statement reads sets and writes sets. A test
//! prepares every file against the migrated schema, so a statement that does not fit it fails the build.
//! Next: `lifecycle`, which calls the writing ones; `service`, which calls the reading ones.

pub mod analytics;
pub mod annotations;
pub mod api_tokens;
pub mod bench;
pub mod catalog;
mod connection;
pub mod databases;
pub mod doctor;
pub mod error;
pub mod events;
mod executor;
pub mod graph;
pub mod handlers;
pub mod lifecycle;
pub mod migrate;
pub mod pages;
pub mod pauses;
pub mod pool;
pub mod pooler;
pub mod ready;
pub mod replica;
pub mod retention;
pub mod seed;
pub mod sessions;
pub mod shared;
pub mod status;
pub mod steps;
pub mod tallies;
pub mod tasks;
pub mod text;

pub use connection::{Connection, Dedicated, Listener, ReadConnection, Transaction, begin, commit};
pub use error::{Error, Result};
pub use executor::Pool;
pub(crate) use executor::names_statements;
pub use pool::Store;

/// The text of a file under `store/sql`, without its ending.
macro_rules! sql_text {
    ($path:literal) => {
        include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/src/store/sql/", $path, ".sql"))
    };
}
pub(crate) use sql_text;

/// A query from a file under `store/sql`, without its ending.
macro_rules! sql {
    ($path:literal) => {
        sqlx::query($crate::store::sql_text!($path)).persistent($crate::store::names_statements())
    };
}
pub(crate) use sql;

/// A statement of its own file whose first parameter are the ids of tasks. About a single task it asks for equality:
/// Postgres expects ten entries of any list that it has not seen, would plan each call anew to do better, and takes
/// several times longer for that than for the answer.
macro_rules! of_tasks {
    ($path:literal, $tasks:expr) => {{
        static ONE: std::sync::LazyLock<String> =
            std::sync::LazyLock::new(|| $crate::store::of_one_task($crate::store::sql_text!($path)));
        let tasks: &[uuid::Uuid] = $tasks;
        let text = match tasks {
            [_] => ONE.as_str(),
            _ => $crate::store::sql_text!($path),
        };
        sqlx::query(text).persistent($crate::store::names_statements()).bind(tasks)
    }};
}
pub(crate) use of_tasks;

/// A statement about tasks as one about the first of them.
pub fn of_one_task(text: &str) -> String {
    let (head, tail) = text.split_once("= any ($1::uuid[])").expect("a statement about tasks");
    format!("{head}= ($1::uuid[])[1]{tail}")
}
