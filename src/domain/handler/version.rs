//! Versions of handlers.

use std::{fmt, str::FromStr};

/// Three numbers, compared as numbers: 9.0.0 is less than 10.0.0.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Version([u64; 3]);

/// The longest text of a version.
pub const LENGTH_MAX: usize = 16;

/// The text is not a version.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be in semver format (e.g., 1.0.0)")]
pub struct Malformed;

impl Version {
    /// The version of a handler that does not say.
    pub const DEFAULT: Self = Self([0, 1, 0]);

    /// The three numbers, as the store orders by them.
    pub fn order(self) -> [i64; 3] {
        self.0.map(|number| i64::try_from(number).expect("a version has at most 12 digits in a row"))
    }
}

impl FromStr for Version {
    type Err = Malformed;

    fn from_str(text: &str) -> Result<Self, Malformed> {
        if text.len() > LENGTH_MAX {
            return Err(Malformed);
        }
        let number = |part: &str| {
            let plain = !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
            let padded = part.len() > 1 && part.starts_with('0');
            if plain && !padded { part.parse::<u64>().ok() } else { None }
        };
        let mut parts = text.split('.').map(number);
        let mut next = || parts.next().flatten().ok_or(Malformed);
        let version = Self([next()?, next()?, next()?]);
        if parts.next().is_some() { Err(Malformed) } else { Ok(version) }
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [major, minor, patch] = self.0;
        write!(f, "{major}.{minor}.{patch}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_ordered_as_numbers() {
        let version = |text: &str| text.parse::<Version>().unwrap();
        assert!(version("9.0.0") < version("10.0.0"));
        assert!(version("1.2.10") > version("1.2.9"));
        assert_eq!(version("0.1.0"), Version::DEFAULT);
        assert_eq!(version("999999999999.0.0").order(), [999_999_999_999, 0, 0]);
        assert_eq!(version("1.20.300").to_string(), "1.20.300");
    }

    #[test]
    fn anything_else_is_malformed() {
        for text in [
            "",
            "1",
            "1.0",
            "1.0.0.0",
            "v1.0.0",
            "1.0.x",
            "01.0.0",
            "1..0",
            "1.0.0-rc1",
            "+1.0.0",
            " 1.0.0",
            "١.0.0",
            "9999999999999.0.0",
        ] {
            assert_eq!(text.parse::<Version>(), Err(Malformed), "{text}");
        }
    }
}
