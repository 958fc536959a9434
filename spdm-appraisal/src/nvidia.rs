//! What NVIDIA's devices say in the OpaqueData of MEASUREMENTS: type, length and value, one behind the other.

use core::fmt;

use spdm_untrusted::Untrusted;

/// Types of values, little-endian like their lengths.
mod kind {
    pub(super) const DRIVER: u16 = 3;
    pub(super) const VBIOS: u16 = 6;
    pub(super) const NVDEC0: u16 = 11;
    pub(super) const CHIP_SKU: u16 = 15;
    pub(super) const PROJECT: u16 = 17;
    pub(super) const PROJECT_SKU: u16 = 18;
}

/// The version of the firmware of a board.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[expect(clippy::exhaustive_enums, reason = "GPUs and switches write these two")]
pub enum VbiosVersion<'a> {
    /// Five bytes, the most significant first.
    Bytes([u8; 5]),
    /// Text.
    Text(&'a str),
}

impl<'a> VbiosVersion<'a> {
    fn read(value: &'a [u8]) -> Result<Self, OpaqueError> {
        if let Some(text) = text(value).filter(|text| text.contains('.')) {
            return Ok(Self::Text(text));
        }
        match *value {
            [d, c, b, a, e, 0, 0, 0] => Ok(Self::Bytes([a, b, c, d, e])),
            _ => Err(OpaqueError::Value { field: "VBIOS version" }),
        }
    }

    /// Its hexadecimal digits without what is between them, in upper case.
    fn digits(&self) -> impl Iterator<Item = char> {
        let (bytes, text) = match self {
            Self::Bytes(bytes) => (&bytes[..], ""),
            Self::Text(text) => (&[][..], *text),
        };
        let nibbles = bytes.iter().flat_map(|byte| [byte >> 4, byte & 0xF]);
        let digits = nibbles.filter_map(|nibble| char::from_digit(nibble.into(), 16));
        let all = digits.chain(text.chars().filter(|character| *character != '.'));
        all.map(|digit| digit.to_ascii_uppercase())
    }

    /// Whether it is the version that this text says.
    #[must_use]
    pub fn is(&self, version: &str) -> bool {
        is_vbios(version) && self.digits().eq(VbiosVersion::Text(version).digits())
    }
}

/// As in `96.00.5E.00.01`.
impl fmt::Display for VbiosVersion<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bytes([a, b, c, d, e]) => write!(f, "{a:02X}.{b:02X}.{c:02X}.{d:02X}.{e:02X}"),
            Self::Text(text) => f.write_str(text),
        }
    }
}

/// Whether a version is one of a VBIOS: five pairs of hexadecimal digits with points between. That of a driver is not.
pub(crate) fn is_vbios(version: &str) -> bool {
    let is_pair = |part: &str| part.len() == 2 && part.bytes().all(|b| b.is_ascii_hexdigit());
    version.split('.').count() == 5 && version.split('.').all(is_pair)
}

/// Whether the first video decoder can be measured.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[expect(clippy::exhaustive_enums, reason = "a status is known or it is not")]
pub enum Nvdec0 {
    /// It is in use, and measured.
    Enabled,
    /// It is not, and what is measured of it means nothing.
    Disabled,
    /// Another status.
    Other(u8),
}

impl Nvdec0 {
    const fn read(value: &[u8]) -> Result<Self, OpaqueError> {
        Ok(match *value {
            [0xAA] => Self::Enabled,
            [0x55] => Self::Disabled,
            [status] => Self::Other(status),
            _ => return Err(OpaqueError::Value { field: "NVDEC0 status" }),
        })
    }
}

/// The OpaqueData of a MEASUREMENTS response of NVIDIA's, as far as reference values need it.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub struct NvidiaOpaque<'a> {
    /// The version of the driver.
    pub driver: Option<&'a str>,
    /// The version of the firmware of the board.
    pub vbios: Option<VbiosVersion<'a>>,
    /// Whether the first video decoder can be measured.
    pub nvdec0: Option<Nvdec0>,
    /// The chip's stock-keeping unit.
    pub chip_sku: Option<&'a str>,
    /// The board's project.
    pub project: Option<&'a str>,
    /// The project's stock-keeping unit.
    pub project_sku: Option<&'a str>,
}

/// OpaqueData that is not of this form.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum OpaqueError {
    /// A value goes on behind the end.
    Truncated {
        /// Where it begins, in bytes from the start of OpaqueData.
        at: usize,
    },
    /// A value comes twice.
    Twice {
        /// Which.
        kind: u16,
        /// Where the second begins, in bytes from the start of OpaqueData.
        at: usize,
    },
    /// A value is not of its form.
    Value {
        /// Which.
        field: &'static str,
    },
}

impl fmt::Display for OpaqueError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Truncated { at } => {
                write!(f, "OpaqueData ends inside the value at byte {at}")
            }
            Self::Twice { kind, at } => {
                write!(f, "OpaqueData has type {kind} twice (byte {at})")
            }
            Self::Value { field } => write!(f, "OpaqueData has no usable {field}"),
        }
    }
}

impl core::error::Error for OpaqueError {}

impl<'a> NvidiaOpaque<'a> {
    /// Reads OpaqueData. Values of other types are passed over.
    ///
    /// # Errors
    /// [`OpaqueError`] where it is not of this form.
    pub fn read(opaque: Untrusted<&'a [u8]>) -> Result<Self, OpaqueError> {
        let mut rest = opaque.into_inner_less_safe();
        let len = rest.len();
        let mut read = Self::default();
        let mut seen = [false; 32];
        while !rest.is_empty() {
            let at = len - rest.len();
            let truncated = OpaqueError::Truncated { at };
            let (head, behind) = rest.split_first_chunk::<4>().ok_or(truncated)?;
            let [type_low, type_high, len_low, len_high] = *head;
            let kind = u16::from_le_bytes([type_low, type_high]);
            let value_len = u16::from_le_bytes([len_low, len_high]);
            let (value, behind) = behind.split_at_checked(value_len.into()).ok_or(truncated)?;
            rest = behind;
            // Types that are read are below 32.
            let seen = seen.get_mut(usize::from(kind));
            if seen.is_some_and(|seen| core::mem::replace(seen, true)) {
                return Err(OpaqueError::Twice { kind, at });
            }
            read.take(kind, value)?;
        }
        Ok(read)
    }

    fn take(&mut self, kind: u16, value: &'a [u8]) -> Result<(), OpaqueError> {
        let words = |field| text(value).map(Some).ok_or(OpaqueError::Value { field });
        match kind {
            kind::DRIVER => self.driver = words("driver version")?,
            kind::VBIOS => self.vbios = Some(VbiosVersion::read(value)?),
            kind::NVDEC0 => self.nvdec0 = Some(Nvdec0::read(value)?),
            kind::CHIP_SKU => self.chip_sku = words("chip SKU")?,
            kind::PROJECT => self.project = words("project")?,
            kind::PROJECT_SKU => self.project_sku = words("project SKU")?,
            _ => {}
        }
        Ok(())
    }

    /// The name under which the vendor publishes the reference values of this board's firmware; `None` where the device
    /// does not say what it is made of.
    #[must_use]
    pub const fn vbios_rim(&self) -> Option<RimName<'a>> {
        match *self {
            Self {
                vbios: Some(vbios),
                project: Some(project),
                project_sku: Some(project_sku),
                chip_sku: Some(chip_sku),
                ..
            } => Some(RimName { project, project_sku, chip_sku, vbios }),
            _ => None,
        }
    }
}

/// The name of a file of reference values, as in `NV_GPU_VBIOS_1010_0200_882_96005E0001`.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct RimName<'a> {
    project: &'a str,
    project_sku: &'a str,
    chip_sku: &'a str,
    vbios: VbiosVersion<'a>,
}

impl fmt::Display for RimName<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { project, project_sku, chip_sku, vbios } = self;
        write!(f, "NV_GPU_VBIOS_{project}_{project_sku}_{chip_sku}_")?;
        vbios.digits().try_for_each(|digit| write!(f, "{digit}"))
    }
}

/// What the device says of its versions, for a sentence.
impl fmt::Display for NvidiaOpaque<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.driver, self.vbios) {
            (Some(driver), Some(vbios)) => write!(f, "driver {driver} and VBIOS {vbios}"),
            (Some(driver), None) => write!(f, "driver {driver}"),
            (None, Some(vbios)) => write!(f, "firmware {vbios}"),
            (None, None) => f.write_str("no version"),
        }
    }
}

/// Printable text before the zero bytes that end it.
fn text(value: &[u8]) -> Option<&str> {
    let end = value.iter().rposition(|byte| *byte != 0)? + 1;
    let text = value.get(..end)?;
    let is_printable = text.iter().all(u8::is_ascii_graphic);
    core::str::from_utf8(text).ok().filter(|_| is_printable)
}
