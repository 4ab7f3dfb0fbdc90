//! What is shipped beside the binary is true: it names metrics, keys and commands that exist, and is formed as those who
//! read it want it.

mod image;
mod kubernetes;
mod monitoring;

use std::{fs, path::PathBuf};

use serde_json::Value;
use tasker::config::{Config, Sources, keys};

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn text(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

fn yaml(path: &str) -> Value {
    parse(&text(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

fn parse(text: &str) -> Result<Value, String> {
    serde_saphyr::from_str(text).map_err(|error| error.to_string())
}

/// Files of a folder with this ending, by name.
fn files(folder: &str, ending: &str) -> Vec<String> {
    let entries = fs::read_dir(root().join(folder)).unwrap().map(|entry| entry.unwrap().file_name());
    let mut names: Vec<String> =
        entries.map(|name| name.into_string().unwrap()).filter(|name| name.ends_with(ending)).collect();
    names.sort();
    names
}

/// Text that a shell would split into words.
fn is_command(words: &[&str]) -> Result<(), String> {
    let words = std::iter::once("tasker").chain(words.iter().copied());
    match tasker::cli::command().try_get_matches_from(words) {
        Ok(_) => Ok(()),
        Err(error) => Err(error.to_string()),
    }
}

/// Sections that land beside this test; each is taken at its word until it is there.
const BESIDE: &[&str] = &["http", "health", "dependency_graph", "cache"];

/// Whether there is such a key, or such a section.
fn is_known(key: &str) -> bool {
    let section = key.split('.').next().unwrap_or(key);
    let is_there = keys::all().iter().any(|known| known.name.starts_with(&format!("{section}.")));
    let within = || keys::all().iter().any(|known| known.name.starts_with(&format!("{key}.")));
    keys::find(key).is_some() || within() || (BESIDE.contains(&section) && !is_there)
}

#[test]
fn every_variable_that_is_named_stands_for_a_key() {
    let mut places = vec![
        "Dockerfile".to_owned(),
        "deploy/compose.yaml".to_owned(),
        "docs/OPERATIONS.md".to_owned(),
        "docs/CONFIGURATION.md".to_owned(),
    ];
    places.extend(files("deploy/kubernetes", ".yaml").into_iter().map(|name| format!("deploy/kubernetes/{name}")));
    let mut named = 0;
    for place in places {
        let text = text(&place);
        for rest in text.split("TASKER__").skip(1) {
            let name: String = rest
                .chars()
                .take_while(|sign| sign.is_ascii_uppercase() || *sign == '_' || sign.is_ascii_digit())
                .collect();
            let key = name.to_lowercase().replace("__", ".");
            assert!(is_known(&key), "{place} names TASKER__{name}, and there is no key {key}");
            named += 1;
        }
    }
    assert!(named > 10, "{named}");
}

/// A configuration that the environment completes.
fn loads(toml: &str) -> Result<Config, String> {
    let path = std::env::temp_dir().join(format!("tasker-ship-{}.toml", uuid::Uuid::now_v7()));
    fs::write(&path, toml).unwrap();
    let environment = [
        ("DATABASE_URL", "postgres://tasker@db.example/tasker?sslmode=verify-full"),
        ("TASKER__AUTH__JWT__SECRET", "0123456789abcdef0123456789abcdef"),
    ];
    let environment = environment.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec();
    let loaded = Config::load(&Sources { file: Some(path.clone()), environment, ..Sources::default() });
    fs::remove_file(path).unwrap();
    loaded.map_err(|findings| findings.to_string())
}

#[test]
fn the_configurations_are_valid_in_production() {
    for toml in [text("deploy/tasker.toml"), kubernetes::configuration()] {
        assert!(toml.contains("environment = \"production\""));
        loads(&toml).unwrap_or_else(|problem| panic!("{problem}\n{toml}"));
    }
}

#[test]
fn compose_starts_what_it_says() {
    let compose = yaml("deploy/compose.yaml");
    let services = compose["services"].as_object().unwrap();
    let names: Vec<&str> = services.keys().map(String::as_str).collect();
    for wanted in ["postgres", "server-a", "server-b", "worker", "prometheus", "grafana", "migrate"] {
        assert!(names.contains(&wanted), "{wanted} in {names:?}");
    }
    for (name, service) in services {
        if service["image"] == "tasker" {
            let command: Vec<&str> =
                service["command"].as_array().unwrap().iter().map(|word| word.as_str().unwrap()).collect();
            is_command(&command).unwrap_or_else(|error| panic!("{name}: {error}"));
        }
        for waits in service["depends_on"].as_object().into_iter().flat_map(|waits| waits.keys()) {
            assert!(names.contains(&waits.as_str()), "{name} waits for {waits}");
        }
        for volume in service["volumes"].as_array().into_iter().flatten().filter_map(Value::as_str) {
            let source = volume.split(':').next().unwrap();
            let exists = match source.strip_prefix("./") {
                Some(path) => root().join("deploy").join(path).exists(),
                None => compose["volumes"].as_object().unwrap().contains_key(source),
            };
            assert!(exists, "{name} mounts {source}");
        }
    }
}

#[test]
fn the_renamed_keys_exist() {
    let manual = text("docs/CONFIGURATION.md");
    let table = manual.split("<!-- renamed -->").nth(1).expect("the table is marked");
    let mut rows = 0;
    for row in table.lines().filter(|line| line.starts_with("| `")) {
        let cells: Vec<&str> = row.split('|').map(str::trim).collect();
        for key in cells[2].split('`').skip(1).step_by(2) {
            assert!(is_known(key), "{row}\nthere is no key {key}");
        }
        rows += 1;
    }
    assert!(rows > 60, "{rows}");
    for key in keys::all().iter().filter(|key| key.is_reloadable()) {
        assert!(
            manual.contains(&format!("`{}`", key.name)),
            "docs/CONFIGURATION.md does not list {} as reloadable",
            key.name
        );
    }
}
