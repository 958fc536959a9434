//! Diffie-Hellman in the groups of RFC 7919.

use crypto_bigint::modular::{FixedMontyForm, FixedMontyParams};
use crypto_bigint::{Odd, U384, U2048, U3072, U4096, Uint};
use zeroize::{Zeroize as _, Zeroizing};

use crate::key_exchange::{
    FfdheGroup, KeyExchangeAlgorithm, KeyExchangeError, KeyExchangeMethod, SharedSecret,
};
use crate::random::SecureRandom;
use crate::secret::Secret;

/// Finite field Diffie-Hellman, in constant time.
///
/// Exponents are random numbers of 256, 320 or 384 bits: twice what the group resists (SP 800-56A r3
/// §5.6.1.1.1, RFC 7919 §5.2). A public value is in 2..p-2; with a prime p = 2q + 1 that leaves no small
/// subgroup.
#[derive(Clone, Copy, Debug)]
pub struct Ffdhe;

impl KeyExchangeMethod for Ffdhe {
    fn supports(&self, algorithm: KeyExchangeAlgorithm) -> bool {
        matches!(algorithm, KeyExchangeAlgorithm::Ffdhe(_))
    }

    fn start(
        &self,
        algorithm: KeyExchangeAlgorithm,
        random: &dyn SecureRandom,
        public: &mut [u8],
    ) -> Result<Secret, KeyExchangeError> {
        let group = group_of(algorithm)?;
        let mut private =
            Secret::zeroed(exponent_len(group)).ok_or(KeyExchangeError::InvalidPrivate)?;
        random.fill(private.place())?;
        self.import(algorithm, private.place(), public)
    }

    fn import(
        &self,
        algorithm: KeyExchangeAlgorithm,
        private: &[u8],
        public: &mut [u8],
    ) -> Result<Secret, KeyExchangeError> {
        let group = group_of(algorithm)?;
        let needed = algorithm.request_len();
        if public.len() != needed {
            return Err(KeyExchangeError::PublicLength { needed });
        }
        match group {
            FfdheGroup::B2048 => raise(&FFDHE_2048, &U2048::from_u8(2), private, public),
            FfdheGroup::B3072 => raise(&FFDHE_3072, &U3072::from_u8(2), private, public),
            FfdheGroup::B4096 => raise(&FFDHE_4096, &U4096::from_u8(2), private, public),
        }?;
        Secret::new(private).ok_or(KeyExchangeError::InvalidPrivate)
    }

    fn finish(
        &self,
        algorithm: KeyExchangeAlgorithm,
        private: &Secret,
        peer: &[u8],
        shared: &mut SharedSecret,
    ) -> Result<(), KeyExchangeError> {
        shared.clear();
        let agreed = match group_of(algorithm)? {
            FfdheGroup::B2048 => agree(&FFDHE_2048, algorithm, private, peer, shared),
            FfdheGroup::B3072 => agree(&FFDHE_3072, algorithm, private, peer, shared),
            FfdheGroup::B4096 => agree(&FFDHE_4096, algorithm, private, peer, shared),
        };
        agreed.inspect_err(|_| shared.clear())
    }
}

const fn group_of(algorithm: KeyExchangeAlgorithm) -> Result<FfdheGroup, KeyExchangeError> {
    match algorithm {
        KeyExchangeAlgorithm::Ffdhe(group) => Ok(group),
        _ => Err(KeyExchangeError::Unsupported(algorithm)),
    }
}

/// Size in bytes of the exponents that are made here.
const fn exponent_len(group: FfdheGroup) -> usize {
    match group {
        FfdheGroup::B2048 => 32,
        FfdheGroup::B3072 => 40,
        FfdheGroup::B4096 => 48,
    }
}

fn agree<const LIMBS: usize>(
    group: &FixedMontyParams<LIMBS>,
    algorithm: KeyExchangeAlgorithm,
    private: &Secret,
    peer: &[u8],
    shared: &mut SharedSecret,
) -> Result<(), KeyExchangeError> {
    let private = private.expose_secret().ok_or(KeyExchangeError::InvalidPrivate)?;
    if peer.len() != algorithm.response_len() {
        return Err(KeyExchangeError::InvalidPeer);
    }
    let peer = Uint::<LIMBS>::from_be_slice(peer);
    // Peer data is public: comparing it needs no constant time.
    let last = group.modulus().as_ref().wrapping_sub(&Uint::ONE);
    if peer <= Uint::ONE || peer >= last {
        return Err(KeyExchangeError::InvalidPeer);
    }
    let place = shared.place(algorithm.secret_len()).ok_or(KeyExchangeError::InvalidPeer)?;
    raise(group, &peer, private, place)
}

/// `base` to the power of `exponent` as a big-endian integer that fills `out`. How many bytes the exponent
/// has is no secret; its bits are.
fn raise<const LIMBS: usize>(
    group: &FixedMontyParams<LIMBS>,
    base: &Uint<LIMBS>,
    exponent: &[u8],
    out: &mut [u8],
) -> Result<(), KeyExchangeError> {
    const EXPONENT: usize = size_of::<U384>();

    let mut padded = Zeroizing::new([0; EXPONENT]);
    let zeros = EXPONENT.checked_sub(exponent.len()).ok_or(KeyExchangeError::InvalidPrivate)?;
    let place = padded.get_mut(zeros..).ok_or(KeyExchangeError::InvalidPrivate)?;
    place.copy_from_slice(exponent);
    let bits = u32::try_from(8 * exponent.len()).map_err(|_| KeyExchangeError::InvalidPrivate)?;
    let exponent = Zeroizing::new(U384::from_be_slice(&*padded));
    if bool::from(exponent.is_zero()) {
        return Err(KeyExchangeError::InvalidPrivate);
    }
    let mut power = FixedMontyForm::new(base, group).pow_bounded_exp(&*exponent, bits);
    let mut value = power.retrieve();
    for (place, byte) in out.iter_mut().rev().zip(value.to_le_bytes().as_ref()) {
        *place = *byte;
    }
    power.zeroize();
    value.zeroize();
    Ok(())
}

static FFDHE_2048: FixedMontyParams<{ U2048::LIMBS }> =
    FixedMontyParams::new_vartime(Odd::<U2048>::from_be_hex(P_2048));
static FFDHE_3072: FixedMontyParams<{ U3072::LIMBS }> =
    FixedMontyParams::new_vartime(Odd::<U3072>::from_be_hex(P_3072));
static FFDHE_4096: FixedMontyParams<{ U4096::LIMBS }> =
    FixedMontyParams::new_vartime(Odd::<U4096>::from_be_hex(P_4096));

/// The prime of a group in hexadecimal.
#[cfg(feature = "conformance")]
pub(crate) const fn ffdhe_prime(group: FfdheGroup) -> &'static str {
    match group {
        FfdheGroup::B2048 => P_2048,
        FfdheGroup::B3072 => P_3072,
        FfdheGroup::B4096 => P_4096,
    }
}

/// RFC 7919 §A.1; the generator of each group is 2.
const P_2048: &str = concat!(
    "FFFFFFFFFFFFFFFFADF85458A2BB4A9AAFDC5620273D3CF1D8B9C583CE2D3695A9E13641146433FBCC939DCE",
    "249B3EF97D2FE363630C75D8F681B202AEC4617AD3DF1ED5D5FD65612433F51F5F066ED0856365553DED1AF3",
    "B557135E7F57C935984F0C70E0E68B77E2A689DAF3EFE8721DF158A136ADE73530ACCA4F483A797ABC0AB182",
    "B324FB61D108A94BB2C8E3FBB96ADAB760D7F4681D4F42A3DE394DF4AE56EDE76372BB190B07A7C8EE0A6D70",
    "9E02FCE1CDF7E2ECC03404CD28342F619172FE9CE98583FF8E4F1232EEF28183C3FE3B1B4C6FAD733BB5FCBC",
    "2EC22005C58EF1837D1683B2C6F34A26C1B2EFFA886B423861285C97FFFFFFFFFFFFFFFF",
);

/// RFC 7919 §A.2.
const P_3072: &str = concat!(
    "FFFFFFFFFFFFFFFFADF85458A2BB4A9AAFDC5620273D3CF1D8B9C583CE2D3695A9E13641146433FBCC939DCE",
    "249B3EF97D2FE363630C75D8F681B202AEC4617AD3DF1ED5D5FD65612433F51F5F066ED0856365553DED1AF3",
    "B557135E7F57C935984F0C70E0E68B77E2A689DAF3EFE8721DF158A136ADE73530ACCA4F483A797ABC0AB182",
    "B324FB61D108A94BB2C8E3FBB96ADAB760D7F4681D4F42A3DE394DF4AE56EDE76372BB190B07A7C8EE0A6D70",
    "9E02FCE1CDF7E2ECC03404CD28342F619172FE9CE98583FF8E4F1232EEF28183C3FE3B1B4C6FAD733BB5FCBC",
    "2EC22005C58EF1837D1683B2C6F34A26C1B2EFFA886B4238611FCFDCDE355B3B6519035BBC34F4DEF99C0238",
    "61B46FC9D6E6C9077AD91D2691F7F7EE598CB0FAC186D91CAEFE130985139270B4130C93BC437944F4FD4452",
    "E2D74DD364F2E21E71F54BFF5CAE82AB9C9DF69EE86D2BC522363A0DABC521979B0DEADA1DBF9A42D5C4484E",
    "0ABCD06BFA53DDEF3C1B20EE3FD59D7C25E41D2B66C62E37FFFFFFFFFFFFFFFF",
);

/// RFC 7919 §A.3.
const P_4096: &str = concat!(
    "FFFFFFFFFFFFFFFFADF85458A2BB4A9AAFDC5620273D3CF1D8B9C583CE2D3695A9E13641146433FBCC939DCE",
    "249B3EF97D2FE363630C75D8F681B202AEC4617AD3DF1ED5D5FD65612433F51F5F066ED0856365553DED1AF3",
    "B557135E7F57C935984F0C70E0E68B77E2A689DAF3EFE8721DF158A136ADE73530ACCA4F483A797ABC0AB182",
    "B324FB61D108A94BB2C8E3FBB96ADAB760D7F4681D4F42A3DE394DF4AE56EDE76372BB190B07A7C8EE0A6D70",
    "9E02FCE1CDF7E2ECC03404CD28342F619172FE9CE98583FF8E4F1232EEF28183C3FE3B1B4C6FAD733BB5FCBC",
    "2EC22005C58EF1837D1683B2C6F34A26C1B2EFFA886B4238611FCFDCDE355B3B6519035BBC34F4DEF99C0238",
    "61B46FC9D6E6C9077AD91D2691F7F7EE598CB0FAC186D91CAEFE130985139270B4130C93BC437944F4FD4452",
    "E2D74DD364F2E21E71F54BFF5CAE82AB9C9DF69EE86D2BC522363A0DABC521979B0DEADA1DBF9A42D5C4484E",
    "0ABCD06BFA53DDEF3C1B20EE3FD59D7C25E41D2B669E1EF16E6F52C3164DF4FB7930E9E4E58857B6AC7D5F42",
    "D69F6D187763CF1D5503400487F55BA57E31CC7A7135C886EFB4318AED6A1E012D9E6832A907600A918130C4",
    "6DC778F971AD0038092999A333CB8B7A1A1DB93D7140003C2A4ECEA9F98D0ACC0A8291CDCEC97DCF8EC9B55A",
    "7F88A46B4DB5A851F44182E1C68A007E5E655F6AFFFFFFFFFFFFFFFF",
);
