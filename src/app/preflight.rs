//! What can be wrong with the databases of a configuration, found before anything is opened.
//!
//! Owns: the live half of the configuration's checks. All findings come at once and look like those of the static half.
//! A replica that is unavailable is no finding: the store answers meanwhile. Next: `config` for the static half.

use std::time::Duration;

use crate::{
    config::{Config, Environment, Finding, Secret},
    store::{
        databases,
        doctor::{self, Identity, Settings},
        pooler,
    },
    transport::tls,
};

/// How long a database may take to answer.
const PATIENCE: Duration = Duration::from_secs(5);
/// The oldest version that the statements are tested with.
pub(crate) const VERSION_MIN: i32 = 140_000;
/// Connections of one server beside the pool and the lanes: the dispatcher's, the notifier's, and the listener's.
pub(crate) const CONNECTIONS_BESIDE: u32 = 3;

/// What a database says of itself.
struct DatabaseFacts {
    settings: Settings,
    identity: Identity,
}

/// Reads the certificates. Empty when all is well, also when connections are not encrypted.
pub fn certificates(config: &Config) -> Vec<Finding> {
    let problems = tls::load(&config.server.tls).err().unwrap_or_default();
    let finding = |problem: String| {
        let (key, problem) = problem.split_once(' ').unwrap_or(("server.tls", &problem));
        Finding {
            key: key.to_owned(),
            value: String::new(),
            problem: problem.to_owned(),
            fix: "name a file in PEM that fits the others".to_owned(),
            source: "the files".to_owned(),
        }
    };
    problems.into_iter().map(finding).collect()
}

/// Reads the certificates and asks the databases. Empty when all is well, also when there is no database to ask.
pub async fn examine(config: &Config) -> Vec<Finding> {
    let mut findings = certificates(config);
    if config.database.url.is_empty() {
        return findings;
    }
    let key = match config.database.store.as_str() {
        "" => "database.url".to_owned(),
        name => format!("databases.{name}.url"),
    };
    let store = match ask(&config.database.url).await {
        Ok(facts) => facts,
        Err(problem) => {
            findings.push(unreachable(&key, &problem));
            return findings;
        }
    };
    store_itself(config, &key, &store, &mut findings);
    if config.database.pooler == crate::config::Pooler::None && is_pooled(&config.database.url).await {
        findings.push(finding(
            &key,
            "leads through a pooler in transaction mode, and pooler = \"none\" stands beside it",
            "set pooler = \"transaction\" for this database, and name a direct way as database.listen",
        ));
    }
    if let Some(reads) = config.reads() {
        let key = format!("databases.{}.url", config.database.reads);
        match ask(&reads.url).await {
            Ok(facts) => replica(&key, &facts, &store, &mut findings),
            Err(problem) => tracing::warn!(key, problem, "the replica is unavailable: the store answers lists"),
        }
    }
    if let Some(listen) = config.listen() {
        let key = format!("databases.{}.url", config.database.listen);
        match ask(&listen.url).await {
            Ok(facts) if facts.identity != store.identity => findings.push(finding(
                &key,
                "leads to another database than the store's",
                "name the store's own server and database, without the pooler",
            )),
            Ok(_) => {}
            Err(problem) => findings.push(unreachable(&key, &problem)),
        }
    }
    findings
}

/// Whether an address that answers leads through a pooler in transaction mode.
async fn is_pooled(url: &Secret) -> bool {
    let Ok(address) = databases::address(url.expose()) else { return false };
    let asked = tokio::time::timeout(PATIENCE, pooler::is_between(&address)).await;
    matches!(asked, Ok(Ok(true)))
}

async fn ask(url: &Secret) -> Result<DatabaseFacts, String> {
    let address = databases::address(url.expose())?;
    let asked = async {
        let (settings, identity) = doctor::ask(&address).await?;
        Ok::<_, crate::store::Error>(DatabaseFacts { settings, identity })
    };
    match tokio::time::timeout(PATIENCE, asked).await {
        Ok(Ok(facts)) => Ok(facts),
        Ok(Err(error)) => Err(format!("{:#}", anyhow::Error::new(error))),
        Err(_) => Err(format!("no answer within {PATIENCE:?}")),
    }
}

fn store_itself(config: &Config, key: &str, facts: &DatabaseFacts, findings: &mut Vec<Finding>) {
    let settings = &facts.settings;
    if settings.standby {
        findings.push(finding(
            key,
            "is a standby, which takes no writes",
            "name the primary; the standby may be database.reads",
        ));
    }
    if settings.version_number < VERSION_MIN {
        let problem = format!("is Postgres {}, which is too old", settings.version);
        findings.push(finding(key, &problem, &format!("use {} or newer", VERSION_MIN / 10_000)));
    }
    let needed = needed(config);
    let max = u32::try_from(settings.connections_max).unwrap_or(0);
    if config.database.pooler == crate::config::Pooler::None && needed > max {
        findings.push(Finding {
            key: "database.pool_connections_max".to_owned(),
            value: config.database.pool_connections_max.to_string(),
            problem: format!(
                "servers: {}; together they use up to {needed} connections, and Postgres allows {max}: pool, {} lanes and \
                 {CONNECTIONS_BESIDE} more, for each of server.replicas",
                config.server.replicas, config.writer.lanes,
            ),
            fix: "lower it or server.replicas, raise max_connections of Postgres, or use a pooler".to_owned(),
            source: LIVE.to_owned(),
        });
    }
    if config.environment == Environment::Production {
        let off = [
            ("fsync", settings.fsync),
            ("full_page_writes", settings.full_page_writes),
            ("synchronous_commit", settings.synchronous_commit),
            ("autovacuum", settings.autovacuum),
        ];
        for (name, _) in off.into_iter().filter(|(_, on)| !on) {
            let problem = format!("has {name} off: acknowledged work can be lost, or queues slow down");
            findings.push(finding(key, &problem, &format!("alter system set {name} = on; select pg_reload_conf();")));
        }
    }
}

/// The connections that all servers use together at most.
pub(crate) fn needed(config: &Config) -> u32 {
    let lanes = u32::try_from(config.writer.lanes).unwrap_or(u32::MAX);
    let one = config.database.pool_connections_max.saturating_add(lanes).saturating_add(CONNECTIONS_BESIDE);
    one.saturating_mul(config.server.replicas)
}

fn replica(key: &str, facts: &DatabaseFacts, store: &DatabaseFacts, findings: &mut Vec<Finding>) {
    if facts.identity != store.identity {
        let fix = "name a streaming replica of the store's server, with the same database";
        findings.push(finding(key, "is no copy of the store: it has another origin or database", fix));
    } else if !facts.settings.standby {
        let fix = "name a standby that streams from the store, or leave database.reads empty";
        findings.push(finding(key, "follows nobody: it is not a standby", fix));
    }
}

/// Where findings of a running database come from.
const LIVE: &str = "the database";

fn unreachable(key: &str, problem: &str) -> Finding {
    let fix = "is it running, and are address, user and password right? try the same URL with psql";
    finding(key, &format!("{UNREACHABLE}{problem}"), fix)
}

/// How findings begin about a database that does not answer.
const UNREACHABLE: &str = "cannot be reached: ";

/// Whether a finding says only that a database does not answer at present.
pub fn is_unreachable(finding: &Finding) -> bool {
    finding.source == LIVE && finding.problem.starts_with(UNREACHABLE)
}

fn finding(key: &str, problem: &str, fix: &str) -> Finding {
    Finding {
        key: key.to_owned(),
        value: "[redacted]".to_owned(),
        problem: problem.to_owned(),
        fix: fix.to_owned(),
        source: LIVE.to_owned(),
    }
}
