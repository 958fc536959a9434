//! The certificate chain structure that CERTIFICATE transports and DIGESTS hashes.

use spdm_untrusted::{Untrusted, Validate};

use crate::error::{DecodeError, EncodeError, Expected};
use crate::reader::{length, read_from};
use crate::spdm_version::SpdmVersion;
use crate::trace::NoTrace;
use crate::writer::Writer;

/// The certificate chain structure (DSP0274 §Certificates and certificate chains).
///
/// | offset | bytes | field |
/// |---|---|---|
/// | 0 | 2, from 1.4 on 4 | Length of the whole structure |
/// | 2 | 2 | Reserved, zero, before 1.4 |
/// | 4 | H | RootHash |
/// | 4+H | | Certificates, DER, root or first intermediate first |
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[expect(clippy::exhaustive_structs, reason = "callers build it")]
pub struct CertChain<'a> {
    /// `RootHash`, H bytes.
    pub root_hash: &'a [u8],
    /// `Certificates`: one or more DER certificates back to back, not parsed here.
    pub certificates: &'a [u8],
}

impl<'a> CertChain<'a> {
    /// Bytes before `RootHash`.
    pub const HEADER_LEN: usize = 4;

    /// Splits the structure; `hash_len` is H.
    ///
    /// # Errors
    /// [`DecodeError`] when the structure is shorter than its header and `RootHash`, when `Length` is not
    /// its length, or when the reserved bytes of a version before 1.4 are not zero.
    pub fn decode(
        bytes: Untrusted<&'a [u8]>,
        version: SpdmVersion,
        hash_len: usize,
    ) -> Result<Self, DecodeError> {
        bytes.validate((version, hash_len))
    }

    /// Encodes the structure into `out` and returns its length in bytes.
    ///
    /// # Errors
    /// [`EncodeError`] when `out` is too short or the chain is longer than `Length` can say.
    pub fn encode(&self, version: SpdmVersion, out: &mut [u8]) -> Result<usize, EncodeError> {
        let field = "Length";
        let len = Self::HEADER_LEN
            .saturating_add(self.root_hash.len())
            .saturating_add(self.certificates.len());
        let mut w = Writer::new(out);
        if version >= SpdmVersion::V1_4 {
            w.u32(u32::try_from(len).map_err(|_| EncodeError::TooLarge { field })?);
        } else {
            w.len16(len, field)?;
            w.zeros(2);
        }
        w.bytes(self.root_hash);
        w.bytes(self.certificates);
        w.finish()
    }
}

/// [`CertChain::decode`] with version and H.
impl<'a> Validate<&'a [u8]> for CertChain<'a> {
    type Context = (SpdmVersion, usize);
    type Error = DecodeError;

    fn validate(raw: &'a [u8], (version, hash_len): Self::Context) -> Result<Self, DecodeError> {
        read_from("certificate chain", raw, NoTrace, |r| {
            let at = r.mark("Length");
            let len = if version >= SpdmVersion::V1_4 {
                r.u32("Length")?
            } else {
                let len = r.u16("Length")?;
                let at = r.mark("Reserved");
                let reserved = r.u16("Reserved")?;
                if reserved != 0 {
                    return Err(at.value(&Expected::Exactly(0), reserved));
                }
                len.into()
            };
            if length(len) != raw.len() {
                let expected = Expected::Exactly(u64::try_from(raw.len()).unwrap_or(u64::MAX));
                return Err(at.value(&expected, len));
            }
            let root_hash = r.bytes("RootHash", hash_len)?;
            Ok(Self { root_hash, certificates: r.rest("Certificates") })
        })
    }
}

#[cfg(test)]
mod tests {
    use super::CertChain;
    use crate::SpdmVersion;
    use crate::error::DecodeErrorKind;
    use spdm_untrusted::Untrusted;
    use std::vec::Vec;

    fn chain(version: SpdmVersion) -> Vec<u8> {
        let chain = CertChain { root_hash: &[7; 32], certificates: &[0x30, 0] };
        let mut out = [0xEE; 64];
        let len = chain.encode(version, &mut out).unwrap();
        assert_eq!(len, 38);
        out[..len].to_vec()
    }

    #[test]
    fn header_of_every_version() {
        for version in SpdmVersion::ALL {
            let bytes = chain(version);
            let decoded = CertChain::decode(Untrusted::new(&bytes), version, 32).unwrap();
            assert_eq!(decoded.certificates, [0x30, 0]);
            for len in 0..bytes.len() {
                let short = Untrusted::new(&bytes[..len]);
                assert!(CertChain::decode(short, version, 32).is_err());
            }
        }
    }

    #[test]
    fn n17_length_and_reserved() {
        for version in SpdmVersion::ALL {
            for wrong in [0, 37, 39] {
                let mut bytes = chain(version);
                bytes[0] = wrong;
                let error = CertChain::decode(Untrusted::new(&bytes), version, 32).unwrap_err();
                assert_eq!((error.field, error.at), ("Length", 0));
                assert!(
                    matches!(error.kind, DecodeErrorKind::Value { got, .. } if got == wrong.into())
                );
            }
            let mut bytes = chain(version);
            bytes[2] = 1;
            let error = CertChain::decode(Untrusted::new(&bytes), version, 32).unwrap_err();
            let field = if version >= SpdmVersion::V1_4 { "Length" } else { "Reserved" };
            assert_eq!(error.field, field);
        }
    }
}
