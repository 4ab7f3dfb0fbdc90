//! The account that Postgres runs as: ours, unless we are root, which Postgres refuses.

use std::{
    fs,
    os::unix::{fs::MetadataExt, process::CommandExt},
    path::Path,
    process::Command,
};

use super::{Error, error::io, os};

/// Another user to become for the children.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Account {
    pub(super) uid: u32,
    pub(super) gid: u32,
}

/// Who runs Postgres: `None` is ourselves.
pub(super) fn choose() -> Result<Option<Account>, Error> {
    if !os::is_root() {
        return Ok(None);
    }
    let path = Path::new("/etc/passwd");
    let passwd = fs::read_to_string(path).map_err(io("read", path))?;
    find(&passwd, "postgres").or_else(|| find(&passwd, "nobody")).map(Some).ok_or(Error::NoAccount)
}

fn find(passwd: &str, name: &str) -> Option<Account> {
    passwd.lines().find_map(|line| {
        let mut fields = line.split(':');
        (fields.next()? == name).then_some(())?;
        let uid = fields.nth(1)?.parse().ok()?;
        let gid = fields.next()?.parse().ok()?;
        Some(Account { uid, gid })
    })
}

/// A command that runs as the account, from a directory that everybody may enter, speaking English.
pub(super) fn command(program: &Path, account: Option<Account>) -> Command {
    let mut command = Command::new(program);
    command.current_dir("/").env("LC_ALL", "C").env_remove("PGDATA").env_remove("PGPORT");
    if let Some(account) = account {
        command.uid(account.uid).gid(account.gid);
    }
    command
}

impl Account {
    /// Whether the account may walk down to the path, as far as it exists.
    pub(super) fn may_reach(self, path: &Path) -> bool {
        path.ancestors().filter_map(|ancestor| fs::metadata(ancestor).ok()).all(|metadata| {
            let needed = if metadata.uid() == self.uid {
                0o100
            } else if metadata.gid() == self.gid {
                0o010
            } else {
                0o001
            };
            metadata.mode() & needed != 0
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accounts_are_found_by_name() {
        let passwd = "root:x:0:0:root:/root:/bin/bash\nnobody:x:65534:65533::/:/sbin/nologin\nbroken\n";
        assert_eq!(find(passwd, "nobody"), Some(Account { uid: 65534, gid: 65533 }));
        assert_eq!(find(passwd, "postgres"), None);
        assert_eq!(find(passwd, "broken"), None);
    }
}
