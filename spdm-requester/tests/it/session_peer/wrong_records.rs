//! Records that a device must not send, and messages that belong elsewhere.

use spdm_codec::{RecordBinding, RecordPrivacy};
use spdm_crypto::{RecordStream, SequenceOrder, TAG_LEN};
use spdm_transport::MessageKind;

use super::{Keys, Peer};

/// How an answer is sealed.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Sealing {
    /// As it is due.
    Right,
    /// Encrypted where it should only be authenticated, and the reverse.
    OtherPrivacy,
    /// Under the key before this one.
    OldKey,
    /// The same, from the second answer on.
    OldKeyOfSecond,
    /// Under the key of data, before the handshake is over.
    DataKey,
}

/// What arrives at the requester before an answer, and belongs elsewhere.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum Stray {
    /// A message in the clear.
    Plain(Vec<u8>),
    /// A record of a session with this SessionID, which nobody has sealed.
    Record(u32),
    /// A record of this session of the device, counted from 0, as it seals it.
    OfSession(usize),
    /// Application data in the session that is answered in.
    Application,
}

impl Peer {
    pub(super) fn seal_as(&mut self, sealing: Sealing, index: usize, answer: &[u8]) -> Vec<u8> {
        let session = &mut self.sessions[index];
        match sealing {
            Sealing::Right => {}
            Sealing::OtherPrivacy => {
                session.form.privacy = match session.form.privacy {
                    RecordPrivacy::Encrypted => RecordPrivacy::Authenticated,
                    RecordPrivacy::Authenticated => RecordPrivacy::Encrypted,
                };
            }
            Sealing::OldKey => {
                let old = session.old.take().unwrap();
                let Keys::Data { response, .. } = &mut session.keys else { panic!() };
                *response = old;
            }
            Sealing::OldKeyOfSecond => {
                let (code, _) = self.sealing.unwrap();
                self.sealing = Some((code, Sealing::OldKey));
            }
            Sealing::DataKey => self.establish(index),
        }
        self.seal(index, answer)
    }

    fn seal(&mut self, index: usize, answer: &[u8]) -> Vec<u8> {
        let session = &mut self.sessions[index];
        let head = session.form.head_len();
        let mut record = vec![0; head + answer.len() + 64];
        record[head..head + answer.len()].copy_from_slice(answer);
        let stream = match &mut session.keys {
            Keys::Handshake { response, .. } | Keys::Data { response, .. } => response,
        };
        let len = stream.seal(&session.form, &mut record, answer.len(), &[]).unwrap();
        record.truncate(len);
        record
    }

    pub(super) fn stray(&mut self, session: Option<usize>, stray: Stray) -> (MessageKind, Vec<u8>) {
        let record = match stray {
            Stray::Plain(message) => return (MessageKind::Plain, message),
            Stray::Record(id) => {
                let mut record = id.to_le_bytes().to_vec();
                record.resize(4 + self.binding.sequence_len(), 0);
                record.extend([40, 0]);
                record.extend([0xA5; 40]);
                record
            }
            Stray::OfSession(index) => self.seal(index, &[self.version.to_byte(), 0x68, 0, 0]),
            Stray::Application => self.application(session.unwrap()),
        };
        (MessageKind::Secured, record)
    }

    /// A record of MCTP with PLDM inside.
    fn application(&mut self, index: usize) -> Vec<u8> {
        assert_eq!(self.binding, RecordBinding::Mctp);
        let session = &mut self.sessions[index];
        let Keys::Data { secrets, response, .. } = &mut session.keys else { panic!() };
        let sequence = response.sequence();
        let key = secrets.response.record_key().unwrap();
        let mut data = vec![4, 0, 1, 0x80, 0x02, 0x03];
        let mut record = session.form.session_id.to_le_bytes().to_vec();
        record.extend(&sequence.to_le_bytes()[..2]);
        record.extend(u16::try_from(data.len() + TAG_LEN).unwrap().to_le_bytes());
        let order = SequenceOrder::LittleEndian;
        let tag = key.seal(sequence, order, &record, &mut data).unwrap();
        record.extend(data);
        record.extend(tag);
        *response = RecordStream::resumed(key, sequence + 1);
        record
    }
}
