//! Start a program and hold it before it has run (ptrace(2)). What is done with it there is `collect::lab`'s business.
//!
//! ptrace is a matter of threads: all calls for one [`Tracee`] come from the thread that started it. That no child
//! outlives sysview, however it ends: the child waits at a pipe, which ends with sysview, until it is seized; and it is
//! seized with `PTRACE_O_EXITKILL`, so that there is no moment between being traced and being killed with the tracer.
//!
//! What is special to an architecture is the table `MACHINE`.

#![expect(unsafe_code, reason = "rustix has neither fork nor ptrace")]

use crate::{snapshot::ExitStatus, unit::Pid};
use rustix::{
    fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd},
    io::Errno,
    pipe::{PipeFlags, pipe_with},
};
use std::{
    ffi::{CString, c_char, c_int, c_long},
    io, mem, ptr,
};

/// What is special to an architecture.
struct Machine {
    /// The instruction that stops.
    breakpoint: &'static [u8],
    /// How far behind it the program counter stands when it has stopped.
    behind: u64,
    /// Where the program counter stands among the general registers (`NT_PRSTATUS`), for each kind of program.
    layouts: &'static [Layout],
}

/// The general registers of one kind of program, told by their size.
#[derive(Clone, Copy, Debug)]
struct Layout {
    size: usize,
    /// Where the program counter begins, and its size.
    counter: (usize, usize),
}

#[cfg(target_arch = "x86_64")]
const MACHINE: Option<Machine> = Some(Machine {
    breakpoint: &[0xcc],
    behind: 1,
    layouts: &[Layout { size: 27 * 8, counter: (16 * 8, 8) }, Layout { size: 17 * 4, counter: (12 * 4, 4) }],
});
#[cfg(target_arch = "aarch64")]
const MACHINE: Option<Machine> = Some(Machine {
    breakpoint: &[0x00, 0x00, 0x20, 0xd4],
    behind: 0,
    layouts: &[Layout { size: 34 * 8, counter: (32 * 8, 8) }],
});
#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
const MACHINE: Option<Machine> = None;

/// Whether breakpoints are known for this architecture.
#[must_use]
pub fn is_supported() -> bool {
    MACHINE.is_some()
}

/// A program with its arguments and its environment, ready to be started again and again.
#[derive(Debug)]
pub struct Start {
    program: CString,
    arguments: Vec<CString>,
    environment: Vec<CString>,
}

impl Start {
    /// The file to be executed, what it gets as arguments (the first is its name) and its environment (`NAME=value`).
    #[must_use]
    pub fn new(program: CString, arguments: Vec<CString>, environment: Vec<CString>) -> Self {
        Self { program, arguments, environment }
    }
}

/// Why a child could not be started under trace.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StartError {
    /// There is no new process: pipe(2), fork(2).
    Fork(Errno),
    /// It may not be traced: PTRACE_SEIZE.
    Trace(Errno),
}

/// What a traced child came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stop {
    /// exec(2) has succeeded: the next instruction is the program's first.
    Exec,
    /// It is about to end with this status; its memory is still there.
    Exit(ExitStatus),
    /// SIGTRAP: a breakpoint, or one step done.
    Trap,
    /// A signal that it has not got yet.
    Signal(i32),
    /// It was stopped as a job is.
    Job,
    /// It has ended, and nothing is left of it. Before [`Stop::Exec`] the code is the errno of exec(2).
    Ended(ExitStatus),
}

/// SIGTRAP, where a program sends it to itself.
pub const TRAP: i32 = libc::SIGTRAP;
/// Signals that stop a process as a job.
pub const STOPPING: [i32; 4] = [libc::SIGSTOP, libc::SIGTSTP, libc::SIGTTIN, libc::SIGTTOU];

/// A child under trace. It is killed and reaped when this is dropped.
#[derive(Debug)]
pub struct Tracee {
    pid: Pid,
    raw: libc::pid_t,
    ended: bool,
}

/// Block all signals for this thread, so that they go to the others; a child begins with the default for each of them,
/// before any can come.
pub fn block_signals() {
    // SAFETY: a set of zeros is a valid one, and it lives through both calls, which cannot fail for it.
    unsafe {
        let mut all: libc::sigset_t = mem::zeroed();
        libc::sigfillset(&raw mut all);
        libc::pthread_sigmask(libc::SIG_SETMASK, &raw const all, ptr::null_mut());
    }
}

impl Tracee {
    /// Start a child that goes on to exec(2) when it is first resumed. It has a session of its own (no key of the terminal
    /// reaches it), the default for every signal, `input` as standard input and `output` as standard output and error.
    /// Limits are as sysview found them, for it changes none.
    ///
    /// # Errors
    /// [`StartError`]; no child is left then.
    pub fn start(start: &Start, input: BorrowedFd<'_>, output: BorrowedFd<'_>) -> Result<Self, StartError> {
        let pointers = |texts: &[CString]| -> Vec<*const c_char> {
            texts.iter().map(|text| text.as_ptr()).chain([ptr::null()]).collect()
        };
        let (arguments, environment) = (pointers(&start.arguments), pointers(&start.environment));
        let (wait, go) = pipe_with(PipeFlags::CLOEXEC).map_err(StartError::Fork)?;
        let child = Child {
            program: start.program.as_ptr(),
            arguments: arguments.as_ptr(),
            environment: environment.as_ptr(),
            input: input.as_raw_fd(),
            output: output.as_raw_fd(),
            wait: wait.as_raw_fd(),
            go: go.as_raw_fd(),
        };
        // SAFETY: the child calls nothing but what signal-safety(7) allows, and never returns.
        let raw = match unsafe { libc::fork() } {
            -1 => return Err(StartError::Fork(last_error())),
            0 => child.run(),
            pid => pid,
        };
        let tracee = Self { pid: Pid(raw.unsigned_abs()), raw, ended: false };
        let options = libc::PTRACE_O_EXITKILL | libc::PTRACE_O_TRACEEXEC | libc::PTRACE_O_TRACEEXIT;
        tracee.ptrace(libc::PTRACE_SEIZE.into(), 0, options.into()).map_err(StartError::Trace)?;
        rustix::io::write(&go, &[1]).map_err(StartError::Trace)?;
        Ok(tracee)
    }

    /// Its process id.
    #[must_use]
    pub fn pid(&self) -> Pid {
        self.pid
    }

    /// A descriptor with which another thread can end it.
    ///
    /// # Errors
    /// As pidfd_open(2).
    pub fn handle(&self) -> rustix::io::Result<OwnedFd> {
        let pid = rustix::process::Pid::from_raw(self.raw).ok_or(Errno::SRCH)?;
        rustix::process::pidfd_open(pid, rustix::process::PidfdFlags::empty())
    }

    /// Wait for what it comes to next.
    ///
    /// # Errors
    /// As waitpid(2) and ptrace(2).
    pub fn wait(&mut self) -> rustix::io::Result<Stop> {
        let mut status: c_int = 0;
        // SAFETY: `status` lives through the call.
        while unsafe { libc::waitpid(self.raw, &raw mut status, libc::__WALL) } == -1 {
            match last_error() {
                Errno::INTR => {}
                // There is no such child: somebody else has reaped it.
                error => {
                    self.ended = true;
                    return Err(error);
                }
            }
        }
        if !libc::WIFSTOPPED(status) {
            self.ended = true;
            return Ok(Stop::Ended(ExitStatus::from_wait(status.cast_unsigned())));
        }
        match status >> 16 {
            libc::PTRACE_EVENT_EXEC => Ok(Stop::Exec),
            libc::PTRACE_EVENT_EXIT => self.message().map(|status| Stop::Exit(ExitStatus::from_wait(status))),
            libc::PTRACE_EVENT_STOP => Ok(Stop::Job),
            _ => Ok(match libc::WSTOPSIG(status) {
                libc::SIGTRAP => Stop::Trap,
                signal => Stop::Signal(signal),
            }),
        }
    }

    /// What the event it stopped for comes with (`PTRACE_GETEVENTMSG`): a status as wait(2) gives it.
    fn message(&self) -> rustix::io::Result<u32> {
        let mut message: libc::c_ulong = 0;
        self.ptrace(libc::PTRACE_GETEVENTMSG.into(), 0, address(&raw mut message))?;
        u32::try_from(message).map_err(|_| Errno::RANGE)
    }

    /// Let it run on, with this signal where it is not 0.
    ///
    /// # Errors
    /// As ptrace(2): SRCH where it was killed meanwhile.
    pub fn resume(&self, signal: i32) -> rustix::io::Result<()> {
        self.ptrace(libc::PTRACE_CONT.into(), 0, signal.into())
    }

    /// Let it carry out one instruction, with this signal where it is not 0.
    ///
    /// # Errors
    /// As [`Tracee::resume`].
    pub fn step(&self, signal: i32) -> rustix::io::Result<()> {
        self.ptrace(libc::PTRACE_SINGLESTEP.into(), 0, signal.into())
    }

    /// The eight bytes at an address of its memory, as a number.
    ///
    /// # Errors
    /// IO where nothing is mapped there.
    pub fn word(&self, at: u64) -> rustix::io::Result<u64> {
        let mut word: c_long = 0;
        // The system call writes the word; only the C library's function returns it.
        self.ptrace(libc::PTRACE_PEEKDATA.into(), at.cast_signed(), address(&raw mut word))?;
        Ok(word.cast_unsigned())
    }

    /// Change the eight bytes at an address, whatever its protection.
    ///
    /// # Errors
    /// As [`Tracee::word`].
    pub fn set_word(&self, at: u64, word: u64) -> rustix::io::Result<()> {
        self.ptrace(libc::PTRACE_POKEDATA.into(), at.cast_signed(), word.cast_signed())
    }

    /// Put a breakpoint in place of the instruction at an address; the word that was there.
    ///
    /// # Errors
    /// As [`Tracee::word`]; OPNOTSUPP where no breakpoint is known for this architecture.
    pub fn set_breakpoint(&self, at: u64) -> rustix::io::Result<u64> {
        let machine = MACHINE.ok_or(Errno::OPNOTSUPP)?;
        let before = self.word(at)?;
        let mut bytes = before.to_ne_bytes();
        bytes[..machine.breakpoint.len()].copy_from_slice(machine.breakpoint);
        self.set_word(at, u64::from_ne_bytes(bytes))?;
        Ok(before)
    }

    /// The address of the breakpoint that it has just hit, where it has.
    ///
    /// # Errors
    /// As ptrace(2); OPNOTSUPP where the registers are of a size that is not known.
    pub fn hit(&self) -> rustix::io::Result<u64> {
        let machine = MACHINE.ok_or(Errno::OPNOTSUPP)?;
        Ok(self.registers()?.counter().wrapping_sub(machine.behind))
    }

    /// Let it go on at this address.
    ///
    /// # Errors
    /// As [`Tracee::hit`].
    pub fn go_on_at(&self, at: u64) -> rustix::io::Result<()> {
        let mut registers = self.registers()?;
        registers.set_counter(at);
        let mut vector = libc::iovec { iov_base: registers.bytes.as_mut_ptr().cast(), iov_len: registers.layout.size };
        self.ptrace(libc::PTRACE_SETREGSET.into(), REGISTERS, address(&raw mut vector))
    }

    fn registers(&self) -> rustix::io::Result<Registers> {
        let mut bytes = [0; 512];
        let mut vector = libc::iovec { iov_base: bytes.as_mut_ptr().cast(), iov_len: bytes.len() };
        self.ptrace(libc::PTRACE_GETREGSET.into(), REGISTERS, address(&raw mut vector))?;
        let layouts = MACHINE.ok_or(Errno::OPNOTSUPP)?.layouts;
        let layout = layouts.iter().find(|layout| layout.size == vector.iov_len).ok_or(Errno::OPNOTSUPP)?;
        Ok(Registers { bytes, layout: *layout })
    }

    fn ptrace(&self, request: c_long, at: c_long, data: c_long) -> rustix::io::Result<()> {
        // SAFETY: requests that write do so where `data` points, to a value that the caller holds and that is as large as
        // the request takes; all else is checked by the kernel.
        let result = unsafe { libc::syscall(libc::SYS_ptrace, request, c_long::from(self.raw), at, data) };
        if result == -1 { Err(last_error()) } else { Ok(()) }
    }
}

impl Drop for Tracee {
    fn drop(&mut self) {
        while !self.ended {
            // SAFETY: no memory is passed. It has not been reaped, so the number is still its own.
            unsafe { libc::kill(self.raw, libc::SIGKILL) };
            // One that is held on its way out gets no signal any more, and one that runs cannot be resumed.
            let _ = self.resume(0);
            let (Ok(_) | Err(_)) = self.wait();
        }
    }
}

/// `NT_PRSTATUS` (elf.h): the general registers.
const REGISTERS: c_long = 1;

struct Registers {
    bytes: [u8; 512],
    layout: Layout,
}

impl Registers {
    fn counter(&self) -> u64 {
        let (start, size) = self.layout.counter;
        let mut counter = [0; 8];
        // Both machines of the table are little-endian.
        counter[..size].copy_from_slice(&self.bytes[start..start + size]);
        u64::from_le_bytes(counter)
    }

    fn set_counter(&mut self, counter: u64) {
        let (start, size) = self.layout.counter;
        self.bytes[start..start + size].copy_from_slice(&counter.to_le_bytes()[..size]);
    }
}

/// What the child needs, made ready before it exists.
struct Child {
    program: *const c_char,
    arguments: *const *const c_char,
    environment: *const *const c_char,
    input: c_int,
    output: c_int,
    /// The pipe that it waits at, and its other end.
    wait: c_int,
    go: c_int,
}

impl Child {
    /// What the child does between fork(2) and exec(2): calls of signal-safety(7) only, for other threads may have held any
    /// lock when it was made.
    fn run(&self) -> ! {
        // SAFETY: all pointers are into the copy of the memory in which the parent made them; the structures live through
        // the calls they are passed to.
        unsafe {
            libc::close(self.go);
            libc::setsid();
            // Should the kernel ever let go of it with the tracer alone dead.
            libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL);
            let default: libc::sigaction = mem::zeroed();
            for signal in 1..=64 {
                libc::sigaction(signal, &raw const default, ptr::null_mut());
            }
            let none: libc::sigset_t = mem::zeroed();
            libc::sigprocmask(libc::SIG_SETMASK, &raw const none, ptr::null_mut());
            libc::dup2(self.input, 0);
            libc::dup2(self.output, 1);
            libc::dup2(self.output, 2);
            let mut byte = 0u8;
            loop {
                match libc::read(self.wait, (&raw mut byte).cast(), 1) {
                    1 => break,
                    -1 if last_error() == Errno::INTR => {}
                    // The parent is gone.
                    _ => libc::_exit(0),
                }
            }
            libc::execve(self.program, self.arguments, self.environment);
            libc::_exit(last_error().raw_os_error())
        }
    }
}

fn address<T>(value: *mut T) -> c_long {
    value.expose_provenance().cast_signed() as c_long
}

fn last_error() -> Errno {
    Errno::from_io_error(&io::Error::last_os_error()).unwrap_or(Errno::IO)
}

/// End the process behind a descriptor of [`Tracee::handle`], which keeps the one who waits for it waiting no longer.
///
/// # Errors
/// As pidfd_send_signal(2): SRCH where it has ended.
pub fn end(handle: impl AsFd) -> rustix::io::Result<()> {
    rustix::process::pidfd_send_signal(handle, rustix::process::Signal::KILL)
}
