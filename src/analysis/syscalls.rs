//! Names of system calls by number. The tables are those of the kernel's headers up to 6.19, one line a call.

use std::sync::LazyLock;

/// The number of a call and its name, rising.
type Table = Vec<(u64, &'static str)>;

static X86_64: LazyLock<Table> = LazyLock::new(|| parse(include_str!("syscalls/x86_64.txt")));
static AARCH64: LazyLock<Table> = LazyLock::new(|| parse(include_str!("syscalls/aarch64.txt")));

/// The name of a call of a 64-bit program on this architecture, as `uname -m` names it; `None` where this version does
/// not know the one or the other.
#[must_use]
pub fn name(architecture: &[u8], number: u64) -> Option<&'static str> {
    let table = match architecture {
        b"x86_64" => &*X86_64,
        b"aarch64" => &*AARCH64,
        _ => return None,
    };
    let at = table.binary_search_by_key(&number, |(number, _)| *number).ok()?;
    Some(table[at].1)
}

fn parse(text: &'static str) -> Table {
    text.lines().filter_map(|line| line.split_once(' ')).filter_map(|(n, name)| Some((n.parse().ok()?, name))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_are_whole_and_rising() {
        for (table, text) in
            [(&*X86_64, include_str!("syscalls/x86_64.txt")), (&*AARCH64, include_str!("syscalls/aarch64.txt"))]
        {
            assert_eq!(table.len(), text.lines().count());
            assert!(table.is_sorted_by(|a, b| a.0 < b.0));
        }
    }

    #[test]
    fn the_same_number_is_another_call_elsewhere() {
        assert_eq!(name(b"x86_64", 0), Some("read"));
        assert_eq!(name(b"aarch64", 63), Some("read"));
        assert_eq!(name(b"x86_64", 100_000), None);
        assert_eq!(name(b"riscv64", 63), None);
    }

    #[test]
    fn the_own_architectures_numbers_are_those_of_the_c_library() {
        let own = std::env::consts::ARCH.as_bytes();
        for (number, text) in [
            (libc::SYS_read, "read"),
            (libc::SYS_futex, "futex"),
            (libc::SYS_epoll_pwait, "epoll_pwait"),
            (libc::SYS_clock_nanosleep, "clock_nanosleep"),
            (libc::SYS_pselect6, "pselect6"),
            (libc::SYS_wait4, "wait4"),
            (libc::SYS_clone3, "clone3"),
        ] {
            let number = u64::try_from(number).expect("calls are not negative");
            assert_eq!(name(own, number), Some(text));
        }
    }
}
