//! The keys that there are, what `default.toml` says of each, and the nearest one to a key that there is not.
//!
//! Owns: which keys are secrets, and which ones a running server takes over. The comments of the defaults say the same
//! in words, and a test holds the two together.

use std::sync::LazyLock;

use toml::{Table, Value};

use super::DEFAULTS;
use crate::domain::near;

/// Keys whose values are never printed.
const SECRETS: &[&str] = &["auth.jwt.secret", "database.url", "cache.redis_url", "events.nats.url"];

/// Keys, and sections whose entries are keys, that take effect at a SIGHUP.
const RELOADABLE: &[&str] = &[
    "server.drain_grace_ms",
    "auth.cedar_files",
    "auth.roles",
    "database.reads_lag_max_ms",
    "backoff.default_backoff_seconds",
    "backoff.max_backoff_seconds",
    "backoff.backoff_multiplier",
    "backoff.jitter_enabled",
    "backoff.jitter_max_percentage",
    "backoff.retry_after_max_seconds",
    "telemetry.log_level",
];

/// A key with what is written above it.
#[derive(Debug, Clone, PartialEq)]
pub struct Key {
    /// Its full name, such as `writer.lanes`.
    pub name: String,
    /// The comment, on one line.
    pub comment: String,
    /// Its default.
    pub default: Value,
}

impl Key {
    /// Whether its value is a secret.
    pub fn is_secret(&self) -> bool {
        SECRETS.contains(&self.name.as_str())
    }

    /// Whether a running server takes a new value.
    pub fn is_reloadable(&self) -> bool {
        RELOADABLE.contains(&self.name.as_str())
    }
}

/// Tables whose entries are tables of the same keys: each entry has those keys of another section.
pub(super) const SHAPED: &[(&str, &str, &[&str])] =
    &[("databases", "database", &["url", "pool_connections_max", "acquire_timeout_ms", "pooler"])];

static KEYS: LazyLock<Vec<Key>> = LazyLock::new(|| read().0);
/// The sections that stand in the file without a key.
static TABLES: LazyLock<Vec<Key>> = LazyLock::new(|| read().1);

/// The sections that take any key, with what is written above them.
#[cfg(test)]
pub(super) fn tables() -> &'static [Key] {
    &TABLES
}

/// All keys, in the order of the file.
pub fn all() -> &'static [Key] {
    &KEYS
}

/// What is written about a key. An entry of a table of tables is described by the section that shapes it.
pub fn find(name: &str) -> Option<&'static Key> {
    let shaped = SHAPED.iter().find_map(|(table, shape, _)| {
        let (_, key) = name.strip_prefix(table)?.strip_prefix('.')?.split_once('.')?;
        Some(format!("{shape}.{key}"))
    });
    let name = shaped.as_deref().unwrap_or(name);
    // An entry of a table that takes any key is described by what stands above the table.
    let table = || name.rsplit_once('.').map_or("", |(table, _)| table);
    all().iter().find(|key| key.name == name).or_else(|| TABLES.iter().find(|key| key.name == table()))
}

/// What is wrong with a key that is unknown, and what to do about it, with the nearest one that is known.
pub(super) fn unknown(key: &str) -> (String, String) {
    match near::nearest(key, names().iter().map(String::as_str)) {
        Some(known) => (format!("unknown key; did you mean `{known}`?"), format!("write `{known}`, or remove the key")),
        _ => ("unknown key; `tasker doctor --defaults` lists all".to_owned(), "remove the key".to_owned()),
    }
}

/// Keys and sections.
fn names() -> Vec<String> {
    fn walk(table: &Table, prefix: &str, names: &mut Vec<String>) {
        for (name, value) in table {
            let name = if prefix.is_empty() { name.clone() } else { format!("{prefix}.{name}") };
            if let Value::Table(table) = value {
                walk(table, &name, names);
            }
            names.push(name);
        }
    }
    let mut names = Vec::new();
    walk(&defaults(), "", &mut names);
    names
}

pub(super) fn defaults() -> Table {
    DEFAULTS.parse().expect("the compiled-in defaults parse")
}

/// Reads keys and comments line by line: a comment stands above the key, or above several keys that follow each other.
fn read() -> (Vec<Key>, Vec<Key>) {
    let defaults = defaults();
    let (mut section, mut comment) = (String::new(), String::new());
    let (mut keys, mut tables) = (Vec::new(), Vec::new());
    let mut follows_key = false;
    for line in DEFAULTS.lines() {
        if let Some(text) = line.strip_prefix('#') {
            if follows_key {
                comment.clear();
            }
            follows_key = false;
            comment.push_str(text);
        } else if let Some(name) = line.strip_prefix('[') {
            section = name.trim_end_matches(']').to_owned();
            let default = look_up(&defaults, &section).expect("a section is a table").clone();
            if default.as_table().is_some_and(Table::is_empty) {
                tables.push(Key { name: section.clone(), comment: comment.trim().to_owned(), default });
            }
            comment.clear();
        } else if let Some((name, _)) = line.split_once(" = ") {
            let name = if section.is_empty() { name.to_owned() } else { format!("{section}.{name}") };
            let default = look_up(&defaults, &name).expect("a key of the defaults has a value").clone();
            keys.push(Key { name, comment: comment.trim().to_owned(), default });
            follows_key = true;
        } else {
            comment.clear();
        }
    }
    (keys, tables)
}

/// The value of a key in a table of tables.
pub(super) fn look_up<'a>(table: &'a Table, key: &str) -> Option<&'a Value> {
    match key.split_once('.') {
        None => table.get(key),
        Some((section, rest)) => look_up(table.get(section)?.as_table()?, rest),
    }
}
