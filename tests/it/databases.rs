//! More than one way to the data: through a real PgBouncer, and from a real streaming replica.

mod pgbouncer;
mod pooled;
mod replica;
