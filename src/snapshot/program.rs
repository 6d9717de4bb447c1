//! The program file of a process, and how the kernel drew the addresses of the process (ASLR).

use super::{Missing, Reading, map::FileId};
use crate::text::Text;

/// What is known of the program that a process runs.
#[derive(Clone, Debug, PartialEq)]
pub struct Program {
    /// Its path, as the link `exe` has it.
    pub path: Reading<Text>,
    /// The file itself.
    pub file: Option<FileId>,
    /// What its headers say; `None` where it is no ELF file.
    pub elf: Reading<Option<Elf>>,
    /// What the kernel is set to.
    pub settings: Settings,
    /// `/proc/PID/personality` (personality(2)).
    pub personality: Reading<u32>,
    /// What the kernel told the process at its start.
    pub draw: Reading<Draw>,
}

/// `ADDR_NO_RANDOMIZE` of personality(2), which `setarch -R` sets.
pub const NO_RANDOMIZE: u32 = 0x0004_0000;

/// How the kernel is set to randomise addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Settings {
    /// `/proc/sys/kernel/randomize_va_space`: 0 nothing, 1 all but the heap, 2 the heap too.
    pub randomize_va_space: Reading<u32>,
    /// `/proc/sys/vm/mmap_rnd_bits`: bits of the place of mappings; for root only.
    pub mmap_rnd_bits: Reading<u32>,
    /// `/proc/sys/vm/mmap_rnd_compat_bits`: the same for 32-bit programs.
    pub mmap_rnd_compat_bits: Reading<u32>,
    /// `CONFIG_ARCH_MMAP_RND_BITS`: what `mmap_rnd_bits` is until somebody sets it; asked for where that is not told.
    pub built_rnd_bits: Reading<u32>,
    /// `CONFIG_ARCH_MMAP_RND_COMPAT_BITS`: the same for 32-bit programs.
    pub built_rnd_compat_bits: Reading<u32>,
}

impl Settings {
    /// The bits that the place of mappings has in a program of this class (64 or 32), and by what name the kernel has
    /// them: the setting, else what it was built with.
    ///
    /// # Errors
    /// Why neither is known.
    pub fn rnd_bits(&self, class: u32) -> Reading<(u32, &'static str)> {
        // A kernel of 32 bits has no other programs, and no setting of their own for them.
        let compat = class == 32 && self.mmap_rnd_compat_bits != Err(Missing::Unsupported);
        let (set, built) = if compat {
            (
                (self.mmap_rnd_compat_bits, "mmap_rnd_compat_bits"),
                (self.built_rnd_compat_bits, "CONFIG_ARCH_MMAP_RND_COMPAT_BITS"),
            )
        } else {
            ((self.mmap_rnd_bits, "mmap_rnd_bits"), (self.built_rnd_bits, "CONFIG_ARCH_MMAP_RND_BITS"))
        };
        set.0.map(|bits| (bits, set.1)).or_else(|why| built.0.map(|bits| (bits, built.1)).map_err(|_| why))
    }
}

impl Default for Settings {
    fn default() -> Self {
        let none = Err(Missing::NotRequested);
        Self {
            randomize_va_space: none,
            mmap_rnd_bits: none,
            mmap_rnd_compat_bits: none,
            built_rnd_bits: none,
            built_rnd_compat_bits: none,
        }
    }
}

/// What the headers of an ELF file say of how it is loaded (elf(5)).
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "each is a fact of its own")]
pub struct Elf {
    /// 64 or 32.
    pub bits: u32,
    /// `e_machine`, such as 62 for x86-64.
    pub machine: u16,
    /// It can be loaded anywhere (ET_DYN): position-independent.
    pub pie: bool,
    /// It is a shared library (ET_DYN with neither DF_1_PIE nor DT_DEBUG), such as the interpreter started as a program.
    pub library: bool,
    /// It needs no interpreter and no library.
    pub is_static: bool,
    /// The interpreter that loads its libraries (PT_INTERP).
    pub interpreter: Option<Text>,
    /// What is made read-only after relocation.
    pub relro: Relro,
    /// Addresses that PT_GNU_RELRO covers, as in the file.
    pub relro_range: Option<(u64, u64)>,
    /// The stack is not executable (PT_GNU_STACK without PF_X).
    pub nx: bool,
    /// It has no symbol table.
    pub stripped: bool,
    /// The note NT_GNU_BUILD_ID, in hexadecimal digits.
    pub build_id: Option<String>,
    /// The lowest address of a loadable segment, as in the file: where a program that is not position-independent lies.
    pub base: u64,
    /// The largest alignment of a loadable segment.
    pub alignment: u64,
}

/// How much of what was relocated is read-only afterwards.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Relro {
    /// Nothing.
    None,
    /// All but the table of functions that are bound late.
    Partial,
    /// That table too, because all is bound at the start.
    Full,
}

impl Relro {
    /// The word in reports.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Partial => "partial",
            Self::Full => "full",
        }
    }
}

/// What the kernel drew for a process at its exec (getauxval(3)), to be compared with that of another.
#[derive(Clone, PartialEq, Eq)]
pub struct Draw {
    /// AT_BASE, AT_PHDR, AT_SYSINFO_EHDR, AT_ENTRY, AT_EXECFN, AT_RANDOM, as far as they are there.
    pub addresses: Vec<(u64, u64)>,
    /// The 16 bytes at AT_RANDOM. They seed the stack protector: compared, and never shown.
    random: Reading<[u8; 16]>,
}

impl Draw {
    /// A draw as read.
    #[must_use]
    pub fn new(addresses: Vec<(u64, u64)>, random: Reading<[u8; 16]>) -> Self {
        Self { addresses, random }
    }

    /// The value of an entry of the auxiliary vector, such as AT_BASE (7).
    #[must_use]
    pub fn address(&self, entry: u64) -> Option<u64> {
        self.addresses.iter().find(|(key, _)| *key == entry).map(|(_, value)| *value)
    }

    /// Whether the two are one draw: one process was forked from the other, or both from a third, without exec. The
    /// addresses alone prove nothing where nothing is randomised.
    ///
    /// # Errors
    /// Why it cannot be told.
    pub fn is_same(&self, other: &Self) -> Reading<bool> {
        if self.addresses != other.addresses {
            return Ok(false);
        }
        Ok(self.random? == other.random?)
    }
}

impl std::fmt::Debug for Draw {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Draw").field("addresses", &self.addresses).finish_non_exhaustive()
    }
}
