//! Who may call what: every method of every service, called by everybody.

pub mod callers;
mod cedar;
mod matrix;
mod namespaces;
mod raw;
mod records;
mod wire;
