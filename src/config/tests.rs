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
    let texts: Vec<String> = findings.iter().map(|finding| format!("{}: {}", finding.key, finding.problem)).collect();
    assert_eq!(texts, [finding.trim_end_matches(" (from a flag)")]);
    assert_eq!(findings[0].source, "a flag");
}

#[test]
fn the_defaults_are_valid_and_mean_what_the_domain_means() {
    let config = Config::default();
    assert_eq!(config.backoff, crate::domain::backoff::Policy::default());
    assert_eq!(config.dependency_graph, crate::domain::graph::Policy::default());
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
fn the_dependency_graph_is_strictly_typed() {
    let weight = "dependency_graph.impact_multipliers.downstream_weight";
    check(weight, "1.5", &format!("{weight}: must be a whole number, not 1.5 (from a flag)"));
    check(weight, "10001", &format!("{weight}: must be from 0 to 10000, not 10001"));
    let state = "dependency_graph.severity_multipliers.error_state";
    check(state, "true", &format!("{state}: must be a number, not true (from a flag)"));
    check(
        "dependency_graph.severity_multipliers.eror_state",
        "1.0",
        "dependency_graph.severity_multipliers.eror_state: unknown key; did you mean \
         `dependency_graph.severity_multipliers.error_state`?",
    );
    let high = "dependency_graph.severity_thresholds.high";
    check(high, "20", &format!("{high}: must be more than medium, which is 20"));
    let critical = "dependency_graph.severity_thresholds.critical";
    check(critical, "50", &format!("{critical}: must be more than high, which is 50"));
    let raised = flags(&[(high, "100")]).unwrap_err().to_string();
    assert!(raised.contains("must be more than high, which is 100"), "{raised}");
    let config = flags(&[(weight, "7"), (critical, "200")]).unwrap();
    assert_eq!(config.dependency_graph.impact_multipliers.downstream_weight, 7);
    assert_eq!(config.dependency_graph.impact_multipliers.blocked_weight, 15, "omitted keys keep their defaults");
    assert_eq!(config.dependency_graph.severity_thresholds.critical, 200);
}

#[test]
fn a_shared_cache_needs_an_address() {
    let missing = flags(&[("cache.backend", "redis")]).unwrap_err().to_string();
    assert!(missing.contains("is needed when cache.backend is redis"), "{missing}");
    let wrong = flags(&[("cache.backend", "redis"), ("cache.redis_url", "http://x")]).unwrap_err().to_string();
    assert!(wrong.contains("must begin with redis://"), "{wrong}");
    assert!(flags(&[("cache.backend", "redis"), ("cache.redis_url", "redis+unix:///run/r.sock")]).is_ok());
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

/// The limits that a comment names: "from 1 to 64" is written as `1 to 64`.
fn documented_range(comment: &str) -> Option<(f64, f64)> {
    let number = |text: &str| text.trim_end_matches(['.', ',', ';', ':']).parse::<f64>().ok();
    let words: Vec<&str> = comment.split_whitespace().collect();
    let ranges = words.windows(3).filter(|three| three[1] == "to");
    let range = ranges.filter_map(|three| Some((number(three[0])?, number(three[2])?))).next_back();
    let most = words.windows(3).filter(|three| three[1] == "most" && three[0].eq_ignore_ascii_case("at"));
    range.or_else(|| most.filter_map(|three| number(three[2])).next_back().map(|most| (f64::NEG_INFINITY, most)))
}

/// A value of the same kind as the default.
fn like(default: &toml::Value, number: f64) -> String {
    match default {
        toml::Value::Float(_) => format!("{number:?}"),
        toml::Value::Array(_) => format!("[{number:.0}]"),
        _ => format!("{number:.0}"),
    }
}

#[test]
fn every_key_says_what_it_is_and_every_number_between_which_bounds() {
    let mut problems = Vec::new();
    for key in keys::all() {
        if key.comment.len() < 20 {
            problems.push(format!("{}: has no comment that explains it", key.name));
        }
        let number = match &key.default {
            toml::Value::Array(items) => items.first().is_some_and(|item| item.is_integer() || item.is_float()),
            other => other.is_integer() || other.is_float(),
        };
        if !number {
            continue;
        }
        let Some((from, to)) = documented_range(&key.comment) else {
            problems.push(format!("{}: its comment names no range such as `1 to 64`", key.name));
            continue;
        };
        let step = if key.default.is_float() { 0.001 } else { 1.0 };
        let beyond = [from - step, to + step].into_iter().filter(|value| value.is_finite());
        for value in beyond.map(|value| like(&key.default, value)) {
            let found = flags(&[(&key.name, &value)]).err().is_some_and(|Findings(findings)| {
                findings.iter().any(|finding| finding.key == key.name && !finding.fix.is_empty())
            });
            if !found {
                problems.push(format!("{} = {value} is beyond its documented range and nobody minds", key.name));
            }
        }
    }
    assert!(problems.is_empty(), "{}", problems.join("\n"));
}

#[test]
fn secrets_are_the_keys_that_say_so() {
    for key in keys::all().iter().filter(|key| key.default.is_str()) {
        let schemes = ["postgres", "redis", "nats"];
        let given = schemes.map(|scheme| flags(&[(&key.name, &format!("{scheme}://hush:hush@hush/hush"))]));
        let Some(config) = given.into_iter().find_map(Result::ok) else { continue };
        let shown = format!("{config:?}").contains("hush");
        assert_eq!(!shown, key.is_secret(), "{}: a value of the type Secret is a secret", key.name);
    }
}

#[test]
fn comments_say_which_keys_are_secrets_and_which_are_reloadable() {
    for key in keys::all().iter().chain(keys::tables()) {
        assert_eq!(key.comment.contains("Never printed"), key.is_secret(), "{}: {}", key.name, key.comment);
        assert_eq!(key.comment.contains("Reloadable"), key.is_reloadable(), "{}: {}", key.name, key.comment);
    }
    let named = keys::all().iter().chain(keys::tables());
    assert_eq!(named.clone().filter(|key| key.is_secret()).count(), 4, "every name of the list is a key");
    assert_eq!(named.filter(|key| key.is_reloadable()).count(), 11, "every name of the list is a key");
}

#[test]
fn the_file_to_begin_with_shows_the_defaults() {
    assert_eq!(texts_of(STARTER), "", "as it is, it sets nothing");
    let uncommented: Vec<&str> = STARTER
        .lines()
        .map(|line| {
            line.strip_prefix("# ")
                .filter(|rest| rest.split_once(" = ").is_some_and(|(key, _)| is_key(key)))
                .unwrap_or(line)
        })
        .collect();
    let text = uncommented.join("\n").replace("operator = [\"tasker.task:*\", \"tasker.handler:*\"]\n", "");
    let set: Vec<String> = texts_of(&text).split_whitespace().map(str::to_owned).collect();
    assert!(set.len() > 15, "{set:?}");
    for key in set {
        let shown = keys::look_up(&text.parse().unwrap(), &key).cloned();
        assert_eq!(shown, keys::find(&key).map(|known| known.default.clone()), "{key}");
    }
}

fn is_key(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_')
}

/// The keys that a file sets.
fn texts_of(text: &str) -> String {
    let path = file("starter", text);
    let sources = Sources { file: Some(path.clone()), ..Sources::default() };
    let (_, effective) = Config::load_explained(&sources).unwrap();
    std::fs::remove_file(path).unwrap();
    let set = effective.entries().iter().filter(|entry| entry.source != "default");
    set.map(|entry| entry.key.as_str()).collect::<Vec<_>>().join(" ")
}

#[test]
fn every_listener_has_an_address_of_its_own() {
    let findings = |http: &str, grpc: &str| -> Vec<String> {
        let given = flags(&[("http.listen", http), ("server.listen", grpc), ("auth.insecure_listen", "true")]);
        let found = given.err().map_or_else(Vec::new, |Findings(findings)| findings);
        found.iter().map(|finding| format!("{}: {}", finding.key, finding.problem)).collect()
    };
    let taken = ["http.listen: is the port of server.listen, where gRPC is served"];
    assert_eq!(findings("127.0.0.1:7077", "127.0.0.1:7077"), taken);
    assert_eq!(findings("0.0.0.0:7077", "127.0.0.1:7077"), taken);
    assert_eq!(findings("127.0.0.1:7077", "0.0.0.0:7077"), taken);
    assert_eq!(findings("127.0.0.2:7077", "127.0.0.1:7077"), [""; 0]);
    assert_eq!(findings("127.0.0.1:0", "127.0.0.1:0"), [""; 0]);
    assert_eq!(findings("auto", "127.0.0.1:9077"), [""; 0]);
    assert_eq!(findings("127.0.0.1:7077", "unix:/run/tasker"), [""; 0]);
}

#[test]
fn an_open_server_is_for_this_machine_unless_somebody_says_otherwise() {
    check(
        "server.listen",
        "0.0.0.0:7077",
        "server.listen: can be reached by other machines, and nobody would be asked who calls",
    );
    flags(&[("server.listen", "0.0.0.0:7077"), ("auth.insecure_listen", "true")]).unwrap();
}

#[test]
fn addresses_of_other_services_are_checked() {
    for url in ["http://nats:4222", "nats://", "nats://a:4222,ws://b", "nats:4222,,"] {
        let given = flags(&[("events.nats.url", url)]).unwrap_err();
        assert_eq!(
            given.0[0].problem, "must be host:port, nats://host:port or tls://host:port, several with commas",
            "{url}"
        );
        assert_eq!(given.0[0].value, "[redacted]");
    }
    for url in ["nats://user:password@nats:4222", "nats:4222", "tls://a:4222,tls://b:4222"] {
        flags(&[("events.nats.url", url)]).unwrap();
    }
    check("cache.redis_url", "foo", "cache.redis_url: must begin with redis://, redis+unix:// or unix://");
    check("backoff.default_backoff_seconds", "[]", "backoff.default_backoff_seconds: must have at least one entry");
}

#[test]
fn a_variable_with_one_underscore_is_no_key_and_says_which_it_meant() {
    let sources = Sources {
        environment: texts(&[("TASKER_WRITER_LANES", "4"), ("TASKER_DATABASE_URL", "postgres://me:secret@db/x")]),
        ..Sources::default()
    };
    let Findings(findings) = Config::load(&sources).unwrap_err();
    let texts: Vec<String> =
        findings.iter().map(|f| format!("{} {} {} -> {}", f.source, f.value, f.problem, f.fix)).collect();
    insta::assert_snapshot!(texts.join("\n"));
    let known = texts_of_the_command_line();
    Config::load(&Sources { environment: known, ..Sources::default() }).unwrap();
}

/// Variables that the command line reads.
fn texts_of_the_command_line() -> Vec<(String, String)> {
    let names = ["ENDPOINT", "PROFILE", "TOKEN", "TOKEN_FILE", "TOKEN_SECRET", "CA_FILE", "CLIENT_CERT", "CLIENT_KEY"];
    let more = ["OUTPUT", "CONFIG", "ENV", "PG_BIN"];
    names.iter().chain(&more).map(|name| (format!("TASKER_{name}"), "x".to_owned())).collect()
}

#[test]
fn all_findings_of_a_section_come_at_once() {
    let path = file("section", "[server]\nlisten = \"here\"\nkeepalive_interval_ms = 1\nreplicas = 0\n");
    let Findings(findings) = Config::load(&Sources { file: Some(path.clone()), ..Sources::default() }).unwrap_err();
    let keys: Vec<&str> = findings.iter().map(|finding| finding.key.as_str()).collect();
    assert_eq!(keys, ["server.listen", "server.keepalive_interval_ms", "server.replicas"]);
    std::fs::remove_file(path).unwrap();
}

#[test]
fn a_finding_says_key_value_rule_source_and_how_to_fix_it() {
    let path = file(
        "whole",
        "typo = 1\n[writer]\nlanes = \"two\"\nbatch_items_max = 0\n[server]\nlisten = \"here\"\n[databases.x]\nurl = 5\n",
    );
    let sources = Sources {
        file: Some(path.clone()),
        environment: texts(&[
            ("TASKER__DISPATCH__BATCH_SIZE", "3"),
            ("TASKER__DATABSE__URL", "hush"),
            ("DATABASE_URL", "mysql://me:hush@db/x"),
        ]),
        flags: texts(&[("sweeper.interval_ms", "1"), ("database.reads", "copy"), ("server", "5")]),
        ..Sources::default()
    };
    let findings = Config::load(&sources).unwrap_err();
    assert!(findings.0.len() >= 9, "{findings}");
    for finding in &findings.0 {
        let all = [&finding.key, &finding.value, &finding.problem, &finding.fix, &finding.source];
        assert!(all.iter().all(|text| !text.is_empty()), "{finding:?}");
    }
    assert!(!findings.to_string().contains("hush"), "{findings}");
    std::fs::remove_file(path).unwrap();
    insta::assert_snapshot!(Config::load(&Sources { file: None, ..sources }).unwrap_err());
}

#[test]
fn a_role_names_a_database_that_is_defined() {
    check("database.reads", "copy", "database.reads: names a database that is not defined under [databases]; none is");
    let named = |keys: &[(&str, &str)]| {
        let keys = [&[("databases.a.url", "postgres://a/x"), ("databases.a.pool_connections_max", "3")], keys].concat();
        flags(&keys)
    };
    let config = named(&[("database.store", "a")]).unwrap();
    assert_eq!((config.database.url.expose(), config.database.pool_connections_max), ("postgres://a/x", 3));
    assert_eq!(config.databases["a"].acquire_timeout, Duration::from_secs(5), "the rest is as in [database]");
    let problem = |keys: &[(&str, &str)]| named(keys).unwrap_err().0[0].to_string();
    assert_eq!(
        problem(&[("database.listen", "b")]),
        "database.listen = \"b\": names a database that is not defined under [databases]; there is a (from a flag)"
    );
    assert!(problem(&[("database.store", "a"), ("database.url", "postgres://b/x")]).contains("so does database.url"));
    assert!(problem(&[("database.store", "a"), ("databases.a.pooler", "transaction")]).contains("LISTEN"));
    assert!(problem(&[("databases.a.urll", "x")]).contains("unknown key"));
    assert!(problem(&[("databases.b.pooler", "none")]).contains("must be given"));
}

#[test]
fn some_rules_hold_in_production_only() {
    let production = |key: &str, value: &str| {
        let keys = [
            ("database.url", "postgres://db/x?sslmode=verify-full"),
            ("telemetry.log_format", "json"),
            ("auth.authenticators", "[\"api_token\"]"),
            ("environment", "production"),
            (key, value),
        ];
        let findings = flags(&keys).err().map(|Findings(findings)| findings).unwrap_or_default();
        assert!(findings.iter().all(|finding| finding.key == key), "{findings:?}");
        findings.len()
    };
    for (key, good, bad) in [
        ("database.url", "postgres://127.0.0.1/x", "postgres://db/x"),
        ("database.url", "postgres://db/x?sslmode=require", ""),
        ("telemetry.log_format", "json", "pretty"),
        ("auth.authenticators", "[\"api_token\"]", "[]"),
        ("server.drain_grace_ms", "1000", "999"),
        ("database.acquire_timeout_ms", "14999", "15000"),
        ("writer.connect_timeout_ms", "14999", "15000"),
    ] {
        assert_eq!((production(key, good), production(key, bad)), (0, 1), "{key}");
        assert!(flags(&[(key, bad)]).is_ok(), "{key} = {bad} is fine in development");
    }
}

#[test]
fn what_holds_is_shown_with_where_it_came_from() {
    let sources = Sources {
        environment: texts(&[("DATABASE_URL", "postgres://me:hush@db/x")]),
        flags: texts(&[("writer.lanes", "4"), ("databases.copy.url", "postgres://hush@copy/x")]),
        ..Sources::default()
    };
    let (_, effective) = Config::load_explained(&sources).unwrap();
    let shown = effective.to_toml();
    assert!(!shown.contains("hush"), "{shown}");
    let line = |begin: &str| {
        shown
            .lines()
            .find(|line| line.starts_with(begin))
            .map(|line| line.split_whitespace().collect::<Vec<_>>().join(" "))
    };
    assert_eq!(line("lanes").unwrap(), "lanes = 4 # a flag");
    assert_eq!(line("url").unwrap(), "url = \"[redacted]\" # DATABASE_URL");
    assert_eq!(line("batch_items_max").unwrap(), "batch_items_max = 512 # default");
    assert!(shown.parse::<toml::Table>().unwrap()["databases"]["copy"]["url"].is_str());
}
