//! IDE_KM: programming and switching the keys of PCIe link and stream encryption.

use bitflags::bitflags;

use crate::error::{DecodeError, EncodeError, Expected};
use crate::reader::Reader;
use crate::trace::Trace;
use crate::writer::Writer;

bitflags! {
    /// Key set, direction and sub-stream of a key. Bits 7:4 are the sub-stream: 0 PR, 1 NPR, 2 CPL.
    #[derive(Clone, Copy, Debug, Default, Eq, Hash, PartialEq)]
    pub struct IdeKeyFlags: u8 {
        /// Key set K1 instead of K0.
        const KEY_SET_1 = 1 << 0;
        /// Transmit instead of receive.
        const TX = 1 << 1;
        const _ = !0;
    }
}

/// Which key a message is about.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[expect(clippy::exhaustive_structs, reason = "callers build it")]
pub struct IdeKeySlot {
    /// `StreamID`.
    pub stream_id: u8,
    /// Key set, direction and sub-stream.
    pub flags: IdeKeyFlags,
    /// `PortIndex`.
    pub port_index: u8,
}

/// QUERY_RESP: which function answers, and what it can do.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[expect(clippy::exhaustive_structs, reason = "callers build it")]
pub struct IdeQueryResp<'a> {
    /// `PortIndex`.
    pub port_index: u8,
    /// `DevFunc`.
    pub dev_func: u8,
    /// `Bus`.
    pub bus: u8,
    /// `Segment`.
    pub segment: u8,
    /// `MaxPortIndex`.
    pub max_port_index: u8,
    /// The IDE extended capability registers, DWORDs, little-endian.
    pub registers: &'a [[u8; 4]],
}

/// KEY_PROG: a key and its initial value.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[expect(clippy::exhaustive_structs, reason = "callers build it")]
pub struct IdeKeyProgram<'a> {
    /// Which key.
    pub slot: IdeKeySlot,
    /// The key, eight DWORDs as they are on the wire.
    pub key: &'a [u8; 32],
    /// The initial value of the invocation field, two DWORDs as they are on the wire.
    pub ifv: &'a [u8; 8],
}

/// `Status` of KP_ACK. Unknown values survive.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[expect(clippy::exhaustive_structs, reason = "a number with names")]
pub struct KpAckStatus(pub u8);

impl KpAckStatus {
    /// 0: successful.
    pub const SUCCESS: Self = Self(0);
    /// 1: incorrect length.
    pub const INCORRECT_LENGTH: Self = Self(1);
    /// 2: unsupported PortIndex.
    pub const UNSUPPORTED_PORT_INDEX: Self = Self(2);
    /// 3: unsupported value.
    pub const UNSUPPORTED_VALUE: Self = Self(3);
    /// 4: unspecified failure.
    pub const UNSPECIFIED_FAILURE: Self = Self(4);
}

/// KP_ACK.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[expect(clippy::exhaustive_structs, reason = "callers build it")]
pub struct IdeKpAck {
    /// Which key.
    pub slot: IdeKeySlot,
    /// `Status`.
    pub status: KpAckStatus,
}

/// An IDE_KM message (PCIe 6.1 §6.33.3). Offsets from the byte after the protocol byte:
///
/// | id | name | fields |
/// |---|---|---|
/// | 0 | QUERY | `1` Reserved, `2` PortIndex |
/// | 1 | QUERY_RESP | `1` Reserved, `2` PortIndex, `3` DevFunc, `4` Bus, `5` Segment, `6` MaxPortIndex, `7` registers |
/// | 2 | KEY_PROG | `1` Reserved 2, `3` StreamID, `4` Reserved, `5` flags, `6` PortIndex, `7` key 32, `39` IFV 8 |
/// | 3 | KP_ACK | `1` Reserved 2, `3` StreamID, `4` Status, `5` flags, `6` PortIndex |
/// | 4, 5, 6 | K_SET_GO, K_SET_STOP, K_GOSTOP_ACK | `1` Reserved 2, `3` StreamID, `4` Reserved, `5` flags, `6` PortIndex |
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum IdeKm<'a> {
    /// QUERY of a port index.
    Query(u8),
    /// QUERY_RESP.
    QueryResp(IdeQueryResp<'a>),
    /// KEY_PROG.
    KeyProg(IdeKeyProgram<'a>),
    /// KP_ACK.
    KpAck(IdeKpAck),
    /// K_SET_GO.
    KSetGo(IdeKeySlot),
    /// K_SET_STOP.
    KSetStop(IdeKeySlot),
    /// K_GOSTOP_ACK.
    KGoStopAck(IdeKeySlot),
}

impl IdeKeySlot {
    /// `middle` is the field between StreamID and the flags.
    fn read<'a, 't, T: Trace<'a>>(
        r: &mut Reader<'a, 't, T>,
        middle: &'static str,
    ) -> Result<(Self, u8), &'t DecodeError> {
        r.reserved(2)?;
        let stream_id = r.u8("StreamID")?;
        let middle = r.u8(middle)?;
        let flags = IdeKeyFlags::from_bits_retain(r.u8("KeySubStream")?);
        Ok((Self { stream_id, flags, port_index: r.u8("PortIndex")? }, middle))
    }

    fn read_plain<'a, 't, T: Trace<'a>>(
        r: &mut Reader<'a, 't, T>,
    ) -> Result<Self, &'t DecodeError> {
        let (slot, reserved) = Self::read(r, "Reserved")?;
        r.note_reserved(reserved);
        Ok(slot)
    }

    fn write(&self, w: &mut Writer<'_>, middle: u8) -> Result<(), EncodeError> {
        w.bytes(&[0, 0, self.stream_id, middle, self.flags.bits(), self.port_index]);
        Ok(())
    }
}

impl<'a> IdeKm<'a> {
    pub(super) fn read<'t, T: Trace<'a>>(
        r: &mut Reader<'a, 't, T>,
    ) -> Result<Self, &'t DecodeError> {
        let at = r.mark("ObjectID");
        Ok(match r.u8("ObjectID")? {
            0 => {
                r.reserved(1)?;
                Self::Query(r.u8("PortIndex")?)
            }
            1 => {
                r.reserved(1)?;
                let port_index = r.u8("PortIndex")?;
                let dev_func = r.u8("DevFunc")?;
                let bus = r.u8("Bus")?;
                let segment = r.u8("Segment")?;
                let max_port_index = r.u8("MaxPortIndex")?;
                // What is left over is no whole register; `finish` refuses it.
                let len = r.left() - r.left() % 4;
                let registers = r.bytes("IDE registers", len)?.as_chunks().0;
                let resp =
                    IdeQueryResp { port_index, dev_func, bus, segment, max_port_index, registers };
                Self::QueryResp(resp)
            }
            2 => {
                let slot = IdeKeySlot::read_plain(r)?;
                let (key, ifv) = (r.array("Key")?, r.array("IFV")?);
                Self::KeyProg(IdeKeyProgram { slot, key, ifv })
            }
            3 => {
                let (slot, status) = IdeKeySlot::read(r, "Status")?;
                Self::KpAck(IdeKpAck { slot, status: KpAckStatus(status) })
            }
            4 => Self::KSetGo(IdeKeySlot::read_plain(r)?),
            5 => Self::KSetStop(IdeKeySlot::read_plain(r)?),
            6 => Self::KGoStopAck(IdeKeySlot::read_plain(r)?),
            other => return Err(at.value(&Expected::AtMost(6), other)),
        })
    }

    pub(super) fn write(&self, w: &mut Writer<'_>) -> Result<(), EncodeError> {
        match self {
            Self::Query(port_index) => w.bytes(&[0, 0, *port_index]),
            Self::QueryResp(resp) => {
                w.bytes(&[1, 0, resp.port_index, resp.dev_func, resp.bus, resp.segment]);
                w.u8(resp.max_port_index);
                w.bytes(resp.registers.as_flattened());
            }
            Self::KeyProg(program) => {
                w.u8(2);
                program.slot.write(w, 0)?;
                w.bytes(program.key);
                w.bytes(program.ifv);
            }
            Self::KpAck(ack) => {
                w.u8(3);
                ack.slot.write(w, ack.status.0)?;
            }
            Self::KSetGo(slot) => {
                w.u8(4);
                slot.write(w, 0)?;
            }
            Self::KSetStop(slot) => {
                w.u8(5);
                slot.write(w, 0)?;
            }
            Self::KGoStopAck(slot) => {
                w.u8(6);
                slot.write(w, 0)?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use crate::pci_sig::{IdeKm, PciSigProtocol};
    use spdm_untrusted::Untrusted;
    use std::vec::Vec;

    #[test]
    fn every_object() {
        let mut key_prog = std::vec![0, 2, 0, 0, 9, 0, 0x12, 1];
        key_prog.extend([7; 40]);
        let messages: [Vec<u8>; 7] = [
            std::vec![0, 0, 0, 3],
            std::vec![0, 1, 0, 3, 4, 5, 6, 7, 1, 0, 0, 0, 2, 0, 0, 0],
            key_prog,
            std::vec![0, 3, 0, 0, 9, 4, 0x12, 1],
            std::vec![0, 4, 0, 0, 9, 0, 0x12, 1],
            std::vec![0, 5, 0, 0, 9, 0, 0x12, 1],
            std::vec![0, 6, 0, 0, 9, 0, 0x12, 1],
        ];
        for bytes in messages {
            let message = PciSigProtocol::decode(Untrusted::new(&bytes)).unwrap();
            let mut out = [0; 64];
            let len = message.encode(&mut out).unwrap();
            assert_eq!(out[..len], bytes);
            let registers = matches!(message, PciSigProtocol::IdeKm(IdeKm::QueryResp(_)));
            for short in 0..bytes.len() {
                // The registers have no count: a response with fewer of them is whole, too.
                let whole = registers && short >= 8 && short % 4 == 0;
                let result = PciSigProtocol::decode(Untrusted::new(&bytes[..short]));
                assert_eq!(result.is_ok(), whole, "{bytes:?} cut to {short}");
            }
        }
        assert!(PciSigProtocol::decode(Untrusted::new(&[0, 7])).is_err());
        assert!(PciSigProtocol::decode(Untrusted::new(&[2, 0])).is_err());
    }
}
