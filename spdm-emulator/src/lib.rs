//! spdm-emulator
