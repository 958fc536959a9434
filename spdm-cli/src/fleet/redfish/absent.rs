//! Without the feature: targets are taken, and nothing is decided about them.

use spdm_fleet::{Attempt, Target, Work};

use crate::args::{FleetAttestArgs, RedfishArgs};
use crate::backend::Crypto;
use crate::console::Console;
use crate::exit::Failure;
use crate::fleet::attester::{DeviceAttester, undecidable};
use crate::fleet::class_rules::ClassRules;

/// What is missing.
const ABSENT: &str = "this program was built without the feature redfish";

/// Reaches no service.
#[derive(Debug)]
pub(crate) struct RedfishSource;

/// The form of an address is that of whoever can use it.
pub(crate) const fn check(_: &str) -> Result<(), String> {
    Ok(())
}

impl RedfishSource {
    pub(crate) fn read(args: &RedfishArgs, _: Crypto, _: &Console) -> Result<Self, Failure> {
        let given = [
            ("--redfish-credentials", args.redfish_credentials.is_some()),
            ("--redfish-ca", args.redfish_ca.is_some()),
            ("--redfish-skip-disabled", args.redfish_skip_disabled),
        ];
        match given.into_iter().find(|(_, is_given)| *is_given) {
            Some((option, _)) => Err(Failure::usage(format!("{option}: {ABSENT}"))),
            None => Ok(Self),
        }
    }

    #[expect(clippy::unused_self, reason = "with the feature it is used")]
    pub(crate) const fn expand(
        &self,
        targets: Vec<Target>,
        _: &FleetAttestArgs,
        _: &Console,
    ) -> Vec<Target> {
        targets
    }

    #[expect(
        clippy::unnecessary_wraps,
        clippy::unused_self,
        reason = "with the feature it is used"
    )]
    pub(crate) fn attest(
        &self,
        _: &DeviceAttester<'_>,
        _: &ClassRules<'_>,
        _: &Work<'_>,
    ) -> Result<Attempt, Failure> {
        Ok(undecidable("redfish", ABSENT.to_owned()))
    }
}
