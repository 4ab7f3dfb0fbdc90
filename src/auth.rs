//! Who may call: from credentials to a proof that a use case can rely on.
//!
//! ```text
//! headers, certificate ─▶ Gate::authenticate ─▶ Principal ─▶ Gate::authorize ─▶ Permit ─▶ Scope ─▶ use case
//! ```
//!
//! Owns: what a caller must show (`authenticator`), what it may do (`coordinator`), and the proof (`scope`): a
//! [`Scope`] is made from a permit only, and a permit by the [`Gate`] only, so that no use case can be reached
//! without somebody having decided. Never: knows what a method does; `catalog` holds what its proto declares. Next:
//! `transport::access` puts the gate around every call.

pub mod audit;
pub mod authenticator;
pub mod catalog;
pub mod clock;
pub mod coordinator;
pub mod gate;
pub mod grant;
pub mod per_address;
pub mod permission;
pub mod permit;
pub mod principal;
pub mod scope;
pub mod target;

pub use authenticator::{Authenticator, Credentials, Rejection};
pub use coordinator::{Coordinator, Reach};
pub use gate::Gate;
pub use grant::Grant;
pub use permission::Permission;
pub use permit::Permit;
pub use principal::Principal;
pub use scope::Scope;
pub use target::Target;
