//! The identity of a PCIe function, as Component Measurement and Authentication binds it to a certificate.

use core::fmt;
use core::str::FromStr;

/// What a function's configuration space says of itself (PCIe 6.1 §6.31.3).
///
/// `Display` writes the expected value of the CMA otherName: `Vendor=…:Device=…:CC=…:REV=…`, then `:SSVID=…:SSID=…`
/// for a function with a subsystem id, then `:` and the Device Serial Number where there is one; all in
/// lower-case hexadecimal, zero-padded.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[expect(clippy::exhaustive_structs, reason = "these are the fields of the rule")]
pub struct PciIdentity {
    /// Vendor ID, offset 0x00.
    pub vendor: u16,
    /// Device ID, offset 0x02.
    pub device: u16,
    /// Class code (base class, sub class, programming interface), 24 bits, offset 0x09.
    pub class_code: u32,
    /// Revision ID, offset 0x08.
    pub revision: u8,
    /// Subsystem Vendor ID and Subsystem ID, offsets 0x2C and 0x2E; only functions with a type 0 header.
    pub subsystem: Option<(u16, u16)>,
    /// Device Serial Number capability, where present and not zero.
    pub serial: Option<u64>,
}

impl PciIdentity {
    /// Writes what `Display` shows. It formats no number with `core::fmt`: where nothing else does, that takes 1 492
    /// bytes of flash (thumbv7em, opt-level z).
    ///
    /// # Errors
    /// Those of `out`.
    pub fn write_to(&self, out: &mut dyn fmt::Write) -> fmt::Result {
        write_field(out, "Vendor=", self.vendor.into(), 4)?;
        write_field(out, ":Device=", self.device.into(), 4)?;
        write_field(out, ":CC=", self.class_code.into(), 6)?;
        write_field(out, ":REV=", self.revision.into(), 2)?;
        if let Some((vendor, id)) = self.subsystem {
            write_field(out, ":SSVID=", vendor.into(), 4)?;
            write_field(out, ":SSID=", id.into(), 4)?;
        }
        match self.serial {
            Some(serial) if serial != 0 => write_field(out, ":", serial, 16),
            _ => Ok(()),
        }
    }
}

impl fmt::Display for PciIdentity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.write_to(f)
    }
}

/// Writes `name` and `value`, in at least as many hexadecimal digits.
fn write_field(out: &mut dyn fmt::Write, name: &str, value: u64, digits: u32) -> fmt::Result {
    out.write_str(name)?;
    let needed = (u64::BITS - value.leading_zeros()).div_ceil(4);
    for place in (0..digits.max(needed)).rev() {
        let nibble = (value >> (4 * place)).to_le_bytes()[0] & 0xF;
        out.write_char(char::from_digit(nibble.into(), 16).unwrap_or_default())?;
    }
    Ok(())
}

/// The text is not `VVVV:DDDD:CCCCCC:RR[:SVSV:SDSD][:SERIAL16]` in hexadecimal.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct PciIdentitySyntax;

impl fmt::Display for PciIdentitySyntax {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("expected VVVV:DDDD:CCCCCC:RR[:SVSV:SDSD][:SERIAL16], in hexadecimal digits")
    }
}

impl core::error::Error for PciIdentitySyntax {}

impl FromStr for PciIdentity {
    type Err = PciIdentitySyntax;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut parts = text.split(':');
        let vendor = digits(parts.next(), 4)?;
        let device = digits(parts.next(), 4)?;
        let class_code = digits(parts.next(), 6)?;
        let revision = digits(parts.next(), 2)?;
        let (subsystem, serial) = match (parts.next(), parts.next(), parts.next()) {
            (None, ..) => (None, None),
            (Some(serial), None, _) => (None, Some(digits(Some(serial), 16)?)),
            (Some(vendor), Some(id), serial) => {
                let ids = (digits(Some(vendor), 4)?, digits(Some(id), 4)?);
                (Some(ids), serial.map(|s| digits(Some(s), 16)).transpose()?)
            }
        };
        match parts.next() {
            Some(_) => Err(PciIdentitySyntax),
            None => Ok(Self { vendor, device, class_code, revision, subsystem, serial }),
        }
    }
}

fn digits<T: TryFrom<u64>>(part: Option<&str>, count: usize) -> Result<T, PciIdentitySyntax> {
    let part = part.filter(|p| p.len() == count && p.bytes().all(|b| b.is_ascii_hexdigit()));
    let value = part.and_then(|p| u64::from_str_radix(p, 16).ok());
    value.and_then(|v| T::try_from(v).ok()).ok_or(PciIdentitySyntax)
}

#[cfg(test)]
mod tests {
    use super::PciIdentity;
    use std::format;
    use std::string::ToString;

    #[test]
    fn the_name_of_qemus_nvme_drive() {
        let id: PciIdentity = "1b36:0010:010802:02:1af4:1100".parse().unwrap();
        let name = "Vendor=1b36:Device=0010:CC=010802:REV=02:SSVID=1af4:SSID=1100";
        assert_eq!(id.to_string(), name);
    }

    #[test]
    fn optional_parts() {
        let with = "1b36:0010:010802:02:00deadbeef001122".parse::<PciIdentity>().unwrap();
        assert_eq!((with.subsystem, with.serial), (None, Some(0x00de_adbe_ef00_1122)));
        assert!(with.to_string().ends_with(":REV=02:00deadbeef001122"));
        let zero = "1B36:0010:010802:02:1af4:1100:0000000000000000".parse::<PciIdentity>().unwrap();
        assert!(zero.to_string().ends_with(":SSID=1100"));
    }

    #[test]
    fn digits_are_as_many_as_a_value_has() {
        let id = "1b36:0010:010802:02".parse::<PciIdentity>().unwrap();
        for class_code in [0, 0x0F_FFFF, 0xFF_FFFF, 0x0100_0000, u32::MAX] {
            let name = PciIdentity { class_code, ..id }.to_string();
            assert_eq!(name, format!("Vendor=1b36:Device=0010:CC={class_code:06x}:REV=02"));
        }
    }

    #[test]
    fn bad_syntax() {
        for text in [
            "",
            "1b36",
            "1b36:10:010802:02",
            "1b36:0010:010802:02:1af4",
            "1b36:0010:010802:02:",
            "+b36:0010:010802:02",
            "1b36:0010:010802:02:1af4:1100:00deadbeef001122:1",
        ] {
            assert!(text.parse::<PciIdentity>().is_err(), "{text}");
        }
    }
}
