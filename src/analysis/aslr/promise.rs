//! How many bits of a region's place the kernel draws, and where that is written.

use super::Place;
use crate::snapshot::{lab::Lab, program::NO_RANDOMIZE};

/// What the kernel promises for a region.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Promise {
    /// Bits of its page number; `None` where they are not known.
    pub bits: Option<u32>,
    /// The kernel source or setting that says so, or why they are not known.
    pub by: String,
}

/// What the kernel does on one architecture.
struct Rule {
    /// `e_machine` and class of programs.
    machine: (u16, u32),
    /// Where the base of mappings is drawn.
    mmap: &'static str,
    /// Bytes that the top of the stack is moved by at most, and where it is written.
    stack: (u64, &'static str),
    /// Where the beginning of the heap is drawn.
    heap: &'static str,
    /// The kernel that draws it from so many bytes, and all later ones, the latest first.
    heap_bytes: &'static [((u32, u32), u64)],
}

const MIB: u64 = 1 << 20;
const GIB: u64 = 1 << 30;

const RULES: &[Rule] = &[
    Rule {
        machine: (62, 64),
        mmap: "mmap_base in arch/x86/mm/mmap.c",
        stack: (16 * GIB, "STACK_RND_MASK in arch/x86/include/asm/elf.h"),
        heap: "arch_randomize_brk in arch/x86/kernel/process.c",
        heap_bytes: &[((6, 9), GIB), ((2, 6), 32 * MIB)],
    },
    Rule {
        machine: (3, 32),
        mmap: "mmap_base in arch/x86/mm/mmap.c",
        stack: (8 * MIB, "STACK_RND_MASK in arch/x86/include/asm/elf.h"),
        heap: "arch_randomize_brk in arch/x86/kernel/process.c",
        heap_bytes: &[((2, 6), 32 * MIB)],
    },
    Rule {
        machine: (183, 64),
        mmap: "arch_mmap_rnd in mm/util.c",
        stack: (GIB, "STACK_RND_MASK in arch/arm64/include/asm/elf.h"),
        heap: "arch_randomize_brk in mm/util.c",
        heap_bytes: &[((4, 1), GIB)],
    },
];

/// What is promised for a region; whether it is a heap behind the executable, and whether it lies above the stack.
pub(super) fn of(lab: &Lab, place: &Place, behind: bool, above: bool) -> Promise {
    match off(lab, place, behind) {
        Some(by) => Promise { bits: Some(0), by },
        None => drawn(lab, place, above).unwrap_or_else(|why| Promise { bits: None, by: why }),
    }
}

/// Why nothing is drawn for a region, where that is so.
fn off(lab: &Lab, place: &Place, behind: bool) -> Option<String> {
    let is_fixed = lab.elf.as_ref().is_ok_and(|elf| elf.as_ref().is_some_and(|elf| !elf.pie));
    if lab.personality.is_ok_and(|personality| personality & NO_RANDOMIZE != 0) {
        return Some("ADDR_NO_RANDOMIZE of the personality (personality(2))".to_owned());
    }
    match (lab.settings.randomize_va_space, place) {
        (Ok(0), _) => Some("kernel.randomize_va_space is 0".to_owned()),
        // Where nothing is drawn behind the executable, the heap moves with it.
        (Ok(1), Place::Heap) => {
            let where_then = if behind { "the heap begins where the executable ends" } else { "the heap is not moved" };
            Some(format!("kernel.randomize_va_space is 1: {where_then}"))
        }
        (_, Place::Executable) if is_fixed => Some("type ET_EXEC, load_elf_binary in fs/binfmt_elf.c".to_owned()),
        _ => None,
    }
}

/// What is drawn for a region, or why that is not known.
fn drawn(lab: &Lab, place: &Place, above: bool) -> Result<Promise, String> {
    let elf = lab.elf.as_ref().ok().and_then(Option::as_ref).ok_or("the kind of the program is not known")?;
    let rule = RULES.iter().find(|rule| rule.machine == (elf.machine, elf.bits));
    let rule = rule.ok_or("what the kernel does for this kind of program is not known here")?;
    let of_bytes = |bytes: u64, by: String| Promise { bits: Some((bytes / lab.page_size.max(1)).max(1).ilog2()), by };
    let of_setting = |by: &str| match lab.settings.rnd_bits(elf.bits) {
        Ok((bits, name)) => Ok(Promise { bits: Some(bits), by: format!("{name}, {by}") }),
        Err(why) => Err(format!("mmap_rnd_bits is not told ({}), nor what the kernel was built with", why.word())),
    };
    match place {
        Place::Stack => Ok(of_bytes(rule.stack.0, rule.stack.1.to_owned())),
        Place::Vdso if above => Ok(of_bytes(rule.stack.0, format!("it lies above the stack: {}", rule.stack.1))),
        Place::Heap => {
            let release = lab.release.as_ref().ok().and_then(|release| version(release));
            let release = release.ok_or("the version of the kernel is not known")?;
            let drawn = rule.heap_bytes.iter().find(|(since, _)| release >= *since);
            let (_, bytes) = drawn.ok_or("what so old a kernel does is not known here")?;
            Ok(of_bytes(*bytes, rule.heap.to_owned()))
        }
        Place::Executable if elf.interpreter.is_some() => of_setting("load_elf_binary in fs/binfmt_elf.c"),
        Place::Executable | Place::Vdso | Place::Mmap | Place::Interpreter | Place::Library(_) => of_setting(rule.mmap),
    }
}

/// Major and minor number of a release such as `6.18.44-generic`.
fn version(release: &[u8]) -> Option<(u32, u32)> {
    let mut numbers = str::from_utf8(release).ok()?.split(|c: char| !c.is_ascii_digit()).map(str::parse);
    Some((numbers.next()?.ok()?, numbers.next()?.ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        snapshot::{
            Missing,
            lab::Order,
            program::{Elf, Relro, Settings},
        },
        text::Text,
    };

    /// A position-independent program with an interpreter, on a kernel that has everything on.
    fn lab() -> Lab {
        let elf = Elf {
            bits: 64,
            machine: 62,
            pie: true,
            library: false,
            is_static: false,
            interpreter: Some(Text::from("/lib/ld.so")),
            relro: Relro::Full,
            relro_range: None,
            nx: true,
            stripped: true,
            build_id: None,
            base: 0,
            alignment: 4096,
        };
        Lab {
            elf: Ok(Some(elf)),
            settings: Settings {
                randomize_va_space: Ok(2),
                mmap_rnd_bits: Ok(30),
                mmap_rnd_compat_bits: Ok(8),
                ..Settings::default()
            },
            personality: Ok(0),
            release: Ok(Text::from("6.18.44-generic")),
            page_size: 4096,
            ..Lab::new(Order { command: Vec::new(), runs: 0 })
        }
    }

    fn bits(lab: &Lab) -> [Option<u32>; 5] {
        [Place::Executable, Place::Heap, Place::Stack, Place::Vdso, Place::Interpreter]
            .map(|place| of(lab, &place, true, false).bits)
    }

    fn elf(lab: &mut Lab) -> &mut Elf {
        lab.elf.as_mut().expect("it is there").as_mut().expect("it is one")
    }

    #[test]
    fn each_region_is_promised_what_the_kernel_draws_for_it() {
        let mut lab = lab();
        assert_eq!(bits(&lab), [Some(30), Some(18), Some(22), Some(30), Some(30)]);
        assert!(of(&lab, &Place::Mmap, false, false).by.starts_with("mmap_rnd_bits, "));
        assert_eq!(of(&lab, &Place::Vdso, false, true).bits, Some(22));
        lab.release = Ok(Text::from("6.8"));
        assert_eq!(bits(&lab)[1], Some(13));
        (elf(&mut lab).bits, elf(&mut lab).machine) = (32, 3);
        assert_eq!(bits(&lab), [Some(8), Some(13), Some(11), Some(8), Some(8)]);
    }

    #[test]
    fn what_is_switched_off_is_promised_nothing() {
        let mut fixed = lab();
        elf(&mut fixed).pie = false;
        assert_eq!(bits(&fixed), [Some(0), Some(18), Some(22), Some(30), Some(30)]);
        let off = Lab { personality: Ok(NO_RANDOMIZE), ..lab() };
        assert_eq!(bits(&off), [Some(0); 5]);
        let mut off = lab();
        off.settings.randomize_va_space = Ok(0);
        assert_eq!(bits(&off), [Some(0); 5]);
        off.settings.randomize_va_space = Ok(1);
        assert_eq!(bits(&off), [Some(30), Some(0), Some(22), Some(30), Some(30)]);
    }

    #[test]
    fn what_is_not_known_is_said_and_not_guessed() {
        let mut lab = lab();
        lab.settings.mmap_rnd_bits = Err(Missing::Denied);
        assert_eq!(bits(&lab), [None, Some(18), Some(22), None, None]);
        assert!(of(&lab, &Place::Mmap, false, false).by.contains("denied"));
        lab.settings.built_rnd_bits = Ok(28);
        assert_eq!(bits(&lab)[0], Some(28));
        lab.release = Err(Missing::Unsupported);
        assert_eq!(bits(&lab)[1], None);
        elf(&mut lab).machine = 22;
        assert_eq!(bits(&lab), [None; 5]);
    }

    #[test]
    fn releases_are_numbers_whatever_follows() {
        assert_eq!(version(b"6.18.44-fc"), Some((6, 18)));
        assert_eq!(version(b"5.10-rc1"), Some((5, 10)));
        assert_eq!(version(b"7"), None);
        assert_eq!(version(b"next"), None);
    }
}
