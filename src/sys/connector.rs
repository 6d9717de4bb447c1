//! The process connector (linux/cn_proc.h): the kernel tells of every fork, exec and exit as it happens.
//!
//! Only the initial pid and user namespaces are served. In others the wish to listen is not acknowledged, yet events
//! with pids of the *initial* namespace may come: without the acknowledgement the socket is closed again.

#![expect(clippy::disallowed_methods, reason = "the wait for the kernel ends at a deadline")]

use super::netlink::{Socket, field, messages};
use rustix::{
    io::{Errno, Result},
    net::netlink::CONNECTOR,
};
use std::time::{Duration, Instant};

/// `CN_IDX_PROC` and `CN_VAL_PROC`: the address, and the number of the multicast group.
const ADDRESS: u32 = 1;
/// `NLMSG_DONE`, the kind of all messages of connectors.
const DONE: u16 = 3;
/// `PROC_CN_MCAST_LISTEN`.
const LISTEN: u32 = 1;
/// `PROC_CN_MCAST_IGNORE`.
const IGNORE: u32 = 2;
/// `PROC_EVENT_NONE`: not an event, but the answer to LISTEN or IGNORE.
const ACKNOWLEDGEMENT: u32 = 0;
/// Bytes of `struct cn_msg`.
const HEADER: usize = 20;

/// A listener; the kernel makes events as long as there is one anywhere.
#[derive(Debug)]
pub struct Connector {
    socket: Socket,
}

impl Connector {
    /// Begin to listen, and wait up to `patience` for the kernel to say that it will tell.
    ///
    /// # Errors
    /// `PERM` where the kernel refuses (before ≈6.6 to all without `CAP_NET_ADMIN`); `TIMEDOUT` where it does not
    /// answer, which is how it refuses other namespaces; `PROTONOSUPPORT` or `NOENT` where it has no connector.
    pub fn listen(patience: Duration) -> Result<Self> {
        let connector = Self { socket: Socket::open(CONNECTOR, 1 << (ADDRESS - 1), patience)? };
        // The acknowledgement goes to all listeners; the number says whose it is.
        let number = std::process::id();
        connector.socket.send(DONE, &request(LISTEN, number))?;
        connector.wait_for_acknowledgement(number, patience)?;
        Ok(connector)
    }

    fn wait_for_acknowledgement(&self, number: u32, patience: Duration) -> Result<()> {
        let begun = Instant::now();
        while begun.elapsed() < patience {
            let datagram = match self.socket.receive() {
                Err(Errno::AGAIN) => return Err(Errno::TIMEDOUT),
                // So many events that some were dropped; the answer may still come.
                Err(Errno::NOBUFS) => continue,
                datagram => datagram?,
            };
            if let Some(error) = messages(&datagram).find_map(|message| acknowledgement(message.payload, number)) {
                return if error == 0 { Ok(()) } else { Err(Errno::from_raw_os_error(error.cast_signed())) };
            }
        }
        Err(Errno::TIMEDOUT)
    }
}

impl Drop for Connector {
    fn drop(&mut self) {
        // Closing the socket is not enough: the kernel's count of listeners would stay too high for ever. Where this
        // cannot be sent, nothing else could be done either.
        let _ = self.socket.send(DONE, &request(IGNORE, 0));
    }
}

/// `struct cn_msg` with an `enum proc_cn_mcast_op` in it.
fn request(operation: u32, number: u32) -> Vec<u8> {
    let words = [ADDRESS, ADDRESS, 0, number].map(u32::to_ne_bytes).concat();
    [&words[..], &4u16.to_ne_bytes(), &0u16.to_ne_bytes(), &operation.to_ne_bytes()].concat()
}

/// The error number in an acknowledgement of the request with this number; `None` for everything else. Its
/// acknowledgement number is that of the request and one; its sequence number is of the kernel's own counting.
///
/// `struct proc_event` begins with the kind of event, the CPU and the time; what follows depends on the kind.
fn acknowledgement(payload: &[u8], number: u32) -> Option<u32> {
    let word = |at| field(payload, at).map(u32::from_ne_bytes);
    let of_processes = word(0)? == ADDRESS && word(4)? == ADDRESS;
    let answered = word(12)? == number.wrapping_add(1);
    (of_processes && answered && word(HEADER)? == ACKNOWLEDGEMENT).then(|| word(HEADER + 16))?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_answer_to_the_own_request_is_the_acknowledgement() {
        let message = |number: u32, what: u32, error: u32| {
            let words = [ADDRESS, ADDRESS, 112, number, 40].map(u32::to_ne_bytes).concat();
            let event = [what, 0, 0, 0, error].map(u32::to_ne_bytes).concat();
            [words, event].concat()
        };
        assert_eq!(acknowledgement(&message(6, 0, 0), 5), Some(0));
        assert_eq!(acknowledgement(&message(6, 0, 1), 5), Some(1));
        assert_eq!(acknowledgement(&message(9, 0, 0), 5), None, "of another listener");
        assert_eq!(acknowledgement(&message(6, 1, 0), 5), None, "a fork");
        assert_eq!(acknowledgement(&message(6, 0, 0)[..36], 5), None, "cut off");
    }
}
