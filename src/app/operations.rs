//! What runs beside the calls for those who operate the server.

use std::time::Duration;

use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::{
    config::Config,
    telemetry::{Metrics, metrics::push},
};

/// How long the last words may take.
const LAST_WORDS: Duration = Duration::from_secs(2);

/// The loops.
#[derive(Debug)]
pub(super) struct Operations {
    tasks: JoinSet<()>,
    stop: CancellationToken,
}

impl Operations {
    /// Starts them.
    pub(super) fn start(config: &Config, metrics: &Metrics) -> Self {
        let (mut tasks, stop) = (JoinSet::new(), CancellationToken::new());
        metrics.build.with([env!("CARGO_PKG_VERSION")]).set(1.0);
        metrics.start_time.with([]).set(now());
        if let Some(settings) = config.telemetry.push() {
            tasks.spawn(push::run(metrics.clone(), settings, stop.clone()));
        }
        Self { tasks, stop }
    }

    /// Ends them after their last words.
    pub(super) async fn stop(mut self) {
        self.stop.cancel();
        let ended = async { while self.tasks.join_next().await.is_some() {} };
        if tokio::time::timeout(LAST_WORDS, ended).await.is_err() {
            tracing::debug!("last metrics not sent");
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "the start of a process is told in the time of its machine")]
fn now() -> f64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    since.unwrap_or_default().as_secs_f64()
}
