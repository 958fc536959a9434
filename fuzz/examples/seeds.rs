//! `seeds OUT [CAPTURES]`: seeds of the targets, `OUT/TARGET/…`: whole attestations, chains and frames, and of a folder
//! of captures the messages, each behind the bytes of its context, the certificates, and the frames that they travel in.
//! Captures with keys beside them give the messages of their sessions, too.

use std::collections::hash_map::DefaultHasher;
use std::hash::{Hash, Hasher};
use std::path::Path;
use std::{env, fs, io};

use spdm_codec::{Code, Header};
use spdm_crypto::rustcrypto::PROVIDER;
use spdm_evidence::{
    Capture, CapturedMessage, Content, Conversation, FoundMessage, Layer, Secrets,
};
use spdm_fuzz::{
    certificates, context, prefix, references, secured, swid, tokens, transports,
};
use spdm_transport::MessageKind;
use spdm_transport_mctp::serial::{MAX_PACKET, frame, max_frame};
use spdm_transport_tcp::Frame;
use spdm_untrusted::Untrusted;
use x509_cert::Certificate;
use x509_cert::der::{Decode as _, Encode as _};
use x509_cert::ext::pkix::SubjectAltName;

/// Longer seeds only make mutation slow.
const MAX_LEN: usize = 4096;

fn main() -> io::Result<()> {
    let arguments: Vec<_> = env::args_os().skip(1).collect();
    let (out, captures) = match arguments.as_slice() {
        [out] => (Path::new(out), None),
        [out, captures] => (Path::new(out), Some(captures)),
        _ => return Err(io::Error::other("usage: seeds OUT [CAPTURES]")),
    };
    made(out)?;
    let Some(captures) = captures else { return Ok(()) };
    let mut count = 0;
    for entry in fs::read_dir(captures)? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "pcap") {
            count += capture(&path, out)?;
        }
    }
    println!("{count} messages are seeds");
    if count == 0 { Err(io::Error::other("no message is a seed")) } else { Ok(()) }
}

/// What needs no capture.
fn made(out: &Path) -> io::Result<()> {
    write(&out.join("chain"), &certificates::good_chain())?;
    write(&out.join("x509_der"), &certificates::good_certificate())?;
    write(&out.join("x509_san"), &certificates::good_names())?;
    for file in references::good_files() {
        write(&out.join("corim"), &file)?;
    }
    for file in tokens::good_files() {
        write(&out.join("eat"), &file)?;
    }
    for file in wrappers() {
        write(&out.join("cmw"), &file)?;
    }
    for file in swid::good_files() {
        write(&out.join("swid"), &file)?;
    }
    // Algorithms and kind of run, version, sizes and requirement, options: the rest is a correct device.
    for choice in 0..8 {
        for version in 0..5 {
            for sizes in [0x0F, 0x4F, 0x8F, 0x80, 0xB5] {
                write(&out.join("flow"), &[choice, version, sizes, 0])?;
                write(&out.join("flow"), &[choice, version, sizes, 0x7C])?;
            }
        }
    }
    sessions(out)
}

/// Sessions in every version, on every transport, of every kind: a correct device and a correct requester.
fn sessions(out: &Path) -> io::Result<()> {
    for version in 0..4 {
        for way in 0..4 {
            for kinds in [0x00, 0x01, 0x02, 0x04, 0x06, 0x08, 0x10, 0x22, 0x29] {
                let offer = [version, way, kinds, 0];
                write(&out.join("session"), &[&offer[..], &[0]].concat())?;
                for operations in OPERATIONS {
                    let count = u8::try_from(operations.len()).unwrap_or(u8::MAX);
                    let small = [version, way, kinds, count & 3];
                    let seed = [&small[..], &[0, count], operations.as_flattened()].concat();
                    write(&out.join("session"), &seed)?;
                }
                for begin in [1, 3] {
                    let mut seed = [&offer[..], &[0, begin, 0, 0, 0, 4, 0]].concat();
                    for request in 0..14 {
                        seed.extend([9, request, 0]);
                    }
                    write(&out.join("responder"), &seed)?;
                    for forged in [0, 1, 2] {
                        seed.extend([1, 0, forged, 0, 4, 0, 9, 5, 0, 13, forged, 9, 0, 4]);
                    }
                    write(&out.join("responder"), &seed)?;
                }
            }
        }
    }
    // The AEAD, what is protected, the transport; the first number, its limit; then records of several lengths.
    for way in 0..0x30 {
        for kind in 0..4 {
            let seed = [way, kind, 1, 0, 12, 0, 0x08, 0, 4, 0, 0x58, 14, 0, 12, 0, 0x90, 40, 0, 7];
            write(&out.join("record"), &seed)?;
        }
    }
    Ok(())
}

/// Operations of a requester with a session, and how.
const OPERATIONS: [&[[u8; 2]]; 4] = [
    &[[0, 1], [8, 5], [10, 0], [11, 0], [11, 1], [8, 4], [12, 0]],
    &[[3, 1], [8, 4], [9, 0], [11, 1], [10, 0], [12, 0]],
    &[[7, 0], [5, 1], [0, 0], [3, 0], [8, 0x45], [14, 0], [6, 5], [12, 0], [10, 0x40]],
    &[[0, 0x1B], [13, 0], [4, 0], [0, 2], [0, 0], [12, 0], [10, 0], [15, 0], [0, 1], [8, 5]],
];

/// The frames that a message travels in: of sockets in every framing, and of a serial line. One message of each code.
fn frames(out: &Path, message: &[u8]) -> io::Result<()> {
    let [_, code, ..] = message else { return Ok(()) };
    let out = out.join("transports");
    if out.join(format!("{code:02x}_serial")).exists() {
        return Ok(());
    }
    fs::create_dir_all(&out)?;
    let mut bytes = Vec::new();
    for (number, framing) in transports::FRAMINGS.into_iter().enumerate() {
        if framing.encode(Frame::Message(MessageKind::Plain, message), &mut bytes).is_ok() {
            fs::write(out.join(format!("{code:02x}_{number}")), &bytes)?;
        }
    }
    // A packet of MCTP: version, destination, source, flags, message type.
    let packet = [&[1, 8, 9, 0xC8, 5][..], message].concat();
    let mut line = [0; max_frame(MAX_PACKET)];
    let len = frame(&packet[..packet.len().min(MAX_PACKET)], &mut line);
    let len = len.map_err(|error| io::Error::other(error.to_string()))?;
    fs::write(out.join(format!("{code:02x}_serial")), &line[..len])
}

/// Certificates among the bytes of a chain, and their names.
fn certificates_of(out: &Path, chain: &[u8]) -> io::Result<()> {
    for at in 0..chain.len() {
        let [0x30, 0x82, high, low, ..] = chain[at..] else { continue };
        let len = 4 + usize::from(u16::from_be_bytes([high, low]));
        let Some(der) = chain.get(at..at + len) else { continue };
        let Ok(certificate) = Certificate::from_der(der) else { continue };
        write(&out.join("x509_der"), der)?;
        let names = certificate.tbs_certificate().get_extension::<SubjectAltName>();
        if let Some(names) = names.ok().flatten().and_then(|(_, names)| names.to_der().ok()) {
            write(&out.join("x509_san"), &names)?;
        }
    }
    Ok(())
}

/// A message of a capture as part of a connection; of a record that was opened, what is in it.
fn part(message: &CapturedMessage, inside: Option<&FoundMessage>, padding: usize) -> Vec<u8> {
    // The records of MCTP have a sequence number and a message type in front of the message.
    let (sequence_len, mctp): (usize, &[u8]) = if padding > 0 { (0, &[]) } else { (2, &[5]) };
    let opened = inside.filter(|_| message.layer == Layer::Secured).and_then(|inside| {
        let data = [mctp, &inside.bytes].concat();
        secured::opened(&message.bytes, sequence_len, padding, &data)
    });
    secured::part(message.layer, opened.as_ref().unwrap_or(&message.bytes))
}

fn capture(path: &Path, out: &Path) -> io::Result<usize> {
    let Ok(file) = Capture::read(&fs::read(path)?) else { return Ok(0) };
    let padding = file.messages.first().map_or(0, |message| message.padding);
    let mut conversation = Conversation::new(padding);
    let keys = fs::read(path.with_extension("secrets.json"));
    if let Some(secrets) = keys.ok().and_then(|keys| Secrets::read(&keys).ok()) {
        conversation = conversation.with_secrets(secrets, &PROVIDER);
    }
    let (mut count, mut chains) = (0, Vec::new());
    let mut connection = vec![u8::try_from(padding & 3).unwrap_or_default()];
    for message in &file.messages {
        if message.layer == Layer::Plain && message.bytes.len() <= transports::MAX_MESSAGE {
            frames(out, &message.bytes)?;
        }
        let all = conversation.follow(message.layer, &message.bytes);
        // Of a long connection its beginning.
        if connection.len() + message.bytes.len() <= MAX_LEN {
            connection.extend(part(message, all.get(1), padding));
        }
        for found in all {
            let Content::Message(cx) = found.content else { continue };
            let Ok(header) = Header::peek(Untrusted::new(&found.bytes)) else { continue };
            if header.code == Code::CERTIFICATE {
                chains.extend_from_slice(found.bytes.get(8..).unwrap_or_default());
            }
            let (Some(target), Some(prefix)) = (target(header.code), prefix(&cx)) else { continue };
            let seed = [&prefix[..], &found.bytes].concat();
            let same = context(&seed).is_some_and(|(made, _)| made.version == cx.version);
            assert!(same, "a prefix is what context() reads");
            if seed.len() <= MAX_LEN {
                write(&out.join(target), &seed)?;
                count += 1;
            }
        }
    }
    certificates_of(out, &chains)?;
    write(&out.join("secured_record"), &connection)?;
    Ok(count)
}

/// The same seed, also of an earlier run, is the same file.
fn write(folder: &Path, seed: &[u8]) -> io::Result<()> {
    let mut hasher = DefaultHasher::new();
    seed.hash(&mut hasher);
    let file = folder.join(format!("{:016x}", hasher.finish()));
    fs::create_dir_all(folder)?;
    if file.exists() { Ok(()) } else { fs::write(file, seed) }
}

/// The fuzz target that decodes a message.
fn target(code: Code) -> Option<&'static str> {
    Some(match code {
        Code::GET_VERSION | Code::VERSION => "version",
        Code::GET_CAPABILITIES | Code::CAPABILITIES => "capabilities",
        Code::NEGOTIATE_ALGORITHMS | Code::ALGORITHMS => "algorithms",
        Code::GET_DIGESTS | Code::DIGESTS => "digests",
        Code::GET_CERTIFICATE | Code::CERTIFICATE => "certificate",
        Code::CHALLENGE | Code::CHALLENGE_AUTH => "challenge",
        Code::GET_MEASUREMENTS | Code::MEASUREMENTS => "measurements",
        Code::ERROR | Code::RESPOND_IF_READY => "error",
        Code::KEY_EXCHANGE | Code::KEY_EXCHANGE_RSP => "key_exchange",
        Code::FINISH | Code::FINISH_RSP => "finish",
        Code::PSK_EXCHANGE | Code::PSK_EXCHANGE_RSP => "psk_exchange",
        Code::PSK_FINISH | Code::PSK_FINISH_RSP => "psk_finish",
        Code::HEARTBEAT
        | Code::HEARTBEAT_ACK
        | Code::KEY_UPDATE
        | Code::KEY_UPDATE_ACK
        | Code::END_SESSION
        | Code::END_SESSION_ACK => "session_control",
        Code::GET_ENCAPSULATED_REQUEST
        | Code::ENCAPSULATED_REQUEST
        | Code::DELIVER_ENCAPSULATED_RESPONSE
        | Code::ENCAPSULATED_RESPONSE_ACK => "encapsulated",
        Code::GET_CSR | Code::CSR => "csr",
        Code::SET_CERTIFICATE | Code::SET_CERTIFICATE_RSP => "set_certificate",
        Code::CHUNK_SEND | Code::CHUNK_SEND_ACK | Code::CHUNK_GET | Code::CHUNK_RESPONSE => "chunk",
        Code::GET_MEASUREMENT_EXTENSION_LOG | Code::MEASUREMENT_EXTENSION_LOG => {
            "measurement_extension_log"
        }
        Code::GET_KEY_PAIR_INFO
        | Code::KEY_PAIR_INFO
        | Code::SET_KEY_PAIR_INFO
        | Code::SET_KEY_PAIR_INFO_ACK => "key_pair_info",
        Code::GET_ENDPOINT_INFO | Code::ENDPOINT_INFO => "endpoint_info",
        Code::VENDOR_DEFINED_REQUEST | Code::VENDOR_DEFINED_RESPONSE => "vendor_defined",
        _ => return None,
    })
}

/// Conceptual message wrappers of each kind; the transcript in them is only a beginning.
fn wrappers() -> Vec<Vec<u8>> {
    let kind = b"application/vnd.dmtf.spdm.transcript";
    let record = [&[0x83, 0x78, 36][..], kind, &[0x43, 0x11, 0xE0, 1, 4]].concat();
    let json = br#"{"a": ["application/vnd.dmtf.spdm.transcript", "EeAB", 4], "__cmwc_t": "x"}"#;
    let tunnel = [&[0xA1, 1, 0x82, 0x6F][..], b"#cmw-j2c-tunnel", &[0x58, 75], json].concat();
    vec![
        [&[0xA1, 0x61, b'a'][..], &record].concat(),
        [&[0xA1, 0, 0xA1, 0x61, b'a'][..], &record].concat(),
        record,
        vec![0xDA, 0x63, 0x74, 0x02, 0x09, 0x41, 0xD2],
        json.to_vec(),
        tunnel,
        br##"{"a": ["#cmw-c2j-tunnel", "gxkBB0HSBA"]}"##.to_vec(),
    ]
}
