//! The checks beside the database: configuration, server.

use std::time::Duration;

use super::Finding;
use crate::{cli::healthcheck, config::Config};

const PATIENCE: Duration = Duration::from_secs(2);

pub(super) fn configuration(config: &Config) -> Finding {
    let from = config.file.as_ref().map_or_else(|| "no file".to_owned(), |file| file.display().to_string());
    Finding::good("configuration", format!("valid ({from}, environment, flags)"))
}

/// A server that does not answer is no fault: perhaps none is meant to run now.
pub(super) async fn server(url: &str) -> Finding {
    match healthcheck::ask(url, PATIENCE).await {
        Ok(true) => Finding::good("server", format!("{url} serves")),
        Ok(false) => Finding::note("server", format!("{url} answers, but does not serve now"), "it starts or stops"),
        Err(error) => Finding::note(
            "server",
            format!("{url} does not answer: {}", error.root_cause()),
            "start one with `tasker dev` or `tasker serve`, or name another with --endpoint",
        ),
    }
}
