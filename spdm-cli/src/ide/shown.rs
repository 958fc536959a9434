//! What the ports of a device answered, for programs and for people.

use serde::Serialize;
#[cfg(test)]
use spdm_evidence::schema;
use spdm_pci_security::IdePort;

use super::keys::KeyPlace;
use crate::args::{IdeArgs, IdeStep};
use crate::object_head::FormVersion;
use crate::pci_session::{Left, StepError};
use crate::render::{Style, Table};

/// What `spdm ide --json` prints: `docs/schema/ide.json`.
#[derive(Debug, Serialize)]
#[cfg_attr(
    test,
    derive(schemars::JsonSchema),
    schemars(
        deny_unknown_fields,
        title = "Ports and keys of link and stream encryption (IDE_KM)",
        description = "What spdm ide --json prints where a session was opened; otherwise a report, or an error. There is no key in it."
    )
)]
pub(crate) struct ShownIde {
    schema: FormVersion<1>,
    /// The device.
    target: String,
    /// The version that was negotiated.
    #[cfg_attr(test, schemars(regex(pattern = schema::VERSION)))]
    pub(super) version: &'static str,
    /// SessionID in hexadecimal.
    pub(super) session: String,
    /// PortIndex of the keys, and of query; null where all ports are queried, and keys are those of port 0.
    port: Option<u8>,
    /// StreamID of the keys.
    stream_id: u8,
    /// The key set of the keys.
    #[cfg_attr(test, schemars(range(max = 1)))]
    key_set: u8,
    /// What was done, in this order; a stop at the end may be one that nobody asked for, behind a step that could not be
    /// taken.
    /// Behind a step that error names, what was done of it.
    pub(super) steps: Vec<ShownIdeStep>,
    /// The step that could not be taken: none behind it was.
    pub(super) error: Option<StepError>,
    /// What the device is left with; null where nothing is known that differs from before, or all steps were taken.
    pub(super) left: Option<Left>,
    /// What a reader should know besides.
    pub(super) notes: Vec<String>,
}

/// A step that was taken.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(tag = "step", rename_all = "snake_case")]
pub(super) enum ShownIdeStep {
    /// QUERY_RESP.
    Query {
        /// The ports that were asked for.
        ports: Vec<ShownPort>,
        /// MaxPortIndex.
        last_port: u8,
    },
    /// KEY_PROG: the device has the keys.
    Program {
        /// Which.
        keys: Vec<KeyPlace>,
    },
    /// K_SET_GO: the keys are in use.
    Go {
        /// Which.
        keys: Vec<KeyPlace>,
    },
    /// K_SET_STOP: the keys are in use no more.
    Stop {
        /// Which.
        keys: Vec<KeyPlace>,
    },
}

/// A port.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema), schemars(deny_unknown_fields))]
pub(super) struct ShownPort {
    /// PortIndex.
    port: u8,
    /// Segment, bus, device and function of the port: SS:BB:DD.F in hexadecimal.
    function: String,
    /// The registers of the IDE extended capability from its capability register on, in hexadecimal.
    registers: Vec<String>,
}

impl ShownIdeStep {
    /// No port yet.
    pub(super) const fn query(last_port: u8) -> Self {
        Self::Query { ports: Vec::new(), last_port }
    }

    /// No key yet.
    pub(super) fn of_keys(step: IdeStep) -> Self {
        let keys = Vec::new();
        match step {
            IdeStep::Query => Self::query(0),
            IdeStep::Program => Self::Program { keys },
            IdeStep::Go => Self::Go { keys },
            IdeStep::Stop => Self::Stop { keys },
        }
    }

    /// One more port.
    pub(super) fn port(&mut self, port: ShownPort) {
        if let Self::Query { ports, .. } = self {
            ports.push(port);
        }
    }

    /// One more key.
    pub(super) fn key(&mut self, key: KeyPlace) {
        match self {
            Self::Program { keys } | Self::Go { keys } | Self::Stop { keys } => keys.push(key),
            Self::Query { .. } => {}
        }
    }
}

impl ShownPort {
    pub(super) fn new(port: &IdePort<'_>) -> Self {
        let (device, function) = (port.dev_func >> 3, port.dev_func & 7);
        let (segment, bus) = (port.segment, port.bus);
        let register = |bytes: &[u8; 4]| format!("{:#010x}", u32::from_le_bytes(*bytes));
        Self {
            port: port.port_index,
            function: format!("{segment:02x}:{bus:02x}:{device:02x}.{function}"),
            registers: port.registers.iter().map(register).collect(),
        }
    }
}

impl ShownIde {
    /// Nothing was done yet.
    pub(super) fn new(target: String, args: &IdeArgs) -> Self {
        let (schema, session, steps) = (FormVersion, String::new(), Vec::new());
        let (port, error, left, version) = (args.port, None, None, "");
        let notes = Vec::new();
        let (stream_id, key_set) =
            (args.stream_id.unwrap_or_default(), args.key_set.unwrap_or_default());
        Self {
            schema,
            target,
            version,
            session,
            port,
            stream_id,
            key_set,
            steps,
            error,
            left,
            notes,
        }
    }

    /// For people.
    pub(super) fn text(&self, style: Style) -> String {
        let mut table = Table::default();
        let names = |keys: &[KeyPlace]| {
            let names: Vec<&str> = keys.iter().map(|place| place.name()).collect();
            let port = self.port.unwrap_or_default();
            let (stream, set) = (self.stream_id, self.key_set);
            format!("port {port}, stream {stream}, key set {set}: {}", names.join(", "))
        };
        for step in &self.steps {
            let mut row = |step: &str, value: String| table.row([step.to_owned(), value]);
            match step {
                ShownIdeStep::Query { ports, last_port } => {
                    row("query", format!("the last port is {last_port}"));
                    for ShownPort { port, function, registers } in ports {
                        row("", format!("port {port}, {function}: {}", registers.join(" ")));
                    }
                }
                ShownIdeStep::Program { keys } => row("program", names(keys)),
                ShownIdeStep::Go { keys } => row("go", names(keys)),
                ShownIdeStep::Stop { keys } => row("stop", names(keys)),
            }
        }
        format!("{}\n{}", style.strong(&self.target), table.plain(style))
    }
}
