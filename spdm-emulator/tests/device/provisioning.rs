//! What the device takes into its slots, and what is left of it after a restart or a loss of power.

use std::fs;
use std::path::PathBuf;

use spdm_codec::{BaseAsymAlgo, CapabilityFlags, CertChain, SlotId, SpdmVersion};
use spdm_crypto::rustcrypto::PROVIDER;
use spdm_crypto::{AsymAlgorithm, EcCurve, HashAlgorithm};
use spdm_emulator::{Device, DeviceConfig, DeviceError, DeviceModel, StateError};

use crate::requester::Requester;

type F = CapabilityFlags;

const V1_3: SpdmVersion = SpdmVersion::V1_3;
const P256: AsymAlgorithm = AsymAlgorithm::Ecdsa(EcCurve::P256);
const HASH: HashAlgorithm = HashAlgorithm::Sha256;
const CAPABLE: F = F::CSR_CAP
    .union(F::SET_CERT_CAP)
    .union(F::GET_KEY_PAIR_INFO_CAP)
    .union(F::SET_KEY_PAIR_INFO_CAP);

fn config() -> DeviceConfig {
    DeviceConfig {
        versions: vec![V1_3],
        base_asym: BaseAsymAlgo::ECDSA_P256,
        base_hash: HASH.base_hash(),
        more_capabilities: CAPABLE,
        ..DeviceConfig::default()
    }
}

fn connect(config: DeviceConfig) -> Requester {
    Requester::connect(Device::new(config).unwrap(), V1_3, P256, HASH)
}

/// A folder that is gone at the end.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name);
        let _absent = fs::remove_dir_all(&path);
        Self(path)
    }

    fn kept(&self) -> DeviceConfig {
        DeviceConfig { state: Some(self.0.clone()), ..config() }
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _kept = fs::remove_dir_all(&self.0);
    }
}

/// SET_CERTIFICATE; the code of the answer and its Param1.
fn set(requester: &mut Requester, slot: u8, chain: &[u8]) -> (u8, u8) {
    let answer = requester.exchange(&[&[0x13, 0xEE, slot, 0][..], chain].concat());
    (answer[1], answer[2])
}

const DONE: u8 = 0x6E;
const UNSPECIFIED: (u8, u8) = (0x7F, 0x05);
const FAILED: (u8, u8) = (0x7F, 0x44);

fn structure(certificates: &[u8], first: &[u8]) -> Vec<u8> {
    let root_hash = PROVIDER.hash.digest(HASH, &[first]).unwrap();
    let mut out = vec![0; 36 + certificates.len()];
    CertChain { root_hash: root_hash.as_bytes(), certificates }.encode(V1_3, &mut out).unwrap();
    out
}

/// The certificates of a chain structure.
fn certificates(chain: &[u8]) -> Vec<Vec<u8>> {
    let mut rest = &chain[36..];
    let mut found = Vec::new();
    while !rest.is_empty() {
        let len = 4 + usize::from(u16::from_be_bytes([rest[2], rest[3]]));
        found.push(rest[..len].to_vec());
        rest = &rest[len..];
    }
    found
}

#[test]
fn p7_what_is_wrong_with_a_chain_leaves_the_old_one() {
    let mut requester = connect(config());
    let own = requester.chain(u32::from(u16::MAX));
    let certs = certificates(&own);
    assert_eq!(certs.len(), 3);
    let other = connect(config()).chain(u32::from(u16::MAX));
    let mut broken = own.clone();
    *broken.last_mut().unwrap() ^= 1;
    let mut root_broken = certs.clone();
    *root_broken[0].last_mut().unwrap() ^= 1;
    let p384 = DeviceConfig { base_asym: BaseAsymAlgo::ECDSA_P384, ..config() };
    let asym = AsymAlgorithm::Ecdsa(EcCurve::P384);
    let mut p384 = Requester::connect(Device::new(p384).unwrap(), V1_3, asym, HASH);
    let another_algorithm = p384.chain(u32::from(u16::MAX));
    let mut root_hash = own.clone();
    root_hash[5] ^= 1;
    for chain in [
        other,
        broken,
        another_algorithm,
        root_hash,
        // The leaf is an authority.
        structure(&certs[..2].concat(), &certs[0]),
        structure(&root_broken.concat(), &root_broken[0]),
        // Names that do not chain, and an issuer that is none.
        structure(&[&certs[0][..], &certs[2]].concat(), &certs[0]),
        structure(&[&certs[2][..], &certs[2]].concat(), &certs[2]),
        // Not all of it is a certificate.
        structure(&[&certs.concat()[..], &[0x30, 0]].concat(), &certs[0]),
    ] {
        for slot in [0, 1] {
            assert_eq!(set(&mut requester, slot, &chain), UNSPECIFIED);
        }
    }
    assert_eq!(requester.chain(u32::from(u16::MAX)), own);
    assert_eq!(requester.digests()[3], 1, "nothing was provisioned");
    assert_eq!(set(&mut requester, 1, &own), (DONE, 1));
    assert_eq!(requester.digests()[3], 3);
    let alias = DeviceConfig { model: DeviceModel::AliasCert, ..config() };
    let mut alias = connect(alias);
    let own = alias.chain(u32::from(u16::MAX));
    // In the alias model a chain ends with an authority.
    assert_eq!(set(&mut alias, 1, &own), UNSPECIFIED);
    // It is the device's own one, that certifies the leaf.
    let authorities = |chain: &[u8]| {
        let certs = certificates(chain);
        structure(&certs[..certs.len() - 1].concat(), &certs[0])
    };
    let other = DeviceConfig { model: DeviceModel::AliasCert, ..config() };
    let other = connect(other).chain(u32::from(u16::MAX));
    assert_eq!(set(&mut alias, 1, &authorities(&other)), UNSPECIFIED);
    assert_eq!(set(&mut alias, 1, &authorities(&own)), (DONE, 1));
}

#[test]
fn p7_a_chain_for_a_key_pair_is_for_its_key() {
    let slots = vec![SlotId::ZERO, SlotId::new(1).unwrap()];
    let more_capabilities = CAPABLE | F::MULTI_KEY_CAP_ONLY;
    let device = Device::new(DeviceConfig { slots, more_capabilities, ..config() }).unwrap();
    let mut requester = Requester::connect_multi_key(device, V1_3, P256, HASH);
    let own = requester.chain(u32::from(u16::MAX));
    let mut offer = |slot: u8, pair: u8| {
        let header = [0x13, 0xEE, 1 << 4 | slot, pair];
        let answer = requester.exchange(&[&header[..], &own].concat());
        (answer[1], answer[2])
    };
    // The chain of slot 0 is for pair 1, and slot 1 is pair 2's.
    assert_eq!(offer(2, 2), UNSPECIFIED);
    assert_eq!(offer(1, 1), UNSPECIFIED);
    assert_eq!(offer(1, 2), UNSPECIFIED);
    assert_eq!(offer(2, 1), (DONE, 2));
    assert_eq!(requester.digests()[3], 0b111);
}

#[test]
fn what_a_device_was_given_is_there_after_a_restart() {
    let folder = Folder::new("restart");
    let mut requester = connect(folder.kept());
    let own = requester.chain(u32::from(u16::MAX));
    assert_eq!(set(&mut requester, 2, &own), (DONE, 2));
    // Slot 0 is erased.
    assert_eq!(requester.exchange(&[0x13, 0xEE, 0x80, 0])[1], DONE);
    let before = requester.digests();
    assert_eq!(before[3], 4);
    let mut again = connect(folder.kept());
    assert_eq!(again.digests(), before);
    let seeded = DeviceConfig { seed: Some(1), ..folder.kept() };
    let error = Device::new(seeded).unwrap_err();
    assert_eq!(error, DeviceError::State(StateError::OtherSeed));
    let fewer = DeviceConfig { slots: vec![SlotId::new(1).unwrap()], ..folder.kept() };
    let error = Device::new(fewer).unwrap_err();
    assert_eq!(error, DeviceError::State(StateError::OtherKeys));
}

#[test]
fn p11_a_loss_of_power_leaves_the_old_or_the_new_state() {
    let folder = Folder::new("power");
    let mut requester = connect(folder.kept());
    let own = requester.chain(u32::from(u16::MAX));
    let before = requester.digests();
    let file = folder.0.join("device.state");
    let old = fs::read(&file).unwrap();
    assert_eq!(set(&mut requester, 1, &own), (DONE, 1));
    let after = requester.digests();
    let new = fs::read(&file).unwrap();
    // Between the first byte of the new file and the moment when it takes the place of the old one.
    for written in [0, 1, new.len() / 2, new.len()] {
        fs::write(&file, &old).unwrap();
        fs::write(folder.0.join("device.part"), &new[..written]).unwrap();
        assert_eq!(connect(folder.kept()).digests(), before);
    }
    fs::write(&file, &new).unwrap();
    assert_eq!(connect(folder.kept()).digests(), after);
    // Where nothing can be written, nothing changes.
    let mut requester = connect(folder.kept());
    fs::remove_dir_all(&folder.0).unwrap();
    assert_eq!(set(&mut requester, 3, &own), FAILED);
    assert_eq!(requester.digests(), after);
    assert_eq!(requester.exchange(&[0x13, 0xEE, 0x81, 0])[1..3], [0x7F, 0x44]);
    assert_eq!(requester.digests(), after);
}

#[test]
fn p11_of_two_requesters_at_once_the_second_gets_busy() {
    let folder = Folder::new("two");
    drop(connect(folder.kept()));
    let mut first = connect(folder.kept());
    let mut second = connect(folder.kept());
    let own = first.chain(u32::from(u16::MAX));
    let before = second.digests();
    assert_eq!(set(&mut first, 1, &own), (DONE, 1));
    let after = first.digests();
    for slot in [1, 2] {
        assert_eq!(set(&mut second, slot, &own), (0x7F, 0x03));
        assert_eq!(second.exchange(&[0x13, 0xEE, 0x80 | slot, 0])[1..3], [0x7F, 0x03]);
    }
    assert_eq!(second.exchange(&[0x13, 0xFD, 1, 0, 1])[1..3], [0x7F, 0x44], "slot 0 uses it");
    // For the second it is as before, for the first as it made it; the folder has that.
    assert_eq!(second.digests(), before);
    assert_eq!(first.digests(), after);
    assert_eq!(set(&mut first, 2, &own), (DONE, 2));
    let mut again = connect(folder.kept());
    assert_eq!(again.digests(), first.digests());
    assert_eq!(set(&mut again, 3, &own), (DONE, 3));
}

#[test]
fn a_folder_that_is_damaged_is_no_other_device() {
    let folder = Folder::new("damaged");
    drop(connect(folder.kept()));
    let file = folder.0.join("device.state");
    let text = fs::read_to_string(&file).unwrap();
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    }
    let error = |text: &str| {
        fs::write(&file, text).unwrap();
        match Device::new(folder.kept()) {
            Err(DeviceError::State(error)) => error,
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(error(""), StateError::Line(1));
    assert_eq!(error("spdm-emulator state 2\n"), StateError::Line(1));
    assert_eq!(error("spdm-emulator state 1\nmaster 00 -\n"), StateError::Line(2));
    for more in
        ["what\n", "slot 8 0 9 1 30\n", "slot 8 0 1 0 30\n", "csr 8 x 1 0 1 - -\n", "pair 1\n"]
    {
        let lines = text.lines().count();
        assert_eq!(error(&format!("{text}{more}")), StateError::Line(lines + 1), "{more}");
    }
    assert_eq!(error(&format!("{text}pair 9 8 0 6 1 first 00\n")), StateError::OtherKeys);
    fs::write(&file, text).unwrap();
    assert!(Device::new(folder.kept()).is_ok());
}

#[test]
fn what_waits_for_a_reset_waits_across_a_restart() {
    let folder = Folder::new("reset");
    let kept =
        || DeviceConfig { more_capabilities: CAPABLE | F::CERT_INSTALL_RESET_CAP, ..folder.kept() };
    let mut requester = connect(kept());
    let own = requester.chain(u32::from(u16::MAX));
    assert_eq!(set(&mut requester, 1, &own), (0x7F, 0x0C));
    // A tag is given out, too.
    assert_eq!(requester.exchange(&[0x13, 0xED, 0, 0, 0, 0, 0, 0])[1..4], [0x7F, 0x0C, 1]);
    assert_eq!(requester.exchange(&[0x13, 0x81, 0, 0])[1..3], [0x7F, 0x0C]);
    let mut again = connect(kept());
    assert_eq!(again.digests()[3], 3);
    assert_eq!(again.exchange(&[0x13, 0xED, 0, 1 << 3, 0, 0, 0, 0])[1], 0x6D);
    assert_eq!(again.exchange(&[0x13, 0xED, 0, 1 << 3, 0, 0, 0, 0])[1..3], [0x7F, 0x04]);
}

#[test]
fn a_key_that_was_erased_never_comes_back() {
    let folder = Folder::new("erased");
    let mut requester = connect(folder.kept());
    let change =
        |operation: u8, slots: u8| vec![0x13, 0xFD, operation, 0, 1, 0, 0, 0, 0, 0, 0, 0, slots];
    let csr = |requester: &mut Requester| {
        let answer = requester.exchange(&[0x13, 0xED, 0, 0, 0, 0, 0, 0]);
        assert_eq!(answer[1], 0x6D, "{answer:02x?}");
        answer
    };
    let mut seen = vec![csr(&mut requester)];
    assert_eq!(requester.exchange(&change(0, 0))[1], 0x7D);
    for _ in 0..2 {
        assert_eq!(requester.exchange(&[0x13, 0xFD, 1, 0, 1])[1], 0x7D);
        assert_eq!(requester.exchange(&[0x13, 0xED, 0, 0, 0, 0, 0, 0])[1..3], [0x7F, 1]);
        requester = connect(folder.kept());
        assert_eq!(requester.exchange(&change(2, 0))[1], 0x7D);
        let new = csr(&mut requester);
        assert!(!seen.contains(&new));
        requester = connect(folder.kept());
        assert_eq!(csr(&mut requester), new);
        seen.push(new);
    }
}
