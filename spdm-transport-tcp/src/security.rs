//! The storage bindings: a drive's end of the security commands (DSP0286) that QEMU forwards.

use spdm_transport::MessageKind;
use spdm_transport_storage::ata::BLOCK_LEN;
use spdm_transport_storage::{ConnectionId, DMTF, Discovery, PendingInfo, SpdmOperation, Specific};

use crate::binding::Binding;

/// What stands before the data of a security command: Security Protocol `u8`, Security Protocol Specific `u16` and length
/// `u32`, little-endian and without gaps. Between versions of QEMU and libspdm this has changed; the layout is that
/// of both in 2026.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct SecurityCommand {
    pub(crate) protocol: u8,
    pub(crate) specific: u16,
    /// Of the data to the drive, or allocated for the data from it.
    pub(crate) length: u32,
}

impl SecurityCommand {
    pub(crate) const LEN: usize = 7;

    pub(crate) const fn encode(self) -> [u8; Self::LEN] {
        let [s0, s1] = self.specific.to_le_bytes();
        let [l0, l1, l2, l3] = self.length.to_le_bytes();
        [self.protocol, s0, s1, l0, l1, l2, l3]
    }

    /// The command and what follows it.
    pub(crate) fn decode(payload: &[u8]) -> Option<(Self, &[u8])> {
        let ([protocol, s0, s1, l0, l1, l2, l3], data) = payload.split_first_chunk()?;
        let specific = u16::from_le_bytes([*s0, *s1]);
        let length = u32::from_le_bytes([*l0, *l1, *l2, *l3]);
        Some((Self { protocol: *protocol, specific, length }, data))
    }
}

/// How a security command ends, as the drive's interface has it.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(crate) struct SecurityStatus(pub(crate) u16);

impl SecurityStatus {
    pub(crate) const SUCCESS: Self = Self(0);

    /// Whether a drive of this binding did what it was asked. On ATA the bytes are the registers STATUS and ERROR, or 0:
    /// a peer that gives them has DRDY and DSC set, and no BSY, DF, ERR and ERROR.
    pub(crate) const fn is_success(self, binding: Binding) -> bool {
        match binding {
            Binding::Ata => self.0 & 0xa1ff == 0,
            _ => self.0 == Self::SUCCESS.0,
        }
    }

    /// The drive does not know the command, or not now.
    const fn invalid(binding: Binding) -> Self {
        Self(match binding {
            // Invalid Field in Command, Do Not Retry.
            Binding::Nvme => 0x4002,
            // The additional sense code: invalid field in CDB.
            _ => 0x0024,
        })
    }
}

/// An emulated drive: it keeps an answer until that is fetched.
#[derive(Debug)]
pub(crate) struct Drive {
    binding: Binding,
    answer: Option<(MessageKind, Vec<u8>)>,
}

impl Drive {
    pub(crate) const fn new(binding: Binding) -> Self {
        Self { binding, answer: None }
    }

    /// The message of an IF-SEND, unless an answer must be fetched first.
    pub(crate) fn if_send<'p>(
        &self,
        payload: &'p [u8],
    ) -> Result<(MessageKind, &'p [u8]), SecurityStatus> {
        let invalid = SecurityStatus::invalid(self.binding);
        let message = message(payload).ok_or(invalid)?;
        if self.answer.is_some() { Err(invalid) } else { Ok(message) }
    }

    /// Keeps the answer to the last message.
    pub(crate) fn keep(&mut self, kind: MessageKind, answer: &[u8]) {
        self.answer = Some((kind, answer.to_vec()));
    }

    /// Data as the interface moves it: cut where less was asked for, and on ATA whole blocks, the last of which ends in
    /// zeros.
    fn as_moved(&self, mut data: Vec<u8>, asked: usize) -> Vec<u8> {
        if self.binding == Binding::Ata {
            data.resize(data.len().next_multiple_of(BLOCK_LEN), 0);
        }
        data.truncate(asked);
        data
    }

    /// The data of an IF-RECV. What is cut off of an answer is lost: it was fetched.
    pub(crate) fn if_recv(&mut self, payload: &[u8]) -> Result<Vec<u8>, SecurityStatus> {
        let invalid = SecurityStatus::invalid(self.binding);
        let (command, specific, _) = dmtf(payload).ok_or(invalid)?;
        let data = match (specific.operation, &self.answer) {
            (SpdmOperation::Discovery, _) => {
                Discovery::new(1).with_secured_messages().encode().to_vec()
            }
            (SpdmOperation::PendingInfo, answer) => {
                let len = answer.as_ref().and_then(|(_, answer)| u32::try_from(answer.len()).ok());
                PendingInfo { response: len }.encode().to_vec()
            }
            (operation, Some((kind, answer))) if operation.kind() == Some(*kind) => answer.clone(),
            _ => return Err(invalid),
        };
        if specific.operation.kind().is_some() {
            self.answer = None;
        }
        Ok(self.as_moved(data, usize::try_from(command.length).unwrap_or(usize::MAX)))
    }
}

/// The message in an IF-SEND: all of its data, and so with the zeros of a last block.
pub(crate) fn message(payload: &[u8]) -> Option<(MessageKind, &[u8])> {
    let (command, specific, message) = dmtf(payload)?;
    let kind = specific.operation.kind()?;
    let is_whole = usize::try_from(command.length) == Ok(message.len());
    (is_whole && !message.is_empty()).then_some((kind, message))
}

/// A command of DMTF's protocol on the one connection that there is, and its data.
fn dmtf(payload: &[u8]) -> Option<(SecurityCommand, Specific, &[u8])> {
    let (command, data) = SecurityCommand::decode(payload)?;
    let specific = Specific::decode(command.specific).ok()?;
    (command.protocol == DMTF && specific.connection == ConnectionId::ZERO)
        .then_some((command, specific, data))
}
