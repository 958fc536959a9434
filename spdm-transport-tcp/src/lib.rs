//! spdm-transport-tcp
