//! What a conversation finds without any negotiation on record.

use spdm_codec::{AnyMessage, Code, Handshake};
use spdm_evidence::{Content, Conversation, FoundMessage, Layer, Origin};
use spdm_untrusted::Untrusted;

fn follow(conversation: &mut Conversation, message: &[u8]) -> Vec<FoundMessage> {
    conversation.follow(Layer::Plain, message)
}

fn code(found: &FoundMessage) -> Code {
    let Content::Message(cx) = found.content else { unreachable!("{found:?}") };
    AnyMessage::decode(Untrusted::new(&found.bytes), &cx).unwrap().code()
}

/// CHUNK_RESPONSE of 1.2, the first one with the size of the whole.
fn chunk(seq_no: u8, last: u8, total: Option<u8>, bytes: &[u8]) -> Vec<u8> {
    let len = u8::try_from(bytes.len()).unwrap();
    let mut message = vec![0x12, 0x06, last, 7, seq_no, 0, 0, 0, len, 0, 0, 0];
    message.extend(total.iter().flat_map(|total| [*total, 0, 0, 0]));
    message.extend(bytes);
    message
}

#[test]
fn chunks_are_put_together() {
    let mut conversation = Conversation::new(0);
    let whole = [0x12, 0x7F, 0x42, 0, 10, 0x83, 5, 2];
    assert_eq!(follow(&mut conversation, &chunk(0, 0, Some(8), &whole[..3])).len(), 1);
    let all = follow(&mut conversation, &chunk(1, 1, None, &whole[3..]));
    let inner = all.get(1).unwrap();
    assert_eq!((all.len(), inner.depth, inner.origin), (2, 1, Origin::Chunks));
    assert_eq!((inner.bytes.as_slice(), code(inner)), (&whole[..], Code::ERROR));
}

#[test]
fn messages_inside_messages_end() {
    let mut message = vec![0x12, 0x84, 0, 0];
    for _ in 0..10 {
        let total = u8::try_from(message.len()).unwrap();
        message = chunk(0, 1, Some(total), &message);
    }
    let all = follow(&mut Conversation::new(0), &message);
    assert_eq!(all.iter().map(|found| found.depth).collect::<Vec<_>>(), [0, 1, 2, 3, 4]);
}

#[test]
fn encapsulated_requests_are_followed_the_other_way() {
    let mut conversation = Conversation::new(0);
    // CHALLENGE of the Responder, and then one of the Requester without a summary.
    let challenge = [&[0x11, 0x83, 0, 0xFF][..], &[9; 32]].concat();
    let all = follow(&mut conversation, &[&[0x11, 0x6A, 1, 0][..], &challenge].concat());
    assert_eq!((all[1].origin, code(&all[1])), (Origin::Encapsulated, Code::CHALLENGE));
    let challenge = [&[0x11, 0x83, 0, 0][..], &[9; 32]].concat();
    follow(&mut conversation, &challenge);
    // H, Nonce, MSH, OpaqueDataLength, S.
    let answer = |summary_len: usize| {
        let lens = 48 + 32 + summary_len + 2 + 96;
        [&[0x11, 0x03, 0, 1][..], &vec![0; lens]].concat()
    };
    let inner = [&[0x11, 0xEB, 1, 0][..], &answer(48)].concat();
    for (message, summary_len) in [(inner, 48), (answer(0), 0)] {
        let all = follow(&mut conversation, &message);
        let Content::Message(cx) = all.last().unwrap().content else { unreachable!() };
        assert_eq!((cx.hash_len, cx.summary_len, cx.signature_len), (48, summary_len, 96));
        assert_eq!(code(all.last().unwrap()), Code::CHALLENGE_AUTH);
    }
}

#[test]
fn sizes_of_a_key_exchange_are_guessed() {
    let mut conversation = Conversation::new(0);
    let opaque = [16, 0, 1, 0, 0, 0, 0, 0, 7, 0, 1, 1, 2, 0, 0x10, 0, 0x11, 0];
    let request = [&[0x12, 0xE4, 0, 0, 1, 0, 0, 0][..], &[3; 32], &[4; 64], &opaque].concat();
    let all = follow(&mut conversation, &request);
    let Content::Message(cx) = all[0].content else { unreachable!() };
    assert_eq!((cx.request_exchange_len, code(&all[0])), (64, Code::KEY_EXCHANGE));

    let opaque = [12, 0, 1, 0, 0, 0, 0, 0, 4, 0, 1, 0, 0, 0x11];
    let response =
        [&[0x12, 0x64, 0, 0, 1, 0, 0, 0][..], &[3; 32], &[4; 64], &opaque, &[5; 64], &[6; 32]]
            .concat();
    let all = follow(&mut conversation, &response);
    let Content::Message(cx) = all[0].content else { unreachable!() };
    assert_eq!(code(&all[0]), Code::KEY_EXCHANGE_RSP);
    assert_eq!((cx.response_exchange_len, cx.summary_len), (64, 0));
    let tail = match cx.handshake {
        Handshake::Secured => cx.signature_len + cx.hash_len,
        Handshake::InTheClear => cx.signature_len,
    };
    assert_eq!(tail, 96);
}
