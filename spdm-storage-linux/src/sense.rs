//! Sense data: how a SCSI drive, or the layer in front of an ATA drive, says what went wrong (SPC-5 §4.5).

use core::fmt;

/// What the drive says about a command that failed.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct Sense {
    /// The class of error.
    pub key: SenseKey,
    /// Additional sense code, and its qualifier in the low byte.
    pub code: u16,
    /// Whether this is about an earlier command, and this one was not carried out.
    pub is_deferred: bool,
    /// The byte of the command that is wrong, where the drive names one.
    pub field: Option<u16>,
    /// What an ATA drive said, where the layer in front of it tells.
    pub ata: Option<AtaStatus>,
}

/// The class of an error.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct SenseKey(u8);

/// Registers of an ATA drive after a command.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct AtaStatus {
    /// ERROR.
    pub error: u8,
    /// STATUS.
    pub status: u8,
}

impl AtaStatus {
    /// Whether the command failed: ERR or DF.
    #[must_use]
    pub const fn is_failure(self) -> bool {
        self.status & 0x21 != 0
    }
}

impl SenseKey {
    /// The command was carried out, after a recovery.
    pub const RECOVERED_ERROR: Self = Self(1);
    /// The drive does not know the command, or not with these fields.
    pub const ILLEGAL_REQUEST: Self = Self(5);
    /// Something happened to the drive before the command, which was not carried out.
    pub const UNIT_ATTENTION: Self = Self(6);
    /// The drive gave the command up.
    pub const ABORTED_COMMAND: Self = Self(11);

    /// The number.
    #[must_use]
    pub const fn number(self) -> u8 {
        self.0
    }
}

impl Sense {
    /// ATA PASS-THROUGH INFORMATION AVAILABLE.
    const ATA_INFORMATION: u16 = 0x001d;

    /// Reads what came; `None` where it is no sense data.
    pub(crate) fn decode(bytes: &[u8]) -> Option<Self> {
        let (response, rest) = bytes.split_first()?;
        let is_deferred = match response & 0x7f {
            0x70 | 0x72 => false,
            0x71 | 0x73 => true,
            _ => return None,
        };
        if response & 2 == 0 {
            fixed(bytes, is_deferred)
        } else {
            let [key, code, qualifier, _, _, _, len, ..] = rest else { return None };
            let mut sense = Self {
                key: SenseKey(key & 0x0f),
                code: u16::from_be_bytes([*code, *qualifier]),
                is_deferred,
                field: None,
                ata: None,
            };
            let descriptors = rest.get(7..).unwrap_or_default();
            let len = descriptors.len().min(usize::from(*len));
            sense.read_descriptors(descriptors.get(..len).unwrap_or_default());
            Some(sense)
        }
    }

    /// Each descriptor has a type, and the number of bytes behind the two.
    fn read_descriptors(&mut self, mut descriptors: &[u8]) {
        while let Some(([kind, len], rest)) = descriptors.split_first_chunk() {
            let Some((data, next)) = rest.split_at_checked((*len).into()) else { return };
            match (kind, data) {
                (0x02, [_, _, flags, high, low, ..]) => self.field = field([*flags, *high, *low]),
                (0x09, [_, error, _, _, _, _, _, _, _, _, _, status, ..]) => {
                    self.ata = Some(AtaStatus { error: *error, status: *status });
                }
                _ => {}
            }
            descriptors = next;
        }
    }

    /// Whether the command was carried out all the same.
    pub(crate) fn is_success(&self) -> bool {
        let ata_failed = self.ata.is_some_and(AtaStatus::is_failure);
        self.key == SenseKey::RECOVERED_ERROR && !self.is_deferred && !ata_failed
    }

    const fn words(&self) -> Option<&'static str> {
        Some(match self.code {
            0 => "no additional information",
            Self::ATA_INFORMATION => "ATA pass-through information",
            0x0400..=0x04ff => "not ready",
            0x0e00..=0x0eff => "invalid information unit",
            0x1a00 => "parameter list length error",
            0x2000 => "invalid command operation code",
            0x2001..=0x20ff => "access denied",
            0x2400 => "invalid field in CDB",
            0x2500 => "logical unit not supported",
            0x2600..=0x26ff => "invalid field in parameter list",
            0x2700..=0x27ff => "write protected",
            0x2900..=0x29ff => "power on, reset, or bus device reset occurred",
            0x2a00..=0x2aff => "parameters changed",
            0x2c00..=0x2cff => "command sequence error",
            0x3e00..=0x3eff => "logical unit failure",
            0x3f00..=0x3fff => "target operating conditions have changed",
            0x4400 => "internal target failure",
            0x4700..=0x47ff => "transmission error",
            0x4e00 => "overlapped commands attempted",
            0x7400..=0x74ff => "security error",
            _ => return None,
        })
    }
}

/// The form of fixed fields. What lies behind the data that came, or behind its own length, is 0 or not there.
fn fixed(bytes: &[u8], is_deferred: bool) -> Option<Sense> {
    let [response, _, key, i0, i1, _, _, additional, ..] = bytes else { return None };
    let len = bytes.len().min(8 + usize::from(*additional));
    let bytes = bytes.get(..len).unwrap_or_default();
    let code = match bytes {
        [_, _, _, _, _, _, _, _, _, _, _, _, code, qualifier, ..] => [*code, *qualifier],
        _ => [0, 0],
    };
    let field = match bytes {
        [_, _, _, _, _, _, _, _, _, _, _, _, _, _, _, flags, high, low, ..] => {
            field([*flags, *high, *low])
        }
        _ => None,
    };
    // SAT-4 §12.2.2.7: INFORMATION has ERROR and STATUS first.
    let key = SenseKey(key & 0x0f);
    let code = u16::from_be_bytes(code);
    let of_ata = response & 0x80 != 0
        && (key == SenseKey::ABORTED_COMMAND || code == Sense::ATA_INFORMATION);
    let ata = of_ata.then_some(AtaStatus { error: *i0, status: *i1 });
    Some(Sense { key, code, is_deferred, field, ata })
}

/// The sense-key specific bytes of ILLEGAL REQUEST: SKSV, C/D (in the command, not in its data), and a pointer.
const fn field([flags, high, low]: [u8; 3]) -> Option<u16> {
    if flags & 0xc0 == 0xc0 { Some(u16::from_be_bytes([high, low])) } else { None }
}

impl fmt::Display for SenseKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.0 {
            0 => "NO SENSE",
            1 => "RECOVERED ERROR",
            2 => "NOT READY",
            3 => "MEDIUM ERROR",
            4 => "HARDWARE ERROR",
            5 => "ILLEGAL REQUEST",
            6 => "UNIT ATTENTION",
            7 => "DATA PROTECT",
            8 => "BLANK CHECK",
            9 => "VENDOR SPECIFIC",
            10 => "COPY ABORTED",
            11 => "ABORTED COMMAND",
            13 => "VOLUME OVERFLOW",
            14 => "MISCOMPARE",
            15 => "COMPLETED",
            _ => "a reserved sense key",
        })
    }
}

/// The registers, and the bits that say why.
impl fmt::Display for AtaStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ATA STATUS {:#04x}, ERROR {:#04x}", self.status, self.error)?;
        for (bit, words) in [
            (0x04, ": the drive aborted the command"),
            (0x10, ": ID not found"),
            (0x40, ": uncorrectable"),
            (0x80, ": interface CRC error"),
        ] {
            if self.error & bit != 0 {
                f.write_str(words)?;
            }
        }
        Ok(())
    }
}

impl fmt::Display for Sense {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { key, code, is_deferred, field, ata } = self;
        let [asc, ascq] = code.to_be_bytes();
        write!(f, "{key}")?;
        if let Some(words) = self.words() {
            write!(f, ", {words}")?;
        }
        write!(f, " ({:02x}/{asc:02x}/{ascq:02x})", key.0)?;
        if let Some(field) = field {
            write!(f, ", byte {field} of the command")?;
        }
        if *is_deferred {
            f.write_str(", about an earlier command")?;
        }
        if let Some(ata) = ata {
            write!(f, "; {ata}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::{Sense, SenseKey};

    /// What Linux' drivers were seen to give.
    #[test]
    fn sense_data_of_linux() {
        for (bytes, text) in [
            (
                &[0x70, 0, 5, 0, 0, 0, 0, 10, 0, 0, 0, 0, 0x24, 0, 0, 0, 0, 0][..],
                "ILLEGAL REQUEST, invalid field in CDB (05/24/00)",
            ),
            (
                &[0x70, 0, 5, 0, 0, 0, 0, 10, 0, 0, 0, 0, 0x24, 0, 0, 0xc0, 0, 14],
                "ILLEGAL REQUEST, invalid field in CDB (05/24/00), byte 14 of the command",
            ),
            (
                &[0x70, 0, 5, 0, 0, 0, 0, 10, 0, 0, 0, 0, 0x20, 0, 0, 0, 0, 0],
                "ILLEGAL REQUEST, invalid command operation code (05/20/00)",
            ),
            (
                &[0xf0, 0, 0x0b, 0x04, 0x41, 0, 0, 10, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0],
                "ABORTED COMMAND, no additional information (0b/00/00); ATA STATUS 0x41, ERROR 0x04: the drive \
                 aborted the command",
            ),
            (
                &[0x72, 1, 0, 0x1d, 0, 0, 0, 14, 9, 12, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0x50],
                "RECOVERED ERROR, ATA pass-through information (01/00/1d); ATA STATUS 0x50, ERROR 0x00",
            ),
            (
                &[0x73, 6, 0x29, 0, 0, 0, 0, 0],
                "UNIT ATTENTION, power on, reset, or bus device reset occurred (06/29/00), about an earlier command",
            ),
            (
                &[0x72, 5, 0x99, 1, 0, 0, 0, 8, 2, 6, 0, 0, 0xc0, 0, 9, 0],
                "ILLEGAL REQUEST (05/99/01), byte 9 of the command",
            ),
        ] {
            assert_eq!(Sense::decode(bytes).unwrap().to_string(), text);
        }
    }

    #[test]
    fn what_counts_as_success() {
        let ata = |status| {
            let bytes =
                [0x72, 1, 0, 0x1d, 0, 0, 0, 14, 9, 12, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, status];
            Sense::decode(&bytes).unwrap().is_success()
        };
        assert!(ata(0x50));
        assert!(!ata(0x51), "ERR");
        assert!(!ata(0x70), "DF");
        let of_key = |response: u8, key: u8| {
            Sense::decode(&[response, key, 0, 0, 0, 0, 0, 0]).unwrap().is_success()
        };
        for key in 0..16 {
            assert_eq!(of_key(0x72, key), key == 1);
            assert!(!of_key(0x73, key));
        }
    }

    /// Data of every length and content ends, and reads nothing that did not come.
    #[test]
    fn hostile_sense_data() {
        assert_eq!(Sense::decode(&[]), None);
        for response in [0x00, 0x6f, 0x74, 0x7f, 0xff] {
            assert_eq!(Sense::decode(&[response; 64]), None);
        }
        for response in 0x70..0x74 {
            for fill in [0, 1, 2, 9, 0xff] {
                let mut bytes = [fill; 64];
                bytes[0] = response;
                for len in 1..bytes.len() {
                    if let Some(sense) = Sense::decode(&bytes[..len]) {
                        assert!(!sense.to_string().is_empty());
                    }
                }
            }
        }
        // The length says that there is no additional sense code, and bytes behind it are none.
        let short = [0x70, 0, 5, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x24, 9, 0, 0xc0, 0, 1];
        let sense = Sense::decode(&short).unwrap();
        assert_eq!((sense.key, sense.code, sense.field), (SenseKey::ILLEGAL_REQUEST, 0, None));
        // A descriptor that is longer than the data.
        let long = [0x72, 5, 0x24, 0, 0, 0, 0, 255, 9, 200, 0, 1, 2];
        assert_eq!(Sense::decode(&long).unwrap().ata, None);
    }
}
