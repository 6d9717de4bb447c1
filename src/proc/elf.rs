//! What the headers of an ELF file say of how it is loaded (elf(5)). Not its symbols, and nothing of what it contains.
//!
//! Whoever can start a process chooses these bytes. Every table is looked at up to a limit that no linker comes near, so
//! that neither time nor memory depends on what a file claims; of a large file only the tables are read.

use crate::{
    snapshot::{
        Missing, Reading,
        program::{Elf, Relro},
    },
    text::Text,
};
use object::{
    Endianness, elf,
    read::{
        ReadRef,
        elf::{Dyn, FileHeader, NoteIterator, ProgramHeader, SectionHeader},
    },
};
use std::fmt::Write as _;

/// Bytes of program headers that the kernel accepts (`load_elf_phdrs` in fs/binfmt_elf.c).
const MOST_SEGMENTS: usize = 64 * 1024;
/// Bytes of the interpreter's path that the kernel accepts (PATH_MAX).
const LONGEST_PATH: u64 = 4096;
/// Entries of the dynamic section that are looked at; large programs have some hundreds.
const MOST_DYNAMIC: u64 = 4096;
/// Segments of notes that are looked at.
const MOST_NOTES: usize = 16;
/// Bytes of each of them that are looked at.
const LARGEST_NOTE: u64 = 64 * 1024;
/// Section headers that are looked at.
const MOST_SECTIONS: u64 = 64 * 1024;
/// Section headers that are read at a time.
const SECTIONS_AT_ONCE: usize = 1024;

/// The facts of a file; `None` where it is no ELF file, such as a script.
///
/// # Errors
/// `Malformed` where it begins as an ELF file and the kernel would not load it; `Unsupported` where it cannot be read.
pub fn parse<'data, R: ReadRef<'data>>(data: R) -> Reading<Option<Elf>> {
    let length = data.len().map_err(|()| Missing::Unsupported)?;
    if length < elf::ELFMAG.len() as u64 + 1 {
        return Ok(None);
    }
    let ident = data.read_bytes_at(0, elf::ELFMAG.len() as u64 + 1).map_err(|()| Missing::Unsupported)?;
    match ident.strip_prefix(&elf::ELFMAG) {
        None => Ok(None),
        Some([elf::ELFCLASS32]) => facts::<elf::FileHeader32<Endianness>, R>(data, 32).map(Some),
        Some([elf::ELFCLASS64]) => facts::<elf::FileHeader64<Endianness>, R>(data, 64).map(Some),
        Some(_) => Err(Missing::Malformed),
    }
}

fn facts<'data, H: FileHeader<Endian = Endianness>, R: ReadRef<'data>>(data: R, bits: u32) -> Reading<Elf> {
    let header = H::parse(data).map_err(malformed)?;
    let endian = header.endian().map_err(malformed)?;
    if usize::from(header.e_phnum(endian)) * size_of::<H::ProgramHeader>() > MOST_SEGMENTS {
        return Err(Missing::Malformed);
    }
    let segments = header.program_headers(endian, data).map_err(malformed)?;
    let of_type = |kind| segments.iter().filter(move |segment| segment.p_type(endian) == kind);
    let dynamic = of_type(elf::PT_DYNAMIC).next();
    let dynamic = dynamic.map(|segment| Dynamic::read::<H, R>(segment, endian, data)).transpose()?.unwrap_or_default();
    let interpreter = of_type(elf::PT_INTERP).next();
    let interpreter = interpreter.map(|segment| path::<H, R>(segment, endian, data)).transpose()?;
    let relro = of_type(elf::PT_GNU_RELRO).next();
    let pie = header.e_type(endian) == elf::ET_DYN;
    Ok(Elf {
        bits,
        machine: header.e_machine(endian),
        pie,
        library: pie && !dynamic.program,
        is_static: interpreter.is_none() && !dynamic.needs,
        interpreter,
        relro: match relro {
            None => Relro::None,
            Some(_) if dynamic.now => Relro::Full,
            Some(_) => Relro::Partial,
        },
        relro_range: relro.map(|segment| {
            let start = segment.p_vaddr(endian).into();
            (start, start.saturating_add(segment.p_memsz(endian).into()))
        }),
        nx: of_type(elf::PT_GNU_STACK).next().is_some_and(|segment| segment.p_flags(endian) & elf::PF_X == 0),
        stripped: !has_symbols(header, endian, data),
        build_id: of_type(elf::PT_NOTE).take(MOST_NOTES).find_map(|segment| build_id::<H, R>(segment, endian, data)),
        base: of_type(elf::PT_LOAD).map(|segment| segment.p_vaddr(endian).into()).min().unwrap_or(0),
        alignment: of_type(elf::PT_LOAD).map(|segment| segment.p_align(endian).into()).max().unwrap_or(0),
    })
}

fn malformed(_: object::read::Error) -> Missing {
    Missing::Malformed
}

/// What the dynamic section says, as far as it matters here.
#[derive(Default)]
struct Dynamic {
    /// It needs a library.
    needs: bool,
    /// All is bound at the start.
    now: bool,
    /// It was linked as a program: linkers give DT_DEBUG to programs only, and DF_1_PIE since binutils 2.26.
    program: bool,
}

impl Dynamic {
    fn read<'data, H: FileHeader<Endian = Endianness>, R: ReadRef<'data>>(
        segment: &H::ProgramHeader,
        endian: Endianness,
        data: R,
    ) -> Reading<Self> {
        let (offset, size) = segment.file_range(endian);
        let count = (size / size_of::<H::Dyn>() as u64).min(MOST_DYNAMIC);
        let count = usize::try_from(count).map_err(|_| Missing::Malformed)?;
        let entries: &[H::Dyn] = data.read_slice_at(offset, count).map_err(|()| Missing::Malformed)?;
        let mut found = Self::default();
        for entry in entries {
            let (tag, value): (u64, u64) = (entry.d_tag(endian).into(), entry.d_val(endian).into());
            let has = |flag: u32| value & u64::from(flag) != 0;
            match u32::try_from(tag) {
                Ok(elf::DT_NULL) => break,
                Ok(elf::DT_NEEDED) => found.needs = true,
                Ok(elf::DT_DEBUG) => found.program = true,
                Ok(elf::DT_BIND_NOW) => found.now = true,
                Ok(elf::DT_FLAGS) => found.now |= has(elf::DF_BIND_NOW),
                Ok(elf::DT_FLAGS_1) => {
                    found.now |= has(elf::DF_1_NOW);
                    found.program |= has(elf::DF_1_PIE);
                }
                _ => {}
            }
        }
        Ok(found)
    }
}

/// The path that PT_INTERP holds, under the kernel's conditions: not too long, and with a NUL at its end.
fn path<'data, H: FileHeader<Endian = Endianness>, R: ReadRef<'data>>(
    segment: &H::ProgramHeader,
    endian: Endianness,
    data: R,
) -> Reading<Text> {
    let (offset, size) = segment.file_range(endian);
    let bytes = (2..=LONGEST_PATH).contains(&size).then(|| data.read_bytes_at(offset, size).ok()).flatten();
    let path = bytes.and_then(|bytes| bytes.strip_suffix(b"\0")).ok_or(Missing::Malformed)?;
    Ok(Text::from(path.split(|byte| *byte == 0).next().unwrap_or_default()))
}

/// The note NT_GNU_BUILD_ID. Notes are of no concern to the kernel: broken ones are as good as none.
fn build_id<'data, H: FileHeader<Endian = Endianness>, R: ReadRef<'data>>(
    segment: &H::ProgramHeader,
    endian: Endianness,
    data: R,
) -> Option<String> {
    let (offset, size) = segment.file_range(endian);
    let bytes = data.read_bytes_at(offset, size.min(LARGEST_NOTE)).ok()?;
    let notes = NoteIterator::<H>::new(endian, segment.p_align(endian), bytes).ok()?;
    let notes = notes.map_while(Result::ok);
    let mut ids = notes.filter(|note| note.name() == elf::ELF_NOTE_GNU && note.n_type(endian) == elf::NT_GNU_BUILD_ID);
    let id = ids.next()?.desc();
    Some(id.iter().fold(String::new(), |mut text, byte| {
        // Writing to a String does not fail.
        let _ = write!(text, "{byte:02x}");
        text
    }))
}

/// Whether there is a section SHT_SYMTAB. A table of sections that cannot be read is as good as none, and a program that
/// has none runs.
fn has_symbols<'data, H: FileHeader<Endian = Endianness>, R: ReadRef<'data>>(
    header: &H,
    endian: Endianness,
    data: R,
) -> bool {
    let start: u64 = header.e_shoff(endian).into();
    let size = size_of::<H::SectionHeader>() as u64;
    if start == 0 || u64::from(header.e_shentsize(endian)) != size {
        return false;
    }
    let count = header.shnum(endian, data).map_or(0, |count| count as u64).min(MOST_SECTIONS);
    let pieces = (0..count).step_by(SECTIONS_AT_ONCE).map(|first| {
        let offset = start.checked_add(first * size)?;
        let piece = usize::try_from(count - first).ok()?.min(SECTIONS_AT_ONCE);
        data.read_slice_at::<H::SectionHeader>(offset, piece).ok()
    });
    pieces.map_while(|piece| piece).flatten().any(|section| section.sh_type(endian) == elf::SHT_SYMTAB)
}

#[cfg(test)]
mod tests {
    use super::*;
    use object::read::ReadCache;
    use proptest::prelude::*;
    use std::io::{self, Read, Seek, SeekFrom};

    /// A file of 64 bits with these segments: type, flags, address and contents.
    fn file(kind: u16, segments: &[(u32, u32, u64, &[u8])]) -> Vec<u8> {
        let mut bytes = vec![0x7f, b'E', b'L', b'F', 2, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0];
        bytes.extend([kind, 62].into_iter().flat_map(u16::to_le_bytes));
        bytes.extend(1u32.to_le_bytes());
        bytes.extend([0x1000u64, 64, 0].into_iter().flat_map(u64::to_le_bytes));
        bytes.extend(0u32.to_le_bytes());
        let count = u16::try_from(segments.len()).expect("a test has few segments");
        bytes.extend([64, 56, count, 64, 0, 0].into_iter().flat_map(u16::to_le_bytes));
        let mut contents = 64 + 56 * segments.len() as u64;
        for (kind, flags, address, held) in segments {
            bytes.extend([*kind, *flags].into_iter().flat_map(u32::to_le_bytes));
            let size = held.len() as u64;
            bytes.extend([contents, *address, *address, size, size, 8].into_iter().flat_map(u64::to_le_bytes));
            contents += size;
        }
        bytes.extend(segments.iter().flat_map(|(.., held)| held.iter().copied()));
        bytes
    }

    fn dynamic(entries: &[(u32, u64)]) -> Vec<u8> {
        entries.iter().flat_map(|(tag, value)| [u64::from(*tag), *value]).flat_map(u64::to_le_bytes).collect()
    }

    const INTERPRETER: (u32, u32, u64, &[u8]) = (elf::PT_INTERP, 4, 0x300, b"/lib/ld.so\0");

    #[test]
    fn what_is_no_elf_file_is_none_and_a_broken_one_is_malformed() {
        for bytes in [&b""[..], b"\x7fEL", b"\x7fELF", b"#!/bin/sh\n", &[0; 4096]] {
            assert_eq!(parse(bytes), Ok(None));
        }
        for bytes in [&b"\x7fELF\x09"[..], b"\x7fELF\x02\x01\x01", b"\x7fELF\x01"] {
            assert_eq!(parse(bytes), Err(Missing::Malformed));
        }
    }

    #[test]
    fn a_program_a_library_and_a_static_program_are_told_apart() {
        let is = |bytes: &[u8]| {
            let elf = parse(bytes).expect("it is whole").expect("it is an ELF file");
            (elf.pie, elf.library, elf.is_static)
        };
        let needs = (elf::DT_NEEDED, 1);
        let pie = dynamic(&[needs, (elf::DT_FLAGS_1, elf::DF_1_PIE.into()), (elf::DT_NULL, 0)]);
        let old = dynamic(&[needs, (elf::DT_DEBUG, 0), (elf::DT_NULL, 0)]);
        for dynamic in [&pie, &old] {
            assert_eq!(
                is(&file(elf::ET_DYN, &[INTERPRETER, (elf::PT_DYNAMIC, 6, 0x2000, dynamic)])),
                (true, false, false)
            );
        }
        let alone = dynamic(&[(elf::DT_FLAGS_1, elf::DF_1_PIE.into()), (elf::DT_NULL, 0), needs]);
        assert_eq!(is(&file(elf::ET_DYN, &[(elf::PT_DYNAMIC, 6, 0x2000, &alone)])), (true, false, true));
        let loader = dynamic(&[(elf::DT_FLAGS, 0), (elf::DT_NULL, 0)]);
        assert_eq!(is(&file(elf::ET_DYN, &[(elf::PT_DYNAMIC, 6, 0x2000, &loader)])), (true, true, true));
        assert_eq!(is(&file(elf::ET_EXEC, &[(elf::PT_LOAD, 5, 0x40_0000, b"")])), (false, false, true));
    }

    #[test]
    fn relro_is_full_where_all_is_bound_at_the_start() {
        let of = |entries: &[(u32, u64)]| {
            let dynamic = dynamic(entries);
            let relro = (elf::PT_GNU_RELRO, 4, 0x3d90, &[0; 0x270][..]);
            let bytes = file(elf::ET_DYN, &[(elf::PT_DYNAMIC, 6, 0x3da0, &dynamic), relro]);
            let elf = parse(&bytes[..]).expect("it is whole").expect("it is an ELF file");
            assert_eq!(elf.relro_range, Some((0x3d90, 0x4000)));
            elf.relro
        };
        assert_eq!(of(&[]), Relro::Partial);
        assert_eq!(of(&[(elf::DT_BIND_NOW, 0)]), Relro::Full);
        assert_eq!(of(&[(elf::DT_FLAGS, elf::DF_BIND_NOW.into())]), Relro::Full);
        assert_eq!(of(&[(elf::DT_FLAGS_1, elf::DF_1_NOW.into())]), Relro::Full);
        assert_eq!(of(&[(elf::DT_NULL, 0), (elf::DT_BIND_NOW, 0)]), Relro::Partial, "what follows the end is nothing");
        let none = parse(&file(elf::ET_DYN, &[])[..]).expect("it is whole").expect("it is an ELF file");
        assert_eq!((none.relro, none.relro_range), (Relro::None, None));
    }

    #[test]
    fn notes_interpreter_stack_and_segments_are_read() {
        let note = b"\x04\0\0\0\x03\0\0\0\x03\0\0\0GNU\0\xab\x01\xff\0";
        let other = b"\x04\0\0\0\x04\0\0\0\x01\0\0\0Go\0\0\0\0\0\0";
        let bytes = file(
            elf::ET_EXEC,
            &[
                INTERPRETER,
                (elf::PT_LOAD, 5, 0x40_1000, b""),
                (elf::PT_LOAD, 4, 0x40_0000, b""),
                (elf::PT_NOTE, 4, 0, other),
                (elf::PT_NOTE, 4, 0, note),
                (elf::PT_GNU_STACK, 6, 0, b""),
            ],
        );
        let elf = parse(&bytes[..]).expect("it is whole").expect("it is an ELF file");
        assert_eq!(elf.interpreter, Some(Text::from("/lib/ld.so")));
        assert_eq!(elf.build_id.as_deref(), Some("ab01ff"));
        assert_eq!((elf.base, elf.alignment, elf.machine, elf.bits), (0x40_0000, 8, 62, 64));
        assert!(elf.nx && elf.stripped && !elf.pie);
        let executable = file(elf::ET_EXEC, &[(elf::PT_GNU_STACK, 7, 0, b"")]);
        assert_eq!(parse(&executable[..]).map(|elf| elf.map(|elf| elf.nx)), Ok(Some(false)));
    }

    #[test]
    fn what_the_kernel_would_not_load_is_malformed() {
        let interpreter = |held| parse(&file(elf::ET_DYN, &[(elf::PT_INTERP, 4, 0, held)])[..]).map(|_| ());
        assert_eq!(interpreter(b"/lib/ld.so"), Err(Missing::Malformed), "no NUL at its end");
        assert_eq!(interpreter(b"\0"), Err(Missing::Malformed));
        assert_eq!(interpreter(&[0; 4097]), Err(Missing::Malformed));
        let mut cut = file(elf::ET_DYN, &[INTERPRETER]);
        cut.truncate(100);
        assert_eq!(parse(&cut[..]), Err(Missing::Malformed));
        let mut many = file(elf::ET_DYN, &[]);
        many[56..58].copy_from_slice(&u16::MAX.to_le_bytes());
        many.resize(8 << 20, 0);
        assert_eq!(parse(&many[..]), Err(Missing::Malformed));
    }

    /// A file as large as they come, which holds a few bytes again and again, and counts those that are read.
    struct Endless<'a> {
        head: &'a [u8],
        at: u64,
        read: &'a std::cell::Cell<u64>,
    }

    impl Read for Endless<'_> {
        fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
            for byte in into.iter_mut() {
                let at = usize::try_from(self.at % self.head.len() as u64).expect("it is less than the length");
                (*byte, self.at) = (self.head[at], self.at + 1);
            }
            self.read.set(self.read.get() + into.len() as u64);
            Ok(into.len())
        }
    }

    impl Seek for Endless<'_> {
        fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
            self.at = match to {
                SeekFrom::Start(at) => at,
                SeekFrom::End(_) | SeekFrom::Current(_) => i64::MAX.unsigned_abs(),
            };
            Ok(self.at)
        }
    }

    /// A file in which most is right, so that a change of it leads somewhere.
    fn whole() -> Vec<u8> {
        let dynamic = dynamic(&[(elf::DT_NEEDED, 1), (elf::DT_FLAGS_1, 1), (elf::DT_NULL, 0)]);
        let note = b"\x04\0\0\0\x04\0\0\0\x03\0\0\0GNU\0\xab\x01\xff\x02";
        let mut bytes = file(
            elf::ET_DYN,
            &[
                INTERPRETER,
                (elf::PT_DYNAMIC, 6, 0x2000, &dynamic),
                (elf::PT_NOTE, 4, 0, note),
                (elf::PT_NOTE, 4, 0, note),
                (elf::PT_GNU_RELRO, 4, 0x2000, b""),
            ],
        );
        bytes[40..48].copy_from_slice(&64u64.to_le_bytes());
        bytes[60..62].copy_from_slice(&200u16.to_le_bytes());
        bytes
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..600)) {
            let _ = parse(&bytes[..]);
            let forged: Vec<u8> = b"\x7fELF\x02\x01\x01".iter().copied().chain(bytes).collect();
            let _ = parse(&forged[..]);
        }

        #[test]
        fn no_file_however_large_it_claims_to_be_is_read_beyond_the_limits(
            changes in proptest::collection::vec((0usize..460, any::<u8>()), 0..6),
        ) {
            let mut head = whole();
            let length = head.len();
            for (at, byte) in changes {
                head[at % length] = byte;
            }
            let _ = parse(&head[..]);
            let read = std::cell::Cell::new(0);
            let _ = parse(&ReadCache::new(Endless { head: &head, at: 0, read: &read }));
            prop_assert!(read.get() < 6 << 20, "{}", read.get());
        }
    }
}
