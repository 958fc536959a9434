//! What a device keeps in a folder: one file, which is replaced as a whole.
//!
//! ```text
//! spdm-emulator state 1
//! master 64 hexadecimal digits, SEED or -             every secret of the device is made of the first
//! pair ID KIND PQC USAGE SLOTS KEY PRINT              KEY: first, or erased or generated and a number; PRINT: of the public key
//! slot KIND PQC SLOT PAIR CERTIFICATES                PAIR 0: the slot is empty
//! pending KIND PQC SLOT PAIR CERTIFICATES             after the next reset
//! csr TAG ASYM HASH PAIR MODEL INFO OPAQUE            a certification request
//! ```

use core::cell::RefCell;
use core::fmt::Write as _;
use std::fs;
use std::io::{ErrorKind, Write as _};
use std::path::{Path, PathBuf};

use spdm_codec::{CertificateModel, KeyPairAsymAlgo, KeyUsage, PqcAsymAlgo, SlotId, SlotMask};
use spdm_crypto::rustcrypto::PROVIDER;
use spdm_crypto::{AsymAlgorithm, HashAlgorithm};
use spdm_responder::{KeyPairWanted, Suite};

use crate::device_identity::split_certificates;
use crate::entropy::Entropy;
use crate::error::{DeviceError, StateError};
use crate::key_kind::KeyKind;
use crate::key_pairs::PairKey;
use crate::provisioned::{KeptCsr, Provisioned, SlotContent};

const NAME: &str = "device.state";
const FIRST_LINE: &str = "spdm-emulator state 1";
/// Bytes of the print of a key.
const PRINT_LEN: usize = 8;
/// For no bytes at all.
const NOTHING: &str = "-";

/// The file in the folder of a device.
#[derive(Debug)]
pub(crate) struct StateFile {
    path: PathBuf,
    /// What was in it when this device read or wrote it last.
    known: RefCell<Option<String>>,
}

impl StateFile {
    /// The file in this folder, which is made where it is missing.
    pub(crate) fn in_folder(folder: &Path) -> Result<Self, StateError> {
        fs::create_dir_all(folder).map_err(|error| StateError::Write(error.kind()))?;
        Ok(Self { path: folder.join(NAME), known: RefCell::default() })
    }

    /// `None` where there is no file yet.
    fn text(&self) -> Result<Option<String>, StateError> {
        match fs::read_to_string(&self.path) {
            Ok(text) => Ok(Some(text)),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(StateError::Read(error.kind())),
        }
    }

    /// The origin of the secrets of the device that is kept here.
    pub(crate) fn origin(&self) -> Result<Option<Entropy>, StateError> {
        let Some(text) = self.text()? else { return Ok(None) };
        let mut lines = text.lines();
        if lines.next() != Some(FIRST_LINE) {
            return Err(StateError::Line(1));
        }
        let words: Vec<&str> = lines.next().unwrap_or_default().split(' ').collect();
        let ["master", master, seed] = words.as_slice() else { return Err(StateError::Line(2)) };
        let master = bytes_of(master).and_then(|bytes| <[u8; 32]>::try_from(bytes).ok());
        let seed = match *seed {
            NOTHING => Some(None),
            seed => seed.parse().ok().map(Some),
        };
        let (Some(master), Some(seed)) = (master, seed) else { return Err(StateError::Line(2)) };
        Ok(Some(Entropy::kept(master, seed)))
    }

    /// What is kept here, on top of a device as it was made.
    pub(crate) fn read(
        &self,
        mut provisioned: Provisioned,
        entropy: &Entropy,
    ) -> Result<Provisioned, DeviceError> {
        let Some(text) = self.text()? else { return Ok(provisioned) };
        *self.known.borrow_mut() = Some(text.clone());
        for (number, line) in (1_usize..).zip(text.lines()).skip(2) {
            let words: Vec<&str> = line.split(' ').collect();
            let damaged = || DeviceError::State(StateError::Line(number));
            match words.as_slice() {
                ["pair", rest @ ..] => {
                    let (id, wanted, kind, key) = pair(rest).ok_or_else(damaged)?;
                    provisioned.pairs.set(id, &wanted, kind, key, entropy)?;
                    // Another key than the one that was kept would sign for its chain.
                    if rest.last() != Some(&print(&provisioned, id).as_str()) {
                        return Err(StateError::OtherKeys.into());
                    }
                }
                ["slot", rest @ ..] => provisioned.slots.push(slot(rest).ok_or_else(damaged)?),
                ["pending", rest @ ..] => provisioned.pending.push(slot(rest).ok_or_else(damaged)?),
                ["csr", rest @ ..] => provisioned.csrs.push(csr(rest).ok_or_else(damaged)?),
                _ => return Err(damaged()),
            }
        }
        Ok(provisioned)
    }

    /// Replaces what is kept: whatever happens meanwhile, the old or the new state is there afterwards. Where another
    /// device has changed it, what this one knows is old, and nothing is written.
    pub(crate) fn write(
        &self,
        provisioned: &Provisioned,
        entropy: &Entropy,
    ) -> Result<(), StateError> {
        // A folder that was lost is no other device: to write says what is wrong.
        if self.text()?.is_some_and(|text| self.known.borrow().as_ref() != Some(&text)) {
            return Err(StateError::Changed);
        }
        let text = described(provisioned, entropy);
        let part = self.path.with_extension("part");
        let written = write_secret(&part, text.as_bytes())
            .and_then(|()| fs::rename(&part, &self.path))
            .and_then(|()| match self.path.parent() {
                // The new name is on the disk, too. Where folders cannot be opened, the rename has to do.
                Some(folder) => fs::File::open(folder).map_or(Ok(()), |folder| folder.sync_all()),
                None => Ok(()),
            });
        written.map_err(|error| StateError::Write(error.kind()))?;
        *self.known.borrow_mut() = Some(text);
        Ok(())
    }
}

/// Writes a file that only its owner reads.
fn write_secret(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let mut options = fs::OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}

fn described(provisioned: &Provisioned, entropy: &Entropy) -> String {
    let seed = entropy.seed().map_or_else(|| NOTHING.to_owned(), |seed| seed.to_string());
    let mut text = format!("{FIRST_LINE}\nmaster {} {seed}\n", hex(entropy.master()));
    // To write into a string does not fail.
    for (id, pair) in provisioned.pairs.numbered() {
        let key = match pair.key {
            PairKey::First => "first".to_owned(),
            PairKey::Erased(nth) => format!("erased{nth}"),
            PairKey::Generated(nth) => format!("generated{nth}"),
        };
        let (asym, pqc) = (pair.kind.asym.bits(), pair.kind.pqc.bits());
        let (usage, slots) = (pair.usage.bits(), pair.slots.0);
        let print = print(provisioned, id);
        let _ = writeln!(text, "pair {id} {asym} {pqc} {usage} {slots} {key} {print}");
    }
    let slots = provisioned.slots.iter().map(|content| ("slot", content));
    let pending = provisioned.pending.iter().map(|content| ("pending", content));
    for (word, SlotContent { kind, slot, chain }) in slots.chain(pending) {
        let (pair, certificates) = match chain {
            Some((pair, certificates)) => (*pair, hex(&certificates.concat())),
            None => (0, NOTHING.to_owned()),
        };
        let (asym, pqc) = (kind.asym.bits(), kind.pqc.bits());
        let _ = writeln!(text, "{word} {asym} {pqc} {slot} {pair} {certificates}");
    }
    for kept in &provisioned.csrs {
        let KeptCsr { tag, suite, key_pair_id, model, .. } = kept;
        let (asym, hash) = (suite.asym.name(), suite.hash.base_hash().bits());
        let (info, opaque) = (hex(&kept.requester_info), hex(&kept.opaque));
        let model = model.to_byte();
        let _ = writeln!(text, "csr {tag} {asym} {hash} {key_pair_id} {model} {info} {opaque}");
    }
    text
}

/// The first bytes of the hash of a pair's public key.
fn print(provisioned: &Provisioned, id: u8) -> String {
    let Some(key) = provisioned.pairs.identity(id) else { return NOTHING.to_owned() };
    let digest = PROVIDER.hash.digest(HashAlgorithm::Sha256, &[&key.spki_der()]);
    let digest = digest.map(|digest| digest.as_bytes().to_vec()).unwrap_or_default();
    hex(digest.get(..PRINT_LEN).unwrap_or_default())
}

fn pair(words: &[&str]) -> Option<(u8, KeyPairWanted, KeyKind, PairKey)> {
    let [id, asym, pqc, usage, slots, key, _print] = words else { return None };
    let key = match (key.strip_prefix("erased"), key.strip_prefix("generated")) {
        (Some(nth), _) => PairKey::Erased(nth.parse().ok()?),
        (_, Some(nth)) => PairKey::Generated(nth.parse().ok()?),
        _ => (*key == "first").then_some(PairKey::First)?,
    };
    let wanted = KeyPairWanted {
        usage: KeyUsage::from_bits_retain(usage.parse().ok()?),
        slots: SlotMask(slots.parse().ok()?),
        ..KeyPairWanted::default()
    };
    Some((id.parse().ok()?, wanted, kind(asym, pqc)?, key))
}

fn kind(asym: &str, pqc: &str) -> Option<KeyKind> {
    Some(KeyKind {
        asym: KeyPairAsymAlgo::from_bits_retain(asym.parse().ok()?),
        pqc: PqcAsymAlgo::from_bits_retain(pqc.parse().ok()?),
    })
}

fn slot(words: &[&str]) -> Option<SlotContent> {
    let [asym, pqc, slot, pair, certificates] = words else { return None };
    let pair: u8 = pair.parse().ok()?;
    let chain = match (pair, *certificates) {
        (0, NOTHING) => None,
        (0, _) => return None,
        (pair, certificates) => Some((pair, split_certificates(&bytes_of(certificates)?)?)),
    };
    Some(SlotContent { kind: kind(asym, pqc)?, slot: SlotId::new(slot.parse().ok()?)?, chain })
}

fn csr(words: &[&str]) -> Option<KeptCsr> {
    let [tag, asym, hash, pair, model, info, opaque] = words else { return None };
    let asym = AsymAlgorithm::ALL.into_iter().find(|known| known.name() == *asym)?;
    let hash: u32 = hash.parse().ok()?;
    let hash = HashAlgorithm::ALL.into_iter().find(|known| known.base_hash().bits() == hash)?;
    Some(KeptCsr {
        tag: tag.parse().ok().filter(|tag| (1..=7).contains(tag))?,
        suite: Suite { asym, hash },
        key_pair_id: pair.parse().ok()?,
        model: match *model {
            "1" => CertificateModel::DeviceCert,
            "2" => CertificateModel::AliasCert,
            "3" => CertificateModel::GenericCert,
            _ => return None,
        },
        requester_info: bytes_of(info)?,
        opaque: bytes_of(opaque)?,
        is_ready: false,
    })
}

fn hex(bytes: &[u8]) -> String {
    if bytes.is_empty() {
        return NOTHING.to_owned();
    }
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

fn bytes_of(text: &str) -> Option<Vec<u8>> {
    if text == NOTHING {
        return Some(Vec::new());
    }
    let digits: Option<Vec<u8>> =
        text.chars().map(|digit| u8::try_from(digit.to_digit(16)?).ok()).collect();
    let pairs = digits?;
    let pairs = pairs.as_chunks::<2>();
    pairs.1.is_empty().then(|| pairs.0.iter().map(|[high, low]| high << 4 | low).collect())
}
