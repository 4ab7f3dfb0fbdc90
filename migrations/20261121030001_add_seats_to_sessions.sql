-- What a session could run, for servers that do not hold it: explaining why a step waits, and whether a handler has
-- workers. Adds columns with constant defaults: a short lock, and no row is rewritten.
--   queue_ids  the step handlers that it serves, as its server understands its offers
--   held       attempts that it had when its server last noted a sign of life
--   seated_at  since when it has a stream or a claim that waits; null while it has neither
alter table sessions
    add column queue_ids integer[] not null default '{}',
    add column held integer not null default 0,
    add column seated_at timestamptz;
