-- Takes an API token back; once it is, it stays so. Locks its row. Walks api_tokens_pkey.
-- $1 token id
update api_tokens
set revoked_at = coalesce(revoked_at, now())
where token_id = $1
returning name, revoked_at
