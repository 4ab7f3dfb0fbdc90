//! A position in the stream of events.

use std::{fmt, str::FromStr};

/// After which event to go on. Ordered as the stream is.
///
/// Opaque to callers: `POSITION` means after everything of that commit, `POSITION-ENTRY-SEQUENCE-NTH` after one event
/// of it, all in hexadecimal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Cursor {
    /// The commit's number in the log.
    pub position: i64,
    /// The task's place within the commit.
    pub entry: u32,
    /// The transition of the task.
    pub sequence: u32,
    /// Which of the events of that transition.
    pub nth: u8,
}

/// The text is not a cursor.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("is not a cursor of the event stream")]
pub struct Malformed;

impl Cursor {
    /// Before everything.
    pub const START: Self = Self::past(0);

    /// After everything of a commit.
    pub const fn past(position: i64) -> Self {
        Self { position, entry: u32::MAX, sequence: u32::MAX, nth: u8::MAX }
    }

    /// Whether nothing of its commit is left.
    pub const fn is_past(self) -> bool {
        self.entry == u32::MAX
    }
}

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { position, entry, sequence, nth } = self;
        if self.is_past() {
            write!(f, "{position:x}")
        } else {
            write!(f, "{position:x}-{entry:x}-{sequence:x}-{nth:x}")
        }
    }
}

impl FromStr for Cursor {
    type Err = Malformed;

    fn from_str(text: &str) -> Result<Self, Malformed> {
        // The parser of numbers would take a sign too.
        if text.len() > 64 || !text.bytes().all(|byte| byte == b'-' || matches!(byte, b'0'..=b'9' | b'a'..=b'f')) {
            return Err(Malformed);
        }
        let mut parts = text.split('-');
        let position = parts.next().and_then(|part| i64::from_str_radix(part, 16).ok()).ok_or(Malformed)?;
        let mut number = || Some(u32::from_str_radix(parts.next()?, 16).ok());
        match (number(), number(), number(), number()) {
            (None, ..) => Ok(Self::past(position)),
            (Some(Some(entry)), Some(Some(sequence)), Some(Some(nth)), None) => {
                Ok(Self { position, entry, sequence, nth: u8::try_from(nth).map_err(|_| Malformed)? })
            }
            _ => Err(Malformed),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_comes_back_as_it_was() {
        for cursor in [
            Cursor::START,
            Cursor::past(i64::MAX),
            Cursor { position: 77, entry: 0, sequence: 12, nth: 3 },
            Cursor { position: 1, entry: 9_999, sequence: 1, nth: 0 },
        ] {
            assert_eq!(cursor.to_string().parse(), Ok(cursor));
        }
    }

    #[test]
    fn what_is_no_cursor_is_refused() {
        for text in ["", "x", "1-", "1-2", "1-2-3", "1-2-3-4-5", "-1", "+1", "1-2-3-fff", "ffffffffffffffff", "1 "] {
            assert_eq!(text.parse::<Cursor>(), Err(Malformed), "{text:?}");
        }
    }

    #[test]
    fn the_end_of_a_commit_lies_behind_its_events() {
        let inside = Cursor { position: 5, entry: 3, sequence: 9, nth: 9 };
        assert!(Cursor::past(4) < inside && inside < Cursor::past(5));
    }
}
