//! The runs themselves, on the one thread that may trace them: start, hold, look, kill, again.

#![expect(clippy::disallowed_methods, reason = "a descriptor for the child, not a file to be read")]

use super::{
    About, Event, Watch,
    command::{Found, refusal},
    interpreter::{self, Hook},
};
use crate::{
    collect::{
        program,
        source::{ProcPath, Reader, Source, Task},
    },
    proc::{
        auxv,
        fields::{hexadecimal, lines, single},
        maps, stat,
    },
    snapshot::{
        ExitStatus, Missing, Reading,
        lab::{Run, StoppedAt},
        map::Mapping,
    },
    sys::trace::{self, StartError, Stop, Tracee},
    text::Text,
    unit::Pid,
};
use rustix::{
    fd::{AsFd, BorrowedFd, OwnedFd},
    fs::{CWD, MemfdFlags, Mode, OFlags, getxattr, memfd_create, openat},
    io::{Errno, pread},
};
use std::{
    collections::BTreeSet,
    ffi::OsStr,
    fs, io, mem,
    os::unix::{ffi::OsStrExt, fs::MetadataExt},
    path::Path,
    sync::{Arc, mpsc::Sender},
};

/// Do all runs, or as many as are wanted; every one ends with its child.
pub(super) fn all(source: &dyn Source, found: &Found, runs: u32, watch: &Watch, events: &Sender<Event>) {
    trace::block_signals();
    let mut work = Work {
        source,
        reader: Reader::new(source),
        found,
        watch,
        events,
        bits: usize::BITS,
        hook: None,
        names: BTreeSet::new(),
        is_introduced: false,
        is_secure: false,
        is_late: false,
    };
    let problem = match work.all(runs) {
        Err(Halt::Problem(problem)) => Some(problem),
        Err(Halt::Errno(error)) => Some(format!("the child cannot be traced: {}", io::Error::from(error))),
        Ok(()) | Err(Halt::Over | Halt::Again) => None,
    };
    // What goes wrong because nobody wants any more is no problem.
    if let Some(problem) = problem.filter(|_| !watch.is_over()) {
        work.tell(Event::Problem(problem));
    }
}

/// Why there are no more runs.
enum Halt {
    /// Something is wrong, in words.
    Problem(String),
    /// A call failed that does not fail with a child that is ours and is held.
    Errno(Errno),
    /// Nobody wants any more.
    Over,
    /// The same has to be done once more, now that more is known of the program.
    Again,
}

impl From<Errno> for Halt {
    fn from(error: Errno) -> Self {
        Self::Errno(error)
    }
}

struct Work<'a> {
    source: &'a dyn Source,
    reader: Reader<'a>,
    found: &'a Found,
    watch: &'a Watch,
    events: &'a Sender<Event>,
    /// Of the program's words.
    bits: u32,
    /// Where its interpreter is stopped, after the first run that has one.
    hook: Option<Reading<Hook>>,
    /// The paths seen, each kept once.
    names: BTreeSet<Text>,
    /// Whether it was said what program it is.
    is_introduced: bool,
    /// Whether its interpreter distrusts the environment.
    is_secure: bool,
    /// Whether it was said that the interpreter stops late, or not at all.
    is_late: bool,
}

impl Work<'_> {
    fn tell(&self, event: Event) {
        // Where nobody listens nobody wants to know.
        let _ = self.events.send(event);
    }

    fn all(&mut self, runs: u32) -> Result<(), Halt> {
        let null = openat(CWD, "/dev/null", OFlags::RDWR | OFlags::CLOEXEC, Mode::empty());
        let null = null.map_err(|error| Halt::Problem(format!("/dev/null: {}", io::Error::from(error))))?;
        for number in 0..runs {
            if self.watch.is_over() {
                return Err(Halt::Over);
            }
            let run = if number == 0 { self.first(null.as_fd()) } else { self.one(null.as_fd(), null.as_fd()) }?;
            self.tell(Event::Run(Arc::new(run)));
        }
        Ok(())
    }

    /// The first run, in which the interpreter is listened to.
    fn first(&mut self, null: BorrowedFd<'_>) -> Result<Run, Halt> {
        let output = memfd_create("output", MemfdFlags::CLOEXEC)?;
        let run = self.one(null, output.as_fd());
        let said = said(&output);
        let missing = lines(&said).filter(|line| line.ends_with(b"not found"));
        match run {
            Ok(run) => {
                for line in missing {
                    let line = Text::from(line.trim_ascii());
                    self.tell(Event::Note(format!("{}: it would not start", line.printable())));
                }
                for note in &self.found.notes {
                    self.tell(Event::Note(note.clone()));
                }
                Ok(run)
            }
            Err(Halt::Problem(problem)) => {
                let last = lines(&said).last().map(|line| Text::from(line.trim_ascii()));
                Err(Halt::Problem(last.map_or(problem.clone(), |line| format!("{problem}: {}", line.printable()))))
            }
            Err(halt) => Err(halt),
        }
    }

    /// One run; the child is gone when this returns.
    fn one(&mut self, input: BorrowedFd<'_>, output: BorrowedFd<'_>) -> Result<Run, Halt> {
        let start = if self.is_secure { &self.found.plain } else { &self.found.start };
        let mut child = Tracee::start(start, input, output).map_err(|error| self.not_started(error))?;
        if !self.watch.begin(child.handle()?) {
            return Err(Halt::Over);
        }
        let run = self.look(&mut child);
        self.watch.finish();
        drop(child);
        if matches!(run, Err(Halt::Again)) { self.one(input, output) } else { run }
    }

    /// Hold the child where it is to be looked at, and look.
    fn look(&mut self, child: &mut Tracee) -> Result<Run, Halt> {
        self.until_exec(child)?;
        let task = Task::Process(child.pid());
        if !mem::replace(&mut self.is_introduced, true) {
            self.introduce(task);
        }
        let entries = self.reader.task(task, "auxv").and_then(|bytes| auxv::parse(bytes, self.bits));
        let entries = entries.map_err(|why| self.closed(why))?;
        let entry = |key| entries.iter().find(|(known, _)| *known == key).map(|(_, value)| *value);
        let interpreter = entry(auxv::BASE).filter(|base| *base != 0);
        if !self.is_secure && interpreter.is_some() && entry(auxv::SECURE) == Some(1) {
            self.is_secure = true;
            return Err(Halt::Again);
        }
        // What is not told is 0 there.
        let heap = self.reader.task(task, "stat").and_then(stat::start_brk).ok().filter(|heap| *heap != 0);
        let stopped_at = match interpreter {
            None => StoppedAt::Exec,
            Some(base) => self.until_mapped(child, base, entry(auxv::ENTRY).unwrap_or(0))?,
        };
        let mappings = self.mappings(task)?;
        Ok(Run { stopped_at, mappings, heap, interpreter, headers: entry(auxv::PHDR) })
    }

    fn until_exec(&self, child: &mut Tracee) -> Result<(), Halt> {
        loop {
            match child.wait()? {
                Stop::Exec => return Ok(()),
                Stop::Ended(ExitStatus::Code(code)) => {
                    let error = Errno::from_raw_os_error(code.into());
                    return Err(Halt::Problem(refusal(&self.found.name, error)));
                }
                Stop::Ended(status) => return Err(ended(status)),
                stop => child.resume(passed_on(stop))?,
            }
        }
    }

    /// Let the interpreter map the libraries, and hold it before it does anything with them.
    fn until_mapped(&mut self, child: &mut Tracee, base: u64, entry: u64) -> Result<StoppedAt, Halt> {
        if !trace::is_supported() {
            return Err(Halt::Problem(
                "a program with an interpreter cannot be stopped on this architecture".to_owned(),
            ));
        }
        let hook = self.hook(child.pid(), base);
        let at = hook.map(|hook| base.wrapping_add(hook.offset));
        let instruction = at.map(|at| child.set_breakpoint(at)).transpose()?;
        // Nothing of the program itself runs, whatever the interpreter is.
        child.set_breakpoint(entry)?;
        let (mut hits, mut signal) = (0, 0);
        loop {
            child.resume(signal)?;
            signal = 0;
            match child.wait()? {
                // It was told to end here (`command::MAP_ONLY`), with its memory as it is.
                Stop::Exit(ExitStatus::Code(0)) => return Ok(StoppedAt::Interpreter),
                Stop::Ended(status) => return Err(ended(status)),
                Stop::Trap => match child.hit()? {
                    hit if Some(hit) == at => {
                        hits += 1;
                        // The first hit of glibc's is before, its second after; musl's only one is after.
                        if hits > 1 || hook.is_some_and(|hook| hook.is_consistent(child, base)) {
                            if hits > 1 {
                                self.note_late();
                            }
                            return Ok(StoppedAt::Interpreter);
                        }
                        step_over(child, hit, instruction.unwrap_or(0))?;
                    }
                    hit if hit == entry => {
                        self.note_entry();
                        return Ok(StoppedAt::Entry);
                    }
                    _ => signal = passed_on(Stop::Signal(trace::TRAP)),
                },
                stop => signal = passed_on(stop),
            }
        }
    }

    /// The hook of the interpreter, looked for in its file once.
    fn hook(&mut self, pid: Pid, base: u64) -> Option<Hook> {
        if self.hook.is_none() {
            let mappings = self.mappings(Task::Process(pid)).unwrap_or_default();
            let mapping = mappings.iter().find(|mapping| mapping.range().contains(&base));
            let path = mapping.and_then(Mapping::object).and_then(|path| str::from_utf8(path).ok());
            let path = path.filter(|path| path.starts_with('/')).ok_or(Missing::Unsupported);
            self.hook = Some(path.and_then(|path| interpreter::hook(self.source, path, self.bits)));
        }
        self.hook.and_then(Result::ok)
    }

    /// Tell what program it is, which is known once it has been started.
    fn introduce(&mut self, task: Task) {
        let program = self.reader.task_link(task, "exe").map(|link| Text::from(&link[..]));
        let elf = program::elf_of(self.source, ProcPath::default().of(task, "exe"));
        let personality = self.reader.task(task, "personality").and_then(|text| hexadecimal(text.trim_ascii()));
        let personality = personality.and_then(|value| u32::try_from(value).map_err(|_| Missing::Malformed));
        if let Ok(Some(elf)) = &elf {
            self.bits = elf.bits;
        }
        if let Ok(program) = &program {
            let path = Path::new(OsStr::from_bytes(program));
            if fs::canonicalize(&self.found.path).is_ok_and(|asked| asked != path) {
                let (name, program) = (self.found.name.printable(), program.printable());
                self.tell(Event::Note(format!(
                    "{name} is a script, or of a format that has an interpreter: what runs is {program}"
                )));
            }
            if let Some(rights) = rights(path).filter(|_| !self.source.observer().ptrace) {
                self.tell(Event::Note(format!(
                    "{} {rights}: because it is traced, the kernel ran it without them",
                    program.printable()
                )));
            }
        }
        self.tell(Event::Begun(About { program, elf, personality }));
    }

    /// Say once what it means that the program's entry was reached.
    fn note_entry(&mut self) {
        if !mem::replace(&mut self.is_late, true) {
            let note = "the interpreter has no hook for debuggers: constructors of libraries have run";
            self.tell(Event::Note(note.to_owned()));
        }
    }

    /// The interpreter could not be told to end before it relocates: say once what that means.
    fn note_late(&mut self) {
        if !mem::replace(&mut self.is_late, true) {
            let note = "the interpreter stopped after it had relocated the libraries: functions that choose an \
                        implementation (IFUNC) may have run";
            self.tell(Event::Note(note.to_owned()));
        }
    }

    fn mappings(&mut self, task: Task) -> Result<Vec<Mapping>, Halt> {
        let mut mappings = self.reader.task(task, "maps").and_then(maps::parse).map_err(|why| self.closed(why))?;
        for mapping in &mut mappings {
            mapping.path = mapping.path.take().map(|path| kept(path, &mut self.names));
        }
        Ok(mappings)
    }

    /// Why the child cannot be looked into.
    fn closed(&self, why: Missing) -> Halt {
        let name = self.found.name.printable();
        Halt::Problem(match why {
            Missing::Denied => {
                format!("{name}: the kernel shows no memory of a program whose file this user may not read")
            }
            why => format!("{name}: its memory map cannot be read ({})", why.word()),
        })
    }

    fn not_started(&mut self, error: StartError) -> Halt {
        Halt::Problem(match error {
            StartError::Fork(error) => format!("no process can be started: {}", io::Error::from(error)),
            StartError::Trace(Errno::PERM | Errno::ACCESS | Errno::NOSYS) => {
                let scope: Reading<u32> = self.reader.file("sys/kernel/yama/ptrace_scope").and_then(single);
                match scope {
                    Ok(3) => "kernel.yama.ptrace_scope is 3: nobody may trace until the machine starts anew".to_owned(),
                    Ok(2) => "kernel.yama.ptrace_scope is 2: only root (CAP_SYS_PTRACE) may trace".to_owned(),
                    _ => "ptrace(2) is forbidden here, as a container's seccomp filter does".to_owned(),
                }
            }
            StartError::Trace(error) => format!("the child cannot be traced: {}", io::Error::from(error)),
        })
    }
}

/// What a stop hands on to the child: the signal that it stopped for, but for those that would stop it as a job.
fn passed_on(stop: Stop) -> i32 {
    match stop {
        Stop::Signal(signal) if !trace::STOPPING.contains(&signal) => signal,
        _ => 0,
    }
}

/// Carry out the instruction that a breakpoint took the place of, and put the breakpoint back.
fn step_over(child: &mut Tracee, at: u64, instruction: u64) -> Result<(), Halt> {
    child.set_word(at, instruction)?;
    child.go_on_at(at)?;
    child.step(0)?;
    loop {
        match child.wait()? {
            Stop::Trap => break,
            Stop::Ended(status) => return Err(ended(status)),
            // What comes first is dealt with first, and the step is taken after it.
            stop => child.step(passed_on(stop))?,
        }
    }
    child.set_breakpoint(at)?;
    Ok(())
}

fn ended(status: ExitStatus) -> Halt {
    Halt::Problem(match status {
        ExitStatus::Code(code) => format!("it ended with status {code} before its libraries were mapped"),
        ExitStatus::Signal { number, .. } => format!("signal {number} ended it before its libraries were mapped"),
    })
}

/// The rights that a file gives to whoever runs it.
fn rights(path: &Path) -> Option<&'static str> {
    let data = fs::metadata(path).ok()?;
    match data.mode() {
        mode if mode & 0o4000 != 0 => Some("has the rights of its owner (set-user-ID)"),
        mode if mode & 0o2010 == 0o2010 => Some("has the rights of its group (set-group-ID)"),
        _ => getxattr(path, "security.capability", &mut [0; 64]).is_ok().then_some("has capabilities"),
    }
}

/// What was written to a file in memory, as far as anybody would want to read it.
fn said(output: &OwnedFd) -> Vec<u8> {
    let mut bytes = vec![0; 64 * 1024];
    let length = pread(output, &mut bytes, 0).unwrap_or(0);
    bytes.truncate(length);
    bytes
}

/// The one of the names that is equal, which a new one becomes.
fn kept(name: Text, names: &mut BTreeSet<Text>) -> Text {
    let known = names.get(&name).cloned();
    known.unwrap_or_else(|| {
        names.insert(name.clone());
        name
    })
}
