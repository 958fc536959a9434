//! Addresses of functions.

use core::fmt;
use core::str::FromStr;

/// Segment, bus, device and function, as `DDDD:BB:DD.F` in hexadecimal.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
#[non_exhaustive]
pub struct PciAddress {
    /// The segment, which Linux calls domain. Host bridges behind which there is no segment of the platform have
    /// numbers above 0xFFFF.
    pub domain: u32,
    /// The bus.
    pub bus: u8,
    /// The device, 0 to 31.
    pub device: u8,
    /// The function, 0 to 7.
    pub function: u8,
}

impl fmt::Display for PciAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { domain, bus, device, function } = self;
        write!(f, "{domain:04x}:{bus:02x}:{device:02x}.{function:x}")
    }
}

/// The text is not `DDDD:BB:DD.F` in hexadecimal.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct PciAddressSyntax;

impl fmt::Display for PciAddressSyntax {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("expected DDDD:BB:DD.F, in hexadecimal digits")
    }
}

impl core::error::Error for PciAddressSyntax {}

impl FromStr for PciAddress {
    type Err = PciAddressSyntax;

    fn from_str(text: &str) -> Result<Self, PciAddressSyntax> {
        Self::parse(text).ok_or(PciAddressSyntax)
    }
}

impl PciAddress {
    fn parse(text: &str) -> Option<Self> {
        let (rest, function) = text.split_once('.')?;
        let (rest, device) = rest.rsplit_once(':')?;
        let (domain, bus) = rest.split_once(':')?;
        if !(4..=8).contains(&domain.len()) {
            return None;
        }
        let narrow = |value| u8::try_from(value).ok();
        Some(Self {
            domain: digits(domain, domain.len())?,
            bus: narrow(digits(bus, 2)?)?,
            device: narrow(digits(device, 2)?).filter(|device| *device < 32)?,
            function: narrow(digits(function, 1)?).filter(|function| *function < 8)?,
        })
    }
}

fn digits(text: &str, count: usize) -> Option<u32> {
    let right = text.len() == count && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    right.then(|| u32::from_str_radix(text, 16).ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::PciAddress;
    use std::string::ToString;

    #[test]
    fn addresses() {
        for text in ["0000:00:05.0", "0001:ff:1f.7", "10000:01:00.0", "ffffffff:00:00.0"] {
            assert_eq!(text.parse::<PciAddress>().map(|found| found.to_string()), Ok(text.into()));
        }
        assert_eq!("0000:0A:05.0".parse::<PciAddress>().unwrap().to_string(), "0000:0a:05.0");
        for text in [
            "",
            "00:05.0",
            "000:00:05.0",
            "0000:00:05",
            "0000:00:05.8",
            "0000:00:20.0",
            "0000:00:5.0",
            "0000:0:05.0",
            "0000:00:05.00",
            "0000:00:05.0/",
            "../..:00:05.0",
            "0000:00:00:05.0",
            "+000:00:05.0",
            "123456789:00:05.0",
        ] {
            assert!(text.parse::<PciAddress>().is_err(), "{text}");
        }
    }
}
