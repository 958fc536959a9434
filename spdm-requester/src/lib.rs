//! spdm-requester
#![no_std]
