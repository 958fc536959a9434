//! Data of other protocols in a session (DSP0277 §Application data): the session protects them, and nothing else of
//! them is SPDM's.

use spdm_transport::Instant;

use super::handle::SessionHandle;
use crate::error::{Error, SessionFault};
use crate::negotiated::Negotiated;
use crate::requester::Requester;

impl Requester<'_, Negotiated> {
    /// Makes a record of data of another protocol, such as PLDM over MCTP, in an established session: writes it into
    /// `out` and returns its length in bytes. It is the caller who sends it, marked as secured. `data` begin with what
    /// the transport puts in front of a message of that protocol: with MCTP, the message type.
    ///
    /// The record counts as one of the session: the device expects them in order. Whatever answers it goes to
    /// [`Self::open_data`]; while an operation runs, data of other protocols are passed over.
    ///
    /// # Errors
    /// [`Error::Session`]: with [`SessionFault::SpdmMessage`] where the device would take the data for a message of SPDM,
    /// as with every record over PCI DOE; with [`SessionFault::Encode`] where they do not fit into `out` or a record. Then
    /// nothing may be sent, and the session goes on.
    pub fn seal_data(
        &mut self,
        session: SessionHandle,
        now: Instant,
        data: &[u8],
        out: &mut [u8],
    ) -> Result<usize, Error> {
        let provider = self.core.provider;
        let slot = self.core.slot(session).ok_or(SessionFault::Over)?;
        let sealed = slot.seal_data(&provider, now, data, out);
        sealed.map_err(|fault| {
            if fault.is_fatal() {
                slot.end();
            }
            fault.into()
        })
    }

    /// Opens a record of this session in place, which came while no operation was running, transport framing removed:
    /// the data, with what the transport puts in front of a message.
    ///
    /// # Errors
    /// [`Error::Session`]: with [`SessionFault::OtherSession`] for a record of another session, which is as before; with
    /// [`SessionFault::SpdmMessage`] for a message of SPDM, which nobody asked for; the session goes on after both. A
    /// record that is damaged, replayed or under another key ends the session.
    pub fn open_data<'r>(
        &mut self,
        session: SessionHandle,
        now: Instant,
        record: &'r mut [u8],
    ) -> Result<&'r [u8], Error> {
        let padding = self.core.settings.limits.padding;
        let slot = self.core.slot(session).ok_or(SessionFault::Over)?;
        let opened = slot.open_data(now, record, padding).inspect_err(|fault| {
            if fault.is_fatal() {
                slot.end();
            }
        })?;
        Ok(record.get(opened).unwrap_or_default())
    }
}
