//! Every public type can move to another thread, and where it is shared by reference, be shared. It is the compiler
//! that checks: a type that could not would not compile here.

use spdm_crypto::{
    Aead, AeadAlgorithm, AeadError, AsymAlgorithm, Bank, DataSecret, DataSecrets, Digest,
    Direction, EphemeralKey, ExportSecret, HandshakeSecrets, Hash, HashAlgorithm, HashBank,
    HashError, Invalid, Kdf, KdfError, KeyExchangeAlgorithm, KeyExchangeError, KeyExchangeMethod,
    KeySchedule, KeyScheduleError, NoRandom, PreSharedKey, Provider, PskBytes, RandomUnavailable,
    RecordKey, RunningHash, Secret, SecureRandom, SequenceOrder, SharedSecret, Sign, SignError,
    Signed, SignedMessage, SigningContext, Unsupported, Verify, rustcrypto,
};

const fn send<T: Send + ?Sized>() {}
const fn send_and_sync<T: Send + Sync + ?Sized>() {}

/// What a backend writes is as capable as its traits ask.
const fn running_hash<H: RunningHash>() {
    send::<H>();
}

const _: () = {
    send_and_sync::<Provider>();
    send_and_sync::<dyn Hash>();
    send_and_sync::<dyn Verify>();
    send_and_sync::<dyn KeyExchangeMethod>();
    send_and_sync::<dyn Kdf>();
    send_and_sync::<dyn Aead>();
    send_and_sync::<dyn SecureRandom>();
    send_and_sync::<dyn Sign>();
    send_and_sync::<dyn PreSharedKey>();

    // Lent to one connection at a time; an engine in hardware may be one that cannot be shared.
    send::<dyn HashBank>();
    running_hash::<rustcrypto::Running>();
    send_and_sync::<Bank<rustcrypto::Running, 2>>();
    #[cfg(feature = "aws-lc-rs")]
    send::<Bank<spdm_crypto::aws_lc_rs::Running, 2>>();

    send_and_sync::<HashAlgorithm>();
    send_and_sync::<AsymAlgorithm>();
    send_and_sync::<KeyExchangeAlgorithm>();
    send_and_sync::<AeadAlgorithm>();
    send_and_sync::<Digest>();
    send_and_sync::<Signed<'static>>();
    send_and_sync::<SignedMessage>();
    send_and_sync::<SigningContext>();
    send_and_sync::<NoRandom>();

    send_and_sync::<Secret>();
    send_and_sync::<SharedSecret>();
    send_and_sync::<EphemeralKey>();
    send_and_sync::<PskBytes<'static>>();
    send_and_sync::<KeySchedule>();
    send_and_sync::<HandshakeSecrets>();
    send_and_sync::<DataSecrets>();
    send_and_sync::<DataSecret>();
    send_and_sync::<ExportSecret>();
    send_and_sync::<RecordKey>();
    send_and_sync::<Direction>();
    send_and_sync::<SequenceOrder>();

    send_and_sync::<Invalid>();
    send_and_sync::<Unsupported>();
    send_and_sync::<HashError>();
    send_and_sync::<KdfError>();
    send_and_sync::<AeadError>();
    send_and_sync::<KeyExchangeError>();
    send_and_sync::<KeyScheduleError>();
    send_and_sync::<RandomUnavailable>();
    send_and_sync::<SignError>();
    #[cfg(feature = "signing")]
    send_and_sync::<rustcrypto::SoftwareKey>();
    #[cfg(feature = "aws-lc-rs")]
    send_and_sync::<spdm_crypto::aws_lc_rs::SigningKey>();
};

#[test]
fn a_bank_runs_on_another_thread() {
    let mut bank = Bank::<rustcrypto::Running, 1>::new();
    bank.start(0, HashAlgorithm::Sha256).unwrap();
    let bank: &mut dyn HashBank = &mut bank;
    let digest = std::thread::scope(|scope| {
        scope
            .spawn(|| {
                bank.update(0, b"abc").unwrap();
                bank.snapshot(0).unwrap()
            })
            .join()
            .unwrap()
    });
    assert!(digest.to_string().starts_with("ba7816bf"));
}
