//! spdm-codec
#![no_std]
