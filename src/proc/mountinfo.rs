//! `/proc/PID/mountinfo` (proc_pid_mountinfo(5)): which file system is mounted where, and which directory of it.
//!
//! Not the parser of the `procfs` crate, which refuses the whole file for one mount point that is not UTF-8.

use super::fields::{lines, words};

/// One mount.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Mount {
    /// The directory of the file system that is mounted, as its own name space of directories has it.
    pub root: Vec<u8>,
    /// Where it is mounted, as seen from the root directory of the process.
    pub point: Vec<u8>,
    /// The kind of file system (`proc`, `cgroup2`).
    pub kind: Vec<u8>,
    /// Options of the file system, apart by commas.
    pub options: Vec<u8>,
}

impl Mount {
    /// The options of the file system one by one.
    pub fn options(&self) -> impl Iterator<Item = &[u8]> {
        self.options.split(|byte| *byte == b',')
    }
}

/// All mounts in the order of the file; a later one on the same point hides an earlier one. Lines that are not as
/// documented are left out.
#[must_use]
pub fn parse(bytes: &[u8]) -> Vec<Mount> {
    lines(bytes).filter_map(mount).collect()
}

fn mount(line: &[u8]) -> Option<Mount> {
    let mut fields = words(line);
    let root = unescaped(fields.nth(3)?);
    let point = unescaped(fields.next()?);
    fields.find(|field| *field == b"-")?;
    Some(Mount { root, point, kind: fields.next()?.to_vec(), options: unescaped(fields.nth(1).unwrap_or_default()) })
}

/// Blanks, newlines and backslashes stand as three octal digits after a backslash.
fn unescaped(field: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(field.len());
    let mut rest = field;
    while let [first, after @ ..] = rest {
        let escape = (*first == b'\\').then(|| after.split_at_checked(3)).flatten();
        let escape = escape.and_then(|(digits, after)| octal(digits).map(|byte| (byte, after)));
        let (byte, after) = escape.unwrap_or((*first, after));
        bytes.push(byte);
        rest = after;
    }
    bytes
}

fn octal(digits: &[u8]) -> Option<u8> {
    u8::from_str_radix(str::from_utf8(digits).ok()?, 8).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mount_has_its_fields_whatever_the_number_of_optional_ones() {
        let mounts = parse(
            b"35 31 0:32 /docker/1 /sys/fs/cgroup/memory rw,relatime - cgroup cgroup rw,memory\n\
              36 1 0:5 / /proc rw shared:5 master:1 - proc proc rw,hidepid=invisible,gid=4\nshort line\n",
        );
        assert_eq!(mounts.len(), 2);
        assert_eq!((&mounts[0].root[..], &mounts[0].kind[..]), (&b"/docker/1"[..], &b"cgroup"[..]));
        assert_eq!(mounts[1].point, b"/proc");
        assert_eq!(mounts[1].options().collect::<Vec<_>>(), [&b"rw"[..], b"hidepid=invisible", b"gid=4"]);
    }

    #[test]
    fn octal_escapes_become_bytes_and_other_backslashes_stay() {
        assert_eq!(unescaped(b"/a\\040b\\134c\\012"), b"/a b\\c\n");
        assert_eq!(unescaped(b"/a\\9xx\\04"), b"/a\\9xx\\04");
        assert_eq!(unescaped(b"/\xff\\777"), b"/\xff\\777");
    }
}
