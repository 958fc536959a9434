//! A software SPDM device (a Responder of DMTF DSP0274 1.0 to 1.4) for tests, demos and QEMU.
//!
//! A [`Device`] makes its own keys and certificates, answers requests as bytes, and misbehaves in exactly one
//! way when it is told to ([`Fault`]). Its messages are handled by `spdm-responder`, which composes its transcripts
//! itself and shares no check with a Requester, so that the two cannot be wrong together; faults and scripts act through
//! the hook of that crate, and no handler knows one.
//!
//! ```
//! use spdm_emulator::{Device, DeviceConfig};
//!
//! let mut device = Device::new(DeviceConfig { seed: Some(7), ..DeviceConfig::default() })?;
//! let version = device.respond(&[0x10, 0x84, 0, 0]).unwrap();
//! assert_eq!(version[..6], [0x10, 0x04, 0, 0, 0, 5]);
//! assert!(device.trust_anchors_pem().starts_with("-----BEGIN CERTIFICATE-----"));
//! # Ok::<(), spdm_emulator::DeviceError>(())
//! ```
//!
//! Beyond the named faults, a script ([`ScriptStep`]) changes any field of any message, at any step, and does
//! whatever a transport can do: lose, delay, repeat, break. [`Device::deliver`] tells what arrives when.
//!
//! Sessions are there where [`DeviceConfig::more_capabilities`] says so: [`Device::respond_secured`] takes their records.
//! Over MCTP they reach a PLDM terminus, too.
//!
//! What it wants to know of its Requesters says [`DeviceConfig::mutual_authentication`]; a [`RequesterIdentity`] is one that
//! a Requester can prove.
//!
//! It makes certification requests, takes certificates and changes its key pairs where its capabilities say so;
//! [`DeviceConfig::state`] keeps them.
#![forbid(unsafe_code)]

mod chains;
mod config;
mod device;
mod device_events;
mod device_identity;
mod entropy;
mod error;
mod error_answer;
mod fault;
mod information;
mod installed_chain;
mod key_kind;
mod key_pairs;
mod key_ring;
mod keys;
mod measurement_blocks;
mod mint;
mod misbehaviour;
mod mutual_authentication;
mod own_device;
mod patch;
mod pci_device;
mod pem_blocks;
mod pldm;
mod private_key;
mod provisioned;
mod provisioning;
mod requester_identity;
mod script;
mod slot_banks;
mod state_file;

pub use config::{DeviceConfig, DeviceModel, DmtfName, KeyProvisioning, SharedKey};
pub use device::Device;
pub use device_identity::DeviceIdentity;
pub use error::{DeviceError, EncodingError, IdentityError, StateError};
pub use fault::{Fault, UnknownFault};
pub use mutual_authentication::{KeyUpdates, MutualAuthentication};
pub use requester_identity::RequesterIdentity;
pub use script::{Act, Delivery, Edit, Inside, LinkState, Position, ScriptStep, When};
pub use spdm_responder::Environment;

pub use spdm_responder::AuthenticationDemand;

/// The examples of the README compile.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
