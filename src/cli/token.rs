//! `tasker token`: makes, lists and revokes API tokens, and signs tokens for development.

use std::{process::ExitCode, time::Duration};

use anyhow::{Context as _, anyhow, bail};
use serde_json::json;
use uuid::Uuid;

use super::{
    Context, Outcome, input,
    style::one_line,
    table::{Table, columns, id, text},
};
use crate::{
    app,
    auth::{Grant, authenticator::api_token::ApiToken},
    store::{Store, api_tokens},
};

pub(super) mod sign;

/// The longest life of an API token: ten years.
const LIFE_MAX: Duration = Duration::from_secs(10 * 365 * 86_400);

/// Makes, lists and revokes API tokens, and signs tokens for development.
///
/// API tokens are believed by servers whose auth.authenticators names "api_token". They are kept in the database, which
/// these commands talk to directly, as an operator does; only a hash of each is kept.
#[derive(Debug, clap::Args)]
#[command(
    arg_required_else_help = true,
    after_help = "Examples:
  tasker token create --subject billing-worker \\
    --grant 'tasker.worker:connect@billing' --expires-in 90d
  tasker token list --all
  tasker token revoke 01932c07-6b1f-7d0e-9d0a-5f2c1d3e0000
  export TASKER_TOKEN=$(tasker token sign --subject me --role admin)"
)]
pub(super) struct Args {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, clap::Subcommand)]
enum Action {
    /// Makes an API token and shows it, this once
    Create(Create),
    /// Lists API tokens, the newest first
    List(List),
    /// Takes an API token back; calls and streams that use it end within auth.api_token.recheck_ms
    Revoke(Revoke),
    /// Signs a token (JWT, HS256) for development, with the secret that the server has
    Sign(sign::Sign),
}

/// Whose a token is, and what it is good for.
#[derive(Debug, clap::Args)]
struct Claims {
    /// Whose it is: what a task is owned by, and what the audit record says
    #[arg(long, value_name = "NAME", value_parser = subject)]
    subject: String,
    /// What it grants: resource:action[@namespace[/handler]], or * for everything; may be repeated
    #[arg(long = "grant", value_name = "GRANT", value_parser = grant)]
    grants: Vec<String>,
    /// A role of the server's configuration; may be repeated
    #[arg(long = "role", value_name = "ROLE")]
    roles: Vec<String>,
    /// A namespace that it is good for, whatever it grants; may be repeated; any when not given
    #[arg(long = "namespace", short, value_name = "NAMESPACE", value_parser = namespace)]
    namespaces: Vec<String>,
}

#[derive(Debug, clap::Args)]
struct Create {
    #[command(flatten)]
    claims: Claims,
    /// What people call it; the subject when not given
    #[arg(long, value_name = "NAME", value_parser = subject)]
    name: Option<String>,
    /// How long it is good
    #[arg(long, default_value = "90d", value_name = "DURATION", value_parser = input::duration)]
    expires_in: Duration,
    #[command(flatten)]
    database: Database,
}

#[derive(Debug, clap::Args)]
struct List {
    /// Also those that are revoked or have expired
    #[arg(long)]
    all: bool,
    #[command(flatten)]
    database: Database,
}

#[derive(Debug, clap::Args)]
struct Revoke {
    /// Its id, or the token itself
    #[arg(value_name = "TOKEN", value_parser = token_id, required = true)]
    tokens: Vec<Uuid>,
    #[command(flatten)]
    database: Database,
}

#[derive(Debug, clap::Args)]
struct Database {
    /// The database; else DATABASE_URL or database.url of the configuration
    #[arg(long, value_name = "URL")]
    database_url: Option<String>,
}

impl Database {
    fn store(&self, context: &Context) -> anyhow::Result<Store> {
        let config = context.config_with([("database.url", self.database_url.clone())])?;
        app::store(&config)
    }
}

fn subject(text: &str) -> Result<String, String> {
    if !(1..=255).contains(&text.len()) || text.chars().any(char::is_control) {
        return Err("must have from 1 to 255 bytes, and no control characters".to_owned());
    }
    if text.trim() != text {
        return Err("must not begin or end with a space".to_owned());
    }
    if text.chars().any(is_invisible) {
        return Err("must not have characters that nobody sees, such as a zero-width space".to_owned());
    }
    Ok(text.to_owned())
}

/// Whether a character only changes how others are shown: joiners, marks of direction, and their like.
const fn is_invisible(sign: char) -> bool {
    matches!(
        sign,
        '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}'
            | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}'
    )
}

fn grant(text: &str) -> Result<String, String> {
    Grant::checked(text).map(|_| text.to_owned()).map_err(|why| format!("{why}; `tasker access` shows all permissions"))
}

fn namespace(text: &str) -> Result<String, String> {
    let is_name = !text.contains('/') && format!("*@{text}").parse::<Grant>().is_ok();
    if is_name { Ok(text.to_owned()) } else { Err("is no name of a namespace".to_owned()) }
}

fn token_id(text: &str) -> Result<Uuid, String> {
    let id = text.parse::<ApiToken>().map(|token| token.id).or_else(|_| text.parse());
    id.map_err(|_| "is neither the id of an API token nor one itself".to_owned())
}

/// Runs the subcommand.
pub(super) async fn run(context: &Context, args: Args) -> Outcome {
    match args.action {
        Action::Create(args) => create(context, &args).await,
        Action::List(args) => list(context, &args).await,
        Action::Revoke(args) => revoke(context, &args).await,
        Action::Sign(args) => sign::sign(context, &args),
    }
}

async fn create(context: &Context, args: &Create) -> Outcome {
    if args.expires_in.is_zero() || args.expires_in > LIFE_MAX {
        bail!("--expires-in must be from 1s to 3650d");
    }
    let Claims { subject, grants, roles, namespaces } = &args.claims;
    let store = args.database.store(context)?;
    let token = ApiToken::generate();
    let name = args.name.as_deref().unwrap_or(subject);
    let stored = api_tokens::NewApiToken {
        token_id: token.id,
        name,
        secret_hash: token.secret_hash(),
        subject,
        grants,
        roles,
        namespaces: (!namespaces.is_empty()).then_some(namespaces),
        seconds: i64::try_from(args.expires_in.as_secs().max(1)).expect("less than ten years"),
    };
    let expires_at = api_tokens::insert(&store, &stored).await.context("the token was not stored")?;
    store.close().await;
    let text = token.expose();
    let document = json!({
        "token": text, "token_id": token.id, "name": name, "subject": subject, "grants": grants, "roles": roles,
        "namespaces": stored.namespaces, "expires_at": expires_at,
    });
    context.print_either(&document, || {
        let nothing = if grants.is_empty() && roles.is_empty() {
            "\n\nIt grants nothing by itself: give --grant or --role, or have Cedar policies that speak of its subject."
        } else {
            ""
        };
        format!(
            "{text}\n\nThis is the only time that it is shown.\n  id       {}\n  subject  {subject}\n  expires  \
             {expires_at}{nothing}",
            token.id
        )
    });
    Ok(ExitCode::SUCCESS)
}

async fn list(context: &Context, args: &List) -> Outcome {
    let store = args.database.store(context)?;
    let tokens = api_tokens::list(&store, args.all).await.context("the tokens cannot be read")?;
    store.close().await;
    let state = |token: &api_tokens::ApiToken| match (token.revoked_at, token.is_expired) {
        (Some(_), _) => "revoked",
        (None, true) => "expired",
        (None, false) => "good",
    };
    let document: Vec<_> = tokens
        .iter()
        .map(|token| {
            json!({
                "token_id": token.token_id, "name": token.name, "subject": token.subject, "grants": token.grants,
                "roles": token.roles, "namespaces": token.namespaces, "created_at": token.created_at,
                "expires_at": token.expires_at, "revoked_at": token.revoked_at, "last_used_at": token.last_used_at,
                "state": state(token),
            })
        })
        .collect();
    context.print_either(&json!({ "tokens": document }), || {
        if tokens.is_empty() {
            return "no tokens; make one with: tasker token create".to_owned();
        }
        let mut table = Table::new(
            const {
                columns([
                    id("ID"),
                    text("NAME", 8),
                    text("SUBJECT", 0),
                    text("STATE", 7),
                    text("EXPIRES", 10),
                    text("LAST USED", 0),
                    text("GRANTS", 11),
                ])
            },
        );
        for token in &tokens {
            let time = |time: chrono::DateTime<chrono::Utc>| time.format("%Y-%m-%d %H:%MZ").to_string();
            let mut granted = token.grants.clone();
            granted.extend(token.roles.iter().map(|role| format!("role {role}")));
            granted.extend(token.namespaces.iter().flatten().map(|name| format!("only in {name}")));
            table.row([
                token.token_id.to_string().into(),
                one_line(&token.name).into(),
                one_line(&token.subject).into(),
                state(token).into(),
                time(token.expires_at).into(),
                token.last_used_at.map_or_else(|| "never".to_owned(), time).into(),
                one_line(&granted.join(", ")).into(),
            ]);
        }
        context.out().drawn(&table).trim_end().to_owned()
    });
    Ok(ExitCode::SUCCESS)
}

async fn revoke(context: &Context, args: &Revoke) -> Outcome {
    let store = args.database.store(context)?;
    let mut revoked = Vec::new();
    for id in &args.tokens {
        let done = api_tokens::revoke(&store, *id).await.context("the token was not revoked")?;
        let (name, at) = done.ok_or_else(|| anyhow!("there is no API token {id}"))?;
        revoked.push((id, name, at));
    }
    store.close().await;
    let document: Vec<_> =
        revoked.iter().map(|(id, name, at)| json!({ "token_id": id, "name": name, "revoked_at": at })).collect();
    context.print_either(&json!({ "revoked": document }), || {
        revoked.iter().map(|(id, name, _)| format!("revoked {id} {}", one_line(name))).collect::<Vec<_>>().join("\n")
    });
    Ok(ExitCode::SUCCESS)
}
