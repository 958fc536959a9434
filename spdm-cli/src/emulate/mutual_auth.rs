//! What the device wants to know of its requesters.

use std::fs;
use std::path::Path;

use pem_rfc7468::LineEnding;
use spdm_codec::{MutAuthRequested, SlotId};
use spdm_crypto::AsymAlgorithm;
use spdm_crypto::rustcrypto::PROVIDER;
use spdm_emulator::{AuthenticationDemand, DeviceConfig, KeyUpdates, RequesterIdentity};

use crate::args::{MutualAuthArgs, MutualAuthKind};
use crate::console::Console;
use crate::exit::Failure;
use crate::file;
use crate::pem;
use crate::trust;

/// Takes over what the options say.
pub(super) fn configure(
    args: &MutualAuthArgs,
    config: &mut DeviceConfig,
    console: &Console,
) -> Result<(), Failure> {
    let demand = match args.require_mutual_auth {
        true => AuthenticationDemand::Required,
        false => AuthenticationDemand::IfPossible,
    };
    let mut of_session = None;
    let mutual = &mut config.mutual_authentication;
    for kind in &args.mutual_auth {
        let flow = match kind {
            MutualAuthKind::Basic => {
                mutual.with_challenge = demand;
                continue;
            }
            MutualAuthKind::Session => MutAuthRequested::WithoutEncapsulation,
            MutualAuthKind::Encapsulated => MutAuthRequested::WithEncapsulation,
            MutualAuthKind::Digests => MutAuthRequested::WithGetDigests,
        };
        if of_session.replace(flow).is_some_and(|before| before != flow) {
            return Err(Failure::usage(
                "--mutual-auth: a session is authenticated in one way: session, encapsulated or digests",
            ));
        }
        (mutual.in_session, mutual.session_flow) = (demand, flow);
    }
    mutual.slot = SlotId::new(args.requester_slot).unwrap_or(SlotId::ZERO);
    for path in &args.requester_root {
        mutual.anchors.extend(trust::certificates_of(path, console)?);
    }
    if let Some(path) = &args.requester_chain {
        mutual.chain = trust::certificates_of(path, console)?;
    }
    if let Some(path) = &args.requester_key {
        mutual.public_key = Some(trust::public_key(path, &PROVIDER)?);
    }
    if args.ask_key_update {
        mutual.key_updates = KeyUpdates::OncePerSession;
    }
    if let Some(folder) = &args.requester_out {
        let identity = make(config, folder)?;
        let mutual = &mut config.mutual_authentication;
        mutual.anchors.extend(identity.first().cloned());
        if mutual.chain.is_empty() {
            mutual.chain = identity;
        }
    }
    let mutual = &config.mutual_authentication;
    let told = !mutual.chain.is_empty() || mutual.public_key.is_some();
    if of_session == Some(MutAuthRequested::WithoutEncapsulation) && !told {
        return Err(Failure::usage(
            "--mutual-auth session: the requester shows no chain; --requester-chain, --requester-key or --requester-out says who it is",
        ));
    }
    if !args.mutual_auth.is_empty() && mutual.anchors.is_empty() && !told {
        return Err(Failure::usage(
            "--mutual-auth: no requester is trusted; --requester-root names a root, --requester-out makes an identity",
        ));
    }
    Ok(())
}

/// Makes an identity of the algorithm that the device prefers, and writes it to a folder; its certificates.
fn make(config: &DeviceConfig, folder: &Path) -> Result<Vec<Vec<u8>>, Failure> {
    let mut all = AsymAlgorithm::ALL.into_iter();
    // The first that is configured: elliptic curves come before what takes seconds to make.
    let asym = all
        .find(|asym| asym.base_asym().is_some_and(|bit| config.base_asym.contains(bit)))
        .ok_or_else(|| Failure::usage("--requester-out needs a --base-asym"))?;
    let identity = RequesterIdentity::new(asym, config.seed, config.not_before, config.not_after)
        .map_err(Failure::usage)?;
    let key = identity.key.to_pkcs8_der().map_err(Failure::usage)?;
    let key =
        pem_rfc7468::encode_string("PRIVATE KEY", LineEnding::LF, &key).map_err(Failure::usage)?;
    let chain: Option<String> =
        identity.certificates.iter().map(|der| pem::certificate(der)).collect();
    fs::create_dir_all(folder).map_err(|error| file::of(folder, &error))?;
    file::write_secret(&folder.join("key.pem"), key.as_bytes())?;
    file::write(&folder.join("chain.pem"), chain.unwrap_or_default().as_bytes())?;
    Ok(identity.certificates)
}
