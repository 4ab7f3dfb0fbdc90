//! The place of a private Postgres: `lock`, `data/`, `run/` with the socket, `postgres.log`.

use std::{
    fs::{self, DirBuilder, File, OpenOptions, Permissions, TryLockError},
    io::{ErrorKind, Read, Seek, Write},
    os::unix::{
        ffi::OsStrExt,
        fs::{DirBuilderExt, MetadataExt, PermissionsExt, chown},
    },
    path::{Path, PathBuf, absolute},
};

use sha2::{Digest, Sha256};

use super::{Error, account::Account, error::io, os};

/// Names the socket; nothing listens on the network.
pub(super) const PORT: u16 = 5432;
/// `sun_path` holds 108 bytes with the closing NUL.
const SOCKET_PATH_BYTES_MAX: usize = 107;
/// A log that has grown beyond this is started anew.
const LOG_BYTES_MAX: u64 = 16 << 20;
/// Where clusters go that the account of Postgres could not reach.
const ELSEWHERE: &str = "/var/lib/tasker";

/// A prepared place. It is ours as long as this value lives.
#[derive(Debug)]
pub(super) struct Place {
    pub(super) root: PathBuf,
    pub(super) account: Option<Account>,
    _lock: File,
}

impl Place {
    /// Makes the directory, ours alone, and takes the lock on it.
    pub(super) fn prepare(wanted: &Path, account: Option<Account>) -> Result<Self, Error> {
        let root = locate(wanted, account)?;
        fs::create_dir_all(&root).map_err(io("create", &root))?;
        let lock = take_lock(&root)?;
        let place = Self { root, account, _lock: lock };
        place.own(&place.root)?;
        Ok(place)
    }

    /// Where the cluster is.
    pub(super) fn data(&self) -> PathBuf {
        self.root.join("data")
    }

    /// Where Postgres and initdb write what they have to say.
    pub(super) fn log(&self) -> PathBuf {
        self.root.join("postgres.log")
    }

    /// Opens the log for adding to it.
    pub(super) fn open_log(&self) -> Result<File, Error> {
        let path = self.log();
        let large = fs::metadata(&path).is_ok_and(|metadata| metadata.len() > LOG_BYTES_MAX);
        if large {
            fs::rename(&path, path.with_extension("log.1")).map_err(io("rotate", &path))?;
        }
        OpenOptions::new().create(true).append(true).open(&path).map_err(io("open", &path))
    }

    /// Makes the directory of the socket.
    pub(super) fn socket_directory(&self) -> Result<PathBuf, Error> {
        let path = socket_directory(&self.root);
        match DirBuilder::new().mode(0o700).create(&path) {
            Err(error) if error.kind() != ErrorKind::AlreadyExists => return Err(io("create", &path)(error)),
            _ => {}
        }
        // Under /tmp somebody else may have been there first.
        let metadata = fs::symlink_metadata(&path).map_err(io("look at", &path))?;
        let ours = metadata.uid() == os::effective_uid() || self.account.is_some_and(|a| a.uid == metadata.uid());
        if !metadata.is_dir() || !ours {
            return Err(io("use", &path)(std::io::Error::other("it belongs to somebody else")));
        }
        self.own(&path)?;
        Ok(path)
    }

    /// Closes a directory to everybody but the account of Postgres.
    pub(super) fn own(&self, path: &Path) -> Result<(), Error> {
        if let Some(account) = self.account {
            chown(path, Some(account.uid), Some(account.gid)).map_err(io("hand over", path))?;
        }
        fs::set_permissions(path, Permissions::from_mode(0o700)).map_err(io("protect", path))
    }
}

/// The major version that made a cluster; `None` when there is none yet.
pub(super) fn made_by(data: &Path) -> Option<String> {
    fs::read_to_string(data.join("PG_VERSION")).ok().map(|text| text.trim().to_owned())
}

/// Where the cluster of a wanted directory is: there, unless the account of Postgres may not enter it.
pub(super) fn locate(wanted: &Path, account: Option<Account>) -> Result<PathBuf, Error> {
    let root = absolute(wanted).map_err(io("resolve", wanted))?;
    Ok(match account {
        Some(account) if !account.may_reach(&root) && !root.join("data").exists() => {
            let elsewhere = Path::new(ELSEWHERE).join(short_hash(&root));
            tracing::info!(wanted = %root.display(), used = %elsewhere.display(), "the account of Postgres may not enter the directory");
            elsewhere
        }
        _ => root,
    })
}

/// Where the socket of a cluster is: beside the data, or under `/tmp` when its path would be too long.
pub(super) fn socket_directory(root: &Path) -> PathBuf {
    let beside = root.join("run");
    if socket(&beside).as_os_str().as_bytes().len() <= SOCKET_PATH_BYTES_MAX {
        beside
    } else {
        PathBuf::from(format!("/tmp/tasker-{}", short_hash(root)))
    }
}

/// The socket in its directory.
pub(super) fn socket(directory: &Path) -> PathBuf {
    directory.join(format!(".s.PGSQL.{PORT}"))
}

fn take_lock(root: &Path) -> Result<File, Error> {
    let path = root.join("lock");
    let mut file = OpenOptions::new()
        .create(true)
        .truncate(false)
        .read(true)
        .write(true)
        .open(&path)
        .map_err(io("open", &path))?;
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => {
            let mut pid = String::new();
            let known = file.read_to_string(&mut pid).is_ok() && !pid.trim().is_empty();
            let pid = if known { pid.trim().to_owned() } else { "unknown".to_owned() };
            return Err(Error::Busy { directory: root.to_owned(), pid });
        }
        Err(TryLockError::Error(error)) => return Err(io("lock", &path)(error)),
    }
    file.set_len(0)
        .and_then(|()| file.rewind())
        .and_then(|()| writeln!(file, "{}", std::process::id()))
        .map_err(io("write", &path))?;
    Ok(file)
}

/// A short name for a path.
fn short_hash(path: &Path) -> String {
    let hash = Sha256::digest(path.as_os_str().as_bytes());
    hash.iter().take(8).map(|byte| format!("{byte:02x}")).collect()
}
