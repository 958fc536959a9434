//! GetCertificateChain and GetCSR of SLOT_MANAGEMENT_RESP.

use spdm_untrusted::Untrusted;

use crate::cx::Cx;
use crate::error::{DecodeError, EncodeError, Expected};
use crate::reader::{length, read_from};
use crate::trace::NoTrace;
use crate::writer::Writer;

/// GetCertificateChain and GetCSR: bytes behind their length.
///
/// | offset | bytes | field |
/// |---|---|---|
/// | 0 | 4 | CCLength or CSRLength n, not 0 |
/// | 4 | 4 | Reserved |
/// | 8 | n | the chain structure, or the request |
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[expect(clippy::exhaustive_structs, reason = "callers build it")]
pub struct SlotBytes<'a> {
    /// The bytes.
    pub bytes: &'a [u8],
}

impl<'a> SlotBytes<'a> {
    /// Reads the structure.
    ///
    /// # Errors
    /// [`DecodeError`].
    pub fn decode(structure: Untrusted<&'a [u8]>, cx: &Cx) -> Result<Self, DecodeError> {
        structure.validate_with(|raw| {
            read_from("SLOT_MANAGEMENT_RESP", raw, NoTrace, |r| {
                let at = r.mark("Length");
                let len = r.u32("Length")?;
                if len == 0 {
                    return Err(at.value(&Expected::AtLeast(1), len));
                }
                r.reserved(4)?;
                let bytes = r.bytes("CertificateChain or CSR", length(len))?;
                r.finish(cx.padding)?;
                Ok(Self { bytes })
            })
        })
    }

    /// Writes the structure: its length in bytes.
    ///
    /// # Errors
    /// [`EncodeError`].
    pub fn encode(&self, out: &mut [u8]) -> Result<usize, EncodeError> {
        let mut w = Writer::new(out);
        let len = u32::try_from(self.bytes.len());
        w.u32(len.map_err(|_| EncodeError::TooLarge { field: "Length" })?);
        w.zeros(4);
        w.bytes(self.bytes);
        w.finish()
    }
}

#[cfg(test)]
mod tests {
    use super::SlotBytes;
    use crate::{Cx, DecodeError, SpdmVersion, Untrusted};

    const CX: Cx = Cx::new(SpdmVersion::V1_4).with_hash_len(4);

    fn field<T>(result: Result<T, DecodeError>) -> (&'static str, usize) {
        let error = result.err().unwrap();
        (error.field, error.at)
    }

    #[test]
    fn p30_bytes_behind_their_length() {
        let mut out = [0xEE; 11];
        assert_eq!(SlotBytes { bytes: &[1, 2, 3] }.encode(&mut out), Ok(11));
        assert_eq!(SlotBytes::decode(Untrusted::new(&out), &CX).unwrap().bytes, [1, 2, 3]);
        for (stated, wrong) in
            [(0, "Length"), (2, "end of message"), (4, "CertificateChain or CSR")]
        {
            out[0] = stated;
            assert_eq!(field(SlotBytes::decode(Untrusted::new(&out), &CX)).0, wrong);
        }
        out[..4].fill(0xFF);
        let result = SlotBytes::decode(Untrusted::new(&out), &CX);
        assert_eq!(field(result).0, "CertificateChain or CSR");
    }
}
