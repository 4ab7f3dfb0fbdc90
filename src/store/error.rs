//! What Postgres' errors mean.
//!
//! Owns: which error is whose fault, and the words for it. Never: lets Postgres' own words out to callers; they are the
//! source of an error, which is logged.

use crate::error::{Error as CrateError, Reason};

/// An error of the store.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A unique or check constraint refused a row.
    #[error("constraint {constraint} refused the row")]
    Conflict {
        /// The constraint's name.
        constraint: String,
    },
    /// A text holds what no text of the database can.
    #[error("a text holds a character that cannot be kept")]
    BadText(#[source] sqlx::Error),
    /// A value is larger than the database can keep or index.
    #[error("a value is larger than the database can keep or index")]
    TooLarge(#[source] sqlx::Error),
    /// The place that a page begins at is none.
    #[error("the page begins at a time that is none")]
    BadCursor,
    /// The transaction certainly did not happen and may be repeated.
    #[error("the transaction was rolled back")]
    Retry(#[source] sqlx::Error),
    /// The database cannot be reached. What was sent may or may not have been done.
    #[error("{}", unavailable(.0))]
    Unavailable(#[source] sqlx::Error),
    /// The only known way to the database goes through a pooler in transaction mode.
    #[error("this needs a direct way to the database, past the pooler: name one as database.listen")]
    NotDirect,
    /// A pooler in transaction mode stands between, and the configuration does not say so.
    #[error("{}", super::pooler::FORGOTTEN)]
    Pooler(#[source] sqlx::Error),
    /// The statement took longer than it may.
    #[error("the statement took too long")]
    TooLong(#[source] sqlx::Error),
    /// A row is not as written.
    #[error("stored data is corrupt: {0}")]
    Corrupt(String),
    /// Anything else.
    #[error("{}", refused(.0))]
    Other(#[source] sqlx::Error),
}

impl Error {
    /// Whether it is about what is stored, so that reading it again fails again.
    pub const fn is_about_data(&self) -> bool {
        matches!(self, Self::BadText(_) | Self::Corrupt(_) | Self::Other(_))
    }

    /// The database did not take a connection in time.
    pub const fn timed_out() -> Self {
        Self::Unavailable(sqlx::Error::PoolTimedOut)
    }

    /// There is no connection any more.
    pub const fn not_connected() -> Self {
        Self::Unavailable(sqlx::Error::WorkerCrashed)
    }
}

/// The store's result.
pub type Result<T> = std::result::Result<T, Error>;

impl From<sqlx::Error> for Error {
    fn from(error: sqlx::Error) -> Self {
        match &error {
            sqlx::Error::Database(database) => {
                let code = database.code().unwrap_or_default();
                match code.as_ref() {
                    _ if super::pooler::explains(&error) => Self::Pooler(error),
                    "23505" | "23514" | "23P01" => {
                        Self::Conflict { constraint: database.constraint().unwrap_or_default().to_owned() }
                    }
                    "40001" | "40P01" | "55P03" | "TK001" => Self::Retry(error),
                    "22021" | "22P05" => Self::BadText(error),
                    code if code.starts_with("54") => Self::TooLarge(error),
                    "57014" => Self::TooLong(error),
                    code if is_unavailable(code) => Self::Unavailable(error),
                    _ => Self::Other(error),
                }
            }
            sqlx::Error::Io(_)
            | sqlx::Error::Tls(_)
            | sqlx::Error::PoolTimedOut
            | sqlx::Error::PoolClosed
            | sqlx::Error::Protocol(_)
            | sqlx::Error::WorkerCrashed => Self::Unavailable(error),
            sqlx::Error::ColumnDecode { .. } | sqlx::Error::ColumnNotFound(_) | sqlx::Error::Decode(_) => {
                Self::Corrupt(error.to_string())
            }
            _ => Self::Other(error),
        }
    }
}

impl From<Error> for CrateError {
    fn from(error: Error) -> Self {
        match &error {
            Error::Conflict { .. } | Error::Retry(_) => {
                Self::new(Reason::Contention, "others changed the same rows").caused_by(error)
            }
            Error::BadText(_) => {
                let text = "the request holds a text with a character that cannot be kept, such as U+0000";
                Self::new(Reason::MessageMalformed, text).caused_by(error)
            }
            Error::TooLarge(_) => {
                let text = "the request holds a value that is larger than the database can keep or index";
                Self::new(Reason::LimitExceeded, text).caused_by(error)
            }
            Error::BadCursor => {
                Self::new(Reason::PageTokenInvalid, "the page token names a time that is none").caused_by(error)
            }
            Error::Unavailable(source) => {
                let text = unavailable(source);
                Self::new(Reason::DatabaseUnavailable, text).caused_by(error)
            }
            Error::Pooler(_) => Self::new(Reason::DatabaseUnavailable, super::pooler::FORGOTTEN).caused_by(error),
            Error::TooLong(_) => {
                let text = "the database was not done with the answer in time: ask for less";
                Self::new(Reason::QueryTimeout, text).caused_by(error)
            }
            Error::NotDirect | Error::Corrupt(_) | Error::Other(_) => {
                Self::new(Reason::Internal, "the database refused a statement").caused_by(error)
            }
        }
    }
}

/// Connection exceptions, a pooler that forgets statements, who may connect, resources, operators, files, read-only.
fn is_unavailable(code: &str) -> bool {
    ["08", "28", "53", "57", "58"].iter().any(|class| code.starts_with(class))
        || matches!(code, "25006" | "26000" | "42P05" | "3D000")
}

fn code(error: &sqlx::Error) -> Option<String> {
    error.as_database_error().and_then(|database| database.code()).map(|code| code.into_owned())
}

/// Why the database is of no use now, and what to do about it.
fn unavailable(error: &sqlx::Error) -> &'static str {
    match code(error).as_deref() {
        Some("25006") => "the database takes no writes: it is a standby, or it is set to read-only",
        Some("26000" | "42P05") => {
            "the database is behind a pooler in transaction mode: set database.pooler = \"transaction\""
        }
        Some("28000" | "28P01") => "the database refuses the user or the password of this server",
        Some("3D000") => "the database server has no database of that name",
        Some("53100") => "the disk of the database is full",
        Some("53200") => "the database is out of memory",
        Some("53300") => "the database has no connection left: raise its max_connections, or lower the pools",
        Some("57P01" | "57P02") => "the database is shutting down",
        Some("57P03") => "the database is starting up",
        Some(code) if code.starts_with("58") => "the database cannot read or write one of its files",
        _ => "the database is unavailable",
    }
}

/// What the database found wrong with a statement of ours.
fn refused(error: &sqlx::Error) -> &'static str {
    match code(error).as_deref() {
        Some("42P01" | "42703" | "42883") => "the database has another schema than this version: run tasker migrate",
        Some("42501") => "the database does not let its user do this: grant what docs/SECURITY.md lists",
        _ => "the database refused the statement",
    }
}

#[cfg(test)]
mod tests {
    use std::{borrow::Cow, error::Error as StdError, fmt};

    use sqlx::error::{DatabaseError, ErrorKind};

    use super::*;

    /// An error of Postgres with this code.
    #[derive(Debug)]
    struct Coded(&'static str);

    impl fmt::Display for Coded {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("Postgres' own words")
        }
    }

    impl StdError for Coded {}

    impl DatabaseError for Coded {
        fn message(&self) -> &'static str {
            "Postgres' own words"
        }

        fn code(&self) -> Option<Cow<'_, str>> {
            Some(self.0.into())
        }

        fn as_error(&self) -> &(dyn StdError + Send + Sync + 'static) {
            self
        }

        fn as_error_mut(&mut self) -> &mut (dyn StdError + Send + Sync + 'static) {
            self
        }

        fn into_error(self: Box<Self>) -> Box<dyn StdError + Send + Sync + 'static> {
            self
        }

        fn kind(&self) -> ErrorKind {
            ErrorKind::Other
        }
    }

    #[track_caller]
    fn check(code: &'static str, reason: Reason, words: &str) {
        let error = CrateError::from(Error::from(sqlx::Error::Database(Box::new(Coded(code)))));
        assert_eq!(error.reason(), reason, "{code}");
        assert!(error.message().contains(words), "{code}: {}", error.message());
        assert!(!error.message().contains("own words"), "{code}: {}", error.message());
        assert!(error.violations().is_empty(), "{code} blames a field");
    }

    #[test]
    fn each_code_has_a_reason_and_words_of_ours() {
        check("23505", Reason::Contention, "others changed");
        check("40001", Reason::Contention, "others changed");
        check("22021", Reason::MessageMalformed, "U+0000");
        check("22P05", Reason::MessageMalformed, "U+0000");
        check("54000", Reason::LimitExceeded, "larger than the database");
        check("57014", Reason::QueryTimeout, "ask for less");
        check("25006", Reason::DatabaseUnavailable, "takes no writes");
        check("26000", Reason::DatabaseUnavailable, "pooler");
        check("42P05", Reason::DatabaseUnavailable, "pooler");
        check("28P01", Reason::DatabaseUnavailable, "password");
        check("53100", Reason::DatabaseUnavailable, "disk");
        check("53300", Reason::DatabaseUnavailable, "max_connections");
        check("57P01", Reason::DatabaseUnavailable, "shutting down");
        check("57P03", Reason::DatabaseUnavailable, "starting up");
        check("58P01", Reason::DatabaseUnavailable, "files");
        check("08006", Reason::DatabaseUnavailable, "unavailable");
        // What we sent was wrong: nobody's fault but ours.
        check("22003", Reason::Internal, "refused a statement");
        check("42601", Reason::Internal, "refused a statement");
    }

    #[test]
    fn operators_are_told_of_a_schema_that_does_not_fit() {
        let error = Error::from(sqlx::Error::Database(Box::new(Coded("42P01"))));
        assert!(error.to_string().contains("tasker migrate"), "{error}");
    }
}
