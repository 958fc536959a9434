//! The questions of TDISP (PCIe 6.1 §11.3).

use spdm_codec::pci_sig::{InterfaceState, LockFlags, LockInterface, TdispBody, TdispCapabilities};

use crate::fault::Fault;
use crate::interface::TDISP_VERSION;

/// A question to a device interface, without the interface: see [`Interface::ask`](crate::Interface::ask).
pub trait TdispQuestion {
    /// What the answer says.
    type Answer<'r>;

    /// The body of the request.
    fn body(&self) -> TdispBody<'_>;

    /// Takes the body of the answer; `None` where it is another message.
    fn take<'r>(&self, answer: TdispBody<'r>) -> Option<Result<Self::Answer<'r>, Fault>>;
}

/// GET_TDISP_VERSION: the answer is the versions of the device, 1.0 among them.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[expect(clippy::exhaustive_structs, reason = "it has no fields")]
pub struct GetVersion;

impl TdispQuestion for GetVersion {
    type Answer<'r> = &'r [u8];

    fn body(&self) -> TdispBody<'_> {
        TdispBody::GetVersion
    }

    fn take<'r>(&self, answer: TdispBody<'r>) -> Option<Result<&'r [u8], Fault>> {
        let TdispBody::Version(versions) = answer else { return None };
        Some(match versions.contains(&TDISP_VERSION) {
            true => Ok(versions),
            false => Err(Fault::NoVersion),
        })
    }
}

/// GET_TDISP_CAPABILITIES.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[expect(clippy::exhaustive_structs, reason = "callers build it")]
pub struct GetCapabilities {
    /// `TSM_CAPS`: 0 in PCIe 6.1.
    pub tsm_caps: u32,
}

/// What a device can do.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct Capabilities {
    /// `DSM_CAPS`.
    pub dsm_caps: u32,
    /// `REQ_MSGS_SUPPORTED`.
    pub requests: [u8; 16],
    /// `LOCK_INTERFACE_FLAGS_SUPPORTED`.
    pub lock_flags: LockFlags,
    /// `DEV_ADDR_WIDTH` in bits.
    pub address_width: u8,
    /// `NUM_REQ_THIS`: requests of this interface that the device takes at once; 0 where it does not say.
    pub requests_this: u8,
    /// `NUM_REQ_ALL`: those of all its interfaces.
    pub requests_all: u8,
}

impl TdispQuestion for GetCapabilities {
    type Answer<'r> = Capabilities;

    fn body(&self) -> TdispBody<'_> {
        TdispBody::GetCapabilities(self.tsm_caps)
    }

    fn take(&self, answer: TdispBody<'_>) -> Option<Result<Capabilities, Fault>> {
        let TdispBody::Capabilities(answer) = answer else { return None };
        let TdispCapabilities { num_req_this, num_req_all, dev_addr_width, .. } = answer;
        let value =
            |field, expected, got: u8| Some(Err(Fault::Value { field, expected, got: got.into() }));
        if dev_addr_width > 64 {
            return value("DEV_ADDR_WIDTH", "at most 64", dev_addr_width);
        }
        // 0 comes from devices that do not count them; nobody here has two requests out at once.
        if num_req_this > num_req_all {
            return value("NUM_REQ_THIS", "at most NUM_REQ_ALL", num_req_this);
        }
        Some(Ok(Capabilities {
            dsm_caps: answer.dsm_caps,
            requests: *answer.req_msgs_supported,
            lock_flags: answer.lock_flags_supported,
            address_width: dev_addr_width,
            requests_this: num_req_this,
            requests_all: num_req_all,
        }))
    }
}

/// START_INTERFACE_NONCE: what LOCK_INTERFACE_RESPONSE gives, and starts the interface.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[expect(clippy::exhaustive_structs, reason = "nothing but its bytes")]
pub struct StartNonce(pub [u8; 32]);

/// LOCK_INTERFACE_REQUEST: the configuration of the interface is locked, and the answer is the nonce that starts it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Lock(LockInterface);

impl Lock {
    /// A request with these fields.
    ///
    /// # Errors
    /// [`Fault::UnsupportedFlags`] for flags that are not among the device's.
    pub fn new(fields: LockInterface, supported: LockFlags) -> Result<Self, Fault> {
        let unsupported = fields.flags.bits() & !supported.bits();
        match unsupported {
            0 => Ok(Self(fields)),
            flags => Err(Fault::UnsupportedFlags(flags)),
        }
    }
}

impl TdispQuestion for Lock {
    type Answer<'r> = StartNonce;

    fn body(&self) -> TdispBody<'_> {
        TdispBody::LockInterface(self.0)
    }

    fn take(&self, answer: TdispBody<'_>) -> Option<Result<StartNonce, Fault>> {
        let TdispBody::LockInterfaceResponse(nonce) = answer else { return None };
        Some(Ok(StartNonce(*nonce)))
    }
}

/// GET_DEVICE_INTERFACE_REPORT: a portion of the report, and how many bytes are behind it. See
/// [`ReportReader`](crate::ReportReader).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[expect(clippy::exhaustive_structs, reason = "callers build it")]
pub struct GetReport {
    /// `OFFSET` in bytes.
    pub offset: u16,
    /// `LENGTH` in bytes: the longest portion.
    pub length: u16,
}

impl TdispQuestion for GetReport {
    type Answer<'r> = (&'r [u8], u16);

    fn body(&self) -> TdispBody<'_> {
        TdispBody::GetReport { offset: self.offset, length: self.length }
    }

    fn take<'r>(&self, answer: TdispBody<'r>) -> Option<Result<(&'r [u8], u16), Fault>> {
        let TdispBody::Report { portion, remainder } = answer else { return None };
        if portion.is_empty() || portion.len() > usize::from(self.length) {
            let (field, expected) = ("PORTION_LENGTH", "1 to LENGTH");
            let got = u64::try_from(portion.len()).unwrap_or(u64::MAX);
            return Some(Err(Fault::Value { field, expected, got }));
        }
        Some(Ok((portion, remainder)))
    }
}

/// GET_DEVICE_INTERFACE_STATE.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[expect(clippy::exhaustive_structs, reason = "it has no fields")]
pub struct GetState;

impl TdispQuestion for GetState {
    type Answer<'r> = InterfaceState;

    fn body(&self) -> TdispBody<'_> {
        TdispBody::GetState
    }

    fn take(&self, answer: TdispBody<'_>) -> Option<Result<InterfaceState, Fault>> {
        let TdispBody::State(state) = answer else { return None };
        Some(match state {
            InterfaceState::CONFIG_UNLOCKED
            | InterfaceState::CONFIG_LOCKED
            | InterfaceState::RUN
            | InterfaceState::ERROR => Ok(state),
            state => Err(Fault::UnknownState(state)),
        })
    }
}

/// START_INTERFACE_REQUEST: the interface runs. The nonce is of the last LOCK_INTERFACE_RESPONSE, and starts it once.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[expect(clippy::exhaustive_structs, reason = "callers build it")]
pub struct Start(pub StartNonce);

impl TdispQuestion for Start {
    type Answer<'r> = ();

    fn body(&self) -> TdispBody<'_> {
        TdispBody::StartInterface(&self.0.0)
    }

    fn take(&self, answer: TdispBody<'_>) -> Option<Result<(), Fault>> {
        matches!(answer, TdispBody::StartInterfaceResponse).then_some(Ok(()))
    }
}

/// STOP_INTERFACE_REQUEST: the interface is unlocked again.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[expect(clippy::exhaustive_structs, reason = "it has no fields")]
pub struct StopInterface;

impl TdispQuestion for StopInterface {
    type Answer<'r> = ();

    fn body(&self) -> TdispBody<'_> {
        TdispBody::StopInterface
    }

    fn take(&self, answer: TdispBody<'_>) -> Option<Result<(), Fault>> {
        matches!(answer, TdispBody::StopInterfaceResponse).then_some(Ok(()))
    }
}
