//! Data of other protocols in a session: PLDM over MCTP, with the emulated device and with a scripted one.

use spdm_codec::{CapabilityFlags, EncodeError, RecordBinding, SpdmVersion};
use spdm_requester::{
    Error, Negotiated, Recovered, Requester, SessionFault, SessionHandle, Step, blocking,
};
use spdm_transport::{Clock, Duration, MessageKind, Transport};

use crate::emulated_sessions::{Emulated, Setup};
use crate::session_peer::{Lent, Peer};
use crate::sessions::{heartbeat, open};
use crate::sim::SimClock;

const V1_2: SpdmVersion = SpdmVersion::V1_2;
/// MCTP message type 1, a request with instance 3, type 0, GetTID.
const GET_TID: [u8; 4] = [1, 0x83, 0, 2];

/// Sends data in a session, and what comes as the answer, not opened yet.
fn carried<T: Transport<Error: core::fmt::Debug>>(
    requester: &mut Requester<'_, Negotiated>,
    device: &mut T,
    clock: &impl Clock,
    session: SessionHandle,
    data: &[u8],
) -> Option<Vec<u8>> {
    let mut record = [0; 128];
    let len = requester.seal_data(session, clock.now(), data, &mut record).unwrap();
    device.send(MessageKind::Secured, &record[..len], Duration::from_secs(1)).unwrap();
    let received = device.receive(&mut record, Duration::from_secs(1)).unwrap()?;
    assert_eq!(received.kind, MessageKind::Secured);
    Some(record[..received.len].to_vec())
}

#[test]
fn pldm_in_a_session_with_the_emulated_device() {
    let clock = SimClock::default();
    let setup = Setup::over(V1_2, RecordBinding::Mctp);
    let mut device = Emulated::new(setup.device(), RecordBinding::Mctp, clock.clone());
    setup.in_a_session(&mut device, &clock, |mut requester, device, session| {
        // Between messages of SPDM: one order of records for both.
        for _ in 0..3 {
            let mut record =
                carried(&mut requester, device, &clock, session, &GET_TID).expect("an answer");
            let answer = requester.open_data(session, clock.now(), &mut record).unwrap();
            assert_eq!(answer, [1, 3, 0, 2, 0, 1]);
            requester = blocking::run(requester.heartbeat(session), device, &clock).unwrap().0;
        }
        // A protocol that the device does not speak: silence, and the session goes on.
        assert_eq!(carried(&mut requester, device, &clock, session, &[0x7E, 0, 0]), None);
        blocking::run(requester.heartbeat(session), device, &clock).unwrap();
    });
}

/// The other protocols' door is none for messages of SPDM, whatever the transport.
#[test]
fn a_message_of_spdm_is_not_sealed_as_data() {
    for (binding, data) in [
        (RecordBinding::Mctp, &[5, 0x12, 0xE8, 0, 0][..]),
        (RecordBinding::PciDoe, &[1, 2, 3, 4]),
        (RecordBinding::Tcp, &[6, 0, 1, 5, 0x12, 0xE8, 0, 0]),
    ] {
        let mut peer = Peer::new(V1_2);
        peer.binding = binding;
        let mut lent = Lent::new();
        let requester = lent.negotiated(&mut peer, CapabilityFlags::empty());
        let (mut requester, opened) = open(requester, &mut peer);
        let now = peer.clock.now();
        let sealed = requester.seal_data(opened.session, now, data, &mut [0; 128]);
        assert_eq!(sealed, Err(SessionFault::SpdmMessage.into()), "{binding:?}");
        heartbeat(requester, &mut peer, opened.session).unwrap();
    }
}

#[test]
fn data_that_do_not_fit_cost_no_number() {
    let mut peer = Peer::new(V1_2);
    peer.binding = RecordBinding::Mctp;
    let mut lent = Lent::new();
    let requester = lent.negotiated(&mut peer, CapabilityFlags::empty());
    let (mut requester, opened) = open(requester, &mut peer);
    let now = peer.clock.now();
    for room in [0, 4, 20] {
        let sealed = requester.seal_data(opened.session, now, &GET_TID, &mut vec![0; room]);
        let Err(Error::Session(SessionFault::Encode(EncodeError::BufferTooSmall { needed }))) =
            sealed
        else {
            panic!("{sealed:?}")
        };
        assert!(needed > room);
    }
    heartbeat(requester, &mut peer, opened.session).unwrap();
}

#[test]
fn a_record_that_is_damaged_or_repeated_ends_its_session() {
    for damage in [true, false] {
        let clock = SimClock::default();
        let setup = Setup::over(V1_2, RecordBinding::Mctp);
        let mut device = Emulated::new(setup.device(), RecordBinding::Mctp, clock.clone());
        setup.in_a_session(&mut device, &clock, |mut requester, device, session| {
            let record = carried(&mut requester, device, &clock, session, &GET_TID).unwrap();
            let mut changed = record.clone();
            let fault = if damage {
                *changed.last_mut().unwrap() ^= 1;
                SessionFault::Tag
            } else {
                requester.open_data(session, clock.now(), &mut record.clone()).unwrap();
                SessionFault::Sequence
            };
            let opened = requester.open_data(session, clock.now(), &mut changed);
            assert_eq!(opened, Err(fault.into()));
            let over = Err(SessionFault::Over.into());
            assert_eq!(requester.open_data(session, clock.now(), &mut record.clone()), over);
            let sealed = requester.seal_data(session, clock.now(), &GET_TID, &mut [0; 99]);
            assert_eq!(sealed, Err(SessionFault::Over.into()));
        });
    }
}

#[test]
fn a_record_of_another_session_ends_nothing() {
    let clock = SimClock::default();
    let setup = Setup::over(V1_2, RecordBinding::Mctp);
    let mut device = Emulated::new(setup.device(), RecordBinding::Mctp, clock.clone());
    setup.in_a_session(&mut device, &clock, |mut requester, device, session| {
        let record = carried(&mut requester, device, &clock, session, &GET_TID).unwrap();
        let mut other = record.clone();
        other[0] ^= 1;
        let got = u32::from_le_bytes(*other.first_chunk().unwrap());
        let opened = requester.open_data(session, clock.now(), &mut other);
        assert_eq!(opened, Err(SessionFault::OtherSession { got }.into()));
        requester.open_data(session, clock.now(), &mut record.clone()).unwrap();
        blocking::run(requester.heartbeat(session), device, &clock).unwrap();
    });
}

/// The answer to a HEARTBEAT that nobody waits for any more.
#[test]
fn a_message_of_spdm_is_not_opened_as_data() {
    let clock = SimClock::default();
    let setup = Setup::over(V1_2, RecordBinding::Mctp);
    let mut device = Emulated::new(setup.device(), RecordBinding::Mctp, clock.clone());
    setup.in_a_session(&mut device, &clock, |requester, device, session| {
        let mut flow = requester.heartbeat(session);
        let Ok(Step::Transmit(token)) = flow.poll(clock.now()) else { panic!("no request") };
        device.send(MessageKind::Secured, token.bytes(), Duration::from_secs(1)).unwrap();
        token.sent(clock.now());
        let Recovered::Kept(mut requester) = flow.finish().unwrap_err().requester else {
            panic!("the session is lost")
        };
        let mut record = [0; 128];
        let received = device.receive(&mut record, Duration::from_secs(1)).unwrap().unwrap();
        let opened = requester.open_data(session, clock.now(), &mut record[..received.len]);
        assert_eq!(opened, Err(SessionFault::SpdmMessage.into()));
        // It is not over, but a request is unanswered.
        let sealed = requester.seal_data(session, clock.now(), &GET_TID, &mut [0; 99]);
        assert_eq!(sealed, Err(SessionFault::Unanswered.into()));
    });
}
