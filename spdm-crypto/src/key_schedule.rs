//! The key schedule of sessions (DSP0274 §Session keys, DSP0277), one type per stage.
//!
//! ```text
//! SharedSecret or PreSharedKey
//!   └ KeySchedule ─ TH1 ─> HandshakeSecrets ─ TH2 ─> DataSecrets ─> DataSecret ─ KEY_UPDATE ─> DataSecret
//!                            │ VerifyData              └ ExportSecret   │
//!                            └ RecordKey                                └ RecordKey
//! ```
//!
//! What a stage can do, no other can. Drop a stage where it is once the next one is there: its secrets are erased then.
//!
//! ```compile_fail,E0308
//! # use spdm_crypto::{DataSecrets, Digest, HandshakeSecrets};
//! fn records_of_an_established_session(secrets: &DataSecrets) {}
//! fn too_early(handshake: &HandshakeSecrets) {
//!     records_of_an_established_session(handshake);
//! }
//! ```

use core::fmt;

use spdm_codec::SpdmVersion;
use subtle::ConstantTimeEq as _;
use zeroize::Zeroizing;

use crate::aead::{Aead, AeadAlgorithm, AeadError, NONCE_LEN};
use crate::digest::Digest;
use crate::hash::Unsupported;
use crate::hash_algorithm::HashAlgorithm;
use crate::kdf::{Kdf, KdfError, PreSharedKey};
use crate::key_exchange::SharedSecret;
use crate::provider::Provider;
use crate::record_key::RecordKey;
use crate::secret::Secret;
use crate::verify::Invalid;

/// Who sends.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[expect(clippy::exhaustive_enums, reason = "a session has two sides")]
pub enum Direction {
    /// From the Requester to the Responder.
    Request,
    /// From the Responder to the Requester.
    Response,
}

/// Why there are no keys.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum KeyScheduleError {
    /// The backend does not have the AEAD.
    UnsupportedAead(AeadAlgorithm),
    /// The key derivation failed.
    Kdf(KdfError),
    /// There is no shared secret: the key exchange failed.
    NoSharedSecret,
    /// A transcript hash has another length than the hash function.
    TranscriptLength,
}

impl fmt::Display for KeyScheduleError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::UnsupportedAead(algorithm) => AeadError::Unsupported(*algorithm).fmt(f),
            Self::Kdf(error) => error.fmt(f),
            Self::NoSharedSecret => f.write_str("the key exchange gave no shared secret"),
            Self::TranscriptLength => f.write_str("the transcript was made with another hash"),
        }
    }
}

impl core::error::Error for KeyScheduleError {}

impl From<KdfError> for KeyScheduleError {
    fn from(error: KdfError) -> Self {
        Self::Kdf(error)
    }
}

/// What was negotiated for the keys of a session, and the backends that derive and use them.
#[derive(Clone, Copy, Debug)]
pub struct KeySchedule {
    kdf: &'static dyn Kdf,
    aead: &'static dyn Aead,
    version: SpdmVersion,
    hash: HashAlgorithm,
    algorithm: AeadAlgorithm,
}

impl KeySchedule {
    /// The schedule of a connection: its version, `BaseHashSel` and the selected `AEADCipherSuite`.
    ///
    /// # Errors
    /// [`KeyScheduleError`] where the backend has no HKDF with this hash, or not the AEAD.
    pub fn new(
        provider: &Provider,
        version: SpdmVersion,
        hash: HashAlgorithm,
        algorithm: AeadAlgorithm,
    ) -> Result<Self, KeyScheduleError> {
        let kdf = provider.kdf(hash).ok_or_else(|| KdfError::from(Unsupported::new(hash)))?;
        let aead = provider.aead(algorithm).ok_or(KeyScheduleError::UnsupportedAead(algorithm))?;
        Ok(Self { kdf, aead, version, hash, algorithm })
    }

    /// The secrets of the handshake after KEY_EXCHANGE_RSP; `th1` is the transcript hash TH1.
    ///
    /// # Errors
    /// [`KeyScheduleError`].
    pub fn from_key_exchange(
        &self,
        shared: &SharedSecret,
        th1: &Digest,
    ) -> Result<HandshakeSecrets, KeyScheduleError> {
        if shared.expose_secret().is_empty() {
            return Err(KeyScheduleError::NoSharedSecret);
        }
        let salt = self.salt_0(0)?;
        let root = self.kdf.extract(self.hash, &salt, shared.expose_secret())?;
        self.handshake(root, th1)
    }

    /// The secrets of the handshake after PSK_EXCHANGE_RSP; `th1` is the transcript hash TH1.
    ///
    /// # Errors
    /// [`KeyScheduleError`].
    pub fn from_psk(
        &self,
        psk: &dyn PreSharedKey,
        th1: &Digest,
    ) -> Result<HandshakeSecrets, KeyScheduleError> {
        let byte = match self.version {
            SpdmVersion::V1_0 | SpdmVersion::V1_1 | SpdmVersion::V1_2 => 0,
            SpdmVersion::V1_3 | SpdmVersion::V1_4 => 0xFF,
        };
        let root = psk.extract(self.kdf, self.hash, &self.salt_0(byte)?)?;
        self.handshake(root, th1)
    }

    fn handshake(&self, root: Secret, th1: &Digest) -> Result<HandshakeSecrets, KeyScheduleError> {
        let root = OwnedSecret { kdf: self.kdf, secret: root };
        let direction = |label| {
            let secret = self.derive(&root, label, Some(th1))?;
            let finished = self.derive(&secret, b"finished", None)?;
            Ok::<_, KeyScheduleError>(HandshakeSecret { secret, finished })
        };
        let (request, response) = (direction(b"req hs data")?, direction(b"rsp hs data")?);
        Ok(HandshakeSecrets { schedule: *self, root, request, response })
    }

    fn salt_0(&self, byte: u8) -> Result<Secret, KdfError> {
        let mut salt = Secret::zeroed(self.hash.digest_len()).ok_or(KdfError::Length)?;
        salt.place().fill(byte);
        Ok(salt)
    }

    /// A secret as long as a digest.
    fn derive(
        &self,
        from: &OwnedSecret,
        label: &[u8],
        transcript: Option<&Digest>,
    ) -> Result<OwnedSecret, KeyScheduleError> {
        let context = transcript.map(Digest::as_bytes).unwrap_or_default();
        if transcript.is_some() && context.len() != self.hash.digest_len() {
            return Err(KeyScheduleError::TranscriptLength);
        }
        let len = self.hash.digest_len();
        let info = BinConcat::new(self.version, len, label, context)?;
        let secret = self.kdf.expand(self.hash, &from.secret, &info.parts(), len)?;
        Ok(OwnedSecret { kdf: self.kdf, secret })
    }

    fn record_key(&self, from: &OwnedSecret) -> Result<RecordKey, KeyScheduleError> {
        let len = self.algorithm.key_len();
        let info = BinConcat::new(self.version, NONCE_LEN, b"iv", &[])?;
        let mut iv = Zeroizing::new([0; NONCE_LEN]);
        self.kdf.expand_into(self.hash, &from.secret, &info.parts(), iv.as_mut())?;
        let info = BinConcat::new(self.version, len, b"key", &[])?;
        let key = self.kdf.expand(self.hash, &from.secret, &info.parts(), len)?;
        Ok(RecordKey::new(self.aead, self.algorithm, key, iv))
    }
}

/// BinConcat: length, version, label and context, as the info of HKDF-Expand.
struct BinConcat<'a> {
    length: [u8; 2],
    version: &'static [u8; 8],
    label: &'a [u8],
    context: &'a [u8],
}

impl<'a> BinConcat<'a> {
    fn new(
        version: SpdmVersion,
        len: usize,
        label: &'a [u8],
        context: &'a [u8],
    ) -> Result<Self, KdfError> {
        let length = u16::try_from(len).map_err(|_| KdfError::Length)?.to_le_bytes();
        let version = match version {
            SpdmVersion::V1_0 => b"spdm1.0 ",
            SpdmVersion::V1_1 => b"spdm1.1 ",
            SpdmVersion::V1_2 => b"spdm1.2 ",
            SpdmVersion::V1_3 => b"spdm1.3 ",
            SpdmVersion::V1_4 => b"spdm1.4 ",
        };
        Ok(Self { length, version, label, context })
    }

    const fn parts(&self) -> [&[u8]; 4] {
        [&self.length, self.version, self.label, self.context]
    }
}

/// A secret with the backend that it belongs to, so that the backend can free a handle on drop.
struct OwnedSecret {
    kdf: &'static dyn Kdf,
    secret: Secret,
}

impl Drop for OwnedSecret {
    fn drop(&mut self) {
        self.kdf.forget(&self.secret);
    }
}

/// One direction of a handshake.
struct HandshakeSecret {
    secret: OwnedSecret,
    finished: OwnedSecret,
}

/// The secrets of a session between KEY_EXCHANGE_RSP and FINISH_RSP, or of PSK_EXCHANGE alike.
pub struct HandshakeSecrets {
    schedule: KeySchedule,
    root: OwnedSecret,
    request: HandshakeSecret,
    response: HandshakeSecret,
}

impl HandshakeSecrets {
    /// `RequesterVerifyData` or `ResponderVerifyData`: HMAC of the transcript hash `th` with the finished key
    /// of who sends it.
    ///
    /// # Errors
    /// [`KeyScheduleError`].
    pub fn verify_data(&self, sender: Direction, th: &Digest) -> Result<Digest, KeyScheduleError> {
        let schedule = &self.schedule;
        if th.as_bytes().len() != schedule.hash.digest_len() {
            return Err(KeyScheduleError::TranscriptLength);
        }
        let finished = &self.direction(sender).finished.secret;
        Ok(schedule.kdf.hmac(schedule.hash, finished, &[th.as_bytes()])?)
    }

    /// Compares what was received with [`Self::verify_data`], in constant time.
    ///
    /// # Errors
    /// [`Invalid`] where it differs or has another length, or where nothing could be computed.
    pub fn check_verify_data(
        &self,
        sender: Direction,
        th: &Digest,
        received: &[u8],
    ) -> Result<(), Invalid> {
        let expected = self.verify_data(sender, th).map_err(|_| Invalid)?;
        if bool::from(expected.as_bytes().ct_eq(received)) { Ok(()) } else { Err(Invalid) }
    }

    /// The key for records of the handshake that `sender` sends.
    ///
    /// # Errors
    /// [`KeyScheduleError`].
    pub fn record_key(&self, sender: Direction) -> Result<RecordKey, KeyScheduleError> {
        self.schedule.record_key(&self.direction(sender).secret)
    }

    /// The secrets of the established session; `th2` is the transcript hash TH2. Drop these then: by reference, so that
    /// they are erased where they are.
    ///
    /// # Errors
    /// [`KeyScheduleError`].
    pub fn data(&self, th2: &Digest) -> Result<DataSecrets, KeyScheduleError> {
        let schedule = self.schedule;
        let salt = schedule.derive(&self.root, b"derived", None)?;
        let zeros = [0; Digest::MAX];
        let zeros = zeros.get(..schedule.hash.digest_len()).unwrap_or_default();
        let master = schedule.kdf.extract(schedule.hash, &salt.secret, zeros)?;
        let master = OwnedSecret { kdf: schedule.kdf, secret: master };
        let data = |label| {
            let secret = schedule.derive(&master, label, Some(th2))?;
            Ok::<_, KeyScheduleError>(DataSecret { schedule, secret })
        };
        Ok(DataSecrets {
            request: data(b"req app data")?,
            response: data(b"rsp app data")?,
            export: ExportSecret(schedule.derive(&master, b"exp master", Some(th2))?),
        })
    }

    const fn direction(&self, sender: Direction) -> &HandshakeSecret {
        match sender {
            Direction::Request => &self.request,
            Direction::Response => &self.response,
        }
    }
}

impl fmt::Debug for HandshakeSecrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HandshakeSecrets").finish_non_exhaustive()
    }
}

/// The secrets of an established session.
#[derive(Debug)]
#[expect(clippy::exhaustive_structs, reason = "the two directions live on their own")]
pub struct DataSecrets {
    /// For what the Requester sends.
    pub request: DataSecret,
    /// For what the Responder sends.
    pub response: DataSecret,
    /// For other protocols.
    pub export: ExportSecret,
}

/// One direction of an established session.
pub struct DataSecret {
    schedule: KeySchedule,
    secret: OwnedSecret,
}

impl DataSecret {
    /// The key for records of this direction.
    ///
    /// # Errors
    /// [`KeyScheduleError`].
    pub fn record_key(&self) -> Result<RecordKey, KeyScheduleError> {
        self.schedule.record_key(&self.secret)
    }

    /// The secret after a KEY_UPDATE of this direction. Drop the old one once the new one is confirmed.
    ///
    /// # Errors
    /// [`KeyScheduleError`].
    pub fn updated(&self) -> Result<Self, KeyScheduleError> {
        let secret = self.schedule.derive(&self.secret, b"traffic upd", None)?;
        Ok(Self { schedule: self.schedule, secret })
    }
}

impl fmt::Debug for DataSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DataSecret").finish_non_exhaustive()
    }
}

/// The export master secret, from which other protocols derive keys of their own.
pub struct ExportSecret(OwnedSecret);

impl ExportSecret {
    /// The secret, for the protocol that it is exported to.
    #[must_use]
    pub const fn as_secret(&self) -> &Secret {
        &self.0.secret
    }
}

impl fmt::Debug for ExportSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ExportSecret").finish_non_exhaustive()
    }
}
