//! The directories of a user.
//!
//! Owns: where settings of the command line and what it remembers are kept: `$XDG_CONFIG_HOME/tasker` or
//! `~/.config/tasker`, and `$XDG_STATE_HOME/tasker` or `~/.local/state/tasker`.

use std::path::{Path, PathBuf};

/// Where a user's files are. A user without a home has none.
#[derive(Debug, Clone, Default)]
pub(crate) struct Home {
    settings: Option<PathBuf>,
    state: Option<PathBuf>,
}

impl Home {
    /// The directories that the variables name.
    pub(crate) fn of(environment: &[(String, String)]) -> Self {
        let variable = |wanted: &str| {
            let found = environment.iter().find(|(name, value)| name == wanted && Path::new(value).is_absolute());
            found.map(|(_, value)| PathBuf::from(value))
        };
        let below = |name: &str, usual: &str| {
            let base = variable(name).or_else(|| Some(variable("HOME")?.join(usual)));
            base.map(|base| base.join("tasker"))
        };
        Self { settings: below("XDG_CONFIG_HOME", ".config"), state: below("XDG_STATE_HOME", ".local/state") }
    }

    /// The file with the profiles.
    pub(crate) fn profiles(&self) -> Option<PathBuf> {
        Some(self.settings.as_ref()?.join("config.toml"))
    }

    /// The file that remembers the last task of each server.
    pub(crate) fn last(&self) -> Option<PathBuf> {
        Some(self.state.as_ref()?.join("last.toml"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variables_name_the_directories() {
        let check = |pairs: &[(&str, &str)], expected: [Option<&str>; 2]| {
            let pairs: Vec<_> = pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
            let home = Home::of(&pairs);
            assert_eq!([home.profiles(), home.last()], expected.map(|path| path.map(PathBuf::from)), "{pairs:?}");
        };
        let usual = [Some("/home/ann/.config/tasker/config.toml"), Some("/home/ann/.local/state/tasker/last.toml")];
        check(&[("HOME", "/home/ann")], usual);
        check(&[("HOME", "/home/ann"), ("XDG_CONFIG_HOME", "")], usual);
        check(
            &[("HOME", "/home/ann"), ("XDG_CONFIG_HOME", "/c"), ("XDG_STATE_HOME", "/s")],
            [Some("/c/tasker/config.toml"), Some("/s/tasker/last.toml")],
        );
        check(&[], [None, None]);
    }
}
