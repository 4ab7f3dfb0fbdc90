//! What the loader takes, refuses and says.

use std::{path::PathBuf, time::Duration};

use super::*;

fn texts(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
    pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
}

fn flags(pairs: &[(&str, &str)]) -> Result<Config, Findings> {
    Config::load(&Sources { flags: texts(pairs), ..Sources::default() })
}

fn file(name: &str, text: &str) -> PathBuf {
    let path = std::env::temp_dir().join(format!("tasker-config-{}-{name}.toml", std::process::id()));
    std::fs::write(&path, text).unwrap();
    path
}

/// One flag brings exactly this finding.
fn check(key: &str, value: &str, finding: &str) {
    let Findings(findings) = flags(&[(key, value)]).unwrap_err();
    let texts: Vec<String> = findings.iter().map(ToString::to_string).collect();
    assert_eq!(texts, [finding]);
}

#[test]
fn the_defaults_are_valid_and_mean_what_the_domain_means() {
    let config = Config::default();
    assert_eq!(config.backoff, crate::domain::backoff::Policy::default());
    assert_eq!(config.sessions.lease_ttl, Duration::from_secs(15));
    assert_eq!(config.server.listen.to_string(), "127.0.0.1:7077");
}

#[test]
fn later_sources_win() {
    let path = file("order", "[writer]\nlanes = 3\nbatch_items_max = 30\nqueue_items_max = 300\n");
    let sources = Sources {
        file: Some(path.clone()),
        environment: texts(&[("TASKER__WRITER__BATCH_ITEMS_MAX", "40"), ("TASKER__WRITER__QUEUE_ITEMS_MAX", "400")]),
        flags: texts(&[("writer.queue_items_max", "500")]),
        ..Sources::default()
    };
    let writer = Config::load(&sources).unwrap().writer;
    assert_eq!((writer.lanes, writer.batch_items_max, writer.queue_items_max), (3, 40, 500));
    std::fs::remove_file(path).unwrap();
}

#[test]
fn short_variables_stand_for_keys_and_the_long_ones_win() {
    let url = |pairs: &[(&str, &str)]| {
        let sources = Sources { environment: texts(pairs), ..Sources::default() };
        Config::load(&sources).unwrap().database.url.expose().to_owned()
    };
    let short = ("DATABASE_URL", "postgres://short");
    assert_eq!(url(&[short]), "postgres://short");
    assert_eq!(url(&[("TASKER__DATABASE__URL", "postgres://long"), short]), "postgres://long");
}

#[test]
fn values_are_read_by_the_kind_of_their_default() {
    let config = flags(&[
        ("backoff.default_backoff_seconds", "3,7"),
        ("backoff.backoff_multiplier", "2"),
        ("backoff.jitter_enabled", "false"),
        ("identity.strategy", "hash"),
        ("server.listen", "unix:/run/tasker.sock"),
        ("embedded.parameters.shared_buffers", "64MB"),
    ])
    .unwrap();
    assert_eq!(config.backoff.default_backoff_seconds, [3, 7]);
    assert!(!config.backoff.jitter_enabled);
    assert_eq!(config.identity.strategy, IdentityStrategy::Hash);
    assert_eq!(config.server.listen, Listen::Unix("/run/tasker.sock".into()));
    assert_eq!(config.embedded.settings().parameters.last(), Some(&("shared_buffers".into(), "64MB".into())));
}

#[test]
fn what_is_wrong_is_named() {
    check("writer.lane", "1", "writer.lane: unknown key; did you mean `writer.lanes`? (from a flag)");
    check("nonsense", "1", "nonsense: unknown key; `tasker doctor --defaults` lists all (from a flag)");
    check("writer.lanes", "many", "writer.lanes: must be a whole number, not \"many\" (from a flag)");
    check("writer.lanes", "0", "writer.lanes: must be from 1 to 64, not 0");
    check("writer.lanes", "65", "writer.lanes: must be from 1 to 64, not 65");
    check(
        "writer.queue_items_max",
        "511",
        "writer.queue_items_max: must hold one batch: writer.batch_items_max is 512",
    );
    check(
        "sessions.heartbeat_ms",
        "7501",
        "sessions.heartbeat_ms: must be at most half of sessions.lease_ttl_ms, which is 15000",
    );
    check("limits.steps_per_task", "30001", "limits.steps_per_task: must be from 1 to 30000, not 30001");
    check("database.url", "mysql://", "database.url: must begin with postgres:// or postgresql://");
    check("identity.strategy", "guess", "identity.strategy: unknown variant `guess`, expected `default` or `hash`");
    check(
        "server.listen",
        "7077",
        "server.listen: `7077` is neither an address with a port such as 127.0.0.1:7077 nor unix:/path",
    );
}

#[test]
fn all_findings_come_at_once_with_their_sources() {
    let path = file("findings", "typo = 1\n[writer]\nlanes = \"two\"\n[server]\nlisten = \"here\"\n");
    let sources = Sources {
        file: Some(path.clone()),
        environment: texts(&[("TASKER__DISPATCH__BATCH_SIZE", "3")]),
        flags: texts(&[("sweeper.interval_ms", "1")]),
        ..Sources::default()
    };
    let Findings(findings) = Config::load(&sources).unwrap_err();
    let mut keys: Vec<&str> = findings.iter().map(|finding| finding.key.as_str()).collect();
    keys.sort_unstable();
    assert_eq!(keys, ["dispatch.batch_size", "server.listen", "sweeper.interval_ms", "typo", "writer.lanes"]);
    let named = findings.iter().find(|finding| finding.key == "dispatch.batch_size").unwrap();
    assert_eq!(named.source, "TASKER__DISPATCH__BATCH_SIZE");
    std::fs::remove_file(path).unwrap();
}

#[test]
fn the_password_is_not_printed() {
    let config = flags(&[("database.url", "postgres://me:hush@db/x")]).unwrap();
    let printed = format!("{config:?}");
    assert!(!printed.contains("hush") && printed.contains("[redacted]"), "{printed}");
}
