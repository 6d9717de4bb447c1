//! The program file of a process, how the kernel is set to draw addresses, and what it drew for the process.
//!
//! The file is opened through the link `exe`, which leads to the file itself: also where it has been deleted or replaced,
//! or lies in another mount namespace.

use super::{
    process::task_with_memory,
    source::{ProcPath, Reader, Source, Task, absent, missing},
    space,
};
use crate::{
    proc::{
        auxv, elf,
        fields::{hexadecimal, single},
        kernel_config, maps,
    },
    snapshot::{
        Missing, Reading,
        map::FileId,
        program::{Draw, Elf, Program, Settings},
    },
    text::Text,
    unit::ProcessKey,
};
use flate2::read::GzDecoder;
use object::read::ReadCache;
use rustix::fd::OwnedFd;
use std::{fs::File, io::Read as _, ops::ControlFlow};

/// Bytes of a line of `maps`, of which a path is four times PATH_MAX at most.
const LONGEST_LINE: usize = 64 * 1024;

/// What is known of the program of a process.
///
/// # Errors
/// `Gone` where the process has ended; else why its `stat` cannot be read.
pub fn read(source: &dyn Source, key: ProcessKey) -> Reading<Program> {
    let mut reader = Reader::new(source);
    let process = space::find(source, key)?;
    let settings = settings(source);
    let task = task_with_memory(&mut reader, &process);
    let personality = reader.task(task, "personality").and_then(|text| hexadecimal(text.trim_ascii()));
    let personality = personality.and_then(|value| u32::try_from(value).map_err(|_| Missing::Malformed));
    if process.is_kernel_thread() {
        let none = Missing::Unsupported;
        return Ok(Program { path: Err(none), file: None, elf: Err(none), settings, personality, draw: Err(none) });
    }
    let path = reader.task_link(task, "exe").map(|link| Text::from(&link[..]));
    let elf = elf_of(source, ProcPath::default().of(task, "exe"));
    // Where the file cannot be read its class is most likely the machine's own.
    let class = elf.as_ref().ok().and_then(Option::as_ref).map_or(usize::BITS, |elf| elf.bits);
    let draw = draw(&mut reader, task, class);
    let file =
        draw.as_ref().ok().and_then(|draw| draw.address(auxv::PHDR)).and_then(|address| file_at(source, task, address));
    // Else all this may be of another process that was given the same pid.
    space::find(source, key)?;
    Ok(Program { path, file, elf, settings, personality, draw })
}

/// How the kernel is set to draw addresses.
#[must_use]
pub fn settings(source: &dyn Source) -> Settings {
    let mut reader = Reader::new(source);
    let mut sysctl = |path| reader.file(path).and_then(single).map_err(absent);
    let mut settings = Settings {
        randomize_va_space: sysctl("sys/kernel/randomize_va_space"),
        mmap_rnd_bits: sysctl("sys/vm/mmap_rnd_bits"),
        mmap_rnd_compat_bits: sysctl("sys/vm/mmap_rnd_compat_bits"),
        ..Settings::default()
    };
    if settings.mmap_rnd_bits.is_err() {
        let config = kernel_config(&mut reader);
        let built =
            |option| config.as_ref().map_err(|why| *why).and_then(|config| kernel_config::value(config, option));
        settings.built_rnd_bits = built("CONFIG_ARCH_MMAP_RND_BITS");
        settings.built_rnd_compat_bits = built("CONFIG_ARCH_MMAP_RND_COMPAT_BITS");
    }
    settings
}

/// Bytes of a kernel's configuration at most; they have a quarter of a megabyte.
const LARGEST_CONFIG: u64 = 16 << 20;

fn unpacked(packed: &[u8]) -> Reading<Vec<u8>> {
    let mut config = Vec::new();
    let read = GzDecoder::new(packed).take(LARGEST_CONFIG).read_to_end(&mut config);
    read.map(|_| config).map_err(|_| Missing::Malformed)
}

/// The kernel's configuration: from the kernel itself, else from where distributions put it.
fn kernel_config(reader: &mut Reader<'_>) -> Reading<Vec<u8>> {
    if let Ok(config) = reader.file("config.gz").and_then(unpacked) {
        return Ok(config);
    }
    let release = reader.file("sys/kernel/osrelease")?.trim_ascii();
    let path = format!("/boot/config-{}", str::from_utf8(release).map_err(|_| Missing::Malformed)?);
    reader.file(&path).map(<[u8]>::to_vec).map_err(absent)
}

/// What the headers of a file say, be it below the root of /proc or outside; `None` where it is no ELF file.
///
/// # Errors
/// Why it cannot be opened or read; `Malformed` where the kernel would not load it.
pub fn elf_of(source: &dyn Source, path: &str) -> Reading<Option<Elf>> {
    elf_of_file(source.open(path)?)
}

/// What the headers of an open file say. Of a large file only the tables are read.
///
/// # Errors
/// As [`elf_of`].
pub fn elf_of_file(file: OwnedFd) -> Reading<Option<Elf>> {
    elf::parse(&ReadCache::new(File::from(file)))
}

/// What the kernel drew for a program whose words have this many bits.
fn draw(reader: &mut Reader<'_>, task: Task, class: u32) -> Reading<Draw> {
    let entries = auxv::parse(reader.task(task, "auxv")?, class)?;
    let random = entries.iter().find(|(key, _)| *key == auxv::RANDOM).ok_or(Missing::Unsupported);
    let random = random.and_then(|(_, address)| sixteen_bytes(reader.source, task, *address));
    let drawn = auxv::DRAWN.iter().filter_map(|key| entries.iter().find(|(entry, _)| entry == key));
    Ok(Draw::new(drawn.copied().collect(), random))
}

fn sixteen_bytes(source: &dyn Source, task: Task, address: u64) -> Reading<[u8; 16]> {
    let memory = source.open(ProcPath::default().of(task, "mem"))?;
    let mut bytes = [0; 16];
    let count = rustix::io::pread(&memory, &mut bytes, address).map_err(missing)?;
    // Nothing is read of a process that has no memory any more.
    if count == bytes.len() { Ok(bytes) } else { Err(Missing::Gone) }
}

/// The file that is mapped at an address, as `maps` names it. Of the map as much is read as lies below it: programs lie
/// low.
fn file_at(source: &dyn Source, task: Task, address: u64) -> Option<FileId> {
    let (mut found, mut rest) = (None, Vec::new());
    let each = &mut |piece: &mut Vec<u8>| {
        rest.extend_from_slice(piece);
        let whole = rest.iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end + 1);
        let mappings = maps::parse(rest.get(..whole).unwrap_or_default()).unwrap_or_default();
        found = mappings.iter().find(|mapping| mapping.range().contains(&address)).map(|mapping| mapping.file);
        rest.drain(..whole);
        let enough = found.is_some() || rest.len() > LONGEST_LINE;
        if enough { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    };
    // Where the map cannot be read the file stays unknown.
    let _ = source.stream(ProcPath::default().of(task, "maps"), each);
    found
}
