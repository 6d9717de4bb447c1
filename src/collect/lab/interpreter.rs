//! Where an interpreter can be stopped after it has mapped all libraries: the hook that debuggers use
//! (elf/rtld-debugger-interface.txt of glibc; ldso/dynlink.c of musl).

use crate::{
    collect::source::Source,
    proc::symbols,
    snapshot::{Missing, Reading},
    sys::trace::Tracee,
};
use object::read::ReadCache;
use std::fs::File;

/// The hook of one interpreter file, and where its state stands.
#[derive(Clone, Copy, Debug)]
pub(super) struct Hook {
    /// `_dl_debug_state`, from where the file is loaded.
    pub(super) offset: u64,
    state: Option<State>,
    /// Bytes in a pointer of the program.
    pointer: u64,
}

/// Where `struct r_debug` stands (link.h), from where the file is loaded.
#[derive(Clone, Copy, Debug)]
enum State {
    /// The structure itself: `_r_debug`, of glibc.
    Here(u64),
    /// A pointer to it: `_dl_debug_addr`, of musl.
    Behind(u64),
}

/// The hook in the file of an interpreter, of a program of so many bits.
///
/// # Errors
/// `Unsupported` where it has none; else why the file cannot be read.
pub(super) fn hook(source: &dyn Source, path: &str, bits: u32) -> Reading<Hook> {
    let file = ReadCache::new(File::from(source.open(path)?));
    let [hook, here, behind] = symbols::addresses(&file, [b"_dl_debug_state", b"_r_debug", b"_dl_debug_addr"])?;
    Ok(Hook {
        offset: hook.ok_or(Missing::Unsupported)?,
        state: here.map(State::Here).or(behind.map(State::Behind)),
        pointer: u64::from(bits / 8),
    })
}

impl Hook {
    /// Whether the interpreter, loaded at `base`, says that its list of libraries is complete (`RT_CONSISTENT`).
    pub(super) fn is_consistent(&self, child: &Tracee, base: u64) -> bool {
        let word = |at: u64| child.word(at).ok();
        let pointer = |at: u64| word(at).map(|word| if self.pointer == 4 { word & 0xffff_ffff } else { word });
        let place = match self.state {
            None => None,
            Some(State::Here(offset)) => Some(base.wrapping_add(offset)),
            Some(State::Behind(offset)) => pointer(base.wrapping_add(offset)),
        };
        let Some(place) = place else { return false };
        // `int r_version`, two pointers (each aligned as such), `enum { RT_CONSISTENT, RT_ADD, RT_DELETE } r_state`.
        let number = |at: u64| word(at).map(|word| word & 0xffff_ffff);
        let version = number(place);
        let state = number(place.wrapping_add(3 * self.pointer));
        version.is_some_and(|version| version > 0) && state == Some(0)
    }
}
