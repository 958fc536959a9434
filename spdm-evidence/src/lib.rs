//! spdm-evidence
