//! Known answers of every hash function, at once and running.

use alloc::format;

use super::hex;
use super::report::Suite;
use crate::digest::Digest;
use crate::hash::Unsupported;
use crate::hash_algorithm::HashAlgorithm;
use crate::hash_bank::{HashBank, HashError};
use crate::provider::Provider;

/// Digests of nothing, of "abc", and of 200 bytes 0xA3, as FIPS 180-4 and FIPS 202 define them.
const ANSWERS: [(HashAlgorithm, [&str; 3]); 6] = [
    (
        HashAlgorithm::Sha256,
        [
            "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
            "8edfea24cad8f0e6da7fb5ebde442300fdf913be8a3bdfce06557e34d8f4efa3",
        ],
    ),
    (
        HashAlgorithm::Sha384,
        [
            "38b060a751ac96384cd9327eb1b1e36a21fdb71114be07434c0cc7bf63f6e1da274edebfe76f65fbd51ad2f14898b95b",
            "cb00753f45a35e8bb5a03d699ac65007272c32ab0eded1631a8b605a43ff5bed8086072ba1e7cc2358baeca134c825a7",
            "1607b79bac73da79748a48d9724762c0dd4fde5934eefee2a0d8da0f35ac8b7dca64c63d5ed5fdd5e7d347b074674bc7",
        ],
    ),
    (
        HashAlgorithm::Sha512,
        [
            "cf83e1357eefb8bdf1542850d66d8007d620e4050b5715dc83f4a921d36ce9ce47d0d13c5d85f2b0ff8318d2877eec2f63b931bd47417a81a538327af927da3e",
            "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f",
            "520b59722e8c69059942d075f63f0bf43cd470984a3765acda44afccf490ba6b728497e5031b26cd1e4ad395afefd14d2e847cf9e7712ab0b2e19b2d9f0427e1",
        ],
    ),
    (
        HashAlgorithm::Sha3_256,
        [
            "a7ffc6f8bf1ed76651c14756a061d662f580ff4de43b49fa82d80a4b80f8434a",
            "3a985da74fe225b2045c172d6bd390bd855f086e3e9d525b46bfe24511431532",
            "79f38adec5c20307a98ef76e8324afbfd46cfd81b22e3973c65fa1bd9de31787",
        ],
    ),
    (
        HashAlgorithm::Sha3_384,
        [
            "0c63a75b845e4f7d01107d852e4c2485c51a50aaaa94fc61995e71bbee983a2ac3713831264adb47fb6bd1e058d5f004",
            "ec01498288516fc926459f58e2c6ad8df9b473cb0fc08c2596da7cf0e49be4b298d88cea927ac7f539f1edf228376d25",
            "1881de2ca7e41ef95dc4732b8f5f002b189cc1e42b74168ed1732649ce1dbcdd76197a31fd55ee989f2d7050dd473e8f",
        ],
    ),
    (
        HashAlgorithm::Sha3_512,
        [
            "a69f73cca23a9ac5c8b567dc185a756e97c982164fe25859e0d1dcc1475c80a615b2123af1f5f94c11e3e9402c3ac558f500199d95b6d3e301758586281dcd26",
            "b751850b1a57168a5693cd924b6b096e08f621827444f70d884f5d0240d2712e10e116e9192af3c91a7ec57647e3934057340b4cf408d5a56592f8274eec53f0",
            "e76dfad22084a8b1467fcf2ffa58361bec7628edf5f3fdc0e4805dc48caeeca81b7c13c30adf52a3659584739a2df46be589c51ca1a4a8416df6545a1ce8ba00",
        ],
    ),
];

const MESSAGES: [&[u8]; 3] = [b"", b"abc", &[0xA3; 200]];

/// Known answers, however the message is split.
pub(super) fn one_shot(provider: &Provider, suite: &mut Suite) {
    for (hash, answers) in ANSWERS {
        if !provider.hash.supports(hash) {
            let refused = provider.hash.digest(hash, &[]);
            suite.equal(refused, Err(Unsupported::new(hash)), || format!("{hash}"));
            continue;
        }
        for (message, answer) in MESSAGES.into_iter().zip(answers) {
            for split in [0, message.len() / 3, message.len()] {
                let (head, tail) = message.split_at(split);
                let digest = provider.hash.digest(hash, &[head, b"", tail]);
                suite.equal(digest, Ok(known(answer)), || format!("{hash}"));
            }
        }
        let nothing = provider.hash.digest(hash, &[]);
        suite.equal(nothing, Ok(known(answers[0])), || format!("{hash} of nothing"));
    }
}

/// Known answers of a bank, which go on after snapshot and fork, and the places that it does not have.
pub(super) fn running(provider: &Provider, bank: &mut dyn HashBank, suite: &mut Suite) {
    for (hash, answers) in ANSWERS {
        if provider.hash.supports(hash) {
            let ran = run(bank, hash, answers, suite);
            suite.equal(ran, Ok(()), || format!("{hash}"));
        } else {
            let refused = Err(Unsupported::new(hash).into());
            suite.equal(bank.start(0, hash), refused, || format!("{hash}"));
        }
    }
    bank.clear();
    let places = bank.places();
    suite.check(places >= 3, || format!("the bank has {places} places"));
    let place = places;
    let none = HashError::NoPlace { place, places };
    suite.equal(bank.update(place, b""), Err(none), || "update".into());
    suite.equal(bank.snapshot(place), Err(none), || "snapshot".into());
    suite.equal(bank.fork(place, 0), Err(none), || "fork from nowhere".into());
    let empty = HashError::NotStarted { place: 1 };
    suite.equal(bank.update(1, b""), Err(empty), || "update before start".into());
    suite.equal(bank.snapshot(1), Err(empty), || "snapshot before start".into());
    suite.equal(bank.fork(1, 0), Err(empty), || "fork before start".into());
    let some = HashAlgorithm::ALL.into_iter().find(|hash| provider.hash.supports(*hash));
    if let Some(hash) = some {
        suite.equal(bank.start(place, hash), Err(none), || "start".into());
        suite.equal(bank.start(0, hash), Ok(()), || "start".into());
        suite.equal(bank.fork(0, place), Err(none), || "fork to nowhere".into());
        suite.check(bank.snapshot(0).is_ok(), || "a refusal stopped a hash".into());
    }
}

fn run(
    bank: &mut dyn HashBank,
    hash: HashAlgorithm,
    [nothing, abc, long]: [&str; 3],
    suite: &mut Suite,
) -> Result<(), HashError> {
    bank.start(0, hash)?;
    suite.equal(bank.snapshot(0)?, known(nothing), || format!("{hash} of nothing"));
    bank.fork(0, 2)?;

    bank.update(0, b"a")?;
    let a = bank.snapshot(0)?;
    suite.equal(bank.snapshot(0)?, a, || format!("{hash}, two snapshots"));
    bank.fork(0, 1)?;
    bank.update(0, b"bc")?;
    suite.equal(bank.snapshot(0)?, known(abc), || format!("{hash} after a snapshot"));
    suite.equal(bank.snapshot(1)?, a, || format!("{hash}, the fork"));
    bank.update(1, b"b")?;
    bank.update(1, b"")?;
    bank.update(1, b"c")?;
    suite.equal(bank.snapshot(1)?, known(abc), || format!("{hash}, the fork goes on"));

    for chunk in MESSAGES[2].chunks(7) {
        bank.update(2, chunk)?;
    }
    suite.equal(bank.snapshot(2)?, known(long), || format!("{hash} in chunks"));

    bank.start(0, hash)?;
    suite.equal(bank.snapshot(0)?, known(nothing), || format!("{hash} started again"));
    bank.clear();
    let cleared = Err(HashError::NotStarted { place: 0 });
    suite.equal(bank.snapshot(0), cleared, || format!("{hash} cleared"));
    Ok(())
}

fn known(answer: &str) -> Digest {
    Digest::new(&hex(answer)).unwrap()
}
