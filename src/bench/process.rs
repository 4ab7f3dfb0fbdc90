//! Processes that the bench starts, and what the operating system says they used.

use std::{fs, path::PathBuf, process::Stdio, time::Duration};

use anyhow::Context as _;
use tokio::process::{Child, Command};

use crate::embedded::{self, Signal};

/// Clock ticks per second in /proc, fixed on Linux.
const TICKS: f64 = 100.0;

/// A process of this binary, ended when the value is dropped.
#[derive(Debug)]
pub(super) struct Process {
    child: Child,
    pid: u32,
}

/// What a process used.
#[derive(Debug, Clone, Copy, Default, serde::Serialize)]
pub struct Usage {
    /// Processor time in seconds.
    pub cpu_seconds: f64,
    /// The most memory it had at once, in MiB.
    pub peak_mib: f64,
}

impl Process {
    pub(super) fn start(arguments: &[&str]) -> anyhow::Result<Self> {
        Self::start_with(arguments, &[])
    }

    /// Starts one with some variables in its environment.
    pub(super) fn start_with(arguments: &[&str], environment: &[(&str, &str)]) -> anyhow::Result<Self> {
        let binary: PathBuf = std::env::current_exe()?;
        let child = Command::new(binary)
            .args(arguments)
            .envs(environment.iter().copied())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::inherit())
            .kill_on_drop(true)
            .spawn()
            .with_context(|| format!("cannot start tasker {}", arguments.join(" ")))?;
        let pid = child.id().context("the process ended at once")?;
        Ok(Self { child, pid })
    }

    /// What it has used so far.
    pub(super) fn usage(&self) -> Usage {
        usage(self.pid)
    }

    /// Asks it to end and waits, not for ever.
    pub(super) async fn stop(mut self) {
        embedded::signal(self.pid, Signal::Terminate);
        if tokio::time::timeout(Duration::from_secs(20), self.child.wait()).await.is_err() {
            let _gone = self.child.kill().await;
        }
    }
}

/// What a process and, for Postgres, all its children used; ended children of a child are lost.
pub(super) fn family_cpu_seconds(pid: u32) -> f64 {
    family(pid).map(|pid| usage(pid).cpu_seconds).sum()
}

/// A process and all its children.
pub(super) fn family(pid: u32) -> impl Iterator<Item = u32> {
    let path = format!("/proc/{pid}/task/{pid}/children");
    let children = fs::read_to_string(path).unwrap_or_default();
    let children: Vec<u32> = children.split_whitespace().filter_map(|child| child.parse().ok()).collect();
    std::iter::once(pid).chain(children)
}

fn usage(pid: u32) -> Usage {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    // Fields are counted after the name, which may hold spaces: user and system time are the 12th and 13th.
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
    let ticks = |index: usize| fields.get(index).and_then(|field| field.parse::<f64>().ok()).unwrap_or(0.0);
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kib = peak.and_then(|text| text.trim().trim_end_matches(" kB").parse::<f64>().ok()).unwrap_or(0.0);
    Usage { cpu_seconds: (ticks(11) + ticks(12)) / TICKS, peak_mib: kib / 1_024.0 }
}
