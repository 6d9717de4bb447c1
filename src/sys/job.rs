//! Stopping as a shell's job does: signals of the terminal with what they do to a process that does not handle them.

#![expect(unsafe_code, reason = "rustix has no sigaction")]

use std::{io, mem, ptr};

/// Who is to stop.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Who {
    /// All of the process group, as a key of the terminal stops it.
    Group,
    /// This process alone.
    Itself,
}

/// Why a job stops (signal(7)).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Why {
    /// SIGTSTP: the user wants it.
    Asked,
    /// SIGTTOU: it wants the terminal, and is in the background.
    Background,
}

/// Stop until SIGCONT; to be called on the main thread. Returns at once in an orphaned process group (credentials(7)),
/// where no shell would ever send it: there the kernel discards these signals, as it does not with SIGSTOP.
///
/// # Errors
/// As sigaction(2) and kill(2).
pub fn stop(who: Who, why: Why) -> io::Result<()> {
    let signal = match why {
        Why::Asked => libc::SIGTSTP,
        Why::Background => libc::SIGTTOU,
    };
    // SAFETY: a sigaction of zeros is SIG_DFL with no flags and an empty mask.
    let default: libc::sigaction = unsafe { mem::zeroed() };
    // SAFETY: as above; it is overwritten below.
    let mut before: libc::sigaction = unsafe { mem::zeroed() };
    // SAFETY: both structures live through the call.
    done(unsafe { libc::sigaction(signal, &raw const default, &raw mut before) })?;
    let sent = match who {
        // SAFETY: no memory is passed. The calling thread takes the signal before the call returns.
        Who::Itself => done(unsafe { libc::raise(signal) }),
        // SAFETY: as above; of a process the kernel first asks the main thread, and that one calls.
        Who::Group => done(unsafe { libc::kill(0, signal) }),
    };
    // SAFETY: `before` is what the kernel gave.
    done(unsafe { libc::sigaction(signal, &raw const before, ptr::null_mut()) })?;
    sent
}

fn done(result: libc::c_int) -> io::Result<()> {
    if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}
