//! `pci:DDDD:BB:DD.F`: a device behind the DOE mailbox of a PCIe function, through sysfs.

mod listing;

use std::time::Instant;

use spdm_codec::PciIdentity;
use spdm_evidence::CaptureBinding;
use spdm_transport::{Duration, StdClock};
use spdm_transport_doe::linux::{
    BoundDriver, ConnectedTsm, PciAddress, PciError, PciFunction, SysfsConfig,
};
use spdm_transport_doe::{
    ConfigError, DoeError, DoeTransport, ExtendedCapability, Mailbox, ObjectType,
};

use super::OpenDevice;
use crate::args::DeviceArgs;
use crate::exit::Failure;
use crate::line::{DeviceLine, LineError, TransportLine};
pub(super) use listing::list;

/// How long a function may take to list the objects of all its mailboxes, however many it claims to have.
const DISCOVERY: Duration = Duration::from_secs(2);

pub(super) fn open(address: PciAddress, args: &DeviceArgs) -> Result<Box<dyn OpenDevice>, Failure> {
    let function = PciFunction::new(address);
    let config = open_config(&function, args)?;
    let failed = |error| Failure::transport(format!("{}: {error}", args.target));
    config
        .lock(args.connection.timeout)
        .map_err(|error| failed(ConfigError::Access { offset: 0, error }))?;
    let (identity, mailboxes) = config
        .identity()
        .and_then(|identity| Ok((identity, config.mailboxes()?)))
        .map_err(failed)?;
    Ok(Box::new(Function {
        config,
        identity,
        mailboxes,
        cma: None,
        timeout: args.connection.timeout,
    }))
}

/// The function's configuration space, for use of a mailbox.
fn open_config(function: &PciFunction, args: &DeviceArgs) -> Result<SysfsConfig, Failure> {
    let bound =
        if args.connection.allow_bound { BoundDriver::Allowed } else { BoundDriver::Refused };
    let tsm = if args.connection.allow_tsm { ConnectedTsm::Allowed } else { ConnectedTsm::Refused };
    function.open(bound, tsm).map_err(|error| match error {
        PciError::Bound => {
            let driver = function.driver().unwrap_or_default();
            Failure::usage(format!(
                "{}: {error}; unbind {driver}, or use --allow-bound if it leaves the mailbox alone",
                args.target
            ))
        }
        PciError::Connected => {
            let name = function.tsm().ok().flatten().and_then(|tsm| tsm.connected);
            let name = name.unwrap_or_default();
            Failure::usage(format!("{}: {name}: {error}", args.target)).with_hint(Some(&format!(
                "write {name} to {}, or use --allow-tsm if it leaves the mailbox alone meanwhile",
                function.folder().join("tsm/disconnect").display()
            )))
        }
        _ => Failure::transport(format!("{}: {error}", args.target)),
    })
}

/// An open function.
#[derive(Debug)]
struct Function {
    config: SysfsConfig,
    identity: PciIdentity,
    mailboxes: Vec<ExtendedCapability>,
    /// The mailbox that carries SPDM, once it was found.
    cma: Option<ExtendedCapability>,
    timeout: Duration,
}

type FunctionTransport<'c> = DoeTransport<&'c SysfsConfig, StdClock>;

impl Function {
    /// The first mailbox that lists CMA-SPDM.
    fn cma(&self, timeout: Duration) -> Result<ExtendedCapability, LineError> {
        let mut others = Vec::new();
        let deadline = Instant::now() + DISCOVERY.min(timeout);
        for mailbox in &self.mailboxes {
            match objects(&self.config, *mailbox, deadline) {
                Ok(objects) if objects.contains(&ObjectType::CMA_SPDM) => return Ok(*mailbox),
                Ok(objects) => {
                    others.push(format!(
                        "the mailbox at {:#x} has {}",
                        mailbox.offset,
                        names(&objects)
                    ));
                }
                // With one mailbox only, its error is the answer.
                Err(error) if self.mailboxes.len() == 1 => return Err(error),
                Err(error) => others.push(format!("the mailbox at {:#x}: {error}", mailbox.offset)),
            }
        }
        if others.is_empty() {
            return Err(LineError::transport("the function has no DOE mailbox"));
        }
        let others = others.join("; ");
        Err(LineError::transport(format!("no mailbox of the function has CMA-SPDM: {others}")))
    }
}

impl OpenDevice for Function {
    fn connect(&mut self, timeout: Duration) -> Result<Box<dyn DeviceLine + '_>, LineError> {
        let cma = match self.cma {
            Some(cma) => cma,
            None => *self.cma.insert(self.cma(timeout)?),
        };
        let transport = transport(&self.config, cma)?.with_round_trip(self.timeout);
        Ok(Box::new(TransportLine(transport)))
    }

    fn capture(&self) -> CaptureBinding {
        CaptureBinding::PciDoe
    }

    fn pci_identity(&self) -> Option<PciIdentity> {
        Some(self.identity)
    }

    fn is_privileged(&self) -> bool {
        true
    }
}

fn transport(
    config: &SysfsConfig,
    capability: ExtendedCapability,
) -> Result<FunctionTransport<'_>, LineError> {
    let mailbox = Mailbox::new(config, capability);
    let mailbox =
        mailbox.ok_or_else(|| LineError::transport(ConfigError::<PciError>::Beyond(capability)))?;
    Ok(DoeTransport::new(mailbox, StdClock::new()))
}

/// What the mailbox lists.
fn objects(
    config: &SysfsConfig,
    capability: ExtendedCapability,
    deadline: Instant,
) -> Result<Vec<ObjectType>, LineError> {
    let mut objects = Vec::new();
    let left = deadline.saturating_duration_since(Instant::now());
    transport(config, capability)?.discover(left, |object| objects.push(object))?;
    Ok(objects)
}

fn names(objects: &[ObjectType]) -> String {
    let names: Vec<String> = objects.iter().map(ToString::to_string).collect();
    names.join(", ")
}

impl DeviceLine for TransportLine<FunctionTransport<'_>> {
    fn silence(&self) -> Option<String> {
        Some(self.0.status().to_string())
    }
}

impl From<DoeError<PciError>> for LineError {
    fn from(error: DoeError<PciError>) -> Self {
        match error {
            DoeError::Object(_) | DoeError::Truncated { .. } | DoeError::DiscoveryLoop { .. } => {
                Self::framing(error)
            }
            DoeError::Busy { .. } | DoeError::AbortFailed { .. } | DoeError::Timeout { .. } => {
                Self::timeout(error)
            }
            _ => Self::transport(error),
        }
    }
}
