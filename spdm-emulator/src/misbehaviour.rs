//! How a device misbehaves: faults and script act through the hook of the responder, whose handlers know neither.

mod algorithms;
mod capabilities;
mod certificates;
mod challenge;
mod deferral;
mod measurements;
mod on_wire;
mod opaque;
mod signatures;
mod version;

use spdm_codec::{
    Algorithms, Challenge, Code, Cx, GetCertificate, GetMeasurements, Message, NegotiateAlgorithms,
    RequesterNonce, SpdmVersion,
};
use spdm_crypto::SigningContext;
use spdm_responder::{About, Arrival, Before, Config, Draft, Hook, Signing};
use spdm_untrusted::Untrusted;

use crate::chains::Chains;
use crate::config::DeviceConfig;
use crate::entropy::Entropy;
use crate::error_answer::ErrorAnswer;
use crate::fault::Fault;
use crate::measurement_blocks;
use crate::misbehaviour::deferral::{Deferral, TOKEN, defer};
use crate::script::{Act, Counters, Inside, ScriptStep};

pub(crate) use crate::misbehaviour::certificates::misbehave_chain;
pub(crate) use crate::misbehaviour::on_wire::MAX_RESPONSE;

/// What faults remember; it survives GET_VERSION.
#[derive(Debug, Default)]
pub(crate) struct History {
    /// The Requester's nonce in the signed request before.
    nonce: Option<RequesterNonce>,
    /// The signed MEASUREMENTS that is replayed.
    measurements: Option<Vec<u8>>,
    /// What leaves in place of the signed MEASUREMENTS that was made last.
    replayed: Option<Vec<u8>>,
    /// The request that was answered with Busy.
    busy: Option<Code>,
}

/// What misbehaves during one exchange.
#[derive(Debug)]
pub(crate) struct Misbehaviour<'d, 's> {
    pub(crate) config: &'d DeviceConfig,
    pub(crate) offer: Config<'d>,
    pub(crate) chains: &'d Chains,
    pub(crate) entropy: &'d Entropy,
    pub(crate) history: &'d mut History,
    pub(crate) script: &'s [ScriptStep],
    pub(crate) counters: &'d mut Counters,
    /// What the script says of the message that was received.
    pub(crate) received: Vec<&'s Act>,
    /// What it says of the request that came in chunks.
    pub(crate) reassembled: Vec<&'s Act>,
    /// What the record held that was received.
    pub(crate) inside: Option<Inside>,
}

impl<'s> Misbehaviour<'_, 's> {
    /// The faults that concern the answers to this request.
    fn faults(&self, code: Code) -> Vec<Fault> {
        let target = self.config.fault_target;
        let faults = self.config.faults.iter().copied();
        faults.filter(|fault| fault.concerns(code, target)).collect()
    }

    fn acts(&self, about: &About) -> &[&'s Act] {
        match about.arrival {
            Arrival::Reassembled => &self.reassembled,
            _ => &self.received,
        }
    }

    /// What script or faults do in place of the device.
    fn deferral(&mut self, about: &About, request: &[u8]) -> Option<Deferral> {
        let version = about.cx.version;
        let refusal = self.acts(about).iter().find_map(|act| match act {
            Act::Refuse { code, data, extended } => {
                Some(ErrorAnswer { code: *code, data: *data, extended: extended.clone() })
            }
            _ => None,
        });
        if let Some(refusal) = refusal {
            return Some(Deferral::Answer(refusal.encode(version)));
        }
        let faults = self.faults(about.code);
        let busy = &mut self.history.busy;
        let deferral = defer(&faults, about.arrival, about.code, version, busy);
        deferral.or_else(|| {
            let request = decode::<GetCertificate>(request, version)?;
            let chain = self.chains.get(request.slot)?;
            let beyond = certificates::behind_the_end(&faults, &request, chain, version)?;
            Some(Deferral::Answer(beyond))
        })
    }

    /// Changes an answer before it is signed.
    fn change(&mut self, about: &About, request: &[u8], bytes: &mut Vec<u8>) {
        let (faults, version) = (self.faults(about.code), about.cx.version);
        match about.code {
            Code::GET_VERSION => {
                faults.iter().for_each(|fault| version::misbehave(*fault, bytes));
            }
            Code::GET_CAPABILITIES => {
                capabilities::misbehave(&faults, &self.offer, version, bytes);
            }
            Code::NEGOTIATE_ALGORITHMS => {
                let honest = bytes.clone();
                let selected = decode::<Algorithms<'_>>(&honest, version);
                let offered = decode::<NegotiateAlgorithms<'_>>(request, version);
                let Some((selected, offered)) = selected.zip(offered) else { return };
                for fault in &faults {
                    algorithms::misbehave(*fault, version, &offered, &selected, bytes);
                }
            }
            Code::GET_DIGESTS => {
                let hash_len = about.cx.hash_len;
                for fault in &faults {
                    certificates::misbehave_digests(*fault, hash_len, bytes);
                }
            }
            Code::GET_CERTIFICATE => {
                let Some(request) = decode::<GetCertificate>(request, version) else { return };
                let Some(chain) = self.chains.get(request.slot) else { return };
                certificates::misbehave(&faults, &request, chain, &about.cx, bytes);
            }
            Code::CHALLENGE => {
                let Some(request) = decode::<Challenge>(request, version) else { return };
                let Some(suite) = about.suite else { return };
                let hash = self.config.measurement_hash;
                let all = measurement_blocks::summary(version, hash, suite.hash);
                challenge::misbehave(&faults, version, request.summary, &all, bytes);
            }
            Code::GET_MEASUREMENTS => {
                let Some(request) = decode::<GetMeasurements>(request, version) else { return };
                let replays = request.signature.is_some();
                let replays = replays && faults.contains(&Fault::ReplayMeasurements);
                self.history.replayed = self.history.measurements.clone().filter(|_| replays);
                let hash = self.config.measurement_hash;
                let all = measurement_blocks::asked(version, hash, request.attributes);
                measurements::misbehave(&faults, version, &request, &all, bytes);
            }
            _ => {}
        }
    }
}

impl Hook for Misbehaviour<'_, '_> {
    fn before(&mut self, about: &About, request: &[u8], answer: &mut Draft<'_>) -> Before {
        if let (Some(session_id), Arrival::Received) = (about.session, about.arrival) {
            let request = request.to_vec();
            self.inside = Some(Inside { session_id, request, response: Vec::new() });
            self.received = self.counters.acts(self.script, about.code);
        }
        if about.arrival == Arrival::Reassembled {
            self.reassembled = self.counters.acts(self.script, about.code);
        }
        let (bytes, before) = match self.deferral(about, request) {
            None => return Before::Handle,
            Some(Deferral::Silence) => return Before::Silence,
            Some(Deferral::Answer(bytes)) => (bytes, Before::Answer),
            Some(Deferral::Later(bytes)) => (bytes, Before::Later { token: TOKEN }),
            Some(Deferral::Resynch(bytes)) => (bytes, Before::Reset),
        };
        put(&bytes, answer);
        before
    }

    fn compose(&mut self, about: &About, request: &[u8], answer: &mut Draft<'_>) {
        let mut bytes = answer.as_bytes().to_vec();
        self.change(about, request, &mut bytes);
        for act in self.acts(about) {
            if let Act::Change(edit) = act {
                edit.apply(&about.cx, &mut bytes);
            }
        }
        put(&bytes, answer);
    }

    fn sign(
        &mut self,
        about: &About,
        signing: &mut Signing<'_>,
        device: &mut dyn spdm_responder::Device,
        out: &mut [u8],
    ) -> Result<usize, spdm_crypto::SignError> {
        let faults = self.faults(about.code);
        let measures = signing.context() == SigningContext::ResponderMeasurements;
        if measures && faults.contains(&Fault::UnsignedMeasurements) {
            return Ok(0);
        }
        let nonce = &mut self.history.nonce;
        let signature = signatures::sign(&faults, self.entropy, nonce, signing, device)?;
        if measures && self.history.replayed.is_none() {
            self.history.measurements = Some([signing.answer(), &signature].concat());
        }
        let needed = signature.len();
        let place = out.get_mut(..needed);
        let place = place.ok_or(spdm_crypto::SignError::BufferTooSmall { needed })?;
        place.copy_from_slice(&signature);
        Ok(needed)
    }

    fn leave(&mut self, about: &About, answer: &mut Draft<'_>) {
        let mut bytes = answer.as_bytes().to_vec();
        if about.code == Code::GET_MEASUREMENTS
            && bytes.get(1) == Some(&Code::MEASUREMENTS.0)
            && let Some(replayed) = &self.history.replayed
        {
            bytes.clone_from(replayed);
        }
        on_wire::misbehave(&self.faults(about.code), about.code, about.peer.as_ref(), &mut bytes);
        for act in self.acts(about) {
            match act {
                Act::Tamper(edit) => edit.apply(&about.cx, &mut bytes),
                Act::Replace(other) => bytes.clone_from(other),
                _ => {}
            }
        }
        put(&bytes, answer);
        if let Some(inside) = &mut self.inside {
            inside.response = bytes;
        }
    }
}

/// Puts these bytes in place of an answer. What is longer than the device has room for, about 1 MiB, stays as it was.
fn put(bytes: &[u8], answer: &mut Draft<'_>) {
    if bytes != answer.as_bytes() {
        let _ = answer.replace(bytes);
    }
}

fn decode<'a, M: Message<'a>>(bytes: &'a [u8], version: SpdmVersion) -> Option<M> {
    let cx = Cx::new(version).with_padding(bytes.len());
    M::decode(Untrusted::new(bytes), &cx).ok().map(|decoded| decoded.message)
}

/// The longest response that a fault encodes itself.
const MAX_ENCODED: usize = 0x1_1000;

fn encode<'a>(message: &impl Message<'a>, version: SpdmVersion) -> Vec<u8> {
    let mut out = vec![0; MAX_ENCODED];
    let len = message.encode(version, &mut out).unwrap_or_default();
    out.truncate(len);
    out
}
