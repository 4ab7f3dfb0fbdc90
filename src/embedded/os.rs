//! What only the operating system's C interface can do. All of the module's `unsafe` is here.

use std::{io, os::unix::process::CommandExt, process::Command};

/// Whether we are root.
pub(super) fn is_root() -> bool {
    effective_uid() == 0
}

/// The user that files we make belong to.
pub(super) fn effective_uid() -> u32 {
    #[expect(unsafe_code, reason = "geteuid takes nothing and cannot fail")]
    unsafe {
        libc::geteuid()
    }
}

/// Makes the child end, by SIGINT, when the *thread* that spawns it ends, and keeps the terminal's Ctrl-C from it.
pub(super) fn tie_to_this_thread(command: &mut Command) {
    command.process_group(0);
    #[cfg(target_os = "linux")]
    {
        let parent = std::process::id();
        #[expect(unsafe_code, reason = "between fork and exec; prctl and getppid are async-signal-safe")]
        unsafe {
            command.pre_exec(move || {
                if libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGINT) != 0 {
                    return Err(io::Error::last_os_error());
                }
                // The parent may have died before the line above; nobody would tell us then.
                if u32::try_from(libc::getppid()) != Ok(parent) {
                    return Err(io::Error::from_raw_os_error(libc::ESRCH));
                }
                Ok(())
            });
        }
    }
}

/// Whether a process exists.
pub(super) fn exists(pid: u32) -> bool {
    send(pid, 0) || io::Error::last_os_error().raw_os_error() == Some(libc::EPERM)
}

/// What can be sent to a process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Signal {
    /// SIGINT: Postgres cuts statements off, writes a checkpoint, ends.
    Fast,
    /// SIGQUIT: Postgres ends at once; its next start recovers.
    Immediate,
    /// End when what you have is done.
    Terminate,
    /// Stay as you are.
    Stop,
    /// Go on.
    Continue,
}

/// Sends a signal to a process. One that is gone already is no error.
pub(crate) fn signal(pid: u32, signal: Signal) {
    let number = match signal {
        Signal::Fast => libc::SIGINT,
        Signal::Immediate => libc::SIGQUIT,
        Signal::Terminate => libc::SIGTERM,
        Signal::Stop => libc::SIGSTOP,
        Signal::Continue => libc::SIGCONT,
    };
    send(pid, number);
}

fn send(pid: u32, signal: libc::c_int) -> bool {
    let Ok(pid) = libc::pid_t::try_from(pid) else { return false };
    #[expect(unsafe_code, reason = "kill has no memory effects; the pid is positive, so it names one process")]
    unsafe {
        pid > 0 && libc::kill(pid, signal) == 0
    }
}
