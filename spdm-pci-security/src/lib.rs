#![doc = include_str!("../README.md")]
#![no_std]
#![forbid(unsafe_code)]

#[cfg(test)]
extern crate std;

mod fault;
mod ide_key;
mod ide_km;
mod interface;
mod payload;
mod report_reader;
mod tdisp;

pub use fault::Fault;
pub use ide_key::IdeKey;
pub use ide_km::{Go, IdePort, KeyProgram, QueryPort, Stop};
pub use interface::{Asked, Interface, TDISP_VERSION};
pub use payload::{Payload, Question};
pub use report_reader::ReportReader;
pub use tdisp::{
    Capabilities, GetCapabilities, GetReport, GetState, GetVersion, Lock, Start, StartNonce,
    StopInterface, TdispQuestion,
};
