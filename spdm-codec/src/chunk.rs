//! CHUNK_SEND, CHUNK_SEND_ACK, CHUNK_GET and CHUNK_RESPONSE (1.2): large messages in pieces.

use bitflags::bitflags;

use crate::code::Code;
use crate::cx::Cx;
use crate::error::{DecodeError, EncodeError, Expected};
use crate::header::Header;
use crate::message::sealed::Body;
use crate::reader::{Reader, length};
use crate::spdm_version::SpdmVersion;
use crate::trace::Trace;
use crate::writer::{Writer, absent};

bitflags! {
    /// Param1 of CHUNK_SEND and CHUNK_RESPONSE.
    #[derive(Clone, Copy, Debug, Default, Eq, Hash, PartialEq)]
    pub struct ChunkAttributes: u8 {
        /// `LastChunk`.
        const LAST_CHUNK = 1 << 0;
    }
}

/// One piece of a large message: the body that CHUNK_SEND and CHUNK_RESPONSE share.
///
/// | offset | bytes | field |
/// |---|---|---|
/// | 2 | 1 | Param1: 0 LastChunk |
/// | 3 | 1 | Param2: Handle |
/// | 4 | 2, from 1.4 on 4 | ChunkSeqNo |
/// | 6 | 2 | Reserved, before 1.4 |
/// | 8 | 4 | ChunkSize s |
/// | 12 | 4 | LargeMessageSize, where ChunkSeqNo is 0 |
/// | 12 or 16 | s | SPDMchunk |
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[expect(clippy::exhaustive_structs, reason = "callers build it")]
pub struct Chunk<'a> {
    /// Param1.
    pub attributes: ChunkAttributes,
    /// `Handle` of the large message.
    pub handle: u8,
    /// `ChunkSeqNo`, from 0.
    pub seq_no: u32,
    /// `LargeMessageSize` in bytes, in the first chunk.
    pub large_message_size: Option<u32>,
    /// `SPDMchunk`.
    pub bytes: &'a [u8],
}

fn read_seq_no<'a, 't, T: Trace<'a>>(
    r: &mut Reader<'a, 't, T>,
    cx: &Cx,
) -> Result<u32, &'t DecodeError> {
    if cx.version >= SpdmVersion::V1_4 {
        r.u32("ChunkSeqNo")
    } else {
        r.u16("ChunkSeqNo").map(u32::from)
    }
}

fn write_seq_no(w: &mut Writer<'_>, version: SpdmVersion, seq_no: u32) -> Result<(), EncodeError> {
    if version >= SpdmVersion::V1_4 {
        w.u32(seq_no);
    } else {
        let field = "ChunkSeqNo";
        w.u16(u16::try_from(seq_no).map_err(|_| EncodeError::TooLarge { field })?);
    }
    Ok(())
}

impl<'a> Chunk<'a> {
    /// The longest [`Self::header_len`]: that of a first chunk.
    pub const MAX_HEADER_LEN: usize = 16;

    /// Bytes of CHUNK_SEND or CHUNK_RESPONSE before `SPDMchunk`.
    #[must_use]
    pub const fn header_len(&self) -> usize {
        match self.large_message_size {
            Some(_) => Self::MAX_HEADER_LEN,
            None => Self::MAX_HEADER_LEN - size_of::<u32>(),
        }
    }

    fn read<'t, T: Trace<'a>>(
        r: &mut Reader<'a, 't, T>,
        header: Header,
        cx: &Cx,
    ) -> Result<Self, &'t DecodeError> {
        let attributes = ChunkAttributes::from_bits_truncate(header.param1);
        r.note_reserved(header.param1 & !attributes.bits());
        let seq_no = read_seq_no(r, cx)?;
        if cx.version < SpdmVersion::V1_4 {
            r.reserved(2)?;
        }
        let at = r.mark("ChunkSize");
        let size = r.u32("ChunkSize")?;
        if size == 0 {
            return Err(at.value(&Expected::AtLeast(1), size));
        }
        let large_message_size = if seq_no == 0 { Some(r.u32("LargeMessageSize")?) } else { None };
        let bytes = r.bytes("SPDMchunk", length(size))?;
        Ok(Self { attributes, handle: header.param2, seq_no, large_message_size, bytes })
    }

    fn write(&self, w: &mut Writer<'_>, version: SpdmVersion) -> Result<(), EncodeError> {
        write_seq_no(w, version, self.seq_no)?;
        if version < SpdmVersion::V1_4 {
            w.zeros(2);
        }
        let field = "ChunkSize";
        w.u32(u32::try_from(self.bytes.len()).map_err(|_| EncodeError::TooLarge { field })?);
        match (self.seq_no, self.large_message_size) {
            (0, Some(size)) => w.u32(size),
            (0, None) => return Err(EncodeError::Missing { field: "LargeMessageSize" }),
            (_, size) => absent(size.as_ref(), "LargeMessageSize")?,
        }
        w.bytes(self.bytes);
        Ok(())
    }
}

macro_rules! chunk_message {
    ($(#[doc = $doc:literal])* $name:ident, $text:literal, $code:ident) => {
        $(#[doc = $doc])*
        #[derive(Clone, Copy, Debug, Eq, PartialEq)]
        #[expect(clippy::exhaustive_structs, reason = "callers build it")]
        pub struct $name<'a>(pub Chunk<'a>);

        impl<'a> Body<'a> for $name<'a> {
            const BODY_NAME: &'static str = $text;
            const BODY_CODE: Code = Code::$code;

            fn read<'t, T: Trace<'a>>(
                r: &mut Reader<'a, 't, T>,
                header: Header,
                cx: &Cx,
            ) -> Result<Self, &'t DecodeError> {
                Chunk::read(r, header, cx).map(Self)
            }

            fn params(&self, _: SpdmVersion) -> Result<[u8; 2], EncodeError> {
                Ok([self.0.attributes.bits(), self.0.handle])
            }

            fn write(&self, w: &mut Writer<'_>, version: SpdmVersion) -> Result<(), EncodeError> {
                self.0.write(w, version)
            }
        }
    };
}

chunk_message!(
    /// CHUNK_SEND (DSP0274 1.2 §CHUNK_SEND): a piece of a large request.
    ChunkSend, "CHUNK_SEND", CHUNK_SEND
);
chunk_message!(
    /// CHUNK_RESPONSE (DSP0274 1.2 §CHUNK_RESPONSE): a piece of a large response.
    ChunkResponse, "CHUNK_RESPONSE", CHUNK_RESPONSE
);

bitflags! {
    /// Param1 of CHUNK_SEND_ACK.
    #[derive(Clone, Copy, Debug, Default, Eq, Hash, PartialEq)]
    pub struct ChunkAckAttributes: u8 {
        /// `EarlyErrorDetected`: the response is an ERROR and the large request is given up.
        const EARLY_ERROR_DETECTED = 1 << 0;
    }
}

/// CHUNK_SEND_ACK (DSP0274 1.2 §CHUNK_SEND_ACK).
///
/// | offset | bytes | field |
/// |---|---|---|
/// | 2 | 1 | Param1: 0 EarlyErrorDetected |
/// | 3 | 1 | Param2: Handle |
/// | 4 | 2, from 1.4 on 4 | ChunkSeqNo |
/// | 6 or 8 | | ResponseToLargeRequest |
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[expect(clippy::exhaustive_structs, reason = "callers build it")]
pub struct ChunkSendAck<'a> {
    /// Param1.
    pub attributes: ChunkAckAttributes,
    /// `Handle` of the large request.
    pub handle: u8,
    /// `ChunkSeqNo` that is acknowledged.
    pub seq_no: u32,
    /// `ResponseToLargeRequest`: everything that follows, transport padding included, because it has no
    /// length field; empty but for the last chunk and early errors.
    pub response: &'a [u8],
}

impl ChunkSendAck<'_> {
    /// Bytes before `ResponseToLargeRequest`.
    #[must_use]
    pub const fn header_len(version: SpdmVersion) -> usize {
        match version {
            SpdmVersion::V1_0 | SpdmVersion::V1_1 | SpdmVersion::V1_2 | SpdmVersion::V1_3 => 6,
            SpdmVersion::V1_4 => 8,
        }
    }
}

impl<'a> Body<'a> for ChunkSendAck<'a> {
    const BODY_NAME: &'static str = "CHUNK_SEND_ACK";
    const BODY_CODE: Code = Code::CHUNK_SEND_ACK;

    fn read<'t, T: Trace<'a>>(
        r: &mut Reader<'a, 't, T>,
        header: Header,
        cx: &Cx,
    ) -> Result<Self, &'t DecodeError> {
        let attributes = ChunkAckAttributes::from_bits_truncate(header.param1);
        r.note_reserved(header.param1 & !attributes.bits());
        let seq_no = read_seq_no(r, cx)?;
        Ok(Self {
            attributes,
            handle: header.param2,
            seq_no,
            response: r.rest("ResponseToLargeRequest"),
        })
    }

    fn params(&self, _: SpdmVersion) -> Result<[u8; 2], EncodeError> {
        Ok([self.attributes.bits(), self.handle])
    }

    fn write(&self, w: &mut Writer<'_>, version: SpdmVersion) -> Result<(), EncodeError> {
        write_seq_no(w, version, self.seq_no)?;
        w.bytes(self.response);
        Ok(())
    }
}

/// CHUNK_GET (DSP0274 1.2 §CHUNK_GET): 6 bytes, 8 from 1.4 on.
///
/// | offset | bytes | field |
/// |---|---|---|
/// | 3 | 1 | Param2: Handle |
/// | 4 | 2, from 1.4 on 4 | ChunkSeqNo |
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[expect(clippy::exhaustive_structs, reason = "callers build it")]
pub struct ChunkGet {
    /// `Handle` of the large response.
    pub handle: u8,
    /// `ChunkSeqNo`, from 0.
    pub seq_no: u32,
}

impl<'a> Body<'a> for ChunkGet {
    const BODY_NAME: &'static str = "CHUNK_GET";
    const BODY_CODE: Code = Code::CHUNK_GET;

    fn read<'t, T: Trace<'a>>(
        r: &mut Reader<'a, 't, T>,
        header: Header,
        cx: &Cx,
    ) -> Result<Self, &'t DecodeError> {
        r.note_reserved(header.param1);
        Ok(Self { handle: header.param2, seq_no: read_seq_no(r, cx)? })
    }

    fn params(&self, _: SpdmVersion) -> Result<[u8; 2], EncodeError> {
        Ok([0, self.handle])
    }

    fn write(&self, w: &mut Writer<'_>, version: SpdmVersion) -> Result<(), EncodeError> {
        write_seq_no(w, version, self.seq_no)
    }
}

#[cfg(test)]
mod tests {
    use super::{ChunkGet, ChunkResponse, ChunkSend, ChunkSendAck};
    use crate::testing::{every_prefix_fails, expect_value, round_trip};
    use crate::{Cx, SpdmVersion};

    #[test]
    fn first_and_later_chunks() {
        for version in [SpdmVersion::V1_2, SpdmVersion::V1_3, SpdmVersion::V1_4] {
            let cx = Cx::new(version);
            let v = version.to_byte();
            let first = [v, 0x06, 0, 9, 0, 0, 0, 0, 2, 0, 0, 0, 5, 0, 0, 0, 0xAA, 0xBB];
            let message: ChunkResponse<'_> = round_trip(&first, &cx);
            assert_eq!(message.0.large_message_size, Some(5));
            assert_eq!(&first[message.0.header_len()..], message.0.bytes);
            every_prefix_fails::<ChunkResponse<'_>>(&first, &cx);
            let later = [v, 0x85, 1, 9, 1, 0, 0, 0, 3, 0, 0, 0, 1, 2, 3];
            let message: ChunkSend<'_> = round_trip(&later, &cx);
            assert_eq!((message.0.seq_no, message.0.bytes), (1, &[1, 2, 3][..]));
            assert_eq!(&later[message.0.header_len()..], message.0.bytes);
            every_prefix_fails::<ChunkSend<'_>>(&later, &cx);
            let empty = [v, 0x06, 0, 9, 1, 0, 0, 0, 0, 0, 0, 0];
            expect_value::<ChunkResponse<'_>>(&empty, &cx, "ChunkSize", 8, 0);
        }
    }

    #[test]
    fn width_of_the_sequence_number() {
        for (version, get, ack) in [
            (SpdmVersion::V1_2, &[0x12, 0x86, 0, 9, 7, 0][..], &[0x12, 0x05, 0, 9, 7, 0][..]),
            (SpdmVersion::V1_4, &[0x14, 0x86, 0, 9, 7, 0, 0, 0], &[0x14, 0x05, 0, 9, 7, 0, 0, 0]),
        ] {
            let cx = Cx::new(version);
            let message: ChunkGet = round_trip(get, &cx);
            assert_eq!(message.seq_no, 7);
            every_prefix_fails::<ChunkGet>(get, &cx);
            let message: ChunkSendAck<'_> = round_trip(ack, &cx);
            assert!(message.response.is_empty());
            assert_eq!(ack.len(), ChunkSendAck::header_len(version));
            every_prefix_fails::<ChunkSendAck<'_>>(ack, &cx);
        }
    }
}
