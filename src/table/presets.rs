//! Sets of columns for one question each.

use super::columns::{self, Column};

/// A named set of columns.
#[derive(Clone, Copy, Debug)]
pub struct Preset {
    /// Name in commands, configuration and the chooser.
    pub name: &'static str,
    /// The question it answers.
    pub help: &'static str,
    /// Names of its columns, from left to right.
    pub names: &'static [&'static str],
}

impl Preset {
    /// Its columns.
    pub fn columns(&self) -> impl Iterator<Item = &'static Column> {
        self.names.iter().filter_map(|name| columns::find(name))
    }
}

/// The preset with this name.
#[must_use]
pub fn find(name: &str) -> Option<&'static Preset> {
    PRESETS.iter().find(|preset| preset.name == name)
}

/// All presets; the first is the default.
#[rustfmt::skip]
pub const PRESETS: &[Preset] = &[
    Preset {
        name: "default",
        help: "what runs, and what it costs",
        names: &[
            "pid", "user", "state", "cpu", "mem", "rss", "threads", "minor_fault_rate", "voluntary_switch_rate",
            "command",
        ],
    },
    Preset {
        name: "memory",
        help: "who has the memory, and of what kind",
        names: &[
            "pid", "user", "virt", "rss", "pss", "uss", "rss_anon", "rss_file", "rss_shmem", "swap", "rss_peak",
            "page_tables", "mem", "command",
        ],
    },
    Preset {
        name: "faults",
        help: "who touches new memory, and who waits for it",
        names: &[
            "pid", "user", "state", "cpu", "minor_fault_rate", "major_fault_rate", "minor_faults", "major_faults",
            "voluntary_switch_rate", "involuntary_switch_rate", "rss", "command",
        ],
    },
    Preset {
        name: "sched",
        help: "who gets a CPU, and who waits for one",
        names: &[
            "pid", "user", "state", "cpu", "policy", "nice", "rt_priority", "processor", "threads", "run_delay_share",
            "timeslice_mean", "involuntary_switch_rate", "migration_rate", "command",
        ],
    },
    Preset {
        name: "io",
        help: "who reads and writes, and what it waits for",
        names: &[
            "pid", "user", "state", "read_rate", "write_rate", "read_bytes", "write_bytes", "block_delay",
            "major_fault_rate", "wchan", "syscall", "command",
        ],
    },
    Preset {
        name: "jobs",
        help: "sessions, jobs and terminals, and who survives a hang-up",
        names: &[
            "pid", "ppid", "pgrp", "session", "tpgid", "tty", "user", "state", "state_age", "elapsed", "hangup",
            "command",
        ],
    },
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_of_a_preset_is_a_column_and_the_command_comes_last() {
        for (at, preset) in PRESETS.iter().enumerate() {
            assert!(PRESETS[..at].iter().all(|other| other.name != preset.name), "{} stands twice", preset.name);
            assert_eq!(preset.columns().count(), preset.names.len(), "{}", preset.name);
            for (at, name) in preset.names.iter().enumerate() {
                assert!(!preset.names[..at].contains(name), "{name} stands twice in {}", preset.name);
            }
            assert_eq!(preset.names.last(), Some(&"command"), "{}", preset.name);
            assert!(!preset.help.is_empty());
        }
        assert_eq!(PRESETS[0].name, "default");
    }
}
