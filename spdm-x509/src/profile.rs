//! Where devices differ: what is demanded, and what is tolerated.

/// What a chain must say of itself, beyond what no chain may lack.
///
/// Held under every profile, because no device needs an exception: strict DER, version 3, names that chain,
/// SHA-2 signatures, certificate authorities that say so, no cA TRUE in the leaf, digitalSignature where it
/// has keyUsage, no extKeyUsage for requesters alone, no hardware identity in the leaf of an alias chain.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[expect(clippy::exhaustive_structs, reason = "callers build it field by field")]
pub struct Profile {
    /// That the leaf has basicConstraints. [`Demand::AsSpecified`]: from 1.3 on; leaves of NVIDIA H100,
    /// which speak 1.1, have none.
    pub basic_constraints: Demand,
    /// That the leaf has keyUsage. [`Demand::AsSpecified`]: except in the generic model.
    pub key_usage: Demand,
    /// That keyUsage of the leaf lacks keyCertSign. [`Demand::AsSpecified`]: always (RFC 5280 §4.2.1.3: only
    /// with cA TRUE).
    pub no_key_cert_sign: Demand,
    /// That extKeyUsage of the leaf names the responder role. [`Demand::AsSpecified`]: not demanded, the
    /// extension is optional.
    pub responder_role: Demand,
    /// That a device certificate, or one above an alias certificate, has the hardware identity OID.
    /// [`Demand::AsSpecified`]: not demanded, DSP0274 only recommends it.
    pub hardware_identity: Demand,
    /// That a trust anchor which issues certificates is a certificate authority. [`Demand::AsSpecified`]: where
    /// it has basicConstraints, keyUsage or nameConstraints, they bind; [`Demand::Always`]: and it has
    /// basicConstraints. With [`Demand::Never`] only its name and key count, as in RFC 5280 §6.1.1: then a
    /// pinned device certificate can vouch for any other.
    pub anchor: Demand,
    /// A serialNumber of zero. Negative ones are refused in any case.
    pub zero_serial: Tolerance,
    /// A serialNumber of more than 20 octets (RFC 5280 §4.1.2.2).
    pub long_serial: Tolerance,
    /// GeneralizedTime before 2050, where RFC 5280 §4.1.2.5 has UTCTime. `19700101000000Z`, which DSP0274
    /// recommends, is accepted in any case.
    pub generalized_time: Tolerance,
    /// Critical extensions below 2.23.133.5.4 (TCG DICE), which TCG recommends to mark so. This crate shows
    /// the bytes and compares them with nothing, although an extension that is critical has to be processed.
    pub critical_dice: Tolerance,
    /// `FALSE` where it is the default and DER leaves it out: cA, and the critical of an extension.
    pub explicit_false: Tolerance,
    /// keyUsage with zero bits at its end, which DER trims.
    pub untrimmed_key_usage: Tolerance,
    /// RSASSA-PSS-params with trailerField 1 (RFC 4055 §3.1), the default, which DER leaves out.
    pub explicit_trailer_field: Tolerance,
}

impl Profile {
    /// The strictest that is right for the negotiated version and the slot's model; the default. Chains of
    /// NVIDIA H100 and LS10 and of the DMTF reference implementation pass.
    pub const STRICT: Self = Self {
        basic_constraints: Demand::AsSpecified,
        key_usage: Demand::AsSpecified,
        no_key_cert_sign: Demand::AsSpecified,
        responder_role: Demand::AsSpecified,
        hardware_identity: Demand::AsSpecified,
        anchor: Demand::Always,
        zero_serial: Tolerance::Refuse,
        long_serial: Tolerance::Refuse,
        generalized_time: Tolerance::Refuse,
        critical_dice: Tolerance::Refuse,
        explicit_false: Tolerance::Refuse,
        untrimmed_key_usage: Tolerance::Refuse,
        explicit_trailer_field: Tolerance::Refuse,
    };

    /// For devices in the field whose certificates are made carelessly, but mean what they should.
    pub const COMPATIBLE: Self = Self {
        basic_constraints: Demand::Never,
        key_usage: Demand::Never,
        no_key_cert_sign: Demand::Never,
        responder_role: Demand::AsSpecified,
        hardware_identity: Demand::AsSpecified,
        anchor: Demand::AsSpecified,
        zero_serial: Tolerance::Accept,
        long_serial: Tolerance::Accept,
        generalized_time: Tolerance::Accept,
        critical_dice: Tolerance::Accept,
        explicit_false: Tolerance::Accept,
        untrimmed_key_usage: Tolerance::Accept,
        explicit_trailer_field: Tolerance::Accept,
    };
}

impl Default for Profile {
    fn default() -> Self {
        Self::STRICT
    }
}

/// When something is demanded.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Demand {
    /// In no case.
    Never,
    /// Where the specification does, for the negotiated version and the slot's model.
    AsSpecified,
    /// In every case.
    Always,
}

impl Demand {
    pub(crate) const fn applies(self, specified: bool) -> bool {
        match self {
            Self::Never => false,
            Self::AsSpecified => specified,
            Self::Always => true,
        }
    }
}

/// Whether a deviation is tolerated.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[expect(clippy::exhaustive_enums, reason = "there is no third way")]
pub enum Tolerance {
    /// It breaks a rule.
    Refuse,
    /// It does not.
    Accept,
}

impl Tolerance {
    pub(crate) const fn accepts(self) -> bool {
        matches!(self, Self::Accept)
    }
}
