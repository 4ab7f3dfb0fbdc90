//! Pages of lists.
//!
//! Owns: page sizes, and page tokens, which are opaque to callers and bound to the request that they came from. Next:
//! `token`, and `store`, whose lists start after a cursor.

mod token;

pub use token::{Binding, Cursor};

use crate::error::Violation;

/// Rows of a page when the caller does not say.
pub const SIZE_DEFAULT: i64 = 100;

/// Rows of a page at most; larger wishes get this many. A page of 1,000 tasks is about 1 MiB.
pub const SIZE_MAX: i64 = 1_000;

/// The size of the page for what the request's `page_size` says.
pub fn size(requested: i32) -> Result<i64, Violation> {
    match i64::from(requested) {
        0 => Ok(SIZE_DEFAULT),
        1.. => Ok(i64::from(requested).min(SIZE_MAX)),
        _ => Err(Violation { field: "page_size".to_owned(), description: "must not be negative".to_owned() }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_have_a_default_and_a_most() {
        assert_eq!(size(0), Ok(100));
        assert_eq!(size(1), Ok(1));
        assert_eq!(size(1_000), Ok(1_000));
        assert_eq!(size(1_001), Ok(1_000));
        assert_eq!(size(-1).unwrap_err().field, "page_size");
    }
}
