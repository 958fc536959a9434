//! Sessions: KEY_EXCHANGE with FINISH, signed measurements in a session, and single records, each beside the primitives
//! alone. Instructions are counted in parts of one run per backend, between the ends of [`counted_part`].

use core::hint::black_box;
use std::path::{Path, PathBuf};
use std::{env, fs, process};

use allocation_counter::measure;
use spdm_benches::floor::{Exchange, Floor};
use spdm_benches::replay::{Buffers, Frozen, NOW, Recording, Replay, SESSION_SUITES, SessionSuite};
use spdm_codec::{MeasurementAttributes, MeasurementSummary, RecordBinding, RecordPrivacy, SlotId};
use spdm_crypto::{
    AeadAlgorithm, Bank, HashBank, NONCE_LEN, Provider, RecordForm, RecordKey, RecordStream, Secret,
};
use spdm_requester::{
    Flow, Negotiated, Offer, OpenSession, Requester, Selection, SessionPlan, SessionSlot, Sessions,
    Storage, blocking,
};
use spdm_transport::Transport;
use spdm_x509::{Anchor, Identity, Policy, ValidityCheck};

use crate::{Backend, Extent, ratio, under_valgrind};

/// Bytes of the message in a record: 64 KiB is what its Length holds less what is around it.
const MESSAGES: [usize; 4] = [64, 1024, 4096, 0xFFFF - 16 - 2];
/// The size for which sealing and opening have a limit.
const LIMITED: usize = 4096;
/// The most instructions of sealing or opening it, relative to one pass of the AEAD over the same bytes.
const MOST_OF_RECORD: f64 = 1.10;
const AEAD: AeadAlgorithm = AeadAlgorithm::Aes256Gcm;
/// What a requester may be lent for a session, in bytes.
const SESSION: usize = 640;

/// A part of a run: what is measured, or counted, in it.
type Part<'p> = &'p mut dyn FnMut(&mut dyn FnMut());

/// The backends' own way through a key exchange, without what a requester adds.
pub(crate) type RunExchange = fn(&Exchange);

/// What is measured of a backend.
pub(crate) struct Measured {
    pub(crate) name: &'static str,
    /// The most instructions of KEY_EXCHANGE and FINISH relative to the primitives, by suite.
    pub(crate) most: [f64; SESSION_SUITES.len()],
    session: fn(&Recording, Part<'_>),
    floor: fn(&[Floor; 2], Part<'_>),
    records: fn(Part<'_>),
    /// Bytes of the running hash of a session.
    hash: usize,
}

pub(crate) const fn measured<B: Backend>() -> Measured {
    Measured {
        name: B::NAME,
        most: B::MOST_OF_SESSION,
        session: |recording, part| {
            let mut hashes = Bank::<B::Running, 4>::new();
            let mut replay = Replay::new(recording);
            session(
                &recording.root,
                recording.message,
                B::PROVIDER,
                &mut hashes,
                &mut replay,
                part,
            );
        },
        floor: |floors, part| {
            for floor in floors {
                part(&mut || {
                    floor.run(&B::PROVIDER);
                    floor.exchange.iter().for_each(B::EXCHANGE);
                });
            }
        },
        records: |part| records(&B::PROVIDER, part),
        hash: size_of::<Bank<B::Running, 4>>() - size_of::<Bank<B::Running, 3>>(),
    }
}

/// Opens a session, in the first part, and measures in it, in the second.
fn session<T: Transport<Error: core::fmt::Debug>>(
    root: &[u8],
    message_len: usize,
    provider: Provider,
    hashes: &mut (dyn HashBank + 'static),
    line: &mut T,
    part: Part<'_>,
) {
    let mut sessions = Sessions::<1>::new();
    let mut buffers = Buffers::of(message_len);
    let Buffers { message, chain, record, connection } = &mut buffers;
    let storage = Storage::new(message, hashes, connection).with_sessions(&mut sessions);
    let requester = Requester::new(provider, storage, line.limits())
        .with_offer(Offer::everything(&provider).with_sessions(&provider));
    let (requester, ()) = blocking::run(requester.negotiate(), line, &Frozen)
        .map_err(|failure| failure.error)
        .expect("a negotiation");
    let (requester, _) = blocking::run(requester.get_digests(), line, &Frozen)
        .map_err(|failure| failure.error)
        .expect("digests");
    let flow = requester.fetch_chain(SlotId::ZERO, chain);
    let (requester, chain) =
        blocking::run(flow, line, &Frozen).map_err(|failure| failure.error).expect("a chain");
    let anchors = [Anchor::Certificate(root)];
    let policy = Policy::new(&provider, &anchors, ValidityCheck::At(NOW));
    policy.validate(&chain).expect("a trusted chain");
    let identity = Identity::Chain(chain);
    let mut plan = SessionPlan::DEFAULT;
    plan.summary = MeasurementSummary::All;
    let (mut given, mut opened) = (Some(requester), None);
    part(&mut || {
        let requester = given.take().expect("a part runs once");
        let flow = requester.open_session(plan, identity);
        opened = Some(blocking::run(flow, line, &Frozen).map_err(|failure| failure.error));
    });
    let (requester, (opened, _)) = opened.expect("a part runs").expect("a session");
    let nonce = requester.nonce().expect("a nonce");
    let (mut given, mut record) = (Some(requester), Some(&mut record[..]));
    let mut measured = None;
    part(&mut || {
        let requester = given.take().expect("a part runs once");
        let flow = requester.in_session(opened.session).measure_signed(
            Selection::All,
            MeasurementAttributes::empty(),
            identity,
            nonce,
            record.take().expect("a part runs once"),
        );
        let done = blocking::run(flow, line, &Frozen).map_err(|failure| failure.error);
        measured = Some(done.map(|(requester, _)| requester));
    });
    let requester = measured.expect("a part runs").expect("measurements");
    blocking::run(requester.close_session(opened.session), line, &Frozen)
        .map_err(|failure| failure.error)
        .expect("the session is closed");
}

/// The least that both parts cost.
fn floors_of(recording: &Recording) -> [Floor; 2] {
    let mut floors = Vec::new();
    let mut before = Floor::default();
    let whole = Floor::watch(|| {
        let mut hashes = Bank::<spdm_benches::floor::SpyRunning, 4>::new();
        let mut replay = Replay::new(recording);
        let (root, len) = (&recording.root, recording.message);
        session(root, len, Floor::SPY, &mut hashes, &mut replay, &mut |run| {
            if floors.is_empty() {
                before = Floor::taken();
            }
            floors.push(Floor::watch(run));
        });
    });
    black_box(whole);
    let mut floors = floors.into_iter().map(|floor: Floor| floor.running(&before));
    [(); 2].map(|()| floors.next().expect("two parts"))
}

/// Seals and opens a record of each length, each beside the AEAD alone: four parts for each.
fn records(provider: &Provider, part: Part<'_>) {
    let secret: [u8; 32] = core::array::from_fn(|at| u8::try_from(at).unwrap_or_default());
    let key = || RecordKey::import(provider, AEAD, &secret, &[9; NONCE_LEN]).expect("a key");
    let form = RecordForm {
        binding: RecordBinding::PciDoe,
        privacy: RecordPrivacy::Encrypted,
        session_id: 0x1234_ffff,
    };
    let aead = provider.aead(AEAD).expect("an AEAD");
    let own = Secret::new(&secret).expect("a key");
    for len in MESSAGES {
        let mut record = vec![7; form.head_len() + len + 16];
        let mut sender = RecordStream::new(key());
        part(&mut || {
            sender.seal(&form, &mut record, len, &[]).expect("a record");
        });
        let mut alone = record.clone();
        let (header, data) = alone.split_at_mut(form.head_len() - 2);
        let data = &mut data[..len + 2];
        let mut tag = None;
        let nonce = [9; NONCE_LEN];
        // What was sealed, sealed once more: the bytes make no difference.
        part(&mut || tag = Some(aead.seal(AEAD, &own, &nonce, header, data).expect("a tag")));
        let tag = tag.expect("a part runs");
        let mut receiver = RecordStream::new(key());
        part(&mut || {
            black_box(receiver.open(&form, &mut record, 0)).expect("the record");
        });
        part(&mut || aead.open(AEAD, &own, &nonce, header, data, &tag).expect("the bytes"));
    }
}

/// What valgrind counts: nothing outside of it.
#[inline(never)]
fn counted_part(run: &mut dyn FnMut()) {
    run();
    black_box(());
}

/// Counted parts of a backend, in the order in which they run.
const PARTS: usize = 4 * SESSION_SUITES.len() + 4 * MESSAGES.len();

/// What this program does once more under valgrind.
pub(crate) fn child(backend: &Measured, paths: &[String]) {
    let recordings = paths.iter().map(|path| Recording::read(Path::new(path)).expect("a file"));
    for recording in recordings {
        let floors = floors_of(&recording);
        // The first run of a backend finds out what the processor can do.
        (backend.session)(&recording, &mut |run| run());
        (backend.floor)(&floors, &mut |run| run());
        (backend.session)(&recording, &mut counted_part);
        (backend.floor)(&floors, &mut counted_part);
    }
    (backend.records)(&mut |run| run());
    (backend.records)(&mut counted_part);
}

/// Instructions of each counted part; `None` where valgrind is missing.
fn counted(backend: &Measured, paths: &[PathBuf]) -> Option<Vec<u64>> {
    let out = env::temp_dir().join(format!("spdm-session-{}-{}", process::id(), backend.name));
    let file = format!("--callgrind-out-file={}", out.display());
    let function = "attest::session::counted_part";
    let tool = [
        "--tool=callgrind",
        &file,
        &format!("--toggle-collect={function}"),
        &format!("--dump-after={function}"),
    ];
    let paths: Vec<_> = paths.iter().map(|path| path.to_string_lossy().into_owned()).collect();
    let mut args = vec!["--session-child", backend.name];
    args.extend(paths.iter().map(String::as_str));
    under_valgrind(&tool, &env::current_exe().ok()?, &args)?;
    let _ = fs::remove_file(&out);
    let mut parts = Vec::new();
    for number in 1.. {
        let file = out.with_file_name(format!(
            "{}.{number}",
            out.file_name().unwrap_or_default().to_string_lossy()
        ));
        let Ok(text) = fs::read_to_string(&file) else { break };
        let _ = fs::remove_file(&file);
        let total = text.lines().find_map(|line| line.strip_prefix("totals: "))?;
        parts.push(total.trim().parse().ok()?);
    }
    parts.retain(|part| *part > 0);
    assert_eq!(parts.len(), PARTS, "counted parts");
    Some(parts)
}

fn record(suite: SessionSuite) -> Recording {
    let provider =
        Provider { random: &spdm_benches::replay::Fixed, ..spdm_crypto::rustcrypto::PROVIDER };
    Recording::of_session(suite, |root, recorder| {
        let mut hashes = Bank::<spdm_crypto::rustcrypto::Running, 4>::new();
        session(root, suite.suite.message, provider, &mut hashes, recorder, &mut |run| run());
    })
}

/// Measures sessions with every backend; whether all is within its limits.
pub(crate) fn all(backends: &[Measured], extent: Extent) -> bool {
    let recordings = SESSION_SUITES.map(record);
    let folder = env::temp_dir();
    let paths: Vec<_> = (0..recordings.len())
        .map(|number| folder.join(format!("spdm-session-{}-{number}.txt", process::id())))
        .collect();
    for (recording, path) in recordings.iter().zip(&paths) {
        recording.write(path).expect("a temporary file");
    }
    println!(
        "\nsession: {} bytes, opening under way: {}",
        size_of::<SessionSlot>(),
        size_of::<Flow<'_, OpenSession<'_>>>() - size_of::<Requester<'_, Negotiated>>(),
    );
    let mut good = size_of::<SessionSlot>() <= SESSION;
    for backend in backends {
        println!("running hash of a session, {}: {} bytes", backend.name, backend.hash);
    }
    println!(
        "{:<11} {:<51} {:>11} {:>11} {:>6} {:>6}",
        "backend", "part", "instr", "floor", "ratio", "allocs"
    );
    for backend in backends {
        let counts = counted(backend, &paths);
        if counts.is_none() && extent == Extent::Gate {
            println!("  valgrind is missing or failed: no instructions were counted");
            good = false;
        }
        let mut counts = counts.unwrap_or_default().into_iter();
        for ((suite, recording), most) in SESSION_SUITES.iter().zip(&recordings).zip(backend.most) {
            let mut allocated = Vec::new();
            (backend.session)(recording, &mut |run| allocated.push(measure(run).count_total));
            let parts: Vec<_> = counts.by_ref().take(4).collect();
            let limits =
                [("KEY_EXCHANGE, FINISH", Some(most)), ("signed measurements inside", None)];
            for (number, (name, most)) in limits.into_iter().enumerate() {
                let name = format!("{}: {name}", suite.suite.name);
                let pair = parts.get(number).zip(parts.get(2 + number));
                let ratio = row(backend.name, &name, pair, allocated.get(number));
                good &= within(ratio, most);
            }
        }
        for len in MESSAGES {
            let parts: Vec<_> = counts.by_ref().take(4).collect();
            for (number, name) in ["seal", "open"].iter().enumerate() {
                let pair = parts.get(2 * number).zip(parts.get(2 * number + 1));
                let ratio = row(backend.name, &format!("{name} {len} bytes"), pair, None);
                good &= within(ratio, (len == LIMITED).then_some(MOST_OF_RECORD));
            }
        }
    }
    for path in &paths {
        let _ = fs::remove_file(path);
    }
    good
}

fn within(ratio: Option<f64>, most: Option<f64>) -> bool {
    let Some((ratio, most)) = ratio.zip(most) else { return true };
    if ratio > most {
        println!("  more than {most} times the floor");
    }
    ratio <= most
}

/// Prints one; its ratio.
fn row(
    backend: &str,
    name: &str,
    pair: Option<(&u64, &u64)>,
    allocated: Option<&u64>,
) -> Option<f64> {
    let value = pair.map(|(all, least)| ratio(*all, *least));
    println!(
        "{backend:<11} {name:<51} {:>11} {:>11} {:>6} {:>6}",
        pair.map_or("-".to_owned(), |(all, _)| all.to_string()),
        pair.map_or("-".to_owned(), |(_, least)| least.to_string()),
        value.map_or("-".to_owned(), |value| format!("{value:.3}")),
        allocated.map_or(String::new(), u64::to_string),
    );
    value
}
