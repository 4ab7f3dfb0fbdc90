//! Merges the sources. The defaults are the schema: a key that they lack is unknown, and a value must have the
//! kind of its default.

use std::{env, fs, path::PathBuf};

use serde::de::DeserializeOwned;
use toml::{Table, Value};

use super::{Config, DEFAULTS, Findings, backoff, check::Check, keys::unknown};

/// Tables that take any key.
const OPEN_TABLES: &[&str] = &["embedded.parameters"];
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

pub(super) fn load(sources: &Sources) -> Result<Config, Findings> {
    let defaults: Table = DEFAULTS.parse().expect("the compiled-in defaults parse");
    let mut merged = defaults.clone();
    let mut check = Check::default();

    let file = sources
        .file
        .clone()
        .or_else(|| sources.look_for_file.then(|| PathBuf::from(FILE)).filter(|path| path.is_file()));
    if let Some(path) = &file {
        let source = path.display().to_string();
        match fs::read_to_string(path) {
            Err(error) => check.finding(&source, format!("cannot be read: {error}"), ""),
            Ok(text) => match text.parse::<Table>() {
                Err(error) => check.finding(&source, error.to_string().trim_end(), ""),
                Ok(table) => overlay(&mut merged, &table, "", &source, &mut check),
            },
        }
    }
    for (name, value) in variables(&sources.environment) {
        set(&mut merged, &name.1, value, &name.0, &mut check);
    }
    for (key, value) in &sources.flags {
        set(&mut merged, key, value, "a flag", &mut check);
    }

    let mut config = read(&merged, &defaults, &mut check);
    config.file = file;
    config.validate(&mut check);
    let findings = check.into_findings();
    if findings.is_empty() { Ok(config) } else { Err(Findings(findings)) }
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

/// Lays a table of the file over the merged one.
fn overlay(into: &mut Table, from: &Table, prefix: &str, source: &str, check: &mut Check) {
    for (name, value) in from {
        let key = if prefix.is_empty() { name.clone() } else { format!("{prefix}.{name}") };
        if OPEN_TABLES.contains(&prefix) {
            into.insert(name.clone(), Value::String(plain(value)));
            continue;
        }
        match (into.get_mut(name), value) {
            (None, _) => check.finding(&key, unknown(&key), source),
            (Some(Value::Table(into)), Value::Table(from)) => overlay(into, from, &key, source, check),
            (Some(known), value) => match coerced(known, value) {
                Ok(value) => *known = value,
                Err(problem) => check.finding(&key, problem, source),
            },
        }
    }
}

/// Sets one key from text.
fn set(merged: &mut Table, key: &str, text: &str, source: &str, check: &mut Check) {
    let Some((section, name)) = key.rsplit_once('.') else {
        return check.finding(key, unknown(key), source);
    };
    let table = section.split('.').try_fold(merged, |table, part| table.get_mut(part)?.as_table_mut());
    let Some(table) = table else { return check.finding(key, unknown(key), source) };
    if OPEN_TABLES.contains(&section) {
        table.insert(name.to_owned(), Value::String(text.to_owned()));
        return;
    }
    match table.get_mut(name) {
        None | Some(Value::Table(_)) => check.finding(key, unknown(key), source),
        Some(known) => {
            let value = match known {
                Value::String(_) => Value::String(text.to_owned()),
                _ => read_value(text),
            };
            match coerced(known, &value) {
                Ok(value) => *known = value,
                Err(problem) => check.finding(key, problem, source),
            }
        }
    }
}

/// Reads text as TOML would; what TOML cannot read is a string. A list may come without brackets.
fn read_value(text: &str) -> Value {
    let parse = |text: &str| format!("value = {text}").parse::<Table>().ok()?.remove("value");
    let listed = || text.contains(',').then(|| parse(&format!("[{text}]"))).flatten();
    parse(text).or_else(listed).unwrap_or_else(|| Value::String(text.to_owned()))
}

/// The value, if it has the kind of the known one. A whole number may stand for a fraction.
fn coerced(known: &Value, value: &Value) -> Result<Value, String> {
    match (known, value) {
        (Value::Float(_), Value::Integer(number)) => Ok(Value::Float(*number as f64)),
        (Value::Array(_), Value::Integer(_)) => Ok(Value::Array(vec![value.clone()])),
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
        server: section.read("server", check),
        database: section.read("database", check),
        embedded: section.read("embedded", check),
        writer: section.read("writer", check),
        sessions: section.read("sessions", check),
        sweeper: section.read("sweeper", check),
        dispatch: section.read("dispatch", check),
        backoff: section.read::<backoff::Backoff>("backoff", check).into(),
        limits: section.read("limits", check),
        identity: section.read("identity", check),
        telemetry: section.read("telemetry", check),
        file: None,
    }
}

struct Sections<'a> {
    merged: &'a Table,
    defaults: &'a Table,
}

impl Sections<'_> {
    fn read<T: DeserializeOwned>(&self, name: &str, check: &mut Check) -> T {
        match self.merged[name].clone().try_into() {
            Ok(section) => section,
            Err(error) => {
                let to_blame = |table: &Value| table.clone().try_into::<T>().err().map(|error| error.to_string());
                if !self.blame(name, check, to_blame) {
                    check.finding(name, error.to_string(), "");
                }
                self.defaults[name].clone().try_into().expect("the compiled-in defaults have the right kinds")
            }
        }
    }

    /// Names the keys whose values are to blame, by trying each alone over the defaults.
    fn blame(&self, name: &str, check: &mut Check, problem: impl Fn(&Value) -> Option<String>) -> bool {
        let mut blamed = false;
        for (key, value) in self.merged[name].as_table().into_iter().flatten() {
            let mut alone = self.defaults[name].clone();
            alone.as_table_mut().expect("sections are tables").insert(key.clone(), value.clone());
            if let Some(problem) = problem(&alone) {
                let problem = problem.lines().next().unwrap_or_default().to_owned();
                check.finding(&format!("{name}.{key}"), problem, "");
                blamed = true;
            }
        }
        blamed
    }
}
