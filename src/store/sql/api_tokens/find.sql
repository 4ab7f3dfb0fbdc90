-- Reads an API token by its id, with the database's time. Locks nothing. Walks api_tokens_pkey.
-- $1 token id
select token_id, name, secret_hash, subject, grants, roles, namespaces, created_at, expires_at, revoked_at, last_used_at,
       expires_at <= now() as is_expired
from api_tokens
where token_id = $1
