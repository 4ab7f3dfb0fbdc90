//! The checks of the database.

use crate::{
    app,
    config::Config,
    embedded,
    lifecycle::Clock,
    store::{
        Store,
        doctor::{self, Settings},
        migrate, pooler,
    },
};

use super::Finding;

/// The oldest version that the statements are tested with.
const VERSION_MIN: i32 = 140_000;
/// Clocks this far apart make deadlines and logs hard to read.
const SKEW_MILLIS_MAX: i64 = 500;
/// A snapshot this old slows the queues down.
const SNAPSHOT_SECONDS_MAX: i32 = 60;
/// Connections beside the pool and the lanes: the dispatcher's, the listener's, and one for an operator.
const CONNECTIONS_BESIDE: u32 = 3;

pub(super) async fn examine(config: &Config) -> Vec<Finding> {
    let mut findings = Vec::new();
    let store = if config.database.url.is_empty() {
        match embedded::running(&config.embedded.settings()) {
            Some(options) => Store::new(options, &config.database.pool_settings()),
            None => return vec![no_database(config)],
        }
    } else {
        match app::store(config) {
            Ok(store) => store,
            Err(error) => return vec![Finding::bad("database", format!("{error:#}"), "correct database.url")],
        }
    };
    let examined = reach(&store, config, &mut findings).await;
    if let Err(error) = examined {
        findings.push(Finding::bad(
            "database",
            format!("{:#}", anyhow::Error::new(error)),
            "is it running, and are address, user and password right? try the same URL with psql",
        ));
    }
    store.close().await;
    findings
}

fn no_database(config: &Config) -> Finding {
    let directory = config.embedded.directory.display();
    match embedded::installation(&config.embedded.settings()) {
        Ok(installation) => Finding::note(
            "database",
            format!("none is configured and no `tasker dev` runs on {directory}; {installation} is installed"),
            "run `tasker dev`, or give a database with DATABASE_URL",
        ),
        Err(error) => {
            Finding::bad("database", "none is configured, and there is no Postgres for `tasker dev`", error.to_string())
        }
    }
}

async fn reach(store: &Store, config: &Config, findings: &mut Vec<Finding>) -> crate::store::Result<()> {
    // Before anything else: statements with names fail at random behind a pooler that nobody told of.
    if !store.is_pooled() && pooler::is_between(store.options()).await? {
        let fix = "set pooler = \"transaction\" for this database, and name a direct way as database.listen";
        findings.push(Finding::bad("pooler", pooler::FORGOTTEN, fix));
        return Ok(());
    }
    let mut connection = store.pool().acquire().await.map_err(crate::store::Error::from)?;
    // The first question also warms the connection, so that the second one measures the clock.
    doctor::settings(&mut connection).await?;
    let before = Clock::local();
    let settings = doctor::settings(&mut connection).await?;
    let after = Clock::local();
    findings.push(version(&settings));
    findings.push(clock(settings.now_micros - (before + (after - before) / 2)));
    findings.push(schema(&migrate::missing(store).await?));
    findings.push(durability(&settings));
    findings.push(connections(&settings, config));
    if !settings.autovacuum {
        findings.push(Finding::bad(
            "autovacuum",
            "is off: the queues slow down within minutes",
            "alter system set autovacuum = on; select pg_reload_conf();",
        ));
    }
    let old = doctor::old_snapshots(&mut connection, SNAPSHOT_SECONDS_MAX).await?;
    findings.push(Finding::good("snapshots", format!("none is older than {SNAPSHOT_SECONDS_MAX} s")));
    if !old.is_empty() {
        findings.pop();
        findings.extend(old.iter().map(|old| {
            Finding::note(
                "snapshots",
                format!("{} holds one for {} s, so dead rows pile up", old.holder, old.seconds),
                "end it: pg_terminate_backend(pid), rollback prepared, or pg_drop_replication_slot(name)",
            )
        }));
    }
    Ok(())
}

fn version(settings: &Settings) -> Finding {
    let found = format!("Postgres {}", settings.version);
    if settings.standby {
        Finding::bad("database", format!("{found}, a standby that takes no writes"), "name the primary")
    } else if settings.version_number < VERSION_MIN {
        Finding::bad("database", format!("{found} is too old"), format!("use {} or newer", VERSION_MIN / 10_000))
    } else {
        Finding::good("database", found)
    }
}

fn clock(skew_micros: i64) -> Finding {
    let millis = skew_micros / 1_000;
    if millis.abs() <= SKEW_MILLIS_MAX {
        Finding::good("clock", format!("{millis} ms from the database's"))
    } else {
        let word = if millis > 0 { "behind" } else { "ahead of" };
        Finding::note(
            "clock",
            format!("{} ms {word} the database's; servers follow the database, logs do not", millis.abs()),
            "synchronise both machines with NTP",
        )
    }
}

fn schema(missing: &[i64]) -> Finding {
    match missing {
        [] => Finding::good("schema", "up to date"),
        [first, ..] => Finding::bad(
            "schema",
            format!("migrations are missing: {} in all, from {first}", missing.len()),
            "tasker migrate",
        ),
    }
}

fn durability(settings: &Settings) -> Finding {
    let off: Vec<&str> = [
        ("fsync", settings.fsync),
        ("full_page_writes", settings.full_page_writes),
        ("synchronous_commit", settings.synchronous_commit),
    ]
    .into_iter()
    .filter_map(|(name, on)| (!on).then_some(name))
    .collect();
    if off.is_empty() {
        return Finding::good("durability", "commits reach the disk before they are answered");
    }
    let fix = off.iter().map(|name| format!("alter system set {name} = on;")).collect::<Vec<_>>().join(" ");
    Finding::bad(
        "durability",
        format!("{} off: acknowledged work can be lost when the machine stops", off.join(", ")),
        format!("{fix} select pg_reload_conf();"),
    )
}

fn connections(settings: &Settings, config: &Config) -> Finding {
    let lanes = u32::try_from(config.writer.lanes).unwrap_or(u32::MAX);
    let needed = config.database.pool_connections_max.saturating_add(lanes).saturating_add(CONNECTIONS_BESIDE);
    let max = u32::try_from(settings.connections_max).unwrap_or(0);
    let found = format!("one server uses up to {needed} of {max}, {} are in use", settings.connections_used);
    if needed <= max {
        Finding::good("connections", found)
    } else {
        Finding::bad("connections", found, "raise max_connections of Postgres or lower database.pool_connections_max")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::doctor::Verdict;

    fn settings() -> Settings {
        Settings {
            version: "15.1".to_owned(),
            version_number: 150_001,
            standby: false,
            fsync: true,
            full_page_writes: true,
            synchronous_commit: true,
            autovacuum: true,
            connections_max: 100,
            connections_used: 1,
            now_micros: 0,
        }
    }

    #[test]
    fn verdicts() {
        let config = Config::default();
        for (finding, verdict) in [
            (version(&settings()), Verdict::Good),
            (version(&Settings { version_number: 130_020, ..settings() }), Verdict::Bad),
            (version(&Settings { standby: true, ..settings() }), Verdict::Bad),
            (clock(-500_999), Verdict::Good),
            (clock(501_000), Verdict::Note),
            (schema(&[]), Verdict::Good),
            (schema(&[7]), Verdict::Bad),
            (durability(&settings()), Verdict::Good),
            (durability(&Settings { fsync: false, ..settings() }), Verdict::Bad),
            (connections(&Settings { connections_max: 13, ..settings() }, &config), Verdict::Good),
            (connections(&Settings { connections_max: 12, ..settings() }, &config), Verdict::Bad),
        ] {
            assert_eq!(finding.verdict, verdict, "{finding:?}");
        }
    }
}
