//! `/proc/tty/drivers`: which device numbers belong to which terminal driver.

use super::fields::{digits, lines, words};
use crate::{
    snapshot::{Missing, Reading, system::TerminalDriver},
    text::Text,
};

/// The drivers, in the order of the file. A line is name, device, major, minor or range of minors, and type.
///
/// # Errors
/// `Malformed` where a line is not of that shape.
pub fn drivers(bytes: &[u8]) -> Reading<Vec<TerminalDriver>> {
    lines(bytes).map(driver).collect()
}

fn driver(line: &[u8]) -> Reading<TerminalDriver> {
    let mut all = words(line).skip(1);
    let mut next = || all.next().ok_or(Missing::Malformed);
    let device = next()?;
    let (major, minors, kind) = (number(next()?)?, next()?, next()?);
    let (first, last) = match minors.iter().position(|byte| *byte == b'-') {
        Some(dash) => {
            let (first, last) = minors.split_at_checked(dash).ok_or(Missing::Malformed)?;
            (number(first)?, number(last.get(1..).ok_or(Missing::Malformed)?)?)
        }
        None => (number(minors)?, number(minors)?),
    };
    let name = device.strip_prefix(b"/dev/").unwrap_or(device);
    let numbered = !kind.starts_with(b"system");
    Ok(TerminalDriver { name: Text::from(name), major, first, last, numbered })
}

fn number(bytes: &[u8]) -> Reading<u32> {
    u32::try_from(digits(bytes)?).map_err(|_| Missing::Malformed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn drivers_have_one_minor_or_a_range() {
        let found = drivers(
            b"/dev/console         /dev/console    5       1 system:console\n\
              serial               /dev/ttyS       4      64 serial\n\
              pty_slave            /dev/pts      136 0-1048575 pty:slave\n",
        )
        .expect("well-formed lines");
        let driver = |name: &str, major, first, last, numbered| TerminalDriver {
            name: Text::from(name),
            major,
            first,
            last,
            numbered,
        };
        assert_eq!(
            found,
            [
                driver("console", 5, 1, 1, false),
                driver("ttyS", 4, 64, 64, true),
                driver("pts", 136, 0, 1_048_575, true)
            ]
        );
        assert_eq!(drivers(b"serial /dev/ttyS 4\n"), Err(Missing::Malformed));
    }
}
