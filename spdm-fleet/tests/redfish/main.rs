//! Devices behind Redfish services.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "tests say what they expect with a panic"
)]

mod answers;
mod judged;
mod listed;
mod tasks;
mod tls;

use core::time::Duration;

use spdm_crypto::rustcrypto::PROVIDER;
use spdm_fleet::redfish::{
    Access, Authorities, Collected, Credentials, Deadline, MeasurementRequest, RedfishError,
    RedfishTarget, collect,
};
use test_redfish::{AttestedDevice, Controller, Service};

/// Long enough for every answer that comes.
pub(crate) const TIME: Duration = Duration::from_secs(20);
/// For what never comes.
pub(crate) const SHORT: Duration = Duration::from_millis(300);
pub(crate) const NONCE: [u8; 32] = [0xC7; 32];

/// Without credentials.
pub(crate) fn access() -> Access {
    access_with("{}")
}

pub(crate) fn access_with(credentials: &str) -> Access {
    let credentials = Credentials::read(credentials.as_bytes()).unwrap();
    Access::new(credentials, Authorities::none(), &PROVIDER).unwrap()
}

pub(crate) fn target(service: &Service, path: &str) -> RedfishTarget {
    RedfishTarget::parse(&service.target(path)).unwrap().unwrap()
}

/// All measurements of slot 0.
pub(crate) const fn request() -> MeasurementRequest {
    MeasurementRequest { nonce: NONCE, slot: 0, indices: None }
}

/// One device, named `GPU_0`.
pub(crate) fn controller() -> Controller {
    Controller::new(vec![AttestedDevice::new(1)])
}

/// Collects from `GPU_0`.
pub(crate) fn collected(controller: Controller, time: Duration) -> Collected {
    let (service, _) = controller.start();
    let target = target(&service, &Controller::path("GPU_0"));
    collect(&access(), &target, &request(), Deadline::after(time))
}

/// Why `GPU_0` brings nothing.
pub(crate) fn error(controller: Controller) -> RedfishError {
    collected(controller, TIME).evidence.unwrap_err()
}
