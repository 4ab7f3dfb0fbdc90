//! What Postgres' errors mean.

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
    /// A value was refused, for instance text that is not JSON.
    #[error("a value was refused: {message}")]
    BadValue {
        /// Postgres' words about the value.
        message: String,
    },
    /// The transaction certainly did not happen and may be repeated.
    #[error("the transaction was rolled back")]
    Retry(#[source] sqlx::Error),
    /// The database cannot be reached. What was sent may or may not have been done.
    #[error("the database is unavailable")]
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
    #[error("the database refused the statement")]
    Other(#[source] sqlx::Error),
}

impl Error {
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
                    // Data exceptions, plus "program limit exceeded" for values that are too large to keep.
                    code if code.starts_with("22") || code == "54000" => {
                        Self::BadValue { message: database.message().to_owned() }
                    }
                    // Connection exceptions, operator intervention, insufficient resources, read-only standby.
                    code if code.starts_with("08")
                        || code.starts_with("57")
                        || code.starts_with("53")
                        || code == "25006" =>
                    {
                        Self::Unavailable(error)
                    }
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
            Error::BadValue { message } => {
                let message = message.clone();
                Self::invalid_field("payload", message).caused_by(error)
            }
            Error::Unavailable(_) => {
                Self::new(Reason::DatabaseUnavailable, "the database is unavailable").caused_by(error)
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
