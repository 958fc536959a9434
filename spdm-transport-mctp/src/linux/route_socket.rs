//! The kernel's tables over netlink (rtnetlink(7)).

use core::fmt;
use std::time::Instant;
use std::vec::Vec;

use netlink_packet_core::{
    NLM_F_DUMP, NLM_F_REQUEST, NLMSG_DONE, NLMSG_ERROR, NetlinkBuffer, NlaBuffer, NlasIterator,
};
use rustix::fd::OwnedFd;
use rustix::io::{Errno, retry_on_intr};
use rustix::net::sockopt::{Timeout, set_socket_timeout};
use rustix::net::{
    AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType, recv, send, socket_with,
};
use spdm_transport::Duration;

/// How long the kernel may take for all tables together.
const PATIENCE: Duration = Duration::from_secs(2);
/// Rows that are read of a table. Each of 255 endpoints on some hundred links has one or two.
const MOST_ROWS: usize = 100_000;
/// The kernel fills at most this much at once (`NLMSG_GOODSIZE` and what it makes of a larger buffer).
const BUFFER: usize = 64 * 1024;

/// The kernel's number for MCTP among address families.
pub(super) const AF_MCTP: u8 = 45;
/// The longest fixed part of a request (`ifinfomsg`), which the kernel accepts for every table.
const REQUEST_BODY: usize = 16;

/// A table of the kernel: what is asked for, and the rows that come.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Table {
    Links,
    Routes,
    Neighbours,
}

impl Table {
    /// RTM_GET… and RTM_NEW….
    const fn message_types(self) -> (u16, u16) {
        match self {
            Self::Links => (18, 16),
            Self::Routes => (26, 24),
            Self::Neighbours => (30, 28),
        }
    }
}

/// Why a table of the kernel could not be read.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum TableError {
    /// What the kernel sent is no table.
    Malformed,
    /// The operating system refused; its error number.
    Os(i32),
    /// The kernel did not get to the end in time.
    Timeout,
    /// There are more rows than are read.
    TooLong,
}

impl fmt::Display for TableError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Malformed => "the kernel's tables cannot be read: they are malformed",
            Self::Os(code) => {
                let error = std::io::Error::from_raw_os_error(*code);
                return write!(f, "the kernel's tables cannot be read: {error}");
            }
            Self::Timeout => "the kernel's tables could not be read in time",
            Self::TooLong => "the kernel's tables are too long to be read",
        })
    }
}

impl core::error::Error for TableError {}

impl TableError {
    /// No `From`, which would make rustix's type a part of this crate's API.
    const fn of(errno: Errno) -> Self {
        match errno {
            Errno::AGAIN => Self::Timeout,
            _ => Self::Os(errno.raw_os_error()),
        }
    }
}

/// A socket that tables are read from.
pub(super) struct RouteSocket {
    socket: OwnedFd,
    sequence: u32,
    deadline: Instant,
}

impl RouteSocket {
    pub(super) fn open() -> Result<Self, TableError> {
        let socket =
            socket_with(AddressFamily::NETLINK, SocketType::RAW, SocketFlags::CLOEXEC, None)
                .map_err(TableError::of)?;
        Ok(Self { socket, sequence: 0, deadline: Instant::now() + PATIENCE })
    }

    /// Hands each row of a table to `row`, without its netlink header.
    pub(super) fn dump(
        &mut self,
        table: Table,
        row: &mut dyn FnMut(&[u8]) -> Result<(), TableError>,
    ) -> Result<(), TableError> {
        self.sequence += 1;
        let request = request(table, self.sequence);
        retry_on_intr(|| send(&self.socket, &request, SendFlags::empty()))
            .map_err(TableError::of)?;
        let mut rows = Rows { table, sequence: self.sequence, left: MOST_ROWS };
        let mut buffer = std::vec![0; BUFFER];
        loop {
            let left = self.deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Err(TableError::Timeout);
            }
            set_socket_timeout(&self.socket, Timeout::Recv, Some(left)).map_err(TableError::of)?;
            let (_, len) = retry_on_intr(|| recv(&self.socket, &mut buffer[..], RecvFlags::TRUNC))
                .map_err(TableError::of)?;
            let part = buffer.get(..len).ok_or(TableError::Malformed)?;
            if rows.read(part, row)? == Progress::Done {
                return Ok(());
            }
        }
    }
}

/// The request for all rows of MCTP; the kernel may give others too.
fn request(table: Table, sequence: u32) -> Vec<u8> {
    let mut request = std::vec![0; 16 + REQUEST_BODY];
    let len = u32::try_from(request.len()).unwrap_or_default();
    let mut header = NetlinkBuffer::new(&mut request);
    header.set_length(len);
    header.set_message_type(table.message_types().0);
    header.set_flags(NLM_F_REQUEST | NLM_F_DUMP);
    header.set_sequence_number(sequence);
    // Links have no family of MCTP to be asked for by.
    if let (Table::Routes | Table::Neighbours, Some(family)) =
        (table, header.payload_mut().first_mut())
    {
        *family = AF_MCTP;
    }
    request
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Progress {
    More,
    Done,
}

/// The rows of one table, as they come.
struct Rows {
    table: Table,
    sequence: u32,
    /// How many more are read.
    left: usize,
}

impl Rows {
    fn read(
        &mut self,
        mut part: &[u8],
        row: &mut dyn FnMut(&[u8]) -> Result<(), TableError>,
    ) -> Result<Progress, TableError> {
        while !part.is_empty() {
            let message = NetlinkBuffer::new_checked(part).map_err(|_| TableError::Malformed)?;
            if message.sequence_number() == self.sequence {
                match message.message_type() {
                    NLMSG_DONE => return Ok(Progress::Done),
                    NLMSG_ERROR => {
                        let code = message.payload().first_chunk().ok_or(TableError::Malformed)?;
                        return Err(TableError::Os(i32::from_ne_bytes(*code).saturating_neg()));
                    }
                    kind if kind == self.table.message_types().1 => {
                        self.left = self.left.checked_sub(1).ok_or(TableError::TooLong)?;
                        row(message.payload())?;
                    }
                    _ => {}
                }
            }
            let len = usize::try_from(message.length()).map_err(|_| TableError::Malformed)?;
            part = part.get(len.next_multiple_of(4)..).unwrap_or_default();
        }
        Ok(Progress::More)
    }
}

/// The attributes behind the fixed part of a row.
pub(super) fn attributes(
    bytes: &[u8],
) -> impl Iterator<Item = Result<NlaBuffer<&[u8]>, TableError>> {
    NlasIterator::new(bytes).map(|found| found.map_err(|_| TableError::Malformed))
}

#[cfg(test)]
mod tests {
    use super::{Progress, RouteSocket, Rows, Table, TableError, request};
    use std::vec::Vec;

    fn message(kind: u16, sequence: u32, body: &[u8]) -> Vec<u8> {
        let len = u32::try_from(16 + body.len()).unwrap();
        let mut bytes = Vec::from(len.to_ne_bytes());
        bytes.extend(kind.to_ne_bytes());
        bytes.extend([2, 0]);
        bytes.extend(sequence.to_ne_bytes());
        bytes.extend([0; 4]);
        bytes.extend(body);
        bytes.resize(bytes.len().next_multiple_of(4), 0);
        bytes
    }

    fn read(part: &[u8], most: usize) -> Result<(Progress, Vec<Vec<u8>>), TableError> {
        let mut found = Vec::new();
        let mut rows = Rows { table: Table::Routes, sequence: 7, left: most };
        let progress = rows.read(part, &mut |row| {
            found.push(row.to_vec());
            Ok(())
        })?;
        Ok((progress, found))
    }

    #[test]
    fn requests() {
        let mut bytes = std::vec![32, 0, 0, 0, 26, 0, 1, 3, 7, 0, 0, 0, 0, 0, 0, 0, 45];
        bytes.resize(32, 0);
        if cfg!(target_endian = "little") {
            assert_eq!(request(Table::Routes, 7), bytes);
        }
        assert_eq!(request(Table::Links, 7).get(16), Some(&0));
    }

    #[test]
    fn rows() {
        let mut part = message(24, 7, &[1, 2, 3]);
        part.extend(message(28, 7, &[4]));
        part.extend(message(24, 6, &[5]));
        part.extend(message(24, 7, &[6, 6, 6, 6]));
        let rows = std::vec![std::vec![1, 2, 3], std::vec![6, 6, 6, 6]];
        assert_eq!(read(&part, 9), Ok((Progress::More, rows.clone())));
        part.extend(message(3, 7, &[0; 4]));
        part.extend([0xFF; 3]);
        assert_eq!(read(&part, 9), Ok((Progress::Done, rows)));
        assert_eq!(read(&part, 1), Err(TableError::TooLong));
        assert_eq!(read(&[], 9), Ok((Progress::More, Vec::new())));
    }

    #[test]
    fn what_is_no_table() {
        let whole = message(24, 7, &[1, 2, 3, 4]);
        for len in 1..whole.len() {
            assert_eq!(read(&whole[..len], 9), Err(TableError::Malformed), "{len}");
        }
        for len in [0_u32, 15, 21, u32::MAX] {
            let mut bytes = whole.clone();
            bytes.splice(..4, len.to_ne_bytes());
            assert_eq!(read(&bytes, 9), Err(TableError::Malformed), "{len}");
        }
        let refused = message(2, 7, &(-95_i32).to_ne_bytes());
        assert_eq!(read(&refused, 9), Err(TableError::Os(95)));
        let worst = message(2, 7, &i32::MIN.to_ne_bytes());
        assert_eq!(read(&worst, 9), Err(TableError::Os(i32::MAX)));
        assert_eq!(read(&message(2, 7, &[1]), 9), Err(TableError::Malformed));
    }

    /// The links of this machine: every kernel has them.
    #[test]
    fn this_machine() {
        let mut socket = match RouteSocket::open() {
            Ok(socket) => socket,
            Err(TableError::Os(code)) => {
                std::println!("skipped: no netlink here, error {code}");
                return;
            }
            Err(error) => panic!("{error}"),
        };
        for table in [Table::Links, Table::Routes, Table::Neighbours] {
            let mut count = 0;
            socket
                .dump(table, &mut |_| {
                    count += 1;
                    Ok(())
                })
                .unwrap_or_else(|error| std::println!("skipped: {table:?}: {error}"));
            std::println!("{table:?}: {count}");
        }
    }
}
