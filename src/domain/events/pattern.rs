//! Patterns of event names: `*` stands for any characters, dots included.

use std::{fmt, str::FromStr};

/// The longest pattern.
const LENGTH_MAX: usize = 255;

/// A pattern such as `step.*`, `*.failed` or `task.completed`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pattern(Vec<String>);

/// The text is not a pattern.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Malformed {
    /// It would match nothing.
    #[error("is empty")]
    Empty,
    /// It is too long.
    #[error("has more than {LENGTH_MAX} characters")]
    Long,
    /// No event's name has such a character.
    #[error("has a space or a control character")]
    Character,
}

impl Pattern {
    /// Whether the name fits.
    pub fn matches(&self, name: &str) -> bool {
        let [first, rest @ ..] = self.0.as_slice() else { return false };
        let Some(mut left) = name.strip_prefix(first.as_str()) else { return false };
        let Some((last, middle)) = rest.split_last() else { return left.is_empty() };
        for part in middle {
            // The earliest place leaves the most for the rest.
            match left.find(part.as_str()) {
                Some(place) => left = &left[place + part.len()..],
                None => return false,
            }
        }
        left.ends_with(last.as_str())
    }
}

impl FromStr for Pattern {
    type Err = Malformed;

    fn from_str(text: &str) -> Result<Self, Malformed> {
        match text {
            "" => Err(Malformed::Empty),
            _ if text.chars().count() > LENGTH_MAX => Err(Malformed::Long),
            _ if text.chars().any(|one| one.is_whitespace() || one.is_control()) => Err(Malformed::Character),
            _ => Ok(Self(text.split('*').map(str::to_owned).collect())),
        }
    }
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.join("*"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(pattern: &str, fitting: &[&str], others: &[&str]) {
        let parsed: Pattern = pattern.parse().unwrap();
        assert_eq!(parsed.to_string(), pattern);
        fitting.iter().for_each(|name| assert!(parsed.matches(name), "{pattern} fits {name}"));
        others.iter().for_each(|name| assert!(!parsed.matches(name), "{pattern} does not fit {name}"));
    }

    #[test]
    fn patterns() {
        check("task.completed", &["task.completed"], &["task.complete", "task.completed.x", "xtask.completed"]);
        check("step.*", &["step.completed", "step.", "step.a.b"], &["step", "xstep.a"]);
        check("*.failed", &["task.failed", "a.b.failed", ".failed"], &["task.failed2"]);
        check("*", &["", "anything.at.all"], &[]);
        check("a*b*c", &["abc", "axbxc", "abbc", "abcbc"], &["ab", "acb", "abcd"]);
        check("**", &["x"], &[]);
        check("a*a", &["aa", "aba"], &["a"]);
    }

    #[test]
    fn malformed_patterns() {
        assert_eq!("".parse::<Pattern>(), Err(Malformed::Empty));
        assert_eq!("a b".parse::<Pattern>(), Err(Malformed::Character));
        assert_eq!("x".repeat(256).parse::<Pattern>(), Err(Malformed::Long));
    }
}
