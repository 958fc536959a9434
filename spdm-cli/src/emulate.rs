//! `spdm emulate`: the software device behind a socket.

mod mctp;
mod mutual_auth;

use core::net::SocketAddr;
use std::net::ToSocketAddrs as _;
use std::time::Instant;

use serde::Serialize;
use spdm_codec::{CapabilityExtFlags, CapabilityFlags};
use spdm_crypto::AsymAlgorithm;
use spdm_emulator::{
    Delivery, Device, DeviceConfig, DeviceError, DeviceIdentity, DmtfName, Environment, Fault,
    KeyProvisioning, SharedKey,
};
use spdm_transport::MessageKind;
use spdm_transport_storage::ata::BLOCK_LEN;
use spdm_transport_tcp::{Listener, ServerConnection, TcpError};

use crate::args::{EmulateArgs, ProvisioningChoice, San};
use crate::console::Console;
use crate::device::{PROVISIONING, SESSIONS, chunking};
use crate::exit::{Exit, Failure};
use crate::file;
use crate::object_head::FormVersion;
use crate::render::{
    Style, Table, request_line, request_record_line, response_line, response_record_line,
};

/// The longest hint that the device looks up, in bytes.
const MAX_HINT: usize = 32;

/// Serves until the process is ended, or one connection with `--once`.
pub(crate) fn run(args: &EmulateArgs, console: &mut Console) -> Result<Exit, Failure> {
    if args.fault.iter().any(|name| name == "help") {
        console.result(&fault_list(console.style()))?;
        return Ok(Exit::Done);
    }
    let framing = args.framing.framing()?;
    let mut config = config(args, console)?;
    mutual_auth::configure(&args.mutual_auth, &mut config, console)?;
    let mut device = Device::new(config).map_err(|error| match (&args.state, error) {
        (Some(path), DeviceError::State(error)) => {
            Failure::usage(format!("{} (--state): {error}", path.display()))
        }
        (_, error) => Failure::usage(error),
    })?;
    if let Some(path) = &args.root_out {
        file::write(path, device.trust_anchors_pem().as_bytes())?;
    }
    if let Some(path) = &args.peer_key_out {
        let asym = the_algorithm(&device)?;
        file::write(path, &device.public_key_spki(asym).unwrap_or_default())?;
    }
    if let Some(network) = mctp::network(args)? {
        return mctp::run(network, &mut device, console);
    }
    let addresses: Vec<SocketAddr> = args
        .listen
        .to_socket_addrs()
        .map_err(|error| {
            let listen = &args.listen;
            Failure::usage(format!("{listen}: expected HOST:PORT of this machine ({error})"))
        })?
        .collect();
    let listener = Listener::bind(addresses.as_slice(), framing)
        .map_err(|error| Failure::usage(format!("{}: {error}", args.listen)))?;
    let address = listener.local_addr().map_err(Failure::transport)?;
    listening(&address.to_string(), &described(args), console)?;
    loop {
        device.reset();
        match listener.accept() {
            Ok(requester) => {
                if let Err(error) = serve(requester, &mut device, console) {
                    console.note(&format!("connection: {error}"));
                }
            }
            Err(error) => console.note(&format!("accept: {error}")),
        }
        if args.once {
            return Ok(Exit::Done);
        }
    }
}

/// What `spdm emulate --json` prints when it listens: `docs/schema/emulate.json`.
#[derive(Serialize)]
#[cfg_attr(
    test,
    derive(schemars::JsonSchema),
    schemars(
        deny_unknown_fields,
        title = "Where an emulated device listens",
        description = "What spdm emulate --json prints, once, when requesters can connect."
    )
)]
pub(crate) struct Listening<'a> {
    schema: FormVersion<1>,
    /// The address as HOST:PORT, or what of MCTP it answers.
    listening: &'a str,
    /// How messages travel: the framing and, where it has one, its binding.
    framing: &'a str,
}

/// Says that requesters can connect.
fn listening(address: &str, framing: &str, console: &mut Console) -> Result<(), Failure> {
    if console.json() {
        return console.object(&Listening { schema: FormVersion, listening: address, framing });
    }
    console.result(&format!("listening on {address} ({framing})\n"))
}

fn serve(
    mut requester: ServerConnection,
    device: &mut Device,
    console: &Console,
) -> Result<(), TcpError> {
    while let Some((kind, request)) = requester.next()? {
        let asked = Instant::now();
        let response = match kind {
            MessageKind::Plain => {
                console.detail(&request_line(request));
                device.respond(request)
            }
            MessageKind::Secured => respond_secured(request, device, console),
        };
        let Some(response) = response else { continue };
        if kind == MessageKind::Plain {
            console.detail(&response_line(&response, asked.elapsed()));
        }
        match requester.answer(kind, &response) {
            // A fault may make what no framing carries.
            Err(TcpError::Encode(error)) => console.note(&format!("not sent: {error}")),
            other => other?,
        }
    }
    Ok(())
}

/// Answers a record, and shows what was inside of both.
fn respond_secured(record: &[u8], device: &mut Device, console: &Console) -> Option<Vec<u8>> {
    let asked = Instant::now();
    let Delivery { messages, inside, .. } = device.deliver_secured(record);
    let elapsed = asked.elapsed();
    let response = messages.into_iter().next().map(|(_, record)| record);
    let (sent, received) = match &inside {
        Some(inside) => (Some(inside.request.as_slice()), Some(inside.response.as_slice())),
        None => (None, None),
    };
    let session = inside.as_ref().map(|inside| inside.session_id);
    console.detail(&request_record_line(record, session, sent));
    match &response {
        Some(response) => {
            console.detail(&response_record_line(response, session, received, elapsed))
        }
        None => console.detail("   not answered"),
    }
    response
}

fn described(args: &EmulateArgs) -> String {
    match (args.framing.framing.0, args.framing.binding) {
        (framing, Some(binding)) => format!("{framing}, {}", binding.0),
        (spdm_transport_tcp::Framing::DmtfEmu(binding), None) => format!("dmtf-emu, {binding}"),
        (framing, None) => framing.to_string(),
    }
}

fn fault_list(style: Style) -> String {
    let mut table = Table::default();
    for fault in Fault::ALL {
        table.row([fault.name().to_owned(), fault.description().replace('`', "")]);
    }
    // The names begin the lines, for programs that look for one.
    table.plain(style).lines().map(|line| format!("{}\n", line.get(2..).unwrap_or(line))).collect()
}

fn config(args: &EmulateArgs, console: &Console) -> Result<DeviceConfig, Failure> {
    let mut config = DeviceConfig { seed: args.seed, ..chunking() };
    if !args.versions.is_empty() {
        config.versions.clone_from(&args.versions);
    }
    if let Some(list) = &args.base_asym {
        (config.base_asym, config.pqc_asym) = (list.base, list.pqc);
    }
    if let Some(list) = &args.base_hash {
        config.base_hash = list.0;
    }
    if let Some(list) = &args.slots {
        config.slots.clone_from(&list.0);
    }
    config.capabilities = args.capabilities;
    if let Some(path) = args.state.as_deref().filter(|path| path.exists() && !path.is_dir()) {
        let path = path.display();
        return Err(Failure::usage(format!(
            "{path} (--state): a file, and a folder is expected: what the device is given is kept in it"
        )));
    }
    config.state.clone_from(&args.state);
    match args.provisioning {
        ProvisioningChoice::Everybody => config.more_capabilities |= PROVISIONING,
        ProvisioningChoice::InSessions => {
            config.more_capabilities |= PROVISIONING;
            config.environment = Environment::Untrusted;
        }
        ProvisioningChoice::Nobody => {}
    }
    if args.experimental {
        config.ext_capabilities |= CapabilityExtFlags::SLOT_MGMT_CAP;
    }
    offer_sessions(args, &mut config, console)?;
    if let Some(size) = args.transfer_size {
        config.data_transfer_size = size;
        config.max_spdm_msg_size = config.max_spdm_msg_size.max(size);
    }
    if args.peer_key_out.is_some() {
        config.provisioning = KeyProvisioning::PublicKey;
        config.more_capabilities -= PROVISIONING;
    }
    if args.framing.framing()?.is_storage() {
        // Drives move whole blocks.
        config.request_padding = BLOCK_LEN - 1;
    }
    name(args, &mut config)?;
    if let Some(folder) = &args.chain {
        let identity = DeviceIdentity::from_dir(folder)
            .map_err(|error| Failure::usage(format!("{}: {error}", folder.display())))?;
        config.identity = Some(identity);
        for name in ["key.der", "key.pem"] {
            file::warn_of_readers(&folder.join(name), console);
        }
    }
    for name in &args.fault {
        let fault = name.parse().map_err(|error| {
            Failure::usage(format!("--fault {name}: {error}; see --fault help"))
        })?;
        config.faults.push(fault);
    }
    Ok(config)
}

/// Sessions, where the transport can mark their records.
fn offer_sessions(
    args: &EmulateArgs,
    config: &mut DeviceConfig,
    console: &Console,
) -> Result<(), Failure> {
    // Behind AF_MCTP only message type 5 is answered.
    let framed = mctp::network(args)?.is_none();
    let binding = args.framing.framing()?.limits().records.filter(|_| framed);
    let Some(binding) = binding else {
        return match &args.psk {
            None => Ok(()),
            Some(_) => Err(Failure::usage("--psk: this transport carries no sessions")),
        };
    };
    config.records = binding;
    config.more_capabilities |= SESSIONS;
    if let Some(path) = &args.psk {
        let hint =
            hex::decode(&args.psk_hint).ok().filter(|hint| hint.len() <= MAX_HINT).ok_or_else(
                || Failure::usage("--psk-hint: expected at most 32 bytes in hexadecimal"),
            )?;
        let key = file::read_secret(path, console)?.to_vec();
        if key.is_empty() {
            let path = path.display();
            return Err(Failure::usage(format!("{path}: a pre-shared key cannot be empty")));
        }
        config.more_capabilities |= CapabilityFlags::PSK_CAP_CONTEXT;
        config.pre_shared_keys.push(SharedKey { hint, key });
    }
    Ok(())
}

fn name(args: &EmulateArgs, config: &mut DeviceConfig) -> Result<(), Failure> {
    match (&args.san, args.pci_id) {
        (None, None) | (Some(San::Dmtf(None)), None) => {}
        (Some(San::None), None) => config.dmtf_name = None,
        (Some(San::PciCma), Some(identity)) => config.pci_identity = Some(identity),
        (Some(San::PciCma), None) => {
            return Err(Failure::usage("--san pci-cma needs the function: --pci-id"));
        }
        (Some(San::Dmtf(Some(name))), None) => config.dmtf_name = dmtf_name(name),
        (_, Some(_)) => return Err(Failure::usage("--pci-id belongs to --san pci-cma")),
    }
    Ok(())
}

fn dmtf_name(name: &str) -> Option<DmtfName> {
    let mut parts = name.split(':').map(str::to_owned);
    Some(DmtfName { manufacturer: parts.next()?, product: parts.next()?, serial: parts.next()? })
}

/// The one algorithm whose key is provisioned.
fn the_algorithm(device: &Device) -> Result<AsymAlgorithm, Failure> {
    let mut algorithms = device.algorithms();
    match (algorithms.next(), algorithms.next()) {
        (Some(asym), None) => Ok(asym),
        _ => Err(Failure::usage("--peer-key-out needs one algorithm: --base-asym NAME")),
    }
}
