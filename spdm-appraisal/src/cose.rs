//! COSE_Sign1 (RFC 9052 §4.2): what is signed, and with which algorithm.

use minicbor::data::Type;
use spdm_crypto::{
    AsymAlgorithm, EcCurve, HashAlgorithm, MlDsaSet, Provider, RsaBits, RsaScheme, Signed,
};

use crate::cbor::{Item, Label, Reader, Result};
use crate::error::{ReadError, Rule};

/// Labels of headers.
pub(crate) mod label {
    pub(crate) const ALG: i64 = 1;
    pub(crate) const CRIT: i64 = 2;
    pub(crate) const CONTENT_TYPE: i64 = 3;
    pub(crate) const KID: i64 = 4;
    /// `corim-meta`.
    pub(crate) const META: i64 = 8;
    /// `CWT-Claims` (RFC 9597).
    pub(crate) const CWT: i64 = 15;
    pub(crate) const X5CHAIN: i64 = 33;
    /// `payload_hash_alg`, `preimage content type` and `payload-location` of a hash envelope.
    pub(crate) const HASH_ENVELOPE: [i64; 3] = [258, 259, 260];
}

/// The headers that are processed, and may be in crit.
const PROCESSED: [i64; 6] =
    [label::ALG, label::CONTENT_TYPE, label::KID, label::META, label::CWT, label::X5CHAIN];

/// A message with its headers.
#[derive(Clone, Debug)]
pub(crate) struct Sign1<'a> {
    /// As received.
    protected: &'a [u8],
    pub(crate) headers: Headers<'a>,
    pub(crate) payload: Reader<'a>,
    payload_bytes: &'a [u8],
    signature: &'a [u8],
    signature_at: usize,
}

/// The headers that are processed.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Headers<'a> {
    pub(crate) algorithm: CoseAlgorithm,
    pub(crate) content_type: Option<Item<'a>>,
    pub(crate) kid: Option<&'a [u8]>,
    /// Protected or not: anchors authenticate it.
    pub(crate) x5chain: Option<Item<'a>>,
    pub(crate) meta: Option<Item<'a>>,
    pub(crate) cwt: Option<Item<'a>>,
    crit: Option<Item<'a>>,
    /// Where the protected headers are.
    pub(crate) at: usize,
}

impl<'a> Sign1<'a> {
    /// Reads what tag 18 holds.
    pub(crate) fn read(message: Item<'a>) -> Result<Self> {
        let mut parts = [None; 4];
        let mut places = parts.iter_mut();
        message.reader().array("COSE_Sign1", |reader| {
            let place = places.next().ok_or_else(|| reader.error(Rule::Excess, "COSE_Sign1"))?;
            *place = Some(reader.item("COSE_Sign1")?);
            Ok(())
        })?;
        let [Some(protected), Some(unprotected), Some(payload), Some(signature)] = parts else {
            return Err(ReadError::new(Rule::Missing, "COSE_Sign1", message.at()));
        };
        let bytes = protected.reader().bytes("protected")?;
        let headers = Headers::read(protected.reader().embedded("protected")?, unprotected)?;
        if payload.reader().peek("payload")? == Type::Null {
            return Err(ReadError::new(Rule::Detached, "payload", payload.at()));
        }
        Ok(Self {
            protected: bytes,
            headers,
            payload: payload.reader().embedded("payload")?,
            payload_bytes: payload.reader().bytes("payload")?,
            signature: signature.reader().bytes("signature")?,
            signature_at: signature.at(),
        })
    }

    /// Verifies the signature with a key of the algorithm of the header. `scratch` is for algorithms that take no digest.
    pub(crate) fn verify(
        &self,
        scheme: Scheme,
        key: &[u8],
        provider: &Provider,
        scratch: &mut [u8],
    ) -> Result<()> {
        let wrong = ReadError::new(Rule::Signature, "signature", self.signature_at);
        let Scheme { asym, hash } = scheme;
        if self.signature.len() != asym.signature_len() {
            return Err(wrong);
        }
        let (protected, payload) = (Head::bytes(self.protected), Head::bytes(self.payload_bytes));
        let parts: [&[u8]; 6] = [
            // An array of four, text of ten bytes.
            b"\x84\x6ASignature1",
            protected.as_bytes(),
            self.protected,
            // No external data.
            b"\x40",
            payload.as_bytes(),
            self.payload_bytes,
        ];
        let verified = if asym.takes_prehash() {
            let digest = provider.hash.digest(hash, &parts).map_err(|_| wrong)?;
            provider.verify(asym, hash, key, Signed::Prehash(&digest), self.signature)
        } else {
            let room = ReadError::new(Rule::Scratch, "signature", self.signature_at);
            let bytes = concatenate(&parts, scratch).ok_or(room)?;
            let signed = Signed::Message { bytes, context: &[] };
            provider.verify(asym, hash, key, signed, self.signature)
        };
        verified.map_err(|_| wrong)
    }
}

/// Writes `parts` one behind the other; `None` where there is no room.
pub(crate) fn concatenate<'s>(parts: &[&[u8]], scratch: &'s mut [u8]) -> Option<&'s [u8]> {
    let mut len = 0_usize;
    for part in parts {
        let end = len.checked_add(part.len())?;
        scratch.get_mut(len..end)?.copy_from_slice(part);
        len = end;
    }
    scratch.get(..len)
}

/// The shortest head of a byte string.
struct Head {
    bytes: [u8; 9],
    len: usize,
}

impl Head {
    fn bytes(content: &[u8]) -> Self {
        let mut head = Self { bytes: [0; 9], len: 0 };
        let len = u64::try_from(content.len()).unwrap_or(u64::MAX);
        let big = len.to_be_bytes();
        let (kind, take) = match len {
            0..24 => (0x40, 0),
            24..0x100 => (0x58, 1),
            0x100..0x1_0000 => (0x59, 2),
            0x1_0000..0x1_0000_0000 => (0x5A, 4),
            _ => (0x5B, 8),
        };
        let [.., last] = big;
        let first = if take == 0 { kind | last } else { kind };
        let number = big.into_iter().skip(8 - take);
        for (place, byte) in head.bytes.iter_mut().zip(core::iter::once(first).chain(number)) {
            *place = byte;
        }
        head.len = 1 + take;
        head
    }

    fn as_bytes(&self) -> &[u8] {
        self.bytes.get(..self.len).unwrap_or_default()
    }
}

/// What one of the two maps of headers has.
#[derive(Clone, Copy, Default)]
struct Map<'a> {
    alg: Option<(Item<'a>, usize)>,
    crit: Option<Item<'a>>,
    content_type: Option<Item<'a>>,
    kid: Option<&'a [u8]>,
    x5chain: Option<Item<'a>>,
    meta: Option<Item<'a>>,
    cwt: Option<Item<'a>>,
}

impl<'a> Map<'a> {
    fn read(
        reader: &mut Reader<'a>,
        field: &'static str,
        mut each: impl FnMut(Label<'a>, Item<'a>) -> Result<()>,
    ) -> Result<Self> {
        let mut map = Self::default();
        reader.map(field, |reader, label| {
            let item = reader.item(field)?;
            each(label, item)?;
            let Label::Number(number) = label else { return Ok(()) };
            match number {
                label::ALG => map.alg = Some((item, item.at())),
                label::CRIT => map.crit = Some(item),
                label::CONTENT_TYPE => map.content_type = Some(item),
                label::KID => map.kid = Some(item.reader().bytes("kid")?),
                label::META => map.meta = Some(item),
                label::CWT => map.cwt = Some(item),
                label::X5CHAIN => map.x5chain = Some(item),
                _ if label::HASH_ENVELOPE.contains(&number) => {
                    return Err(ReadError::new(Rule::HashEnvelope, field, item.at()));
                }
                _ => {}
            }
            Ok(())
        })?;
        Ok(map)
    }
}

impl<'a> Headers<'a> {
    fn read(mut protected: Reader<'a>, unprotected: Item<'a>) -> Result<Self> {
        let at = protected.at();
        let start = protected.clone();
        // RFC 9052 §3: no headers are an empty string.
        let inside = match protected.finish("protected") {
            Ok(()) => Map::default(),
            Err(_) => {
                let inside = Map::read(&mut protected, "protected", |_, _| Ok(()))?;
                protected.finish("protected")?;
                inside
            }
        };
        let outside =
            Map::read(
                &mut unprotected.reader(),
                "unprotected",
                |label, item| match protected_value(&start, label)? {
                    None => Ok(()),
                    Some(same) if label == Label::Number(label::X5CHAIN) => {
                        if same.bytes() == item.bytes() {
                            return Ok(());
                        }
                        Err(ReadError::new(Rule::Twice, "x5chain", item.at()))
                    }
                    Some(_) => Err(ReadError::new(Rule::Twice, "unprotected", item.at())),
                },
            )?;
        let crit_outside = outside.crit.map(|crit| ReadError::new(Rule::Crit, "crit", crit.at()));
        crit_outside.map_or(Ok(()), Err)?;
        if let Some(crit) = inside.crit {
            check_crit(crit, &start)?;
        }
        let (alg, alg_at) =
            inside.alg.ok_or_else(|| ReadError::new(Rule::AlgMissing, "alg", at))?;
        let unknown = ReadError::new(Rule::AlgUnknown, "alg", alg_at);
        let algorithm = match alg.reader().label("alg")? {
            Label::Number(number) => CoseAlgorithm::from_number(number).ok_or(unknown)?,
            Label::Name(_) => return Err(unknown),
        };
        Ok(Self {
            algorithm,
            content_type: inside.content_type,
            kid: inside.kid.or(outside.kid),
            x5chain: inside.x5chain.or(outside.x5chain),
            meta: inside.meta,
            cwt: inside.cwt,
            crit: inside.crit,
            at,
        })
    }

    /// Refuses these headers where crit says that they have to be understood: in messages of some kinds they mean nothing.
    pub(crate) fn check_not_critical(&self, labels: &[i64]) -> Result<()> {
        let Some(crit) = self.crit else { return Ok(()) };
        crit.reader().array("crit", |reader| {
            let wrong = reader.error(Rule::Crit, "crit");
            match reader.label("crit")? {
                Label::Number(number) if labels.contains(&number) => Err(wrong),
                _ => Ok(()),
            }
        })?;
        Ok(())
    }
}

/// The protected header with this label.
fn protected_value<'a>(protected: &Reader<'a>, wanted: Label<'a>) -> Result<Option<Item<'a>>> {
    let mut found = None;
    if protected.finish("protected").is_err() {
        protected.clone().map("protected", |reader, label| {
            let item = reader.item("protected")?;
            if label == wanted {
                found = Some(item);
            }
            Ok(())
        })?;
    }
    Ok(found)
}

/// Every label in crit is of a protected header that is processed (RFC 9052 §3.1).
fn check_crit<'a>(crit: Item<'a>, protected: &Reader<'a>) -> Result<()> {
    let count = crit.reader().array("crit", |reader| {
        let wrong = reader.error(Rule::Crit, "crit");
        let label = reader.label("crit")?;
        let is_processed = matches!(label, Label::Number(number) if PROCESSED.contains(&number));
        if is_processed && protected_value(protected, label)?.is_some() {
            Ok(())
        } else {
            Err(wrong)
        }
    })?;
    if count == 0 { Err(ReadError::new(Rule::Crit, "crit", crit.at())) } else { Ok(()) }
}

/// A signature algorithm of COSE.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum CoseAlgorithm {
    Ecdsa(EcCurve),
    Ed25519,
    Pss(HashAlgorithm),
    MlDsa(MlDsaSet),
}

/// What a signature is verified with.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Scheme {
    pub(crate) asym: AsymAlgorithm,
    pub(crate) hash: HashAlgorithm,
}

impl CoseAlgorithm {
    /// IANA COSE Algorithms: RFC 9053, RFC 9864, and those of ML-DSA. ES256, ES384 and ES512 fix no curve there; here they
    /// do, as those of RFC 9864.
    fn from_number(number: i64) -> Option<Self> {
        Some(match number {
            -7 | -9 => Self::Ecdsa(EcCurve::P256),
            -35 | -51 => Self::Ecdsa(EcCurve::P384),
            -36 | -52 => Self::Ecdsa(EcCurve::P521),
            -8 | -19 => Self::Ed25519,
            -37 => Self::Pss(HashAlgorithm::Sha256),
            -38 => Self::Pss(HashAlgorithm::Sha384),
            -39 => Self::Pss(HashAlgorithm::Sha512),
            -48 => Self::MlDsa(MlDsaSet::P44),
            -49 => Self::MlDsa(MlDsaSet::P65),
            -50 => Self::MlDsa(MlDsaSet::P87),
            _ => return None,
        })
    }

    /// The schemes that it stands for: one, or one for each size of an RSA key.
    pub(crate) fn schemes(self) -> impl Iterator<Item = Scheme> {
        let sizes = match self {
            Self::Pss(_) => [Some(RsaBits::B2048), Some(RsaBits::B3072), Some(RsaBits::B4096)],
            // One scheme without a size.
            _ => [Some(RsaBits::B2048), None, None],
        };
        sizes.into_iter().flatten().map(move |bits| match self {
            Self::Ecdsa(curve) => {
                let hash = match curve {
                    EcCurve::P256 => HashAlgorithm::Sha256,
                    EcCurve::P384 => HashAlgorithm::Sha384,
                    EcCurve::P521 => HashAlgorithm::Sha512,
                };
                Scheme { asym: AsymAlgorithm::Ecdsa(curve), hash }
            }
            Self::Ed25519 => Scheme { asym: AsymAlgorithm::Ed25519, hash: HashAlgorithm::Sha512 },
            Self::Pss(hash) => Scheme { asym: AsymAlgorithm::Rsa(RsaScheme::Pss, bits), hash },
            Self::MlDsa(set) => {
                Scheme { asym: AsymAlgorithm::MlDsa(set), hash: HashAlgorithm::Sha512 }
            }
        })
    }
}
