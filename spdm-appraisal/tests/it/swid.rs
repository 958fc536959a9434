//! SWID tags: their XML, and what they say.

use std::format;
use std::string::{String, ToString as _};
use std::sync::OnceLock;
use std::vec;
use std::vec::Vec;

use spdm_appraisal::{
    ElementId, Error, Nvdec0, NvidiaOpaque, ReferenceTrust, Rule, Swid, SwidMismatch, VbiosVersion,
};
use spdm_untrusted::Untrusted;
use spdm_x509::Anchor;

use crate::setting::trust;
use crate::swid_file::{FIRMWARE, OTHER, P384, ROM, SwidFile, hex, resource};
use crate::testing::certificates_for;

pub(crate) fn read_with(file: &str, trust: &ReferenceTrust<'_>) -> Result<Swid, Error> {
    Swid::read(Untrusted::new(file.as_bytes()), trust)
}

pub(crate) fn read(file: &str) -> Result<Swid, Error> {
    static ROOT: OnceLock<Vec<u8>> = OnceLock::new();
    let root = ROOT.get_or_init(|| certificates_for(P384, 0).remove(0));
    read_with(file, &trust(&[Anchor::Certificate(root)], &[]))
}

/// The rule that is broken and the field.
pub(crate) fn refusal(file: &str) -> (Rule, &'static str) {
    match read(file) {
        Err(Error::Read(error)) => (error.rule, error.field),
        other => panic!("{other:?}"),
    }
}

/// What a file with this payload, properly signed, is refused for.
fn refused_payload(resources: &[String]) -> (Rule, &'static str) {
    let payload = format!("<ns0:Payload>{}</ns0:Payload>", resources.concat());
    refusal(&SwidFile { payload, ..SwidFile::new() }.signed())
}

fn device(vbios: &str) -> NvidiaOpaque<'_> {
    let mut device = NvidiaOpaque::default();
    device.vbios = Some(VbiosVersion::Text(vbios));
    device
}

fn values(swid: &Swid) -> Vec<(u64, Vec<u8>)> {
    let device = device("96.10.55.00.01");
    let states: Vec<_> = swid.states_of(&device, None).unwrap().collect();
    let value = states.iter().flat_map(|state| state.values.iter().collect::<Vec<_>>());
    let value = value.map(|value| {
        let ElementId::Index(index) = value.id else { panic!("{:?}", value.id) };
        let digest = value.claims.digests.unwrap().iter().next().unwrap();
        (index, digest.value.bytes().collect())
    });
    value.collect()
}

#[test]
fn each_alternative_is_a_state_in_spdm_numbering() {
    let swid = read(&SwidFile::new().signed()).unwrap().named("rim.xml");
    assert_eq!((swid.version(), swid.product()), ("96.10.55.00.01", "LS10"));
    assert_eq!((swid.measurements(), swid.inactive(), swid.signer()), (2, 1, "CN=Leaf"));
    let expected = [(1, ROM), (2, OTHER), (2, FIRMWARE)];
    assert_eq!(values(&swid), expected.map(|(index, digest)| (index, digest.to_vec())));
    let origins: Vec<_> = swid.states().map(|state| state.origin).collect();
    assert_eq!(origins.iter().map(|origin| origin.triple).collect::<Vec<_>>(), [0, 1, 1]);
    assert_eq!(origins[0].file, "rim.xml");
}

/// Measurements in another order are the same.
#[test]
fn states_come_by_rising_index() {
    let file = SwidFile::new();
    let expected = values(&read(&file.signed()).unwrap());
    let resources = [
        resource("1", "True", &[&hex(&OTHER), &hex(&FIRMWARE)]),
        resource("0", "True", &[&hex(&ROM)]),
    ];
    let payload = format!("<ns0:Payload>{}</ns0:Payload>", resources.concat());
    let swid = read(&SwidFile { payload, ..file }.signed()).unwrap();
    assert_eq!(values(&swid), expected);
    assert_eq!(swid.overlap(&swid), Some(1));
}

/// What has to be escaped in canonical form, and what must not be.
#[test]
fn characters_that_are_escaped() {
    let root = "name=\"&amp;&lt;>'&quot;&#x9;&#xA;&#xD;\"".into();
    let entity = "<ns0:Entity name=\"E\">&amp;&lt;&gt;\"'\t\n&#xD;</ns0:Entity>";
    let file = SwidFile::new();
    let meta = format!("{}{entity}", file.meta);
    let signed = SwidFile { root, meta, ..file }.signed();
    read(&signed).unwrap();
    for (written, other) in [("&#x9;", " "), ("&#xD;</", "\n</"), ("&lt;>", "&lt; ")] {
        assert_eq!(refusal(&signed.replace(written, other)), (Rule::XmlDigest, "DigestValue"));
    }
}

/// One document, written in several ways: what is hashed is the same.
#[test]
fn how_it_is_written_does_not_matter() {
    let file = SwidFile { root: "name=\"A&amp;B\tC\"".replace('\t', "&#x9;"), ..SwidFile::new() };
    let signed = file.signed();
    let expected = read(&signed).unwrap();
    let (head, tail) = signed.split_once("<ds:Signature").unwrap();
    for head in [
        head.replace("></ns0:Resource>", "/>"),
        head.replace('"', "'"),
        head.replace('\n', "\r\n"),
        head.replace(" active=\"True\"", "")
            .replace("<ns0:Resource", "<ns0:Resource\n active=\"True\"")
            .replace("active=\"True\" active=\"False\"", "active=\"False\""),
        head.replace("&#x9;", "&#9;").replace("&amp;", "&#38;"),
        head.replace(
            "<ns0:Payload>",
            "<ns0:Payload xmlns:ns0=\"http://standards.iso.org/iso/19770/-2/2015/schema.xsd\">",
        ),
        head.replacen(" xmlns=", " xmlns:xml=\"http://www.w3.org/XML/1998/namespace\" xmlns=", 1),
        format!("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n{head}"),
    ] {
        assert_eq!(read(&format!("{head}<ds:Signature{tail}")).as_ref(), Ok(&expected), "{head}");
    }
}

#[test]
fn na13_comment_inside_a_hash_value() {
    let file = SwidFile::new().signed();
    let rom = hex(&ROM);
    let comment = format!("{}<!-- -->{}", &rom[..8], &rom[8..]);
    assert_eq!(refusal(&file.replace(&rom, &comment)), (Rule::XmlMalformed, "element"));
    let (digest, field) = ("<ds:DigestValue>", "comment");
    let inside = file.replace(digest, &format!("{digest}<!-- -->"));
    assert_eq!(refusal(&inside), (Rule::XmlMarkup, field));
    assert_eq!(refusal(&format!("<!-- -->{file}")), (Rule::XmlMarkup, field));
    assert_eq!(refusal(&format!("{file}<!-- -->")), (Rule::XmlMarkup, field));
}

#[test]
fn na13_entity_and_other_markup() {
    let file = SwidFile::new().signed();
    let rom = hex(&ROM);
    for entity in ["&rom;", "&", "&#;"] {
        let with = file.replace(&rom, &format!("{entity}{}", &rom[2..]));
        assert_eq!(refusal(&with), (Rule::XmlEntity, "entity"), "{entity}");
    }
    for (doctype, field) in [
        ("<!DOCTYPE a [<!ENTITY rom \"01\">]>", "DOCTYPE"),
        ("<!DOCTYPE a>", "DOCTYPE"),
        ("<![CDATA[ ]]>", "CDATA section"),
        ("<?php ?>", "processing instruction"),
        ("<?xml-stylesheet ?>", "processing instruction"),
    ] {
        let in_front = format!("{doctype}{file}");
        assert_eq!(refusal(&in_front), (Rule::XmlMarkup, field), "{doctype}");
        let inside = file.replace("<ds:KeyInfo>", &format!("<ds:KeyInfo>{doctype}"));
        assert_eq!(refusal(&inside), (Rule::XmlMarkup, field), "{doctype}");
    }
    let other = format!("<?xml version=\"1.0\" encoding=\"UTF-16\"?>{file}");
    assert_eq!(refusal(&other), (Rule::XmlMalformed, "XML declaration"));
    let latin = [b"<a b=\"\xE9\"/>".as_slice()].concat();
    let root = certificates_for(P384, 0).remove(0);
    let read = Swid::read(Untrusted::new(&latin), &trust(&[Anchor::Certificate(&root)], &[]));
    assert!(matches!(read, Err(Error::Read(error)) if error.at == 6), "{read:?}");
}

#[test]
fn na13_second_payload() {
    let one = SwidFile::new();
    let more = format!("<ns0:Payload>{}</ns0:Payload>", resource("0", "True", &[&hex(&OTHER)]));
    // Signed by the vendor as it is.
    let payload = format!("{}{more}", one.payload);
    let expected = (Rule::SwidElement, "SoftwareIdentity");
    assert_eq!(refusal(&SwidFile { payload, ..one.clone() }.signed()), expected);
    let meta = format!("{0}{0}", one.meta);
    assert_eq!(refusal(&SwidFile { meta, ..one.clone() }.signed()), expected);
    // Behind the signature, and inside of it.
    let file = one.signed();
    let behind = file.replace("</ds:Signature>", &format!("</ds:Signature>{more}"));
    assert_eq!(refusal(&behind), (Rule::XmlSignatureForm, "Signature"));
    let object = format!("<ds:Object>{more}</ds:Object></ds:Signature>");
    let inside = file.replace("</ds:Signature>", &object);
    assert_eq!(refusal(&inside), (Rule::XmlSignatureForm, "Signature"));
    // In front of the right one.
    let in_front = file.replace("<ns0:Payload>", &format!("{more}<ns0:Payload>"));
    assert_eq!(refusal(&in_front), (Rule::XmlDigest, "DigestValue"));
}

#[test]
fn na13_namespace_redeclared() {
    let file = SwidFile::new();
    let expected = (Rule::XmlNamespace, "xmlns");
    for declared in ["xmlns:ns0=\"urn:x\"", "xmlns=\"urn:x\"", "xmlns:ns2=\"urn:x\"", "xmlns=\"\""]
    {
        let payload = file.payload.replace("<ns0:Payload", &format!("<ns0:Payload {declared}"));
        let signed = SwidFile { payload, ..file.clone() }.signed();
        assert_eq!(refusal(&signed), expected, "{declared}");
    }
    // A parser that takes the one and a hash that takes the other.
    let twice = file.signed().replacen("xmlns=", "xmlns=\"urn:x\" xmlns=", 1);
    assert_eq!(refusal(&twice), expected);
    // Elements that are named like the right ones.
    let rule = |file: SwidFile| refusal(&file.signed());
    let meta = file.meta.replace("ns0:", "ns2:");
    let unknown = (Rule::SwidElement, "SoftwareIdentity");
    assert_eq!(rule(SwidFile { meta, ..file.clone() }), unknown);
    let meta = format!("{}<ns2:Entity></ns2:Entity>", file.meta);
    assert_eq!(rule(SwidFile { meta, ..file.clone() }), unknown);
    let payload = file.payload.replace("ns0:Payload", "ns2:Payload");
    assert_eq!(rule(SwidFile { payload, ..file.clone() }), unknown);
    let payload = file.payload.replace("ns0:Resource", "ns2:Resource");
    assert_eq!(rule(SwidFile { payload, ..file.clone() }), (Rule::SwidElement, "Payload"));
    for root in ["<SoftwareIdentity/>", "<SoftwareIdentity xmlns=\"urn:x\"/>"] {
        assert_eq!(refusal(root), (Rule::NotSwid, "SoftwareIdentity"));
    }
    // Hashes that are named like the right ones, and are in no namespace or in another.
    for other in ["Hash0", "ns0:Hash0"] {
        let payload = file.payload.replace("ns2:Hash0", other);
        let signed = SwidFile { payload, ..file.clone() }.signed();
        assert!(matches!(refusal(&signed), (Rule::SwidValue | Rule::XmlDigest, _)), "{other}");
    }
}

#[test]
fn na13_a_hundred_thousand_nested_elements_and_other_sizes() {
    let nested = format!("{}{}", "<a>".repeat(100_000), "</a>".repeat(100_000));
    assert_eq!(refusal(&nested), (Rule::XmlDepth, "elements"));
    let sixteen =
        |depth: usize| refusal(&format!("{}{}", "<a>".repeat(depth), "</a>".repeat(depth))).0;
    assert_eq!((sixteen(16), sixteen(17)), (Rule::NotSwid, Rule::XmlDepth));
    // What looks like the end of an element is in a value.
    let hidden = format!("{}{}", "<a b=\"/>\">".repeat(17), "</a>".repeat(17));
    assert_eq!(refusal(&hidden), (Rule::XmlDepth, "elements"));
    let flat = |count: usize| refusal(&format!("<a>{}</a>", "<b/>".repeat(count)));
    assert_eq!(flat(4095).0, Rule::NotSwid);
    assert_eq!(flat(4096), (Rule::XmlTooMany, "elements"));
    assert_eq!(flat(250_000), (Rule::XmlTooMany, "elements"));
    let attributes = |count: usize| {
        let all: String = (0..count).map(|number| format!(" a{number}=\"\"")).collect();
        refusal(&format!("<a{all}/>"))
    };
    assert_eq!(attributes(256).0, Rule::NotSwid);
    assert_eq!(attributes(257), (Rule::XmlTooMany, "attributes"));
    let equals = |count: usize| refusal(&format!("<a>{}</a>", "=".repeat(count)));
    assert_eq!(equals(0x4000).0, Rule::NotSwid);
    assert_eq!(equals(0x4001), (Rule::XmlTooMany, "attributes"));
    let prefixes = |count: usize| {
        let all: String = (0..count).map(|number| format!(" xmlns:a{number}=\"u\"")).collect();
        refusal(&format!("<a{all}/>"))
    };
    assert_eq!(prefixes(64).0, Rule::NotSwid);
    assert_eq!(prefixes(65), (Rule::XmlTooMany, "namespaces"));
    assert_eq!(refusal(&" ".repeat(0x10_0001)), (Rule::TooLarge, "XML"));
    assert_eq!(refusal(&" ".repeat(0x10_0000)).0, Rule::XmlMalformed);
}

#[test]
fn attributes_that_reach_further_than_their_element() {
    for (attribute, field) in
        [("xml:space=\"preserve\"", "xml:"), ("Id=\"a\"", "id"), ("ns2:ID=\"a\"", "id")]
    {
        let file = SwidFile::new();
        let root = format!("name=\"LS10\" {attribute}");
        let signed = SwidFile { root, ..file }.signed();
        assert_eq!(refusal(&signed), (Rule::XmlAttribute, field));
    }
}

#[test]
fn prefixes_and_mutants_neither_panic_nor_pass() {
    let file = SwidFile::new().signed();
    for end in (0..file.len()).step_by(17) {
        assert!(read(&file[..end]).is_err());
    }
    let expected = read(&file).unwrap();
    for at in (0..file.len()).step_by(17) {
        for other in ["<", "\"", " ", "0", ":"] {
            let mutant = format!("{}{other}{}", &file[..at], &file[at + 1..]);
            if let Ok(swid) = read(&mutant) {
                assert_eq!(swid, expected, "byte {at}: {other}");
            }
        }
    }
}

#[test]
fn values_have_one_form() {
    let good = |index: &str| resource(index, "True", &[&hex(&ROM)]);
    let changed = |from: &str, to: &str| refused_payload(&[good("0").replace(from, to)]);
    let wrong = |field| (Rule::SwidValue, field);
    assert_eq!(changed("Measurement", "File"), wrong("type"));
    assert_eq!(changed("True", "true"), wrong("active"));
    assert_eq!(changed("size=\"48\"", "size=\"32\""), wrong("size"));
    assert_eq!(changed("alternatives=\"1\"", "alternatives=\"2\""), wrong("alternatives"));
    assert_eq!(changed("Hash0", "Hash1"), wrong("alternatives"));
    assert_eq!(changed("Hash0", "Hash00"), wrong("Hash"));
    assert_eq!(changed("Hash0", "Digest"), wrong("Hash"));
    assert_eq!(changed(&hex(&ROM), &hex(&ROM[..47])), wrong("Hash"));
    assert_eq!(changed(&hex(&ROM), &"0g".repeat(48)), wrong("Hash"));
    assert_eq!(changed("size=", "role=\"x\" size="), wrong("Resource"));
    assert_eq!(changed("></", "><a></a></"), wrong("Resource"));
    // One that is active and expects nothing would be met by anything.
    assert_eq!(refused_payload(&[resource("0", "True", &[]), good("1")]), wrong("alternatives"));
    for index in ["254", "-1", "+1", "01", "", "1 "] {
        assert_eq!(refused_payload(&[good(index)]), wrong("index"), "{index}");
    }
    assert_eq!(refused_payload(&[good("7"), good("7")]), (Rule::SwidTwice, "index"));
    let inactive = resource("7", "False", &[&hex(&ROM)]);
    assert_eq!(refused_payload(&[good("7"), inactive.clone()]), (Rule::SwidTwice, "index"));
    assert_eq!(refused_payload(&[inactive]), (Rule::SwidElement, "Resource"));
    assert_eq!(refused_payload(&["<ns0:File></ns0:File>".into()]), (Rule::SwidElement, "Payload"));
    assert_eq!(refused_payload(&["text".into()]), (Rule::SwidElement, "Payload"));
    for flag in ["corpus", "patch", "supplemental"] {
        let root = format!("{flag}=\"true\"");
        assert_eq!(refusal(&SwidFile { root, ..SwidFile::new() }.signed()), wrong(flag));
    }
    let meta = |from: &str, to: &str| {
        let file = SwidFile::new();
        refusal(&SwidFile { meta: file.meta.replace(from, to), ..file }.signed())
    };
    assert_eq!(meta("colloquialVersion", "aVersion"), wrong("colloquialVersion"));
    assert_eq!(meta("LS10", ""), wrong("product"));
    assert_eq!(meta("<ns0:Meta", "<ns0:Evidence"), (Rule::XmlMalformed, "XML"));
    assert_eq!(meta("></ns0:Meta>", "></ns0:Meta>text"), (Rule::SwidElement, "SoftwareIdentity"));
    let other = SwidFile { meta: "<ns0:Evidence></ns0:Evidence>".into(), ..SwidFile::new() };
    assert_eq!(refusal(&other.signed()), (Rule::SwidElement, "SoftwareIdentity"));
}

#[test]
fn more_alternatives_than_the_limit() {
    let other = hex(&OTHER);
    let full =
        |index: usize, count: usize| resource(&index.to_string(), "True", &vec![&other[..]; count]);
    let mut resources: Vec<_> = (0..16).map(|index| full(index, 240)).collect();
    resources.push(full(16, 256 - 10));
    resources.push(full(17, 10));
    let payload =
        |resources: &[String]| format!("<ns0:Payload>{}</ns0:Payload>", resources.concat());
    let file = SwidFile { payload: payload(&resources), ..SwidFile::new() };
    assert_eq!(read(&file.signed()).unwrap().states().count(), 4096);
    resources.push(full(18, 1));
    assert_eq!(refused_payload(&resources), (Rule::TooManyMeasurements, "Payload"));
}

#[test]
fn other_versions_and_states_of_the_decoder() {
    let swid = read(&SwidFile::new().signed()).unwrap();
    let other = device("96.10.55.00.02");
    let mismatch = swid.states_of(&other, None).unwrap_err();
    assert_eq!(
        mismatch.to_string(),
        "it is about version 96.10.55.00.01, and the device has firmware 96.10.55.00.02"
    );
    let unknown = NvidiaOpaque::default();
    assert!(matches!(swid.states_of(&unknown, None), Err(SwidMismatch::NoVersion { .. })));
    // A driver's version is no VBIOS version, whatever the text.
    let mut driver = NvidiaOpaque::default();
    driver.driver = Some("96.10.55.00.01");
    assert!(matches!(swid.states_of(&driver, None), Err(SwidMismatch::NoVersion { .. })));

    let file = SwidFile::new();
    let decoder = resource("35", "True", &[&hex(&OTHER)]);
    let payload = file.payload.replace("</ns0:Payload>", &format!("{decoder}</ns0:Payload>"));
    let swid = read(&SwidFile { payload, ..file }.signed()).unwrap();
    let mut device = device("96.10.55.00.01");
    for (status, count) in [
        (Some(Nvdec0::Enabled), Some(4)),
        (Some(Nvdec0::Disabled), Some(3)),
        (Some(Nvdec0::Other(1)), None),
        (None, None),
    ] {
        device.nvdec0 = status;
        let states = swid.states_of(&device, None);
        assert_eq!(states.map(Iterator::count).ok(), count, "{status:?}");
    }
}

#[test]
fn the_model_is_the_one_in_the_certificate() {
    let swid = read(&SwidFile::new().signed()).unwrap();
    let device = device("96.10.55.00.01");
    let model = |name| swid.states_of(&device, name).unwrap().next().unwrap().environment.model;
    assert_eq!(model(Some("LS_10")), Some("LS_10"));
    assert_eq!(model(Some("GH100")), Some("LS10"));
    assert_eq!(model(None), Some("LS10"));
}
