//! Fields of messages, with the meaning of their values. The one place for names of values.

mod param;
mod pci_sig;

use bitflags::Flags;
use spdm_codec::{
    AeadCipherSuite, BaseAsymAlgo, BaseHashAlgo, CapabilityExtFlags, CapabilityFlags,
    CertificateModel, Code, DEVICE_MODE_INDEX, DheNamedGroup, Field, Header, KemAlgo,
    KeyPairAsymAlgo, KeyPairCapabilities, KeyScheduleAlgo, KeyUsage, MANIFEST_INDEX,
    MeasurementHashAlgo, MeasurementOperation, MeasurementSpecification, MeasurementType,
    MelSpecification, OtherParams, PqcAsymAlgo, SessionPolicy, SlotMask, SpdmVersion,
    StandardsBody, Trace, VersionNumberEntry,
};
use spdm_untrusted::Untrusted;

pub(crate) use param::key_operation;
pub(crate) use pci_sig::{ide_km, interface_state, protocol, tdisp};

const RAW_BIT_STREAM: u8 = 0x80;

/// A field as it is shown.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Row {
    pub(crate) name: &'static str,
    pub(crate) at: usize,
    pub(crate) bytes: Vec<u8>,
    pub(crate) meaning: Option<String>,
}

/// Collects the fields of one message.
#[derive(Debug)]
pub(crate) struct Fields {
    code: Code,
    version: u8,
    /// The AlgType whose AlgSupported comes next.
    alg_type: u8,
    pub(crate) rows: Vec<Row>,
}

impl<'a> Trace<'a> for Fields {
    fn field(&mut self, field: Field<'a>) {
        if let ("AlgType", [alg_type]) = (field.name, field.bytes) {
            self.alg_type = *alg_type;
        }
        let meaning = self.meaning(field.name, field.bytes);
        let (name, at, bytes) = (field.name, field.at, field.bytes.to_vec());
        self.rows.push(Row { name, at, bytes, meaning });
    }
}

impl Fields {
    /// No fields yet of a message that begins with these bytes.
    pub(crate) fn new(message: &[u8]) -> Self {
        let header = Header::peek(Untrusted::new(message)).ok();
        let (code, version) = header.map_or((Code(0), 0), |header| (header.code, header.version));
        Self { code, version, alg_type: 0, rows: Vec::new() }
    }

    /// The fields of a message that the codec does not decode: its header, and the rest in one field.
    pub(crate) fn opaque(message: &[u8]) -> Vec<Row> {
        const HEADER: [&str; 4] = ["SPDMVersion", "RequestResponseCode", "Param1", "Param2"];
        let mut fields = Self::new(message);
        for ((at, name), byte) in HEADER.into_iter().enumerate().zip(message) {
            let meaning = fields.meaning(name, &[*byte]);
            fields.rows.push(Row { name, at, bytes: vec![*byte], meaning });
        }
        if let Some(rest) = message.get(HEADER.len()..).filter(|rest| !rest.is_empty()) {
            let row =
                Row { name: "payload", at: HEADER.len(), bytes: rest.to_vec(), meaning: None };
            fields.rows.push(row);
        }
        fields.rows
    }

    /// What follows the last field, where decoding stopped early.
    pub(crate) fn not_decoded(&mut self, message: &[u8]) {
        let at = self.rows.iter().map(|row| row.at + row.bytes.len()).max().unwrap_or(0);
        if let Some(rest) = message.get(at..).filter(|rest| !rest.is_empty()) {
            self.rows.push(Row { name: "not decoded", at, bytes: rest.to_vec(), meaning: None });
        }
    }

    fn meaning(&self, name: &str, bytes: &[u8]) -> Option<String> {
        let number = match *bytes {
            [a] => u32::from(a),
            [a, b] => u32::from(u16::from_le_bytes([a, b])),
            [a, b, c] => u32::from_le_bytes([a, b, c, 0]),
            [a, b, c, d] => u32::from_le_bytes([a, b, c, d]),
            _ => 0,
        };
        let byte = bytes.first().copied().unwrap_or(0);
        let word = u16::try_from(number).unwrap_or(u16::MAX);
        Some(match name {
            "SPDMVersion" => return SpdmVersion::from_byte(byte).map(|v| v.to_string()),
            "RequestResponseCode" | "RequestCode" => Code(byte).to_string(),
            "SessionID" if bytes.len() == 4 => format!("session {number:08x}"),
            "ReqSessionID" | "RspSessionID" => format!("{number:#06x}"),
            "Param1" => return param::param1(self.code, self.version, byte),
            "Param2" => return param::param2(self.code, self.version, byte),
            "Flags" => flags(CapabilityFlags::from_bits_retain(number)),
            "ExtFlags" => flags(CapabilityExtFlags::from_bits_retain(word)),
            "BaseAsymAlgo" | "BaseAsymSel" => flags(BaseAsymAlgo::from_bits_retain(number)),
            "BaseHashAlgo" | "BaseHashSel" => flags(BaseHashAlgo::from_bits_retain(number)),
            "PqcAsymAlgo" | "PqcAsymSel" => flags(PqcAsymAlgo::from_bits_retain(number)),
            "MeasurementHashAlgo" => flags(MeasurementHashAlgo::from_bits_retain(number)),
            "MeasurementSpecification" | "MeasurementSpecificationSel" => {
                flags(MeasurementSpecification::from_bits_retain(byte))
            }
            "OtherParamsSupport" | "OtherParamsSelection" => {
                flags(OtherParams::from_bits_retain(byte))
            }
            "MELspecification" | "MELspecificationSel" => {
                flags(MelSpecification::from_bits_retain(byte))
            }
            "AlgType" => alg_type(byte)?.to_owned(),
            "AlgSupported" => self.alg_supported(word)?,
            "VersionNumberEntry" => versions(bytes),
            "CertificateInfo" => {
                let model = |byte: &u8| certificate_model(*byte);
                bytes.iter().map(model).collect::<Vec<_>>().join(", ")
            }
            "KeyUsageMask" => {
                let (masks, _) = bytes.as_chunks::<2>();
                let usage =
                    |mask: &[u8; 2]| flags(KeyUsage::from_bits_retain(u16::from_le_bytes(*mask)));
                masks.iter().map(usage).collect::<Vec<_>>().join(", ")
            }
            "KeyUsageCapabilities" | "CurrentKeyUsage" | "DesiredKeyUsage" => {
                flags(KeyUsage::from_bits_retain(word))
            }
            "Capabilities" => flags(KeyPairCapabilities::from_bits_retain(word)),
            "AsymAlgoCapabilities" | "CurrentAsymAlgo" | "DesiredAsymAlgo" => {
                flags(KeyPairAsymAlgo::from_bits_retain(number))
            }
            "PqcAsymAlgoCapabilities" | "CurrentPqcAsymAlgo" | "DesiredPqcAsymAlgo" => {
                flags(PqcAsymAlgo::from_bits_retain(number))
            }
            "AssocCertSlotMask" | "DesiredAssocCertSlotMask" => slots(byte),
            "SessionPolicy" => flags(SessionPolicy::from_bits_retain(byte)),
            "MutAuthRequested" => mutual_authentication(byte)?.to_owned(),
            "RequestAttributes" => signature_requested(byte).to_owned(),
            "StandardID" => standards_body(word),
            "ID" => standards_body(byte.into()),
            "ReqSlotNumber" => slot(byte & 0x0F),
            "EventTypeID" => event_type(word)?.to_owned(),
            "DMTFSpecMeasurementValueType" => value_type(byte),
            "Index" => match byte {
                MANIFEST_INDEX => "253, measurement manifest".to_owned(),
                DEVICE_MODE_INDEX => "254, device mode".to_owned(),
                index => index.to_string(),
            },
            "SlotIDParam" => slot(byte & 0x0F),
            "CTExponent" | "RDTExponent" => exponent(byte),
            _ if matches!(bytes.len(), 1..=4) && name != "Reserved" => number.to_string(),
            _ => return None,
        })
    }

    fn alg_supported(&self, bits: u16) -> Option<String> {
        Some(match self.alg_type {
            2 => flags(DheNamedGroup::from_bits_retain(bits)),
            3 => flags(AeadCipherSuite::from_bits_retain(bits)),
            4 => flags(BaseAsymAlgo::from_bits_retain(bits.into())),
            5 => flags(KeyScheduleAlgo::from_bits_retain(bits)),
            6 => flags(PqcAsymAlgo::from_bits_retain(bits.into())),
            7 => flags(KemAlgo::from_bits_retain(bits)),
            _ => return None,
        })
    }
}

/// The names of the set bits; bits without a name as a number.
pub(crate) fn flags<F: Flags>(value: F) -> String
where
    F::Bits: core::fmt::LowerHex,
{
    let mut known = F::empty();
    let mut names = Vec::new();
    for (name, flag) in value.iter_names() {
        known.insert(flag);
        names.push(name.to_owned());
    }
    let unknown = value.difference(known);
    if !unknown.is_empty() {
        names.push(format!("{:#x}", unknown.bits()));
    }
    if names.is_empty() { "none".to_owned() } else { names.join(" | ") }
}

/// The versions of VersionNumberEntry.
pub(crate) fn versions(entries: &[u8]) -> String {
    let (entries, _) = entries.as_chunks::<2>();
    let show = |entry: &[u8; 2]| version_entry(VersionNumberEntry(u16::from_le_bytes(*entry)));
    entries.iter().map(show).collect::<Vec<_>>().join(", ")
}

/// A version with its update version, and with its alpha version, where it is one of an unfinished specification.
pub(crate) fn version_entry(entry: VersionNumberEntry) -> String {
    let (major, minor) = (entry.version_byte() >> 4, entry.version_byte() & 0x0F);
    let update = match entry.update() {
        0 => String::new(),
        update => format!(".{update}"),
    };
    let alpha = match entry.alpha() {
        0 => String::new(),
        alpha => format!("-alpha{alpha}"),
    };
    format!("{major}.{minor}{update}{alpha}")
}

/// MutAuthRequested of KEY_EXCHANGE_RSP.
const fn mutual_authentication(byte: u8) -> Option<&'static str> {
    Some(match byte {
        0 => "no mutual authentication",
        1 => "without the encapsulated request flow",
        2 => "with the encapsulated request flow",
        4 => "with an implicit GET_DIGESTS",
        _ => return None,
    })
}

const fn signature_requested(attributes: u8) -> &'static str {
    if attributes & 1 == 0 { "no signature requested" } else { "signature requested" }
}

/// The name of a standards body, or its number.
pub(crate) fn standards_body(id: u16) -> String {
    StandardsBody(id).name().map_or_else(|| format!("body {id}"), str::to_owned)
}

/// EventTypeID of the DMTF group.
const fn event_type(id: u16) -> Option<&'static str> {
    Some(match id {
        1 => "EventLost",
        2 => "MeasurementChanged",
        3 => "MeasurementPreUpdate",
        4 => "CertificateChanged",
        _ => return None,
    })
}

const fn alg_type(byte: u8) -> Option<&'static str> {
    Some(match byte {
        2 => "DHE",
        3 => "AEADCipherSuite",
        4 => "ReqBaseAsymAlg",
        5 => "KeySchedule",
        6 => "ReqPqcAsymAlg",
        7 => "KEMAlg",
        _ => return None,
    })
}

/// What GET_MEASUREMENTS asks for.
pub(crate) fn operation(operation: MeasurementOperation) -> String {
    match operation {
        MeasurementOperation::Count => "the number of indices".to_owned(),
        MeasurementOperation::All => "all measurements".to_owned(),
        MeasurementOperation::Index(index) => format!("index {index}"),
    }
}

/// A slot in a field of 4 or 8 bits.
pub(crate) fn slot(number: u8) -> String {
    match number {
        0x0F | 0xFF => "provisioned public key".to_owned(),
        number => format!("slot {number}"),
    }
}

fn slots(mask: u8) -> String {
    let slots: Vec<String> = SlotMask(mask).slots().map(|slot| slot.to_string()).collect();
    if slots.is_empty() { "no slots".to_owned() } else { format!("slots {}", slots.join(", ")) }
}

fn value_type(byte: u8) -> String {
    let form = if byte & RAW_BIT_STREAM == 0 { "digest" } else { "raw bit stream" };
    format!("{}, {form}", MeasurementType::from_bits(byte).name())
}

fn certificate_model(byte: u8) -> String {
    match byte & 7 {
        byte if byte == CertificateModel::DeviceCert.to_byte() => "device certificate".to_owned(),
        byte if byte == CertificateModel::AliasCert.to_byte() => "alias certificate".to_owned(),
        byte if byte == CertificateModel::GenericCert.to_byte() => "generic certificate".to_owned(),
        0 => "no model".to_owned(),
        other => format!("model {other}"),
    }
}

fn exponent(byte: u8) -> String {
    match 1_u64.checked_shl(byte.into()) {
        Some(micros) => format!("{byte}, {micros} µs"),
        None => byte.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::{Fields, flags};
    use spdm_codec::{Cx, Request, Response, SpdmVersion};
    use spdm_untrusted::Untrusted;

    fn meanings(message: &[u8]) -> Vec<(&'static str, usize, Option<String>)> {
        let mut fields = Fields::new(message);
        let cx = Cx::new(SpdmVersion::V1_2);
        if message[1] & 0x80 == 0 {
            Response::decode_traced(Untrusted::new(message), &cx, &mut fields).unwrap();
        } else {
            Request::decode_traced(Untrusted::new(message), &cx, &mut fields).unwrap();
        }
        fields.rows.into_iter().map(|row| (row.name, row.at, row.meaning)).collect()
    }

    #[test]
    fn values_have_names() {
        let rows = meanings(&[0x12, 0x7F, 0x42, 0, 10, 0x83, 5, 2]);
        let expected = [
            ("SPDMVersion", 0, "1.2"),
            ("RequestResponseCode", 1, "ERROR"),
            ("Param1", 2, "ResponseNotReady"),
            ("Param2", 3, ""),
            ("RDTExponent", 4, "10, 1024 µs"),
            ("RequestCode", 5, "CHALLENGE"),
            ("Token", 6, "5"),
            ("RDTM", 7, "2"),
        ];
        let shown: Vec<_> =
            rows.into_iter().map(|(name, at, text)| (name, at, text.unwrap_or_default())).collect();
        assert_eq!(shown.len(), expected.len());
        for ((name, at, text), row) in expected.into_iter().zip(shown) {
            assert_eq!((name, at, text.to_owned()), row);
        }
    }

    #[test]
    fn attributes_and_operations() {
        let rows = meanings(&[0x12, 0xE0, 2, 0xFF]);
        assert_eq!(rows[2].2.as_deref(), Some("RAW_BIT_STREAM_REQUESTED"));
        assert_eq!(rows[3].2.as_deref(), Some("all measurements"));
    }

    #[test]
    fn bits_without_a_name_are_numbers() {
        use spdm_codec::BaseHashAlgo;
        let value = BaseHashAlgo::SHA_384 | BaseHashAlgo::from_bits_retain(1 << 20);
        assert_eq!(flags(value), "SHA_384 | 0x100000");
        assert_eq!(flags(BaseHashAlgo::empty()), "none");
    }

    #[test]
    fn algorithm_tables_are_read_by_their_type() {
        let mut fields = Fields::new(&[0x12, 0x63, 2, 0]);
        for (alg_type, bits, expected) in [
            (2, 0x18, "SECP_256_R1 | SECP_384_R1"),
            (3, 6, "AES_256_GCM | CHACHA20_POLY1305"),
            (4, 0x80, "ECDSA_P384"),
            (5, 1, "SPDM"),
            (6, 4, "ML_DSA_87"),
            (7, 2, "ML_KEM_768"),
        ] {
            fields.alg_type = alg_type;
            assert_eq!(fields.meaning("AlgSupported", &[bits, 0]).as_deref(), Some(expected));
        }
    }
}
