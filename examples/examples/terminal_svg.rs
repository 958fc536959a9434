//! Makes a picture of what a terminal shows: text with escape sequences on standard input, SVG on standard output.
//! `docs/screens/run` makes the pictures of the manual with it.

use std::io::{self, Read, Write};

use anstyle_svg::{Term, WIN10_CONSOLE};

fn main() -> io::Result<()> {
    let mut screen = String::new();
    io::stdin().read_to_string(&mut screen)?;
    io::stdout()
        .write_all(Term::new().palette(WIN10_CONSOLE).render_svg(screen.trim_end()).as_bytes())
}
