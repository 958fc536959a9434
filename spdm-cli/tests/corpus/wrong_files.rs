//! Files given to the wrong command: what they are, and which command reads them.

use serde_json::Value;

use crate::inputs::input;
use crate::process::{Folder, Run, spdm};

const VERBS: [&str; 3] = ["verify", "decode", "chain"];
/// What each command wants.
const WANTED: [&str; 3] = ["evidence", "message of SPDM", "certificate chain"];

fn run(verb: &str, file: &str) -> Run {
    spdm(&[verb, file])
}

pub(crate) fn each_command_says_what_the_file_is() {
    let folder = Folder::new();
    let copy = |name: &str, from: &str| folder.write(name, std::fs::read(input(from)).unwrap());
    let der = {
        let list = std::fs::read(input("b09_cert_then_key.der")).unwrap();
        let len = usize::from(u16::from_be_bytes([list[2], list[3]])) + 4;
        list[..len].to_vec()
    };
    let mut tar = vec![0; 512];
    tar[257..262].copy_from_slice(b"ustar");
    let pem = |label: &str| format!("-----BEGIN {label}-----\nAAAA\n-----END {label}-----\n");
    // The file, what it is, and the command that reads it.
    let capture = "is a capture of packets";
    let rows: Vec<(String, &str, &str)> = vec![
        (copy("a.pcap", "b14_tcp_dmtf_emu.pcap"), capture, "verify"),
        (copy("a.pcap.gz", "b30_capture.pcap.gz"), capture, "verify"),
        (copy("a.pcapng", "b16_two_interfaces.pcapng"), capture, "verify"),
        (copy("own.json", "b31_evidence.json"), "is JSON", "verify"),
        (
            copy("t.bin", "b45_transcript_without_chain.bin"),
            "is a transcript of messages",
            "verify",
        ),
        (copy("t.b64", "b07_signed_measurements.b64"), "is a transcript of messages", "verify"),
        (copy("a.pem", "chain12.pem"), "holds certificates", "chain"),
        (folder.write("a.der", der), "holds certificates", "chain"),
        (folder.write("a.html", "\n<!DOCTYPE HTML>\n<p>404</p>"), "is a web page (HTML)", ""),
        (folder.write("a.xml", "<?xml version=\"1.0\"?><a/>"), "is XML", ""),
        (folder.write("a.pdf", b"%PDF-1.7\n\xE2\xE3\n"), "is a PDF document", ""),
        (folder.write("a.elf", b"\x7FELF\x02\x01\x01\0\0\0"), "is a program (ELF)", ""),
        (
            folder.write("a.cbor", [&[0xD2, 0x84, 0x43][..], &[0; 60]].concat()),
            "is CBOR (COSE)",
            "",
        ),
        (folder.write("a.png", b"\x89PNG\r\n\x1A\n\0\0"), "is a picture (PNG)", ""),
        (folder.write("key.pem", pem("PRIVATE KEY")), "holds a private key", ""),
        (folder.write("ec.pem", pem("EC PRIVATE KEY")), "holds a private key", ""),
        (folder.write("req.pem", pem("CERTIFICATE REQUEST")), "is PEM", ""),
        (copy("pk.pem", "pk_ok.pem"), "holds a public key", "--peer-key"),
        (folder.write("a.xz", b"\xFD7zXZ\0\0\x04"), "is packed (xz): unpack it first", ""),
        (folder.write("a.bz2", b"BZh91AY&SY\xFF"), "is packed (bzip2): unpack it first", ""),
        (folder.write("a.lzma", b"\x5D\0\0\x80\0\xFF"), "is packed (lzma): unpack it first", ""),
        (folder.write("a.zlib", b"\x78\x9C\xFF\0"), "is packed (zlib): unpack it first", ""),
        (folder.write("a.utf32", b"\xFF\xFE\0\0{\0\0\0"), "is text in UTF-32", ""),
        (
            folder.write("a.snoop", b"snoop\0\0\0\0\0\0\x02"),
            "is a capture of snoop, which is to be converted to pcap",
            "",
        ),
        (folder.write("a.zip", b"PK\x03\x04\xFF\xFF"), "is packed (ZIP): unpack it first", ""),
        (
            folder.write("a.7z", b"7z\xBC\xAF\x27\x1C\0\x04"),
            "is packed (7-Zip): unpack it first",
            "",
        ),
        (
            folder.write("a.tar", [&tar[..], pem("CERTIFICATE").as_bytes()].concat()),
            "is packed (tar): unpack it first",
            "",
        ),
        (folder.write("empty", ""), "is empty", ""),
    ];
    for (file, what, reader) in rows {
        for (verb, wanted) in VERBS.into_iter().zip(WANTED) {
            let is_reader = reader == verb || verb == "decode" && reader == "verify";
            // PEM without a certificate says which blocks it has.
            if is_reader
                || verb == "chain" && what.starts_with("holds a p")
                || verb == "chain" && what == "is PEM"
            {
                continue;
            }
            let run = run(verb, &file);
            let is_complete = what.contains("first") || what == "is empty";
            let more = if is_complete { String::new() } else { format!(", and no {wanted}") };
            let mut lines = run.err.lines();
            assert_eq!((run.code, run.out.as_str()), (2, ""), "{verb} {file}: {run:?}");
            assert_eq!(lines.next(), Some(&*format!("error: {file}: the file {what}{more}")));
            let hint = match reader {
                "" => None,
                "--peer-key" => Some(format!("hint: --peer-key {file} ")),
                reader => Some(format!("hint: spdm {reader} {file} judges ")),
            };
            let told = lines.next();
            assert_eq!(told.is_some(), hint.is_some(), "{verb} {file}: {}", run.err);
            assert!(
                told.zip(hint).is_none_or(|(told, hint)| told.starts_with(&hint)),
                "{}",
                run.err
            );
            let json = spdm(&[verb, &file, "--json"]).object();
            assert_eq!(json["error"]["kind"], "usage");
        }
    }
    // A dump is no evidence, but messages.
    let dump = input("b20_dump_text.txt");
    let told = run("verify", &dump).err;
    assert!(
        told.ends_with(&format!("hint: spdm decode {dump} shows the messages in it\n")),
        "{told}"
    );
    // A chain may be packed.
    let chain = std::fs::read(input("chain12.pem")).unwrap();
    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    std::io::Write::write_all(&mut packed, &chain).unwrap();
    let file = folder.write("chain.pem.gz", packed.finish().unwrap());
    let run = spdm(&["chain", &file, "--trust", &input("root12.pem"), "--at", crate::inputs::AT]);
    assert_eq!(run.code, 0, "{run:?}");
}

pub(crate) fn a_capture_that_is_cut_says_where() {
    let folder = Folder::new();
    let whole = std::fs::read(input("b14_tcp_dmtf_emu.pcap")).unwrap();
    let file = folder.write("cut.pcap", &whole[..3000]);
    let shown = run("decode", &file);
    let why = "packet 14 is cut: only 765 bytes of it are there";
    let told = format!("error: {file}: not all of it can be decoded: {why}\n");
    assert!(shown.code == 2 && shown.err.ends_with(&told), "{}", shown.err);
    assert!(shown.out.lines().count() > 4, "{}", shown.out);
    let objects = spdm(&["decode", &file, "--json"]).objects();
    let error: &Value = &objects.last().unwrap()["error"];
    assert_eq!(error["kind"], "usage");
    assert!(error["message"].as_str().unwrap().ends_with(why));
    let judged = run("verify", &file);
    assert_eq!((judged.code, judged.out.as_str()), (2, ""));
    assert_eq!(judged.err, format!("error: {file}: the capture cannot be judged: {why}\n"));
}
