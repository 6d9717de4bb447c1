//! Netlink sockets (netlink(7)) and the two shapes that all their messages have: a header with a payload, and
//! attributes in it. What the payload means is for `connector` and `taskstats`.

use rustix::{
    fd::OwnedFd,
    io::{Errno, Result},
    net::{
        AddressFamily, Protocol, RecvFlags, SendFlags, SocketFlags, SocketType, bind, netlink::SocketAddrNetlink, recv,
        sendto, socket_with, sockopt,
    },
};
use std::time::Duration;

/// `NLMSG_ERROR`: the answer to a request, with 0 or a negative error number.
const ERROR: u16 = 2;
/// `NLM_F_REQUEST`: something is asked of the kernel.
const REQUEST: u16 = 1;
/// Bytes of `struct nlmsghdr`.
const HEADER: usize = 16;
/// Messages and attributes begin at multiples of this.
const ALIGNMENT: usize = 4;
/// The kernel does not answer with more than this in one piece.
const LARGEST: usize = 16 * 1024;

/// A netlink socket.
#[derive(Debug)]
pub struct Socket {
    fd: OwnedFd,
}

/// One message that came in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Message<'a> {
    /// `nlmsg_type`.
    pub kind: u16,
    /// What it says, without the header.
    pub payload: &'a [u8],
}

impl Socket {
    /// Open a socket and join the multicast groups in the bit mask `groups`. No receive waits longer than `patience`.
    ///
    /// # Errors
    /// As socket(2) and bind(2); `PERM` or `ACCESS` where a group may not be joined, `PROTONOSUPPORT` where this
    /// kernel, or this network namespace, has no such protocol.
    pub fn open(protocol: Protocol, groups: u32, patience: Duration) -> Result<Self> {
        let fd = socket_with(AddressFamily::NETLINK, SocketType::DGRAM, SocketFlags::CLOEXEC, Some(protocol))?;
        bind(&fd, &SocketAddrNetlink::new(0, groups))?;
        sockopt::set_socket_timeout(&fd, sockopt::Timeout::Recv, Some(patience))?;
        Ok(Self { fd })
    }

    /// Send one message to the kernel.
    ///
    /// # Errors
    /// As sendto(2).
    pub fn send(&self, kind: u16, payload: &[u8]) -> Result<()> {
        let length = u32::try_from(HEADER + payload.len()).map_err(|_| Errno::MSGSIZE)?;
        let message = [
            &length.to_ne_bytes()[..],
            &kind.to_ne_bytes(),
            &REQUEST.to_ne_bytes(),
            &[0; 8], // Sequence number and port: the kernel sends them back, and nobody here asks twice at once.
            payload,
        ]
        .concat();
        sendto(&self.fd, &message, SendFlags::empty(), &SocketAddrNetlink::new(0, 0)).map(drop)
    }

    /// Wait for the next datagram, which holds one or several [`messages`].
    ///
    /// # Errors
    /// `AGAIN` where nothing came in time; `NOBUFS` where the kernel had to drop some.
    pub fn receive(&self) -> Result<Vec<u8>> {
        let mut buffer = vec![0; LARGEST];
        loop {
            match recv(&self.fd, buffer.as_mut_slice(), RecvFlags::empty()) {
                Ok((length, _)) => {
                    buffer.truncate(length);
                    return Ok(buffer);
                }
                Err(Errno::INTR) => {}
                Err(error) => return Err(error),
            }
        }
    }

    /// Send a request and return the payload of its answer.
    ///
    /// # Errors
    /// What the kernel answered in place of one; `AGAIN` where it did not answer in time.
    pub fn ask(&self, kind: u16, payload: &[u8]) -> Result<Vec<u8>> {
        self.send(kind, payload)?;
        let datagram = self.receive()?;
        let answer = messages(&datagram).next().ok_or(Errno::PROTO)?;
        if answer.kind == ERROR {
            let number = field(answer.payload, 0).map(i32::from_ne_bytes).ok_or(Errno::PROTO)?;
            return Err(Errno::from_raw_os_error(number.saturating_neg()));
        }
        Ok(answer.payload.to_vec())
    }
}

/// The messages in a datagram; what is cut off or too short is left out.
pub fn messages(datagram: &[u8]) -> impl Iterator<Item = Message<'_>> {
    let mut rest = datagram;
    std::iter::from_fn(move || {
        let length = usize::try_from(u32::from_ne_bytes(field(rest, 0)?)).ok()?;
        let kind = u16::from_ne_bytes(field(rest, 4)?);
        let payload = rest.get(HEADER..length)?;
        rest = rest.get(length.next_multiple_of(ALIGNMENT)..).unwrap_or_default();
        Some(Message { kind, payload })
    })
}

/// One attribute (`struct nlattr`), padded to where the next can begin.
#[must_use]
pub fn attribute(kind: u16, value: &[u8]) -> Vec<u8> {
    // Values here are names and numbers; the length of none comes near 2^16.
    let length = u16::try_from(ALIGNMENT + value.len()).unwrap_or(u16::MAX);
    let mut bytes = [&length.to_ne_bytes()[..], &kind.to_ne_bytes(), value].concat();
    bytes.resize(bytes.len().next_multiple_of(ALIGNMENT), 0);
    bytes
}

/// The value of the first attribute of this kind.
#[must_use]
pub fn find(kind: u16, attributes: &[u8]) -> Option<&[u8]> {
    let mut rest = attributes;
    loop {
        let length = usize::from(u16::from_ne_bytes(field(rest, 0)?));
        let value = rest.get(ALIGNMENT..length)?;
        // The two highest bits are flags (nested, byte order).
        if u16::from_ne_bytes(field(rest, 2)?) & 0x3fff == kind {
            return Some(value);
        }
        rest = rest.get(length.next_multiple_of(ALIGNMENT)..)?;
    }
}

/// A field of a structure of the kernel, as its bytes.
#[must_use]
pub fn field<const SIZE: usize>(bytes: &[u8], at: usize) -> Option<[u8; SIZE]> {
    bytes.get(at..)?.first_chunk().copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attributes_are_found_whatever_stands_before_them() {
        let attributes = [attribute(1, b"abc"), attribute(2, b""), attribute(0x8003, b"12345")].concat();
        assert_eq!(find(1, &attributes), Some(&b"abc"[..]));
        assert_eq!(find(2, &attributes), Some(&b""[..]));
        assert_eq!(find(3, &attributes), Some(&b"12345"[..]));
        assert_eq!(find(4, &attributes), None);
        assert_eq!(find(3, &attributes[..17]), None, "cut off");
        assert_eq!(find(5, &[0; 8]), None, "a length of 0 ends the search");
    }

    #[test]
    fn messages_that_are_cut_off_or_lie_about_their_length_are_left_out() {
        let message =
            |length: u32, payload: &[u8]| [&length.to_ne_bytes()[..], &7u16.to_ne_bytes(), &[0; 10], payload].concat();
        let datagram = [message(18, b"ab\0\0"), message(19, b"cde\0"), message(400, b"f")].concat();
        let payloads: Vec<_> = messages(&datagram).map(|message| (message.kind, message.payload)).collect();
        assert_eq!(payloads, [(7, &b"ab"[..]), (7, b"cde")]);
        assert_eq!(messages(&message(0, b"")).count(), 0);
        assert_eq!(messages(b"short").count(), 0);
    }
}
