//! The records of sessions of a live connection, from where they travel to where they are recorded.

use std::sync::{Arc, Mutex, PoisonError};

use spdm_codec::RecordBinding;

/// Records of sessions on their way to a [`Recorder`](crate::Recorder): a requester shows its sink what is inside of them,
/// and only its transport sees what is on the wire.
///
/// ```
/// use spdm_codec::RecordBinding;
/// use spdm_evidence::{Recorder, WireRecords};
/// use spdm_transport::MessageKind;
///
/// struct Wire {
///     records: WireRecords,
/// }
///
/// impl Wire {
///     /// Of every message that the transport sends or receives.
///     fn passed(&self, kind: MessageKind, message: &[u8]) {
///         if kind == MessageKind::Secured {
///             self.records.record(message);
///         }
///     }
/// }
///
/// let records = WireRecords::new(RecordBinding::Mctp);
/// let recorder = Recorder::new(0).with_records(records.clone());
/// let wire = Wire { records };
/// ```
#[derive(Clone, Debug)]
pub struct WireRecords {
    binding: RecordBinding,
    passed: Arc<Mutex<Vec<Vec<u8>>>>,
}

impl WireRecords {
    /// None yet; `binding` is how the transport carries them.
    #[must_use]
    pub fn new(binding: RecordBinding) -> Self {
        Self { binding, passed: Arc::default() }
    }

    /// How the transport carries them.
    pub(crate) const fn binding(&self) -> RecordBinding {
        self.binding
    }

    /// The next record in either direction, with what the transport appended to it.
    pub fn record(&self, bytes: &[u8]) {
        self.passed.lock().unwrap_or_else(PoisonError::into_inner).push(bytes.to_vec());
    }

    /// Those since the last time.
    pub(crate) fn take(&self) -> Vec<Vec<u8>> {
        core::mem::take(&mut *self.passed.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
