//! The arrows of the map in `lib.rs` only go down.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

/// What each part may use of the crate; what is not listed here may use everything.
const ARROWS: &[(&str, &[&str])] = &[
    ("domain", &["domain"]),
    ("error", &["error", "domain"]),
    ("telemetry", &["telemetry"]),
    ("supervisor", &["supervisor", "telemetry"]),
    ("store", &["store", "domain", "error", "lib", "supervisor", "telemetry"]),
    ("lifecycle", &["lifecycle", "store", "domain", "error", "supervisor", "telemetry"]),
    ("engine", &["engine", "auth", "lifecycle", "store", "domain", "error", "supervisor", "telemetry"]),
    ("health", &["health", "lifecycle", "store", "domain", "error", "supervisor", "telemetry"]),
    ("service", &["service", "auth", "lifecycle", "store", "domain", "error", "supervisor", "telemetry"]),
    (
        "rpc",
        &[
            "rpc",
            "auth",
            "service",
            "engine",
            "lifecycle",
            "domain",
            "error",
            "proto",
            "transport",
            "store",
            "supervisor",
            "telemetry",
            "health",
        ],
    ),
    ("embedded", &["embedded", "store"]),
    ("auth", &["auth", "store", "domain", "error", "supervisor", "telemetry"]),
];

#[test]
fn arrows_only_go_down() {
    let mut problems = Vec::new();
    for (part, text, path) in sources() {
        let Some((_, allowed)) = ARROWS.iter().find(|(name, _)| *name == part) else { continue };
        let used = uses(&text);
        problems.extend(
            used.iter()
                .filter(|used| !allowed.contains(&used.as_str()))
                .map(|used| format!("{} uses crate::{used}, which `{part}` may not", path.display())),
        );
    }
    assert!(problems.is_empty(), "{}", problems.join("\n"));
}

#[test]
fn only_the_store_names_the_driver() {
    let others = sources().into_iter().filter(|(part, text, _)| part != "store" && text.contains("sqlx"));
    let problems: Vec<String> = others.map(|(.., path)| path.display().to_string()).collect();
    assert!(problems.is_empty(), "these do the store's work:\n{}", problems.join("\n"));
}

#[test]
fn uses_are_found() {
    let check = |text: &str, expected: &[&str]| {
        assert_eq!(uses(text).iter().map(String::as_str).collect::<Vec<_>>(), expected, "{text}");
    };
    check("use crate::store::Store;", &["store"]);
    check("use crate::{domain::ids::{StepId, TaskId}, error::Error};", &["domain", "error"]);
    check("let x = crate::rpc::f();", &["rpc"]);
    check("use crate::Error;", &[]);
    check("use crate::{Error, store};", &["store"]);
}

/// The files of the library without comments and tests: the part that each belongs to, its text, its path.
fn sources() -> Vec<(String, String, PathBuf)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut sources = Vec::new();
    let mut directories = vec![root.clone()];
    while let Some(directory) = directories.pop() {
        for entry in fs::read_dir(directory).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                directories.push(path);
                continue;
            }
            let inside = path.strip_prefix(&root).unwrap().to_owned();
            let is_test =
                inside.components().any(|part| matches!(part.as_os_str().to_str(), Some("tests" | "tests.rs")));
            if is_test || path.extension().is_none_or(|ending| ending != "rs") {
                continue;
            }
            let part = inside.iter().next().unwrap().to_str().unwrap().trim_end_matches(".rs").to_owned();
            let text = fs::read_to_string(&path).unwrap();
            let text = text.split("#[cfg(test)]").next().unwrap_or_default();
            let lines = text.lines().map(|line| line.split("//").next().unwrap_or_default());
            sources.push((part, lines.collect::<Vec<_>>().join("\n"), inside));
        }
    }
    sources.sort();
    sources
}

/// The modules of the crate that a text names after `crate::`. Names that begin with a capital are types.
fn uses(text: &str) -> BTreeSet<String> {
    let mut used = BTreeSet::new();
    for after in text.split("crate::").skip(1) {
        match after.strip_prefix('{') {
            Some(list) => used.extend(names(list)),
            None => used.extend([name(after)]),
        }
    }
    used.retain(|name| name.starts_with(|first: char| first.is_ascii_lowercase()));
    used
}

/// The first name of each entry of a list, up to its closing brace.
fn names(list: &str) -> Vec<String> {
    let mut names = Vec::new();
    let (mut depth, mut begins) = (0, true);
    for (at, sign) in list.char_indices() {
        match sign {
            '{' => depth += 1,
            '}' if depth == 0 => break,
            '}' => depth -= 1,
            ',' if depth == 0 => begins = true,
            _ if begins && !sign.is_whitespace() => {
                names.push(name(&list[at..]));
                begins = false;
            }
            _ => {}
        }
    }
    names
}

fn name(text: &str) -> String {
    text.chars().take_while(|sign| sign.is_alphanumeric() || *sign == '_').collect()
}
