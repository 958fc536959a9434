//! The PCIe side of the emulated device: a device interface (TDISP) and the ports of its IDE (IDE_KM).

use spdm_codec::pci_sig::{
    FunctionId, IdeKeySlot, IdeKm, IdeKpAck, IdeQueryResp, InterfaceState, KpAckStatus, LockFlags,
    LockInterface, PciSigProtocol, Tdisp, TdispBody, TdispCapabilities, TdispError,
};
use spdm_responder::SessionSlot;
use spdm_untrusted::Untrusted;

/// The device interface: bus 0xBE, device 0x1D, function 7, which the DMTF requester asks for.
const FUNCTION: FunctionId = FunctionId(0xBEEF);
const VERSION: u8 = 0x10;
const LOCK_FLAGS: LockFlags = LockFlags::NO_FW_UPDATE.union(LockFlags::LOCK_MSIX);
/// `MaxPortIndex`.
const LAST_PORT: u8 = 1;
/// Capability and control register of IDE: selective streams, AES-GCM.
const IDE_REGISTERS: [[u8; 4]; 2] = [[0x02, 0, 0, 0], [0, 0, 0, 0]];
/// Sub-streams of a stream: PR, NPR, CPL.
const SUB_STREAMS: u8 = 3;
/// The longest portion of the report that is given at once.
const PORTION: usize = 32;
/// INTERFACE_INFO, registers, one MMIO range of 16 pages, three bytes of the device's own. The place of the first page.
const FIRST_PAGE_AT: usize = 16;
const REPORT: [u8; 39] = [
    0b0_0011, 0, 0, 0, // INTERFACE_INFO: no firmware update, DMA without PASID
    0x1F, 0x80, 0, 0, // MSI_X_MESSAGE_CONTROL, LNR_CONTROL
    0, 0, 0, 0, // TPH_CONTROL
    1, 0, 0, 0, // MMIO_RANGE_COUNT
    0, 0x0C, 0, 0, 0, 0, 0, 0, 16, 0, 0, 0, 0b0001, 0, 0, 0, // MMIO_RANGE
    3, 0, 0, 0, // DEVICE_SPECIFIC_INFO_LEN
    b't', b'd', b'i',
];
/// Codes of TDISP_ERROR.
const INVALID_REQUEST: u32 = 0x1;
const INVALID_INTERFACE_STATE: u32 = 0x4;
const UNSUPPORTED_REQUEST: u32 = 0x7;
const VERSION_MISMATCH: u32 = 0x41;
const INVALID_INTERFACE: u32 = 0x101;
const INVALID_NONCE: u32 = 0x102;

/// A locked configuration.
#[derive(Clone, Copy, Debug)]
struct Locked {
    /// `START_INTERFACE_NONCE`, until it has started the interface.
    nonce: Option<[u8; 32]>,
    mmio_reporting_offset: u64,
    /// `SessionID` of the session that locked it; `None` once that is over, which leaves the interface in ERROR.
    session: Option<u32>,
}

/// What the device interface and the ports remember.
#[derive(Debug, Default)]
pub(crate) struct PciDevice {
    /// `None`: CONFIG_UNLOCKED.
    locked: Option<Locked>,
    /// Keys that were programmed; the keys themselves are nobody's business.
    programmed: Vec<IdeKeySlot>,
}

impl PciDevice {
    /// Answers a payload of PCI-SIG's protocols; `nonce` is random. `None` where it is none, or where nothing answers it.
    pub(crate) fn answer(
        &mut self,
        payload: &[u8],
        session: u32,
        nonce: [u8; 32],
        out: &mut [u8],
    ) -> Option<usize> {
        let asked = PciSigProtocol::decode(Untrusted::new(payload)).ok()?;
        match asked {
            PciSigProtocol::Tdisp(asked) => {
                let mut report = REPORT;
                let body = self.tdisp(&asked, session, &nonce, &mut report);
                let body = body.unwrap_or_else(|code| {
                    let data = if code == VERSION_MISMATCH { VERSION.into() } else { 0 };
                    TdispBody::Error(TdispError { code, data, extended: &[] })
                });
                let (version, function_id) = (VERSION, asked.function_id);
                PciSigProtocol::Tdisp(Tdisp { version, function_id, body }).encode(out).ok()
            }
            PciSigProtocol::IdeKm(asked) => {
                PciSigProtocol::IdeKm(self.ide_km(asked)?).encode(out).ok()
            }
            _ => None,
        }
    }

    /// A lock ends with its session. UNVERIFIED: PCIe 6.1 §11.2 was not at hand; that the interface is in ERROR then, and
    /// not unlocked, is what keeps its configuration from changing unseen.
    pub(crate) fn keep(&mut self, sessions: &[SessionSlot]) {
        if let Some(locked) = &mut self.locked {
            let is_alive = |id: &u32| sessions.iter().any(|slot| slot.session_id() == Some(*id));
            locked.session = locked.session.filter(is_alive);
        }
    }

    fn state(&self) -> InterfaceState {
        match self.locked {
            None => InterfaceState::CONFIG_UNLOCKED,
            Some(Locked { session: None, .. }) => InterfaceState::ERROR,
            Some(Locked { nonce: Some(_), .. }) => InterfaceState::CONFIG_LOCKED,
            Some(Locked { nonce: None, .. }) => InterfaceState::RUN,
        }
    }

    /// The answer, or the code of TDISP_ERROR.
    fn tdisp<'o>(
        &mut self,
        asked: &Tdisp<'_>,
        session: u32,
        nonce: &'o [u8; 32],
        report: &'o mut [u8; REPORT.len()],
    ) -> Result<TdispBody<'o>, u32> {
        if asked.version != VERSION && asked.body != TdispBody::GetVersion {
            return Err(VERSION_MISMATCH);
        }
        if asked.function_id != FUNCTION {
            return Err(INVALID_INTERFACE);
        }
        match asked.body {
            TdispBody::GetVersion => Ok(TdispBody::Version(&[VERSION])),
            TdispBody::GetCapabilities(_) => Ok(TdispBody::Capabilities(TdispCapabilities {
                dsm_caps: 0,
                // Bits 1 to 7: GET_TDISP_VERSION to STOP_INTERFACE_REQUEST.
                req_msgs_supported: &[0xFE, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0],
                lock_flags_supported: LOCK_FLAGS,
                dev_addr_width: 52,
                num_req_this: 1,
                num_req_all: 1,
            })),
            TdispBody::LockInterface(LockInterface { flags, mmio_reporting_offset, .. }) => {
                if self.locked.is_some() {
                    return Err(INVALID_INTERFACE_STATE);
                }
                if !LOCK_FLAGS.contains(flags) {
                    return Err(INVALID_REQUEST);
                }
                let (nonce_left, session) = (Some(*nonce), Some(session));
                self.locked = Some(Locked { nonce: nonce_left, mmio_reporting_offset, session });
                Ok(TdispBody::LockInterfaceResponse(nonce))
            }
            TdispBody::GetReport { offset, length } => {
                let locked = self.locked.filter(|locked| locked.session.is_some());
                let locked = locked.ok_or(INVALID_INTERFACE_STATE)?;
                let page = 0x0C00_u64.wrapping_add(locked.mmio_reporting_offset >> 12);
                let place = report.iter_mut().skip(FIRST_PAGE_AT);
                place.zip(page.to_le_bytes()).for_each(|(place, byte)| *place = byte);
                let rest = report.get(usize::from(offset)..).unwrap_or_default();
                let len = rest.len().min(length.into()).min(PORTION);
                let (portion, behind) = rest.split_at(len);
                if portion.is_empty() {
                    return Err(INVALID_REQUEST);
                }
                let remainder = u16::try_from(behind.len()).unwrap_or(u16::MAX);
                Ok(TdispBody::Report { portion, remainder })
            }
            TdispBody::GetState => Ok(TdispBody::State(self.state())),
            TdispBody::StartInterface(given) => {
                let locked = self.locked.as_mut().filter(|locked| locked.session.is_some());
                let locked = locked.ok_or(INVALID_INTERFACE_STATE)?;
                let own = locked.nonce.ok_or(INVALID_INTERFACE_STATE)?;
                if own != *given {
                    return Err(INVALID_NONCE);
                }
                locked.nonce = None;
                Ok(TdispBody::StartInterfaceResponse)
            }
            TdispBody::StopInterface => {
                self.locked = None;
                Ok(TdispBody::StopInterfaceResponse)
            }
            _ => Err(UNSUPPORTED_REQUEST),
        }
    }

    fn ide_km(&mut self, asked: IdeKm<'_>) -> Option<IdeKm<'static>> {
        match asked {
            IdeKm::Query(port_index) if port_index <= LAST_PORT => {
                let (bus, registers) = (1, IDE_REGISTERS.as_slice());
                let (dev_func, segment, max_port_index) = (port_index, 0, LAST_PORT);
                Some(IdeKm::QueryResp(IdeQueryResp {
                    port_index,
                    dev_func,
                    bus,
                    segment,
                    max_port_index,
                    registers,
                }))
            }
            IdeKm::KeyProg(program) => {
                let slot = program.slot;
                let status = match slot.flags.bits() >> 4 {
                    _ if slot.port_index > LAST_PORT => KpAckStatus::UNSUPPORTED_PORT_INDEX,
                    sub_stream if sub_stream >= SUB_STREAMS => KpAckStatus::UNSUPPORTED_VALUE,
                    _ => KpAckStatus::SUCCESS,
                };
                if status == KpAckStatus::SUCCESS && !self.programmed.contains(&slot) {
                    self.programmed.push(slot);
                }
                Some(IdeKm::KpAck(IdeKpAck { slot, status }))
            }
            // Keys that nobody programmed come into no use.
            IdeKm::KSetGo(slot) => {
                self.programmed.contains(&slot).then_some(IdeKm::KGoStopAck(slot))
            }
            IdeKm::KSetStop(slot) => {
                self.programmed.retain(|known| *known != slot);
                Some(IdeKm::KGoStopAck(slot))
            }
            _ => None,
        }
    }
}
