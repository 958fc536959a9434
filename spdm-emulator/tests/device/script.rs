//! Scripts: what they change is signed or not, and what arrives when. Chunks, as the device takes them.

use core::time::Duration;

use spdm_codec::{
    CapabilityFlags, Code, ErrorCode, KeySlot, MeasurementSummary, SlotId, SpdmVersion,
};
use spdm_crypto::Invalid;
use spdm_emulator::{Act, Device, DeviceConfig, Edit, LinkState, Position, ScriptStep, When};

use crate::attestation::{P384, SHA384, seeded};
use crate::requester::{GET_VERSION, Requester, challenge, get_capabilities};

const SLOT: KeySlot = KeySlot::Slot(SlotId::ZERO);
const V1_3: SpdmVersion = SpdmVersion::V1_3;

fn scripted(script: Vec<ScriptStep>) -> Device {
    Device::new(DeviceConfig { script, ..seeded() }).unwrap()
}

fn challenged(act: Act) -> (Vec<u8>, Result<(), Invalid>) {
    let device = scripted(vec![ScriptStep::new(Code::CHALLENGE, When::Always, act)]);
    let mut requester = Requester::connect(device, V1_3, P384, SHA384);
    let request = challenge(V1_3, SLOT, MeasurementSummary::None, 7);
    let response = requester.exchange(&request);
    let verified = requester.verify_challenge(&request, &response);
    (response, verified)
}

#[test]
fn a_change_is_signed_and_tampering_is_not() {
    let edit = Edit::Flip(Position::Field("CertChainHash", 0), 0x80);
    let (changed, verified) = challenged(Act::Change(edit.clone()));
    assert_eq!(verified, Ok(()));
    let (tampered, verified) = challenged(Act::Tamper(edit));
    assert_eq!(verified, Err(Invalid));
    assert_eq!(changed[4..52], tampered[4..52]);
    let (plain, verified) = challenged(Act::Delay(Duration::ZERO));
    assert_eq!(verified, Ok(()));
    assert_eq!(plain[4] ^ 0x80, changed[4]);
    // Fields in the signature's place, too.
    let (_, verified) = challenged(Act::Tamper(Edit::Flip(Position::FromEnd(0), 1)));
    assert_eq!(verified, Err(Invalid));
}

#[test]
fn what_arrives_when() {
    let second = Duration::from_secs(1);
    let deliver = |act| scripted(vec![ScriptStep::new(Code::GET_VERSION, When::Nth(1), act)]);
    let twice = |act| {
        let mut device = deliver(act);
        device.deliver(&GET_VERSION);
        device.deliver(&GET_VERSION)
    };
    let version = device_version();
    let on_time = vec![(Duration::ZERO, version.clone())];
    for (act, messages, line) in [
        (Act::LoseRequest, vec![], LinkState::Up),
        (Act::LoseResponse, vec![], LinkState::Up),
        (Act::Disconnect, vec![], LinkState::Down),
        (Act::Delay(second), vec![(second, version.clone())], LinkState::Up),
        (
            Act::Duplicate(second),
            [on_time.clone(), vec![(second, version.clone())]].concat(),
            LinkState::Up,
        ),
        (Act::Stale, on_time, LinkState::Up),
        (Act::Replace(vec![1, 2]), vec![(Duration::ZERO, vec![1, 2])], LinkState::Up),
        (
            Act::Refuse { code: ErrorCode::BUSY, data: 9, extended: vec![8] },
            vec![(Duration::ZERO, vec![0x10, 0x7F, 3, 9, 8])],
            LinkState::Up,
        ),
    ] {
        let delivery = twice(act.clone());
        assert_eq!((delivery.messages, delivery.line), (messages, line), "{act:?}");
    }
}

fn device_version() -> Vec<u8> {
    scripted(Vec::new()).respond(&GET_VERSION).unwrap()
}

/// A connection with CHUNK_CAP on both sides and 42 bytes in both directions.
fn chunking() -> Device {
    let mut device = Device::new(DeviceConfig {
        more_capabilities: CapabilityFlags::CHUNK_CAP,
        data_transfer_size: 42,
        ..seeded()
    })
    .unwrap();
    device.respond(&GET_VERSION).unwrap();
    let mut request = get_capabilities(V1_3);
    request[10] |= 2;
    request[12..16].copy_from_slice(&42_u32.to_le_bytes());
    let capabilities = device.respond(&request).unwrap();
    assert_eq!(capabilities[10] & 2, 2);
    assert_eq!(capabilities[16..20], 0x1200_u32.to_le_bytes());
    device
}

#[test]
fn broken_large_requests_end_early() {
    let first = |total: u32, size: u32, last: u8| {
        let mut chunk = vec![0x13, 0x85, last, 7, 0, 0, 0, 0];
        chunk.extend(size.to_le_bytes());
        chunk.extend(total.to_le_bytes());
        chunk.resize(16 + usize::try_from(size).unwrap(), 0xEE);
        chunk
    };
    let early = |handle| [0x13, 0x05, 1, handle, 0, 0, 0x13, 0x7F, 1, 0];
    for chunk in [first(42, 26, 0), first(0x1201, 26, 0), first(60, 25, 0), first(60, 26, 1)] {
        assert_eq!(chunking().respond(&chunk).unwrap(), early(7), "{chunk:02x?}");
    }
    let mut device = chunking();
    assert_eq!(device.respond(&first(60, 26, 0)).unwrap(), [0x13, 0x05, 0, 7, 0, 0]);
    // Another request does not interrupt the transfer.
    assert_eq!(device.respond(&[0x13, 0x81, 0, 0]).unwrap(), [0x13, 0x7F, 4, 0]);
    let mut second = vec![0x13, 0x85, 0, 8, 1, 0, 0, 0, 30, 0, 0, 0];
    second.resize(42, 0xEE);
    assert_eq!(device.respond(&second).unwrap()[..4], [0x13, 0x05, 1, 8]);
    // GET_VERSION does.
    let mut device = chunking();
    device.respond(&first(60, 26, 0)).unwrap();
    assert_eq!(device.respond(&GET_VERSION).unwrap()[1], 0x04);
    // Larger than it announced, and nothing to get.
    let mut device = chunking();
    assert_eq!(device.respond(&first(60, 30, 0)).unwrap(), [0x13, 0x7F, 0x0E, 0]);
    assert_eq!(device.respond(&[0x13, 0x86, 0, 1, 0, 0]).unwrap(), [0x13, 0x7F, 4, 0]);
}
