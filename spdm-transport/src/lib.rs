//! spdm-transport
#![no_std]
