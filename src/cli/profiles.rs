//! Profiles: several servers by name.
//!
//! Owns: the file `~/.config/tasker/config.toml`, which of its profiles holds, and what a profile stands for. Precedence
//! is in one place: a flag, then a variable, then the profile. An endpoint that is given beside the profile leaves the
//! profile aside, so that the credentials for one server are never shown to another.
//!
//! ```toml
//! profile = "staging"
//!
//! [profiles.staging]
//! endpoint = "https://tasker.staging.example.org"
//! token_file = "/home/ann/.config/tasker/staging.token"
//! ```

use std::{
    collections::BTreeMap,
    fs,
    io::ErrorKind,
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};

use super::failure::Failure;
use crate::domain::near;

/// The server without a profile and without a word.
pub(crate) const ENDPOINT: &str = "http://127.0.0.1:7077";

/// The file.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Profiles {
    /// The profile that holds when nobody says another.
    profile: Option<String>,
    /// By name.
    #[serde(default)]
    profiles: BTreeMap<String, Profile>,
}

/// A server, and the files to show it and to believe it by.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Profile {
    /// The server.
    pub(crate) endpoint: String,
    /// The file with the bearer token.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) token_file: Option<PathBuf>,
    /// The authorities of the server's certificate.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) ca_file: Option<PathBuf>,
    /// The certificate to show.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) client_cert: Option<PathBuf>,
    /// Its private key.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) client_key: Option<PathBuf>,
}

/// What somebody said about the server, the strongest first.
#[derive(Debug, Clone, Default)]
pub(crate) struct Said {
    /// By `--profile`.
    pub(crate) profile_flag: Option<String>,
    /// By `--endpoint`.
    pub(crate) endpoint_flag: Option<String>,
    /// By `TASKER_ENDPOINT`.
    pub(crate) endpoint_variable: Option<String>,
    /// By `TASKER_PROFILE`.
    pub(crate) profile_variable: Option<String>,
}

impl Profiles {
    /// Reads the file; one that does not exist has no profiles.
    pub(crate) fn read(file: Option<&Path>) -> Result<Self, Failure> {
        let Some(file) = file else { return Ok(Self::default()) };
        let text = match fs::read_to_string(file) {
            Ok(text) => text,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Self::default()),
            Err(error) => {
                let next = "correct the file's permissions";
                return Err(Failure::local(format!("cannot read {}: {error}", file.display()), next));
            }
        };
        toml::from_str(&text).map_err(|error| {
            let problem = format!("{} is wrong: {}", file.display(), error.to_string().trim_end());
            Failure::local(problem, "correct the file; docs/cli.md shows one")
        })
    }

    /// The profile that holds, and its name; the usual endpoint without one.
    pub(crate) fn choose(&self, said: &Said) -> Result<(Option<String>, Profile), Failure> {
        if let (Some(_), Some(_)) = (&said.profile_flag, &said.endpoint_flag) {
            return Err(Failure::local("--profile and --endpoint name two servers", "give one of them"));
        }
        if let Some(name) = &said.profile_flag {
            return self.named(name);
        }
        if let Some(endpoint) = said.endpoint_flag.as_ref().or(said.endpoint_variable.as_ref()) {
            return Ok((None, Profile { endpoint: endpoint.clone(), ..Profile::default() }));
        }
        match said.profile_variable.as_ref().or(self.profile.as_ref()) {
            Some(name) => self.named(name),
            None => Ok((None, Profile { endpoint: ENDPOINT.to_owned(), ..Profile::default() })),
        }
    }

    /// The profiles by name, in order.
    pub(crate) fn all(&self) -> impl Iterator<Item = (&str, &Profile)> {
        self.profiles.iter().map(|(name, profile)| (name.as_str(), profile))
    }

    /// Whether there is such a profile; the error names the nearest.
    pub(crate) fn named(&self, name: &str) -> Result<(Option<String>, Profile), Failure> {
        match self.profiles.get(name) {
            Some(profile) => Ok((Some(name.to_owned()), profile.clone())),
            None => {
                let near = near::hint(name, self.profiles.keys().map(String::as_str));
                let next = "`tasker profile list` shows the profiles and the file that they stand in";
                Err(Failure::local(format!("there is no profile {name:?}{near}"), next))
            }
        }
    }
}

/// The text of the file with this profile as the one that holds. Everything else stays as it is, comments too.
pub(crate) fn with_profile(text: &str, name: &str) -> String {
    let line = format!("profile = {}", toml::Value::String(name.to_owned()));
    let mut lines: Vec<&str> = text.lines().collect();
    let top = lines.iter().position(|line| line.trim_start().starts_with('[')).unwrap_or(lines.len());
    let is_profile = |line: &&str| line.split_once('=').is_some_and(|(key, _)| key.trim() == "profile");
    match lines[..top].iter().position(is_profile) {
        Some(position) => lines[position] = &line,
        None => lines.insert(top, &line),
    }
    let has_gap = |position: usize| lines.get(position).is_none_or(|line| line.is_empty());
    let at = lines.iter().position(|other| *other == line).unwrap_or(0);
    if !has_gap(at + 1) {
        lines.insert(at + 1, "");
    }
    lines.join("\n") + "\n"
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &str = "# mine\nprofile = \"local\"\n\n[profiles.local]\nendpoint = \"unix:/run/tasker.sock\"\n\n\
                        [profiles.staging]\nendpoint = \"https://staging:7077\"\ntoken_file = \"/s.token\"\n";

    fn chosen(said: &Said) -> String {
        let profiles: Profiles = toml::from_str(FILE).unwrap();
        match profiles.choose(said) {
            Ok((name, profile)) => {
                let token = profile.token_file.map_or("no token".to_owned(), |file| file.display().to_string());
                format!("{} {} {token}", name.unwrap_or_else(|| "-".to_owned()), profile.endpoint)
            }
            Err(Failure::Local { message, .. }) => message,
            Err(other) => panic!("{other:?}"),
        }
    }

    #[test]
    fn the_strongest_word_holds() {
        let text = |text: &str| Some(text.to_owned());
        assert_eq!(chosen(&Said::default()), "local unix:/run/tasker.sock no token");
        let variable = Said { profile_variable: text("staging"), ..Said::default() };
        assert_eq!(chosen(&variable), "staging https://staging:7077 /s.token");
        let endpoint = Said { endpoint_variable: text("http://other"), ..variable };
        assert_eq!(chosen(&endpoint), "- http://other no token", "the token is not for another server");
        let flag = Said { profile_flag: text("staging"), ..endpoint };
        assert_eq!(chosen(&flag), "staging https://staging:7077 /s.token");
        let both = Said { endpoint_flag: text("http://other"), ..flag };
        assert_eq!(chosen(&both), "--profile and --endpoint name two servers");
        let unknown = Said { profile_flag: text("stagin"), ..Said::default() };
        assert_eq!(chosen(&unknown), "there is no profile \"stagin\"; did you mean 'staging'?");
        assert_eq!(Profiles::default().choose(&Said::default()).unwrap().1.endpoint, ENDPOINT);
    }

    #[test]
    fn an_unknown_key_is_refused() {
        let error = toml::from_str::<Profiles>("[profiles.a]\nendpoint = \"x\"\ntoken = \"secret\"\n").unwrap_err();
        assert!(error.message().starts_with("unknown field `token`"), "{error}");
    }

    #[test]
    fn another_profile_is_used_and_the_rest_stays() {
        assert_eq!(with_profile(FILE, "staging"), FILE.replace("\"local\"", "\"staging\""));
        let without = FILE.replace("profile = \"local\"\n\n", "");
        assert_eq!(with_profile(&without, "local"), FILE);
        assert_eq!(with_profile("", "a"), "profile = \"a\"\n");
    }
}
