//! What holds, key by key, and where each value came from.

use std::{
    collections::{BTreeMap, BTreeSet},
    hash::{DefaultHasher, Hash as _, Hasher as _},
};

use serde::Serialize;
use toml::{Table, Value};

use super::{keys, load::Merged, secret::REDACTED};

/// One key with the value that holds. Secrets are redacted.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Entry {
    /// The key, such as `writer.lanes`.
    pub key: String,
    /// Its value.
    pub value: Value,
    /// Where it came from: a file, a variable, "a flag" or "default".
    pub source: String,
    /// Tells values apart that are not shown.
    #[serde(skip)]
    fingerprint: u64,
}

/// All keys with the values that hold.
#[derive(Debug, Clone, PartialEq)]
pub struct Effective(Vec<Entry>);

impl Effective {
    pub(super) fn new(merged: &Merged) -> Self {
        let mut entries = Vec::new();
        walk(&merged.table, "", &mut |key, value| {
            let mut hasher = DefaultHasher::new();
            value.to_string().hash(&mut hasher);
            let fingerprint = hasher.finish();
            let secret = keys::find(key).is_some_and(keys::Key::is_secret) && value.as_str() != Some("");
            let value = match value {
                _ if secret => Value::String(REDACTED.to_owned()),
                Value::String(text) => Value::String(without_password(text)),
                value => value.clone(),
            };
            let source = merged.origins.get(key).map_or("default", String::as_str).to_owned();
            entries.push(Entry { key: key.to_owned(), value, source, fingerprint });
        });
        Self(entries)
    }

    /// The keys, sections together.
    pub fn entries(&self) -> &[Entry] {
        &self.0
    }

    /// The keys whose values are others than before, or that are new or gone.
    pub fn changed_since(&self, before: &Self) -> Vec<String> {
        let values = |all: &Self| -> BTreeMap<String, u64> {
            all.0.iter().map(|entry| (entry.key.clone(), entry.fingerprint)).collect()
        };
        let (now, before) = (values(self), values(before));
        let keys: BTreeSet<&String> = now.keys().chain(before.keys()).collect();
        keys.into_iter().filter(|key| now.get(*key) != before.get(*key)).cloned().collect()
    }

    /// As a configuration file that says of each value where it came from.
    pub fn to_toml(&self) -> String {
        let mut lines: Vec<String> = Vec::new();
        let mut current = "";
        for Entry { key, value, source, .. } in &self.0 {
            let (section, name) = key.rsplit_once('.').unwrap_or(("", key));
            if section != current {
                lines.push(String::new());
                lines.push(format!("[{section}]"));
                current = section;
            }
            let line = format!("{name} = {value}");
            lines.push(format!("{line:<48} # {source}"));
        }
        lines.join("\n")
    }
}

/// Values before the sections beside them, as TOML wants it.
fn walk(table: &Table, prefix: &str, visit: &mut impl FnMut(&str, &Value)) {
    let name = |name: &str| if prefix.is_empty() { name.to_owned() } else { format!("{prefix}.{name}") };
    for (key, value) in table.iter().filter(|(_, value)| !value.is_table()) {
        visit(&name(key), value);
    }
    for (key, value) in table {
        if let Value::Table(inner) = value {
            walk(inner, &name(key), visit);
        }
    }
}

/// A text without the password that stands in it, if it is a URL with one.
fn without_password(text: &str) -> String {
    let hidden = || {
        let (scheme, rest) = text.split_once("://")?;
        let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
        let (authority, path) = rest.split_at_checked(end)?;
        let (user, host) = authority.rsplit_once('@')?;
        let (name, _) = user.split_once(':')?;
        Some(format!("{scheme}://{name}:{REDACTED}@{host}{path}"))
    };
    hidden().unwrap_or_else(|| text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passwords_in_urls_are_hidden() {
        assert_eq!(without_password("https://me:pass@host/keys"), format!("https://me:{REDACTED}@host/keys"));
        assert_eq!(without_password("http://me:p@ss@host"), format!("http://me:{REDACTED}@host"));
        for plain in ["https://host:4317/a:b@c", "https://me@host", "127.0.0.1:7077", "info"] {
            assert_eq!(without_password(plain), plain);
        }
    }
}
