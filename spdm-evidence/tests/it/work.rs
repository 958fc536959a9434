//! What files cost: memory and work grow with the file, whatever is in it.

use core::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, LazyLock};

use spdm_crypto::rustcrypto::{PROVIDER, Running};
use spdm_crypto::{Bank, Digest, Hash, HashAlgorithm, Provider, Unsupported};
use spdm_evidence::{Error, Evidence, Note, ReadOptions, RecordedExchange, Verifier};

use crate::forged::{AT, challenge, device, evidence, exchange, negotiation};

/// Provider whose hash counts how often it is asked.
#[derive(Debug, Default)]
struct Counted(AtomicUsize);

impl Hash for Counted {
    fn supports(&self, hash: HashAlgorithm) -> bool {
        PROVIDER.hash.supports(hash)
    }

    fn digest(&self, hash: HashAlgorithm, parts: &[&[u8]]) -> Result<Digest, Unsupported> {
        self.0.fetch_add(1, Ordering::Relaxed);
        PROVIDER.hash.digest(hash, parts)
    }
}

/// A chain of the file is not copied into each of its connections.
#[test]
fn many_connections_share_the_chain_of_a_file() {
    let row = r#"{"request":"1084"}"#;
    let file = |connections: usize| {
        let (rows, chain) = (vec![row; connections].join(","), "00".repeat(500_000));
        let file = format!(
            r#"{{"format":"spdm-evidence","version":1,"exchanges":[{rows}],
            "chains":[{{"slot":0,"chain":"{chain}"}}]}}"#
        );
        Evidence::read(file.as_bytes(), &ReadOptions::default())
    };
    let evidence = file(1000).unwrap();
    assert_eq!((evidence.recordings.len(), evidence.chains.len()), (1000, 1));
    assert!(evidence.recordings.iter().all(|recording| recording.chains.is_empty()));
    let verifier = Verifier::new(&PROVIDER, &[], AT);
    assert_eq!(verifier.verify(&mut Bank::<Running, 2>::new(), &evidence).len(), 1000);
    assert_eq!(file(4097).unwrap_err(), Error::Connections { count: 4097 });
}

/// A note on each packet of a file is one note, which the first report has.
#[test]
fn equal_notes_are_counted() {
    let mut file = vec![0xD4, 0xC3, 0xB2, 0xA1, 2, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF];
    file.extend([0, 0, 0x23, 1, 0, 0]);
    let mut packet = |bytes: &[u8]| {
        let len = u32::try_from(bytes.len()).unwrap().to_le_bytes();
        file.extend([&[0; 8][..], &len, &len, bytes].concat());
    };
    (0..50_000).for_each(|_| packet(&[0]));
    (0..1000).for_each(|_| packet(&[1, 0, 0, 0xC0, 5, 0x10, 0x84, 0, 0]));
    let evidence = Evidence::read(&file, &ReadOptions::default()).unwrap();
    let notes: Vec<_> = evidence.notes.iter().map(|note| (note.note, note.count)).collect();
    assert_eq!(notes, [(Note::OtherPacket, 50_000)]);
    let verifier = Verifier::new(&PROVIDER, &[], AT);
    let reports = verifier.verify(&mut Bank::<Running, 2>::new(), &evidence);
    assert_eq!(reports.len(), evidence.recordings.len());
    let of_reports: Vec<_> = reports.iter().map(|report| report.notes().len()).collect();
    // Each has one on its unanswered request besides.
    assert_eq!((of_reports[0], reports[0].notes()[0]), (2, evidence.notes[0]));
    assert!(of_reports[1..].iter().all(|count| *count == 1));
}

/// Each chain is hashed and parsed once, however many chains and connections there are.
#[test]
fn the_work_grows_with_the_file_and_not_with_its_square() {
    static HASH: LazyLock<Counted> = LazyLock::new(Default::default);
    let provider = Provider { hash: &*HASH, ..PROVIDER };
    let mut a = device(1, |_| ());
    let vca = negotiation(&mut a);
    let one_byte = RecordedExchange {
        request: vec![0x12, 0x82, 0, 0, 0, 0, 1, 0],
        interim: Vec::new(),
        response: Some(vec![0x12, 2, 0, 0, 1, 0, 0, 0, 0x55]),
    };
    let digests = exchange(&mut a, vec![0x12, 0x81, 0, 0]);
    let mut file = evidence(&[&vca, &vec![one_byte; 2000], &[digests]]);
    file.recordings
        .extend(vec![evidence(&[&vca, &[challenge(&mut a, 0, 7)]]).recordings.remove(0); 200]);
    let verifier = Verifier::new(&provider, &[], AT);
    let reports = verifier.verify(&mut Bank::<Running, 2>::new(), &file);
    assert_eq!(reports.len(), 201);
    let hashed = HASH.0.load(Ordering::Relaxed);
    assert!(hashed < 2500, "{hashed}");
}

/// A chain around many devices, and chains of many documents, are shared, and reading stops at the limit.
#[test]
fn many_devices_and_documents_share_chains() {
    let chain = "00".repeat(200_000);
    let row = r#"{"request":"10840000","response":null}"#;
    let document = |connections: usize, chains: usize| {
        let rows = vec![row; connections].join(",");
        let chains = vec![format!(r#"{{"slot":0,"chain":"{chain}"}}"#); chains].join(",");
        format!(
            r#"{{"format":"spdm-evidence","version":1,"exchanges":[{rows}],"chains":[{chains}]}}"#
        )
    };
    let read = |file: String| Evidence::read(file.as_bytes(), &ReadOptions::default());
    let evidence = read([document(1000, 2), document(1, 0)].concat()).unwrap();
    let recordings = &evidence.recordings;
    assert_eq!((recordings.len(), recordings[999].chains.len()), (1001, 2));
    let shared = &recordings[0].chains[0].content;
    assert!(recordings[..1000].iter().all(|r| Arc::ptr_eq(&r.chains[0].content, shared)));
    let too_many = |count| Error::Connections { count };
    assert_eq!(read([document(4096, 1), document(1, 0)].concat()).unwrap_err(), too_many(4097));
    let chains = vec![r#"{"slot":0,"chain":"00"}"#; 5000].join(",");
    let many = document(300, 0).replace("[]", &format!("[{chains}]"));
    assert_eq!(read([document(1, 0), many].concat()).unwrap_err(), too_many(301));
}
