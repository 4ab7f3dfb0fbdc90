//! Puts the parts together.

use anyhow::{anyhow, bail};

use crate::{
    config,
    store::{Store, databases},
};

/// The store on the configured database.
pub fn store(settings: &config::Database) -> anyhow::Result<Store> {
    if settings.url.is_empty() {
        bail!(
            "no database is configured\n  give one with --database-url or DATABASE_URL, or try `tasker dev`, which \
             brings its own"
        );
    }
    let options = databases::address(settings.url.expose()).map_err(|problem| anyhow!("database.url: {problem}"))?;
    Ok(Store::new(options, &settings.pool_settings()))
}
