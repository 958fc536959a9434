//! What a device interface (TDISP) answered, for programs and for people.

use bitflags::Flags;
use serde::Serialize;
use spdm_codec::pci_sig::{FunctionId, InterfaceReport, InterfaceState, LockInterface};
#[cfg(test)]
use spdm_evidence::schema;
use spdm_pci_security::{Capabilities, Fault};
use spdm_untrusted::Untrusted;

use super::field::interface_state;
use super::{Style, Table};
use crate::object_head::FormVersion;
use crate::pci_session::{Left, StepError};

/// What `spdm tdisp --json` prints: `docs/schema/tdisp.json`.
#[derive(Debug, Serialize)]
#[cfg_attr(
    test,
    derive(schemars::JsonSchema),
    schemars(
        deny_unknown_fields,
        title = "The steps of a device interface (TDISP)",
        description = "What spdm tdisp --json prints where a session was opened; otherwise a report, or an error."
    )
)]
pub(crate) struct ShownInterface {
    schema: FormVersion<1>,
    /// The device.
    target: String,
    /// The version that was negotiated.
    #[cfg_attr(test, schemars(regex(pattern = schema::VERSION)))]
    pub(crate) version: &'static str,
    /// The function as --function takes it: BB:DD.F, or FunctionID in hexadecimal where it has a segment.
    function: String,
    /// FunctionID.
    function_id: u32,
    /// SessionID in hexadecimal.
    pub(crate) session: String,
    /// What was done, in this order; a stop at the end may be one that nobody asked for, behind a step that could not be
    /// taken.
    pub(crate) steps: Vec<ShownTdispStep>,
    /// The step that could not be taken: none behind it was.
    pub(crate) error: Option<StepError>,
    /// What the device is left with; null where nothing is known that differs from before, or all steps were taken.
    pub(crate) left: Option<Left>,
    /// What a reader should know besides.
    pub(crate) notes: Vec<String>,
}

/// A step that was taken.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(tag = "step", rename_all = "snake_case")]
pub(crate) enum ShownTdispStep {
    /// TDISP_VERSION.
    Version {
        /// The versions of the device, such as 1.0.
        versions: Vec<String>,
    },
    /// TDISP_CAPABILITIES.
    Capabilities {
        /// DSM_CAPS.
        dsm_caps: u32,
        /// REQ_MSGS_SUPPORTED in hexadecimal.
        #[cfg_attr(test, schemars(regex(pattern = schema::HEX)))]
        requests: String,
        /// LOCK_INTERFACE_FLAGS_SUPPORTED by name; those without a name together, in hexadecimal.
        lock_flags: Vec<String>,
        /// DEV_ADDR_WIDTH in bits.
        address_width: u8,
        /// NUM_REQ_THIS.
        requests_this: u8,
        /// NUM_REQ_ALL.
        requests_all: u8,
    },
    /// LOCK_INTERFACE_RESPONSE came: the interface was locked with these fields.
    Lock {
        /// FLAGS by name.
        flags: Vec<String>,
        /// Default StreamID.
        stream_id: u8,
        /// MMIO_REPORTING_OFFSET in hexadecimal.
        mmio_reporting_offset: String,
        /// BIND_P2P_ADDR_MASK in hexadecimal.
        bind_p2p_addr_mask: String,
    },
    /// DEVICE_INTERFACE_REPORT, all portions together.
    Report {
        /// Its bytes.
        #[cfg_attr(test, schemars(regex(pattern = schema::HEX)))]
        bytes: String,
        /// INTERFACE_INFO by name; what has no name together, in hexadecimal.
        info: Vec<String>,
        /// MSI_X_MESSAGE_CONTROL.
        msi_x_message_control: u16,
        /// LNR_CONTROL.
        lnr_control: u16,
        /// TPH_CONTROL.
        tph_control: u32,
        /// MMIO_RANGE.
        mmio_ranges: Vec<ShownRange>,
        /// DEVICE_SPECIFIC_INFO.
        #[cfg_attr(test, schemars(regex(pattern = schema::HEX)))]
        device_specific: String,
    },
    /// DEVICE_INTERFACE_STATE.
    State {
        /// TDI_STATE: CONFIG_UNLOCKED, CONFIG_LOCKED, RUN or ERROR.
        state: &'static str,
    },
    /// START_INTERFACE_RESPONSE came: the interface runs.
    Start,
    /// STOP_INTERFACE_RESPONSE came: the interface is unlocked.
    Stop,
}

/// A range of addresses of the interface.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema), schemars(deny_unknown_fields))]
pub(crate) struct ShownRange {
    /// Number of its first page of 4 KiB, MMIO_REPORTING_OFFSET included, in hexadecimal.
    first_page: String,
    /// How many pages of 4 KiB it has.
    pages: u32,
    /// Its attributes by name; those without a name together, in hexadecimal.
    attributes: Vec<String>,
    /// Range ID.
    range_id: u16,
}

impl ShownInterface {
    /// Nothing was done yet.
    pub(crate) fn new(target: String, function: FunctionId) -> Self {
        let (session, steps) = (String::new(), Vec::new());
        let FunctionId(function_id) = function;
        let function = function_value(function);
        let (schema, version, notes) = (FormVersion, "", Vec::new());
        let (error, left) = (None, None);
        Self { schema, target, version, function, function_id, session, steps, error, left, notes }
    }
}

impl ShownTdispStep {
    /// TDISP_VERSION.
    pub(crate) fn version(versions: &[u8]) -> Self {
        let version = |version: &u8| format!("{}.{}", version >> 4, version & 0xF);
        Self::Version { versions: versions.iter().map(version).collect() }
    }

    /// TDISP_CAPABILITIES.
    pub(crate) fn capabilities(answer: &Capabilities) -> Self {
        Self::Capabilities {
            dsm_caps: answer.dsm_caps,
            requests: hex::encode(answer.requests),
            lock_flags: flag_names(answer.lock_flags),
            address_width: answer.address_width,
            requests_this: answer.requests_this,
            requests_all: answer.requests_all,
        }
    }

    /// What the interface was locked with.
    pub(crate) fn lock(fields: &LockInterface) -> Self {
        Self::Lock {
            flags: flag_names(fields.flags),
            stream_id: fields.default_stream_id,
            mmio_reporting_offset: format!("{:#x}", fields.mmio_reporting_offset),
            bind_p2p_addr_mask: format!("{:#x}", fields.bind_p2p_addr_mask),
        }
    }

    /// A whole report, field by field.
    pub(crate) fn report(bytes: &[u8]) -> Result<Self, Fault> {
        let report = InterfaceReport::decode(Untrusted::new(bytes))?;
        let ranges = report.ranges().map(|range| ShownRange {
            first_page: format!("{:#x}", range.first_page),
            pages: range.pages,
            attributes: flag_names(range.attributes),
            range_id: range.range_id,
        });
        Ok(Self::Report {
            bytes: hex::encode(bytes),
            info: flag_names(report.info),
            msi_x_message_control: report.msi_x_message_control,
            lnr_control: report.lnr_control,
            tph_control: report.tph_control,
            mmio_ranges: ranges.collect(),
            device_specific: hex::encode(report.device_specific),
        })
    }

    /// DEVICE_INTERFACE_STATE.
    pub(crate) fn state(state: InterfaceState) -> Self {
        // The library takes none that has no name.
        Self::State { state: interface_state(state.0).unwrap_or_default() }
    }
}

/// The flags by name; those without a name together, in hexadecimal.
pub(crate) fn flag_names<F>(flags: F) -> Vec<String>
where
    F: Flags<Bits: core::fmt::LowerHex> + Copy,
{
    let named = flags.iter_names().map(|(name, _)| name.to_owned());
    let rest = flags.iter_names().fold(flags, |rest, (_, flag)| rest.difference(flag));
    named.chain((!rest.is_empty()).then(|| format!("{:#x}", rest.bits()))).collect()
}

/// A FunctionID for people: the function, and the segment where one is valid.
pub(crate) fn function(function: FunctionId) -> String {
    let value = function_value(function);
    if value.starts_with("0x") {
        format!("FunctionID {value}")
    } else {
        format!("function {value}")
    }
}

/// A FunctionID as `--function` takes it.
pub(crate) fn function_value(FunctionId(id): FunctionId) -> String {
    let (bus, device, function) = (id >> 8 & 0xFF, id >> 3 & 0x1F, id & 7);
    match id >> 16 {
        0 => format!("{bus:02x}:{device:02x}.{function}"),
        _ => format!("{id:#010x}"),
    }
}

/// The steps for people, one field a line.
pub(crate) fn interface(shown: &ShownInterface, style: Style) -> String {
    let mut table = Table::default();
    let mut row = |step: &str, field: &str, value: String| {
        table.row([step.to_owned(), field.to_owned(), value]);
    };
    let list = |names: &[String]| match names {
        [] => "none".to_owned(),
        names => names.join(", "),
    };
    for step in &shown.steps {
        match step {
            ShownTdispStep::Version { versions } => row("version", "TDISP", list(versions)),
            ShownTdispStep::Capabilities {
                dsm_caps,
                requests,
                lock_flags,
                address_width,
                requests_this,
                requests_all,
            } => {
                row("capabilities", "DSM_CAPS", format!("{dsm_caps:#x}"));
                row("", "REQ_MSGS_SUPPORTED", requests.clone());
                row("", "lock flags", list(lock_flags));
                row("", "addresses", format!("{address_width} bits"));
                row("", "requests at once", format!("{requests_this}, of {requests_all}"));
            }
            ShownTdispStep::Lock {
                flags,
                stream_id,
                mmio_reporting_offset,
                bind_p2p_addr_mask,
            } => {
                row("lock", "flags", list(flags));
                row("", "stream", stream_id.to_string());
                row("", "MMIO_REPORTING_OFFSET", mmio_reporting_offset.clone());
                row("", "BIND_P2P_ADDR_MASK", bind_p2p_addr_mask.clone());
            }
            ShownTdispStep::Report {
                info,
                msi_x_message_control,
                lnr_control,
                tph_control,
                mmio_ranges,
                device_specific,
                ..
            } => {
                row("report", "INTERFACE_INFO", list(info));
                row("", "MSI_X_MESSAGE_CONTROL", format!("{msi_x_message_control:#06x}"));
                row("", "LNR_CONTROL", format!("{lnr_control:#06x}"));
                row("", "TPH_CONTROL", format!("{tph_control:#010x}"));
                for range in mmio_ranges {
                    let ShownRange { first_page, pages, attributes, range_id } = range;
                    let attributes = list(attributes);
                    let text = format!("page {first_page}, {pages} pages; {attributes}");
                    row("", &format!("MMIO range {range_id}"), text);
                }
                if !device_specific.is_empty() {
                    row("", "device specific", device_specific.clone());
                }
            }
            ShownTdispStep::State { state } => row("state", "", (*state).to_owned()),
            ShownTdispStep::Start => row("start", "", "the interface runs".to_owned()),
            ShownTdispStep::Stop => row("stop", "", "the interface is unlocked".to_owned()),
        }
    }
    let function = function(FunctionId(shown.function_id));
    let title = format!("{}, {function}", style.strong(&shown.target));
    format!("{title}\n{}", table.plain(style.whole_in_pipes()))
}
