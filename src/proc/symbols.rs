//! Addresses of the dynamic symbols of an ELF file, by name (elf(5)).

use crate::snapshot::{Missing, Reading};
use object::{
    Endianness, Object, ObjectSymbol, elf,
    read::{
        ReadRef,
        elf::{ElfFile, FileHeader},
    },
};

/// The address of each of `names` in the file, as far as it has them; above where it is loaded, if it can be loaded anywhere.
///
/// # Errors
/// `Malformed` where it is no ELF file or a broken one.
pub fn addresses<'data, R: ReadRef<'data>, const N: usize>(data: R, names: [&[u8]; N]) -> Reading<[Option<u64>; N]> {
    let ident = data.read_bytes_at(0, 5).map_err(|()| Missing::Malformed)?;
    match ident.strip_prefix(&elf::ELFMAG) {
        Some([elf::ELFCLASS32]) => find::<elf::FileHeader32<Endianness>, R, N>(data, names),
        Some([elf::ELFCLASS64]) => find::<elf::FileHeader64<Endianness>, R, N>(data, names),
        _ => Err(Missing::Malformed),
    }
}

fn find<'data, H: FileHeader<Endian = Endianness>, R: ReadRef<'data>, const N: usize>(
    data: R,
    names: [&[u8]; N],
) -> Reading<[Option<u64>; N]> {
    let file = ElfFile::<'data, H, R>::parse(data).map_err(|_| Missing::Malformed)?;
    let mut found = [None; N];
    for symbol in file.dynamic_symbols().filter(ObjectSymbol::is_definition) {
        let Ok(name) = symbol.name_bytes() else { continue };
        for (sought, found) in names.iter().zip(&mut found) {
            if *sought == name {
                *found = Some(symbol.address());
            }
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn what_is_no_elf_file_has_no_symbols() {
        for bytes in [&b""[..], b"#!/bin/sh\n", b"\x7fELF\x02\x01\x01"] {
            assert_eq!(addresses(bytes, [b"main"]), Err(Missing::Malformed));
        }
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..600)) {
            let _ = addresses(&bytes[..], [b"main"]);
            let forged: Vec<u8> = b"\x7fELF\x02\x01\x01".iter().copied().chain(bytes).collect();
            let _ = addresses(&forged[..], [b"main"]);
        }
    }
}
