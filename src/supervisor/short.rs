//! Work beside its caller that ends by itself.

use std::panic::AssertUnwindSafe;

use futures::FutureExt as _;
use tokio::task::JoinHandle;

/// Runs a bounded piece of work beside its caller: one look-up, one stream, one farewell. It is no loop, so nobody
/// starts it again; a panic in it is logged under its name, and the handle yields `None`.
#[expect(clippy::disallowed_methods, reason = "this is the one place that starts short work")]
pub fn spawn_short<R>(name: &'static str, work: R) -> JoinHandle<Option<R::Output>>
where
    R: Future + Send + 'static,
    R::Output: Send + 'static,
{
    tokio::spawn(async move {
        let done = AssertUnwindSafe(work).catch_unwind().await;
        if let Err(panic) = &done {
            tracing::error!(work = name, problem = super::panic_text(&**panic), "work beside a call panicked");
        }
        done.ok()
    })
}
