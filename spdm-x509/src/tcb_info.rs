//! What DICE devices say of their firmware in their certificates (TCG DICE Attestation Architecture §6.1).

use core::fmt;

use crate::oid::Oid;
use crate::rule::Rule;
use crate::text::Text;
use crate::tlv::{Element, Fields, Tag, explicit, implicit};

/// One statement of a DICE extension. It is shown; no policy compares it with anything.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum DiceInfo<'a> {
    /// `DiceTcbInfo`, alone or one of several in `DiceTcbInfoSeq`.
    Tcb(TcbInfo<'a>),
    /// `CompositeDeviceID`, which older devices, such as NVIDIA's, have under the same identifier.
    CompositeDeviceId {
        /// The DER SubjectPublicKeyInfo of the device.
        device_id: &'a [u8],
        /// The digest of its firmware.
        fwid: Fwid<'a>,
    },
    /// Under a known identifier something else.
    Malformed,
}

impl<'a> DiceInfo<'a> {
    /// The value of tcg-dice-TcbInfo.
    pub(crate) fn parse(value: &'a [u8]) -> Self {
        one(value)
            .and_then(|element| {
                composite_device_id(element).or_else(|| TcbInfo::parse(element).map(Self::Tcb))
            })
            .unwrap_or(Self::Malformed)
    }

    /// The value of tcg-dice-MultiTcbInfo.
    pub(crate) fn parse_all(value: &'a [u8]) -> impl Iterator<Item = Self> + use<'a> {
        let list = one(value).map(|list| list.fields());
        let malformed = list.is_none_or(|list| list.is_empty()).then_some(Self::Malformed);
        let each = list.into_iter().flat_map(Fields::into_iter);
        malformed
            .into_iter()
            .chain(each.map(|element| TcbInfo::parse(element).map_or(Self::Malformed, Self::Tcb)))
    }
}

/// The one SEQUENCE that `value` is.
fn one(value: &[u8]) -> Option<Element<'_>> {
    Element::only_strict(value, Tag::SEQUENCE, Rule::Der).ok()
}

/// `SEQUENCE { version INTEGER (1), deviceID SubjectPublicKeyInfo, fwid FWID }`.
fn composite_device_id<'a>(element: Element<'a>) -> Option<DiceInfo<'a>> {
    let mut fields = element.fields();
    let version = fields.element()?;
    let device_id = fields.element()?;
    let fwid = Fwid::parse(fields.element()?)?;
    let is_one = version.tag() == Tag::INTEGER && version.content() == [1];
    (is_one && device_id.tag() == Tag::SEQUENCE && fields.is_empty())
        .then_some(DiceInfo::CompositeDeviceId { device_id: device_id.encoded(), fwid })
}

/// `DiceTcbInfo`: the trusted computing base of the layer that the certificate is about.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct TcbInfo<'a> {
    /// `vendor`.
    pub vendor: Option<Text<'a>>,
    /// `model`.
    pub model: Option<Text<'a>>,
    /// `version`.
    pub version: Option<Text<'a>>,
    /// `svn`: the security version number.
    pub svn: Option<u64>,
    /// `layer`.
    pub layer: Option<u64>,
    /// `index`.
    pub index: Option<u64>,
    /// `flags`.
    pub flags: Option<OperationalFlags>,
    /// `vendorInfo`.
    pub vendor_info: Option<&'a [u8]>,
    /// `type`.
    pub kind: Option<&'a [u8]>,
    /// `flagsMask`: which of the flags mean something.
    pub flags_mask: Option<OperationalFlags>,
    fwids: Fields<'a>,
}

impl<'a> TcbInfo<'a> {
    fn parse(element: Element<'a>) -> Option<Self> {
        let mut fields = element.fields();
        let mut primitive = |number| fields.optional(implicit(number));
        let text = |element: Option<Element<'a>>| element.map(|element| Text(element.content()));
        let (vendor, model, version) = (primitive(0), primitive(1), primitive(2));
        let (svn, layer, index) = (primitive(3), primitive(4), primitive(5));
        let fwids = match fields.optional(explicit(6)) {
            Some(list) if list.fields().is_empty() => return None,
            Some(list) => list.fields(),
            None => Fields::default(),
        };
        let mut primitive = |number| fields.optional(implicit(number));
        let (flags, vendor_info) = (primitive(7), primitive(8));
        let (kind, flags_mask) = (primitive(9), primitive(10));
        // integrityRegisters: their digests are those of measurements.
        fields.optional(explicit(11));
        let well_formed = fwids.into_iter().all(|fwid| Fwid::parse(fwid).is_some());
        (element.tag() == Tag::SEQUENCE && fields.is_empty() && well_formed).then_some(Self {
            vendor: text(vendor),
            model: text(model),
            version: text(version),
            svn: transposed(svn, number)?,
            layer: transposed(layer, number)?,
            index: transposed(index, number)?,
            flags: transposed(flags, OperationalFlags::parse)?,
            vendor_info: vendor_info.map(Element::content),
            kind: kind.map(Element::content),
            flags_mask: transposed(flags_mask, OperationalFlags::parse)?,
            fwids,
        })
    }

    /// `fwids`: the digests of the firmware.
    pub fn fwids(&self) -> impl Iterator<Item = Fwid<'a>> + use<'a> {
        self.fwids.into_iter().filter_map(Fwid::parse)
    }
}

/// `None` only where something is there and `read` fails.
#[expect(clippy::option_option, reason = "absent and malformed are different")]
fn transposed<T, R>(value: Option<T>, read: impl FnOnce(T) -> Option<R>) -> Option<Option<R>> {
    match value {
        Some(value) => read(value).map(Some),
        None => Some(None),
    }
}

/// A minimal non-negative INTEGER of up to 64 bits, under an implicit tag.
fn number(element: Element<'_>) -> Option<u64> {
    let is_minimal = match element.content() {
        [0] | [0x01..=0x7F, ..] => true,
        [0, second, ..] => second & 0x80 != 0,
        _ => false,
    };
    let digit = |number: u64, byte: &u8| {
        number.checked_mul(0x100).and_then(|number| number.checked_add(u64::from(*byte)))
    };
    element.content().iter().try_fold(0, digit).filter(|_| is_minimal)
}

/// `vendor=ACME, svn=3, fwid=SHA-384:77fc…, flags=debug`.
impl fmt::Display for TcbInfo<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut list = List { f, is_empty: true };
        for (name, text) in
            [("vendor", self.vendor), ("model", self.model), ("version", self.version)]
        {
            text.map_or(Ok(()), |text| list.entry(format_args!("{name}={text}")))?;
        }
        for (name, number) in [("svn", self.svn), ("layer", self.layer), ("index", self.index)] {
            number.map_or(Ok(()), |number| list.entry(format_args!("{name}={number}")))?;
        }
        self.fwids().try_for_each(|fwid| list.entry(format_args!("fwid={fwid}")))?;
        self.flags.map_or(Ok(()), |flags| list.entry(format_args!("flags={flags}")))?;
        self.flags_mask.map_or(Ok(()), |mask| list.entry(format_args!("flagsMask={mask}")))?;
        for (name, bytes) in [("vendorInfo", self.vendor_info), ("type", self.kind)] {
            bytes.map_or(Ok(()), |bytes| list.entry(format_args!("{name}={}", Hex(bytes))))?;
        }
        if list.is_empty { f.write_str("(nothing)") } else { Ok(()) }
    }
}

impl fmt::Display for DiceInfo<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcb(info) => info.fmt(f),
            Self::CompositeDeviceId { fwid, .. } => write!(f, "CompositeDeviceID, fwid={fwid}"),
            Self::Malformed => f.write_str("malformed"),
        }
    }
}

/// Entries with commas between them.
struct List<'f, 'w> {
    f: &'f mut fmt::Formatter<'w>,
    is_empty: bool,
}

impl List<'_, '_> {
    fn entry(&mut self, entry: fmt::Arguments<'_>) -> fmt::Result {
        if !self.is_empty {
            self.f.write_str(", ")?;
        }
        self.is_empty = false;
        self.f.write_fmt(entry)
    }
}

/// `FWID`: the digest of a piece of firmware.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Fwid<'a> {
    /// `hashAlg`.
    pub hash: Oid<'a>,
    /// `digest`.
    pub digest: &'a [u8],
}

impl<'a> Fwid<'a> {
    fn parse(element: Element<'a>) -> Option<Self> {
        let mut fields = element.fields();
        let hash = fields.element()?.oid()?;
        let digest = fields.optional(Tag::OCTET_STRING)?;
        (element.tag() == Tag::SEQUENCE && fields.is_empty())
            .then_some(Self { hash, digest: digest.content() })
    }
}

/// `SHA-384:77fc…`.
impl fmt::Display for Fwid<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.hash {
            Oid::SHA256 => f.write_str("SHA-256")?,
            Oid::SHA384 => f.write_str("SHA-384")?,
            Oid::SHA512 => f.write_str("SHA-512")?,
            other => write!(f, "{other}")?,
        }
        write!(f, ":{}", Hex(self.digest))
    }
}

struct Hex<'a>(&'a [u8]);

impl fmt::Display for Hex<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

/// `OperationalFlags`: bit 0 is the most significant one.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct OperationalFlags(u32);

impl OperationalFlags {
    fn parse(element: Element<'_>) -> Option<Self> {
        let [unused @ 0..=7, bytes @ ..] = element.content() else { return None };
        let mut whole = [0; 4];
        whole.get_mut(..bytes.len())?.copy_from_slice(bytes);
        let bits = u32::from_be_bytes(whole);
        let clear =
            bytes.last().map_or(*unused == 0, |last| last.trailing_zeros() >= u32::from(*unused));
        clear.then_some(Self(bits))
    }

    /// The bits, bit 0 of the specification first.
    #[must_use]
    pub const fn bits(self) -> u32 {
        self.0
    }
}

impl fmt::Display for OperationalFlags {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const NAMES: [(u32, &str); 5] = [
            (1 << 31, "notConfigured"),
            (1 << 30, "notSecure"),
            (1 << 29, "recovery"),
            (1 << 28, "debug"),
            (1, "fixedWidth"),
        ];
        let known = NAMES.iter().fold(0, |known, (bit, _)| known | bit);
        if self.0 == 0 {
            return f.write_str("none");
        }
        let mut separator = "";
        for (_, name) in NAMES.iter().filter(|(bit, _)| self.0 & bit != 0) {
            f.write_str(separator)?;
            f.write_str(name)?;
            separator = "|";
        }
        match self.0 & !known {
            0 => Ok(()),
            unknown => {
                f.write_str(separator)?;
                write!(f, "{unknown:#x}")
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::DiceInfo;
    use crate::certificate::Certificate;
    use crate::oid::Oid;
    use crate::testing::{Template, extension, key, tlv};
    use std::string::{String, ToString};
    use std::vec::Vec;

    fn shown(oid: Oid<'_>, value: &[u8]) -> Vec<String> {
        let mut leaf = Template::leaf("CA");
        leaf.extensions.push(extension(oid.as_bytes(), &[], value));
        let der = leaf.signed_by("CA");
        Certificate::from_der(&der).unwrap().dice_infos().map(|info| info.to_string()).collect()
    }

    fn fwid() -> Vec<u8> {
        tlv(0x30, &[&tlv(6, &[Oid::SHA256.as_bytes()]), &tlv(4, &[&[0xF0; 2]])])
    }

    fn tcb_info() -> Vec<u8> {
        let fields = [
            tlv(0x80, &[b"ACME"]),
            tlv(0x81, &[b"Widget\x1b"]),
            tlv(0x82, &[b"1.0"]),
            tlv(0x83, &[&[3]]),
            tlv(0x84, &[&[0]]),
            tlv(0x85, &[&[0, 0x80]]),
            tlv(0xA6, &[&fwid(), &fwid()]),
            tlv(0x87, &[&[4, 0x90]]),
            tlv(0x88, &[b"v"]),
            tlv(0x89, &[b"t"]),
            tlv(0x8A, &[&[0, 0xF0, 0, 0, 1]]),
        ];
        tlv(0x30, &[&fields.concat()])
    }

    #[test]
    fn tcb_info_is_shown() {
        let all = "vendor=ACME, model=Widget\\u{1b}, version=1.0, svn=3, layer=0, index=128, \
            fwid=SHA-256:f0f0, fwid=SHA-256:f0f0, flags=notConfigured|debug, \
            flagsMask=notConfigured|notSecure|recovery|debug|fixedWidth, vendorInfo=76, type=74";
        assert_eq!(shown(Oid::TCB_INFO, &tcb_info()), [all]);
        assert_eq!(shown(Oid::TCB_INFO, &[0x30, 0]), ["(nothing)"]);
        let unknown = tlv(0x30, &[&tlv(0x87, &[&[0, 0x01]])]);
        assert_eq!(shown(Oid::TCB_INFO, &unknown), ["flags=0x1000000"]);
        let none = tlv(0x30, &[&tlv(0x87, &[&[0]])]);
        assert_eq!(shown(Oid::TCB_INFO, &none), ["flags=none"]);
        let several = tlv(0x30, &[&tcb_info(), &[0x30, 0]]);
        assert_eq!(shown(Oid::MULTI_TCB_INFO, &several), [all, "(nothing)"]);
        assert!(shown(Oid::PCI_CMA, &tcb_info()).is_empty());
    }

    /// What NVIDIA's devices have under the identifier of TcbInfo.
    #[test]
    fn composite_device_id_is_shown() {
        let device_id = key("Device").to_spki_der();
        let value = tlv(0x30, &[&[2, 1, 1], &device_id, &fwid()]);
        assert_eq!(shown(Oid::TCB_INFO, &value), ["CompositeDeviceID, fwid=SHA-256:f0f0"]);
        match DiceInfo::parse(&value) {
            DiceInfo::CompositeDeviceId { device_id: shown, .. } => assert_eq!(shown, device_id),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn what_is_malformed_says_so_and_refuses_no_certificate() {
        for value in [
            Vec::new(),
            tlv(0x31, &[]),
            tlv(0x30, &[&[5, 0]]),
            tlv(0x30, &[&tlv(0x81, &[b"b"]), &tlv(0x80, &[b"a"])]), // out of order
            tlv(0x30, &[&tlv(0x83, &[&[0, 1]])]),                   // a leading zero
            tlv(0x30, &[&tlv(0x83, &[&[0x80]])]),                   // negative
            tlv(0x30, &[&tlv(0x83, &[])]),
            tlv(0x30, &[&tlv(0x83, &[&[1; 9]])]), // more than 64 bits
            tlv(0x30, &[&tlv(0xA6, &[])]),
            tlv(0x30, &[&tlv(0xA6, &[&[0x30, 0]])]),
            tlv(0x30, &[&tlv(0x87, &[])]),
            tlv(0x30, &[&tlv(0x87, &[&[8, 0]])]),
            tlv(0x30, &[&tlv(0x87, &[&[1, 1]])]), // an unused bit is set
            tlv(0x30, &[&tlv(0x87, &[&[0, 0, 0, 0, 0, 1]])]),
            tlv(0x30, &[&[2, 1, 1], &fwid()]),
            [tcb_info(), tcb_info()].concat(),
        ] {
            assert_eq!(shown(Oid::TCB_INFO, &value), ["malformed"], "{value:02x?}");
        }
        for value in [Vec::new(), tlv(0x30, &[]), tcb_info()] {
            assert!(shown(Oid::MULTI_TCB_INFO, &value).contains(&"malformed".into()));
        }
    }
}
