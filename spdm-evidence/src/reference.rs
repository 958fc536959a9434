//! Reference values: what the measurements of a device should be.

mod appraisal;
mod environment;
mod expected;
mod file;
mod own;
mod subject;
mod written;

pub use self::appraisal::{Completeness, Reference, ReferenceVerdict};
pub use self::environment::{AssertedEnvironment, ClassId, DeviceEnvironment};
pub use self::expected::{ExpectedForm, ExpectedOrigin, ExpectedValue};
pub use self::file::{ReferenceFile, ReferenceFormat};
#[cfg(feature = "schema")]
pub(crate) use self::own::Document;
pub(crate) use self::subject::{ClaimedEvidence, Subject};
pub use self::written::WrittenReference;
