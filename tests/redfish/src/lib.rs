//! A Redfish service for tests (DSP0266, ComponentIntegrity of DSP0268). What it answers is made by emulated devices, while
//! it is asked; single answers can be replaced by others.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::exhaustive_enums,
    reason = "tests say what they expect with a panic"
)]

mod controller;
mod device;
mod http;

pub use controller::{Controller, TaskForm};
pub use device::AttestedDevice;
pub use http::{Request, Response, Service, serve};
