//! The thread that starts Postgres, watches it, and stops it.
//!
//! It is a thread of its own for the length of the child's life, because the kernel ties the child to the
//! thread that spawned it: on a thread of the runtime, Postgres would end when the runtime retires that thread.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Child, Stdio},
    sync::mpsc,
    thread,
    time::{Duration, Instant},
};

use tokio::sync::oneshot;

use super::{
    Error, Settings,
    account::{self, command},
    binaries::{self, Binaries},
    directory::{PORT, Place, made_by},
    error::io,
    os::{self, Signal},
};

/// How often the start and the stop are looked at.
const STEP: Duration = Duration::from_millis(5);
/// How often a running server is looked at.
const WATCH: Duration = Duration::from_millis(200);
/// How long a fast stop may take: it writes out all buffers.
const STOP_FAST: Duration = Duration::from_secs(30);
/// How long a stop without a checkpoint may take.
const STOP_IMMEDIATE: Duration = Duration::from_secs(5);

/// What the starter needs to know.
#[derive(Debug)]
pub(super) struct Started {
    pub(super) directory: PathBuf,
    pub(super) socket_directory: PathBuf,
    pub(super) binaries: PathBuf,
}

/// The way to the thread. Dropping it stops Postgres and waits.
#[derive(Debug)]
pub(super) struct Keeper {
    stop: Option<mpsc::Sender<()>>,
    thread: Option<thread::JoinHandle<()>>,
}

impl Keeper {
    /// Starts the thread, which reports on `ready` once, and on `gone` when Postgres ends by itself.
    pub(super) fn spawn(
        settings: Settings,
        ready: oneshot::Sender<Result<Started, Error>>,
        gone: oneshot::Sender<String>,
    ) -> Result<Self, Error> {
        let (stop, stopped) = mpsc::channel();
        let directory = settings.directory.clone();
        let thread = thread::Builder::new()
            .name("postgres-keeper".to_owned())
            .spawn(move || keep(&settings, ready, gone, &stopped))
            .map_err(io("start a thread for", &directory))?;
        Ok(Self { stop: Some(stop), thread: Some(thread) })
    }
}

impl Drop for Keeper {
    fn drop(&mut self) {
        self.stop = None;
        if let Some(thread) = self.thread.take() {
            // Its panic has been printed; Postgres ends with the thread in any case.
            let _ = thread.join();
        }
    }
}

fn keep(
    settings: &Settings,
    ready: oneshot::Sender<Result<Started, Error>>,
    gone: oneshot::Sender<String>,
    stopped: &mpsc::Receiver<()>,
) {
    let (place, mut child, started) = match start(settings) {
        Ok(started) => started,
        Err(error) => {
            // Nobody waits any more: then nobody needs to know.
            let _ = ready.send(Err(error));
            return;
        }
    };
    if ready.send(Ok(started)).is_err() {
        stop(&mut child);
        return;
    }
    while let Err(mpsc::RecvTimeoutError::Timeout) = stopped.recv_timeout(WATCH) {
        if let Ok(Some(status)) = child.try_wait() {
            let _ = gone.send(format!("{status}: {}", last_words(&place.log())));
            return;
        }
    }
    stop(&mut child);
}

fn start(settings: &Settings) -> Result<(Place, Child, Started), Error> {
    let place = Place::prepare(&settings.directory, account::choose()?)?;
    let binaries = binaries::choose(settings.binaries.as_deref(), made_by(&place.data()).as_deref(), &place.data())?;
    await_predecessor(&place)?;
    if made_by(&place.data()).is_none() {
        init(&place, &binaries)?;
    }
    let socket_directory = place.socket_directory()?;
    let child = spawn(settings, &place, &binaries, &socket_directory)?;
    let child = await_ready(settings, &place, child)?;
    let started = Started { directory: place.root.clone(), socket_directory, binaries: binaries.directory };
    Ok((place, child, started))
}

/// A killed tasker leaves a Postgres that is about to end.
fn await_predecessor(place: &Place) -> Result<(), Error> {
    let began = Instant::now();
    while let Some(pid) = postmaster(&place.data()).map(|(pid, _)| pid).filter(|pid| is_postgres(*pid)) {
        if began.elapsed() > STOP_FAST {
            return Err(Error::Orphan { directory: place.root.clone(), pid });
        }
        thread::sleep(STEP);
    }
    Ok(())
}

/// Whether the process exists and is a Postgres; pids are used again.
fn is_postgres(pid: u32) -> bool {
    match fs::read_to_string(format!("/proc/{pid}/comm")) {
        Ok(name) => name.trim() == "postgres",
        Err(_) => !Path::new("/proc/self").exists() && os::exists(pid),
    }
}

/// Makes the cluster in a staging directory and renames it, so that a crash leaves no half of one.
fn init(place: &Place, binaries: &Binaries) -> Result<(), Error> {
    let (data, staging) = (place.data(), place.root.join("data.new"));
    for half in [&data, &staging] {
        if half.exists() {
            let empty = fs::read_dir(half).map_err(io("read", half))?.next().is_none();
            if !empty && half == &data {
                return Err(io("initialise", half)(std::io::Error::other("it has files but no PG_VERSION")));
            }
            fs::remove_dir_all(half).map_err(io("remove", half))?;
        }
    }
    fs::create_dir(&staging).map_err(io("create", &staging))?;
    place.own(&staging)?;
    let output = command(&binaries.directory.join("initdb"), place.account)
        .args(["-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C", "--data-checksums", "-D"])
        .arg(&staging)
        .output()
        .map_err(io("run", &binaries.directory.join("initdb")))?;
    if !output.status.success() {
        return Err(Error::Init { output: String::from_utf8_lossy(&output.stderr).trim().to_owned() });
    }
    fs::rename(&staging, &data).map_err(io("rename", &staging))
}

fn spawn(settings: &Settings, place: &Place, binaries: &Binaries, sockets: &Path) -> Result<Child, Error> {
    let program = binaries.directory.join("postgres");
    let mut command = command(&program, place.account);
    command.arg("-D").arg(place.data()).arg("-k").arg(sockets).args(["-c", "listen_addresses="]);
    command.args(["-c", &format!("port={PORT}"), "-c", "unix_socket_permissions=0700"]);
    command.args(["-c", "logging_collector=off", "-c", "log_destination=stderr"]);
    for (name, value) in &settings.parameters {
        command.arg("-c").arg(format!("{name}={value}"));
    }
    let log = place.open_log()?;
    command.stdin(Stdio::null()).stdout(log.try_clone().map_err(io("open", &place.log()))?).stderr(log);
    os::tie_to_this_thread(&mut command);
    command.spawn().map_err(io("run", &program))
}

/// Postgres writes `ready` into `postmaster.pid` when it takes connections.
fn await_ready(settings: &Settings, place: &Place, mut child: Child) -> Result<Child, Error> {
    let began = Instant::now();
    while postmaster(&place.data()) != Some((child.id(), true)) {
        if let Ok(Some(_)) = child.try_wait() {
            return Err(Error::Died { words: last_words(&place.log()), log: place.log() });
        }
        if began.elapsed() > settings.start_timeout {
            stop(&mut child);
            return Err(Error::Slow { seconds: settings.start_timeout.as_secs(), log: place.log() });
        }
        thread::sleep(STEP);
    }
    Ok(child)
}

/// The process in `postmaster.pid`, and whether it takes connections.
fn postmaster(data: &Path) -> Option<(u32, bool)> {
    let text = fs::read_to_string(data.join("postmaster.pid")).ok()?;
    let mut lines = text.lines();
    let pid = lines.next()?.trim().parse().ok()?;
    // Pid, directory, start time, port, sockets, address, shared memory, status.
    Some((pid, lines.nth(6).is_some_and(|status| status.trim() == "ready")))
}

fn stop(child: &mut Child) {
    for (signal, patience) in [(Signal::Fast, STOP_FAST), (Signal::Immediate, STOP_IMMEDIATE)] {
        os::signal(child.id(), signal);
        let began = Instant::now();
        while began.elapsed() < patience {
            if !matches!(child.try_wait(), Ok(None)) {
                return;
            }
            thread::sleep(STEP);
        }
    }
    // It heeds neither signal; the next start recovers.
    let _ = child.kill();
    let _ = child.wait();
}

/// The end of the log, which says why.
fn last_words(log: &Path) -> String {
    let text = fs::read(log).map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).unwrap_or_default();
    let lines: Vec<&str> = text.lines().rev().take(5).collect();
    lines.into_iter().rev().collect::<Vec<_>>().join("\n")
}
