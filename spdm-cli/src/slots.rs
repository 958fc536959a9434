//! `spdm slots`: the banks of a device and their slots.

use serde::Serialize;
use spdm_codec::{
    BankAttributes, BankDetails, CertificateModel, ConnectionKeys, KeyAlgorithms, KeyPairAsymAlgo,
    SlotAddress, SlotAttributes, SlotElement, SlotId, SlotManagementSubCode,
};
use spdm_crypto::{AsymAlgorithm, EcCurve, RsaBits, RsaScheme};
#[cfg(test)]
use spdm_evidence::schema;
use spdm_requester::{BankChange, Negotiated, Requester, RunError, blocking};

use crate::args::SlotsArgs;
use crate::backend::Crypto;
use crate::console::Console;
use crate::device_change::DeviceChange;
use crate::exit::{Exit, Failure};
use crate::host::Host;
use crate::inquiry::{WithoutAgreement, inquire};
use crate::live::{LiveDevice, Telling};
use crate::object_head::{AskedDevice, FormVersion};
use crate::render::{self, Style, Table, flag_names as names};
use crate::run_time::RunTime;
use crate::set_certificate::{self, EffectWord, Given, with_installable};
use crate::tap::Tap;
use crate::trust::Trust;
use crate::trusted_session::{Failed, Place, TrustedPeer, converse};

/// The longest answer, and the longest chain that is sent, in bytes.
const LEN: usize = 0x1_0000;
/// Bytes of SLOT_MANAGEMENT beside the chain.
const FIELDS: usize = 24;

/// What `spdm slots --json` prints: `docs/schema/slots.json`.
#[derive(Debug, Serialize)]
#[cfg_attr(
    test,
    derive(schemars::JsonSchema),
    schemars(
        deny_unknown_fields,
        title = "The banks of a device and their slots",
        description = "What spdm slots --json prints where the device answered; otherwise a report, or an error. Nothing signs it."
    )
)]
pub(crate) struct ShownSlots {
    schema: FormVersion<1>,
    #[serde(flatten)]
    asked: AskedDevice,
    /// What was changed, and when that takes effect; null where nothing was.
    changed: Option<ChangedBank>,
    /// What of SLOT_MANAGEMENT the device takes.
    sub_codes: Vec<String>,
    /// Every bank, after the change.
    banks: Vec<ShownBank>,
}

/// A change that the device made.
#[derive(Clone, Copy, Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema), schemars(deny_unknown_fields))]
pub(crate) struct ChangedBank {
    /// BankID.
    #[cfg_attr(test, schemars(range(max = 239)))]
    bank: u8,
    /// The slot; null where the bank's algorithm was changed.
    #[cfg_attr(test, schemars(range(max = 7)))]
    slot: Option<u8>,
    /// When it takes effect.
    effect: EffectWord,
}

/// A bank.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema), schemars(deny_unknown_fields))]
struct ShownBank {
    /// BankID.
    #[cfg_attr(test, schemars(range(max = 239)))]
    bank: u8,
    /// Whether GET_DIGESTS and SET_CERTIFICATE are about this bank on a connection like this one.
    selected: bool,
    /// Whether its algorithm can be chosen.
    configurable: bool,
    /// Its algorithm.
    algorithm: Option<String>,
    /// What its algorithm may be.
    algorithms: Vec<String>,
    /// What it may be as other banks are now.
    available: Vec<String>,
    /// Its slots.
    slots: Vec<ShownSlot>,
}

/// A slot of a bank.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema), schemars(deny_unknown_fields))]
struct ShownSlot {
    #[cfg_attr(test, schemars(range(max = 7)))]
    slot: u8,
    /// Whether it has a chain.
    provisioned: bool,
    /// Whether it cannot be changed.
    write_protected: bool,
    /// The key pair; null for none.
    key_pair: Option<u8>,
    /// What its key is for.
    usage: Vec<String>,
    /// Bytes that a chain may have.
    size: u32,
    /// The digest of its chain, by the negotiated hash.
    #[cfg_attr(test, schemars(regex(pattern = schema::HEX)))]
    digest: Option<String>,
}

/// What is to be done.
enum Change<'g> {
    Install(u8, SlotId, Given<'g>),
    Other(BankChange<'static>),
}

/// Lists the banks, after a change where one is asked for.
pub(crate) fn run(
    args: &SlotsArgs,
    crypto: Crypto,
    console: &mut Console,
) -> Result<Exit, Failure> {
    let change = change(args, console)?;
    if change.is_some() && !args.yes {
        let files = args.session.files(&args.trust);
        return Err(files.withheld(&intention(args), crypto, console));
    }
    args.session.check_keys_unused()?;
    let secrets_out = args.session.secrets_out.as_deref();
    console.share_output(&[args.device.pcap.as_deref(), secrets_out])?;
    let host = Host::read(&args.session.identity, console)?;
    let mut device = LiveDevice::new(&args.device, crypto, Telling::of(console))?;
    device.identify(host.as_ref());
    let mut trust = Trust::load(&args.trust, device.pci_identity(), console)?;
    device.sends(FIELDS + LEN);
    if args.session.session {
        trust.or_own(device.anchors());
    }
    let peer = args.session.choice().map(|choice| TrustedPeer::read(&choice, &trust, &mut device));
    let peer = peer.transpose()?;
    device.settle()?;
    let target = device.name();
    let what = match args.slot {
        Some(slot) => format!("bank {}, slot {slot}", args.bank.unwrap_or_default()),
        None => format!("bank {}", args.bank.unwrap_or_default()),
    };
    let watched = DeviceChange::new(
        format!("SLOT_MANAGEMENT was sent and not answered: {what} may be changed"),
        format!("{what} is changed, as the device has answered"),
        format!("spdm slots {target}"),
    );
    let inquired = inquire(&mut device, WithoutAgreement::GiveUp, |mut inquiry, requester| {
        let clock = inquiry.clock;
        let version = requester.negotiated().version.as_str();
        let peer = peer.as_ref();
        let (requester, changed) = match change {
            None => (requester, None),
            Some(Change::Other(change)) => {
                let (requester, effect) =
                    converse(peer, requester, &mut inquiry, |requester, place, line| {
                        let flow = place.enter(requester).change_bank(change);
                        watched.ask(line, |line| Ok(blocking::run(flow, line, &clock)?))
                    })?;
                (requester, Some(effect))
            }
            Some(Change::Install(bank_id, slot, given)) => {
                let agreed = *requester.negotiated();
                let (requester, asym) =
                    converse(peer, requester, &mut inquiry, |requester, place, line| {
                        algorithm_of(bank_id, place, line, &clock, requester)
                    })?;
                let model = match agreed.connection_keys {
                    ConnectionKeys::Multi => args.pair.model(),
                    _ => CertificateModel::None,
                };
                let mut context = agreed
                    .chain_context(slot, model)
                    .map_err(|error| RunError::Requester(error.into()))?;
                context.asym = asym.unwrap_or(context.asym);
                let sent = with_installable(&given, &trust, peer, context, crypto, |_, chain| {
                    converse(peer, requester, &mut inquiry, |requester, place, line| {
                        let key_pair_id = args.pair.id();
                        let change = BankChange::Install { bank_id, chain, key_pair_id };
                        let flow = place.enter(requester).change_bank(change);
                        watched.ask(line, |line| Ok(blocking::run(flow, line, &clock)?))
                    })
                })?;
                match sent {
                    Ok((requester, effect)) => (requester, Some(effect)),
                    Err(failure) => return Ok(Err(failure)),
                }
            }
        };
        let (_, listed) = converse(peer, requester, &mut inquiry, |requester, place, line| {
            list(place, line, &clock, requester)
        })?;
        Ok(Ok((version, changed, listed)))
    });
    device.finish()?;
    match inquired.result {
        Ok(asked) => {
            let (version, effect, Listed { session, sub_codes, banks }) = asked?;
            let changed = effect.zip(args.bank).map(|(effect, bank)| ChangedBank {
                bank,
                slot: args.slot.map(SlotId::get),
                effect: effect.into(),
            });
            let asked = AskedDevice { target, version, session };
            let schema = FormVersion;
            show(&ShownSlots { schema, asked, changed, sub_codes, banks }, console)
        }
        Err(verdict) => render::not_done(&watched.told(verdict), console),
    }
}

/// What the options ask for; files are read.
fn change<'g>(args: &'g SlotsArgs, console: &Console) -> Result<Option<Change<'g>>, Failure> {
    let bank_id = args.bank.unwrap_or_default();
    let slot = args.slot.unwrap_or(SlotId::ZERO);
    if let Some(path) = &args.install {
        let given = set_certificate::read(path, console)?;
        return Ok(Some(Change::Install(bank_id, slot, given)));
    }
    if args.erase {
        return Ok(Some(Change::Other(BankChange::Erase(SlotAddress { bank_id, slot }))));
    }
    Ok(args.algorithm.map(|choice| {
        let (asym, pqc) = (choice.asym, choice.pqc);
        Change::Other(BankChange::Algorithm { bank_id, asym, pqc })
    }))
}

/// What would be done.
fn intention(args: &SlotsArgs) -> String {
    let target = &args.device.target;
    let bank = args.bank.unwrap_or_default();
    match (args.slot, &args.install) {
        (Some(slot), Some(path)) => {
            let path = path.display();
            format!(
                "{path} would be put into bank {bank}, slot {slot} of {target}, in place of a chain that is there"
            )
        }
        (Some(slot), None) => {
            format!("the chain of bank {bank}, slot {slot} of {target} would be removed")
        }
        (None, _) => format!("bank {bank} of {target} would get another algorithm"),
    }
}

/// What the device has.
struct Listed {
    session: Option<String>,
    sub_codes: Vec<String>,
    banks: Vec<ShownBank>,
}

fn list<'a>(
    place: Place,
    line: &mut Tap<'_>,
    clock: &RunTime,
    requester: Requester<'a, Negotiated>,
) -> Result<(Requester<'a, Negotiated>, Listed), Failed<'a>> {
    let (mut codes, mut info, mut buffer) = (vec![0; LEN], vec![0; LEN], vec![0; LEN]);
    let flow = place.enter(requester).slot_sub_codes(&mut codes);
    let (requester, sub_codes) = blocking::run(flow, line, clock)?;
    let flow = place.enter(requester).slot_banks(&mut info);
    let (mut requester, info) = blocking::run(flow, line, clock)?;
    let mut banks = Vec::new();
    for bank in &info {
        let flow = place.enter(requester).slot_bank(bank.bank_id, &mut buffer);
        let (next, details) = blocking::run(flow, line, clock)?;
        requester = next;
        banks.push(described(&details));
    }
    let sub_codes = sub_codes.iter().map(name_of).collect();
    Ok((requester, Listed { session: place.session_id(), sub_codes, banks }))
}

/// What the keys of a bank sign with; `None` where that is not known here.
fn algorithm_of<'a>(
    bank: u8,
    place: Place,
    line: &mut Tap<'_>,
    clock: &RunTime,
    requester: Requester<'a, Negotiated>,
) -> Result<(Requester<'a, Negotiated>, Option<AsymAlgorithm>), Failed<'a>> {
    let mut buffer = vec![0; LEN];
    let flow = place.enter(requester).slot_bank(bank, &mut buffer);
    let (requester, details) = blocking::run(flow, line, clock)?;
    let asym = signs_with(&details.current, requester.negotiated());
    Ok((requester, asym))
}

/// RSA keys sign by the scheme that was negotiated, where it was RSA.
fn signs_with(current: &KeyAlgorithms<'_>, agreed: &Negotiated) -> Option<AsymAlgorithm> {
    type A = KeyPairAsymAlgo;
    let scheme = match agreed.asym() {
        Ok(AsymAlgorithm::Rsa(scheme, _)) => scheme,
        _ => RsaScheme::Pss,
    };
    match current.asym {
        A::RSA_2048 => Some(AsymAlgorithm::Rsa(scheme, RsaBits::B2048)),
        A::RSA_3072 => Some(AsymAlgorithm::Rsa(scheme, RsaBits::B3072)),
        A::RSA_4096 => Some(AsymAlgorithm::Rsa(scheme, RsaBits::B4096)),
        A::ECC_256 => Some(AsymAlgorithm::Ecdsa(EcCurve::P256)),
        A::ECC_384 => Some(AsymAlgorithm::Ecdsa(EcCurve::P384)),
        A::ECC_521 => Some(AsymAlgorithm::Ecdsa(EcCurve::P521)),
        A::ED25519 => Some(AsymAlgorithm::Ed25519),
        _ => AsymAlgorithm::from_pqc_asym(current.pqc.algorithms()),
    }
}

fn name_of(sub_code: SlotManagementSubCode) -> String {
    type C = SlotManagementSubCode;
    let name = match sub_code {
        C::SUPPORTED_SUB_CODES => "SupportedSubCodes",
        C::GET_BANK_INFO => "GetBankInfo",
        C::GET_BANK_DETAILS => "GetBankDetails",
        C::GET_CERTIFICATE_CHAIN => "GetCertificateChain",
        C::GET_CSR => "GetCSR",
        C::MANAGE_BANK => "ManageBank",
        C::MANAGE_SLOT => "ManageSlot",
        C::SET_CERTIFICATE => "SetCertificate",
        SlotManagementSubCode(other) => return format!("{other:#04x}"),
    };
    name.to_owned()
}

fn described(details: &BankDetails<'_>) -> ShownBank {
    let all = |algorithms: &KeyAlgorithms<'_>| {
        [names(algorithms.asym), names(algorithms.pqc.algorithms())].concat()
    };
    ShownBank {
        bank: details.bank_id,
        selected: details.attributes.contains(BankAttributes::SELECTED),
        configurable: details.attributes.contains(BankAttributes::CONFIG_ALGO),
        algorithm: all(&details.current).into_iter().next(),
        algorithms: all(&details.capabilities),
        available: all(&details.available),
        slots: details.slots.map(|slot| described_slot(&slot)).collect(),
    }
}

fn described_slot(slot: &SlotElement<'_>) -> ShownSlot {
    let provisioned = slot.attributes.contains(SlotAttributes::PROVISIONED);
    ShownSlot {
        slot: slot.slot.get(),
        provisioned,
        write_protected: slot.attributes.contains(SlotAttributes::WRITE_PROTECTED),
        key_pair: (slot.key_pair_id != 0).then_some(slot.key_pair_id),
        usage: names(slot.usage),
        size: slot.size,
        digest: provisioned.then(|| hex::encode(slot.digest)),
    }
}

fn show(shown: &ShownSlots, console: &mut Console) -> Result<Exit, Failure> {
    if console.json() {
        console.object(shown)?;
        return Ok(Exit::Done);
    }
    let text = rendered(shown, console.style());
    console.report(&text)?;
    if shown.changed.is_some_and(|changed| changed.effect == EffectWord::AfterReset) {
        console.hint(Some("it takes effect with the next reset of the device"));
    }
    Ok(Exit::Done)
}

fn rendered(shown: &ShownSlots, style: Style) -> String {
    let mut table = Table::default();
    table.row(["bank", "algorithm", "slot", "", "pair", "digest of the chain"].map(str::to_owned));
    for bank in &shown.banks {
        let algorithm = bank.algorithm.as_deref().unwrap_or("-");
        let algorithm = match bank.selected {
            true => format!("{algorithm}, selected"),
            false => algorithm.to_owned(),
        };
        for slot in &bank.slots {
            let state = match (slot.provisioned, slot.write_protected) {
                (true, true) => "chain, protected",
                (true, false) => "chain",
                (false, true) => "empty, protected",
                (false, false) => "empty",
            };
            let pair = slot.key_pair.map_or_else(|| "-".to_owned(), |pair| pair.to_string());
            let digest = slot.digest.as_deref().and_then(|digest| digest.get(..16));
            table.row([
                bank.bank.to_string(),
                algorithm.clone(),
                slot.slot.to_string(),
                state.to_owned(),
                pair,
                digest.map_or_else(|| "-".to_owned(), |digest| format!("{digest}...")),
            ]);
        }
    }
    let changed = shown.changed.map(|changed| {
        let word = match changed.effect {
            EffectWord::Now => style.good("CHANGED"),
            EffectWord::AfterReset => style.good("ACCEPTED"),
        };
        let what = match changed.slot {
            Some(slot) => format!("bank {}, slot {slot}", changed.bank),
            None => format!("bank {}", changed.bank),
        };
        format!("{word}  {}: {what}\n", shown.asked.target)
    });
    changed.unwrap_or_default() + &table.plain(style)
}
