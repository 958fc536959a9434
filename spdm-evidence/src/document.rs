//! This crate's JSON: whole exchanges, so that everything can be verified again.

use core::iter::Peekable;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use spdm_codec::{Code, RecordBinding, SlotId};

use crate::error::Error;
use crate::evidence::Evidence;
#[cfg(feature = "schema")]
use crate::pattern::HEX_OF_ANY_CASE as HEX;
use crate::recording::{
    CapturedRecord, ChainContent, Negotiation, RecordedExchange, Recording, SlotChain, is_interim,
};

pub(crate) const FORMAT: &str = "spdm-evidence";
const VERSION: u32 = 1;
/// What DOE may append to a message; other transports append nothing.
const MAX_PADDING: usize = 3;

#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(
    feature = "schema",
    derive(schemars::JsonSchema),
    schemars(title = "Evidence: the exchanges of SPDM connections")
)]
pub(crate) struct Document {
    #[cfg_attr(feature = "schema", schemars(extend("const" = FORMAT)))]
    format: String,
    #[cfg_attr(feature = "schema", schemars(extend("const" = VERSION)))]
    version: u32,
    /// Where it was collected.
    #[serde(default)]
    target: String,
    /// When; nothing signs it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schemars(extend("type" = "string", "format" = "date-time")))]
    created: Option<String>,
    /// How many bytes the transport may have appended to a message: 3 for DOE.
    #[serde(default)]
    #[cfg_attr(feature = "schema", schemars(range(max = MAX_PADDING)))]
    padding: usize,
    /// In order, chunks reassembled. A connection begins with GET_VERSION.
    exchanges: Vec<ExchangeRow>,
    /// The records of sessions, in the order in which they were on the wire. What is inside is not among the exchanges.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    records: Vec<RecordRow>,
    /// How the transport carried the records.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    record_binding: Option<BindingName>,
    /// Certificate chains that were not fetched in these exchanges.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    chains: Vec<ChainRow>,
}

/// A request and its answers.
#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
struct ExchangeRow {
    #[cfg_attr(feature = "schema", schemars(regex(pattern = HEX)))]
    request: String,
    /// ERROR answers before the final one: Busy, ResponseNotReady, LargeResponse.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[cfg_attr(feature = "schema", schemars(inner(regex(pattern = HEX))))]
    interim: Vec<String>,
    /// The final answer; null where none came.
    #[cfg_attr(feature = "schema", schemars(regex(pattern = HEX)))]
    response: Option<String>,
}

/// A transport that carries records.
#[derive(Clone, Copy, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
enum BindingName {
    /// PCI DOE.
    Doe,
    /// DSP0276.
    Mctp,
    /// DSP0287.
    Tcp,
    /// DSP0286.
    Storage,
}

impl BindingName {
    const fn of(binding: RecordBinding) -> Option<Self> {
        match binding {
            RecordBinding::PciDoe => Some(Self::Doe),
            RecordBinding::Mctp => Some(Self::Mctp),
            RecordBinding::Tcp => Some(Self::Tcp),
            RecordBinding::Storage => Some(Self::Storage),
            _ => None,
        }
    }

    const fn binding(self) -> RecordBinding {
        match self {
            Self::Doe => RecordBinding::PciDoe,
            Self::Mctp => RecordBinding::Mctp,
            Self::Tcp => RecordBinding::Tcp,
            Self::Storage => RecordBinding::Storage,
        }
    }
}

/// A record of a session.
#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
struct RecordRow {
    /// How many exchanges came before.
    after: usize,
    /// The record, with what the transport appended.
    #[cfg_attr(feature = "schema", schemars(regex(pattern = HEX)))]
    record: String,
}

/// The certificate chain of a slot.
#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
struct ChainRow {
    #[cfg_attr(feature = "schema", schemars(range(max = 7)))]
    slot: u8,
    /// The structure of DSP0274: Length, RootHash, certificates.
    #[cfg_attr(feature = "schema", schemars(regex(pattern = HEX)))]
    chain: String,
}

fn bytes(text: &str, field: &'static str) -> Result<Vec<u8>, Error> {
    hex::decode(text).map_err(|_| Error::Hex { field })
}

fn interim(text: &str) -> Result<Vec<u8>, Error> {
    let message = bytes(text, "interim")?;
    if is_interim(&message) { Ok(message) } else { Err(Error::Interim) }
}

pub(crate) fn read(json: &[u8]) -> Result<Evidence, Error> {
    let document: Document =
        serde_json::from_slice(json).map_err(|error| Error::Json(error.to_string()))?;
    if document.format != FORMAT {
        return Err(Error::Format);
    }
    if document.version != VERSION {
        return Err(Error::SchemaVersion(document.version));
    }
    if document.padding > MAX_PADDING {
        return Err(Error::Json("padding is not 0 to 3".to_owned()));
    }
    let chains = document.chains.iter().map(|row| {
        let slot = SlotId::new(row.slot);
        let slot = slot.ok_or_else(|| Error::Json("slot is not 0 to 7".to_owned()))?;
        let content = Arc::new(ChainContent::Structure(bytes(&row.chain, "chain")?));
        Ok(SlotChain { slot, content })
    });
    let chains: Vec<SlotChain> = chains.collect::<Result<_, Error>>()?;
    let mut recordings: Vec<Recording> = Vec::new();
    let mut records = document.records.iter().peekable();
    if document.records.windows(2).any(|pair| matches!(pair, [a, b] if a.after > b.after)) {
        return Err(Error::Json("the records are not in order".to_owned()));
    }
    for (index, row) in document.exchanges.iter().enumerate() {
        take_records(&mut records, index, &mut recordings)?;
        let exchange = RecordedExchange {
            request: bytes(&row.request, "request")?,
            interim: row.interim.iter().map(|text| interim(text)).collect::<Result<_, _>>()?,
            response: row.response.as_deref().map(|r| bytes(r, "response")).transpose()?,
        };
        let begins = exchange.request.get(1) == Some(&Code::GET_VERSION.0);
        if begins || recordings.is_empty() {
            recordings.push(Recording::new(Negotiation::Recorded, document.padding));
        }
        if let Some(recording) = recordings.last_mut() {
            recording.exchanges.push(exchange);
        }
    }
    take_records(&mut records, document.exchanges.len(), &mut recordings)?;
    if records.next().is_some() {
        return Err(Error::Json("a record is behind more exchanges than there are".to_owned()));
    }
    for recording in &mut recordings {
        recording.record_binding = document.record_binding.map(BindingName::binding);
    }
    let mut evidence = Evidence::new(&document.target);
    evidence.created = document.created;
    evidence.recordings = recordings;
    evidence.chains = chains;
    Ok(evidence)
}

/// Gives the last connection the records behind this many exchanges of the file.
fn take_records<'d>(
    records: &mut Peekable<impl Iterator<Item = &'d RecordRow>>,
    after: usize,
    recordings: &mut [Recording],
) -> Result<(), Error> {
    while let Some(row) = records.next_if(|row| row.after == after) {
        let Some(recording) = recordings.last_mut() else {
            return Err(Error::Json("a record is in front of every exchange".to_owned()));
        };
        let exchange = recording.exchanges.len();
        let bytes = bytes(&row.record, "record")?;
        recording.records.push(CapturedRecord { exchange, bytes });
    }
    Ok(())
}

/// Whether connections are of different devices, as far as chains go that they did not fetch: the form does not say which
/// of them a chain belongs to.
fn holds_several_chains_of_a_slot(evidence: &Evidence) -> bool {
    let mut seen: Vec<&SlotChain> = Vec::new();
    for recording in &evidence.recordings {
        let differs = |chain: &SlotChain| {
            seen.iter().any(|other| other.slot == chain.slot && other.content != chain.content)
        };
        if recording.chains.iter().any(differs) {
            return true;
        }
        seen.extend(&recording.chains);
    }
    false
}

/// Over several lines, for people.
pub(crate) fn write(evidence: &Evidence) -> Result<String, Error> {
    let document = document(evidence)?;
    serde_json::to_string_pretty(&document).map_err(|error| Error::Json(error.to_string()))
}

/// In one line.
pub(crate) fn write_line(evidence: &Evidence) -> Result<String, Error> {
    let document = document(evidence)?;
    serde_json::to_string(&document).map_err(|error| Error::Json(error.to_string()))
}

fn document(evidence: &Evidence) -> Result<Document, Error> {
    let (mut exchanges, mut records) = (Vec::new(), Vec::new());
    let mut bindings = evidence.recordings.iter().filter(|recording| !recording.records.is_empty());
    let binding = bindings.next().and_then(|recording| recording.record_binding);
    if bindings.any(|recording| recording.record_binding != binding) {
        return Err(Error::Unwritable("its records are of different transports"));
    }
    for recording in &evidence.recordings {
        if recording.negotiation != Negotiation::Recorded {
            return Err(Error::Unwritable("the negotiation is not on record"));
        }
        let before: usize = exchanges.len();
        records.extend(recording.records.iter().map(|record| RecordRow {
            after: before + record.exchange,
            record: hex::encode(&record.bytes),
        }));
        for exchange in &recording.exchanges {
            exchanges.push(ExchangeRow {
                request: hex::encode(&exchange.request),
                interim: exchange.interim.iter().map(hex::encode).collect(),
                response: exchange.response.as_ref().map(hex::encode),
            });
        }
    }
    if holds_several_chains_of_a_slot(evidence) {
        return Err(Error::Unwritable("its connections have different chains in one slot"));
    }
    let of_recordings = evidence.recordings.iter().flat_map(|recording| &recording.chains);
    let chains = of_recordings.chain(&evidence.chains).map(|chain| match &*chain.content {
        ChainContent::Structure(structure) => {
            Ok(ChainRow { slot: chain.slot.get(), chain: hex::encode(structure) })
        }
        ChainContent::Certificates(_) => {
            Err(Error::Unwritable("a chain is a list of certificates"))
        }
    });
    let chains = chains.collect::<Result<_, Error>>()?;
    let padding = evidence.recordings.iter().map(|recording| recording.padding).max();
    Ok(Document {
        format: FORMAT.to_owned(),
        version: VERSION,
        target: evidence.target.clone(),
        created: evidence.created.clone(),
        padding: padding.unwrap_or(0),
        exchanges,
        records,
        record_binding: binding.and_then(BindingName::of),
        chains,
    })
}
