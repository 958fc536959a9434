//! Acknowledgements that a peer waits for.
//!
//! A peer that writes the header of a frame and its message apart, and has Nagle's algorithm on, holds the message back
//! until the header is acknowledged. On Linux an acknowledgement waits 40 ms for data that it can travel with
//! (`TCP_DELACK_MIN`), and here there is none: the answer is not complete. Asking for every acknowledgement at once would
//! cost peers that write frames in one piece 6 µs for each round trip; so it is asked for only where the rest is missing.

/// Lets the kernel acknowledge what came, unless more is there already.
#[cfg(target_os = "linux")]
pub(crate) fn acknowledge_if_empty(stream: &impl std::os::fd::AsFd) {
    if rustix::io::ioctl_fionread(stream) == Ok(0) {
        acknowledge(stream);
    }
}

/// Lets the kernel acknowledge what came.
#[cfg(target_os = "linux")]
pub(crate) fn acknowledge(stream: &impl std::os::fd::AsFd) {
    // A refusal makes such a peer slow, and nothing wrong.
    let _ = rustix::net::sockopt::set_tcp_quickack(stream, true);
}

/// Other systems have no such option for sockets.
#[cfg(not(target_os = "linux"))]
pub(crate) const fn acknowledge_if_empty<S>(_: &S) {}

/// Other systems have no such option for sockets.
#[cfg(all(feature = "tokio", not(target_os = "linux")))]
pub(crate) const fn acknowledge<S>(_: &S) {}
