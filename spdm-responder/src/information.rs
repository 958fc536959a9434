//! What a device tells of itself besides measurements (1.3).

use spdm_codec::EndpointInfoSubCode;

/// The measurement extension log (MEL_CAP) and the endpoint info (EP_INFO_CAP) of a device.
pub trait Information {
    /// The measurement extension log in the DMTF format (DSP0274 1.3 §MEASUREMENT_EXTENSION_LOG); `None` while it cannot be
    /// had.
    ///
    /// All portions of one reading come from this: a log that has grown since the reading began is given out as it was
    /// then.
    fn measurement_extension_log(&mut self, reading: LogReading) -> Option<&[u8]> {
        let _ = reading;
        None
    }

    /// EPInfo of this kind; `None` where the device has none.
    fn endpoint_info(&self, sub_code: EndpointInfoSubCode) -> Option<&[u8]> {
        let _ = sub_code;
        None
    }
}

/// Who reads the measurement extension log, and where.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct LogReading {
    /// The session that it is read in; outside of sessions `None`.
    pub session_id: Option<u32>,
    /// Where in the log.
    pub progress: LogProgress,
}

/// Where a reading of the log is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[expect(clippy::exhaustive_enums, reason = "a portion is the first or a later one")]
pub enum LogProgress {
    /// At its start: the log as it is now.
    Begins,
    /// Behind that: the log as it was when this reading began.
    GoesOn,
}

impl LogReading {
    pub(crate) const fn new(session_id: Option<u32>, progress: LogProgress) -> Self {
        Self { session_id, progress }
    }
}
