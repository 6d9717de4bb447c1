//! The memory map of one process: what `/proc/PID/maps` and `smaps` say of each mapping (proc_pid_smaps(5)).
//!
//! Addresses and figures are two lists, because addresses alone cost the kernel a fifth. What a mapping is for ([`Kind`])
//! is told by the addresses around it and not by the kernel.

use super::{Missing, Moment, Reading};
use crate::{
    text::Text,
    unit::{Bytes, Pid, ProcessKey},
};
use std::{fmt, ops::Range, time::Duration};

/// All mappings of a process at one moment.
#[derive(Clone, Debug, PartialEq)]
pub struct MemoryMap {
    /// Whose it is.
    pub key: ProcessKey,
    /// What the process is called.
    pub name: Text,
    /// The program file, as the link `exe` has it.
    pub exe: Reading<Text>,
    /// When reading it began.
    pub taken: Moment,
    /// The thread whose files were read, where the leading one has exited and has no map any more.
    pub through: Option<Pid>,
    /// How long the kernel took to tell the addresses; nothing in a recording.
    pub addresses_took: Duration,
    /// How long it took to tell the figures.
    pub figures_took: Duration,
    /// In order of address.
    pub mappings: Vec<Mapping>,
    /// For each of `mappings` its figures; `NotRequested` where only addresses were read.
    pub figures: Reading<Vec<Figures>>,
    /// The sums of `smaps_rollup`, of which Pss is more than the sum of the rows: each row is rounded down.
    pub totals: Reading<Figures>,
}

impl MemoryMap {
    /// The figures of the mapping at this place.
    ///
    /// # Errors
    /// Why there are none, of any mapping.
    pub fn figures(&self, at: usize) -> Reading<&Figures> {
        self.figures.as_ref().map_err(|missing| *missing)?.get(at).ok_or(Missing::Malformed)
    }

    /// The place of the mapping that holds an address; else where it would stand.
    ///
    /// # Errors
    /// The place of the first mapping above the address.
    pub fn holding(&self, address: u64) -> Result<usize, usize> {
        let at = self.mappings.partition_point(|mapping| mapping.end <= address);
        if self.mappings.get(at).is_some_and(|mapping| mapping.start <= address) { Ok(at) } else { Err(at) }
    }
}

/// One mapping: a line of `maps`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mapping {
    /// First address.
    pub start: u64,
    /// Address after the last.
    pub end: u64,
    /// Who may do what in it.
    pub permissions: Permissions,
    /// Where in the file it begins, in bytes.
    pub offset: u64,
    /// The file.
    pub file: FileId,
    /// Name as the kernel writes it, `\012` for a newline and ` (deleted)` at its end included; `None` where it has none.
    pub path: Option<Text>,
    /// Whether the file has no name any more: ` (deleted)` was appended by the kernel and is no part of the name.
    pub deleted: bool,
    /// What it is for.
    pub kind: Kind,
    /// The thread whose stack it is, for [`Kind::ThreadStack`].
    pub thread: Option<Pid>,
}

impl Mapping {
    /// Bytes of address space.
    #[must_use]
    pub fn size(&self) -> Bytes {
        Bytes(self.end.saturating_sub(self.start))
    }

    /// Its addresses.
    #[must_use]
    pub fn range(&self) -> Range<u64> {
        self.start..self.end
    }

    /// Whether a file that had a name was removed or replaced while it is mapped. Memory that only looks like a file to the
    /// kernel (memfd, System V, anonymous and shared) never had one, and is marked as deleted from the first.
    #[must_use]
    pub fn is_of_removed_file(&self) -> bool {
        let of_file = match self.kind {
            Kind::Text | Kind::Rodata | Kind::Relro | Kind::Data | Kind::Bss | Kind::File => true,
            Kind::Other => self.object().is_none_or(|name| name != b"/[aio]"),
            _ => false,
        };
        self.deleted && of_file
    }

    /// The name without the mark of a deleted file.
    #[must_use]
    pub fn object(&self) -> Option<&[u8]> {
        let path: &[u8] = self.path.as_ref()?;
        Some(if self.deleted { path.strip_suffix(DELETED).unwrap_or(path) } else { path })
    }
}

/// What the kernel appends to the path of a file that has no name any more.
pub const DELETED: &[u8] = b" (deleted)";

/// A file as `maps` names it, which is not always what stat(2) says (overlayfs, btrfs). Inode 0 is no file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FileId {
    /// Major and minor number of its device.
    pub device: (u32, u32),
    /// Inode number.
    pub inode: u64,
}

impl FileId {
    /// The device as `maps` writes it: `fe:00`.
    #[must_use]
    pub fn device_text(self) -> String {
        format!("{:02x}:{:02x}", self.device.0, self.device.1)
    }
}

/// The four letters of a mapping: may be read, written, executed; shared or private.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Permissions(u8);

impl Permissions {
    /// It may be read.
    pub const READ: Self = Self(1);
    /// It may be written.
    pub const WRITE: Self = Self(2);
    /// It may be executed.
    pub const EXECUTE: Self = Self(4);
    /// What is written is seen by others (`s`); else it is private, copied when written to (`p`).
    pub const SHARED: Self = Self(8);

    /// The letters as the kernel writes them, `rw-p`; `None` for anything else.
    #[must_use]
    pub fn parse(letters: &[u8]) -> Option<Self> {
        let [read, write, execute, shared] = *letters else { return None };
        let bit = |letter, yes, bit| match letter {
            letter if letter == yes => Some(bit),
            b'-' => Some(Self(0)),
            _ => None,
        };
        let shared = match shared {
            b's' => Self::SHARED,
            b'p' => Self(0),
            _ => return None,
        };
        let all = [bit(read, b'r', Self::READ)?, bit(write, b'w', Self::WRITE)?, bit(execute, b'x', Self::EXECUTE)?];
        Some(Self(all.iter().fold(shared.0, |all, one| all | one.0)))
    }

    /// Whether all of `other` is granted.
    #[must_use]
    pub fn has(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// Whether what is written there can be run: the mapping of an attacker's dreams, and of a just-in-time compiler.
    #[must_use]
    pub fn is_writable_and_executable(self) -> bool {
        self.has(Self(Self::WRITE.0 | Self::EXECUTE.0))
    }

    /// The letters as the kernel writes them.
    #[must_use]
    pub fn letters(self) -> &'static str {
        const ALL: [&str; 16] = [
            "---p", "r--p", "-w-p", "rw-p", "--xp", "r-xp", "-wxp", "rwxp", "---s", "r--s", "-w-s", "rw-s", "--xs",
            "r-xs", "-wxs", "rwxs",
        ];
        ALL.get(usize::from(self.0)).copied().unwrap_or("????")
    }
}

impl fmt::Display for Permissions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.letters())
    }
}

macro_rules! kinds {
    ($($kind:ident $word:literal $meaning:literal),* $(,)?) => {
        /// What a mapping is for.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[expect(missing_docs, reason = "each is explained in the table")]
        pub enum Kind { $($kind),* }

        impl Kind {
            /// Every kind with its word and its meaning.
            pub const ALL: &[(Self, &'static str, &'static str)] = &[$((Self::$kind, $word, $meaning)),*];
        }
    };
}

kinds! {
    Text "text" "code of a program or library",
    Rodata "rodata" "constants and headers of a program or library, never writable",
    Relro "relro" "data of a program or library that was relocated at start and then made read-only",
    Data "data" "variables of a program or library, private and writable, with their first values from the file",
    Bss "bss" "variables of a program or library that begin as zero",
    Heap "heap" "what brk(2) has given: small allocations of malloc",
    Stack "stack" "stack of the main thread",
    ThreadStack "thread_stack" "stack of another thread",
    Anonymous "anonymous" "private memory without a file: large allocations, arenas, thread stacks not recognised",
    Shared "shared" "shared memory without a name of its own: MAP_SHARED | MAP_ANONYMOUS, /dev/zero",
    Memfd "memfd" "a file that lives in memory only, from memfd_create(2)",
    Sysv "sysv" "System V shared memory, from shmget(2)",
    Device "device" "memory of a device, or of a driver",
    Vdso "vdso" "code of the kernel for system calls that need not enter it (vdso(7))",
    Vvar "vvar" "data of the kernel that the vdso reads: the clock",
    Vsyscall "vsyscall" "page at a fixed address that old programs call for the time",
    Uprobes "uprobes" "instructions that tracing has moved aside (uprobes)",
    File "file" "a file that is no part of a program: data that was mapped",
    Other "other" "none of these",
}

impl Kind {
    /// The word in reports and filters.
    #[must_use]
    pub fn word(self) -> &'static str {
        Self::ALL[self as usize].1
    }

    /// What it means, as a phrase.
    #[must_use]
    pub fn meaning(self) -> &'static str {
        Self::ALL[self as usize].2
    }
}

macro_rules! amounts {
    ($($amount:ident $key:literal $name:literal),* $(,)?) => {
        /// What `smaps` counts in kB for each mapping.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[expect(missing_docs, reason = "each is explained where it is a column")]
        pub enum Amount { $($amount),* }

        impl Amount {
            /// Every amount with the kernel's word for it and the name in reports, in the kernel's order.
            pub const ALL: &[(Self, &'static [u8], &'static str)] = &[$((Self::$amount, $key, $name)),*];
            const COUNT: usize = Self::ALL.len();
        }
    };
}

amounts! {
    Rss b"Rss" "rss",
    Pss b"Pss" "pss",
    PssDirty b"Pss_Dirty" "pss_dirty",
    SharedClean b"Shared_Clean" "shared_clean",
    SharedDirty b"Shared_Dirty" "shared_dirty",
    PrivateClean b"Private_Clean" "private_clean",
    PrivateDirty b"Private_Dirty" "private_dirty",
    Referenced b"Referenced" "referenced",
    Anonymous b"Anonymous" "anonymous",
    Ksm b"KSM" "ksm",
    LazyFree b"LazyFree" "lazy_free",
    AnonHuge b"AnonHugePages" "anon_huge",
    ShmemHuge b"ShmemPmdMapped" "shmem_huge",
    FileHuge b"FilePmdMapped" "file_huge",
    SharedHugetlb b"Shared_Hugetlb" "shared_hugetlb",
    PrivateHugetlb b"Private_Hugetlb" "private_hugetlb",
    Swap b"Swap" "swap",
    SwapPss b"SwapPss" "swap_pss",
    Locked b"Locked" "locked",
}

/// The figures of one mapping, or of a whole map: a paragraph of `smaps`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Figures {
    amounts: [u64; Amount::COUNT],
    /// Which of them this kernel has.
    has: u32,
    /// `KernelPageSize`, 0 where it is not told.
    pub page_size: Bytes,
    /// `MMUPageSize`, 0 where it is not told.
    pub mmu_page_size: Bytes,
    /// `THPeligible`: whether transparent huge pages may be used there.
    pub thp_eligible: Option<bool>,
    /// `ProtectionKey` (pkeys(7)).
    pub protection_key: Option<u32>,
    /// `VmFlags`: words of two letters, apart by blanks.
    pub flags: Text,
    /// Lines that this version does not know.
    pub other: Option<Box<Vec<(Text, Unknown)>>>,
}

/// The value of a line that this version does not know.
#[derive(Clone, Debug, PartialEq)]
pub enum Unknown {
    /// A size.
    Bytes(Bytes),
    /// Anything else.
    Text(Text),
}

impl Figures {
    /// This amount; `None` where the kernel does not count it.
    #[must_use]
    pub fn get(&self, amount: Amount) -> Option<Bytes> {
        (self.has & 1 << amount as u32 != 0).then_some(Bytes(self.amounts[amount as usize]))
    }

    /// Note an amount.
    pub fn set(&mut self, amount: Amount, bytes: Bytes) {
        self.amounts[amount as usize] = bytes.0;
        self.has |= 1 << amount as u32;
    }

    /// Unique set size: what would be free if the process ended. `None` where the kernel does not count all parts of it.
    #[must_use]
    pub fn uss(&self) -> Option<Bytes> {
        let parts = [Amount::PrivateClean, Amount::PrivateDirty, Amount::PrivateHugetlb];
        parts.iter().try_fold(0u64, |sum, part| Some(sum.saturating_add(self.get(*part)?.0))).map(Bytes)
    }

    /// Add the amounts of another mapping; what one of the two does not have the sum has neither.
    pub fn add(&mut self, other: &Self) {
        for (sum, more) in self.amounts.iter_mut().zip(other.amounts) {
            *sum = sum.saturating_add(more);
        }
        self.has &= other.has;
    }

    /// The words of `VmFlags`.
    pub fn flags(&self) -> impl Iterator<Item = &[u8]> {
        self.flags.split(u8::is_ascii_whitespace).filter(|word| !word.is_empty())
    }
}

/// What the words of `VmFlags` mean (Documentation/filesystems/proc.rst).
pub const FLAGS: &[(&str, &str)] = &[
    ("rd", "readable"),
    ("wr", "writable"),
    ("ex", "executable"),
    ("sh", "shared"),
    ("mr", "may be made readable"),
    ("mw", "may be made writable"),
    ("me", "may be made executable"),
    ("ms", "may be made shared"),
    ("gd", "stack, grows down"),
    ("pf", "pages of a device without struct page"),
    ("lo", "locked in memory"),
    ("io", "memory-mapped input and output"),
    ("sr", "advised: read in sequence"),
    ("rr", "advised: read at random"),
    ("dc", "not copied on fork"),
    ("de", "cannot be enlarged"),
    ("ac", "counted against the commit limit"),
    ("nr", "no swap space set aside"),
    ("ht", "huge pages (hugetlb)"),
    ("sf", "synchronous page faults (DAX)"),
    ("ar", "architecture's own flag"),
    ("wf", "wiped on fork"),
    ("dd", "left out of core dumps"),
    ("sd", "soft-dirty: written since clear_refs"),
    ("mm", "mixed: pages with and without struct page"),
    ("hg", "advised: huge pages"),
    ("nh", "advised: no huge pages"),
    ("mg", "advised: may be merged (KSM)"),
    ("bt", "guarded by BTI (arm64)"),
    ("mt", "memory tagging (arm64)"),
    ("um", "userfaultfd: missing pages"),
    ("uw", "userfaultfd: writes"),
    ("ui", "userfaultfd: minor faults"),
    ("ss", "shadow stack"),
    ("gu", "shadow stack guard"),
    ("sl", "sealed (mseal): can be neither changed nor unmapped"),
    ("dp", "dropped, not swapped, when memory is short"),
    ("nl", "not linear"),
];

/// What a word of `VmFlags` means; `None` for words of later kernels.
#[must_use]
pub fn flag_meaning(word: &[u8]) -> Option<&'static str> {
    FLAGS.iter().find(|(flag, _)| flag.as_bytes() == word).map(|(_, meaning)| *meaning)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn letters_of_permissions_come_back() {
        for letters in ["---p", "r--p", "rw-p", "r-xp", "rwxs", "--xs"] {
            assert_eq!(Permissions::parse(letters.as_bytes()).map(Permissions::letters), Some(letters));
        }
        assert_eq!(Permissions::parse(b"rw-x"), None);
        assert_eq!(Permissions::parse(b"rw-"), None);
    }

    #[test]
    fn tables_stand_in_the_order_of_their_enums_and_name_nothing_twice() {
        let mut words = HashSet::new();
        for (at, (kind, word, meaning)) in Kind::ALL.iter().enumerate() {
            assert!(*kind as usize == at && words.insert(*word) && !meaning.is_empty());
        }
        let mut names = HashSet::new();
        for (at, (amount, key, name)) in Amount::ALL.iter().enumerate() {
            assert!(*amount as usize == at && names.insert(*name) && !key.is_empty());
        }
        let flags: HashSet<_> = FLAGS.iter().map(|(flag, _)| flag).collect();
        assert_eq!(flags.len(), FLAGS.len());
        assert_eq!(Figures::default().has.count_zeros() as usize, 32.max(Amount::COUNT));
    }

    #[test]
    fn what_a_kernel_does_not_count_is_not_zero() {
        let mut figures = Figures::default();
        assert_eq!(figures.get(Amount::Rss), None);
        figures.set(Amount::PrivateClean, Bytes(1));
        figures.set(Amount::PrivateDirty, Bytes(2));
        assert_eq!(figures.uss(), None);
        figures.set(Amount::PrivateHugetlb, Bytes(4));
        assert_eq!(figures.uss(), Some(Bytes(7)));
        let mut sum = figures.clone();
        sum.add(&Figures::default());
        assert_eq!(sum.uss(), None);
    }
}
