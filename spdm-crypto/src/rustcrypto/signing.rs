//! Private keys in memory, for emulated devices and tests.

mod key;
mod stream;

pub use key::{KeyError, SoftwareKey};
