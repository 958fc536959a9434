//! What DICE devices say of their firmware in their certificates (TCG DICE Attestation Architecture §6.1): to be
//! shown, and what reference values may be about. No part of it decides over trust.

use core::fmt;
use core::iter::Peekable;
use std::vec::IntoIter;

use der::asn1::{AnyRef, UintRef};
use der::{Decode, Reader, SliceReader, Tag, TagNumber, Tagged};
use spdm_untrusted::Untrusted;
use spdm_x509::{Oid, Text, X509Certificate};

/// The statements in the DICE extensions of a certificate, in their order.
#[must_use]
pub fn infos<'a>(certificate: &X509Certificate<'a>) -> Vec<DiceInfo<'a>> {
    let value =
        |oid: Oid<'_>| certificate.extension(oid.as_bytes()).map(Untrusted::into_inner_less_safe);
    let one = value(Oid::TCB_INFO).into_iter().map(DiceInfo::parse);
    let several = value(Oid::MULTI_TCB_INFO).into_iter().flat_map(DiceInfo::parse_all);
    one.chain(several).collect()
}

/// One statement of a DICE extension.
#[derive(Clone, Debug)]
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
    fn parse(value: &'a [u8]) -> Self {
        one(value)
            .and_then(|element| {
                composite_device_id(&element).or_else(|| TcbInfo::parse(&element).map(Self::Tcb))
            })
            .unwrap_or(Self::Malformed)
    }

    /// The value of tcg-dice-MultiTcbInfo.
    fn parse_all(value: &'a [u8]) -> Vec<Self> {
        let tcb = |element| TcbInfo::parse(&element).map_or(Self::Malformed, Self::Tcb);
        let list = one(value).and_then(|list| list.inside());
        let list: Vec<Self> = list.into_iter().flatten().map(tcb).collect();
        if list.is_empty() { vec![Self::Malformed] } else { list }
    }
}

/// A tag, length and value.
#[derive(Clone, Copy, Debug)]
struct Element<'a> {
    any: AnyRef<'a>,
    encoded: &'a [u8],
}

/// Elements that were not read yet.
type Elements<'a> = Peekable<IntoIter<Element<'a>>>;

impl<'a> Element<'a> {
    /// The elements inside; `None` where it is primitive or what is inside is no DER.
    fn inside(&self) -> Option<Elements<'a>> {
        self.any.tag().is_constructed().then(|| elements(self.any.value()))?
    }
}

/// The elements that `bytes` consist of.
fn elements(bytes: &[u8]) -> Option<Elements<'_>> {
    let mut reader = SliceReader::new(bytes).ok()?;
    let mut elements = Vec::new();
    while !reader.is_finished() {
        let encoded = reader.tlv_bytes().ok()?;
        elements.push(Element { any: AnyRef::from_der(encoded).ok()?, encoded });
    }
    Some(elements.into_iter().peekable())
}

/// The one SEQUENCE that `value` is.
fn one(value: &[u8]) -> Option<Element<'_>> {
    let mut elements = elements(value)?;
    let first = elements.next()?;
    (first.any.tag() == Tag::Sequence && elements.next().is_none()).then_some(first)
}

/// `SEQUENCE { version INTEGER (1), deviceID SubjectPublicKeyInfo, fwid FWID }`.
fn composite_device_id<'a>(element: &Element<'a>) -> Option<DiceInfo<'a>> {
    let mut fields = element.inside()?;
    let version = fields.next()?;
    let device_id = fields.next()?;
    let fwid = Fwid::parse(&fields.next()?)?;
    let is_one = version.any.decode_as::<u8>().is_ok_and(|version| version == 1);
    (is_one && device_id.any.tag() == Tag::Sequence && fields.next().is_none())
        .then_some(DiceInfo::CompositeDeviceId { device_id: device_id.encoded, fwid })
}

/// `DiceTcbInfo`: the trusted computing base of the layer that the certificate is about.
#[derive(Clone, Debug)]
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
    /// `fwids`: the digests of the firmware.
    pub fwids: Vec<Fwid<'a>>,
    /// `flags`.
    pub flags: Option<OperationalFlags>,
    /// `vendorInfo`.
    pub vendor_info: Option<&'a [u8]>,
    /// `type`.
    pub kind: Option<&'a [u8]>,
    /// `flagsMask`: which of the flags mean something.
    pub flags_mask: Option<OperationalFlags>,
}

impl<'a> TcbInfo<'a> {
    fn parse(element: &Element<'a>) -> Option<Self> {
        let mut fields = element.inside().filter(|_| element.any.tag() == Tag::Sequence)?;
        let mut field = |number, constructed| {
            let tag = Tag::ContextSpecific { constructed, number: TagNumber(number) };
            fields.next_if(|field| field.any.tag() == tag)
        };
        let text = |element: Option<Element<'a>>| element.map(|it| Text::new(it.any.value()));
        let mut primitive = |number| field(number, false);
        let (vendor, model, version) = (primitive(0), primitive(1), primitive(2));
        let (svn, layer, index) = (primitive(3), primitive(4), primitive(5));
        let fwids = match field(6, true) {
            Some(list) => {
                let list: Option<Vec<_>> = list.inside()?.map(|fwid| Fwid::parse(&fwid)).collect();
                list.filter(|list| !list.is_empty())?
            }
            None => Vec::new(),
        };
        let mut primitive = |number| field(number, false);
        let (flags, vendor_info) = (primitive(7), primitive(8));
        let (kind, flags_mask) = (primitive(9), primitive(10));
        // integrityRegisters: their digests are those of measurements.
        field(11, true);
        fields.next().is_none().then_some(())?;
        Some(Self {
            vendor: text(vendor),
            model: text(model),
            version: text(version),
            svn: transposed(svn, number)?,
            layer: transposed(layer, number)?,
            index: transposed(index, number)?,
            fwids,
            flags: transposed(flags, |flags| OperationalFlags::parse(&flags))?,
            vendor_info: vendor_info.map(|it| it.any.value()),
            kind: kind.map(|it| it.any.value()),
            flags_mask: transposed(flags_mask, |flags| OperationalFlags::parse(&flags))?,
        })
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

/// A non-negative INTEGER of up to 64 bits, under an implicit tag.
fn number(element: Element<'_>) -> Option<u64> {
    let integer = AnyRef::new(Tag::Integer, element.any.value()).ok()?;
    let magnitude = integer.decode_as::<UintRef<'_>>().ok()?.as_bytes();
    let mut whole = [0; 8];
    let zeros = whole.len().checked_sub(magnitude.len())?;
    whole.get_mut(zeros..)?.copy_from_slice(magnitude);
    Some(u64::from_be_bytes(whole))
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
        self.fwids.iter().try_for_each(|fwid| list.entry(format_args!("fwid={fwid}")))?;
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
    fn parse(element: &Element<'a>) -> Option<Self> {
        let mut fields = element.inside()?;
        let hash = fields.next()?;
        let digest = fields.next()?;
        let is_fwid = element.any.tag() == Tag::Sequence
            && hash.any.tag() == Tag::ObjectIdentifier
            && digest.any.tag() == Tag::OctetString
            && fields.next().is_none();
        let hash = Oid::from_content(hash.any.value()).filter(|_| is_fwid)?;
        Some(Self { hash, digest: digest.any.value() })
    }
}

/// `SHA-384:77fc…`.
impl fmt::Display for Fwid<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let dotted = self.hash.to_string();
        let name = match dotted.as_str() {
            "2.16.840.1.101.3.4.2.1" => "SHA-256",
            "2.16.840.1.101.3.4.2.2" => "SHA-384",
            "2.16.840.1.101.3.4.2.3" => "SHA-512",
            other => other,
        };
        f.write_str(name)?;
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
    fn parse(element: &Element<'_>) -> Option<Self> {
        let [unused @ 0..=7, bytes @ ..] = element.any.value() else { return None };
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

    fn tlv(tag: u8, parts: &[&[u8]]) -> Vec<u8> {
        let content = parts.concat();
        let len = match u8::try_from(content.len()).unwrap() {
            len @ 0..=0x7F => vec![len],
            len => vec![0x81, len],
        };
        [&[tag][..], &len, &content].concat()
    }

    fn one(value: &[u8]) -> String {
        DiceInfo::parse(value).to_string()
    }

    fn shown(value: &[u8]) -> Vec<String> {
        DiceInfo::parse_all(value).iter().map(ToString::to_string).collect()
    }

    fn fwid() -> Vec<u8> {
        let sha256 = [0x60, 0x86, 0x48, 1, 0x65, 3, 4, 2, 1];
        tlv(0x30, &[&tlv(6, &[&sha256]), &tlv(4, &[&[0xF0; 2]])])
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
        assert_eq!(one(&tcb_info()), all);
        assert_eq!(one(&[0x30, 0]), "(nothing)");
        let unknown = tlv(0x30, &[&tlv(0x87, &[&[0, 0x01]])]);
        assert_eq!(one(&unknown), "flags=0x1000000");
        let none = tlv(0x30, &[&tlv(0x87, &[&[0]])]);
        assert_eq!(one(&none), "flags=none");
        let several = tlv(0x30, &[&tcb_info(), &[0x30, 0]]);
        assert_eq!(shown(&several), [all, "(nothing)"]);
    }

    /// What NVIDIA's devices have under the identifier of TcbInfo.
    #[test]
    fn composite_device_id_is_shown() {
        let device_id = tlv(0x30, &[&tlv(0x30, &[]), &tlv(3, &[&[0, 4]])]);
        let value = tlv(0x30, &[&[2, 1, 1], &device_id, &fwid()]);
        assert_eq!(one(&value), "CompositeDeviceID, fwid=SHA-256:f0f0");
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
            assert_eq!(one(&value), "malformed", "{value:02x?}");
        }
        for value in [Vec::new(), tlv(0x30, &[]), tcb_info()] {
            assert!(shown(&value).contains(&"malformed".into()));
        }
    }
}
