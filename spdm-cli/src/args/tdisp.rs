//! `spdm tdisp`.

use clap::{Args, ValueEnum};
use spdm_codec::pci_sig::{FunctionId, LockFlags};

use super::{OWN, SessionVerbArgs};

/// `spdm tdisp`.
#[derive(Args, Debug)]
pub(crate) struct TdispArgs {
    #[command(flatten)]
    pub(crate) verb: SessionVerbArgs,
    /// What is done, in this order, in one session: a lock ends with its session
    #[arg(help_heading = OWN, value_name = "STEP", required = true)]
    pub(crate) steps: Vec<TdispStep>,
    /// The device interface: its function as BB:DD.F, or FunctionID as hex digits
    #[arg(help_heading = OWN, long, value_name = "FUNCTION", value_parser = function)]
    pub(crate) function: FunctionId,
    /// Of lock: NO_FW_UPDATE, SYSTEM_CACHE_LINE_SIZE, LOCK_MSIX, BIND_P2P, ALL_REQUEST_REDIRECT (FLAGS)
    #[arg(help_heading = OWN, long, value_name = "LIST", value_parser = lock_flags)]
    pub(crate) lock_flags: Option<LockFlags>,
    /// Of lock: the stream of link encryption that the interface uses by default (Default StreamID); otherwise 0
    #[arg(help_heading = OWN, long, value_name = "N")]
    pub(crate) stream_id: Option<u8>,
    /// Of lock: what the report adds to addresses (MMIO_REPORTING_OFFSET), hex digits; otherwise 0
    #[arg(help_heading = OWN, long, value_name = "HEX", value_parser = address)]
    pub(crate) mmio_offset: Option<u64>,
    /// Of lock: BIND_P2P_ADDR_MASK, hex digits; otherwise 0
    #[arg(help_heading = OWN, long, value_name = "HEX", value_parser = address)]
    pub(crate) p2p_mask: Option<u64>,
    /// Does lock, start and stop: without, nothing is sent
    #[arg(help_heading = OWN, long)]
    pub(crate) yes: bool,
}

/// A step of `spdm tdisp`.
#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
pub(crate) enum TdispStep {
    /// GET_TDISP_VERSION
    Version,
    /// GET_TDISP_CAPABILITIES
    Capabilities,
    /// LOCK_INTERFACE_REQUEST: its configuration does not change any more
    Lock,
    /// GET_DEVICE_INTERFACE_REPORT, of a locked interface
    Report,
    /// GET_DEVICE_INTERFACE_STATE
    State,
    /// START_INTERFACE_REQUEST, behind a lock
    Start,
    /// STOP_INTERFACE_REQUEST: it is unlocked again
    Stop,
}

impl TdispStep {
    /// Whether the device is another one afterwards.
    pub(crate) const fn changes(self) -> bool {
        matches!(self, Self::Lock | Self::Start | Self::Stop)
    }

    /// As the command line names it.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Version => "version",
            Self::Capabilities => "capabilities",
            Self::Lock => "lock",
            Self::Report => "report",
            Self::State => "state",
            Self::Start => "start",
            Self::Stop => "stop",
        }
    }
}

/// `--function`.
fn function(text: &str) -> Result<FunctionId, String> {
    let expected = || {
        "expected a function as BB:DD.F in hexadecimal (DD up to 1f, F up to 7), or FunctionID as hex digits".to_owned()
    };
    if let Some((bus, rest)) = text.split_once(':') {
        let (device, function) = rest.split_once('.').ok_or_else(expected)?;
        let part = |digits: &str, most: u32| {
            u32::from_str_radix(digits, 16).ok().filter(|part| *part <= most).ok_or_else(expected)
        };
        let (bus, device, function) = (part(bus, 0xFF)?, part(device, 0x1F)?, part(function, 7)?);
        return Ok(FunctionId(bus << 8 | device << 3 | function));
    }
    let digits = text.strip_prefix("0x").unwrap_or(text);
    u32::from_str_radix(digits, 16).map(FunctionId).map_err(|_| expected())
}

fn lock_flags(text: &str) -> Result<LockFlags, String> {
    let flag = |name: &str| {
        let known = || LockFlags::all().iter_names().map(|(known, _)| known).collect::<Vec<_>>();
        LockFlags::from_name(&name.trim().to_ascii_uppercase())
            .ok_or_else(|| format!("{name} is no flag of a lock; there are {}", known().join(", ")))
    };
    text.split(',').map(flag).collect()
}

fn address(text: &str) -> Result<u64, String> {
    let digits = text.strip_prefix("0x").unwrap_or(text);
    u64::from_str_radix(digits, 16).map_err(|_| "expected at most 16 hex digits".to_owned())
}

#[cfg(test)]
mod tests {
    use super::{FunctionId, function};

    #[test]
    fn functions_have_two_forms() {
        for text in ["be:1d.7", "BE:1D.7", "00BEEF", "0xbeef"] {
            assert_eq!(function(text), Ok(FunctionId(0xBEEF)), "{text}");
        }
        assert_eq!(function("0101beef"), Ok(FunctionId(0x0101_BEEF)));
        for text in ["", "be:1d", "be:20.0", "be:1d.8", "100:00.0", "123456789", "x"] {
            assert!(function(text).is_err(), "{text}");
        }
    }
}
