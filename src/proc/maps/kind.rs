//! What each mapping is for, judged from names, permissions and neighbours; the kernel does not say.
//!
//! A file is part of a program where some of it is mapped for execution, at that place: a program that is also read as data
//! elsewhere is a `file` there. Of the parts that can only be read, what was relocated at start and then sealed (RELRO) was
//! writable once, and is still counted against the commit limit (`ac` in `VmFlags`). Where there are no flags, it is the
//! last such part before the variables: nearly all programs have it.

use super::{Stack, digits};
use crate::{
    snapshot::map::{Amount, DELETED, Figures, Kind, Mapping, Permissions},
    unit::Pid,
};

/// Set the kind of every mapping; they are in order of address. `stacks` says where the stack pointers of the threads are.
pub fn classify(mappings: &mut [Mapping], figures: Option<&[Figures]>, stacks: &[Stack]) {
    let page = page_size(mappings);
    let (images, images_of) = images(mappings, page);
    let parts: Vec<Option<Kind>> = (0..mappings.len())
        .map(|at| part((mappings, page), at, images.get((*images_of.get(at)?)?)?, figures_at(figures, at)))
        .collect();
    let mut before = Before::default();
    for (at, (mapping, part)) in mappings.iter_mut().zip(parts).enumerate() {
        let figures = figures_at(figures, at);
        let named = mapping.path.as_ref().and_then(|path| special(path, mapping));
        mapping.kind = match &mapping.path {
            None => nameless(mapping, before.of(mapping).filter(|_| !adds_execution(mapping, &before))),
            Some(path) if **path == *BSS && before.of(mapping) == Some(Kind::Data) => Kind::Bss,
            Some(path) => named.or(part).unwrap_or_else(|| file(path, figures)),
        };
        mapping.thread = mapping.path.as_ref().filter(|_| may_be_stack(mapping)).and_then(|path| named_stack(path));
        if mapping.thread.is_some() {
            mapping.kind = Kind::ThreadStack;
        }
        // What it is part of counts: the variables of a program that lives in memory only are followed by more of them.
        let runs = mapping.permissions.has(Permissions::EXECUTE);
        before = Before { end: mapping.end, kind: Some(part.unwrap_or(mapping.kind)), runs };
    }
    mark_stacks(mappings, stacks);
    mark_rest_of_stack(mappings, figures);
}

fn figures_at(figures: Option<&[Figures]>, at: usize) -> Option<&Figures> {
    figures?.get(at)
}

/// The mapping before, and what it is.
#[derive(Default)]
struct Before {
    end: u64,
    kind: Option<Kind>,
    runs: bool,
}

impl Before {
    /// What it is where this one begins at its end.
    fn of(&self, mapping: &Mapping) -> Option<Kind> {
        self.kind.filter(|_| self.end == mapping.start)
    }
}

/// A file laid out in memory: mappings of it one after the other, each further on in the file than the one before.
#[derive(Default)]
struct Image {
    /// The place of its first code.
    text: Option<usize>,
    /// Whether some of its code cannot be written to, as it should be.
    sound: bool,
}

/// All of them, and for each mapping which one it is part of.
fn images(mappings: &[Mapping], page: u64) -> (Vec<Image>, Vec<Option<usize>>) {
    let (mut images, mut images_of) = (Vec::<Image>::new(), Vec::with_capacity(mappings.len()));
    let mut last: Option<&Mapping> = None;
    for (at, mapping) in mappings.iter().enumerate() {
        let runs = mapping.permissions.has(Permissions::EXECUTE);
        let is_file = mapping.file.inode != 0 && mapping.path.as_ref().is_some_and(|path| path.starts_with(b"/"));
        if !is_file || (mapping.permissions.has(Permissions::SHARED) && !runs) {
            images_of.push(None);
            continue;
        }
        let goes_on = last.is_some_and(|last| goes_on(last, mapping, page));
        if !goes_on {
            images.push(Image::default());
        }
        if let Some(image) = images.last_mut().filter(|_| runs) {
            image.text.get_or_insert(at);
            image.sound |= !mapping.permissions.has(Permissions::WRITE);
        }
        images_of.push(images.len().checked_sub(1));
        last = Some(mapping);
    }
    (images, images_of)
}

/// What all addresses are multiples of, which is a page unless the map is very small; 64 KiB is the largest that is in use.
fn page_size(mappings: &[Mapping]) -> u64 {
    let all = mappings.iter().fold(0, |all, mapping| all | mapping.start | mapping.end);
    1 << all.trailing_zeros().min(16)
}

/// Whether a mapping is further on in the same file. Neighbours have a page in common where the file holds the end of one
/// part and the beginning of the next in it. What keeps addresses free between parts goes beyond what it stands for.
fn goes_on(last: &Mapping, mapping: &Mapping, page: u64) -> bool {
    let size = if last.permissions == Permissions::default() { 0 } else { last.size().0 };
    last.file == mapping.file
        && last.offset.saturating_add(size) <= mapping.offset.saturating_add(page)
        && last.path == mapping.path
}

/// What part of a program it is; `None` where the image is none.
fn part((mappings, page): (&[Mapping], u64), at: usize, image: &Image, figures: Option<&Figures>) -> Option<Kind> {
    let text = image.text?;
    let mapping = mappings.get(at)?;
    let has = |permission| mapping.permissions.has(permission);
    Some(match () {
        // Where everything that can be read can be run, variables can too.
        () if has(Permissions::EXECUTE) && (!has(Permissions::WRITE) || !image.sound) => Kind::Text,
        () if has(Permissions::WRITE) => Kind::Data,
        () if !has(Permissions::READ) => Kind::Other,
        () if was_writable(figures).unwrap_or_else(|| text < at && is_before_data(mappings, page, at)) => Kind::Relro,
        () => Kind::Rodata,
    })
}

/// Whether what can only be read was writable before, as far as figures tell.
fn was_writable(figures: Option<&Figures>) -> Option<bool> {
    let figures = figures?;
    if !figures.flags.is_empty() {
        return Some(has_flag(figures, b"ac"));
    }
    // Kernels before 3.8 have no flags; there it tells that somebody wrote.
    figures.get(Amount::Anonymous).map(|pages| pages.0 > 0)
}

fn has_flag(figures: &Figures, flag: &[u8]) -> bool {
    figures.flags().any(|word| word == flag)
}

fn is_before_data(mappings: &[Mapping], page: u64, at: usize) -> bool {
    let (Some(mapping), Some(next)) = (mappings.get(at), mappings.get(at + 1)) else { return false };
    goes_on(mapping, next, page)
        && next.permissions.has(Permissions::WRITE)
        && !next.permissions.has(Permissions::SHARED)
}

/// Whether it can be run and what stands before cannot: variables that begin as zero are no more executable than those
/// with values, so the program mapped it, and it only happens to lie there.
fn adds_execution(mapping: &Mapping, before: &Before) -> bool {
    mapping.permissions.has(Permissions::EXECUTE) && !before.runs
}

/// Memory without a name, behind something.
fn nameless(mapping: &Mapping, before: Option<Kind>) -> Kind {
    let has = |permission| mapping.permissions.has(permission);
    match before {
        _ if has(Permissions::SHARED) => Kind::Shared,
        Some(Kind::Data | Kind::Relro | Kind::Bss) if has(Permissions::WRITE) => Kind::Bss,
        _ => Kind::Anonymous,
    }
}

/// A file that is no part of a program, or something that only has a name.
fn file(path: &[u8], figures: Option<&Figures>) -> Kind {
    match () {
        () if is_of_device(figures) => Kind::Device,
        () if path.starts_with(b"/") => Kind::File,
        () => Kind::Other,
    }
}

/// Whether the kernel notes it as memory of a device.
fn is_of_device(figures: Option<&Figures>) -> bool {
    figures.is_some_and(|figures| has_flag(figures, b"io") || has_flag(figures, b"pf"))
}

/// What the linker of Android calls variables that begin as zero.
const BSS: &[u8] = b"[anon:.bss]";

/// What names that no file has stand for: they begin with neither a slash nor anything a program chose.
const NAMES: &[(&[u8], Kind)] =
    &[(b"[heap]", Kind::Heap), (b"[stack]", Kind::Stack), (b"[vdso]", Kind::Vdso), (b"[vsyscall]", Kind::Vsyscall)];
/// Beginnings of such names.
const BEGINNINGS: &[(&[u8], Kind)] = &[
    (b"[vvar", Kind::Vvar),
    (b"[uprobes", Kind::Uprobes),
    (b"[anon:", Kind::Anonymous),
    (b"[anon_shmem:", Kind::Shared),
    (b"anon_inode:", Kind::Device),
    (b"socket:", Kind::Device),
    (b"/dmabuf:", Kind::Device),
];
/// Names of files that the kernel makes for itself and at once takes away again, and what a private mapping of them is.
const UNNAMED: &[(&[u8], Kind, Kind)] = &[
    (b"/dev/zero", Kind::Shared, Kind::Anonymous),
    (b"/anon_hugepage", Kind::Shared, Kind::Anonymous),
    (b"/secretmem", Kind::Memfd, Kind::Memfd),
    (b"/[aio]", Kind::Other, Kind::Other),
    (b"/drm mm object", Kind::Device, Kind::Device),
    (b"/i915", Kind::Device, Kind::Device),
];
/// Directories of devices, and those below them with ordinary files in them.
const DEVICES: [&[u8]; 3] = [b"/dev/", b"/sys/", b"/proc/bus/pci/"];
const NO_DEVICES: [&[u8]; 3] = [b"/dev/shm/", b"/dev/hugepages/", b"/dev/mqueue/"];
/// The kernel's own mounts are made before all others, and numbered as they come: memory 1 (4 or 5 in old kernels), huge
/// pages some more. A file of such a name on any other mount is a file.
const OWN_MOUNTS: u32 = 0x14;

fn special(path: &[u8], mapping: &Mapping) -> Option<Kind> {
    let named = NAMES.iter().find(|(name, _)| *name == path);
    if let Some((_, kind)) = named.or_else(|| BEGINNINGS.iter().find(|(name, _)| path.starts_with(name))) {
        return Some(*kind);
    }
    let (major, minor) = mapping.file.device;
    let shared = mapping.permissions.has(Permissions::SHARED);
    let unnamed = path.strip_suffix(DELETED).filter(|_| mapping.deleted && major == 0 && minor < OWN_MOUNTS);
    let known = |name: &[u8]| UNNAMED.iter().find(|(other, ..)| *other == name);
    match unnamed {
        Some(name) if name.starts_with(b"/memfd:") => return Some(Kind::Memfd),
        Some(name) if is_sysv(name) => return Some(Kind::Sysv),
        Some(name) if let Some((_, public, private)) = known(name) => {
            return Some(if shared { *public } else { *private });
        }
        _ => {}
    }
    // Written to, it is memory like any other.
    if path == b"/dev/zero" {
        return Some(if shared { Kind::Shared } else { Kind::Anonymous });
    }
    let is_in = |directories: &[&[u8]]| directories.iter().any(|directory| path.starts_with(directory));
    (is_in(&DEVICES) && !is_in(&NO_DEVICES)).then_some(Kind::Device)
}

/// `/SYSV` and the key in eight hexadecimal digits.
fn is_sysv(name: &[u8]) -> bool {
    let key = name.strip_prefix(b"/SYSV");
    key.is_some_and(|key| key.len() == 8 && key.iter().all(u8::is_ascii_hexdigit))
}

/// What libraries call the stacks of threads, and kernels before 4.5 called them: before and behind the thread's id.
const STACKS: [(&[u8], &[u8]); 3] =
    [(b"[stack:", b"]"), (b"[anon: glibc: pthread stack: ", b"]"), (b"[anon:stack_and_tls:", b"]")];

fn named_stack(path: &[u8]) -> Option<Pid> {
    let tid = STACKS.iter().find_map(|(before, behind)| path.strip_prefix(*before)?.strip_suffix(*behind))?;
    u32::try_from(digits(tid).ok()?).ok().map(Pid)
}

/// Private and writable: the page that guards a stack is not.
fn may_be_stack(mapping: &Mapping) -> bool {
    mapping.permissions.has(Permissions::WRITE) && !mapping.permissions.has(Permissions::SHARED)
}

/// Memory with one stack pointer in it is the stack of that thread. Where several are, it is something else that stacks
/// are taken from: the heap of a runtime with threads of its own making.
fn mark_stacks(mappings: &mut [Mapping], stacks: &[Stack]) {
    let mut found: Vec<(usize, &Stack)> = Vec::with_capacity(stacks.len());
    for stack in stacks {
        let at = mappings.partition_point(|mapping| mapping.end <= stack.pointer);
        let may_be = |mapping: &Mapping| mapping.kind == Kind::Anonymous && may_be_stack(mapping);
        if mappings.get(at).is_some_and(|mapping| mapping.start <= stack.pointer && may_be(mapping)) {
            found.push((at, stack));
        }
    }
    found.sort_by_key(|(at, _)| *at);
    for same in found.chunk_by(|(one, _), (other, _)| one == other) {
        if let [(at, stack)] = same
            && !stack.leads
            && let Some(mapping) = mappings.get_mut(*at)
        {
            (mapping.kind, mapping.thread) = (Kind::ThreadStack, Some(stack.tid));
        }
    }
}

/// Where permissions of a part of the stack were changed, only the part that the program began on has the name.
fn mark_rest_of_stack(mappings: &mut [Mapping], figures: Option<&[Figures]>) {
    let Some(at) = mappings.iter().position(|mapping| mapping.kind == Kind::Stack) else { return };
    let mut next = mappings.get(at).map(|mapping| mapping.start);
    for (below, mapping) in mappings.iter_mut().enumerate().take(at).rev() {
        let grows = figures_at(figures, below).is_some_and(|figures| has_flag(figures, b"gd"));
        if !grows || mapping.path.is_some() || Some(mapping.end) != next {
            return;
        }
        mapping.kind = Kind::Stack;
        next = Some(mapping.start);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        proc::maps::{Smaps, parse},
        text::Text,
        unit::Bytes,
    };

    fn kinds(maps: &str) -> Vec<&'static str> {
        let mappings = parse(maps.as_bytes()).expect("it is a map");
        mappings.iter().map(|mapping| mapping.kind.word()).collect()
    }

    /// Each line with the flags behind `#`.
    fn kinds_with_flags(maps: &str) -> Vec<&'static str> {
        let mut parser = Smaps::default();
        for line in maps.lines() {
            let (mapping, flags) = line.split_once('#').expect("a line with flags");
            let paragraph = format!("{}\nRss: 0 kB\nVmFlags: {flags}\n", mapping.trim_end());
            parser.feed(paragraph.as_bytes()).expect("it is a paragraph");
        }
        let (mut mappings, figures) = parser.finish().expect("it is a map");
        classify(&mut mappings, Some(&figures), &[]);
        mappings.iter().map(|mapping| mapping.kind.word()).collect()
    }

    #[test]
    fn parts_of_programs_are_told_apart() {
        let modern = "\
55d0c0000000-55d0c0001000 r--p 00000000 fe:00 7 /usr/bin/cat
55d0c0001000-55d0c0005000 r-xp 00001000 fe:00 7 /usr/bin/cat
55d0c0005000-55d0c0007000 r--p 00005000 fe:00 7 /usr/bin/cat
55d0c0007000-55d0c0008000 r--p 00006000 fe:00 7 /usr/bin/cat
55d0c0008000-55d0c0009000 rw-p 00007000 fe:00 7 /usr/bin/cat
55d0c0009000-55d0c000a000 rw-p 00000000 00:00 0
55d0c1000000-55d0c1021000 rw-p 00000000 00:00 0 [heap]
7f0000000000-7f0000100000 r--p 00000000 fe:00 9 /usr/lib/locale/locale-archive
7f0000200000-7f0000202000 rw-p 00000000 00:00 0
";
        assert_eq!(kinds(modern), ["rodata", "text", "rodata", "relro", "data", "bss", "heap", "file", "anonymous"]);
        let two_segments = "\
400000-401000 r-xp 00000000 fe:00 7 /old
401000-600000 ---p 00001000 fe:00 7 /old
600000-601000 r--p 00001000 fe:00 7 /old
601000-602000 rw-p 00002000 fe:00 7 /old
";
        assert_eq!(kinds(two_segments), ["text", "other", "relro", "data"]);
        let page_in_common = "\
400000-401000 r-xp 00000000 fe:00 7 /old
600000-601000 r--p 00000000 fe:00 7 /old
601000-602000 rw-p 00001000 fe:00 7 /old
";
        assert_eq!(kinds(page_in_common), ["text", "relro", "data"]);
        let other_linker = "\
400000-401000 r--p 00000000 fe:00 7 /a
401000-402000 r-xp 00000000 fe:00 7 /a
402000-403000 r--p 00001000 fe:00 7 /a
403000-404000 rw-p 00001000 fe:00 7 /a
404000-405000 rw-p 00000000 00:00 0
405000-406000 ---p 00000000 00:00 0
";
        assert_eq!(kinds(other_linker), ["rodata", "text", "relro", "data", "bss", "anonymous"]);
    }

    #[test]
    fn flags_tell_what_was_sealed_from_what_never_was_writable() {
        let sealed = "\
1000-2000 r--p 0 fe:00 7 /a # rd mr mw me
2000-3000 r-xp 1000 fe:00 7 /a # rd ex mr mw me
3000-4000 r--p 2000 fe:00 7 /a # rd mr mw me ac
4000-5000 rw-p 3000 fe:00 7 /a # rd wr mr mw me ac
5000-6000 rw-p 0 00:00 0 # rd wr mr mw me ac
";
        assert_eq!(kinds_with_flags(sealed), ["rodata", "text", "relro", "data", "bss"]);
        assert_eq!(kinds_with_flags(&sealed.replace("mr mw me ac\n4", "mr mw me\n4"))[2], "rodata");
        // All that was writable is sealed, and only what begins as zero is left behind it.
        let whole = "1000-2000 r-xp 0 fe:00 7 /a # rd ex\n2000-3000 r--p 1000 fe:00 7 /a # rd ac\n3000-4000 rw-p 0 00:00 0 # rd wr\n";
        assert_eq!(kinds_with_flags(whole), ["text", "relro", "bss"]);
        // Without flags, what was written tells.
        let mut mappings = parse(b"1000-2000 r-xp 0 fe:00 7 /a\n2000-3000 r--p 1000 fe:00 7 /a\n").expect("a map");
        let mut figures = vec![Figures::default(); 2];
        figures[1].set(Amount::Anonymous, Bytes(4096));
        classify(&mut mappings, Some(&figures), &[]);
        assert_eq!(mappings[1].kind, Kind::Relro);
    }

    #[test]
    fn a_program_that_is_read_as_data_is_a_file_there() {
        let twice = "\
1000-9000 r--p 0 fe:00 7 /lib/a.so
10000-11000 r--p 0 fe:00 7 /lib/a.so
11000-12000 r-xp 1000 fe:00 7 /lib/a.so
12000-13000 rw-p 2000 fe:00 7 /lib/a.so
20000-21000 r--s 0 fe:00 7 /lib/a.so
30000-31000 rw-s 0 fe:00 8 /tmp/jit
40000-41000 r-xs 0 fe:00 8 /tmp/jit
";
        assert_eq!(kinds(twice), ["file", "rodata", "text", "data", "file", "file", "text"]);
        let everything_runs = "1000-2000 r-xp 0 fe:00 7 /a\n2000-3000 rwxp 1000 fe:00 7 /a\n3000-4000 rwxp 0 00:00 0\n";
        assert_eq!(kinds(everything_runs), ["text", "data", "bss"]);
        let made_by_program = "1000-2000 r-xp 0 fe:00 7 /a\n2000-3000 rw-p 1000 fe:00 7 /a\n3000-4000 rwxp 0 00:00 0\n";
        assert_eq!(kinds(made_by_program), ["text", "data", "anonymous"]);
        assert_eq!(kinds("1000-2000 rwxp 0 fe:00 7 /packed\n"), ["text"]);
        // The name decides too: a library that was replaced in place has its old inode given to another file.
        assert_eq!(kinds("1000-2000 r-xp 0 fe:00 7 /a\n2000-3000 r--p 1000 fe:00 7 /b\n"), ["text", "file"]);
    }

    #[test]
    fn names_of_the_kernel_are_known_and_files_that_imitate_them_are_files() {
        let cases = [
            ("rw-s 0 00:01 9 /memfd:x (deleted)", "memfd"),
            ("r-xp 0 00:01 9 /memfd:program (deleted)", "memfd"),
            ("rw-s 0 fe:00 9 /memfd:x (deleted)", "file"),
            ("rw-s 0 fe:00 9 /memfd:x", "file"),
            ("rw-s 0 00:01 32 /SYSV0000abcd (deleted)", "sysv"),
            ("rw-s 0 00:10 32 /SYSV0000abcd (deleted)", "sysv"),
            ("rw-s 0 fe:00 9 /SYSV0000abcd (deleted)", "file"),
            ("rw-s 0 00:2f 9 /SYSV0000abcd (deleted)", "file"),
            ("rw-s 0 fe:00 9 /SYSV0000abcd", "file"),
            ("rw-s 0 00:01 9 /SYSVabc (deleted)", "file"),
            ("rw-s 0 fe:00 9 /SYSVabc", "file"),
            ("rw-s 0 00:01 9 /dev/zero (deleted)", "shared"),
            ("rw-p 0 00:06 4 /dev/zero", "anonymous"),
            ("rw-s 0 00:05 9 /dev/fb0", "device"),
            ("rw-s 0 00:15 9 /sys/devices/pci0000:00/0000:00:02.0/resource0", "device"),
            ("rw-s 0 00:15 9 /dev/shm/x", "file"),
            ("rw-s 0 00:15 9 /dev/shm/x (deleted)", "file"),
            ("rw-p 0 00:0f 9 /anon_hugepage (deleted)", "anonymous"),
            ("rw-s 0 00:0f 9 /anon_hugepage (deleted)", "shared"),
            ("rw-s 0 00:01 9 /drm mm object (deleted)", "device"),
            ("rw-s 0 00:0f 9 /[aio] (deleted)", "other"),
            ("rw-s 0 00:0e 9 anon_inode:[perf_event]", "device"),
            ("rw-s 0 00:08 9 socket:[4711]", "device"),
            ("rw-p 0 00:00 0 [anon:my heap]", "anonymous"),
            ("rw-p 0 00:00 0 [anon:.bss]", "anonymous"),
            ("rw-s 0 00:01 9 [anon_shmem:x]", "shared"),
            ("rw-s 0 00:00 0", "shared"),
            ("rw-p 0 00:00 0 [stack:77]", "thread_stack"),
            ("rw-p 0 00:00 0 [anon: glibc: pthread stack: 77]", "thread_stack"),
            ("---p 0 00:00 0 [anon: glibc: pthread stack: 77]", "anonymous"),
            ("rw-p 0 00:00 0 [anon:stack_and_tls:77]", "thread_stack"),
            ("r--p 0 00:00 0 [vvar_vclock]", "vvar"),
            ("r-xp 0 00:00 0 [vdso]", "vdso"),
            ("--xp 0 00:00 0 [vsyscall]", "vsyscall"),
            ("r-xp 0 00:00 0 [uprobes]", "uprobes"),
            ("r-xp 0 00:00 0 [sigpage]", "other"),
            ("r--s 0 fe:00 9 /tmp/[heap]", "file"),
        ];
        for (rest, kind) in cases {
            assert_eq!(kinds(&format!("1000-2000 {rest}\n")), [kind], "{rest}");
        }
        assert_eq!(kinds_with_flags("1000-2000 rw-s 0 fe:00 9 /srv/gpu # rd wr io pf\n"), ["device"]);
    }

    #[test]
    fn a_file_that_imitates_the_kernel_with_a_mark_too_is_a_file_once_it_is_known_to_be_there() {
        for name in ["/memfd:x (deleted)", "/SYSV0000abcd (deleted)", "/anon_hugepage (deleted)"] {
            let mut mappings = parse(format!("1000-2000 rw-s 0 00:01 9 {name}\n").as_bytes()).expect("it is a map");
            mappings[0].deleted = false;
            classify(&mut mappings, None, &[]);
            assert_eq!(mappings[0].kind, Kind::File, "{name}");
        }
    }

    #[test]
    fn a_threads_stack_is_where_its_stack_pointer_is() {
        let stack = |tid, pointer| Stack { tid: Pid(tid), pointer, leads: tid == 1 };
        let threads = |stacks: &[Stack]| -> Vec<_> {
            let map = b"1000-2000 ---p 0 00:00 0\n2000-9000 rw-p 0 00:00 0\na000-b000 rw-p 0 00:00 0 [stack]\n";
            let mut mappings = parse(map).expect("it is a map");
            classify(&mut mappings, None, stacks);
            mappings.iter().map(|mapping| (mapping.kind.word(), mapping.thread.map(|tid| tid.0))).collect()
        };
        let alone = threads(&[stack(1, 0xaf00), stack(5, 0x8f00), stack(6, 0xf000)]);
        assert_eq!(alone, [("anonymous", None), ("thread_stack", Some(5)), ("stack", None)]);
        for other in [stack(6, 0x3000), stack(1, 0x3000)] {
            assert_eq!(threads(&[stack(5, 0x8f00), other])[1], ("anonymous", None), "of both, and so of none");
        }
        assert_eq!(threads(&[stack(1, 0x3000)])[1], ("anonymous", None));
        assert_eq!(threads(&[stack(5, 0x1f00), stack(6, 0xaf00)]).iter().filter(|(_, tid)| tid.is_some()).count(), 0);
    }

    #[test]
    fn a_stack_in_pieces_is_one() {
        let pieces = "\
1000-2000 rw-p 0 00:00 0 # rd wr gd
3000-4000 rw-p 0 00:00 0 # rd wr gd
4000-5000 rwxp 0 00:00 0 # rd wr ex gd
5000-6000 rw-p 0 00:00 0 [stack] # rd wr gd
";
        assert_eq!(kinds_with_flags(pieces), ["anonymous", "stack", "stack", "stack"]);
    }

    #[test]
    fn variables_without_values_follow_those_with_values() {
        let maps =
            "1000-2000 r-xp 0 fe:00 7 /a\n2000-3000 rw-p 1000 fe:00 7 /a\n3000-4000 rw-p 0 00:00 0 [anon:.bss]\n";
        assert_eq!(kinds(maps), ["text", "data", "bss"]);
        let apart = "1000-2000 r-xp 0 fe:00 7 /a\n2000-3000 rw-p 1000 fe:00 7 /a\n4000-5000 rw-p 0 00:00 0\n";
        assert_eq!(kinds(apart), ["text", "data", "anonymous"]);
        let mut mappings = parse(maps.as_bytes()).expect("a map");
        mappings[0].path = Some(Text::from("/b"));
        classify(&mut mappings, None, &[]);
        assert_eq!(mappings[2].kind, Kind::Anonymous, "behind a file that is no program");
    }
}
