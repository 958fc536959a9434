//! Devices behind the Redfish service of a management controller: feature `redfish`.

#[cfg(not(feature = "redfish"))]
mod absent;
#[cfg(feature = "redfish")]
mod judge;
#[cfg(feature = "redfish")]
mod source;

#[cfg(not(feature = "redfish"))]
pub(super) use absent::{RedfishSource, check};
#[cfg(feature = "redfish")]
pub(super) use source::{RedfishSource, check};
