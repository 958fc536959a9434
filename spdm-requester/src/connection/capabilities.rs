//! GET_CAPABILITIES and CAPABILITIES.

use spdm_codec::{
    AlgorithmsBlock, Capabilities, Capability, CapabilityExtFlags, CapabilityFlags, Code, Cx,
    Expected, GetCapabilities, Header, MIN_DATA_TRANSFER_SIZE, MeasCap, Message, SpdmVersion,
};
use spdm_untrusted::Untrusted;

use super::{Connection, Stage, misuse, unexpected};
use crate::error::{Error, Misbehaviour, Misuse};
use crate::negotiated::Announced;

const MESSAGE: &str = "CAPABILITIES";
/// 2^31 microseconds are 36 minutes; what is longer is no time to wait (CVE-2023-32690).
pub(super) const MAX_EXPONENT: u8 = 31;

impl Connection {
    pub(super) fn accept_capabilities<'r>(
        &mut self,
        request: &[u8],
        response: Untrusted<&'r [u8]>,
    ) -> Result<Capabilities<'r>, Error> {
        if self.stage != Stage::AfterVersion {
            return Err(Error::Misuse(Misuse::Order { request: Code::GET_CAPABILITIES }));
        }
        let header = Header::peek(Untrusted::new(request)).map_err(misuse)?;
        let version = SpdmVersion::from_byte(header.version)
            .filter(|version| self.versions.contains(*version))
            .ok_or(Error::Misuse(Misuse::Version { byte: header.version }))?;
        let asked = self.request::<GetCapabilities>(request, version)?;
        let answer = Capabilities::decode(response, &Cx::new(version).with_padding(self.padding))?;
        let asked_for_block = asked.message.algorithms_block == AlgorithmsBlock::Requested;
        if answer.message.supported_algorithms.is_some() && !asked_for_block {
            return Err(unexpected(MESSAGE, "SupportedAlgorithms"));
        }
        let defined = CapabilityFlags::defined_for_requester(version);
        let requester = match asked.message.capability {
            Some(capability) => announced(&capability, defined),
            None => Announced::NOTHING,
        };
        let defined = CapabilityFlags::defined_for_responder(version);
        let mut responder = announced(&answer.message.capability, defined);
        responder.ext_flags &= CapabilityExtFlags::SLOT_MGMT_CAP;
        check(version, &responder)?;
        self.vca.add([asked.bytes, answer.bytes])?;
        self.version = version;
        self.requester = requester;
        self.responder = responder;
        self.stage = Stage::AfterCapabilities;
        Ok(answer.message)
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

fn check(version: SpdmVersion, responder: &Announced) -> Result<(), Error> {
    let exponent = responder.ct_exponent;
    if exponent > MAX_EXPONENT {
        let expected = Expected::AtMost(MAX_EXPONENT.into());
        return Err(Misbehaviour::value(MESSAGE, "CTExponent", expected, exponent));
    }
    if let Some(sizes) = responder.sizes {
        let (one, whole) = (sizes.data_transfer_size, sizes.max_spdm_msg_size);
        let value = |expected| Err(Misbehaviour::value(MESSAGE, "DataTransferSize", expected, one));
        if one < MIN_DATA_TRANSFER_SIZE {
            return value(Expected::AtLeast(MIN_DATA_TRANSFER_SIZE.into()));
        }
        if one > whole {
            return value(Expected::AtMost(whole.into()));
        }
        if one != whole && !responder.flags.contains(CapabilityFlags::CHUNK_CAP) {
            return value(Expected::Exactly(whole.into()));
        }
    }
    match broken_rule(version, responder.flags) {
        None => Ok(()),
        Some(rule) => {
            let flags = responder.flags.bits();
            Err(Misbehaviour::value(MESSAGE, "Flags", Expected::Rule(rule), flags))
        }
    }
}

/// The first rule about combinations of Flags that does not hold (DSP0274 §Supported flags).
fn broken_rule(version: SpdmVersion, flags: CapabilityFlags) -> Option<&'static str> {
    type F = CapabilityFlags;
    let all = |set: F| flags.contains(set);
    let any = |set: F| flags.intersects(set);
    let since = |first: SpdmVersion| version >= first;
    let meas = flags.meas_cap();
    let signs = meas == MeasCap::Signature;
    let key_ex = all(F::KEY_EX_CAP);
    let psk = flags.psk_cap() != 0;
    let endpoint_signs = since(SpdmVersion::V1_3) && flags.ep_info_cap() == 2;
    let one_identity = all(F::CERT_CAP) != all(F::PUB_KEY_ID_CAP);

    let of_any = [
        (meas != MeasCap::Reserved, "MEAS_CAP other than 3"),
        (!all(F::MEAS_FRESH_CAP) || meas != MeasCap::None, "MEAS_FRESH_CAP only with MEAS_CAP"),
    ];
    let of_1_0 = [
        (signs || all(F::CERT_CAP) == all(F::CHAL_CAP), "CERT_CAP and CHAL_CAP together"),
        (!signs || all(F::CERT_CAP), "CERT_CAP with MEAS_CAP 2"),
    ];
    let since_1_1 = [
        (flags.psk_cap() != 3, "PSK_CAP other than 3"),
        (
            !(key_ex || psk) || any(F::MAC_CAP | F::ENCRYPT_CAP),
            "MAC_CAP or ENCRYPT_CAP with KEY_EX_CAP or PSK_CAP",
        ),
        (
            key_ex
                || psk
                || !any(F::MAC_CAP
                    | F::ENCRYPT_CAP
                    | F::HANDSHAKE_IN_THE_CLEAR_CAP
                    | F::HBEAT_CAP
                    | F::KEY_UPD_CAP
                    | F::EVENT_CAP),
            "session capabilities only with KEY_EX_CAP or PSK_CAP",
        ),
        (
            key_ex || !all(F::HANDSHAKE_IN_THE_CLEAR_CAP),
            "HANDSHAKE_IN_THE_CLEAR_CAP only with KEY_EX_CAP",
        ),
        (!all(F::CERT_CAP | F::PUB_KEY_ID_CAP), "CERT_CAP or PUB_KEY_ID_CAP, not both"),
        (
            !one_identity || any(F::CHAL_CAP | F::KEY_EX_CAP) || signs || endpoint_signs,
            "a use for the key of CERT_CAP or PUB_KEY_ID_CAP",
        ),
        (
            one_identity
                || !(any(F::CHAL_CAP | F::KEY_EX_CAP | F::MUT_AUTH_CAP) || signs || endpoint_signs),
            "CERT_CAP or PUB_KEY_ID_CAP with CHAL_CAP, KEY_EX_CAP, MUT_AUTH_CAP and signatures",
        ),
        (
            !all(F::MUT_AUTH_CAP) || any(F::KEY_EX_CAP | F::CHAL_CAP),
            "MUT_AUTH_CAP only with KEY_EX_CAP or CHAL_CAP",
        ),
    ];
    let of_1_1 = [(!all(F::MUT_AUTH_CAP) || all(F::ENCAP_CAP), "ENCAP_CAP with MUT_AUTH_CAP")];
    let since_1_2 = [
        (
            all(F::CERT_CAP) || !any(F::ALIAS_CERT_CAP | F::SET_CERT_CAP),
            "ALIAS_CERT_CAP and SET_CERT_CAP only with CERT_CAP",
        ),
        (!all(F::CSR_CAP) || all(F::SET_CERT_CAP), "SET_CERT_CAP with CSR_CAP"),
        (
            !all(F::CERT_INSTALL_RESET_CAP) || any(F::CSR_CAP | F::SET_CERT_CAP),
            "CERT_INSTALL_RESET_CAP only with CSR_CAP or SET_CERT_CAP",
        ),
    ];
    let multi_key = flags.multi_key_cap() != 0;
    let since_1_3 = [
        (flags.ep_info_cap() != 3, "EP_INFO_CAP other than 3"),
        (flags.multi_key_cap() != 3, "MULTI_KEY_CAP other than 3"),
        (
            !multi_key || all(F::GET_KEY_PAIR_INFO_CAP | F::CERT_CAP),
            "GET_KEY_PAIR_INFO_CAP and CERT_CAP with MULTI_KEY_CAP",
        ),
        (
            !all(F::PUB_KEY_ID_CAP)
                || !(multi_key || any(F::GET_KEY_PAIR_INFO_CAP | F::SET_KEY_PAIR_INFO_CAP)),
            "no key pair capabilities with PUB_KEY_ID_CAP",
        ),
    ];
    let since_1_4 = [(
        !all(F::SET_KEY_PAIR_RESET_CAP) || all(F::SET_KEY_PAIR_INFO_CAP),
        "SET_KEY_PAIR_INFO_CAP with SET_KEY_PAIR_RESET_CAP",
    )];

    let groups: [(bool, &[(bool, &'static str)]); 7] = [
        (true, &of_any),
        (version == SpdmVersion::V1_0, &of_1_0),
        (since(SpdmVersion::V1_1), &since_1_1),
        (version == SpdmVersion::V1_1, &of_1_1),
        (since(SpdmVersion::V1_2), &since_1_2),
        (since(SpdmVersion::V1_3), &since_1_3),
        (since(SpdmVersion::V1_4), &since_1_4),
    ];
    let rules = groups.into_iter().filter(|(applies, _)| *applies).flat_map(|(_, rules)| rules);
    rules.copied().find(|(holds, _)| !holds).map(|(_, rule)| rule)
}

#[cfg(test)]
mod tests {
    use super::broken_rule;
    use spdm_codec::{CapabilityFlags, SpdmVersion};

    type F = CapabilityFlags;

    #[test]
    fn usual_devices_break_no_rule() {
        let attests = F::CERT_CAP | F::CHAL_CAP | F::MEAS_CAP_SIG | F::MEAS_FRESH_CAP;
        let sessions = attests | F::KEY_EX_CAP | F::MAC_CAP | F::ENCRYPT_CAP | F::KEY_UPD_CAP;
        for version in SpdmVersion::ALL {
            assert_eq!(broken_rule(version, F::empty()), None);
            assert_eq!(broken_rule(version, attests), None);
            if version >= SpdmVersion::V1_1 {
                assert_eq!(broken_rule(version, sessions), None);
            }
        }
    }

    #[test]
    fn n11_conflicts() {
        let base = F::CERT_CAP | F::CHAL_CAP;
        let cases = [
            (SpdmVersion::V1_0, base | F::MEAS_CAP_NO_SIG | F::MEAS_CAP_SIG),
            (SpdmVersion::V1_0, base | F::MEAS_FRESH_CAP),
            (SpdmVersion::V1_0, F::CERT_CAP),
            (SpdmVersion::V1_0, F::MEAS_CAP_SIG),
            (SpdmVersion::V1_1, base | F::MAC_CAP | F::PSK_CAP | F::PSK_CAP_CONTEXT),
            (SpdmVersion::V1_1, base | F::KEY_EX_CAP),
            (SpdmVersion::V1_1, base | F::MAC_CAP),
            (SpdmVersion::V1_1, base | F::HBEAT_CAP),
            (SpdmVersion::V1_1, base | F::PSK_CAP | F::MAC_CAP | F::HANDSHAKE_IN_THE_CLEAR_CAP),
            (SpdmVersion::V1_1, base | F::PUB_KEY_ID_CAP),
            (SpdmVersion::V1_1, F::CERT_CAP),
            (SpdmVersion::V1_1, F::CHAL_CAP),
            (SpdmVersion::V1_1, F::MEAS_CAP_SIG),
            (SpdmVersion::V1_1, base | F::MUT_AUTH_CAP),
            (SpdmVersion::V1_2, F::ALIAS_CERT_CAP),
            (SpdmVersion::V1_2, base | F::CSR_CAP),
            (SpdmVersion::V1_2, base | F::CERT_INSTALL_RESET_CAP),
            (SpdmVersion::V1_3, base | F::EP_INFO_CAP_NO_SIG | F::EP_INFO_CAP_SIG),
            (SpdmVersion::V1_3, base | F::MULTI_KEY_CAP_ONLY),
            (SpdmVersion::V1_3, base | F::MULTI_KEY_CAP_ONLY | F::MULTI_KEY_CAP_NEG),
            (SpdmVersion::V1_3, F::PUB_KEY_ID_CAP | F::CHAL_CAP | F::GET_KEY_PAIR_INFO_CAP),
            (SpdmVersion::V1_4, base | F::SET_KEY_PAIR_RESET_CAP),
        ];
        for (version, flags) in cases {
            assert!(broken_rule(version, flags).is_some(), "{version} {flags:?}");
        }
    }
}
