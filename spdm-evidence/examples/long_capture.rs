//! `long_capture OUT MEGABYTES`: a capture of at least that size, `OUT`, and the trust anchor of the device in it,
//! `OUT.der`. One connection, an attestation with some hundred measurements before the signed ones, again and again.
//! The figures of the README of spdm-cli are measured with it.

use core::iter;
use std::env;
use std::fs::{self, File};
use std::io::{self, BufWriter};
use std::time::SystemTime;

use spdm_codec::{BaseAsymAlgo, SpdmVersion};
use spdm_emulator::{Device, DeviceConfig};
use spdm_evidence::{CaptureBinding, CaptureDirection, CaptureForm, CaptureWriter, Layer};

/// Unsigned measurements in a connection, which make it a quarter of a megabyte long.
const MEASURED: usize = 500;

fn main() -> io::Result<()> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let [out, megabytes] = arguments.as_slice() else {
        return Err(io::Error::other("usage: long_capture OUT MEGABYTES"));
    };
    let size = megabytes.parse::<u64>().map_err(io::Error::other)?.saturating_mul(1_000_000);
    let config = DeviceConfig {
        versions: vec![SpdmVersion::V1_2],
        base_asym: BaseAsymAlgo::ECDSA_P384,
        seed: Some(1),
        ..DeviceConfig::default()
    };
    let mut device = Device::new(config).map_err(io::Error::other)?;
    let anchors = device.trust_anchors();
    let anchor = anchors.first().ok_or_else(|| io::Error::other("no trust anchor"))?;
    fs::write(format!("{out}.der"), anchor)?;

    let mut messages = Vec::new();
    for request in requests() {
        let response = device.respond(&request);
        messages.push((CaptureDirection::Sent, request));
        messages.extend(response.map(|response| (CaptureDirection::Received, response)));
    }
    let file = BufWriter::new(File::create(out)?);
    let mut writer = CaptureWriter::new(file, CaptureForm::Wireshark, CaptureBinding::Mctp)?;
    let mut written = 0;
    while written < size {
        for (direction, message) in &messages {
            writer.write(SystemTime::now(), *direction, Layer::Plain, message)?;
            written += u64::try_from(message.len()).unwrap_or(0);
        }
    }
    writer.finish().map(drop)
}

/// What a Requester asks in an attestation.
fn requests() -> impl Iterator<Item = Vec<u8>> {
    let mut capabilities = vec![0x12, 0xE1, 0, 0, 0, 14, 0, 0, 0, 0, 0, 0];
    capabilities.extend([0, 0x12, 0, 0, 0, 0x12, 0, 0]);
    let mut algorithms = vec![0x12, 0xE3, 0, 0, 32, 0, 1, 2, 0x80, 0, 0, 0, 2, 0, 0, 0];
    algorithms.resize(32, 0);
    let identify = [
        vec![0x10, 0x84, 0, 0],
        capabilities,
        algorithms,
        vec![0x12, 0x81, 0, 0],
        vec![0x12, 0x82, 0, 0, 0, 0, 0, 0x10],
        [&[0x12, 0x83, 0, 0][..], &[7; 32]].concat(),
    ];
    let unsigned = iter::repeat_n(vec![0x12, 0xE0, 0, 0xFF], MEASURED);
    let signed = [&[0x12, 0xE0, 1, 0xFF][..], &[8; 32], &[0]].concat();
    identify.into_iter().chain(unsigned).chain([signed])
}
