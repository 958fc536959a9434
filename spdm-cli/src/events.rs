//! `spdm events`: which events a device can tell of, and those that it tells of.

mod shown;
mod subscriber;

use spdm_codec::{
    DmtfEventType, EventGroup, EventGroupAttributes, EventGroupList, EventGroups, StandardsBody,
};
use spdm_requester::blocking;

use crate::args::{EventsArgs, WantedEvents};
use crate::backend::Crypto;
use crate::console::Console;
use crate::exit::{Exit, Failure};
use crate::host::Host;
use crate::inquiry::{WithoutAgreement, inquire};
use crate::live::{LiveDevice, Telling};
use crate::render;
use crate::trust::Trust;
use crate::trusted_session::{TrustedPeer, meet};
#[cfg(test)]
pub(crate) use shown::ShownEvent;
pub(crate) use shown::{EventsEnd, ShownEventTypes};
use subscriber::Subscriber;

/// The longest list of groups, in bytes.
const LEN: usize = 0x1_0000;

/// Shows the types, or waits for events.
pub(crate) fn run(
    args: &EventsArgs,
    crypto: Crypto,
    console: &mut Console,
) -> Result<Exit, Failure> {
    let verb = &args.verb;
    let secrets_out = verb.peer.secrets_out.as_deref();
    console.share_output(&[verb.device.pcap.as_deref(), secrets_out])?;
    let host = Host::read(&verb.peer.identity, console)?;
    let mut device = LiveDevice::new(&verb.device, crypto, Telling::of(console))?;
    device.identify(host.as_ref());
    if !args.subscribe.is_empty() {
        device.serves_device();
        device.waits(args.wait);
    }
    let mut trust = Trust::load(&verb.trust, device.pci_identity(), console)?;
    trust.or_own(device.anchors());
    let peer = TrustedPeer::read(&verb.peer.choice(), &trust, &mut device)?;
    device.settle()?;
    let target = device.name();
    let mut end = EventsEnd::new(target.clone());
    let inquired = inquire(&mut device, WithoutAgreement::GiveUp, |mut inquiry, requester| {
        let clock = inquiry.clock;
        let asked = meet(&peer, requester, &mut inquiry, |requester, meeting, line| {
            end.session = meeting.id();
            let mut buffer = vec![0; LEN];
            let flow = requester.fetch_event_types(meeting.session, &mut buffer);
            let (requester, types) = blocking::run(flow, line, &clock)?;
            if args.subscribe.is_empty() {
                let version = requester.negotiated().version.as_str();
                let shown = ShownEventTypes::new(&target, version, meeting.id(), &types);
                return Ok((requester, show(&shown, console)));
            }
            let wanted = match wanted(&args.subscribe, &types) {
                Ok(wanted) => wanted,
                Err(failure) => return Ok((requester, Err(failure))),
            };
            let received = &mut end.received;
            let subscriber = Subscriber { args, target: &target, meeting, line, console, received };
            subscriber.wait(requester, &wanted)
        });
        asked.map(|(_, shown)| shown)
    });
    device.finish()?;
    let failure = match inquired.result {
        Ok(Ok(exit)) => return Ok(exit),
        Ok(Err(failure)) => failure,
        Err(verdict) if end.session.is_empty() => return render::not_done(&verdict, console),
        Err(verdict) => {
            let failure = render::failure(&verdict);
            Failure { message: format!("{target}: {}", failure.message), ..failure }
        }
    };
    if console.json() && failure.exit != Exit::Usage {
        console.object(&end.because(&failure))?;
    }
    Err(failure)
}

fn show(shown: &ShownEventTypes, console: &mut Console) -> Result<Exit, Failure> {
    match console.json() {
        true => console.object(shown)?,
        false => console.report(&shown.text(console.style()))?,
    }
    Ok(Exit::Done)
}

/// Groups as SUBSCRIBE_EVENT_TYPES takes them.
struct WantedList {
    count: u8,
    list: Vec<u8>,
}

impl WantedList {
    fn groups(&self) -> Result<EventGroupList<'_>, Failure> {
        let groups = EventGroups { count: self.count, list: &self.list };
        EventGroupList::decode(groups).map_err(Failure::usage)
    }
}

/// What is wanted of what there is, and EventLost: without it, a gap could not be explained.
fn wanted(wanted: &[WantedEvents], types: &EventGroupList<'_>) -> Result<WantedList, Failure> {
    for item in wanted {
        let is_there = types
            .iter()
            .any(|group| item.is_of(&group) && group.type_ids().any(|id| item.has_type(id)));
        if !is_there {
            let message = format!("--subscribe: the device has no events {item}");
            return Err(Failure::new(Exit::Rejected, message)
                .with_hint(Some("without --subscribe, the events of the device are shown")));
        }
    }
    let is_wanted = |group: &EventGroup<'_>, id: u16| {
        let lost = group.id.id == StandardsBody::DMTF && id == DmtfEventType::EVENT_LOST.0;
        lost || wanted.iter().any(|item| item.is_of(group) && item.has_type(id))
    };
    let mut all = WantedList { count: 0, list: Vec::new() };
    for group in types.iter() {
        let ids: Vec<u16> = group.type_ids().filter(|id| is_wanted(&group, *id)).collect();
        if ids.is_empty() {
            continue;
        }
        let mut buffer = vec![0; LEN];
        let len = EventGroup::encode(
            &group.id,
            group.version,
            EventGroupAttributes::empty(),
            &ids,
            &mut buffer,
        )
        .map_err(Failure::usage)?;
        all.list.extend(buffer.iter().take(len));
        all.count = all.count.saturating_add(1);
    }
    Ok(all)
}
