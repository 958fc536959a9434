//! spdm-x509
#![no_std]
