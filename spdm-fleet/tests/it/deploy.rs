//! Dashboard and alerts of examples/fleet name metrics and labels that exist, and every metric is on the dashboard.

use std::collections::BTreeSet;
use std::fs;

use spdm_fleet::{Fault, Metrics, OutcomeKind, Summary};

use crate::sample::{head, outcome};

const DASHBOARD: &str = "grafana.json";

fn file(name: &str) -> String {
    fs::read_to_string(format!("{}/../examples/fleet/{name}", env!("CARGO_MANIFEST_DIR"))).unwrap()
}

/// Every metric, as it is scraped; of a histogram its buckets.
fn metrics() -> BTreeSet<String> {
    let metrics = Metrics::new(1);
    metrics.queue_pending("work", 1);
    let mut summary = Summary::new(head("aa"));
    let mut first = outcome("tcp:a", OutcomeKind::Unreachable, Fault::Transport);
    first.is_final = false;
    let mut last = outcome("tcp:a", OutcomeKind::Verified, Fault::None);
    last.attempt = 2;
    for outcome in [first, last] {
        let item = summary.take(&outcome);
        metrics.take(&outcome, &summary, item);
    }
    let text = metrics.text();
    let names = text
        .lines()
        .filter(|line| !line.starts_with('#'))
        .map(|line| line.split(['{', ' ']).next().unwrap());
    let names =
        names.filter(|name| !name.ends_with("seconds_sum") && !name.ends_with("seconds_count"));
    names.map(str::to_owned).collect()
}

fn named(text: &str) -> BTreeSet<String> {
    let words =
        text.split(|character: char| !character.is_ascii_alphanumeric() && character != '_');
    words.filter(|word| word.starts_with("spdm_")).map(str::to_owned).collect()
}

#[test]
fn dashboard_and_alerts_name_metrics_that_exist() {
    let metrics = metrics();
    assert_eq!(metrics.len(), 10, "{metrics:?}");
    assert_eq!(named(&file(DASHBOARD)), metrics);
    let alerts = named(&file("alerts.yml"));
    assert!(alerts.is_subset(&metrics), "{alerts:?}");
    serde_json::from_str::<serde_json::Value>(&file(DASHBOARD)).unwrap();
}

#[test]
fn dashboard_and_alerts_name_states_that_exist() {
    let known: BTreeSet<_> =
        OutcomeKind::ALL.map(OutcomeKind::name).into_iter().chain(["pending"]).collect();
    for name in [DASHBOARD, "alerts.yml"] {
        let text = file(name).replace('\\', "");
        let states = text.match_indices("state=").map(|(at, _)| {
            let rest = &text[at..];
            rest.split('"').nth(1).unwrap()
        });
        let states: Vec<_> = states.flat_map(|states| states.split('|')).collect();
        assert!(states.len() > 3, "{name}");
        assert!(states.iter().all(|state| known.contains(state)), "{name}: {states:?}");
    }
}
