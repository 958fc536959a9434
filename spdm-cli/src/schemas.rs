//! The files of docs/schema are those that the types make.

use std::path::Path;
use std::{env, fs};

use schemars::{JsonSchema, Schema};
use spdm_evidence::{Report, schema};

use crate::certs::ShownChain;
use crate::chain::ChainObject;
use crate::csr::FetchedCsr;
use crate::decode::MessageView;
use crate::emulate::Listening;
use crate::endpoint::ShownEndpoint;
use crate::events::{EventsEnd, ShownEvent, ShownEventTypes};
use crate::exit::FailureObject;
use crate::fleet::class_profile::ClassProfile;
use crate::fleet::{ShownSubmission, ShownSummary, ShownWork};
use crate::ide::{KeyFile, ShownIde};
use crate::keys::ShownKeys;
use crate::list::FoundDevices;
use crate::mel::ExtensionLog;
use crate::provenance::Provenance;
use crate::render::{Info, Recognized, ShownInterface};
use crate::send::Sent;
use crate::set_certificate::SlotChange;
use crate::slots::ShownSlots;

/// With this environment variable the test writes the files.
const WRITE: &str = "SPDM_WRITE_SCHEMAS";

/// A report as this command prints it.
#[derive(JsonSchema)]
#[schemars(
    deny_unknown_fields,
    title = "Verdict over one SPDM connection and slot",
    description = "What the verbs print that end in a verdict, one object per line."
)]
#[expect(dead_code, reason = "only its schema is needed")]
struct PrintedReport {
    #[schemars(flatten)]
    report: Report,
    #[schemars(flatten)]
    provenance: Provenance,
    /// Only of spdm chain: what the chain says; null where it is none.
    #[schemars(default, skip_serializing_if = "Option::is_none")]
    chain: Option<ChainObject>,
}

#[test]
fn the_files_are_those_that_the_types_make() {
    let schemas: [(&str, Schema); 32] = [
        ("certs", schema::written::<ShownChain<'_>>()),
        ("class-profile", schema::read::<ClassProfile>()),
        ("csr", schema::written::<FetchedCsr>()),
        ("decode", schema::written::<MessageView>()),
        ("ear", schema::ear()),
        ("emulate", schema::written::<Listening<'_>>()),
        ("endpoint", schema::written::<ShownEndpoint>()),
        ("error", schema::written::<FailureObject>()),
        ("event", schema::written::<ShownEvent>()),
        ("events", schema::written::<ShownEventTypes>()),
        ("events-end", schema::written::<EventsEnd>()),
        ("evidence", schema::evidence()),
        ("fleet-report", schema::written::<ShownSummary<'_>>()),
        ("fleet-submit", schema::written::<ShownSubmission<'_>>()),
        ("fleet-work", schema::written::<ShownWork<'_>>()),
        ("ide", schema::written::<ShownIde>()),
        ("ide-keys", schema::written::<KeyFile<'_>>()),
        ("info", schema::written::<Info>()),
        ("journal", spdm_fleet::schema::journal_head()),
        ("keys", schema::written::<ShownKeys>()),
        ("known", schema::known_devices()),
        ("list", schema::written::<FoundDevices<'_>>()),
        ("mel", schema::written::<ExtensionLog>()),
        ("outcome", spdm_fleet::schema::outcome()),
        ("policy", schema::policy()),
        ("recognize", schema::written::<Recognized>()),
        ("reference", schema::reference()),
        ("report", schema::written::<PrintedReport>()),
        ("send", schema::written::<Sent>()),
        ("set-cert", schema::written::<SlotChange>()),
        ("slots", schema::written::<ShownSlots>()),
        ("tdisp", schema::written::<ShownInterface>()),
    ];
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/schema");
    for (name, schema) in schemas {
        let file = folder.join(format!("{name}.json"));
        let made = serde_json::to_string_pretty(&schema).unwrap() + "\n";
        if env::var_os(WRITE).is_some() {
            fs::write(&file, &made).unwrap();
        }
        let written = fs::read_to_string(&file).unwrap_or_default();
        assert!(
            written == made,
            "docs/schema/{name}.json is not what the types make: if the change is wanted, run .ci/run api (or this test \
             with {WRITE}=1) and commit docs/schema"
        );
    }
}
