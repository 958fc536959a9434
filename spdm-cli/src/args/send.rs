//! `spdm send`, and `--send` of `spdm session`.

use std::path::PathBuf;

use clap::Args;
use spdm_codec::StandardsBody;

use super::values::{SlotChoice, from_hex};
use super::{DeviceArgs, IdentityArgs, OWN, TrustArgs};

/// `spdm send`.
#[derive(Args, Debug)]
pub(crate) struct SendArgs {
    #[command(flatten)]
    pub(crate) device: DeviceArgs,
    #[command(flatten)]
    pub(crate) trust: TrustArgs,
    #[command(flatten)]
    pub(crate) identity: IdentityArgs,
    /// What is sent: hex digits, or @FILE for the bytes of a file
    #[arg(help_heading = OWN, value_name = "HEX|@FILE", value_parser = PayloadSource::parse)]
    pub(crate) payload: PayloadSource,
    /// Whose message it is: DMTF, TCG, USB, PCI-SIG, IANA, HDBaseT, MIPI, CXL, JEDEC, VESA or a number (StandardID)
    #[arg(help_heading = OWN, long, value_name = "NAME|ID", value_parser = Standard::parse)]
    pub(crate) standard: Standard,
    /// The vendor in the registry of that body: hex digits in the order in which they are sent (VendorID)
    #[arg(help_heading = OWN, long, value_name = "HEX", value_parser = VendorId::parse, default_value = "")]
    pub(crate) vendor: VendorId,
    /// In a session, which KEY_EXCHANGE and FINISH open with a device that is trusted; it is closed afterwards
    #[arg(help_heading = OWN, long)]
    pub(crate) session: bool,
    /// The slot whose key signs KEY_EXCHANGE, or any: the first one whose chain is trusted
    #[arg(help_heading = OWN, long, value_name = "N|any", value_parser = SlotChoice::parse, default_value = "0")]
    pub(crate) slot: SlotChoice,
    /// Writes the keys of the session, for --secrets of verify and decode: whoever has them reads everything in it
    #[arg(help_heading = OWN, long, value_name = "FILE", requires = "session")]
    pub(crate) secrets_out: Option<PathBuf>,
}

/// `--send` of `spdm session`.
#[derive(Args, Debug)]
pub(crate) struct MessagesArgs {
    /// Sends a vendor-defined message in the session: hex digits, or @FILE for the bytes of a file (repeatable)
    #[arg(long, value_name = "HEX|@FILE", value_parser = PayloadSource::parse, requires = "standard")]
    pub(crate) send: Vec<PayloadSource>,
    /// Whose messages these are: DMTF, TCG, USB, PCI-SIG, IANA, HDBaseT, MIPI, CXL, JEDEC, VESA or a number
    #[arg(long, value_name = "NAME|ID", value_parser = Standard::parse, requires = "send")]
    pub(crate) standard: Option<Standard>,
    /// The vendor in the registry of that body: hex digits in the order in which they are sent
    #[arg(long, value_name = "HEX", value_parser = VendorId::parse, default_value = "")]
    pub(crate) vendor: VendorId,
}

/// `--standard`.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Standard(pub(crate) StandardsBody);

impl Standard {
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let number = match text.strip_prefix("0x") {
            Some(digits) => u16::from_str_radix(digits, 16).ok(),
            None => text.parse().ok(),
        };
        if let Some(number) = number {
            return Ok(Self(StandardsBody(number)));
        }
        let plain = |name: &str| name.to_ascii_lowercase().replace(['-', '_', ' '], "");
        let known = (0..=StandardsBody::DMTF_DSP.0).map(StandardsBody);
        let mut named = known.filter(|body| body.name().map(plain) == Some(plain(text)));
        let unknown = || "expected a standards body such as PCI-SIG, or a number".to_owned();
        named.next().map(Self).ok_or_else(unknown)
    }
}

/// `--vendor`.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(crate) struct VendorId(pub(crate) Vec<u8>);

impl VendorId {
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        from_hex(text).map(Self)
    }
}

/// What is sent.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum PayloadSource {
    Given(Vec<u8>),
    File(PathBuf),
}

impl PayloadSource {
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        match text.strip_prefix('@') {
            Some(path) => Ok(Self::File(path.into())),
            None => from_hex(text).map(Self::Given),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Standard, StandardsBody};

    #[test]
    fn standards_bodies_have_names_and_numbers() {
        for (text, body) in [
            ("PCI-SIG", StandardsBody::PCI_SIG),
            ("pcisig", StandardsBody::PCI_SIG),
            ("3", StandardsBody::PCI_SIG),
            ("0x3", StandardsBody::PCI_SIG),
            ("dmtf", StandardsBody::DMTF),
            ("DMTF-DSP", StandardsBody::DMTF_DSP),
            ("65535", StandardsBody(0xFFFF)),
        ] {
            assert_eq!(Standard::parse(text), Ok(Standard(body)), "{text}");
        }
        for text in ["", "65536", "PCI", "0x"] {
            assert!(Standard::parse(text).is_err(), "{text}");
        }
    }
}
