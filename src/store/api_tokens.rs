//! API tokens. Their secrets are never here, only hashes.

use chrono::{DateTime, Utc};
use sqlx::{Row, postgres::PgRow};
use uuid::Uuid;

use super::{Result, Store, sql};

/// A token to be stored.
#[derive(Debug, Clone)]
pub struct NewApiToken<'a> {
    /// The id.
    pub token_id: Uuid,
    /// What people call it.
    pub name: &'a str,
    /// SHA-256 of its secret.
    pub secret_hash: [u8; 32],
    /// Whose it is.
    pub subject: &'a str,
    /// What it grants.
    pub grants: &'a [String],
    /// The roles that it names.
    pub roles: &'a [String],
    /// The only namespaces that it is good for; `None` for any.
    pub namespaces: Option<&'a [String]>,
    /// How long it is good, in seconds.
    pub seconds: i64,
}

/// A stored token.
#[derive(Debug, Clone)]
pub struct ApiToken {
    /// The id.
    pub token_id: Uuid,
    /// What people call it.
    pub name: String,
    /// SHA-256 of its secret.
    pub secret_hash: Vec<u8>,
    /// Whose it is.
    pub subject: String,
    /// What it grants.
    pub grants: Vec<String>,
    /// The roles that it names.
    pub roles: Vec<String>,
    /// The only namespaces that it is good for; `None` for any.
    pub namespaces: Option<Vec<String>>,
    /// When it was made.
    pub created_at: DateTime<Utc>,
    /// When it ends.
    pub expires_at: DateTime<Utc>,
    /// When it was taken back.
    pub revoked_at: Option<DateTime<Utc>>,
    /// When it was last used, to the hour.
    pub last_used_at: Option<DateTime<Utc>>,
    /// Whether it has ended by the database's clock.
    pub is_expired: bool,
}

/// Adds a token; returns when it ends.
pub async fn insert(store: &Store, token: &NewApiToken<'_>) -> Result<DateTime<Utc>> {
    let row = sql!("api_tokens/insert")
        .bind(token.token_id)
        .bind(token.name)
        .bind(&token.secret_hash[..])
        .bind(token.subject)
        .bind(token.grants)
        .bind(token.roles)
        .bind(token.namespaces)
        .bind(token.seconds)
        .fetch_one(store.pool())
        .await?;
    Ok(row.try_get("expires_at")?)
}

/// Reads a token by its id.
pub async fn find(store: &Store, token_id: Uuid) -> Result<Option<ApiToken>> {
    let row = sql!("api_tokens/find").bind(token_id).fetch_optional(store.pool()).await?;
    row.as_ref().map(read).transpose()
}

/// Lists tokens, the newest first, 10,000 at most; those that are revoked or expired when asked for.
pub async fn list(store: &Store, all: bool) -> Result<Vec<ApiToken>> {
    let rows = sql!("api_tokens/list").bind(all).fetch_all(store.pool()).await?;
    rows.iter().map(read).collect()
}

/// Takes a token back; returns its name and since when it is, or nothing when there is none.
pub async fn revoke(store: &Store, token_id: Uuid) -> Result<Option<(String, DateTime<Utc>)>> {
    let row = sql!("api_tokens/revoke").bind(token_id).fetch_optional(store.pool()).await?;
    row.map(|row| Ok((row.try_get("name")?, row.try_get("revoked_at")?))).transpose()
}

/// Notes that a token is used.
pub async fn touch(store: &Store, token_id: Uuid) -> Result<()> {
    sql!("api_tokens/touch").bind(token_id).execute(store.pool()).await?;
    Ok(())
}

fn read(row: &PgRow) -> Result<ApiToken> {
    Ok(ApiToken {
        token_id: row.try_get("token_id")?,
        name: row.try_get("name")?,
        secret_hash: row.try_get("secret_hash")?,
        subject: row.try_get("subject")?,
        grants: row.try_get("grants")?,
        roles: row.try_get("roles")?,
        namespaces: row.try_get("namespaces")?,
        created_at: row.try_get("created_at")?,
        expires_at: row.try_get("expires_at")?,
        revoked_at: row.try_get("revoked_at")?,
        last_used_at: row.try_get("last_used_at")?,
        is_expired: row.try_get("is_expired")?,
    })
}
