//! `maps` and `smaps` (proc_pid_maps(5), proc_pid_smaps(5)): lines with addresses, and below each, in `smaps`, a paragraph of
//! figures. What a mapping is for is judged by `kind`, from all of them together.
//!
//! `smaps` of a large process is tens of megabytes, so it is parsed as it comes, piece by piece. Nearly all of it is lines
//! of 28 bytes in an order that is known: those are taken as numbers are, without a search for their end; any other line is
//! read as what it is. Texts that repeat are shared.

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
    let mut mappings = Vec::new();
    let mut names = Texts::default();
    for line in super::fields::lines(maps) {
        let mapping = mapping(line, &mut names)?;
        let settled = settled(&mut mappings, &mapping)?;
        mappings.truncate(settled);
        mappings.push(mapping);
    }
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
fn mapping(line: &[u8], names: &mut Texts) -> Reading<Mapping> {
    let (start, rest) = number(line, b'-')?;
    let (end, rest) = number(rest, b' ')?;
    let (letters, rest) = rest.split_first_chunk::<5>().ok_or(Missing::Malformed)?;
    let [letters @ .., b' '] = letters else { return Err(Missing::Malformed) };
    let permissions = Permissions::parse(letters).ok_or(Missing::Malformed)?;
    let (offset, rest) = number(rest, b' ')?;
    let (major, rest) = number(rest, b':')?;
    let (minor, rest) = number(rest, b' ')?;
    let part = |number| u32::try_from(number).map_err(|_| Missing::Malformed);
    let device = (part(major)?, part(minor)?);
    // Where there is no name some kernels leave the blanks before it away.
    let (inode, name) = rest.split_at(rest.iter().position(|byte| *byte == b' ').unwrap_or(rest.len()));
    let inode = digits(inode)?;
    if end <= start {
        return Err(Missing::Malformed);
    }
    // Padded with blanks to a column; a name does not begin with one.
    let name = name.trim_ascii_start();
    let path = (!name.is_empty()).then(|| names.shared(name));
    let deleted = inode != 0 && name.ends_with(DELETED);
    let file = FileId { device, inode };
    Ok(Mapping { start, end, permissions, offset, file, path, deleted, kind: Kind::Other, thread: None })
}

/// The hexadecimal number at the beginning, without `0x`, and what stands behind the byte that ends it.
fn number(text: &[u8], end: u8) -> Reading<(u64, &[u8])> {
    let mut number = 0;
    for (at, byte) in text.iter().take(17).enumerate() {
        let digit = match byte {
            b'0'..=b'9' => byte - b'0',
            b'a'..=b'f' => byte - b'a' + 10,
            byte if *byte == end && at > 0 => return Ok((number, text.get(at + 1..).unwrap_or_default())),
            _ => break,
        };
        // Sixteen digits fit, and the seventeenth place is that of the end.
        number = number << 4 | u64::from(digit);
    }
    Err(Missing::Malformed)
}

/// How many of the mappings read so far stand beside one more. The kernel tells a map piece by piece, and what was told
/// before may have grown, been split or merged when the next piece is made; of what overlaps the later word counts.
fn settled(mappings: &mut [Mapping], next: &Mapping) -> Reading<usize> {
    let mut count = mappings.len();
    if mappings.last().is_some_and(|last| next.end <= last.start) {
        return Err(Missing::Malformed);
    }
    while let Some(last) = count.checked_sub(1).and_then(|at| mappings.get_mut(at)).filter(|last| last.end > next.start)
    {
        if last.start < next.start {
            last.end = next.start;
            break;
        }
        count -= 1;
    }
    Ok(count)
}

/// Texts seen a moment ago, so that neighbours with the same name share it.
#[derive(Debug, Default)]
struct Texts {
    recent: Vec<Text>,
    next: usize,
}

impl Texts {
    const MOST: usize = 16;

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

/// A line of kB as all kernels write it: a key, a colon and blanks, together `LABEL` bytes; `WIDTH` bytes for the number,
/// at their end; `UNIT`.
const LABEL: usize = 16;
const WIDTH: usize = 8;
const UNIT: [u8; 4] = *b" kB\n";
const LINE: usize = LABEL + WIDTH + UNIT.len();

/// What a line of each key begins with.
#[expect(clippy::indexing_slicing, reason = "evaluated by the compiler")]
const LABELS: [[u8; LABEL]; COUNT] = {
    let mut labels = [[b' '; LABEL]; COUNT];
    let mut key = 0;
    while key < COUNT {
        let name = KEYS[key].0;
        let mut at = 0;
        while at < name.len() {
            labels[key][at] = name[at];
            at += 1;
        }
        labels[key][at] = b':';
        key += 1;
    }
    labels
};

/// The number of kB in a line that begins so; `None` where it is another line, or not exactly as it should be.
fn kib_in_line(line: &[u8; LINE], label: &[u8; LABEL]) -> Option<u64> {
    let (start, rest) = line.split_first_chunk::<LABEL>()?;
    let (number, unit) = rest.split_first_chunk::<WIDTH>()?;
    if start != label || *unit != UNIT {
        return None;
    }
    aligned(*number)
}

/// The number that stands at the end of eight bytes, with blanks before it. All eight digits are worked on at once: each
/// byte is a digit, the first one the lowest.
fn aligned(text: [u8; WIDTH]) -> Option<u64> {
    const EACH: u64 = 0x0101_0101_0101_0101;
    let bytes = u64::from_le_bytes(text);
    // This bit makes a blank the digit zero, and is what digits have and blanks have not.
    let are_digits = bytes & (EACH * 0x10);
    let filled = (bytes | (EACH * 0x10)) ^ (EACH * 0x30);
    let others = (are_digits ^ (EACH * 0x10)) >> 4;
    let is_number = (filled.wrapping_add(EACH * 0x76) | filled) & (EACH * 0x80) == 0 && filled & (others * 0xff) == 0;
    // No blank follows a digit, and the last is one.
    let is_aligned = (are_digits << 8) & !are_digits == 0 && are_digits >> 60 != 0;
    if !is_number || !is_aligned {
        return None;
    }
    // Neighbours are joined to numbers of two digits, these to four, and these to eight.
    let two = (filled * 10 + (filled >> 8)) & 0x00ff_00ff_00ff_00ff;
    let four = (two * 100 + (two >> 16)) & 0x0000_ffff_0000_ffff;
    Some((four * 10_000 + (four >> 32)) & 0xffff_ffff)
}

/// A line longer than this is none of the kernel's: paths end long before.
const LONGEST: usize = 1 << 20;

/// A parser of `smaps` that is fed piece by piece, wherever the pieces break.
#[derive(Debug, Default)]
pub struct Smaps {
    mappings: Vec<Mapping>,
    figures: Vec<Figures>,
    /// The beginning of a line whose end has not come yet.
    begun: Vec<u8>,
    names: Texts,
    words: Texts,
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
        if !self.begun.is_empty() {
            let end = memchr::memchr(b'\n', rest).map_or(rest.len(), |end| end + 1);
            let (line, after) = rest.split_at_checked(end).ok_or(Missing::Malformed)?;
            self.begun.extend_from_slice(line);
            let begun = std::mem::take(&mut self.begun);
            let Some(whole) = begun.strip_suffix(b"\n") else {
                self.begun = begun;
                return if self.begun.len() > LONGEST { Err(Missing::Malformed) } else { Ok(()) };
            };
            self.line(whole)?;
            rest = after;
        }
        loop {
            rest = self.regular(rest);
            let Some(end) = memchr::memchr(b'\n', rest) else { break };
            let (line, after) = rest.split_at_checked(end).ok_or(Missing::Malformed)?;
            self.line(line)?;
            rest = after.get(1..).unwrap_or_default();
        }
        self.begun.extend_from_slice(rest);
        Ok(())
    }

    /// Take in lines for as long as they are those that come next, in the shape that they have nearly always; what is
    /// left.
    fn regular<'a>(&mut self, mut rest: &'a [u8]) -> &'a [u8] {
        let Some(figures) = self.figures.last_mut() else { return rest };
        let expected = KEYS.iter().zip(&LABELS).skip(self.next);
        for ((_, key), label) in expected {
            let Some((line, after)) = rest.split_first_chunk::<LINE>() else { return rest };
            let Some(kib) = kib_in_line(line, label) else { return rest };
            let bytes = Bytes::from_kib(kib);
            match key {
                Key::Size => {}
                Key::PageSize => figures.page_size = bytes,
                Key::MmuPageSize => figures.mmu_page_size = bytes,
                Key::Amount(amount) => figures.set(*amount, bytes),
                Key::ThpEligible | Key::Protection | Key::Flags => return rest,
            }
            self.next += 1;
            rest = after;
        }
        rest
    }

    /// All mappings and their figures, a paragraph each.
    ///
    /// # Errors
    /// `Malformed` where it ended in the middle of a line.
    pub fn finish(mut self) -> Reading<(Vec<Mapping>, Vec<Figures>)> {
        if !self.begun.is_empty() {
            return Err(Missing::Malformed);
        }
        self.mappings.shrink_to_fit();
        self.figures.shrink_to_fit();
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
            None => self.begin(line),
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

    /// The first line of a paragraph.
    fn begin(&mut self, line: &[u8]) -> Reading<()> {
        let mapping = mapping(line, &mut self.names)?;
        let settled = settled(&mut self.mappings, &mapping)?;
        self.mappings.truncate(settled);
        self.figures.truncate(settled);
        self.mappings.push(mapping);
        self.figures.push(Figures::default());
        self.next = 0;
        Ok(())
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
            Key::Flags => figures.flags = self.words.shared(value.trim_ascii()),
        }
        Ok(())
    }

    fn unknown(&mut self, name: &[u8], value: &[u8]) -> Reading<()> {
        let figures = self.figures.last_mut().ok_or(Missing::Malformed)?;
        let value = value.trim_ascii();
        let value = kib(value).map_or_else(|_| Unknown::Text(Text::from(value)), Unknown::Bytes);
        figures.other.get_or_insert_default().push((self.words.shared(name), value));
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

/// A thread, and where its stack pointer is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stack {
    /// The thread.
    pub tid: Pid,
    /// The address.
    pub pointer: u64,
    /// Whether it is the leading thread of the process, whose stack the kernel names.
    pub leads: bool,
}

#[cfg(test)]
mod tests {
    use super::{super::fields, *};
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
            b"1000-2000 r--p 0 0:0 0\nRss:              1 2 kB\n",
            b"00000000000001000-2000 r--p 0 0:0 0\n",
            b"-2000 r--p 0 0:0 0\n",
            b"1000-2000 r--p 0 0:0 0\n0000-1000 r--p 0 0:0 0\n",
        ] {
            assert_eq!(parsed(bad, 7), Err(Missing::Malformed), "{}", String::from_utf8_lossy(bad));
        }
        assert_eq!(parsed(b"", 1), Ok((Vec::new(), Vec::new())));
    }

    #[test]
    fn a_line_without_an_end_is_given_up() {
        let mut parser = Smaps::default();
        let piece = vec![0; 64 * 1024];
        let endless = (0..).map(|_| parser.feed(&piece)).take(100).find(Result::is_err);
        assert_eq!(endless, Some(Err(Missing::Malformed)));
    }

    #[test]
    fn of_what_changed_while_it_was_told_the_later_word_counts() {
        let ranges = |text: &[u8]| -> Vec<(u64, u64)> {
            let (mappings, figures) = parsed(text, 5).expect("it is a map");
            assert_eq!(mappings.len(), figures.len());
            let alone: Vec<_> = mappings.iter().map(|mapping| (mapping.start, mapping.end)).collect();
            let addresses: Vec<u8> = fields::lines(text)
                .filter(|line| !line.starts_with(b"R"))
                .flat_map(|line| [line, b"\n"].concat())
                .collect();
            let same: Vec<_> =
                parse(&addresses).expect("it is a map").iter().map(|mapping| (mapping.start, mapping.end)).collect();
            assert_eq!(alone, same);
            alone
        };
        // The second one grew to its end, over a neighbour or two; or downwards, over what had been told.
        let grown = b"1000-2000 r--p 0 0:0 0\n2000-3000 r--p 0 0:0 0\nRss: 4 kB\n2000-5000 r--p 0 0:0 0\nRss: 8 kB\n";
        assert_eq!(ranges(grown), [(0x1000, 0x2000), (0x2000, 0x5000)]);
        let downwards = b"1000-2000 r--p 0 0:0 0\n2000-3000 r--p 0 0:0 0\n1800-5000 r--p 0 0:0 0\n";
        assert_eq!(ranges(downwards), [(0x1000, 0x1800), (0x1800, 0x5000)]);
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
        fn numbers_at_the_end_of_eight_bytes_are_read_as_such(number in 0u64..100_000_000, width in 0usize..9) {
            let text = format!("{number:8}");
            prop_assert_eq!(aligned(text.as_bytes().try_into().expect("eight bytes")), Some(number));
            let zeros = format!("{:>8}", format!("{:0width$}", number % 10u64.pow(u32::try_from(width).expect("small"))));
            prop_assert_eq!(aligned(zeros.as_bytes().try_into().expect("eight bytes")), zeros.trim().parse().ok());
        }

        #[test]
        fn other_eight_bytes_are_no_number(text in any::<[u8; 8]>(), at in 0usize..8, byte in any::<u8>()) {
            let naive = |text: [u8; 8]| {
                let digits: Vec<u8> = text.iter().copied().skip_while(|byte| *byte == b' ').collect();
                fields::digits(&digits).ok()
            };
            prop_assert_eq!(aligned(text), naive(text));
            let mut nearly = *b"    1234";
            nearly[at] = byte;
            prop_assert_eq!(aligned(nearly), naive(nearly));
        }

        #[test]
        fn regular_lines_are_read_as_any_others_are(values in proptest::collection::vec(0u64..1_000_000_000_000, 25), left_out in 0usize..25) {
            let line = |(at, (name, _)): (usize, &(&[u8], Key))| {
                let label = format!("{}:", String::from_utf8_lossy(name));
                let value = values[at] % 10u64.pow(u32::try_from(at / 2).expect("small"));
                // A blank stands even behind the longest.
                let width = 23 - label.len().max(15);
                (format!("{label:15} {value:width$} kB\n"), format!("{label} {value} kB\n"))
            };
            let amounts = KEYS[..COUNT - TAIL.len()].iter().enumerate().filter(|(at, _)| *at != left_out).map(line);
            let head = "1000-2000 r--p 0 0:0 0 \n".to_owned();
            let (regular, irregular) = amounts.fold((head.clone(), head), |(a, b), (c, d)| (a + &c, b + &d));
            prop_assert_eq!(parsed(regular.as_bytes(), 1 << 20), parsed(irregular.as_bytes(), 13));
        }

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
