//! Files that gzip(1) packed (RFC 1951 and 1952), for `/proc/config.gz`: small, whole and in memory. Nothing is packed
//! here, and nothing large is unpacked: one bit after the other is simple, and fast enough for a quarter of a megabyte.

use crate::snapshot::{Missing, Reading};

/// What a packed file holds, of which there may be at most `most` bytes.
///
/// # Errors
/// `Malformed` where it was not packed by gzip, is cut, damaged, or holds more.
pub fn unpack(packed: &[u8], most: usize) -> Reading<Vec<u8>> {
    let (contents, trailer) = packed.split_at_checked(packed.len().saturating_sub(8)).ok_or(Missing::Malformed)?;
    let mut into = Unpacked { bytes: Vec::new(), most };
    let mut bits = Bits { bytes: after_header(contents)?, at: 0 };
    while !block(&mut bits, &mut into)? {}
    let (sum, length) = trailer.split_at_checked(4).ok_or(Missing::Malformed)?;
    let number = |bytes: &[u8]| bytes.try_into().map(u32::from_le_bytes).map_err(|_| Missing::Malformed);
    let is_whole = u32::try_from(into.bytes.len()) == Ok(number(length)?) && checksum(&into.bytes) == number(sum)?;
    if is_whole { Ok(into.bytes) } else { Err(Missing::Malformed) }
}

/// Bits of the fourth byte that say what follows the header's ten bytes.
const HEADER_SUM: u8 = 1 << 1;
const EXTRA: u8 = 1 << 2;
const NAME: u8 = 1 << 3;
const COMMENT: u8 = 1 << 4;

fn after_header(packed: &[u8]) -> Reading<&[u8]> {
    let (head, mut rest) = packed.split_at_checked(10).ok_or(Missing::Malformed)?;
    let [0x1f, 0x8b, 8, flags, ..] = *head else { return Err(Missing::Malformed) };
    if flags & EXTRA != 0 {
        let length = rest.first_chunk().map(|length| u16::from_le_bytes(*length)).ok_or(Missing::Malformed)?;
        rest = rest.get(2 + usize::from(length)..).ok_or(Missing::Malformed)?;
    }
    for text in [NAME, COMMENT] {
        if flags & text != 0 {
            let end = rest.iter().position(|byte| *byte == 0).ok_or(Missing::Malformed)?;
            rest = rest.get(end + 1..).ok_or(Missing::Malformed)?;
        }
    }
    rest.get(if flags & HEADER_SUM == 0 { 0 } else { 2 }..).ok_or(Missing::Malformed)
}

/// CRC-32 as gzip uses it.
fn checksum(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(!0, |sum, byte| {
        (0..8).fold(sum ^ u32::from(*byte), |sum, _| if sum & 1 == 0 { sum >> 1 } else { sum >> 1 ^ 0xedb8_8320 })
    })
}

/// Bits from the lowest of each byte to the highest.
struct Bits<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl Bits<'_> {
    fn one(&mut self) -> Reading<usize> {
        let byte = self.bytes.get(self.at / 8).ok_or(Missing::Malformed)?;
        let bit = byte >> (self.at % 8) & 1;
        self.at += 1;
        Ok(bit.into())
    }

    /// A number of so many bits.
    fn take(&mut self, count: usize) -> Reading<usize> {
        (0..count).try_fold(0, |number, at| Ok(number | self.one()? << at))
    }

    /// So many whole bytes, from the next whole one on.
    fn bytes(&mut self, count: usize) -> Reading<&[u8]> {
        let from = self.at.div_ceil(8);
        self.at = (from + count) * 8;
        self.bytes.get(from..from + count).ok_or(Missing::Malformed)
    }
}

struct Unpacked {
    bytes: Vec<u8>,
    most: usize,
}

impl Unpacked {
    fn push(&mut self, bytes: &[u8]) -> Reading<()> {
        if self.bytes.len() + bytes.len() > self.most {
            return Err(Missing::Malformed);
        }
        self.bytes.extend_from_slice(bytes);
        Ok(())
    }

    /// Once more what was there `distance` bytes before; it may reach into itself.
    fn repeat(&mut self, distance: usize, length: usize) -> Reading<()> {
        let from = self.bytes.len().checked_sub(distance).ok_or(Missing::Malformed)?;
        (from..from + length).try_for_each(|at| {
            let byte = *self.bytes.get(at).ok_or(Missing::Malformed)?;
            self.push(&[byte])
        })
    }
}

/// One block; whether it was the last.
fn block(bits: &mut Bits<'_>, into: &mut Unpacked) -> Reading<bool> {
    let is_last = bits.one()? == 1;
    match bits.take(2)? {
        0 => {
            let lengths = bits.bytes(4)?.first_chunk().copied().map(u32::from_le_bytes).ok_or(Missing::Malformed)?;
            let (length, inverted) = (lengths & 0xffff, lengths >> 16);
            if length ^ inverted != 0xffff {
                return Err(Missing::Malformed);
            }
            into.push(bits.bytes(length as usize)?)?;
        }
        1 => symbols(bits, into, &Code::fixed_lengths(), &Code::new(&[5; 30]))?,
        2 => {
            let (literals, distances) = dynamic(bits)?;
            symbols(bits, into, &literals, &distances)?;
        }
        _ => return Err(Missing::Malformed),
    }
    Ok(is_last)
}

/// The smallest length, or distance, of each symbol, and how many bits follow that add to it.
const LENGTHS: [(usize, usize); 29] = [
    (3, 0),
    (4, 0),
    (5, 0),
    (6, 0),
    (7, 0),
    (8, 0),
    (9, 0),
    (10, 0),
    (11, 1),
    (13, 1),
    (15, 1),
    (17, 1),
    (19, 2),
    (23, 2),
    (27, 2),
    (31, 2),
    (35, 3),
    (43, 3),
    (51, 3),
    (59, 3),
    (67, 4),
    (83, 4),
    (99, 4),
    (115, 4),
    (131, 5),
    (163, 5),
    (195, 5),
    (227, 5),
    (258, 0),
];

const DISTANCES: [(usize, usize); 30] = [
    (1, 0),
    (2, 0),
    (3, 0),
    (4, 0),
    (5, 1),
    (7, 1),
    (9, 2),
    (13, 2),
    (17, 3),
    (25, 3),
    (33, 4),
    (49, 4),
    (65, 5),
    (97, 5),
    (129, 6),
    (193, 6),
    (257, 7),
    (385, 7),
    (513, 8),
    (769, 8),
    (1025, 9),
    (1537, 9),
    (2049, 10),
    (3073, 10),
    (4097, 11),
    (6145, 11),
    (8193, 12),
    (12289, 12),
    (16385, 13),
    (24577, 13),
];

/// The symbol that ends a block; those below are bytes, those above lengths.
const END: usize = 256;

fn symbols(bits: &mut Bits<'_>, into: &mut Unpacked, literals: &Code, distances: &Code) -> Reading<()> {
    let more = |bits: &mut Bits<'_>, table: &[(usize, usize)], symbol: usize| {
        let (base, extra) = *table.get(symbol).ok_or(Missing::Malformed)?;
        Ok(base + bits.take(extra)?)
    };
    loop {
        let symbol = literals.symbol(bits)?;
        if let Ok(byte) = u8::try_from(symbol) {
            into.push(&[byte])?;
        } else if symbol == END {
            return Ok(());
        } else {
            let length = more(bits, &LENGTHS, symbol - END - 1)?;
            let symbol = distances.symbol(bits)?;
            let distance = more(bits, &DISTANCES, symbol)?;
            into.repeat(distance, length)?;
        }
    }
}

/// In which order the lengths of the code for lengths stand.
const ORDER: [usize; 19] = [16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15];

/// The codes that a block brings with it: for literals and lengths, and for distances.
fn dynamic(bits: &mut Bits<'_>) -> Reading<(Code, Code)> {
    let (literals, distances, count) = (bits.take(5)? + 257, bits.take(5)? + 1, bits.take(4)? + 4);
    let mut lengths = [0; 19];
    for at in ORDER.iter().take(count) {
        *lengths.get_mut(*at).ok_or(Missing::Malformed)? = bits.take(3)?;
    }
    let code = Code::new(&lengths);
    let mut lengths = Vec::with_capacity(literals + distances);
    while lengths.len() < literals + distances {
        let (length, times) = match code.symbol(bits)? {
            16 => (*lengths.last().ok_or(Missing::Malformed)?, 3 + bits.take(2)?),
            17 => (0, 3 + bits.take(3)?),
            18 => (0, 11 + bits.take(7)?),
            length => (length, 1),
        };
        lengths.extend(std::iter::repeat_n(length, times));
    }
    let (first, second) = lengths.split_at_checked(literals).ok_or(Missing::Malformed)?;
    Ok((Code::new(first), Code::new(second.get(..distances).ok_or(Missing::Malformed)?)))
}

/// A canonical Huffman code: codes of one length are consecutive numbers in the order of their symbols.
struct Code {
    /// How many symbols have a code of each length.
    counts: [usize; 16],
    /// All symbols that have a code, by length and in order.
    symbols: Vec<usize>,
}

impl Code {
    /// The code in which each symbol has this length; 0 where it has no code.
    fn new(lengths: &[usize]) -> Self {
        let of_length = |length| lengths.iter().enumerate().filter(move |(_, own)| **own == length);
        let mut counts = [0; 16];
        counts.iter_mut().enumerate().skip(1).for_each(|(length, count)| *count = of_length(length).count());
        Self { counts, symbols: (1..16).flat_map(of_length).map(|(symbol, _)| symbol).collect() }
    }

    /// The code for literals and lengths of blocks that bring none.
    fn fixed_lengths() -> Self {
        let runs = [(8, 144), (9, 112), (7, 24), (8, 8)];
        Self::new(&runs.into_iter().flat_map(|(length, count)| std::iter::repeat_n(length, count)).collect::<Vec<_>>())
    }

    fn symbol(&self, bits: &mut Bits<'_>) -> Reading<usize> {
        let (mut code, mut first, mut before) = (0usize, 0usize, 0usize);
        for count in self.counts.iter().skip(1) {
            code |= bits.one()?;
            if let Some(at) = code.checked_sub(first).filter(|at| at < count) {
                return self.symbols.get(before + at).copied().ok_or(Missing::Malformed);
            }
            before += count;
            first = (first + count) << 1;
            code <<= 1;
        }
        Err(Missing::Malformed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// One packed with the fixed code, one that was not worth it, and one with a code of its own.
    const FIXED: &[u8] =
        b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x02\x03\x73\xf6\xf7\x73\xf3\x74\x8f\xf7\x88\xb2\x35\x32\x35\xe0\
        \x72\x46\xe1\x01\x00\x50\xdb\x74\x36\x1c\x00\x00\x00";
    const STORED: &[u8] =
        b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x04\x03\x01\x03\x00\xfc\xff\x61\x62\x63\xc2\x41\x24\x35\x03\x00\
        \x00\x00";
    const DYNAMIC: &[u8] =
        b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x02\x03\x4d\xd2\xbb\x09\x02\x40\x10\x40\xc1\xdc\x6a\xdc\x9f\x9f\
        \xc0\x48\x50\x4c\xb4\x04\x2b\xb0\x00\xbb\x17\x11\xb9\xc9\x96\x97\x0c\x77\xbb\xe7\xc7\xfd\x72\xbb\
        \x3e\xb7\xa7\xf7\xe6\xfc\x1b\xe3\xf4\xfa\x8f\xb9\x6a\xad\xda\xab\xce\xaa\xbb\x55\xf7\xab\x1e\x56\
        \x3d\xae\x1a\x72\x78\x01\x18\x88\x01\x19\x98\x01\x1a\xa8\x01\x1b\xb8\x89\x9b\xbe\x13\x37\x71\x13\
        \x37\x71\x13\x37\x71\x13\x37\x71\x0b\xb7\x70\xcb\x0f\xc6\x2d\xdc\xc2\x2d\xdc\xc2\x2d\xdc\xc2\x6d\
        \xdc\xc6\x6d\xdc\x76\xb3\xb8\x8d\xdb\xb8\x8d\xdb\xb8\x8d\x3b\xb8\x83\x3b\xb8\x83\x3b\x9e\x14\xee\
        \xe0\x0e\xee\xe0\xce\xd7\xfd\x00\xd8\x62\x54\x2b\xc6\x02\x00\x00";

    #[test]
    fn what_gzip_packed_is_unpacked() {
        assert_eq!(unpack(FIXED, 28).as_deref(), Ok(&b"CONFIG_HZ=250\nCONFIG_HZ=250\n"[..]));
        assert_eq!(unpack(STORED, 3).as_deref(), Ok(&b"abc"[..]));
        let line = |at| format!("CONFIG_{at}={}\n", if at % 2 == 0 { "y" } else { "m" });
        let expected = (0..60).map(line).collect::<Vec<_>>().concat();
        assert_eq!(unpack(DYNAMIC, 4096), Ok(expected.into_bytes()));
        // A header may hold the name of the file, a comment, room for more and a sum of itself.
        let (head, rest) = STORED.split_at(10);
        let mut named = [head, b"\x02\0xyname\0comment\0\0\0", rest].concat();
        named[3] = EXTRA | NAME | COMMENT | HEADER_SUM;
        assert_eq!(unpack(&named, 3).as_deref(), Ok(&b"abc"[..]));
    }

    #[test]
    fn what_is_cut_damaged_or_too_much_is_malformed() {
        for packed in [FIXED, STORED, DYNAMIC] {
            assert!((0..packed.len()).all(|end| unpack(&packed[..end], 4096).is_err()));
            let last = packed.len() - 12;
            let damaged = |at: usize| [&packed[..at], &[packed[at] ^ 1], &packed[at + 1..]].concat();
            assert!((last..packed.len()).all(|at| unpack(&damaged(at), 4096).is_err()));
        }
        assert_eq!(unpack(FIXED, 27), Err(Missing::Malformed));
        assert_eq!(unpack(b"CONFIG_HZ=250\n", 4096), Err(Missing::Malformed));
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic_or_grow(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
            let _ = unpack(&bytes, 1000);
            let forged: Vec<u8> = b"\x1f\x8b\x08\0\0\0\0\0\0\x03".iter().copied().chain(bytes).collect();
            prop_assert!(unpack(&forged, 1000).is_err());
        }
    }
}
