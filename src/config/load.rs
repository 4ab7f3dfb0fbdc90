//! Merges the sources. The defaults are the schema: a key that they lack is unknown, and a value must have the
//! kind of its default.

use std::{
    collections::BTreeMap,
    env, fs,
    path::{Path, PathBuf},
};

use serde::de::DeserializeOwned;
use toml::{Table, Value};

use super::{
    Config, Finding, Findings, backoff,
    check::Check,
    keys::{self, SHAPED, defaults, look_up, unknown},
    secret::REDACTED,
};

/// Tables that take any key.
const OPEN_TABLES: &[&str] = &["embedded.parameters", "retention.rules"];
/// Tables that take any key, with a list of texts for each.
const OPEN_LISTS: &[&str] = &["auth.roles"];
/// The file that is read when none is named.
const FILE: &str = "tasker.toml";
/// Variables that stand for keys, beside the `TASKER__SECTION__KEY` ones, which win over them.
const SHORT_NAMES: &[(&str, &str)] = &[("DATABASE_URL", "database.url"), ("TASKER_PG_BIN", "embedded.binaries")];

/// Where values come from, beyond the defaults; later ones win.
#[derive(Debug, Clone, Default)]
pub struct Sources {
    /// A file that must exist. `None` reads `tasker.toml` when there is one.
    pub file: Option<PathBuf>,
    /// Whether to look for `tasker.toml` when no file is named.
    pub look_for_file: bool,
    /// Variables of the environment.
    pub environment: Vec<(String, String)>,
    /// Keys from flags, such as `("writer.lanes", "4")`.
    pub flags: Vec<(String, String)>,
}

/// The environment of this process: the one place that reads it.
#[expect(clippy::disallowed_methods, reason = "this is the one place")]
pub fn environment() -> Vec<(String, String)> {
    env::vars_os().filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?))).collect()
}

/// What came of the sources: the values that hold, and where each came from that is not the default.
#[derive(Debug, Clone)]
pub(super) struct Merged {
    pub(super) table: Table,
    pub(super) origins: BTreeMap<String, String>,
}

pub(super) fn load(sources: &Sources) -> Result<(Config, Merged), Findings> {
    let defaults = defaults();
    let mut merged = Merged { table: defaults.clone(), origins: BTreeMap::new() };
    let mut check = Check::default();

    let file = sources
        .file
        .clone()
        .or_else(|| sources.look_for_file.then(|| PathBuf::from(FILE)).filter(|path| path.is_file()));
    if let Some(path) = &file {
        let source = path.display().to_string();
        match read_file(path) {
            Ok(table) => overlay(&mut merged, &table, "", &source, &mut check),
            Err((problem, fix)) => check.add(&source, "", problem, fix, &source),
        }
    }
    near_misses(&sources.environment, &mut check);
    for (name, value) in variables(&sources.environment) {
        set(&mut merged, &name.1, value, &name.0, &mut check);
    }
    for (key, value) in &sources.flags {
        set(&mut merged, key, value, "a flag", &mut check);
    }

    let mut config = read(&merged.table, &defaults, &mut check);
    config.file = file;
    config.validate(&mut check);
    config.database.resolve(&config.databases);
    let mut findings = check.into_findings();
    if findings.is_empty() {
        return Ok((config, merged));
    }
    findings.iter_mut().for_each(|finding| complete(finding, &merged));
    Err(Findings(findings))
}

fn read_file(path: &Path) -> Result<Table, (String, &'static str)> {
    let text = fs::read_to_string(path)
        .map_err(|error| (format!("cannot be read: {error}"), "correct the path or the file's permissions"))?;
    let table = text.parse::<Table>();
    table.map_err(|error| (error.to_string().trim_end().to_owned(), "correct the file at that place"))
}

/// Fills in what a check did not know: the value, where it came from, and a way to fix it.
fn complete(finding: &mut Finding, merged: &Merged) {
    let key = keys::find(&finding.key);
    if finding.value.is_empty()
        && let Some(value) = look_up(&merged.table, &finding.key).filter(|value| !value.is_table())
    {
        finding.value = value.to_string();
    }
    if key.is_some_and(keys::Key::is_secret) {
        finding.value = REDACTED.to_owned();
    }
    if finding.source.is_empty() {
        let source = merged.origins.get(&finding.key);
        finding.source = source.map_or_else(|| "the defaults".to_owned(), Clone::clone);
    }
    let default = key.map(|key| format!("the default is {}", key.default)).unwrap_or_default();
    finding.fix = match (finding.fix.is_empty(), default.is_empty()) {
        (false, false) => format!("{}; {default}", finding.fix),
        (false, true) => finding.fix.clone(),
        (true, false) => format!("choose another value; {default}"),
        (true, true) => format!("choose another value for {}", finding.key),
    };
}

/// The variables that are meant for us, as (name, key) and value, in the order in which they apply.
fn variables(environment: &[(String, String)]) -> Vec<((String, String), &str)> {
    let short = SHORT_NAMES.iter().filter_map(|(name, key)| {
        let (_, value) = environment.iter().find(|(candidate, value)| candidate == name && !value.is_empty())?;
        Some((((*name).to_owned(), (*key).to_owned()), value.as_str()))
    });
    let long = environment.iter().filter_map(|(name, value)| {
        let key = name.strip_prefix("TASKER__")?.to_lowercase().replace("__", ".");
        Some(((name.clone(), key), value.as_str()))
    });
    short.chain(long).collect()
}

/// Variables that would be keys if they had two underscores between sections: nobody else reads them.
fn near_misses(environment: &[(String, String)], check: &mut Check) {
    let single =
        |name: &str| name.split('_').filter(|word| !word.is_empty()).collect::<Vec<_>>().join("_").to_uppercase();
    for (name, value) in
        environment.iter().filter(|(name, _)| name.starts_with("TASKER_") && !name.starts_with("TASKER__"))
    {
        let wanted = single(name);
        let meant = keys::all().iter().find(|key| single(&format!("TASKER_{}", key.name.replace('.', "_"))) == wanted);
        if let Some(key) = meant {
            let right = format!("TASKER__{}", key.name.replace('.', "__").to_uppercase());
            check.add(&key.name, value, format!("is not set by {name}"), format!("write {right}"), name);
        }
    }
}

/// Lays a table of the file over the merged one.
fn overlay(merged: &mut Merged, from: &Table, prefix: &str, source: &str, check: &mut Check) {
    for (name, value) in from {
        let key = if prefix.is_empty() { name.clone() } else { format!("{prefix}.{name}") };
        match (place(&mut merged.table, &key), value) {
            (Some(Place::Any(table)), value) => {
                table.insert(name.clone(), Value::String(plain(value)));
                merged.origins.insert(key, source.to_owned());
            }
            (Some(Place::Section), Value::Table(from)) => overlay(merged, from, &key, source, check),
            (Some(Place::Section), value) => {
                check.add(&key, value.to_string(), "must be a section", format!("write [{key}]"), source);
            }
            (Some(Place::Value(known)), value) => match coerced(known, value) {
                Ok(value) => {
                    *known = value;
                    merged.origins.insert(key, source.to_owned());
                }
                Err(problem) => check.add(&key, value.to_string(), problem, kind_wanted(known), source),
            },
            (None, value) => {
                let (problem, fix) = unknown(&key);
                check.add(&key, shown(&key, &value.to_string()), problem, fix, source);
            }
        }
    }
}

/// Sets one key from text.
fn set(merged: &mut Merged, key: &str, text: &str, source: &str, check: &mut Check) {
    let name = key.rsplit_once('.').map_or(key, |(_, name)| name);
    match place(&mut merged.table, key) {
        Some(Place::Any(table)) => {
            table.insert(name.to_owned(), Value::String(text.to_owned()));
        }
        Some(Place::Value(known)) => {
            let value = match known {
                Value::String(_) => Value::String(text.to_owned()),
                _ => read_value(text),
            };
            match coerced(known, &value) {
                Ok(value) => *known = value,
                Err(problem) => return check.add(key, text, problem, kind_wanted(known), source),
            }
        }
        Some(Place::Section) => {
            return check.add(key, text, "is a section", format!("name one of its keys, as in {key}.KEY"), source);
        }
        None => {
            let (problem, fix) = unknown(key);
            return check.add(key, shown(key, text), problem, fix, source);
        }
    }
    merged.origins.insert(key.to_owned(), source.to_owned());
}

/// What stands at a key.
enum Place<'a> {
    /// A value, whose kind is the one that is wanted.
    Value(&'a mut Value),
    /// A table that takes any key.
    Any(&'a mut Table),
    /// A section.
    Section,
}

/// Finds the place of a key. An entry of a table of tables comes into being when it is first asked for.
fn place<'a>(table: &'a mut Table, key: &str) -> Option<Place<'a>> {
    shape(table, key);
    let (section, name) = key.rsplit_once('.').unwrap_or(("", key));
    let mut sections = section.split('.').filter(|part| !part.is_empty());
    let table = sections.try_fold(table, |table, part| table.get_mut(part)?.as_table_mut())?;
    if OPEN_TABLES.contains(&section) {
        return Some(Place::Any(table));
    }
    if OPEN_LISTS.contains(&section) {
        return Some(Place::Value(table.entry(name).or_insert_with(|| Value::Array(Vec::new()))));
    }
    Some(match table.get_mut(name)? {
        Value::Table(_) => Place::Section,
        value => Place::Value(value),
    })
}

/// Makes the entry that the key lies in, with the defaults of the section that shapes it.
fn shape(table: &mut Table, key: &str) {
    for (entries, section, names) in SHAPED {
        let Some(entry) = key.strip_prefix(entries).and_then(|rest| rest.strip_prefix('.')) else { continue };
        let entry = entry.split('.').next().unwrap_or_default();
        let defaults = defaults();
        let known = look_up(&defaults, section).and_then(Value::as_table).into_iter().flatten();
        let known = known.filter(|(name, _)| names.contains(&name.as_str()));
        let made: Table = known.map(|(name, value)| (name.clone(), value.clone())).collect();
        if let Some(Value::Table(entries)) = table.get_mut(*entries) {
            entries.entry(entry).or_insert(Value::Table(made));
        }
    }
}

/// The value of a key that nobody knows; it may be a secret under a wrong name.
fn shown(key: &str, value: &str) -> String {
    const SUSPICIOUS: &[&str] = &["url", "secret", "password", "token", "key"];
    let key = key.to_lowercase();
    if SUSPICIOUS.iter().any(|word| key.contains(word)) { REDACTED.to_owned() } else { value.to_owned() }
}

fn kind_wanted(known: &Value) -> String {
    format!("give it {}", kind(known))
}

/// Reads text as TOML would; what TOML cannot read is a string. A list may come without brackets.
fn read_value(text: &str) -> Value {
    let parse = |text: &str| format!("value = {text}").parse::<Table>().ok()?.remove("value");
    let listed = || text.contains(',').then(|| parse(&format!("[{text}]"))).flatten();
    let words = || {
        let words = text.split(',').map(|word| Value::String(word.trim().to_owned()));
        text.contains(',').then(|| Value::Array(words.collect()))
    };
    parse(text).or_else(listed).or_else(words).unwrap_or_else(|| Value::String(text.to_owned()))
}

/// The value, if it has the kind of the known one. A whole number may stand for a fraction.
fn coerced(known: &Value, value: &Value) -> Result<Value, String> {
    match (known, value) {
        (Value::Float(_), Value::Integer(number)) => Ok(Value::Float(*number as f64)),
        (Value::Array(_), Value::Integer(_) | Value::String(_)) => Ok(Value::Array(vec![value.clone()])),
        _ if known.same_type(value) => Ok(value.clone()),
        _ => Err(format!("must be {}, not {}", kind(known), value)),
    }
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::String(_) => "text",
        Value::Integer(_) => "a whole number",
        Value::Float(_) => "a number",
        Value::Boolean(_) => "true or false",
        Value::Array(_) => "a list",
        Value::Table(_) => "a section",
        Value::Datetime(_) => "a time",
    }
}

fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// Reads the merged table into the structs. A section that cannot be read is reported and taken from the
/// defaults, so that the others are checked as well.
fn read(merged: &Table, defaults: &Table, check: &mut Check) -> Config {
    let section = Sections { merged, defaults };
    Config {
        environment: section.value("environment", check),
        server: section.read("server", check),
        http: section.read("http", check),
        health: section.read("health", check),
        auth: section.read("auth", check),
        database: section.read("database", check),
        databases: section.read("databases", check),
        embedded: section.read("embedded", check),
        writer: section.read("writer", check),
        sessions: section.read("sessions", check),
        sweeper: section.read("sweeper", check),
        dispatch: section.read("dispatch", check),
        supervision: section.read("supervision", check),
        backoff: section.read::<backoff::Backoff>("backoff", check).into(),
        dependency_graph: section.read("dependency_graph", check),
        cache: section.read("cache", check),
        limits: section.read("limits", check),
        identity: section.read("identity", check),
        analytics: section.read("analytics", check),
        telemetry: section.read("telemetry", check),
        events: section.read("events", check),
        retention: section.read("retention", check),
        file: None,
    }
}

struct Sections<'a> {
    merged: &'a Table,
    defaults: &'a Table,
}

impl Sections<'_> {
    /// A key that stands above all sections.
    fn value<T: DeserializeOwned>(&self, name: &str, check: &mut Check) -> T {
        self.merged[name].clone().try_into().unwrap_or_else(|error: toml::de::Error| {
            check.finding(name, error.message(), "");
            self.defaults[name].clone().try_into().expect("the compiled-in defaults have the right kinds")
        })
    }

    fn read<T: DeserializeOwned>(&self, name: &str, check: &mut Check) -> T {
        match self.merged[name].clone().try_into() {
            Ok(section) => section,
            Err(error) => {
                let to_blame = |table: &Value| table.clone().try_into::<T>().err().map(|error| error.to_string());
                let blamed = self.blame(name, check, to_blame);
                if blamed.is_empty() {
                    check.finding(name, error.to_string(), "");
                }
                // With the defaults in their place, the others are checked as well.
                let rest = self.without(name, &blamed).try_into();
                rest.unwrap_or_else(|_: toml::de::Error| {
                    self.defaults[name].clone().try_into().expect("the compiled-in defaults have the right kinds")
                })
            }
        }
    }

    /// Names the keys whose values are to blame, by trying each alone over the defaults.
    fn blame(&self, name: &str, check: &mut Check, problem: impl Fn(&Value) -> Option<String>) -> Vec<Vec<&str>> {
        let mut blamed = Vec::new();
        for (path, value) in leaves(&self.merged[name]) {
            let mut alone = self.defaults[name].clone();
            let (key, tables) = path.split_last().expect("a leaf has a key");
            let table = tables.iter().try_fold(&mut alone, |table, part| table.get_mut(part));
            let Some(table) = table.and_then(Value::as_table_mut) else { continue };
            table.insert((*key).to_owned(), value.clone());
            if let Some(problem) = problem(&alone) {
                let problem = problem.lines().next().unwrap_or_default().to_owned();
                check.finding(&format!("{name}.{}", path.join(".")), problem, "");
                blamed.push(path);
            }
        }
        blamed
    }
}

impl Sections<'_> {
    /// The section with the defaults of these keys.
    fn without(&self, name: &str, keys: &[Vec<&str>]) -> Value {
        let mut section = self.merged[name].clone();
        for path in keys {
            let Some((key, tables)) = path.split_last() else { continue };
            let default = path.iter().try_fold(&self.defaults[name], |table, part| table.get(part));
            let table = tables.iter().try_fold(&mut section, |table, part| table.get_mut(part));
            let Some(table) = table.and_then(Value::as_table_mut) else { continue };
            match default {
                Some(default) => table.insert((*key).to_owned(), default.clone()),
                None => table.remove(*key),
            };
        }
        section
    }
}

/// The values of a section that are no sections themselves, with the keys that lead to them.
fn leaves(section: &Value) -> Vec<(Vec<&str>, &Value)> {
    let mut found = Vec::new();
    for (key, value) in section.as_table().into_iter().flatten() {
        if value.is_table() {
            let inner = leaves(value).into_iter();
            found.extend(inner.map(|(path, value)| (std::iter::once(key.as_str()).chain(path).collect(), value)));
        } else {
            found.push((vec![key.as_str()], value));
        }
    }
    found
}
