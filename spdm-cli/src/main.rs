//! The `spdm` command.
fn main() {}
