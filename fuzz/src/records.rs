//! Records, opened with their keys by the stream that a session uses.

use spdm_codec::{RecordBinding, RecordPrivacy};
use spdm_crypto::rustcrypto::PROVIDER;
use spdm_crypto::{
    AeadAlgorithm, NONCE_LEN, RecordError, RecordForm, RecordKey, RecordStream, SequenceOrder,
};

use crate::input::Input;

/// How many records there are at most.
const MOST: usize = 16;

fn key(algorithm: AeadAlgorithm) -> RecordKey {
    let key: Vec<u8> = (0..32).take(algorithm.key_len()).collect();
    RecordKey::import(&PROVIDER, algorithm, &key, &[9; NONCE_LEN]).expect("a key")
}

/// Both ends of one direction.
struct Ends {
    algorithm: AeadAlgorithm,
    order: SequenceOrder,
    form: RecordForm,
    padding: usize,
    receiver: RecordStream,
    /// The last record of before.
    before: Vec<u8>,
}

/// Opens records, genuine ones and others.
///
/// # Panics
/// When a record is believed that was not sealed with the next number, when a genuine one is not, or when anything of a
/// record changed although its tag is wrong.
pub fn open(data: &[u8]) {
    let mut input = Input::new(data);
    let (way, kind) = (input.byte(), input.byte());
    let algorithm = AeadAlgorithm::ALL[usize::from(way >> 4) % AeadAlgorithm::ALL.len()];
    let order = match way & 8 {
        0 => SequenceOrder::LittleEndian,
        _ => SequenceOrder::BigEndian,
    };
    let binding = match way & 3 {
        1 => RecordBinding::Mctp,
        2 => RecordBinding::Tcp,
        3 => RecordBinding::Storage,
        _ => RecordBinding::PciDoe,
    };
    let privacy = match way & 4 {
        0 => RecordPrivacy::Encrypted,
        _ => RecordPrivacy::Authenticated,
    };
    let session_id = u32::from(input.byte()) << 16 | 0xFFFF;
    // Near the ends of the low bytes, and of all.
    let start = [0, 0xFFFE, 0xFFFF_FFFE, u64::MAX - 2][usize::from(kind & 3)];
    let stream = |exponent: u8| {
        let stream = RecordStream::resumed(key(algorithm), start).with_order(order);
        if start == 0 && exponent != 0 { stream.with_limit(exponent) } else { stream }
    };
    let mut ends = Ends {
        algorithm,
        order,
        form: RecordForm { binding, privacy, session_id },
        padding: usize::from(kind >> 2 & 3),
        receiver: stream(kind >> 4 & 3),
        before: Vec::new(),
    };
    let mut sender = stream(kind >> 4 & 3);
    for _ in 0..MOST {
        if input.is_empty() {
            return;
        }
        let what = input.byte();
        let len = input.number() & if what & 0x80 == 0 { 0x3F } else { 0x1FF };
        let content = input.bytes(len);
        let sequence = sender.sequence();
        let sealed = match what & 0x40 {
            0 => seal(&mut sender, &ends.form, &content, &mut input),
            // The device itself sends what is no message.
            _ if sequence < u64::MAX && !sender_is_over(&sender, start, kind) => {
                sender = RecordStream::resumed(key(algorithm), sequence + 1).with_order(order);
                if start == 0 && kind >> 4 & 3 != 0 {
                    sender = sender.with_limit(kind >> 4 & 3);
                }
                Ok(ends.seal_anything(sequence, content.clone()))
            }
            _ => Err(RecordError::Exhausted),
        };
        let Ok(sealed) = sealed else {
            let mut record = ends.before.clone();
            let opened = ends.receiver.open(&ends.form, &mut record, ends.padding);
            assert!(opened.is_err(), "there is no number left");
            return;
        };
        for _ in 0..what >> 3 & 3 {
            let forged = ends.forge(&sealed, &mut input);
            ends.try_open(&forged, &sealed);
            if ends.receiver.sequence() != sequence {
                break;
            }
        }
        if ends.receiver.sequence() == sequence {
            ends.try_open(&sealed, &sealed);
            assert_eq!(ends.receiver.sequence(), sequence + 1, "a genuine record");
        }
        if what & 0x40 == 0 {
            // What was sent is what was received.
            let mut receiver = RecordStream::resumed(key(algorithm), sequence).with_order(order);
            let mut record = sealed.clone();
            let range = receiver.open(&ends.form, &mut record, 0).expect("a genuine record");
            assert_eq!(record[range], content);
        }
        ends.before = sealed;
    }
}

fn sender_is_over(sender: &RecordStream, start: u64, kind: u8) -> bool {
    let exponent = kind >> 4 & 3;
    start == 0 && exponent != 0 && sender.sequence() >= 1 << exponent
}

fn seal(
    sender: &mut RecordStream,
    form: &RecordForm,
    content: &[u8],
    input: &mut Input<'_>,
) -> Result<Vec<u8>, RecordError> {
    let random = vec![7; usize::from(input.byte()) % (form.binding.max_random_len() + 1)];
    let mut buffer = vec![0; form.head_len() + content.len() + random.len() + 16];
    let (head, len) = (form.head_len(), content.len());
    buffer[head..head + len].copy_from_slice(content);
    let len = sender.seal(form, &mut buffer, len, &random)?;
    buffer.truncate(len);
    Ok(buffer)
}

impl Ends {
    /// A record with this number whose tag is right, whatever is in it.
    fn seal_anything(&self, sequence: u64, mut data: Vec<u8>) -> Vec<u8> {
        let mut record = self.form.session_id.to_le_bytes().to_vec();
        record.extend(&sequence.to_le_bytes()[..self.form.binding.sequence_len()]);
        record.extend(u16::try_from(data.len() + 16).expect("it is short").to_le_bytes());
        let key = key(self.algorithm);
        let tag = match self.form.privacy {
            RecordPrivacy::Encrypted => key.seal(sequence, self.order, &record, &mut data),
            RecordPrivacy::Authenticated => {
                let associated = [&record[..], &data].concat();
                key.seal(sequence, self.order, &associated, &mut [])
            }
        };
        record.extend(data);
        record.extend(tag.expect("it can be sealed"));
        [&[0; 4][..self.form.binding.reserved_len()], &record].concat()
    }

    /// Not, or not only, what was sealed.
    fn forge(&self, sealed: &[u8], input: &mut Input<'_>) -> Vec<u8> {
        let mut record = sealed.to_vec();
        match input.byte() & 7 {
            0..=2 => {
                let at = input.number() % record.len();
                record[at] ^= input.byte();
            }
            3 => record.truncate(input.number() % (record.len() + 1)),
            4 => record.extend(vec![0; usize::from(input.byte() & 7)]),
            5 => {
                let len = usize::from(input.byte() & 7);
                record.extend(input.bytes(len));
            }
            6 => record.clone_from(&self.before),
            _ => {
                let len = input.number() & 0xFF;
                record = input.bytes(len);
            }
        }
        record
    }

    /// Opens a record; `sealed` is the one with the number that is next.
    fn try_open(&mut self, record: &[u8], sealed: &[u8]) {
        let before = self.receiver.sequence();
        let mut opened = record.to_vec();
        let result = self.receiver.open(&self.form, &mut opened, self.padding);
        // Reserved bytes in front of it are not looked at.
        let binding = self.form.binding;
        let behind = binding.record(record).strip_prefix(binding.record(sealed));
        let behind = behind.filter(|behind| behind.len() <= self.padding);
        let genuine = behind.is_some_and(|behind| behind.iter().all(|byte| *byte == 0));
        if self.receiver.sequence() == before {
            assert!(result.is_err() && !genuine, "{result:?}");
            assert_eq!(opened, record, "nothing is released before the tag is right");
            return;
        }
        assert_eq!(self.receiver.sequence(), before + 1);
        assert!(behind.is_some(), "a record that nobody sealed");
        if let Ok(range) = result {
            let message = &opened[range];
            assert_eq!(self.message(&opened[..sealed.len() - 16]), Some(message));
        }
    }

    /// What is inside of an opened record without its tag, by the layouts alone.
    fn message<'r>(&self, record: &'r [u8]) -> Option<&'r [u8]> {
        let binding = self.form.binding;
        let data = record.get(binding.reserved_len() + 6 + binding.sequence_len()..)?;
        let data = match self.form.privacy {
            RecordPrivacy::Encrypted => {
                let (len, rest) = data.split_first_chunk()?;
                rest.get(..usize::from(u16::from_le_bytes(*len)))?
            }
            RecordPrivacy::Authenticated => data,
        };
        match binding {
            RecordBinding::Mctp => data.strip_prefix(&[5]),
            RecordBinding::Tcp => {
                let (len, rest) = data.split_first_chunk()?;
                let message = rest.strip_prefix(&[1, 5])?;
                (usize::from(u16::from_le_bytes(*len)) == message.len() + 2).then_some(message)
            }
            // One descriptor: of an SPDM message, status, its length, its place.
            RecordBinding::Storage => {
                let (descriptor, message) = data.split_first_chunk::<20>()?;
                let len = u32::from_le_bytes(*descriptor.get(7..)?.first_chunk()?);
                let len = usize::try_from(len).ok()?;
                message.get(..len)
            }
            _ => Some(data),
        }
    }
}
