//! GET_CAPABILITIES and CAPABILITIES.

use spdm_codec::{
    AlgorithmsBlock, Capabilities, Capability, CapabilityExtFlags, CapabilityFlags, Code, Cx,
    Expected, GetCapabilities, GetVersion, MIN_DATA_TRANSFER_SIZE, Message, SpdmVersion,
    SupportedAlgorithms, Version,
};
use spdm_untrusted::Untrusted;

use super::{Connection, Stage};
use crate::accepted::Accepted;
use crate::answer::Answer;
use crate::error::{Error, Misuse};
use crate::error_cell::{At, ErrorCell};
use crate::negotiated::Announced;

const MESSAGE: &str = "CAPABILITIES";
/// 2^31 microseconds are 36 minutes; what is longer is no time to wait (CVE-2023-32690).
pub(super) const MAX_EXPONENT: u8 = 31;

impl Connection {
    #[inline(never)]
    pub(super) fn accept_capabilities<'f, 'r, 'c>(
        &mut self,
        errors: &'f ErrorCell,
        answer: &Answer<'_, 'r>,
    ) -> Result<Accepted<'r, 'c>, &'f Error> {
        let Answer { request, response, .. } = *answer;
        if self.stage != Stage::AfterVersion {
            return Err(errors.order(Code::GET_CAPABILITIES));
        }
        let header = errors.peek_request(request)?;
        let version = SpdmVersion::from_byte(header.version)
            .filter(|version| self.versions.contains(*version))
            .ok_or_else(|| errors.misuse(Misuse::Version { byte: header.version }))?;
        let asked = self.request::<GetCapabilities>(errors, request, version)?;
        let cx = Cx::new(version).with_padding(self.answer_padding());
        let decoded = errors.decode::<Capabilities<'_>>(response, &cx)?;
        let asked_for_block = asked.message.algorithms_block == AlgorithmsBlock::Requested;
        if decoded.message.supported_algorithms.is_some() && !asked_for_block {
            return Err(errors.unexpected(&At(MESSAGE, "SupportedAlgorithms")));
        }
        let defined = CapabilityFlags::defined_for_requester(version);
        let requester = match asked.message.capability {
            Some(capability) => announced(&capability, defined),
            None => Announced::NOTHING,
        };
        let defined = CapabilityFlags::defined_for_responder(version);
        let mut responder = announced(&decoded.message.capability, defined);
        responder.ext_flags &= CapabilityExtFlags::SLOT_MGMT_CAP;
        check(errors, version, &responder)?;
        if self.large && !responder.flags.contains(CapabilityFlags::CHUNK_CAP) {
            let rule = Expected::Rule("CHUNK_CAP, for it came in chunks");
            let got = responder.flags.bits();
            return Err(errors.value(&At(MESSAGE, "Flags"), &rule, got));
        }
        self.vca.add(errors, [asked.bytes, decoded.bytes])?;
        self.version = version;
        self.requester = requester;
        self.responder = responder;
        self.stage = Stage::AfterCapabilities;
        Ok(Accepted::Capabilities(decoded.message))
    }
}

impl Connection {
    /// All algorithms that the Responder supports, where it was asked and told
    /// ([`Offer::algorithms_block`](crate::Offer::algorithms_block), 1.3).
    #[must_use]
    pub fn supported_algorithms(&self) -> Option<SupportedAlgorithms<'_>> {
        /// Takes a message off the front.
        fn next<'v, M: Message<'v>>(
            bytes: &'v [u8],
            version: SpdmVersion,
        ) -> Option<(M, &'v [u8])> {
            let cx = Cx::new(version).with_padding(usize::MAX);
            let decoded = M::decode(Untrusted::new(bytes), &cx).ok()?;
            Some((decoded.message, bytes.get(decoded.bytes.len()..)?))
        }
        let (_, rest) = next::<GetVersion>(self.vca.as_bytes(), SpdmVersion::V1_0)?;
        let (_, rest) = next::<Version<'_>>(rest, SpdmVersion::V1_0)?;
        let (_, rest) = next::<GetCapabilities>(rest, self.version)?;
        let (capabilities, _) = next::<Capabilities<'_>>(rest, self.version)?;
        capabilities.supported_algorithms
    }
}

fn announced(capability: &Capability, defined: CapabilityFlags) -> Announced {
    Announced {
        flags: capability.flags & defined,
        ext_flags: capability.ext_flags,
        ct_exponent: capability.ct_exponent,
        sizes: capability.sizes,
    }
}

fn check<'f>(
    errors: &'f ErrorCell,
    version: SpdmVersion,
    responder: &Announced,
) -> Result<(), &'f Error> {
    let exponent = responder.ct_exponent;
    if exponent > MAX_EXPONENT {
        let expected = Expected::AtMost(MAX_EXPONENT.into());
        return Err(errors.value(&At(MESSAGE, "CTExponent"), &expected, exponent));
    }
    if let Some(sizes) = responder.sizes {
        let (one, whole) = (sizes.data_transfer_size, sizes.max_spdm_msg_size);
        let chunks = responder.flags.contains(CapabilityFlags::CHUNK_CAP);
        let expected = if one < MIN_DATA_TRANSFER_SIZE {
            Some(Expected::AtLeast(MIN_DATA_TRANSFER_SIZE.into()))
        } else if one > whole {
            Some(Expected::AtMost(whole.into()))
        } else if one != whole && !chunks {
            Some(Expected::Exactly(whole.into()))
        } else {
            None
        };
        if let Some(expected) = expected {
            return Err(errors.value(&At(MESSAGE, "DataTransferSize"), &expected, one));
        }
    }
    match responder.flags.broken_by_responder(version) {
        None => Ok(()),
        Some(rule) => {
            let flags = responder.flags.bits();
            Err(errors.value(&At(MESSAGE, "Flags"), &Expected::Rule(rule), flags))
        }
    }
}
