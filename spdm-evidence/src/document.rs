//! This crate's JSON: whole exchanges, so that everything can be verified again.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use spdm_codec::{Code, SlotId};

use crate::error::Error;
use crate::evidence::Evidence;
#[cfg(feature = "schema")]
use crate::pattern::HEX_OF_ANY_CASE as HEX;
use crate::recording::{
    ChainContent, Negotiation, RecordedExchange, Recording, SlotChain, is_interim,
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
    for row in &document.exchanges {
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
    let mut evidence = Evidence::new(&document.target);
    evidence.created = document.created;
    evidence.recordings = recordings;
    evidence.chains = chains;
    Ok(evidence)
}

pub(crate) fn write(evidence: &Evidence) -> Result<String, Error> {
    let mut exchanges = Vec::new();
    for recording in &evidence.recordings {
        if recording.negotiation != Negotiation::Recorded {
            return Err(Error::Unwritable("the negotiation is not on record"));
        }
        for exchange in &recording.exchanges {
            exchanges.push(ExchangeRow {
                request: hex::encode(&exchange.request),
                interim: exchange.interim.iter().map(hex::encode).collect(),
                response: exchange.response.as_ref().map(hex::encode),
            });
        }
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
    let document = Document {
        format: FORMAT.to_owned(),
        version: VERSION,
        target: evidence.target.clone(),
        created: evidence.created.clone(),
        padding: padding.unwrap_or(0),
        exchanges,
        chains,
    };
    serde_json::to_string_pretty(&document).map_err(|error| Error::Json(error.to_string()))
}
