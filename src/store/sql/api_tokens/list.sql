-- Lists API tokens, the newest first: for operators, who have few. Locks nothing. Reads the whole table.
-- $1 whether those that are revoked or expired are wanted too
select token_id, name, secret_hash, subject, grants, roles, namespaces, created_at, expires_at, revoked_at, last_used_at,
       expires_at <= now() as is_expired
from api_tokens
where $1 or (revoked_at is null and expires_at > now())
order by token_id desc
limit 10000
