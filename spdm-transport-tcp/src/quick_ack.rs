//! Acknowledgements that do not wait for company.

/// Asks the kernel to acknowledge what comes at once, until it finds again that this is an interactive connection: before
/// every wait.
///
/// A peer that writes the header of a frame and its message apart, and has Nagle's algorithm on, holds the message back
/// until the header is acknowledged. Otherwise that takes 40 ms on Linux for each message (`TCP_DELACK_MIN`).
#[cfg(target_os = "linux")]
pub(crate) fn acknowledge_at_once(stream: &impl std::os::fd::AsFd) {
    // A refusal makes such a peer slow, and nothing wrong.
    let _ = rustix::net::sockopt::set_tcp_quickack(stream, true);
}

/// Other systems have no such option for sockets.
#[cfg(not(target_os = "linux"))]
pub(crate) const fn acknowledge_at_once<S>(_: &S) {}
