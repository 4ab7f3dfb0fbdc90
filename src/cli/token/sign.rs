//! `tasker token sign`: a token for development.

use std::{
    io::Write as _,
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
    process::ExitCode,
    time::Duration,
};

use anyhow::{Context as _, anyhow, bail};
use serde_json::json;

use super::Claims;
use crate::{
    auth::authenticator::jwt::{
        Algorithm, Settings,
        sign::{self, Key, Wanted},
    },
    cli::{Context, Outcome, input},
    config::Config,
};

/// The file in the directory of `tasker dev` that holds the secret of `--auth`.
const FILE: &str = "token.secret";

#[derive(Debug, clap::Args)]
pub(super) struct Sign {
    #[command(flatten)]
    claims: Claims,
    /// How long it is good
    #[arg(long, default_value = "1h", value_name = "DURATION", value_parser = input::duration)]
    expires_in: Duration,
    /// The secret that the server has; without one, that of the configuration, then that of `tasker dev --auth`
    #[arg(long, env = "TASKER_TOKEN_SECRET", hide_env_values = true, value_name = "SECRET")]
    secret: Option<String>,
    /// A file that holds the secret; goes before --secret
    #[arg(long, value_name = "FILE")]
    secret_file: Option<PathBuf>,
    /// The algorithm: HS256, HS384 or HS512 with a secret; RS256, RS384, RS512, PS256, PS384, PS512, ES256, ES384 or EdDSA
    /// with a private key
    #[arg(long, value_name = "NAME", default_value = "HS256", value_parser = algorithm)]
    algorithm: Algorithm,
    /// A file with the private key in PEM, for the algorithms that have one
    #[arg(long, value_name = "FILE", conflicts_with_all = ["secret_file", "data_dir"])]
    key_file: Option<PathBuf>,
    /// The name of the key (kid), if the server has several
    #[arg(long, value_name = "NAME")]
    kid: Option<String>,
    /// The directory of `tasker dev --auth`
    #[arg(long, value_name = "DIR")]
    data_dir: Option<String>,
}

/// Reads the name of an algorithm.
fn algorithm(text: &str) -> Result<Algorithm, String> {
    text.parse().map_err(|_| match text {
        "ES512" => "ES512 is not supported: no maintained library signs and checks it; ES384 and EdDSA are".to_owned(),
        "none" => "there are no unsigned tokens".to_owned(),
        _ => "is not an algorithm; `tasker token sign --help` lists them".to_owned(),
    })
}

pub(super) fn sign(context: &Context, args: &Sign) -> Outcome {
    let config = context.config_with([("embedded.directory", args.data_dir.clone())])?;
    let settings = config.auth.jwt.settings();
    let key = match &args.key_file {
        Some(file) => Key::private(args.algorithm, read(file)?.as_bytes()),
        None => Key::secret(args.algorithm, &secret(&config, &settings, args)?),
    };
    let key = key.map_err(|problem| anyhow!(problem))?.named(args.kid.clone());
    let Claims { subject, grants, roles, namespaces } = &args.claims;
    let now = input::now();
    let expires_at = now
        .checked_add_signed(chrono::TimeDelta::from_std(args.expires_in).map_err(|_| too_long())?)
        .ok_or_else(too_long)?;
    let wanted = Wanted {
        subject,
        grants,
        roles,
        namespaces,
        issuer: settings.issuers.first().map(String::as_str),
        audience: settings.audiences.first().map(String::as_str),
        issued_at: now.into(),
        expires_at: expires_at.into(),
        paths: &settings.paths,
    };
    let token = sign::sign(&key, &wanted).map_err(|problem| anyhow!(problem))?;
    context.print_either(&json!({ "token": token, "subject": subject, "expires_at": expires_at }), || token.clone());
    Ok(ExitCode::SUCCESS)
}

/// The secret that is meant.
fn secret(config: &Config, settings: &Settings, args: &Sign) -> anyhow::Result<String> {
    if !matches!(args.algorithm, Algorithm::HS256 | Algorithm::HS384 | Algorithm::HS512) {
        bail!("{:?} signs with a private key\n  give --key-file", args.algorithm);
    }
    let development = config.embedded.directory.join(FILE);
    Ok(match (&args.secret_file, &args.secret) {
        (Some(path), _) => read(path)?,
        (None, Some(secret)) => secret.clone(),
        (None, None) if args.data_dir.is_some() => read(&development)?,
        (None, None) if !settings.secret.is_empty() => settings.secret.clone(),
        (None, None) => match &settings.secret_file {
            Some(path) => read(path)?,
            None if development.is_file() => read(&development)?,
            None => bail!(
                "there is no secret to sign with\n  give --secret, --secret-file or TASKER_TOKEN_SECRET, or start \
                 `tasker dev --auth`, which makes one"
            ),
        },
    })
}

fn too_long() -> anyhow::Error {
    anyhow!("--expires-in is too long")
}

fn read(path: &Path) -> anyhow::Result<String> {
    let text =
        std::fs::read_to_string(path).with_context(|| format!("cannot read the secret in {}", path.display()))?;
    Ok(text.trim_end().to_owned())
}

/// The file with the secret of `tasker dev --auth`, made when there is none; only this account can read it.
pub(in crate::cli) fn development_secret(directory: &Path) -> anyhow::Result<PathBuf> {
    let path = directory.join(FILE);
    if path.is_file() {
        return Ok(path);
    }
    std::fs::create_dir_all(directory).with_context(|| format!("cannot make {}", directory.display()))?;
    let bytes: [u8; 32] = rand::random();
    let secret: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    let mut file = std::fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&path)
        .with_context(|| format!("cannot write {}", path.display()))?;
    writeln!(file, "{secret}").with_context(|| format!("cannot write {}", path.display()))?;
    Ok(path)
}

/// A token for the built-in worker of `tasker dev --auth`, which lives as long as the process.
pub(in crate::cli) fn for_built_in_worker(
    secret_file: &Path,
    settings: &crate::auth::authenticator::jwt::Settings,
) -> anyhow::Result<String> {
    let now = input::now();
    let wanted = Wanted {
        subject: "tasker-dev-worker",
        grants: &["tasker.worker:connect".to_owned()],
        roles: &[],
        namespaces: &[],
        issuer: settings.issuers.first().map(String::as_str),
        audience: settings.audiences.first().map(String::as_str),
        issued_at: now.into(),
        expires_at: (now + chrono::TimeDelta::days(3650)).into(),
        paths: &settings.paths,
    };
    let key = Key::secret(Algorithm::HS256, &read(secret_file)?).map_err(|problem| anyhow!(problem))?;
    sign::sign(&key, &wanted).map_err(|problem| anyhow!(problem))
}
