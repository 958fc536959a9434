//! A device that a management controller asks.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use spdm_codec::{BaseAsymAlgo, BaseHashAlgo, SpdmVersion};
use spdm_emulator::{Device, DeviceConfig};

/// SHA-384.
const HASH_LEN: usize = 48;

/// An emulated device of SPDM 1.2 with P-384 and SHA-384.
#[derive(Debug)]
pub struct AttestedDevice(Device);

impl AttestedDevice {
    /// The device of a seed; another seed has other keys.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        let device = Device::new(DeviceConfig {
            versions: vec![SpdmVersion::V1_2],
            base_asym: BaseAsymAlgo::ECDSA_P384,
            base_hash: BaseHashAlgo::SHA_384,
            seed: Some(seed),
            ..DeviceConfig::default()
        });
        Self(device.unwrap())
    }

    /// The root of its chain, in DER.
    #[must_use]
    pub fn root(&self) -> Vec<u8> {
        self.0.trust_anchors().remove(0)
    }

    /// The root of its chain, in PEM.
    #[must_use]
    pub fn root_pem(&self) -> String {
        self.0.trust_anchors_pem()
    }

    /// Negotiates anew and signs: the bytes of a standard measurement transcript.
    pub(crate) fn measure(&mut self, index: u8, nonce: [u8; 32], slot: u8) -> Vec<u8> {
        let mut transcript = self.negotiate();
        let request = [&[0x12, 0xE0, 1, index][..], &nonce, &[slot]].concat();
        transcript.extend(self.exchange(request));
        transcript
    }

    /// The certificates of slot 0 in PEM.
    pub(crate) fn chain_pem(&mut self) -> String {
        self.negotiate();
        self.exchange(vec![0x12, 0x81, 0, 0]);
        let answer = self.0.respond(&[0x12, 0x82, 0, 0, 0, 0, 0, 0x10]).unwrap();
        let mut rest = &answer[8 + 4 + HASH_LEN..];
        let mut pem = String::new();
        while let [0x30, 0x82, high, low, ..] = *rest {
            let (certificate, behind) =
                rest.split_at(4 + usize::from(u16::from_be_bytes([high, low])));
            let text = BASE64_STANDARD.encode(certificate);
            let lines: Vec<_> = text.as_bytes().chunks(64).map(String::from_utf8_lossy).collect();
            pem.push_str(&format!(
                "-----BEGIN CERTIFICATE-----\n{}\n-----END CERTIFICATE-----\n",
                lines.join("\n")
            ));
            rest = behind;
        }
        pem
    }

    fn negotiate(&mut self) -> Vec<u8> {
        let mut capabilities = vec![0x12, 0xE1, 0, 0, 0, 14, 0, 0, 0, 0, 0, 0];
        capabilities.extend([0, 0x12, 0, 0, 0, 0x12, 0, 0]);
        let mut algorithms = vec![0x12, 0xE3, 0, 0, 32, 0, 1, 2];
        algorithms.extend(BaseAsymAlgo::ECDSA_P384.bits().to_le_bytes());
        algorithms.extend(BaseHashAlgo::SHA_384.bits().to_le_bytes());
        algorithms.resize(32, 0);
        let requests = [vec![0x10, 0x84, 0, 0], capabilities, algorithms];
        requests.into_iter().flat_map(|request| self.exchange(request)).collect()
    }

    fn exchange(&mut self, request: Vec<u8>) -> Vec<u8> {
        let answer = self.0.respond(&request).unwrap();
        [request, answer].concat()
    }
}
