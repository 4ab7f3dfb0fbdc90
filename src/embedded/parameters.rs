//! The server parameters of a private Postgres.

use std::fs;

/// Durable settings, with buffers for this machine.
///
/// One process group owns the machine's Postgres here: a quarter of the memory up to 1 GB for buffers, WAL for
/// some minutes between checkpoints, and no replication, which lets some bulk statements skip WAL.
pub fn defaults() -> Vec<(String, String)> {
    let buffers_mb = (memory_mb().unwrap_or(2_048) / 4).clamp(64, 1_024);
    [
        ("max_connections", "100".to_owned()),
        ("shared_buffers", format!("{buffers_mb}MB")),
        ("fsync", "on".to_owned()),
        ("wal_level", "minimal".to_owned()),
        ("max_wal_senders", "0".to_owned()),
        ("max_wal_size", "2GB".to_owned()),
        ("checkpoint_timeout", "15min".to_owned()),
        ("wal_compression", "on".to_owned()),
        ("jit", "off".to_owned()),
        ("timezone", "UTC".to_owned()),
        ("log_timezone", "UTC".to_owned()),
        ("cluster_name", "tasker".to_owned()),
    ]
    .into_iter()
    .map(|(name, value)| (name.to_owned(), value))
    .collect()
}

fn memory_mb() -> Option<u64> {
    let text = fs::read_to_string("/proc/meminfo").ok()?;
    let line = text.lines().find(|line| line.starts_with("MemTotal:"))?;
    line.split_whitespace().nth(1)?.parse::<u64>().ok().map(|kb| kb / 1_024)
}
