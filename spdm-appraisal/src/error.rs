//! Why reference values were refused: which rule, which field, where.

use core::fmt;

use spdm_x509::ChainError;

macro_rules! rules {
    ($($(#[doc = $doc:literal])+ $rule:ident in $clause:literal => $text:literal,)+) => {
        /// What a file of reference values, or evidence, can break.
        #[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
        #[non_exhaustive]
        pub enum Rule {
            $($(#[doc = $doc])+ $rule,)+
        }

        impl Rule {
            /// Every rule.
            pub const ALL: &'static [Self] = &[$(Self::$rule,)+];

            /// The group that it belongs to, for reports: `cbor`, `cddl`, `cose.alg`, `corim.validity`, …
            #[must_use]
            pub const fn clause(self) -> &'static str {
                match self { $(Self::$rule => $clause,)+ }
            }

            /// What is wrong.
            #[must_use]
            pub const fn text(self) -> &'static str {
                match self { $(Self::$rule => $text,)+ }
            }
        }
    };
}

rules! {
    /// The item goes on behind the end of the bytes.
    Truncated in "cbor" => "the bytes end before the item does",
    /// Bytes follow the item.
    Trailing in "cbor" => "bytes follow that belong to nothing",
    /// Arrays, maps and tags nest more than sixteen deep.
    Depth in "cbor" => "it nests more than sixteen deep",
    /// A map has one key twice.
    Duplicate in "cbor" => "the key occurs twice in its map",
    /// A map has more keys that no specification knows than can be held against each other.
    TooManyKeys in "cbor" => "the map has too many unknown keys",
    /// A string comes in chunks (RFC 8949 §3.2.3), which cannot be borrowed.
    Chunked in "cbor" => "a string in chunks is not supported",
    /// A byte or number that CBOR does not know, or text that is not UTF-8.
    Malformed in "cbor" => "it is not well-formed CBOR",
    /// More than 1 MiB.
    TooLarge in "cbor" => "it is larger than 1 MiB",
    /// An item of another kind than the grammar has here.
    Type in "cddl" => "it is of another type than expected",
    /// A tag that the grammar does not have here.
    Tag in "cddl" => "it has another tag than expected",
    /// A field that must be there is not.
    Missing in "cddl" => "a required field is missing",
    /// A list or map that must not be empty is.
    Empty in "cddl" => "it is empty",
    /// A list has more elements than the grammar allows.
    Excess in "cddl" => "it has more elements than the grammar allows",
    /// A number outside of its range.
    Range in "cddl" => "the number is out of range",
    /// A digest that is not as long as its algorithm says, or an identifier of a fixed length that is not.
    Length in "cddl" => "it has another length than its kind",
    /// A mask without a value, or of another length.
    Mask in "cddl" => "the mask does not fit the value",
    /// More than 4096 measurements.
    TooManyMeasurements in "cddl" => "there are more than 4096 measurements",
    /// Neither tag 501 nor tag 18 begins the file.
    NotCorim in "corim.tag" => "it is neither an unsigned (tag 501) nor a signed (tag 18) CoRIM",
    /// The form of the DMTF sample tool, which only the compatible dialect reads.
    Legacy in "corim.tag" => "it has the form of the DMTF sample tool, which only the compatible dialect reads",
    /// An unknown profile, which changes what the file means.
    Profile in "corim.profile" => "the profile is unknown, and without it the file cannot be understood",
    /// Neither a record nor a collection, nor the tag of a content format.
    WrapperForm in "cmw" => "it is neither a record nor a collection of messages",
    /// A collection without a member.
    WrapperEmpty in "cmw" => "the collection has no member",
    /// Collections nest more than four deep.
    WrapperDepth in "cmw" => "collections nest more than four deep",
    /// A message of a type that is not known and may be evidence.
    WrapperType in "cmw.type" => "the type of the message is not known",
    /// A bit of the indicator that has no meaning.
    WrapperIndicator in "cmw.ind" => "the indicator has a bit without a meaning",
    /// A validity that is no pair of whole seconds.
    Time in "corim.validity" => "it is not a time in whole seconds",
    /// The validity has not begun.
    NotYetValid in "corim.validity" => "it is not valid yet",
    /// The validity has ended.
    Expired in "corim.validity" => "it is not valid any more",
    /// Reference values cannot point to blocks of a measurement record.
    Indirect in "spdm-indirect" => "reference values cannot be spdm-indirect",
    /// spdm-indirect points to a block that the record lacks, or to the manifest itself.
    IndirectIndex in "spdm-indirect" => "it points to no other block of the measurement record",
    /// A value beside spdm-indirect is not that of the block.
    IndirectDiffers in "spdm-indirect" => "a value beside it is not that of the measurement block",
    /// There are more elements than places lent for them.
    TooManyElements in "manifest.format" => "there are more elements than places for them",
    /// There is no alg in the protected header.
    AlgMissing in "cose.alg" => "the protected header has no alg",
    /// An alg that is not among RFC 9053, RFC 9864 and ML-DSA's.
    AlgUnknown in "cose.alg" => "the signature algorithm is not supported",
    /// alg and key are of different kinds.
    AlgKey in "cose.alg" => "the key is not one of the signature algorithm",
    /// The crypto backend lacks the algorithm.
    AlgBackend in "cose.alg" => "the crypto backend does not implement the signature algorithm",
    /// crit is empty, not protected, or names a header that is not processed.
    Crit in "cose.crit" => "crit names a header that is not understood",
    /// A header is both protected and unprotected.
    Twice in "cose.header" => "the header is both protected and unprotected",
    /// A hash envelope, whose payload is elsewhere.
    HashEnvelope in "cose.header" => "a hash envelope is not supported",
    /// The payload is not in the message.
    Detached in "cose.payload" => "the payload is detached",
    /// The content is declared to be something else.
    ContentType in "cose.content-type" => "the content type is not that of what is read here",
    /// The signature does not verify.
    Signature in "cose.signature" => "the signature is not valid",
    /// x5chain holds no certificate, too many, or more bytes than there is room for.
    X5chain in "cose.x5chain" => "the chain of certificates cannot be used",
    /// The lent memory is too small.
    Scratch in "cose.x5chain" => "the lent memory is too small for the chain of certificates",
    /// Neither x5chain with anchors to judge it nor a key of the caller.
    NoKey in "cose.key" => "there is no key to verify the signature with",
    /// A key of the caller is not a usable SubjectPublicKeyInfo.
    Key in "cose.key" => "the given key cannot be used",
    /// Neither corim-meta nor CWT-Claims.
    MetaMissing in "corim.meta" => "neither corim-meta nor CWT-Claims say who signed",
    /// Neither SoftwareIdentity is the root nor is it of ISO/IEC 19770-2.
    NotSwid in "swid" => "it is no SWID tag (ISO/IEC 19770-2:2015)",
    /// An element that is missing, occurs twice or is not of the form.
    SwidElement in "swid" => "it is missing, occurs twice or is not expected there",
    /// An attribute that is missing, not of the form, or has a value that it cannot have.
    SwidValue in "swid" => "it is missing or has a value that it cannot have",
    /// One measurement index is in the file twice.
    SwidTwice in "swid" => "the measurement index occurs twice",
    /// A document type, comment, CDATA section or processing instruction.
    XmlMarkup in "xml" => "signed reference values have no such markup",
    /// An entity that is none of the five of XML.
    XmlEntity in "xml" => "the entity is none of the five of XML",
    /// An attribute of the namespace xml, or one that names an element.
    XmlAttribute in "xml" => "signed reference values have no such attribute",
    /// A prefix that stands for two namespaces.
    XmlNamespace in "xml" => "a prefix stands for two namespaces",
    /// No XML in UTF-8.
    XmlMalformed in "xml" => "it is not well-formed XML in UTF-8",
    /// Elements nest more than sixteen deep.
    XmlDepth in "xml" => "it nests more than sixteen deep",
    /// More elements, attributes or namespaces than the reader takes.
    XmlTooMany in "xml" => "there are too many of them",
    /// There is no signature.
    XmlUnsigned in "xml.signature" => "there is no signature",
    /// The signature has another form than the one that is accepted.
    XmlSignatureForm in "xml.signature" => "it is not the one form of signature that is accepted",
    /// X509Data holds no certificate, too many, or more bytes than there is room for.
    X509Data in "xml.signature" => "the chain of certificates cannot be used",
    /// The signer's key is on another curve, or none of ECDSA.
    XmlKey in "xml.signature" => "the signer's key is not one on P-384",
    /// The signature does not verify.
    XmlSignature in "xml.signature" => "the signature is not valid",
    /// What is signed is the digest of another document.
    XmlDigest in "xml.digest" => "the digest of the document is not the one that is signed",
    /// corim-meta and CWT-Claims differ.
    MetaDiffers in "corim.meta" => "corim-meta and CWT-Claims say different things",
    /// Neither tag 61 nor tag 18 begins the token.
    NotToken in "eat.format" => "it is no token (tags 55799, 61 and 18)",
    /// The kid of a token is of no certificate that the caller has, or there is none.
    KeyId in "eat.key" => "no certificate here has its key id",
    /// The token is signed by another key than the record that holds it.
    OtherKey in "eat.key" => "it is signed by another key than the measurement record that holds it",
    /// The token has no profile.
    EatProfileMissing in "eat.profile" => "the token has no profile",
    /// The profile of the token is not that of OCP.
    EatProfile in "eat.profile" => "the profile is not that of OCP (1.3.6.1.4.1.42623.1.3)",
    /// The profile is written as text, which only the compatible dialect reads.
    EatProfileText in "eat.profile" => "the profile is written as text, which only the compatible dialect reads",
    /// The token has no nonce.
    NonceMissing in "eat.nonce" => "the token has no nonce",
    /// The nonce of the token has fewer than 8 bytes, or more than 64.
    NonceLength in "eat.nonce" => "the nonce has not 8 to 64 bytes",
    /// The nonce of the token is none of those that were sent.
    Nonce in "eat.nonce" => "the nonce is not one that was sent",
    /// The token has no dbgstat, or a value that is not known.
    DebugStatus in "eat.dbgstat" => "the token does not say whether debugging is enabled",
    /// The token has no concise evidence.
    NoMeasurements in "eat.measurements" => "the token has no measurements",
    /// Tag 602 does not begin the file.
    NotBundle in "deb.format" => "it is no detached EAT bundle (tag 602)",
    /// A bundle has more than 256 parts, or a token more than 256 submodules.
    TooManyParts in "deb.format" => "there are more than 256 parts",
    /// A part of a bundle is not what the main token says.
    PartDigest in "deb.digest" => "the part has another digest than the main token says",
    /// The main token has no digest of a part.
    PartUnnamed in "deb.digest" => "the main token has no digest of the part",
    /// A part that the main token has a digest of is not there.
    PartMissing in "deb.digest" => "the bundle lacks the part that the main token has a digest of",
    /// The digest of a part is of an algorithm that is not known.
    PartAlgorithm in "deb.digest" => "the digest is of an unknown algorithm",
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.text())
    }
}

/// Why a file of reference values, or evidence, was refused.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct ReadError {
    /// The broken rule.
    pub rule: Rule,
    /// The field, in the spelling of the CoRIM, COSE and XML specifications.
    pub field: &'static str,
    /// Where, in bytes from the start of the file.
    pub at: usize,
}

impl ReadError {
    pub(crate) const fn new(rule: Rule, field: &'static str, at: usize) -> Self {
        Self { rule, field, at }
    }
}

impl fmt::Display for ReadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { rule, field, at } = self;
        write!(f, "{field}: {rule} (byte {at})")
    }
}

impl core::error::Error for ReadError {}

/// Why a file of reference values, or evidence, was refused, its signer included.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Error {
    /// The file breaks a rule.
    Read(ReadError),
    /// The chain of the signer's certificates is not trusted. Certificates are counted from the root's side.
    Signer(ChainError),
}

impl Error {
    /// The group of the broken rule, for reports: [`Rule::clause`], or the name of a
    /// [`Check`](spdm_x509::Check) of the signer's chain.
    #[must_use]
    pub const fn clause(&self) -> &'static str {
        match self {
            Self::Read(error) => error.rule.clause(),
            Self::Signer(error) => error.check.name(),
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Read(error) => error.fmt(f),
            Self::Signer(error) => write!(f, "the signer: {error}"),
        }
    }
}

impl core::error::Error for Error {}

impl From<ReadError> for Error {
    fn from(error: ReadError) -> Self {
        Self::Read(error)
    }
}
