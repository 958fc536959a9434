//! Every kind of error and every check, row by row.

use spdm_codec::Code;
use spdm_crypto::rustcrypto::PROVIDER;
use spdm_evidence::{
    AttestationCheck, ExitClass, Freshness, Report, ReportBuilder, ReportErrorKind,
};
use spdm_requester::{Bound, Error};

use super::{Failed, fault_of, row};
use crate::outcome::{Fault, Finding, OutcomeKind};

fn report(fill: impl FnOnce(&mut ReportBuilder)) -> Report {
    let mut report = ReportBuilder::new("tcp:a", Freshness::Own, &PROVIDER);
    fill(&mut report);
    report.build()
}

fn of(fill: impl FnOnce(&mut ReportBuilder)) -> Finding {
    Finding::of(&report(fill), None)
}

fn failed(kind: ReportErrorKind, class: ExitClass) -> Finding {
    Finding::of_failure(Failed { kind, message: "as it was", class })
}

#[test]
fn every_kind_of_error_has_a_row() {
    use ExitClass::{Protocol, Rejected, Transport, Usage};
    use OutcomeKind as Kind;
    use ReportErrorKind as Error;
    let rows = [
        (Error::Decode, Protocol, Kind::DeviceError, Fault::Device, false),
        (Error::Protocol, Protocol, Kind::DeviceError, Fault::Device, false),
        (Error::Signature, Rejected, Kind::Rejected, Fault::Device, false),
        (Error::Refused, Rejected, Kind::Rejected, Fault::Device, false),
        (Error::Unsupported, Usage, Kind::Undecidable, Fault::Configuration, false),
        (Error::Incompatible, Rejected, Kind::Rejected, Fault::Device, false),
        (Error::Unsigned, Rejected, Kind::Rejected, Fault::Policy, false),
        (Error::Chain, Rejected, Kind::Rejected, Fault::Device, false),
        (Error::Identity, Rejected, Kind::Rejected, Fault::Device, false),
        (Error::Nonce, Rejected, Kind::Rejected, Fault::Device, false),
        (Error::Reference, Rejected, Kind::Rejected, Fault::Reference, false),
        (Error::Session, Rejected, Kind::Rejected, Fault::Device, false),
        (Error::Session, Protocol, Kind::DeviceError, Fault::Device, false),
        (Error::Session, Transport, Kind::Unreachable, Fault::Transport, true),
        (Error::Session, Usage, Kind::InternalError, Fault::Us, false),
        (Error::Known, Rejected, Kind::Rejected, Fault::Device, false),
        (Error::Policy, Rejected, Kind::Rejected, Fault::Policy, false),
        (Error::Required, Rejected, Kind::Rejected, Fault::Device, false),
        (Error::Rejected, Rejected, Kind::Rejected, Fault::Device, false),
        (Error::Unproven, Rejected, Kind::Rejected, Fault::Device, false),
        (Error::Transport, Transport, Kind::Unreachable, Fault::Transport, true),
        (Error::Framing, Protocol, Kind::DeviceError, Fault::Device, false),
        (Error::Timeout, Transport, Kind::Unreachable, Fault::Transport, true),
        (Error::Limit, Transport, Kind::Unreachable, Fault::Transport, true),
        (Error::Limit, Protocol, Kind::DeviceError, Fault::Device, false),
        (Error::Request, Usage, Kind::Undecidable, Fault::Configuration, false),
        (Error::Internal, Usage, Kind::InternalError, Fault::Us, false),
    ];
    for (kind, class, expected, fault, passing) in rows {
        let finding = failed(kind, class);
        assert_eq!((finding.kind, finding.fault), (expected, fault), "{kind:?}");
        assert_eq!(finding.passing, passing, "{kind:?}");
        assert_eq!(finding.reason.unwrap().detail, "as it was");
    }
    for kind in ReportErrorKind::ALL {
        assert!(rows.iter().any(|(known, ..)| *known == kind), "no test of {kind:?}");
        for class in [ExitClass::Ok, Rejected, Usage, Transport, Protocol] {
            assert!(row(kind, class).is_some(), "no row of {kind:?}");
            // Whatever somebody says of a connection that failed.
            assert_ne!(failed(kind, class).kind, Kind::Verified);
        }
    }
}

#[test]
fn every_check_that_fails_has_somebody_to_blame() {
    for check in AttestationCheck::ALL.into_iter().chain(AttestationCheck::OCCASIONAL) {
        let fault = fault_of(check).unwrap_or_else(|| panic!("no row of {}", check.name()));
        let finding = of(|report| {
            report.fail(check, "it does not hold");
        });
        let expected = match check {
            // A known device that changed has an error of its own.
            AttestationCheck::KnownDevice => Fault::Configuration,
            _ => fault,
        };
        assert_eq!((finding.kind, finding.fault), (OutcomeKind::Rejected, expected), "{check:?}");
        let reason = finding.reason.unwrap();
        assert_eq!(reason.check, check.name());
        assert!(reason.detail.contains("it does not hold"), "{}", reason.detail);
        assert!(!finding.passing);
    }
    let blamed = |check| fault_of(check).unwrap();
    assert_eq!(blamed(AttestationCheck::ChainSignatures), Fault::Device);
    assert_eq!(blamed(AttestationCheck::MeasurementsReference), Fault::Reference);
    assert_eq!(blamed(AttestationCheck::ReferenceSignature), Fault::Reference);
    assert_eq!(blamed(AttestationCheck::HostFinish), Fault::Configuration);
    assert_eq!(blamed(AttestationCheck::Policy), Fault::Policy);
}

#[test]
fn a_check_that_is_required_and_skipped_is_named() {
    let finding = of(|report| {
        report.not_known("no device is known for this target");
    });
    let reason = finding.reason.unwrap();
    assert_eq!((finding.kind, finding.fault), (OutcomeKind::Rejected, Fault::Configuration));
    assert_eq!(reason.check, "known.device");
    assert!(reason.detail.contains("no device is known"), "{}", reason.detail);
    let check = AttestationCheck::MeasurementsReference;
    let finding = of(|report| {
        report.require(check).skip(check, "no signed measurements");
    });
    assert_eq!((finding.kind, finding.fault), (OutcomeKind::Rejected, Fault::Reference));
    assert_eq!(finding.reason.unwrap().check, check.name());
}

#[test]
fn a_report_without_any_signature_is_not_verified() {
    let finding = of(|_| ());
    assert_eq!((finding.kind, finding.fault), (OutcomeKind::Rejected, Fault::Device));
    assert_eq!(finding.reason.unwrap().check, "exchange");
}

#[test]
fn a_device_that_is_busy_or_silent_is_tried_again() {
    for error in [Error::Bound(Bound::Busy(8)), Error::Timeout { request: Code::GET_VERSION }] {
        let finding = of(|report| {
            report.failed(&error);
        });
        assert_eq!(finding.kind, OutcomeKind::Unreachable, "{error}");
        assert!(finding.passing);
    }
}

#[test]
fn a_connection_that_failed_outweighs_its_report() {
    let report = report(|report| {
        report.fail(AttestationCheck::MeasurementsReference, "another value");
    });
    let failed = Failed {
        kind: ReportErrorKind::Timeout,
        message: "no answer to GET_MEASUREMENTS",
        class: ExitClass::Transport,
    };
    let finding = Finding::of(&report, Some(failed));
    assert_eq!((finding.kind, finding.fault), (OutcomeKind::Unreachable, Fault::Transport));
    let reason = finding.reason.unwrap();
    assert_eq!(
        (reason.check.as_str(), reason.detail.as_str()),
        ("connection", "no answer to GET_MEASUREMENTS")
    );
}
