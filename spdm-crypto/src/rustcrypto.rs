//! Backend on the RustCrypto crates.
