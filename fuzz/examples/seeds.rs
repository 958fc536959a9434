//! `seeds CAPTURES OUT`: the messages of a folder of captures as seeds, `OUT/TARGET/…`, each behind the bytes
//! of its context. Captures with keys beside them give the messages of their sessions, too.

use std::collections::hash_map::DefaultHasher;
use std::hash::{Hash, Hasher};
use std::path::Path;
use std::{env, fs, io};

use spdm_codec::{Code, Header};
use spdm_crypto::rustcrypto::PROVIDER;
use spdm_evidence::{Capture, Content, Conversation, Secrets};
use spdm_fuzz::{context, prefix};
use spdm_untrusted::Untrusted;

/// Longer seeds only make mutation slow.
const MAX_LEN: usize = 4096;

fn main() -> io::Result<()> {
    let arguments: Vec<_> = env::args_os().skip(1).collect();
    let [captures, out] = arguments.as_slice() else {
        return Err(io::Error::other("usage: seeds CAPTURES OUT"));
    };
    let mut count = 0;
    for entry in fs::read_dir(captures)? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "pcap") {
            count += capture(&path, Path::new(out))?;
        }
    }
    println!("{count} messages are seeds");
    if count == 0 { Err(io::Error::other("no message is a seed")) } else { Ok(()) }
}

fn capture(path: &Path, out: &Path) -> io::Result<usize> {
    let Ok(file) = Capture::read(&fs::read(path)?) else { return Ok(0) };
    let mut conversation = Conversation::new(file.padding);
    let keys = fs::read(path.with_extension("secrets.json"));
    if let Some(secrets) = keys.ok().and_then(|keys| Secrets::read(&keys).ok()) {
        conversation = conversation.with_secrets(secrets, &PROVIDER);
    }
    let mut count = 0;
    for message in &file.messages {
        for found in conversation.follow(message.layer, &message.bytes) {
            let Content::Message(cx) = found.content else { continue };
            let Ok(header) = Header::peek(Untrusted::new(&found.bytes)) else { continue };
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
