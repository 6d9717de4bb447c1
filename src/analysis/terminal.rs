//! The name of a terminal, as ps(1) prints it, from the device number in field 7 of `/proc/PID/stat`.
//!
//! No file of /dev is looked at: it may belong to another mount namespace than the process.

use crate::snapshot::{Reading, system::TerminalDriver};
use std::sync::Arc;

/// Major number of the slave side of pseudo-terminals (Documentation/admin-guide/devices.txt).
const PTS: u32 = 136;
/// Major number of virtual consoles (minors below 64) and serial ports.
const TTY: u32 = 4;

/// The two halves of a device number; the minor is split across bits 31 to 20 and 7 to 0.
#[must_use]
pub fn device(number: u32) -> (u32, u32) {
    (number >> 8 & 0xfff, number & 0xff | number >> 12 & 0xfff00)
}

/// `pts/0`, `tty1`, `ttyS0`, `console`; `None` for 0, no terminal. The bare device number as `204:64` where neither the
/// table of drivers nor the kernel's fixed numbers know it.
#[must_use]
pub fn name(number: u32, drivers: &Reading<Arc<[TerminalDriver]>>) -> Option<Vec<u8>> {
    if number == 0 {
        return None;
    }
    let (major, minor) = device(number);
    let fixed = match (major, minor) {
        (PTS, _) => Some(format!("pts/{minor}")),
        (TTY, ..64) => Some(format!("tty{minor}")),
        (TTY, _) => Some(format!("ttyS{}", minor - 64)),
        (5, 1) => Some("console".to_owned()),
        _ => None,
    };
    if let Some(fixed) = fixed {
        return Some(fixed.into_bytes());
    }
    let known = drivers.iter().flat_map(|all| all.iter()).find(|driver| driver.major == major && driver.covers(minor));
    Some(known.map_or_else(
        || format!("{major}:{minor}").into_bytes(),
        |driver| {
            let mut name = driver.name.to_vec();
            if driver.numbered {
                name.extend((minor - driver.first).to_string().into_bytes());
            }
            name
        },
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{snapshot::Missing, text::Text};

    #[test]
    fn device_numbers_are_split_as_the_kernel_packs_them() {
        assert_eq!(device(0x8800), (136, 0));
        assert_eq!(device(0x0010_8834), (136, 308));
        assert_eq!(device(0xfff0_88ff), (136, 0xfffff));
    }

    #[test]
    fn terminals_are_named_as_ps_names_them() {
        let driver = TerminalDriver { name: Text::from("ttyAMA"), major: 204, first: 64, last: 77, numbered: true };
        let drivers = Ok(Arc::from([driver]));
        let cases = [
            (0x8800, "pts/0"),
            (0x0010_8834, "pts/308"),
            (0x0401, "tty1"),
            (0x0440, "ttyS0"),
            (0x0501, "console"),
            (0xcc41, "ttyAMA1"),
            (0xccff, "204:255"),
        ];
        for (number, text) in cases {
            assert_eq!(name(number, &drivers).as_deref(), Some(text.as_bytes()));
        }
        assert_eq!(name(0, &drivers), None);
        assert_eq!(name(0xcc41, &Err(Missing::Denied)).as_deref(), Some(&b"204:65"[..]));
    }
}
