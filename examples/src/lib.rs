//! One small program for each way to use the SPDM crates: see the folder `examples`.
//!
//! The examples of the workspace's README are compiled here.
#![forbid(unsafe_code)]

#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
struct Readme;
