-- Lets the sweeper see without reading all leases whether any can be lost: which attempts are past their own deadline,
-- and whether a session has closed lately. Locks leases and sessions against writing while two small indexes are built.

create index leases_deadline on leases (deadline_at) where deadline_at is not null;

create index sessions_closed on sessions (closed_at) where closed_at is not null;
