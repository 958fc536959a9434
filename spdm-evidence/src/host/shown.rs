//! What a report shows of the host.

use spdm_requester::AttestationCheck;

use super::findings::{HostFindings, HostProof};
use crate::report::ReportBuilder;

impl HostFindings {
    /// What the host proved of itself: checks of their own, on none of which a verdict about the device rests. One that fails
    /// says that what is recorded was not said so, and nothing is verified.
    pub(crate) fn show(&self, report: &mut ReportBuilder) {
        for (check, why) in &self.failures {
            report.fail(*check, why.clone());
        }
        if self.answers > 0 {
            let detail = format!("the host answered {} encapsulated requests", self.answers);
            report.pass(AttestationCheck::HostFlow, detail);
        }
        let proofs = [
            (AttestationCheck::HostChallenge, &self.challenge),
            (AttestationCheck::HostFinish, &self.finish),
            (AttestationCheck::HostEndpointInfo, &self.endpoint_info),
        ];
        for (check, proof) in proofs {
            match (proof.verified, &proof.why) {
                (0, None) => {}
                (0, Some(why)) => {
                    report.skip(check, format!("not checked: {why}"));
                }
                (1.., _) => {
                    report.pass(check, signed_by_host(proof));
                }
            }
        }
    }
}

/// What the host signed. Whose chain it is nobody has judged.
fn signed_by_host(proof: &HostProof) -> String {
    let name = |slot: &u8| match slot {
        0xFF => "the raw public key".to_owned(),
        slot => format!("slot {slot}"),
    };
    let slots: Vec<String> = proof.slots.iter().map(name).collect();
    let verified = format!("{} signatures of the host: {}", proof.verified, slots.join(", "));
    match &proof.why {
        None => format!("{verified}, not appraised"),
        Some(why) => format!("{verified}, not appraised; {} not checked: {why}", proof.unchecked),
    }
}
