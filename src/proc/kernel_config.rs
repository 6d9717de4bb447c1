//! The kernel's configuration as it was built: `/proc/config.gz` unpacked, `/boot/config-RELEASE`.

use super::fields::{lines, number};
use crate::snapshot::{Missing, Reading};

/// The number that an option has: `CONFIG_HZ=250`.
///
/// # Errors
/// `Unsupported` where this kernel has no such option, `Malformed` where it is no number.
pub fn value(config: &[u8], option: &str) -> Reading<u32> {
    let line = lines(config).find_map(|line| line.strip_prefix(option.as_bytes())?.strip_prefix(b"="));
    number(line.ok_or(Missing::Unsupported)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_are_whole_words_at_the_beginning_of_a_line() {
        let config = b"# CONFIG_ARCH_MMAP_RND_BITS=1\nCONFIG_ARCH_MMAP_RND_BITS_MIN=28\nCONFIG_ARCH_MMAP_RND_BITS=30\nCONFIG_X=y\n";
        assert_eq!(value(config, "CONFIG_ARCH_MMAP_RND_BITS"), Ok(30));
        assert_eq!(value(config, "CONFIG_X"), Err(Missing::Malformed));
        assert_eq!(value(config, "CONFIG_ARCH_MMAP_RND_COMPAT_BITS"), Err(Missing::Unsupported));
    }
}
