//! The terminal, where there is one.

use std::io::IsTerminal;

/// Columns of a terminal that does not say how many it has.
const COLUMNS: usize = 80;
/// With fewer columns nothing can be read, so a terminal that claims them is not believed.
#[cfg(target_os = "linux")]
const LEAST: usize = 20;

/// How many columns the terminal behind a stream has; `None` where it is a file or a pipe.
#[cfg(target_os = "linux")]
pub(crate) fn columns(stream: &(impl IsTerminal + std::os::fd::AsFd)) -> Option<usize> {
    let size = || rustix::termios::tcgetwinsize(stream).ok();
    stream.is_terminal().then(|| {
        let columns = size().map_or(0, |size| usize::from(size.ws_col));
        if columns < LEAST { COLUMNS } else { columns }
    })
}

/// How many columns the terminal behind a stream has; `None` where it is a file or a pipe.
#[cfg(not(target_os = "linux"))]
pub(crate) fn columns(stream: &impl IsTerminal) -> Option<usize> {
    stream.is_terminal().then_some(COLUMNS)
}
