//! Which combinations of `Flags` a version allows.

use crate::flags::CapabilityFlags;
use crate::spdm_version::SpdmVersion;

type F = CapabilityFlags;

/// Where a flag of `when` is set, one of `others` must be set, or none may be.
#[derive(Clone, Copy)]
struct Rule {
    first: SpdmVersion,
    last: SpdmVersion,
    when: F,
    demand: Demand,
    others: F,
    /// A clause that says what the rule demands.
    clause: &'static str,
}

#[derive(Clone, Copy)]
enum Demand {
    OneOf,
    NoneOf,
}

impl Rule {
    /// In every version that has the flags.
    const fn one_of(when: F, others: F, clause: &'static str) -> Self {
        let (first, last) = (SpdmVersion::V1_1, SpdmVersion::V1_4);
        Self { first, last, when, demand: Demand::OneOf, others, clause }
    }

    /// In every version that has the flags.
    const fn none_of(when: F, others: F, clause: &'static str) -> Self {
        Self { demand: Demand::NoneOf, ..Self::one_of(when, others, clause) }
    }

    /// Also in 1.0.
    const fn always(self) -> Self {
        Self { first: SpdmVersion::V1_0, ..self }
    }

    const fn only(self, version: SpdmVersion) -> Self {
        Self { first: version, last: version, ..self }
    }

    fn holds(&self, flags: F, version: SpdmVersion) -> bool {
        if version < self.first || version > self.last || !flags.intersects(self.when) {
            return true;
        }
        flags.intersects(self.others) == matches!(self.demand, Demand::OneOf)
    }
}

const IDENTITY: F = F::CERT_CAP.union(F::PUB_KEY_ID_CAP);
const PSK: F = F::PSK_CAP.union(F::PSK_CAP_CONTEXT);
const SESSIONS: F = F::KEY_EX_CAP.union(PSK);
const OF_SESSIONS: F = F::MAC_CAP
    .union(F::ENCRYPT_CAP)
    .union(F::HANDSHAKE_IN_THE_CLEAR_CAP)
    .union(F::HBEAT_CAP)
    .union(F::KEY_UPD_CAP)
    .union(F::EVENT_CAP);
const MEAS: F = F::MEAS_CAP_NO_SIG.union(F::MEAS_CAP_SIG);
const MULTI_KEY: F = F::MULTI_KEY_CAP_ONLY.union(F::MULTI_KEY_CAP_NEG);
const KEY_PAIRS: F = F::GET_KEY_PAIR_INFO_CAP.union(F::SET_KEY_PAIR_INFO_CAP);
const SIGNATURES: F = F::MEAS_CAP_SIG.union(F::EP_INFO_CAP_SIG);

/// Rules of 1.1 and later that bind both sides.
static OF_BOTH_SIDES: [Rule; 8] = [
    Rule::one_of(
        SESSIONS,
        F::MAC_CAP.union(F::ENCRYPT_CAP),
        "MAC_CAP or ENCRYPT_CAP with KEY_EX_CAP or PSK_CAP",
    ),
    Rule::one_of(OF_SESSIONS, SESSIONS, "session capabilities only with KEY_EX_CAP or PSK_CAP"),
    Rule::one_of(
        F::HANDSHAKE_IN_THE_CLEAR_CAP,
        F::KEY_EX_CAP,
        "HANDSHAKE_IN_THE_CLEAR_CAP only with KEY_EX_CAP",
    ),
    Rule::none_of(F::CERT_CAP, F::PUB_KEY_ID_CAP, "CERT_CAP or PUB_KEY_ID_CAP, not both"),
    Rule::one_of(
        F::MUT_AUTH_CAP,
        F::KEY_EX_CAP.union(F::CHAL_CAP),
        "MUT_AUTH_CAP only with KEY_EX_CAP or CHAL_CAP",
    ),
    Rule::one_of(F::MUT_AUTH_CAP, F::ENCAP_CAP, "ENCAP_CAP with MUT_AUTH_CAP")
        .only(SpdmVersion::V1_1),
    Rule::none_of(F::EP_INFO_CAP_NO_SIG, F::EP_INFO_CAP_SIG, "EP_INFO_CAP other than 3"),
    Rule::none_of(F::MULTI_KEY_CAP_ONLY, F::MULTI_KEY_CAP_NEG, "MULTI_KEY_CAP other than 3"),
];

/// Rules that bind a Responder; those of both sides hold already.
static OF_RESPONDER: [Rule; 15] = [
    Rule::none_of(F::MEAS_CAP_NO_SIG, F::MEAS_CAP_SIG, "MEAS_CAP other than 3").always(),
    Rule::one_of(F::MEAS_FRESH_CAP, MEAS, "MEAS_FRESH_CAP only with MEAS_CAP").always(),
    Rule::one_of(F::CERT_CAP, F::CHAL_CAP.union(F::MEAS_CAP_SIG), "CERT_CAP and CHAL_CAP together")
        .only(SpdmVersion::V1_0),
    Rule::one_of(F::CHAL_CAP, F::CERT_CAP.union(F::MEAS_CAP_SIG), "CERT_CAP and CHAL_CAP together")
        .only(SpdmVersion::V1_0),
    Rule::one_of(F::MEAS_CAP_SIG, F::CERT_CAP, "CERT_CAP with MEAS_CAP 2").only(SpdmVersion::V1_0),
    Rule::none_of(F::PSK_CAP, F::PSK_CAP_CONTEXT, "PSK_CAP other than 3"),
    Rule::one_of(
        IDENTITY,
        F::CHAL_CAP.union(F::KEY_EX_CAP).union(SIGNATURES),
        "a use for the key of CERT_CAP or PUB_KEY_ID_CAP",
    ),
    Rule::one_of(
        F::CHAL_CAP.union(F::KEY_EX_CAP).union(F::MUT_AUTH_CAP).union(SIGNATURES),
        IDENTITY,
        "CERT_CAP or PUB_KEY_ID_CAP with CHAL_CAP, KEY_EX_CAP, MUT_AUTH_CAP and signatures",
    ),
    Rule::one_of(
        F::ALIAS_CERT_CAP.union(F::SET_CERT_CAP),
        F::CERT_CAP,
        "ALIAS_CERT_CAP and SET_CERT_CAP only with CERT_CAP",
    ),
    Rule::one_of(F::CSR_CAP, F::SET_CERT_CAP, "SET_CERT_CAP with CSR_CAP"),
    Rule::one_of(
        F::CERT_INSTALL_RESET_CAP,
        F::CSR_CAP.union(F::SET_CERT_CAP),
        "CERT_INSTALL_RESET_CAP only with CSR_CAP or SET_CERT_CAP",
    ),
    Rule::one_of(
        MULTI_KEY,
        F::GET_KEY_PAIR_INFO_CAP,
        "GET_KEY_PAIR_INFO_CAP and CERT_CAP with MULTI_KEY_CAP",
    ),
    Rule::one_of(MULTI_KEY, F::CERT_CAP, "GET_KEY_PAIR_INFO_CAP and CERT_CAP with MULTI_KEY_CAP"),
    Rule::none_of(
        F::PUB_KEY_ID_CAP,
        MULTI_KEY.union(KEY_PAIRS),
        "no key pair capabilities with PUB_KEY_ID_CAP",
    ),
    Rule::one_of(
        F::SET_KEY_PAIR_RESET_CAP,
        F::SET_KEY_PAIR_INFO_CAP,
        "SET_KEY_PAIR_INFO_CAP with SET_KEY_PAIR_RESET_CAP",
    ),
];

/// Rules that bind a Requester; those of both sides hold already.
static OF_REQUESTER: [Rule; 5] = [
    Rule::none_of(PSK, F::PSK_CAP_CONTEXT, "PSK_CAP 0 or 1"),
    Rule::one_of(
        IDENTITY,
        F::CHAL_CAP.union(F::KEY_EX_CAP).union(F::EP_INFO_CAP_SIG),
        "a use for the key of CERT_CAP or PUB_KEY_ID_CAP",
    ),
    Rule::one_of(
        F::CHAL_CAP.union(F::MUT_AUTH_CAP).union(F::EP_INFO_CAP_SIG),
        IDENTITY,
        "CERT_CAP or PUB_KEY_ID_CAP with CHAL_CAP, MUT_AUTH_CAP and signatures",
    ),
    Rule::one_of(MULTI_KEY, F::CERT_CAP, "CERT_CAP with MULTI_KEY_CAP"),
    Rule::none_of(MULTI_KEY, F::PUB_KEY_ID_CAP, "CERT_CAP with MULTI_KEY_CAP"),
];

impl CapabilityFlags {
    /// The first rule about a Responder's flags that does not hold, as a clause that says what it demands
    /// (DSP0274 §CAPABILITIES, the table of flags). Mask the flags with
    /// [`Self::defined_for_responder`] before.
    #[must_use]
    pub fn broken_by_responder(self, version: SpdmVersion) -> Option<&'static str> {
        self.first_broken(version, &OF_RESPONDER)
    }

    /// The first rule about a Requester's flags that does not hold, as a clause that says what it demands
    /// (DSP0274 §GET_CAPABILITIES, the table of flags). Mask the flags with
    /// [`Self::defined_for_requester`] before; 1.0 has none.
    #[must_use]
    pub fn broken_by_requester(self, version: SpdmVersion) -> Option<&'static str> {
        self.first_broken(version, &OF_REQUESTER)
    }

    fn first_broken(self, version: SpdmVersion, of_side: &[Rule]) -> Option<&'static str> {
        // A bit that a later version defines is neither a use nor a fault. Responders have every bit.
        let flags = self & Self::defined_for_responder(version);
        let broken =
            |rules: &[Rule]| rules.iter().find(|r| !r.holds(flags, version)).map(|r| r.clause);
        broken(&OF_BOTH_SIDES).or_else(|| broken(of_side))
    }
}

#[cfg(test)]
mod tests {
    use crate::{CapabilityFlags, SpdmVersion};

    type F = CapabilityFlags;

    #[test]
    fn usual_devices_break_no_rule() {
        let attests = F::CERT_CAP | F::CHAL_CAP | F::MEAS_CAP_SIG | F::MEAS_FRESH_CAP;
        let sessions = attests | F::KEY_EX_CAP | F::MAC_CAP | F::ENCRYPT_CAP | F::KEY_UPD_CAP;
        for version in SpdmVersion::ALL {
            assert_eq!(F::empty().broken_by_responder(version), None);
            assert_eq!(attests.broken_by_responder(version), None);
            if version >= SpdmVersion::V1_1 {
                assert_eq!(sessions.broken_by_responder(version), None);
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
            assert!(flags.broken_by_responder(version).is_some(), "{version} {flags:?}");
        }
    }

    #[test]
    fn requesters() {
        let good = [
            F::empty(),
            F::CERT_CAP | F::CHAL_CAP,
            F::KEY_EX_CAP | F::MAC_CAP | F::ENCRYPT_CAP | F::HBEAT_CAP,
            F::PSK_CAP | F::MAC_CAP,
            F::CERT_CAP | F::CHAL_CAP | F::MUT_AUTH_CAP | F::ENCAP_CAP,
        ];
        let bad = [
            F::CERT_CAP,
            F::CHAL_CAP,
            F::KEY_EX_CAP,
            F::ENCRYPT_CAP,
            F::PSK_CAP_CONTEXT | F::MAC_CAP,
            F::CERT_CAP | F::PUB_KEY_ID_CAP | F::CHAL_CAP,
            F::MUT_AUTH_CAP | F::ENCAP_CAP,
        ];
        for version in [SpdmVersion::V1_1, SpdmVersion::V1_2, SpdmVersion::V1_3, SpdmVersion::V1_4]
        {
            for flags in good {
                assert_eq!(flags.broken_by_requester(version), None, "{version} {flags:?}");
            }
            for flags in bad {
                assert!(flags.broken_by_requester(version).is_some(), "{version} {flags:?}");
            }
        }
        let mut_auth = F::CERT_CAP | F::CHAL_CAP | F::MUT_AUTH_CAP;
        assert!(mut_auth.broken_by_requester(SpdmVersion::V1_1).is_some());
        assert_eq!(mut_auth.broken_by_requester(SpdmVersion::V1_2), None);
        let multi_key = F::MULTI_KEY_CAP_ONLY | F::KEY_EX_CAP | F::MAC_CAP;
        assert!(multi_key.broken_by_requester(SpdmVersion::V1_3).is_some());
    }
}
