//! Events: what there is to hear of, and how it is read from the audit trail.
//!
//! Owns: the catalog of system events, the reading of transitions as events with payloads ([`derive()`]), positions
//! in the stream, name patterns, and what custom events may be called. An event is not a row: every transition is
//! written once, so what is read from it happens once, on every server, as often as it is read. Never: IO. Next:
//! `lifecycle::events`, which reads the log; `service::events`.

mod catalog;
mod cursor;
mod custom;
mod derive;
mod pattern;
mod payload;

pub use catalog::{CATALOG, Category, EventType, Field, find};
pub use cursor::Cursor;
pub use custom::{NameRefusal, check_name};
pub use derive::{Before, Event, Row, Subject, derive};
pub use pattern::{Malformed, Pattern};
pub use payload::Payload;

#[cfg(test)]
mod tests;
