//! The time that credentials are measured against.

use std::time::SystemTime;

/// The present time.
#[expect(clippy::disallowed_methods, reason = "those who issue credentials use the clock on the wall")]
pub fn now() -> SystemTime {
    SystemTime::now()
}
