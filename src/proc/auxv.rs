//! `/proc/PID/auxv`: what the kernel told a program at its start (getauxval(3)), in words of the program's own size.

use crate::snapshot::{Missing, Reading};

/// `AT_PHDR`: where the program headers of the executable lie.
pub const PHDR: u64 = 3;
/// `AT_BASE`: where the interpreter was loaded.
pub const BASE: u64 = 7;
/// `AT_ENTRY`: where the executable begins to run.
pub const ENTRY: u64 = 9;
/// `AT_SECURE`: whether the interpreter is to distrust the environment, as for a program with more rights.
pub const SECURE: u64 = 23;
/// `AT_RANDOM`: where 16 random bytes lie.
pub const RANDOM: u64 = 25;
/// `AT_EXECFN`: where the path given to execve(2) lies.
pub const EXECFN: u64 = 31;
/// `AT_SYSINFO_EHDR`: where the vdso lies.
pub const SYSINFO_EHDR: u64 = 33;

/// The entries that are addresses drawn at exec.
pub const DRAWN: [u64; 6] = [BASE, PHDR, SYSINFO_EHDR, ENTRY, EXECFN, RANDOM];

/// All entries before the one that ends the vector, of a program whose words have this many bits.
///
/// # Errors
/// `Malformed` where the vector does not end; `Gone` where there is none, as of a process that has ended.
pub fn parse(bytes: &[u8], bits: u32) -> Reading<Vec<(u64, u64)>> {
    let word = if bits == 32 { 4 } else { 8 };
    let mut entries = Vec::new();
    for pair in bytes.chunks_exact(2 * word) {
        let (key, value) = pair.split_at_checked(word).ok_or(Missing::Malformed)?;
        match (number(key)?, number(value)?) {
            (0, _) => return Ok(entries),
            entry => entries.push(entry),
        }
    }
    Err(if bytes.is_empty() { Missing::Gone } else { Missing::Malformed })
}

/// A word in the machine's order of bytes.
fn number(bytes: &[u8]) -> Reading<u64> {
    if let Ok(bytes) = bytes.try_into() {
        return Ok(u64::from_ne_bytes(bytes));
    }
    bytes.try_into().map(u32::from_ne_bytes).map(u64::from).map_err(|_| Missing::Malformed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_are_words_of_the_programs_size() {
        let wide: Vec<u8> =
            [RANDOM, 0x7fff_1234_5678, BASE, 0, 0, 0, 99, 99].into_iter().flat_map(u64::to_ne_bytes).collect();
        assert_eq!(parse(&wide, 64), Ok(vec![(RANDOM, 0x7fff_1234_5678), (BASE, 0)]));
        let narrow: Vec<u8> = [3u32, 0x0804_8034, 0, 0].into_iter().flat_map(u32::to_ne_bytes).collect();
        assert_eq!(parse(&narrow, 32), Ok(vec![(PHDR, 0x0804_8034)]));
    }

    #[test]
    fn a_vector_without_an_end_is_malformed_and_no_vector_is_gone() {
        let bytes: Vec<u8> = [PHDR, 1].into_iter().flat_map(u64::to_ne_bytes).collect();
        assert_eq!(parse(&bytes, 64), Err(Missing::Malformed));
        assert_eq!(parse(&bytes[..9], 64), Err(Missing::Malformed));
        assert_eq!(parse(b"", 64), Err(Missing::Gone));
    }
}
