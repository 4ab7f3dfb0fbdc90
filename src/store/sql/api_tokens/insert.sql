-- Adds an API token. Walks api_tokens_pkey.
-- $1 token id, $2 name, $3 hash of the secret, $4 subject, $5 grants, $6 roles, $7 namespaces or null,
-- $8 seconds until it expires
insert into api_tokens (token_id, name, secret_hash, subject, grants, roles, namespaces, expires_at)
values ($1, $2, $3, $4, $5, $6, $7, now() + $8 * interval '1 second')
returning expires_at
