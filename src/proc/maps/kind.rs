//! What each mapping is for, judged from names, permissions and neighbours; the kernel does not say.
//!
//! A file is part of a program if any of it is mapped for execution. Of its parts that can only be read, those before the
//! code are constants; behind it, the last before the variables is what was relocated at start and then sealed (RELRO).
//! Where there are figures they decide: constants have no anonymous pages, relocated data has.

use super::Stack;
use crate::{
    snapshot::map::{Amount, Figures, FileId, Kind, Mapping, Permissions},
    unit::Pid,
};
use std::collections::HashMap;

/// Set the kind of every mapping; they are in order of address. `stacks` says where the stack pointers of the threads are.
pub fn classify(mappings: &mut [Mapping], figures: Option<&[Figures]>, stacks: &[Stack]) {
    let programs = programs(mappings);
    // Where the variables of a program end that were seen last.
    let mut data_end = None;
    for at in 0..mappings.len() {
        let figures = figures.and_then(|figures| figures.get(at));
        let sealed = is_sealed(mappings, at, &programs, figures);
        let Some(mapping) = mappings.get_mut(at) else { continue };
        (mapping.kind, mapping.thread) = match &mapping.path {
            None => (nameless(mapping, data_end == Some(mapping.start)), None),
            Some(path) => match old_thread_stack(path) {
                Some(tid) => (Kind::ThreadStack, Some(tid)),
                None => (named(mapping, path, &programs, sealed), None),
            },
        };
        if mapping.kind == Kind::File && is_io(figures) {
            mapping.kind = Kind::Device;
        }
        if matches!(mapping.kind, Kind::Data | Kind::Bss) {
            data_end = Some(mapping.end);
        }
    }
    mark_stacks(mappings, stacks);
}

/// Memory with one stack pointer in it is the stack of that thread. Where several are, it is something else that stacks
/// are taken from: the heap of a runtime with threads of its own making.
fn mark_stacks(mappings: &mut [Mapping], stacks: &[Stack]) {
    let mut found: Vec<(usize, &Stack)> = Vec::with_capacity(stacks.len());
    for stack in stacks {
        let at = mappings.partition_point(|mapping| mapping.end <= stack.pointer);
        if mappings.get(at).is_some_and(|mapping| mapping.start <= stack.pointer && mapping.kind == Kind::Anonymous) {
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

/// What is known of a file with code in it.
#[derive(Clone, Copy, Default)]
struct Program {
    /// Where its first code is.
    text: Option<u64>,
    /// Whether something that can only be read stands before the code.
    before: bool,
    /// How many such stand behind it.
    behind: u32,
}

fn programs(mappings: &[Mapping]) -> HashMap<FileId, Program> {
    let mut programs: HashMap<FileId, Program> = HashMap::new();
    let files = mappings.iter().filter(|mapping| mapping.file.inode != 0);
    for mapping in files.clone().filter(|mapping| mapping.permissions.has(Permissions::EXECUTE)) {
        programs.entry(mapping.file).or_default().text.get_or_insert(mapping.start);
    }
    for mapping in files.filter(|mapping| is_read_only(mapping)) {
        if let Some(program) = programs.get_mut(&mapping.file) {
            match program.text {
                Some(text) if mapping.start > text => program.behind += 1,
                _ => program.before = true,
            }
        }
    }
    programs
}

fn is_read_only(mapping: &Mapping) -> bool {
    mapping.permissions == Permissions::READ
}

/// Whether a part that can only be read is what was sealed after relocation.
fn is_sealed(mappings: &[Mapping], at: usize, programs: &HashMap<FileId, Program>, figures: Option<&Figures>) -> bool {
    let Some(mapping) = mappings.get(at).filter(|mapping| is_read_only(mapping)) else { return false };
    let Some(program) = programs.get(&mapping.file) else { return false };
    if program.text.is_none_or(|text| mapping.start < text) {
        return false;
    }
    if figures.and_then(|figures| figures.get(Amount::Anonymous)).is_some_and(|pages| pages.0 > 0) {
        return true;
    }
    let next = mappings.get(at + 1).filter(|next| next.start == mapping.end);
    let before_data = next.is_some_and(|next| next.file == mapping.file && next.permissions.has(Permissions::WRITE));
    before_data && (program.behind > 1 || !program.before)
}

/// Memory with a name.
fn named(mapping: &Mapping, path: &[u8], programs: &HashMap<FileId, Program>, sealed: bool) -> Kind {
    if let Some(kind) = special(mapping, path) {
        return kind;
    }
    match () {
        () if !path.starts_with(b"/") => Kind::Other,
        () if mapping.file.inode != 0 && programs.contains_key(&mapping.file) => part(mapping, sealed),
        () => Kind::File,
    }
}

/// A part of a program or library.
fn part(mapping: &Mapping, sealed: bool) -> Kind {
    let permissions = mapping.permissions;
    match () {
        () if permissions.has(Permissions::EXECUTE) => Kind::Text,
        // Programs are mapped privately; whoever shares a file reads or writes it as one.
        () if permissions.has(Permissions::SHARED) => Kind::File,
        () if permissions.has(Permissions::WRITE) => Kind::Data,
        () if sealed => Kind::Relro,
        () => Kind::Rodata,
    }
}

/// Memory without a name.
fn nameless(mapping: &Mapping, follows_data: bool) -> Kind {
    match () {
        () if mapping.permissions.has(Permissions::SHARED) => Kind::Shared,
        () if follows_data && mapping.permissions.has(Permissions::WRITE) => Kind::Bss,
        () => Kind::Anonymous,
    }
}

/// What names that the kernel chose stand for; whole names, and beginnings.
const NAMES: &[(&[u8], Kind)] = &[
    (b"[heap]", Kind::Heap),
    (b"[stack]", Kind::Stack),
    (b"[vdso]", Kind::Vdso),
    (b"[vsyscall]", Kind::Vsyscall),
    (b"[uprobes]", Kind::Uprobes),
];
const BEGINNINGS: &[(&[u8], Kind)] = &[
    (b"[vvar", Kind::Vvar),
    (b"[anon:", Kind::Anonymous),
    (b"[anon_shmem:", Kind::Shared),
    (b"anon_inode:", Kind::Device),
    (b"/dmabuf:", Kind::Device),
];
/// Directories below /dev with ordinary files in them.
const NO_DEVICES: [&[u8]; 3] = [b"/dev/shm/", b"/dev/hugepages/", b"/dev/mqueue/"];

fn special(mapping: &Mapping, path: &[u8]) -> Option<Kind> {
    let named = NAMES.iter().find(|(name, _)| *name == path);
    let known = named.or_else(|| BEGINNINGS.iter().find(|(name, _)| path.starts_with(name)));
    if let Some((_, kind)) = known {
        return Some(*kind);
    }
    let own = if mapping.permissions.has(Permissions::SHARED) { Kind::Shared } else { Kind::Anonymous };
    // The kernel's own files have no name in any directory, which it marks as deleted; a file with such a name has one.
    match mapping.object()? {
        name if mapping.deleted && name.starts_with(b"/memfd:") => Some(Kind::Memfd),
        name if mapping.deleted && is_sysv(name) => Some(Kind::Sysv),
        b"/anon_hugepage" if mapping.deleted => Some(own),
        b"/dev/zero" => Some(own),
        name if name.starts_with(b"/dev/") && !NO_DEVICES.iter().any(|directory| name.starts_with(directory)) => {
            Some(Kind::Device)
        }
        _ => None,
    }
}

/// `/SYSV` and the key in eight hexadecimal digits.
fn is_sysv(name: &[u8]) -> bool {
    let key = name.strip_prefix(b"/SYSV");
    key.is_some_and(|key| key.len() == 8 && key.iter().all(u8::is_ascii_hexdigit))
}

/// `[stack:TID]`, as kernels before 4.5 wrote it.
fn old_thread_stack(path: &[u8]) -> Option<Pid> {
    let tid = path.strip_prefix(b"[stack:")?.strip_suffix(b"]")?;
    u32::try_from(super::digits(tid).ok()?).ok().map(Pid)
}

/// Whether the kernel notes it as memory of a device.
fn is_io(figures: Option<&Figures>) -> bool {
    figures.is_some_and(|figures| figures.flags().any(|flag| flag == b"io" || flag == b"pf"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proc::maps::parse;

    fn kinds(maps: &str) -> Vec<&'static str> {
        let mappings = parse(maps.as_bytes()).expect("it is a map");
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
600000-601000 r--p 00000000 fe:00 7 /old
601000-602000 rw-p 00001000 fe:00 7 /old
";
        assert_eq!(kinds(two_segments), ["text", "relro", "data"]);
        let without = "\
400000-401000 r--p 00000000 fe:00 7 /a
401000-402000 r-xp 00001000 fe:00 7 /a
402000-403000 r--p 00002000 fe:00 7 /a
403000-404000 rw-p 00003000 fe:00 7 /a
";
        assert_eq!(kinds(without), ["rodata", "text", "rodata", "data"]);
    }

    #[test]
    fn names_of_the_kernel_are_known_and_files_that_imitate_them_are_files() {
        let cases = [
            ("rw-s 0 00:01 9 /memfd:x (deleted)", "memfd"),
            ("rw-s 0 fe:00 9 /memfd:x", "file"),
            ("rw-s 0 00:01 32 /SYSV0000abcd (deleted)", "sysv"),
            ("rw-s 0 fe:00 9 /SYSVabc", "file"),
            ("rw-s 0 00:01 9 /dev/zero (deleted)", "shared"),
            ("rw-p 0 00:05 9 /dev/zero", "anonymous"),
            ("rw-s 0 00:05 9 /dev/fb0", "device"),
            ("rw-s 0 00:15 9 /dev/shm/x", "file"),
            ("rw-p 0 00:0f 9 /anon_hugepage (deleted)", "anonymous"),
            ("rw-s 0 00:0e 9 anon_inode:[perf_event]", "device"),
            ("rw-p 0 00:00 0 [anon:my heap]", "anonymous"),
            ("rw-s 0 00:01 9 [anon_shmem:x]", "shared"),
            ("rw-s 0 00:00 0", "shared"),
            ("rw-p 0 00:00 0 [stack:77]", "thread_stack"),
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
    }

    #[test]
    fn a_file_that_imitates_the_kernel_with_a_mark_too_is_a_file_once_it_is_known_to_be_there() {
        for name in ["/memfd:x (deleted)", "/SYSV0000abcd (deleted)", "/anon_hugepage (deleted)"] {
            let mut mappings = parse(format!("1000-2000 rw-s 0 fe:00 9 {name}\n").as_bytes()).expect("it is a map");
            mappings[0].deleted = false;
            classify(&mut mappings, None, &[]);
            assert_eq!(mappings[0].kind, Kind::File, "{name}");
        }
    }

    #[test]
    fn who_shares_a_file_does_not_run_it() {
        let maps = "1000-2000 r-xp 0 fe:00 9 /a\n2000-3000 rw-p 0 fe:00 9 /a\n3000-4000 rw-s 0 fe:00 9 /a\n";
        assert_eq!(kinds(maps), ["text", "data", "file"]);
    }
}
