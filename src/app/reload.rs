//! Takes a changed configuration over while the server runs.
//!
//! Owns: what is done at a SIGHUP. The sources are read again, the environment as it was at the start; a configuration
//! with findings changes nothing. Keys whose comment says "Reloadable" hold from then on, and of the others that have
//! changed it is said that they wait for a restart. Next: [`App::reload`] for what is taken over.

use tokio::signal::unix::{Signal, SignalKind, signal};

use super::App;
use crate::{
    config::{Config, Effective, Sources, keys},
    telemetry,
};

/// Waits for SIGHUP; from the making on it does not end the process.
#[derive(Debug)]
pub struct Reloader {
    signal: Signal,
    sources: Sources,
    effective: Effective,
}

impl Reloader {
    /// Remembers what holds now. `effective` is what came of the sources.
    pub fn new(sources: Sources, effective: Effective) -> Self {
        let signal = signal(SignalKind::hangup()).expect("signals can be waited for");
        Self { signal, sources, effective }
    }

    /// Resolves when somebody asks for it.
    pub async fn asked(&mut self) {
        self.signal.recv().await;
    }

    /// Reads the sources again and takes over what can change.
    pub fn reload(&mut self, app: &mut App, telemetry: &telemetry::Guard) {
        let (config, effective) = match Config::load_explained(&self.sources) {
            Ok(loaded) => loaded,
            Err(findings) => {
                tracing::error!(%findings, "the configuration is not taken over");
                return;
            }
        };
        if let Err(problems) = app.reload(&config) {
            tracing::error!(problems = problems.join("; "), "the configuration is not taken over");
            return;
        }
        if let Err(error) = telemetry.set_log_level(&config.telemetry.log_level) {
            tracing::error!(%error, "the log level is not taken over");
        }
        for key in effective.changed_since(&self.effective) {
            if keys::find(&key).is_some_and(keys::Key::is_reloadable) {
                tracing::info!(key, "taken over");
            } else {
                tracing::warn!(key, "has changed and waits for a restart");
            }
        }
        self.effective = effective;
        tracing::info!("the configuration was read again");
    }
}
