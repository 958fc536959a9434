//! spdm-crypto
#![no_std]
