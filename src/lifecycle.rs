//! Every change of task or step state, and the batching writer through which all of them go.
//!
//! Owns: the lanes, the runs held in memory, what is written in one transaction, the slots of connected
//! workers. Never: decides; the rules in `domain` do. Nobody is answered before the commit. Next:
//! `lane.rs` for the road of a batch, `store::lifecycle` for its SQL.

pub mod assignment;
mod batch;
pub mod clock;
mod compute;
pub mod events;
pub mod hints;
mod item;
mod lane;
pub mod pauses;
pub mod request;
mod run_cache;
pub mod templates;
pub mod watch;
pub mod watchdog;
pub mod workforce;
pub mod writer;

pub use assignment::{Ack, AckTo, Assignment, NamedAck, Outcome, StopReason, Verdict};
pub use clock::Clock;
pub use compute::Compute;
pub use events::Events;
pub use hints::Hints;
pub use item::ClaimVerdict;
pub use pauses::Pauses;
pub use request::{Created, Deadline, Identity, NewTask, Request, TaskChange, TaskState, identity_taken};
pub use templates::Templates;
pub use watch::Watch;
pub use watchdog::Watchdog;
pub use workforce::Workforce;
pub use writer::Writer;

use crate::domain::run::{Failure, HandBackReason};

/// The failure of an attempt whose worker was lost or took too long.
pub fn lost(error_class: &str, message: &str) -> Outcome {
    batch::lost(error_class, message)
}

/// The end of an attempt whose worker never received the assignment; it does not count.
pub const fn not_received() -> Outcome {
    Outcome::HandedBack { reason: HandBackReason::NotReceived, by: None }
}

/// The failure of an attempt whose results cannot be stored.
pub fn invalid_result(message: &str) -> Outcome {
    let failure = Failure {
        error_class: "InvalidResult".to_owned(),
        message: message.to_owned(),
        permanent: true,
        ..Failure::default()
    };
    Outcome::Failure { failure, retry_after: None }
}
