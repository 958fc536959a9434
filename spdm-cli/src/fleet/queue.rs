//! Many devices by many machines, over a queue: feature `nats`.

#[cfg(not(feature = "nats"))]
mod absent;
#[cfg(feature = "nats")]
mod access;
#[cfg(feature = "nats")]
mod class_collector;
#[cfg(feature = "nats")]
mod counted_role;
#[cfg(feature = "nats")]
mod depth;
#[cfg(feature = "nats")]
mod job_sink;
#[cfg(feature = "nats")]
mod named_judge;
#[cfg(any(feature = "nats", test))]
#[cfg_attr(not(feature = "nats"), expect(dead_code, reason = "only its schemas are needed"))]
mod shown;
#[cfg(feature = "nats")]
mod submit;
#[cfg(feature = "nats")]
mod watch;
#[cfg(feature = "nats")]
mod work;
#[cfg(feature = "nats")]
mod worker_log;

#[cfg(feature = "nats")]
pub(super) use self::{submit::run as submit, watch::run as watch, work::run as work};
#[cfg(not(feature = "nats"))]
pub(super) use absent::{submit, watch, work};
#[cfg(test)]
pub(crate) use shown::{ShownSubmission, ShownWork};
