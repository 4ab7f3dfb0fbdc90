-- API tokens: what the authenticator `api_token` believes. Only a hash of the secret is kept.
-- Locks nothing that exists; instant.

create table api_tokens (
    token_id     uuid        not null primary key,
    name         text        not null check (length(name) between 1 and 255),
    -- SHA-256 of a secret of 32 random bytes: nothing to guess, so nothing to slow down.
    secret_hash  bytea       not null check (octet_length(secret_hash) = 32),
    subject      text        not null check (length(subject) between 1 and 255),
    grants       text[]      not null,
    roles        text[]      not null,
    -- Null for any.
    namespaces   text[],
    created_at   timestamptz not null default now(),
    expires_at   timestamptz not null,
    revoked_at   timestamptz,
    -- To the hour.
    last_used_at timestamptz
);

comment on table api_tokens is 'API tokens of the authenticator api_token; made by tasker token create.';
