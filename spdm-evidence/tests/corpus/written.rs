//! Captures of the corpus that are read, written and read again.

use std::fs;

use spdm_evidence::{Capture, CaptureBinding, CaptureDirection, CaptureForm, CaptureWriter};

use crate::pcap::{FORMS, at, packets};

pub(crate) fn captures_of_the_dmtf_tools_are_written_as_they_are() {
    let folder = test_corpus::folder().join("captures");
    let mut files: Vec<_> =
        fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.retain(|path| path.extension().is_some_and(|extension| extension == "pcap"));
    assert!(!files.is_empty());
    for path in files {
        let file = fs::read(&path).unwrap();
        let (link, original) = packets(&file);
        let binding = match link {
            147 => CaptureBinding::Bare,
            148 => CaptureBinding::Dsp0287,
            291 => CaptureBinding::Mctp,
            292 => CaptureBinding::PciDoe,
            other => unreachable!("link type {other}"),
        };
        let capture = Capture::read(&file).unwrap();
        for form in FORMS {
            let mut writer = CaptureWriter::new(Vec::new(), form, binding).unwrap();
            for message in &capture.messages {
                let sent = message.bytes.get(1).is_some_and(|code| code & 0x80 != 0);
                let direction =
                    if sent { CaptureDirection::Sent } else { CaptureDirection::Received };
                writer.write(at(0), direction, message.layer, &message.bytes).unwrap();
            }
            let again = writer.finish().unwrap();
            let read = Capture::read(&again).unwrap();
            assert_eq!(read.messages, capture.messages, "{}", path.display());
            if form == CaptureForm::Dmtf {
                let discovery = |packet: &&&[u8]| link != 292 || packet.get(2) != Some(&0);
                let original: Vec<_> = original.iter().filter(discovery).copied().collect();
                assert_eq!(packets(&again), (link, original), "{}", path.display());
            }
        }
    }
}
