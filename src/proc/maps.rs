//! `maps` and `smaps` (proc_pid_maps(5), proc_pid_smaps(5)): lines with addresses, and below each, in `smaps`, a paragraph of
//! figures. What a mapping is for is judged by `kind`, from all of them together.
//!
//! `smaps` of a large process is tens of megabytes, so it is parsed as it comes, piece by piece: each line is first held
//! against the key that the kernel writes next, and texts that repeat are shared.

pub mod kind;

use super::fields::{digits, hexadecimal};
use crate::{
    snapshot::{
        Missing, Reading,
        map::{Amount, DELETED, Figures, FileId, Kind, Mapping, Permissions, Unknown},
    },
    text::Text,
    unit::{Bytes, Pid},
};

/// The mappings of a whole `maps`, with their kinds as far as they are told without the threads.
///
/// # Errors
/// `Malformed` where a line is none of `maps`.
pub fn parse(maps: &[u8]) -> Reading<Vec<Mapping>> {
    let mut texts = Texts::default();
    let lines = super::fields::lines(maps).filter(|line| !line.is_empty());
    let mut mappings = lines.map(|line| mapping(line, &mut texts)).collect::<Reading<Vec<_>>>()?;
    kind::classify(&mut mappings, None, &[]);
    Ok(mappings)
}

/// The figures of a whole `smaps_rollup`.
///
/// # Errors
/// `Malformed` where it is none.
pub fn rollup(bytes: &[u8]) -> Reading<Figures> {
    let mut parser = Smaps::default();
    parser.feed(bytes)?;
    let (_, figures) = parser.finish()?;
    figures.into_iter().next().ok_or(Missing::Malformed)
}

/// A line of `maps`: `start-end perm offset dev inode path`.
fn mapping(line: &[u8], texts: &mut Texts) -> Reading<Mapping> {
    let mut fields = line.splitn(6, |byte| *byte == b' ');
    let mut next = || fields.next().ok_or(Missing::Malformed);
    let (start, end) = pair(next()?, b'-')?;
    let permissions = Permissions::parse(next()?).ok_or(Missing::Malformed)?;
    let offset = bare_hexadecimal(next()?)?;
    let (major, minor) = pair(next()?, b':')?;
    let part = |number| u32::try_from(number).map_err(|_| Missing::Malformed);
    let device = (part(major)?, part(minor)?);
    let inode = digits(next()?)?;
    if end <= start {
        return Err(Missing::Malformed);
    }
    // Padded with blanks to a column; a name does not begin with one, for it begins with a slash or a bracket.
    let name = fields.next().unwrap_or_default().trim_ascii_start();
    let path = (!name.is_empty()).then(|| texts.shared(name));
    let deleted = name.ends_with(DELETED) && inode != 0;
    let file = FileId { device, inode };
    Ok(Mapping { start, end, permissions, offset, file, path, deleted, kind: Kind::Other, thread: None })
}

fn pair(field: &[u8], between: u8) -> Reading<(u64, u64)> {
    let at = field.iter().position(|byte| *byte == between).ok_or(Missing::Malformed)?;
    let (low, high) = field.split_at_checked(at).ok_or(Missing::Malformed)?;
    Ok((bare_hexadecimal(low)?, bare_hexadecimal(high.get(1..).unwrap_or_default())?))
}

/// Hexadecimal digits without `0x`.
fn bare_hexadecimal(field: &[u8]) -> Reading<u64> {
    if field.is_empty() || field.len() > 16 {
        return Err(Missing::Malformed);
    }
    field.iter().try_fold(0u64, |number, byte| {
        let digit = char::from(*byte).to_digit(16).filter(|_| !byte.is_ascii_uppercase()).ok_or(Missing::Malformed)?;
        Ok(number << 4 | u64::from(digit))
    })
}

/// Texts seen a moment ago, so that neighbours with the same name share it.
#[derive(Debug, Default)]
struct Texts {
    recent: Vec<Text>,
    next: usize,
}

impl Texts {
    const MOST: usize = 32;

    fn shared(&mut self, bytes: &[u8]) -> Text {
        if let Some(text) = self.recent.iter().rev().find(|text| ***text == *bytes) {
            return text.clone();
        }
        let text = Text::from(bytes);
        if self.recent.len() < Self::MOST {
            self.recent.push(text.clone());
        } else if let Some(oldest) = self.recent.get_mut(self.next) {
            *oldest = text.clone();
            self.next = (self.next + 1) % Self::MOST;
        }
        text
    }
}

/// What a line of a paragraph is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Key {
    Size,
    PageSize,
    MmuPageSize,
    Amount(Amount),
    ThpEligible,
    Protection,
    Flags,
}

/// The keys in the order in which the kernel writes them; the amounts stand between the two.
const HEAD: [(&[u8], Key); 3] =
    [(b"Size", Key::Size), (b"KernelPageSize", Key::PageSize), (b"MMUPageSize", Key::MmuPageSize)];
const TAIL: [(&[u8], Key); 3] =
    [(b"THPeligible", Key::ThpEligible), (b"ProtectionKey", Key::Protection), (b"VmFlags", Key::Flags)];

const COUNT: usize = HEAD.len() + Amount::ALL.len() + TAIL.len();

#[expect(clippy::indexing_slicing, reason = "evaluated by the compiler")]
const KEYS: [(&[u8], Key); COUNT] = {
    let mut keys: [(&[u8], Key); COUNT] = [HEAD[0]; COUNT];
    let mut at = 0;
    while at < COUNT {
        keys[at] = match at {
            at if at < HEAD.len() => HEAD[at],
            at if at < HEAD.len() + Amount::ALL.len() => {
                let (amount, key, _) = Amount::ALL[at - HEAD.len()];
                (key, Key::Amount(amount))
            }
            at => TAIL[at - HEAD.len() - Amount::ALL.len()],
        };
        at += 1;
    }
    keys
};

/// A parser of `smaps` that is fed piece by piece, wherever the pieces break.
#[derive(Debug, Default)]
pub struct Smaps {
    mappings: Vec<Mapping>,
    figures: Vec<Figures>,
    /// The beginning of a line whose end has not come yet.
    begun: Vec<u8>,
    texts: Texts,
    /// The place in `KEYS` of the key that comes next, if it is as in most kernels.
    next: usize,
}

impl Smaps {
    /// Take in a piece.
    ///
    /// # Errors
    /// `Malformed` where it is not what the kernel documents.
    pub fn feed(&mut self, piece: &[u8]) -> Reading<()> {
        let mut rest = piece;
        while let Some(end) = memchr::memchr(b'\n', rest) {
            let (line, after) = rest.split_at_checked(end).ok_or(Missing::Malformed)?;
            if self.begun.is_empty() {
                self.line(line)?;
            } else {
                let mut whole = std::mem::take(&mut self.begun);
                whole.extend_from_slice(line);
                self.line(&whole)?;
                whole.clear();
                self.begun = whole;
            }
            rest = after.get(1..).unwrap_or_default();
        }
        self.begun.extend_from_slice(rest);
        Ok(())
    }

    /// All mappings and their figures, a paragraph each.
    ///
    /// # Errors
    /// `Malformed` where it ended in the middle of a line.
    pub fn finish(self) -> Reading<(Vec<Mapping>, Vec<Figures>)> {
        if !self.begun.is_empty() || self.mappings.len() != self.figures.len() {
            return Err(Missing::Malformed);
        }
        Ok((self.mappings, self.figures))
    }

    fn line(&mut self, line: &[u8]) -> Reading<()> {
        if let Some((name, key)) = KEYS.get(self.next)
            && let Some(value) = line.strip_prefix(*name).and_then(|rest| rest.strip_prefix(b":"))
        {
            self.next += 1;
            return self.value(*key, value);
        }
        // A path can hold anything, but what stands before it cannot; and no key is a range of addresses.
        let word = line.split(|byte| *byte == b' ').next().unwrap_or_default();
        match word.strip_suffix(b":") {
            _ if line.is_empty() => Ok(()),
            None => {
                self.mappings.push(mapping(line, &mut self.texts)?);
                self.figures.push(Figures::default());
                self.next = 0;
                Ok(())
            }
            Some(name) => {
                let value = line.get(word.len()..).unwrap_or_default();
                match KEYS.iter().position(|(other, _)| *other == name) {
                    Some(at) => {
                        self.next = at + 1;
                        KEYS.get(at).map_or(Ok(()), |(_, key)| self.value(*key, value))
                    }
                    None => self.unknown(name, value),
                }
            }
        }
    }

    fn value(&mut self, key: Key, value: &[u8]) -> Reading<()> {
        let figures = self.figures.last_mut().ok_or(Missing::Malformed)?;
        match key {
            Key::Size => drop(kib(value)?),
            Key::PageSize => figures.page_size = kib(value)?,
            Key::MmuPageSize => figures.mmu_page_size = kib(value)?,
            Key::Amount(amount) => figures.set(amount, kib(value)?),
            Key::ThpEligible => figures.thp_eligible = Some(digits(value.trim_ascii())? != 0),
            Key::Protection => {
                let key = u32::try_from(digits(value.trim_ascii())?).map_err(|_| Missing::Malformed)?;
                figures.protection_key = Some(key);
            }
            Key::Flags => figures.flags = self.texts.shared(value.trim_ascii()),
        }
        Ok(())
    }

    fn unknown(&mut self, name: &[u8], value: &[u8]) -> Reading<()> {
        let figures = self.figures.last_mut().ok_or(Missing::Malformed)?;
        let value = value.trim_ascii();
        let value = kib(value).map_or_else(|_| Unknown::Text(Text::from(value)), Unknown::Bytes);
        figures.other.get_or_insert_default().push((self.texts.shared(name), value));
        Ok(())
    }
}

/// `   132 kB`.
fn kib(value: &[u8]) -> Reading<Bytes> {
    let start = value.iter().position(|byte| *byte != b' ').ok_or(Missing::Malformed)?;
    let number = value.get(start..).and_then(|rest| rest.strip_suffix(b" kB")).ok_or(Missing::Malformed)?;
    digits(number).map(Bytes::from_kib)
}

/// The stack pointer in `syscall`, of a task that sleeps: in a system call or not.
#[must_use]
pub fn stack_pointer(syscall: &[u8]) -> Option<u64> {
    let words: Vec<&[u8]> = super::fields::words(syscall).collect();
    let at = words.len().checked_sub(2).filter(|at| *at > 0)?;
    hexadecimal(words.get(at)?).ok().filter(|pointer| *pointer != 0)
}

/// Threads and where their stack pointers are.
pub type Stacks = [(Pid, u64)];

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const SMAPS: &[u8] = b"559f7b2d6000-559f7b2f7000 rw-p 00000000 00:00 0                          [heap]
Size:                132 kB
KernelPageSize:        4 kB
MMUPageSize:           4 kB
Rss:                  12 kB
Pss:                   7 kB
Shared_Clean:          0 kB
Wonder:               16 kB
Colour:         blue green
THPeligible:    0
ProtectionKey:         3
VmFlags: rd wr mr mw me ac sd 
7f0000000000-7f0000001000 r--p 00002000 fe:00 4711                       /tmp/a b\\012Rss:   1 kB (deleted)
Size:                  4 kB
Rss:                   4 kB
VmFlags: rd mr mw me 
ffffffffff600000-ffffffffff601000 --xp 00000000 00:00 0                  [vsyscall]
Size:                  4 kB
Rss:                   0 kB
VmFlags: ex 
";

    fn parsed(bytes: &[u8], piece: usize) -> Reading<(Vec<Mapping>, Vec<Figures>)> {
        let mut parser = Smaps::default();
        for piece in bytes.chunks(piece.max(1)) {
            parser.feed(piece)?;
        }
        parser.finish()
    }

    #[test]
    fn paragraphs_are_read_wherever_they_break() {
        let (mappings, figures) = parsed(SMAPS, SMAPS.len()).expect("it is as the kernel writes it");
        for piece in 1..80 {
            assert_eq!(parsed(SMAPS, piece), Ok((mappings.clone(), figures.clone())), "{piece}");
        }
        let heap = &figures[0];
        assert_eq!(heap.get(Amount::Pss), Some(Bytes::from_kib(7)));
        assert_eq!((heap.get(Amount::PssDirty), heap.get(Amount::Swap)), (None, None));
        assert_eq!((heap.thp_eligible, heap.protection_key), (Some(false), Some(3)));
        assert_eq!(heap.flags().collect::<Vec<_>>(), [b"rd", b"wr", b"mr", b"mw", b"me", b"ac", b"sd"]);
        let other = heap.other.as_deref().expect("there are two lines of another kernel");
        assert_eq!(other[0], (Text::from("Wonder"), Unknown::Bytes(Bytes(16384))));
        assert_eq!(other[1], (Text::from("Colour"), Unknown::Text(Text::from("blue green"))));
        let file = &mappings[1];
        assert_eq!(file.path.as_deref(), Some(&b"/tmp/a b\\012Rss:   1 kB (deleted)"[..]));
        assert_eq!((file.deleted, file.offset), (true, 0x2000));
        assert_eq!(file.file, FileId { device: (0xfe, 0), inode: 4711 });
        assert_eq!(mappings[2].start, 0xffff_ffff_ff60_0000);
    }

    #[test]
    fn what_is_no_map_is_refused() {
        for bad in [
            &b"Rss: 4 kB\n"[..],
            b"1000-2000 r--p 0 0:0 0\nRss: four kB\n",
            b"2000-1000 r--p 0 0:0 0\n",
            b"1000-2000 rw-x 0 0:0 0\n",
            b"1000-2000 r--p 0 0:0\n",
            b"1000-2000 r--p 0 0:0 0",
            b"hello world\n",
        ] {
            assert_eq!(parsed(bad, 7), Err(Missing::Malformed), "{}", String::from_utf8_lossy(bad));
        }
        assert_eq!(parsed(b"", 1), Ok((Vec::new(), Vec::new())));
    }

    #[test]
    fn the_stack_pointer_is_the_last_but_one() {
        assert_eq!(stack_pointer(b"202 0x1 0x2 0x3 0x4 0x5 0x6 0x7ffd10 0x7f20\n"), Some(0x007f_fd10));
        assert_eq!(stack_pointer(b"-1 0x7ffd10 0x7f20\n"), Some(0x007f_fd10));
        assert_eq!(stack_pointer(b"running\n"), None);
        assert_eq!(stack_pointer(b""), None);
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..300), cut in 0usize..600, piece in 1usize..50) {
            let _ = (parsed(&bytes, piece), parse(&bytes), rollup(&bytes), stack_pointer(&bytes));
            let mut damaged = SMAPS.to_vec();
            damaged.truncate(cut);
            damaged.extend_from_slice(&bytes);
            prop_assert_eq!(parsed(&damaged, piece), parsed(&damaged, damaged.len()));
        }

        #[test]
        fn any_name_is_kept(name in "/[^\n]{0,60}") {
            let line = format!("1000-2000 r--p 00000000 08:01 7                          {name}\n");
            let read = parse(line.as_bytes()).expect("it is a mapping");
            let path = read[0].path.as_deref().expect("it has a name");
            prop_assert_eq!(path, name.as_bytes());
        }
    }
}
