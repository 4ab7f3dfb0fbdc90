//! Who may call what.
//!
//! Owns: the catalog of what each method requires, as its proto declares. Next: `catalog`.

pub mod catalog;
