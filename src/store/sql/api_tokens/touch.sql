-- Notes that an API token is used, to the hour, so that a busy token is written once an hour. Locks its row, unless
-- somebody else does, who then notes the same. Walks api_tokens_pkey.
-- $1 token id
update api_tokens
set last_used_at = date_trunc('hour', now())
where token_id = (
    select token_id
    from api_tokens
    where token_id = $1
      and (last_used_at is null or last_used_at < date_trunc('hour', now()))
    for update skip locked
)
