//! taskstats (Documentation/accounting/taskstats.rst): what the kernel counts per task beyond /proc, delays above all.

use super::netlink::{Socket, attribute, field, find};
use crate::unit::Pid;
use rustix::{
    io::{Errno, Result},
    net::netlink::GENERIC,
};
use std::time::Duration;

/// `GENL_ID_CTRL`: the family that knows the others.
const CONTROLLER: u16 = 16;
/// `CTRL_CMD_GETFAMILY`, and its attributes `CTRL_ATTR_FAMILY_ID` and `CTRL_ATTR_FAMILY_NAME`.
const GET_FAMILY: u8 = 3;
const FAMILY_ID: u16 = 1;
const FAMILY_NAME: u16 = 2;
/// `TASKSTATS_CMD_GET`, its attribute `TASKSTATS_CMD_ATTR_PID`, and what is in the answer: `TASKSTATS_TYPE_AGGR_PID`
/// with `TASKSTATS_TYPE_STATS` in it.
const GET: u8 = 1;
const OF_TASK: u16 = 1;
const AGGREGATE: u16 = 4;
const STATS: u16 = 3;
/// Bytes of `struct genlmsghdr`.
const HEADER: usize = 4;

/// A connection to the kernel's task statistics.
#[derive(Debug)]
pub struct Taskstats {
    socket: Socket,
    family: u16,
}

/// `struct taskstats` of one task, as long as this kernel has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stats {
    bytes: Vec<u8>,
}

impl Taskstats {
    /// Look up the family. No answer is waited for longer than `patience`.
    ///
    /// # Errors
    /// `NOENT` where the kernel has no task statistics; as socket(2).
    pub fn open(patience: Duration) -> Result<Self> {
        let socket = Socket::open(GENERIC, 0, patience)?;
        let answer = socket.ask(CONTROLLER, &request(GET_FAMILY, &attribute(FAMILY_NAME, b"TASKSTATS\0")))?;
        let family = answer.get(HEADER..).and_then(|attributes| field(find(FAMILY_ID, attributes)?, 0));
        Ok(Self { socket, family: family.map(u16::from_ne_bytes).ok_or(Errno::PROTO)? })
    }

    /// The figures of one thread.
    ///
    /// # Errors
    /// `PERM` without `CAP_NET_ADMIN`; `SRCH` where there is no such task.
    pub fn of_task(&self, tid: Pid) -> Result<Stats> {
        let answer = self.socket.ask(self.family, &request(GET, &attribute(OF_TASK, &tid.0.to_ne_bytes())))?;
        let stats = answer.get(HEADER..).and_then(|attributes| find(STATS, find(AGGREGATE, attributes)?));
        stats.map(|bytes| Stats { bytes: bytes.to_vec() }).ok_or(Errno::PROTO)
    }
}

impl Stats {
    /// The version of the structure; each has the fields of all before it.
    ///
    /// # Errors
    /// `PROTO` where the structure is too short to have one.
    pub fn version(&self) -> Result<u16> {
        field(&self.bytes, 0).map(u16::from_ne_bytes).ok_or(Errno::PROTO)
    }

    /// Its length in bytes.
    #[must_use]
    pub fn size(&self) -> usize {
        self.bytes.len()
    }
}

/// `struct genlmsghdr` and attributes.
fn request(command: u8, attributes: &[u8]) -> Vec<u8> {
    [&[command, 1, 0, 0], attributes].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernel_tells_of_the_own_thread_or_says_why_not() {
        let own = Pid(std::process::id());
        match Taskstats::open(Duration::from_secs(2)).and_then(|taskstats| taskstats.of_task(own)) {
            // Version 8 had 328 bytes; none since is shorter.
            Ok(stats) => assert!(stats.version().is_ok_and(|version| version >= 8) && stats.size() >= 328, "{stats:?}"),
            Err(error) => assert!(matches!(error, Errno::PERM | Errno::NOENT), "{error}"),
        }
    }
}
