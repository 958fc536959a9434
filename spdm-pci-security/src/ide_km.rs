//! The questions of IDE_KM (PCIe 6.1 §6.33.3).

use spdm_codec::pci_sig::{
    IdeKeyProgram, IdeKeySlot, IdeKm, IdeKpAck, IdeQueryResp, KpAckStatus, PciSigProtocol,
};

use crate::fault::Fault;
use crate::ide_key::IdeKey;
use crate::payload::Question;

/// QUERY: which function a port index is of, and the registers of its IDE capability.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[expect(clippy::exhaustive_structs, reason = "callers build it")]
pub struct QueryPort {
    /// `PortIndex`.
    pub port_index: u8,
}

/// What answers [`QueryPort`].
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct IdePort<'r> {
    /// `PortIndex`.
    pub port_index: u8,
    /// `MaxPortIndex`: that of the last port.
    pub max_port_index: u8,
    /// `Segment`.
    pub segment: u8,
    /// `Bus`.
    pub bus: u8,
    /// `DevFunc`.
    pub dev_func: u8,
    /// The DWORDs of the IDE extended capability from its capability register on, little-endian: at least two.
    pub registers: &'r [[u8; 4]],
}

/// The capability register and the control register.
const LEAST_REGISTERS: usize = 2;

impl Question for QueryPort {
    type Answer<'r> = IdePort<'r>;

    fn message(&self) -> PciSigProtocol<'_> {
        PciSigProtocol::IdeKm(IdeKm::Query(self.port_index))
    }

    fn accept<'r>(&self, answer: PciSigProtocol<'r>) -> Result<IdePort<'r>, Fault> {
        let answer = ide_km(answer)?;
        let IdeKm::QueryResp(answer) = answer else { return Err(other(1, &answer)) };
        let IdeQueryResp { port_index, dev_func, bus, segment, max_port_index, registers } = answer;
        if port_index != self.port_index {
            return Err(Fault::OtherKey);
        }
        if port_index > max_port_index {
            let (field, expected) = ("MaxPortIndex", "at least PortIndex");
            return Err(Fault::Value { field, expected, got: max_port_index.into() });
        }
        if registers.len() < LEAST_REGISTERS {
            let (field, expected) = ("the number of registers", "at least 2");
            let got = u64::try_from(registers.len()).unwrap_or(u64::MAX);
            return Err(Fault::Value { field, expected, got });
        }
        Ok(IdePort { port_index, max_port_index, segment, bus, dev_func, registers })
    }
}

/// KEY_PROG: a key for a stream, direction, key set and sub-stream. It is in use behind [`Go`].
#[derive(Clone, Debug)]
#[expect(clippy::exhaustive_structs, reason = "callers build it")]
pub struct KeyProgram<'k> {
    /// Which key.
    pub slot: IdeKeySlot,
    /// The key.
    pub key: &'k IdeKey,
}

impl Question for KeyProgram<'_> {
    type Answer<'r> = ();

    fn message(&self) -> PciSigProtocol<'_> {
        let IdeKey { key, ifv } = self.key;
        PciSigProtocol::IdeKm(IdeKm::KeyProg(IdeKeyProgram { slot: self.slot, key, ifv }))
    }

    fn accept(&self, answer: PciSigProtocol<'_>) -> Result<(), Fault> {
        let answer = ide_km(answer)?;
        let IdeKm::KpAck(IdeKpAck { slot, status }) = answer else {
            return Err(other(3, &answer));
        };
        match status {
            _ if slot != self.slot => Err(Fault::OtherKey),
            KpAckStatus::SUCCESS => Ok(()),
            status => Err(Fault::KeyRefused(status)),
        }
    }
}

/// K_SET_GO: the keys of a set come into use.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[expect(clippy::exhaustive_structs, reason = "callers build it")]
pub struct Go(pub IdeKeySlot);

/// K_SET_STOP: the keys of a set are in use no more.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[expect(clippy::exhaustive_structs, reason = "callers build it")]
pub struct Stop(pub IdeKeySlot);

impl Question for Go {
    type Answer<'r> = ();

    fn message(&self) -> PciSigProtocol<'_> {
        PciSigProtocol::IdeKm(IdeKm::KSetGo(self.0))
    }

    fn accept(&self, answer: PciSigProtocol<'_>) -> Result<(), Fault> {
        acknowledged(self.0, answer)
    }
}

impl Question for Stop {
    type Answer<'r> = ();

    fn message(&self) -> PciSigProtocol<'_> {
        PciSigProtocol::IdeKm(IdeKm::KSetStop(self.0))
    }

    fn accept(&self, answer: PciSigProtocol<'_>) -> Result<(), Fault> {
        acknowledged(self.0, answer)
    }
}

/// K_GOSTOP_ACK of the same keys.
fn acknowledged(asked: IdeKeySlot, answer: PciSigProtocol<'_>) -> Result<(), Fault> {
    let answer = ide_km(answer)?;
    match answer {
        IdeKm::KGoStopAck(slot) if slot == asked => Ok(()),
        IdeKm::KGoStopAck(_) => Err(Fault::OtherKey),
        answer => Err(other(6, &answer)),
    }
}

const fn ide_km(answer: PciSigProtocol<'_>) -> Result<IdeKm<'_>, Fault> {
    match answer {
        PciSigProtocol::IdeKm(answer) => Ok(answer),
        _ => Err(Fault::OtherProtocol),
    }
}

/// Another message than the one with this `ObjectID`.
const fn other(expected: u8, answer: &IdeKm<'_>) -> Fault {
    let got = match answer {
        IdeKm::Query(_) => 0,
        IdeKm::QueryResp(_) => 1,
        IdeKm::KeyProg(_) => 2,
        IdeKm::KpAck(_) => 3,
        IdeKm::KSetGo(_) => 4,
        IdeKm::KSetStop(_) => 5,
        IdeKm::KGoStopAck(_) => 6,
        _ => u8::MAX,
    };
    Fault::OtherMessage { expected, got }
}
