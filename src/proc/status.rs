//! `/proc/PID/status` (proc_pid_status(5)), as far as columns need it.
//!
//! The name in it is escaped by the kernel in part only, so it is never taken from here.

use super::fields::{hexadecimal, keyed, number, words};
use crate::{
    snapshot::{
        Missing, Reading,
        process::{Ids, SignalSet, Status, Switches},
    },
    unit::{Bytes, Id, Pid},
};

/// Parse the whole file. Keys not known are passed over, keys not there leave their default.
///
/// # Errors
/// `Malformed` where a known key has a value that is not as documented, or `Uid:` is missing.
pub fn parse(bytes: &[u8]) -> Reading<Status> {
    let mut status = Status::default();
    let mut uid = None;
    for (key, value) in keyed(bytes) {
        match key {
            b"Uid" => uid = Some(ids(value)?),
            b"Gid" => status.gid = ids(value)?,
            b"TracerPid" => status.tracer = Some(Pid(number(value)?)).filter(|pid| pid.0 != 0),
            b"VmHWM" => status.rss_peak = Some(kib(value)?),
            b"RssAnon" => status.rss_anon = Some(kib(value)?),
            b"RssFile" => status.rss_file = Some(kib(value)?),
            b"RssShmem" => status.rss_shmem = Some(kib(value)?),
            b"VmLck" => status.locked = Some(kib(value)?),
            b"VmPTE" => status.page_tables = Some(kib(value)?),
            b"VmSwap" => status.swap = Some(kib(value)?),
            b"SigBlk" => status.blocked = SignalSet(hexadecimal(value)?),
            b"SigIgn" => status.ignored = SignalSet(hexadecimal(value)?),
            b"SigCgt" => status.caught = SignalSet(hexadecimal(value)?),
            b"voluntary_ctxt_switches" => status.voluntary_switches = number(value)?,
            b"nonvoluntary_ctxt_switches" => status.involuntary_switches = number(value)?,
            _ => {}
        }
    }
    status.uid = uid.ok_or(Missing::Malformed)?;
    Ok(status)
}

/// Only the context switches, for one of many threads.
///
/// # Errors
/// As [`parse`].
pub fn switches(bytes: &[u8]) -> Reading<Switches> {
    let mut switches = None;
    for (key, value) in keyed(bytes) {
        match key {
            b"voluntary_ctxt_switches" => switches = Some(Switches { voluntary: number(value)?, involuntary: 0 }),
            b"nonvoluntary_ctxt_switches" => switches.as_mut().ok_or(Missing::Malformed)?.involuntary = number(value)?,
            _ => {}
        }
    }
    switches.ok_or(Missing::Unsupported)
}

fn ids(value: &[u8]) -> Reading<Ids> {
    let mut all = words(value).map(|word| number(word).map(Id));
    let mut next = || all.next().ok_or(Missing::Malformed)?;
    Ok(Ids { real: next()?, effective: next()?, saved: next()?, fs: next()? })
}

/// `12 kB` as bytes.
///
/// # Errors
/// `Malformed` where it is no number of kB.
pub fn kib(value: &[u8]) -> Reading<Bytes> {
    number(value.strip_suffix(b"kB").ok_or(Missing::Malformed)?.trim_ascii()).map(Bytes::from_kib)
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &[u8] = b"Name:\ta:b\nTracerPid:\t0\nUid:\t33\t0\t33\t33\nGid:\t1\t2\t3\t4\nVmHWM:\t    912 kB\n\
        SigBlk:\t0000000000010000\nSigIgn:\t0000000000000001\nvoluntary_ctxt_switches:\t7\nnonvoluntary_ctxt_switches:\t2\n";

    #[test]
    fn known_keys_are_read_and_memory_may_be_absent() {
        let status = parse(FILE).expect("a well-formed file");
        assert_eq!((status.uid.real, status.uid.effective), (Id(33), Id(0)));
        assert_eq!(status.rss_peak, Some(Bytes(912 * 1024)));
        assert_eq!(status.swap, None);
        assert!(status.blocked.contains(17) && status.ignored.contains(1) && !status.caught.contains(1));
        assert_eq!(switches(FILE), Ok(Switches { voluntary: 7, involuntary: 2 }));
    }

    #[test]
    fn a_file_without_ids_or_with_a_bad_number_is_malformed() {
        assert_eq!(parse(b"Name:\tx\n"), Err(Missing::Malformed));
        assert_eq!(parse(b"Uid:\t1 1 1 1\nVmHWM:\t12 MB\n"), Err(Missing::Malformed));
    }
}
