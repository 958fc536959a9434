//! Ways to misbehave.

use core::fmt;
use core::str::FromStr;

use spdm_codec::Code;

/// One table makes the variants, their names and their descriptions, so that none can be forgotten.
macro_rules! faults {
    ($($variant:ident = $name:literal, $description:literal;)*) => {
        /// A way in which a device misbehaves; everything else about it stays correct. What a fault changes in
        /// a signed message is signed as it is sent, so that only the check of that field can notice.
        ///
        /// Where a version or an algorithm is named, the fault has no effect in others. Those called legal are
        /// behaviour that a Requester has to accept.
        #[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
        #[non_exhaustive]
        pub enum Fault {
            $(#[doc = $description] $variant,)*
        }

        impl Fault {
            /// Every fault, by the message that it concerns.
            pub const ALL: &'static [Self] = &[$(Self::$variant),*];

            /// The name in kebab case, which [`FromStr`] reads.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)* }
            }

            /// What the device does, as a sentence.
            #[must_use]
            pub const fn description(self) -> &'static str {
                match self { $(Self::$variant => $description,)* }
            }
        }
    };
}

faults! {
    // Any response.
    TruncateResponse = "truncate-response", "The last byte of a response is missing.";
    ShortResponse = "short-response", "A response ends after three bytes.";
    EmptyResponse = "empty-response", "A response has no bytes.";
    TrailingBytes = "trailing-bytes", "Four bytes follow a response, more than any transport pads.";
    WrongVersionByte = "wrong-version-byte", "`SPDMVersion` of a response is another one.";
    WrongResponseCode = "wrong-response-code",
        "`RequestResponseCode` of a response is that of another response.";
    RequestCodeEcho = "request-code-echo", "`RequestResponseCode` of a response is the request's.";
    OversizeResponse = "oversize-response",
        "A response is longer than the Requester's DataTransferSize (64 KiB before 1.2).";
    Silent = "silent", "A request is never answered.";
    ReservedBytes = "reserved-bytes",
        "Legal: reserved bytes of CAPABILITIES, ALGORITHMS and CERTIFICATE (before 1.3) are not zero.";
    // ERROR instead of a response.
    AlwaysBusy = "always-busy", "Every request is answered with Busy.";
    BusyOnce = "busy-once", "Legal: each request is answered with Busy first.";
    NotReadyOnce = "not-ready-once", "Legal: each request is answered with ResponseNotReady first.";
    NotReadyForever = "not-ready-forever",
        "RESPOND_IF_READY, too, is answered with ResponseNotReady.";
    NotReadyWrongCode = "not-ready-wrong-code", "ResponseNotReady names another request.";
    NotReadyRdtm0 = "not-ready-rdtm-0", "RDTM of ResponseNotReady is 0.";
    NotReadyRdtm1 = "not-ready-rdtm-1", "RDTM of ResponseNotReady is 1.";
    RdtExponent255 = "rdt-exponent-255", "RDTExponent of ResponseNotReady is 255.";
    NotReadyInVca = "not-ready-in-vca", "The negotiation is answered with ResponseNotReady.";
    LargeResponseInVca = "large-response-in-vca", "The negotiation is answered with LargeResponse.";
    LargeResponse = "large-response",
        "A request is answered with LargeResponse although CHUNK_CAP is not there.";
    Resynch = "resynch", "A request is answered with RequestResynch, and the connection is gone.";
    UnknownErrorCode = "unknown-error-code",
        "A request is answered with an ErrorCode that is not defined.";
    TruncatedError = "truncated-error", "ResponseNotReady ends inside its extended data.";
    // VERSION.
    VersionCountZero = "version-count-zero", "VERSION lists no versions.";
    VersionCountPastEnd = "version-count-past-end",
        "VersionNumberEntryCount of VERSION is larger than the message.";
    VersionOddLength = "version-odd-length", "The last entry of VERSION is cut in half.";
    VersionNoneSupported = "version-none-supported",
        "VERSION lists only versions that do not exist.";
    VersionDuplicates = "version-duplicates", "Legal: VERSION lists each version twice.";
    VersionDowngrade = "version-downgrade",
        "An attacker cuts VERSION down to the lowest version: only signatures show it.";
    // CAPABILITIES.
    CtExponent32 = "ct-exponent-32", "CTExponent is 32.";
    CtExponent255 = "ct-exponent-255", "CTExponent is 255.";
    MeasCapReserved = "meas-cap-reserved", "MEAS_CAP is 3.";
    MeasFreshWithoutMeas = "meas-fresh-without-meas", "MEAS_FRESH_CAP is set without MEAS_CAP.";
    PskCapReserved = "psk-cap-reserved", "PSK_CAP is 3 (1.1).";
    KeyExWithoutMac = "key-ex-without-mac",
        "KEY_EX_CAP is set without ENCRYPT_CAP and MAC_CAP (1.1).";
    MacWithoutKeyEx = "mac-without-key-ex", "MAC_CAP is set without KEY_EX_CAP and PSK_CAP (1.1).";
    CertAndPubKey = "cert-and-pub-key", "CERT_CAP and PUB_KEY_ID_CAP are both set (1.1).";
    ChalWithoutCert = "chal-without-cert", "CHAL_CAP is set without CERT_CAP and PUB_KEY_ID_CAP.";
    EpInfoCapReserved = "ep-info-cap-reserved", "EP_INFO_CAP is 3 (1.3).";
    MultiKeyCapReserved = "multi-key-cap-reserved", "MULTI_KEY_CAP is 3 (1.3).";
    DataTransferSize41 = "data-transfer-size-41",
        "DataTransferSize and MaxSPDMmsgSize are 41 (1.2).";
    MaxSmallerThanDts = "max-smaller-than-dts",
        "MaxSPDMmsgSize is smaller than DataTransferSize (1.2).";
    SizesDifferWithoutChunk = "sizes-differ-without-chunk",
        "MaxSPDMmsgSize is larger than DataTransferSize without CHUNK_CAP (1.2).";
    UnsolicitedAlgorithmsBlock = "unsolicited-algorithms-block",
        "CAPABILITIES carries SupportedAlgorithms, requested or not (1.3).";
    AlgorithmsBlockLength = "algorithms-block-length",
        "Length of SupportedAlgorithms is not its length (1.3).";
    // ALGORITHMS.
    AlgorithmNotOffered = "algorithm-not-offered", "BaseAsymSel was not offered.";
    HashNotOffered = "hash-not-offered", "BaseHashSel was not offered.";
    TwoAsymBits = "two-asym-bits", "BaseAsymSel has two bits.";
    TwoHashBits = "two-hash-bits", "BaseHashSel has two bits.";
    NoAsym = "no-asym", "BaseAsymSel is 0.";
    NoHash = "no-hash", "BaseHashSel is 0.";
    AlgorithmsLength = "algorithms-length", "Length of ALGORITHMS is not its length.";
    UnsortedAlgStructs = "unsorted-alg-structs",
        "AlgStructs are not in the order of AlgType (1.1).";
    DuplicateAlgStruct = "duplicate-alg-struct", "An AlgStruct is there twice (1.1).";
    UnknownAlgStruct = "unknown-alg-struct", "An AlgType is not defined (1.1).";
    UnsolicitedAlgStruct = "unsolicited-alg-struct",
        "An AlgStruct selects a DHE group that was not offered (1.1).";
    ExtAlgorithmSelected = "ext-algorithm-selected", "ExtAsymSelCount is 1.";
    MeasurementHashZero = "measurement-hash-zero", "MeasurementHashAlgo is 0 in spite of MEAS_CAP.";
    MeasurementHashTwoBits = "measurement-hash-two-bits", "MeasurementHashAlgo has two bits.";
    MeasurementSpecNotOffered = "measurement-spec-not-offered",
        "MeasurementSpecificationSel was not offered.";
    OpaqueFormatNotOffered = "opaque-format-not-offered",
        "OtherParamsSelection names an opaque format that was not offered (1.2).";
    TwoOpaqueFormats = "two-opaque-formats", "OtherParamsSelection names two opaque formats (1.2).";
    MultiKeyNotOffered = "multi-key-not-offered", "OtherParamsSelection has MultiKeyConn (1.3).";
    MelNotOffered = "mel-not-offered", "MELspecificationSel is set without MEL_CAP (1.3).";
    PqcNotOffered = "pqc-not-offered", "PqcAsymSel is set beside BaseAsymSel (1.4).";
    // DIGESTS and CERTIFICATE.
    DigestMismatch = "digest-mismatch", "DIGESTS holds other digests than those of the chains.";
    DigestsNoSlot = "digests-no-slot", "DIGESTS has no slot.";
    DigestsUnsupportedSlot = "digests-unsupported-slot",
        "ProvisionedSlotMask is no subset of SupportedSlotMask (1.3).";
    DigestMissing = "digest-missing", "DIGESTS has fewer digests than slots.";
    CertificateOtherSlot = "certificate-other-slot",
        "CERTIFICATE is of another slot than was asked for.";
    CertificateModel = "certificate-model",
        "CertModel of CERTIFICATE is not 0 without a multi-key connection (1.3).";
    PortionZero = "portion-zero", "CERTIFICATE holds no bytes, but more are to come.";
    PortionTooLong = "portion-too-long", "CERTIFICATE holds a byte more than was asked for.";
    LongPortions = "long-portions",
        "CERTIFICATE holds up to 600 bytes, also where fewer were asked for.";
    OneBytePortions = "one-byte-portions", "Legal: CERTIFICATE holds one byte at a time.";
    RemainderChanges = "remainder-changes",
        "Offset, PortionLength and RemainderLength add up to a different chain each time.";
    RemainderNeverEnds = "remainder-never-ends", "RemainderLength is always 1000.";
    ChainTooLong = "chain-too-long",
        "RemainderLength announces the longest chain that the field can.";
    ChainLengthMismatch = "chain-length-mismatch", "Length in the chain is not its length.";
    RootHashMismatch = "root-hash-mismatch", "RootHash in the chain is not the root's.";
    ChainTrailingBytes = "chain-trailing-bytes",
        "A byte follows the last certificate of the chain.";
    ChainReversed = "chain-reversed", "The leaf comes first in the chain.";
    ChainBadSignature = "chain-bad-signature",
        "The signature of the leaf certificate does not verify.";
    // CHALLENGE_AUTH and MEASUREMENTS.
    OpaqueTooLong = "opaque-too-long", "OpaqueData has more than 1024 bytes.";
    OpaquePastEnd = "opaque-past-end", "OpaqueDataLength is larger than the message.";
    OpaqueWhenNone = "opaque-when-none",
        "ALGORITHMS selects no opaque format, but there is OpaqueData (1.2).";
    OpaqueElementPastEnd = "opaque-element-past-end",
        "An opaque element is longer than OpaqueData (1.2).";
    OpaqueNoElements = "opaque-no-elements", "TotalElements of OpaqueData is 0 (1.2).";
    OpaqueMissingElement = "opaque-missing-element",
        "TotalElements of OpaqueData is larger than what follows (1.2).";
    ContextMismatch = "context-mismatch", "RequesterContext is not the request's (1.3).";
    BadSignature = "bad-signature", "One bit of the signature is wrong.";
    ZeroSignature = "zero-signature", "The signature is all zero.";
    OnesSignature = "ones-signature",
        "The signature is all ones: r and s are beyond the group order.";
    DerSignature = "der-signature", "The signature is in DER (ECDSA).";
    StaleNonceSignature = "stale-nonce-signature",
        "The signature is over the nonce of the request before.";
    WrongContextSignature = "wrong-context-signature",
        "The signature is made in the context of the other message (1.2).";
    OtherKeySignature = "other-key-signature", "The signature is by another key.";
    MissingVcaSignature = "missing-vca-signature",
        "The signature is over a transcript without the negotiation.";
    // CHALLENGE_AUTH.
    WrongChainHash = "wrong-chain-hash", "CertChainHash is not the chain's.";
    ChallengeOtherSlot = "challenge-other-slot",
        "CHALLENGE_AUTH is of another slot than was asked for.";
    ChallengeSlotNotInMask = "challenge-slot-not-in-mask",
        "The slot mask of CHALLENGE_AUTH lacks the slot.";
    BasicMutAuth = "basic-mut-auth", "BasicMutAuthReq is set (1.1).";
    SummaryHashMissing = "summary-hash-missing",
        "MeasurementSummaryHash was asked for and is not there.";
    SummaryHashDiffers = "summary-hash-differs",
        "MeasurementSummaryHash is signed, but is not the hash of the measurements.";
    SummaryHashUnsolicited = "summary-hash-unsolicited",
        "MeasurementSummaryHash is there and was not asked for.";
    // MEASUREMENTS.
    RecordLengthMismatch = "record-length-mismatch",
        "MeasurementRecordLength is one more than the blocks are long.";
    BlocksMismatch = "blocks-mismatch", "NumberOfBlocks is one more than there are.";
    BlockSize = "block-size", "MeasurementSize of a block is smaller than its own header.";
    BlockPastEnd = "block-past-end", "MeasurementSize of the last block is larger than the record.";
    ValueSize = "value-size", "DMTFSpecMeasurementValueSize does not fit MeasurementSize.";
    DigestSize = "digest-size", "A digest is one byte shorter than MeasurementHashAlgo's.";
    IndexMismatch = "index-mismatch", "A block has another index than was asked for.";
    DuplicateIndex = "duplicate-index", "Two blocks have the same index.";
    IndexZero = "index-zero", "A block has the index 0.";
    Index255 = "index-255", "A block has the index 0xFF.";
    TwoSpecBits = "two-spec-bits", "MeasurementSpecification of a block has two bits.";
    SpecNotSelected = "spec-not-selected",
        "MeasurementSpecification of a block is not the selected one.";
    CountWithBlocks = "count-with-blocks",
        "The number of indices was asked for, and blocks come with it.";
    MeasurementsOtherSlot = "measurements-other-slot",
        "MEASUREMENTS is of another slot than was asked for (1.1).";
    ReplayMeasurements = "replay-measurements",
        "The first signed MEASUREMENTS answers all later requests.";
    UnsignedMeasurements = "unsigned-measurements",
        "MEASUREMENTS has no signature although one was requested.";
    ContentChangedReserved = "content-changed-reserved", "The content-changed bits are 3 (1.2).";
    ContentChanged = "content-changed",
        "Legal: MEASUREMENTS says that a measurement changed meanwhile (1.2).";
    NoChangeDetection = "no-change-detection",
        "Legal: MEASUREMENTS does not say whether a measurement changed (1.2).";
}

/// Which answers a fault concerns where the configuration names no request.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Scope {
    /// All up to ALGORITHMS.
    Negotiation,
    /// All that come later.
    AfterNegotiation,
    /// Those of certain messages, which look for it themselves.
    Message,
}

impl Fault {
    const fn scope(self) -> Scope {
        match self {
            Self::NotReadyInVca | Self::LargeResponseInVca => Scope::Negotiation,
            Self::TruncateResponse
            | Self::ShortResponse
            | Self::EmptyResponse
            | Self::TrailingBytes
            | Self::WrongVersionByte
            | Self::WrongResponseCode
            | Self::RequestCodeEcho
            | Self::OversizeResponse
            | Self::Silent
            | Self::AlwaysBusy
            | Self::BusyOnce
            | Self::NotReadyOnce
            | Self::NotReadyForever
            | Self::NotReadyWrongCode
            | Self::NotReadyRdtm0
            | Self::NotReadyRdtm1
            | Self::RdtExponent255
            | Self::LargeResponse
            | Self::Resynch
            | Self::UnknownErrorCode
            | Self::TruncatedError => Scope::AfterNegotiation,
            _ => Scope::Message,
        }
    }

    /// Whether the fault concerns the answer to this request.
    pub(crate) fn concerns(self, request: Code, target: Option<Code>) -> bool {
        let negotiation = matches!(
            request,
            Code::GET_VERSION | Code::GET_CAPABILITIES | Code::NEGOTIATE_ALGORITHMS
        );
        match (target, self.scope()) {
            (Some(target), Scope::Message | Scope::AfterNegotiation) => target == request,
            (Some(target), Scope::Negotiation) => target == request && negotiation,
            (None, Scope::Message) => true,
            (None, Scope::Negotiation) => negotiation,
            (None, Scope::AfterNegotiation) => !negotiation,
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// No [`Fault`] has this name.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct UnknownFault;

impl fmt::Display for UnknownFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("no fault has this name")
    }
}

impl core::error::Error for UnknownFault {}

impl FromStr for Fault {
    type Err = UnknownFault;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL.iter().copied().find(|fault| fault.name() == text).ok_or(UnknownFault)
    }
}

#[cfg(test)]
mod tests {
    use super::{Fault, UnknownFault};

    #[test]
    fn names_lead_back_to_their_faults() {
        for fault in Fault::ALL {
            assert_eq!(fault.name().parse(), Ok(*fault));
            assert!(fault.description().ends_with('.'));
        }
        assert_eq!("help".parse::<Fault>(), Err(UnknownFault));
    }
}
