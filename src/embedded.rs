//! A private Postgres, run as a child of this process.
//!
//! Owns: finding the binaries, the directory (`lock`, `data/`, `run/`, `postgres.log`), starting and stopping.
//! Never: downloads anything, opens a TCP port, or leaves a server behind: a keeper thread is the child's
//! parent for the kernel too, so that even a killed tasker takes its Postgres along (by a clean shutdown).
//! Next: `binaries` looks for an installation, `directory` prepares the place, `keeper` runs the child.

use std::{path::PathBuf, time::Duration};

use tokio::sync::oneshot;

use crate::store::databases::{self, Address};

mod account;
mod binaries;
mod directory;
mod error;
mod keeper;
mod os;
mod parameters;

pub use error::Error;
pub(crate) use os::{Signal, signal};
pub use parameters::defaults as default_parameters;

/// How to run the private Postgres.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Where its data lives. Made when missing. Moved under `/var/lib/tasker` when we are root and the account
    /// that runs Postgres may not enter it.
    pub directory: PathBuf,
    /// The directory of the binaries `initdb` and `postgres`; `None` looks in the usual places.
    pub binaries: Option<PathBuf>,
    /// The database to create when it is missing.
    pub database: String,
    /// Server parameters, given with `-c`; the later one of two with the same name wins.
    pub parameters: Vec<(String, String)>,
    /// How long to wait until it answers. Recovery after a crash can take long.
    pub start_timeout: Duration,
}

impl Settings {
    /// The defaults for a directory: durable, tuned to this machine's memory.
    pub fn new(directory: impl Into<PathBuf>) -> Self {
        Self {
            directory: directory.into(),
            binaries: None,
            database: "tasker".to_owned(),
            parameters: default_parameters(),
            start_timeout: Duration::from_secs(60),
        }
    }

    /// Sets a server parameter.
    #[must_use]
    pub fn parameter(mut self, name: &str, value: impl Into<String>) -> Self {
        self.parameters.push((name.to_owned(), value.into()));
        self
    }
}

/// A running private Postgres. Dropping it stops it and waits for it.
#[derive(Debug)]
pub struct Server {
    options: Address,
    directory: PathBuf,
    socket_directory: PathBuf,
    binaries: PathBuf,
    keeper: Option<keeper::Keeper>,
    exited: Option<oneshot::Receiver<String>>,
}

impl Server {
    /// Starts Postgres on the directory, making a cluster and the database when they are missing, and waits
    /// until it answers.
    pub async fn start(settings: &Settings) -> Result<Self, Error> {
        let (ready, started) = oneshot::channel();
        let (gone, exited) = oneshot::channel();
        let keeper = keeper::Keeper::spawn(settings.clone(), ready, gone)?;
        let place = started.await.map_err(|_| Error::KeeperLost)??;
        let server = Self {
            options: through(&place.socket_directory).database(&settings.database),
            directory: place.directory,
            socket_directory: place.socket_directory,
            binaries: place.binaries,
            keeper: Some(keeper),
            exited: Some(exited),
        };
        databases::ensure(&server.options_of("postgres"), &settings.database).await?;
        Ok(server)
    }

    /// How to connect to the database of the settings.
    pub fn options(&self) -> Address {
        self.options.clone()
    }

    /// How to connect to another database of the same server.
    pub fn options_of(&self, database: &str) -> Address {
        self.options.clone().database(database)
    }

    /// Where the data really lives.
    pub fn directory(&self) -> &std::path::Path {
        &self.directory
    }

    /// Where its socket is.
    pub fn socket_directory(&self) -> &std::path::Path {
        &self.socket_directory
    }

    /// The binaries in use.
    pub fn binaries(&self) -> &std::path::Path {
        &self.binaries
    }

    /// Waits until Postgres ends without being asked to, and tells its last words. Pends for ever once told.
    pub async fn exited(&mut self) -> String {
        let Some(exited) = &mut self.exited else { return std::future::pending().await };
        match exited.await {
            Ok(words) => {
                self.exited = None;
                words
            }
            Err(_) => std::future::pending().await,
        }
    }

    /// Stops Postgres: running statements are cut off, everything committed is kept.
    pub async fn stop(mut self) {
        let keeper = self.keeper.take();
        let stopping = tokio::task::spawn_blocking(move || drop(keeper));
        // A panic in there has been reported by the keeper's thread; there is nothing left to stop.
        let _ = stopping.await;
    }
}

/// How to connect to the server that runs on the directory now, in this process or another; `None` when none does.
pub fn running(settings: &Settings) -> Option<Address> {
    let root = directory::locate(&settings.directory, account::choose().ok()?).ok()?;
    let sockets = directory::socket_directory(&root);
    directory::socket(&sockets).exists().then(|| through(&sockets).database(&settings.database))
}

/// The installation that a start on the directory would use, in words.
pub fn installation(settings: &Settings) -> Result<String, Error> {
    let root = directory::locate(&settings.directory, account::choose()?)?;
    let data = root.join("data");
    let found = binaries::choose(settings.binaries.as_deref(), directory::made_by(&data).as_deref(), &data)?;
    Ok(format!("Postgres {} in {}", found.major, found.directory.display()))
}

fn through(sockets: &std::path::Path) -> Address {
    databases::socket(sockets, directory::PORT, "postgres")
}
