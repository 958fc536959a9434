//! `spdm keys`: the key pairs of a device.

use serde::Serialize;
use spdm_codec::{KeyPairInfo, SlotMask};
#[cfg(test)]
use spdm_evidence::schema;
use spdm_requester::{DesiredKey, KeyPairAction, Negotiated, Requester, blocking};

use crate::args::KeysArgs;
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
use crate::set_certificate::EffectWord;
use crate::tap::Tap;
use crate::trust::Trust;
use crate::trusted_session::{Failed, Place, TrustedPeer, converse};

/// The longest KEY_PAIR_INFO that is taken, in bytes.
const LEN: usize = 0x1_1000;

/// What `spdm keys --json` prints: `docs/schema/keys.json`.
#[derive(Debug, Serialize)]
#[cfg_attr(
    test,
    derive(schemars::JsonSchema),
    schemars(
        deny_unknown_fields,
        title = "The key pairs of a device",
        description = "What spdm keys --json prints where the device answered; otherwise a report, or an error."
    )
)]
pub(crate) struct ShownKeys {
    schema: FormVersion<1>,
    #[serde(flatten)]
    asked: AskedDevice,
    /// The key pair that was changed, and when that takes effect; null where nothing was.
    changed: Option<ChangedKey>,
    /// Every key pair, after the change.
    key_pairs: Vec<ShownKey>,
}

/// A change that the device made.
#[derive(Clone, Copy, Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema), schemars(deny_unknown_fields))]
pub(crate) struct ChangedKey {
    /// KeyPairID.
    id: u8,
    /// When it takes effect. After a reset the same has to be asked for once more.
    effect: EffectWord,
}

/// A key pair.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema), schemars(deny_unknown_fields))]
struct ShownKey {
    /// KeyPairID, from 1.
    id: u8,
    /// What can be changed.
    capabilities: Vec<String>,
    /// What the key may be used for.
    usage_capabilities: Vec<String>,
    /// What it is used for.
    usage: Vec<String>,
    /// What its algorithm may be.
    algorithms: Vec<String>,
    /// What its algorithm is.
    algorithm: Option<String>,
    /// The slots that use it.
    slots: Vec<u8>,
    /// The DER AlgorithmIdentifier of the key; null where there is no key.
    #[cfg_attr(test, schemars(regex(pattern = schema::HEX)))]
    public_key_info: Option<String>,
}

/// Lists the key pairs, after a change where one is asked for.
pub(crate) fn run(args: &KeysArgs, crypto: Crypto, console: &mut Console) -> Result<Exit, Failure> {
    let change = args.set.or(args.erase).or(args.generate);
    if let Some(id) = change
        && !args.yes
    {
        let target = &args.device.target;
        let what = format!("key pair {id} of {target} would be changed");
        return Err(args.session.files(&args.trust).withheld(&what, crypto, console));
    }
    args.session.check_unused(&args.trust)?;
    let secrets_out = args.session.secrets_out.as_deref();
    console.share_output(&[args.device.pcap.as_deref(), secrets_out])?;
    let host = Host::read(&args.session.identity, console)?;
    let mut device = LiveDevice::new(&args.device, crypto, Telling::of(console))?;
    device.identify(host.as_ref());
    let mut trust = Trust::load(&args.trust, device.pci_identity(), console)?;
    trust.or_own(device.anchors());
    let peer = args.session.choice().map(|choice| TrustedPeer::read(&choice, &trust, &mut device));
    let peer = peer.transpose()?;
    device.settle()?;
    let target = device.name();
    let which = change.unwrap_or_default();
    let watched = DeviceChange::new(
        format!("SET_KEY_PAIR_INFO was sent and not answered: key pair {which} may be changed"),
        format!("key pair {which} is changed, as the device has answered"),
        format!("spdm keys {target}"),
    );
    let inquired = inquire(&mut device, WithoutAgreement::GiveUp, |mut inquiry, requester| {
        let clock = inquiry.clock;
        let version = requester.negotiated().version.as_str();
        let asked = converse(peer.as_ref(), requester, &mut inquiry, |requester, place, line| {
            let (requester, changed) = match change {
                None => (requester, None),
                Some(id) => {
                    let (requester, changed) =
                        alter(args, id, &watched, place, line, &clock, requester)?;
                    (requester, Some(changed))
                }
            };
            let (requester, key_pairs) = list(place, line, &clock, requester)?;
            Ok((requester, (version, place.session_id(), changed, key_pairs)))
        });
        asked.map(|(_, shown)| shown)
    });
    device.finish()?;
    match inquired.result {
        Ok((version, session, changed, key_pairs)) => {
            let asked = AskedDevice { target, version, session };
            show(&ShownKeys { schema: FormVersion, asked, changed, key_pairs }, console)
        }
        Err(verdict) => render::not_done(&watched.told(verdict), console),
    }
}

/// What is not given stays: slots that are not named would be taken away.
fn alter<'a>(
    args: &KeysArgs,
    id: u8,
    change: &DeviceChange,
    place: Place,
    line: &mut Tap<'_>,
    clock: &RunTime,
    requester: Requester<'a, Negotiated>,
) -> Result<(Requester<'a, Negotiated>, ChangedKey), Failed<'a>> {
    let mut requester = requester;
    let action = if args.erase.is_some() {
        KeyPairAction::Erase
    } else {
        let slots = match &args.slots {
            Some(list) => SlotMask(list.0.iter().fold(0, |mask, slot| mask | 1 << slot.get())),
            None => {
                let mut buffer = vec![0; LEN];
                let flow = place.enter(requester).key_pair_info(id, &mut buffer);
                let (next, info) = blocking::run(flow, line, clock)?;
                requester = next;
                info.assoc_cert_slot_mask
            }
        };
        let algorithm = args.algorithm.unwrap_or_default();
        let (asym, pqc) = (algorithm.asym, algorithm.pqc);
        let desired = DesiredKey { usage: args.usage.unwrap_or_default(), asym, pqc, slots };
        match args.generate {
            Some(_) => KeyPairAction::Generate(desired),
            None => KeyPairAction::Change(desired),
        }
    };
    let flow = place.enter(requester).set_key_pair_info(id, action);
    let (requester, effect) = change.ask(line, |line| Ok(blocking::run(flow, line, clock)?))?;
    Ok((requester, ChangedKey { id, effect: effect.into() }))
}

fn list<'a>(
    place: Place,
    line: &mut Tap<'_>,
    clock: &RunTime,
    requester: Requester<'a, Negotiated>,
) -> Result<(Requester<'a, Negotiated>, Vec<ShownKey>), Failed<'a>> {
    let mut requester = requester;
    let mut shown = Vec::new();
    let mut total = 1;
    let mut buffer = vec![0; LEN];
    // 255 at most, whatever the device says.
    for id in 1..=u8::MAX {
        if id > total {
            break;
        }
        let flow = place.enter(requester).key_pair_info(id, &mut buffer);
        let (next, info) = blocking::run(flow, line, clock)?;
        requester = next;
        total = info.total_key_pairs;
        shown.push(described(&info));
    }
    Ok((requester, shown))
}

fn described(info: &KeyPairInfo<'_>) -> ShownKey {
    let pqc = info.pqc.unwrap_or_default();
    let algorithms = [names(info.asym_algo_capabilities), names(pqc.capabilities.algorithms())];
    let current = [names(info.current_asym_algo), names(pqc.current.algorithms())];
    let key = info.public_key_info;
    ShownKey {
        id: info.key_pair_id,
        capabilities: names(info.capabilities),
        usage_capabilities: names(info.key_usage_capabilities),
        usage: names(info.current_key_usage),
        algorithms: algorithms.concat(),
        algorithm: current.concat().into_iter().next(),
        slots: info.assoc_cert_slot_mask.slots().map(|slot| slot.get()).collect(),
        public_key_info: (!key.is_empty()).then(|| hex::encode(key)),
    }
}

fn show(shown: &ShownKeys, console: &mut Console) -> Result<Exit, Failure> {
    if console.json() {
        console.object(shown)?;
        return Ok(Exit::Done);
    }
    let text = rendered(shown, console.style());
    console.report(&text)?;
    if shown.changed.is_some_and(|changed| changed.effect == EffectWord::AfterReset) {
        console.hint(Some("reset the device, then ask for the same again"));
    }
    Ok(Exit::Done)
}

fn rendered(shown: &ShownKeys, style: Style) -> String {
    let mut table = Table::default();
    table.row(["pair", "algorithm", "slots", "used for"].map(str::to_owned));
    for key in &shown.key_pairs {
        let slots: Vec<String> = key.slots.iter().map(u8::to_string).collect();
        let algorithm = key.algorithm.as_deref().unwrap_or("-");
        let algorithm = match key.public_key_info {
            Some(_) => algorithm.to_owned(),
            None => format!("{algorithm}, no key"),
        };
        let slots = if slots.is_empty() { "-".to_owned() } else { slots.join(",") };
        table.row([key.id.to_string(), algorithm, slots, key.usage.join(", ")]);
    }
    let changed = match shown.changed {
        None => String::new(),
        Some(ChangedKey { id, effect: EffectWord::Now }) => {
            format!("{}  {}: key pair {id}\n", style.good("CHANGED"), shown.asked.target)
        }
        Some(ChangedKey { id, effect: EffectWord::AfterReset }) => {
            format!(
                "{}  {}: key pair {id} waits for a reset\n",
                style.good("ACCEPTED"),
                shown.asked.target
            )
        }
    };
    changed + &table.plain(style)
}
