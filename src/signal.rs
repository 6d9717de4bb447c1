//! Signals by number and name (signal(7)), for Linux on x86-64, ARM and RISC-V.

use std::fmt;

/// A signal number, 1 to 64.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Signal(u8);

/// Names of signals 1 to 31 and what they do to a process that does not handle them.
pub const NAMED: [(&str, &str); 31] = [
    ("HUP", "terminal gone; many daemons read their configuration again"),
    ("INT", "interrupt, as Ctrl-C"),
    ("QUIT", "quit with a core dump, as Ctrl-\\"),
    ("ILL", "illegal instruction; ends it with a core dump"),
    ("TRAP", "breakpoint; ends it with a core dump"),
    ("ABRT", "abort; ends it with a core dump"),
    ("BUS", "bad memory access; ends it with a core dump"),
    ("FPE", "arithmetic error; ends it with a core dump"),
    ("KILL", "ends it at once; cannot be caught"),
    ("USR1", "the program's own; ends it if unhandled"),
    ("SEGV", "bad memory access; ends it with a core dump"),
    ("USR2", "the program's own; ends it if unhandled"),
    ("PIPE", "nobody reads; ends it"),
    ("ALRM", "timer; ends it"),
    ("TERM", "asks it to end"),
    ("STKFLT", "unused; ends it"),
    ("CHLD", "a child ended; ignored if unhandled"),
    ("CONT", "continues it if stopped"),
    ("STOP", "stops it; cannot be caught"),
    ("TSTP", "stop, as Ctrl-Z"),
    ("TTIN", "background read from the terminal; stops it"),
    ("TTOU", "background write to the terminal; stops it"),
    ("URG", "urgent data; ignored if unhandled"),
    ("XCPU", "CPU time limit; ends it with a core dump"),
    ("XFSZ", "file size limit; ends it with a core dump"),
    ("VTALRM", "virtual timer; ends it"),
    ("PROF", "profiling timer; ends it"),
    ("WINCH", "window size changed; ignored if unhandled"),
    ("IO", "I/O possible; ends it"),
    ("PWR", "power failure; ends it"),
    ("SYS", "bad system call; ends it with a core dump"),
];

/// The C library's first real-time signal; 32 and 33 it keeps for itself.
const RTMIN: u8 = 34;
const LAST: u8 = 64;

impl Signal {
    /// SIGTERM.
    pub const TERM: Self = Self(15);

    /// The signal with this number.
    #[must_use]
    pub fn new(number: u8) -> Option<Self> {
        (1..=LAST).contains(&number).then_some(Self(number))
    }

    /// A number, a name with or without `SIG`, or `RTMIN+n`; case does not matter.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.trim().to_ascii_uppercase();
        if let Ok(number) = text.parse() {
            return Self::new(number);
        }
        let name = text.strip_prefix("SIG").unwrap_or(&text);
        if let Some(offset) = name.strip_prefix("RTMIN") {
            let offset = if offset.is_empty() { 0 } else { offset.strip_prefix('+')?.parse().ok()? };
            return Self::new(RTMIN.checked_add(offset)?);
        }
        Self::all().find(|signal| signal.to_string().strip_prefix("SIG") == Some(name))
    }

    /// Every signal, in order of number.
    pub fn all() -> impl Iterator<Item = Self> {
        (1..=LAST).map(Self)
    }

    /// Its number.
    #[must_use]
    pub fn number(self) -> u8 {
        self.0
    }

    /// What it does.
    #[must_use]
    pub fn meaning(self) -> &'static str {
        NAMED.get(usize::from(self.0) - 1).map_or("real-time; ends it if unhandled", |(_, meaning)| meaning)
    }
}

impl fmt::Display for Signal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (NAMED.get(usize::from(self.0).wrapping_sub(1)), self.0) {
            (Some((name, _)), _) => write!(f, "SIG{name}"),
            (None, RTMIN) => f.write_str("SIGRTMIN"),
            (None, number) if number > RTMIN => write!(f, "SIGRTMIN+{}", number - RTMIN),
            (None, number) => write!(f, "signal {number}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_numbers_lead_to_the_same_signal() {
        for signal in Signal::all() {
            assert_eq!(Signal::parse(&signal.number().to_string()), Some(signal));
            if signal.number() < 32 || signal.number() >= RTMIN {
                assert_eq!(Signal::parse(&signal.to_string()), Some(signal), "{signal}");
            }
        }
        assert_eq!(Signal::parse("kill"), Signal::new(9));
        assert_eq!(Signal::parse("rtmin+3"), Signal::new(37));
        for text in ["0", "65", "", "SIGNOPE", "RTMIN+31", "-9"] {
            assert_eq!(Signal::parse(text), None, "{text}");
        }
    }
}
