//! Which combinations of `Flags` a version allows.

use crate::flags::{CapabilityFlags, MeasCap};
use crate::spdm_version::SpdmVersion;

/// A rule, as a clause that says what it demands, and whether it holds.
type Rule = (bool, &'static str);

impl CapabilityFlags {
    /// Rules of 1.1 and later that bind both sides.
    fn of_both_sides(self) -> [Rule; 5] {
        let key_ex = self.contains(Self::KEY_EX_CAP);
        let sessions = key_ex || self.psk_cap() != 0;
        let of_sessions = Self::MAC_CAP
            | Self::ENCRYPT_CAP
            | Self::HANDSHAKE_IN_THE_CLEAR_CAP
            | Self::HBEAT_CAP
            | Self::KEY_UPD_CAP
            | Self::EVENT_CAP;
        [
            (
                !sessions || self.intersects(Self::MAC_CAP | Self::ENCRYPT_CAP),
                "MAC_CAP or ENCRYPT_CAP with KEY_EX_CAP or PSK_CAP",
            ),
            (
                sessions || !self.intersects(of_sessions),
                "session capabilities only with KEY_EX_CAP or PSK_CAP",
            ),
            (
                key_ex || !self.contains(Self::HANDSHAKE_IN_THE_CLEAR_CAP),
                "HANDSHAKE_IN_THE_CLEAR_CAP only with KEY_EX_CAP",
            ),
            (
                !self.contains(Self::CERT_CAP | Self::PUB_KEY_ID_CAP),
                "CERT_CAP or PUB_KEY_ID_CAP, not both",
            ),
            (
                !self.contains(Self::MUT_AUTH_CAP)
                    || self.intersects(Self::KEY_EX_CAP | Self::CHAL_CAP),
                "MUT_AUTH_CAP only with KEY_EX_CAP or CHAL_CAP",
            ),
        ]
    }

    /// The rule of 1.1 alone.
    const fn of_1_1(self) -> Rule {
        let holds = !self.contains(Self::MUT_AUTH_CAP) || self.contains(Self::ENCAP_CAP);
        (holds, "ENCAP_CAP with MUT_AUTH_CAP")
    }

    /// Values that 1.3 reserves.
    fn of_1_3(self) -> [Rule; 2] {
        [
            (self.ep_info_cap() != 3, "EP_INFO_CAP other than 3"),
            (self.multi_key_cap() != 3, "MULTI_KEY_CAP other than 3"),
        ]
    }

    /// The first rule about a Responder's flags that does not hold, as a clause that says what it demands
    /// (DSP0274 §CAPABILITIES, the table of flags). Mask the flags with
    /// [`Self::defined_for_responder`] before.
    #[must_use]
    pub fn broken_by_responder(self, version: SpdmVersion) -> Option<&'static str> {
        let since = |first: SpdmVersion| version >= first;
        let (all, any) = (|set: Self| self.contains(set), |set: Self| self.intersects(set));
        let meas = self.meas_cap();
        let signs = meas == MeasCap::Signature;
        let endpoint_signs = since(SpdmVersion::V1_3) && self.ep_info_cap() == 2;
        let one_identity = all(Self::CERT_CAP) != all(Self::PUB_KEY_ID_CAP);
        let of_any = [
            (meas != MeasCap::Reserved, "MEAS_CAP other than 3"),
            (
                !all(Self::MEAS_FRESH_CAP) || meas != MeasCap::None,
                "MEAS_FRESH_CAP only with MEAS_CAP",
            ),
        ];
        let of_1_0 = [
            (signs || all(Self::CERT_CAP) == all(Self::CHAL_CAP), "CERT_CAP and CHAL_CAP together"),
            (!signs || all(Self::CERT_CAP), "CERT_CAP with MEAS_CAP 2"),
        ];
        let since_1_1 = [
            (self.psk_cap() != 3, "PSK_CAP other than 3"),
            (
                !one_identity || any(Self::CHAL_CAP | Self::KEY_EX_CAP) || signs || endpoint_signs,
                "a use for the key of CERT_CAP or PUB_KEY_ID_CAP",
            ),
            (
                one_identity
                    || !(any(Self::CHAL_CAP | Self::KEY_EX_CAP | Self::MUT_AUTH_CAP)
                        || signs
                        || endpoint_signs),
                "CERT_CAP or PUB_KEY_ID_CAP with CHAL_CAP, KEY_EX_CAP, MUT_AUTH_CAP and signatures",
            ),
        ];
        let since_1_2 = [
            (
                all(Self::CERT_CAP) || !any(Self::ALIAS_CERT_CAP | Self::SET_CERT_CAP),
                "ALIAS_CERT_CAP and SET_CERT_CAP only with CERT_CAP",
            ),
            (!all(Self::CSR_CAP) || all(Self::SET_CERT_CAP), "SET_CERT_CAP with CSR_CAP"),
            (
                !all(Self::CERT_INSTALL_RESET_CAP) || any(Self::CSR_CAP | Self::SET_CERT_CAP),
                "CERT_INSTALL_RESET_CAP only with CSR_CAP or SET_CERT_CAP",
            ),
        ];
        let multi_key = self.multi_key_cap() != 0;
        let key_pairs = Self::GET_KEY_PAIR_INFO_CAP | Self::SET_KEY_PAIR_INFO_CAP;
        let since_1_3 = [
            (
                !multi_key || all(Self::GET_KEY_PAIR_INFO_CAP | Self::CERT_CAP),
                "GET_KEY_PAIR_INFO_CAP and CERT_CAP with MULTI_KEY_CAP",
            ),
            (
                !all(Self::PUB_KEY_ID_CAP) || !(multi_key || any(key_pairs)),
                "no key pair capabilities with PUB_KEY_ID_CAP",
            ),
        ];
        let since_1_4 = [(
            !all(Self::SET_KEY_PAIR_RESET_CAP) || all(Self::SET_KEY_PAIR_INFO_CAP),
            "SET_KEY_PAIR_INFO_CAP with SET_KEY_PAIR_RESET_CAP",
        )];
        first_broken(&[
            (true, &of_any),
            (version == SpdmVersion::V1_0, &of_1_0),
            (since(SpdmVersion::V1_1), &self.of_both_sides()),
            (since(SpdmVersion::V1_1), &since_1_1),
            (version == SpdmVersion::V1_1, &[self.of_1_1()]),
            (since(SpdmVersion::V1_2), &since_1_2),
            (since(SpdmVersion::V1_3), &self.of_1_3()),
            (since(SpdmVersion::V1_3), &since_1_3),
            (since(SpdmVersion::V1_4), &since_1_4),
        ])
    }

    /// The first rule about a Requester's flags that does not hold, as a clause that says what it demands
    /// (DSP0274 §GET_CAPABILITIES, the table of flags). Mask the flags with
    /// [`Self::defined_for_requester`] before; 1.0 has none.
    #[must_use]
    pub fn broken_by_requester(self, version: SpdmVersion) -> Option<&'static str> {
        let since = |first: SpdmVersion| version >= first;
        let (all, any) = (|set: Self| self.contains(set), |set: Self| self.intersects(set));
        let endpoint_signs = since(SpdmVersion::V1_3) && self.ep_info_cap() == 2;
        let identity = any(Self::CERT_CAP | Self::PUB_KEY_ID_CAP);
        let since_1_1 = [
            (self.psk_cap() <= 1, "PSK_CAP 0 or 1"),
            (
                !identity || any(Self::CHAL_CAP | Self::KEY_EX_CAP) || endpoint_signs,
                "a use for the key of CERT_CAP or PUB_KEY_ID_CAP",
            ),
            (
                identity || !(any(Self::CHAL_CAP | Self::MUT_AUTH_CAP) || endpoint_signs),
                "CERT_CAP or PUB_KEY_ID_CAP with CHAL_CAP, MUT_AUTH_CAP and signatures",
            ),
        ];
        let since_1_3 = [(
            self.multi_key_cap() == 0 || all(Self::CERT_CAP) && !all(Self::PUB_KEY_ID_CAP),
            "CERT_CAP with MULTI_KEY_CAP",
        )];
        first_broken(&[
            (since(SpdmVersion::V1_1), &since_1_1),
            (since(SpdmVersion::V1_1), &self.of_both_sides()),
            (version == SpdmVersion::V1_1, &[self.of_1_1()]),
            (since(SpdmVersion::V1_3), &self.of_1_3()),
            (since(SpdmVersion::V1_3), &since_1_3),
        ])
    }
}

/// The first rule that does not hold, of the groups that apply.
fn first_broken(groups: &[(bool, &[Rule])]) -> Option<&'static str> {
    let rules = groups.iter().filter(|(applies, _)| *applies).flat_map(|(_, rules)| *rules);
    rules.copied().find(|(holds, _)| !holds).map(|(_, rule)| rule)
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
