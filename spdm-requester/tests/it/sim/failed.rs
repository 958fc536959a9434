//! Attestations that must fail.

use spdm_codec::Code;
use spdm_crypto::rustcrypto::PROVIDER;
use spdm_requester::{
    AttestationPlan, Bounds, Compat, Offer, Recovered, RunError, Stage, Verified, blocking,
};

use super::cause::Cause;
use super::{Memory, Sim, SimError, attest_by, requester, until, with_policy};

/// The requester after a failure.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Remains {
    /// As before the operation.
    Kept,
    /// Without its connection.
    Fresh,
}

/// How an attestation failed.
#[derive(Clone, Debug, PartialEq)]
pub struct Failed {
    pub cause: Result<Cause, SimError>,
    pub remains: Remains,
    /// The codes of all requests until then.
    pub codes: Vec<Code>,
}

/// What is different from a default attestation.
#[derive(Clone, Copy, Debug)]
pub struct Setup {
    pub offer: Offer,
    pub bounds: Bounds,
    pub compat: Compat,
    pub change: fn(&mut AttestationPlan<'_>),
}

impl Default for Setup {
    fn default() -> Self {
        Self {
            offer: Offer::everything(&PROVIDER),
            bounds: Bounds::default(),
            compat: Compat::NONE,
            change: |_| {},
        }
    }
}

/// Attests a device, which has to fail, and checks that nothing half-done remains: no output, and the
/// same requester attests the device as soon as that behaves.
#[track_caller]
pub fn fail_with(sim: &mut Sim, setup: Setup) -> Failed {
    with_policy(sim, |sim, policy| {
        let mut plan = AttestationPlan::new(policy);
        (setup.change)(&mut plan);
        let mut memory = Memory::new();
        let requester = requester(&mut memory, sim)
            .with_offer(setup.offer)
            .with_bounds(setup.bounds)
            .with_compat(setup.compat);
        let (mut chain, mut record) = (vec![0; 0x4000], vec![0; 0x1000]);
        let clock = sim.clock.clone();
        let flow = requester.attest(plan, &mut chain, &mut record);
        let failure = match blocking::run(flow, sim, &clock) {
            Ok((_, attested)) => {
                let verified: Verified<'_> = attested.verified;
                panic!("attested: {:?}", verified.possession().proof());
            }
            Err(failure) => failure,
        };
        let cause = match failure.error {
            RunError::Requester(error) => Ok(Cause::from(error)),
            RunError::Transport(error) => Err(error),
            other => panic!("{other:?}"),
        };
        let (remains, requester) = match failure.requester {
            Recovered::Kept(requester) => {
                assert_eq!(requester.connection().stage(), Stage::Negotiated);
                assert_eq!(requester.connection().negotiated(), Some(requester.negotiated()));
                (Remains::Kept, requester.restart())
            }
            Recovered::Fresh(requester) => (Remains::Fresh, requester),
            other => panic!("{other:?}"),
        };
        let connection = requester.connection();
        assert_eq!(connection.stage(), Stage::NotStarted);
        assert_eq!(connection.negotiated(), None);
        assert_eq!(connection.vca(), b"");
        assert_eq!(connection.provisioned_slots().count(), 0);
        assert!(record.iter().all(|byte| *byte == 0), "measurements that nobody vouches for");

        let codes = sim.codes();
        sim.heal();
        let requester =
            requester.with_offer(Offer::everything(&PROVIDER)).with_bounds(Bounds::default());
        let again = attest_by(requester, sim, AttestationPlan::new(policy));
        assert!(again.is_ok(), "after the failure: {again:?}");
        Failed { cause, remains, codes }
    })
}

/// [`fail_with`] the defaults.
#[track_caller]
pub fn fail(sim: &mut Sim) -> Failed {
    fail_with(sim, Setup::default())
}

/// The first answer to `at` ends the attestation, and the connection with it.
#[track_caller]
pub fn assert_lost(mut sim: Sim, at: Code, cause: Cause) {
    assert_end(&mut sim, at, cause, Remains::Fresh);
}

/// The first answer to `at` ends the attestation, but not the connection.
#[track_caller]
pub fn assert_kept(mut sim: Sim, at: Code, cause: Cause) {
    assert_end(&mut sim, at, cause, Remains::Kept);
}

#[track_caller]
fn assert_end(sim: &mut Sim, at: Code, cause: Cause, remains: Remains) {
    let what = (sim.device.config().versions.clone(), sim.device.config().faults.clone());
    let codes = until(at).to_vec();
    assert_eq!(fail(sim), Failed { cause: Ok(cause), remains, codes }, "{what:?}");
}
