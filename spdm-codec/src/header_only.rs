//! Messages that are nothing but a header with both parameters zero.

use crate::code::Code;
use crate::cx::Cx;
use crate::error::{DecodeError, EncodeError};
use crate::header::Header;
use crate::message::sealed::Body;
use crate::reader::Reader;
use crate::spdm_version::SpdmVersion;
use crate::trace::Trace;
use crate::writer::Writer;

macro_rules! header_only {
    ($($(#[doc = $doc:literal])* $name:ident = $code:ident, $text:literal;)*) => {
        $(
            $(#[doc = $doc])*
            ///
            /// | offset | bytes | field |
            /// |---|---|---|
            /// | 2 | 1 | Param1: reserved |
            /// | 3 | 1 | Param2: reserved |
            #[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
            #[expect(clippy::exhaustive_structs, reason = "callers build it")]
            pub struct $name;

            impl<'a> Body<'a> for $name {
                const BODY_NAME: &'static str = $text;
                const BODY_CODE: Code = Code::$code;

                fn read<'t, T: Trace<'a>>(
                    r: &mut Reader<'a, 't, T>,
                    header: Header,
                    _: &Cx,
                ) -> Result<Self, &'t DecodeError> {
                    r.note_reserved(header.param1 | header.param2);
                    Ok(Self)
                }

                fn params(&self, _: SpdmVersion) -> Result<[u8; 2], EncodeError> {
                    Ok([0, 0])
                }

                fn write(&self, _: &mut Writer<'_>, _: SpdmVersion) -> Result<(), EncodeError> {
                    Ok(())
                }
            }
        )*

        #[cfg(test)]
        mod tests {
            use crate::testing::{every_prefix_fails, one_byte_more, round_trip};
            use crate::{Code, Cx, SpdmVersion};

            #[test]
            fn nothing_but_a_header() {
                for version in SpdmVersion::ALL {
                    let cx = Cx::new(version);
                    $({
                        let bytes = [version.to_byte(), Code::$code.0, 0, 0, 0];
                        round_trip::<super::$name>(&bytes[..4], &cx);
                        every_prefix_fails::<super::$name>(&bytes[..4], &cx);
                        one_byte_more::<super::$name>(&bytes, &cx);
                    })*
                }
            }
        }
    };
}

header_only! {
    /// GET_DIGESTS (DSP0274 §GET_DIGESTS): header only.
    GetDigests = GET_DIGESTS, "GET_DIGESTS";
    /// HEARTBEAT (DSP0274 1.1 §HEARTBEAT): header only, inside a session.
    Heartbeat = HEARTBEAT, "HEARTBEAT";
    /// HEARTBEAT_ACK (DSP0274 1.1 §HEARTBEAT_ACK): header only, inside a session.
    HeartbeatAck = HEARTBEAT_ACK, "HEARTBEAT_ACK";
    /// END_SESSION_ACK (DSP0274 1.1 §END_SESSION_ACK): header only, inside a session.
    EndSessionAck = END_SESSION_ACK, "END_SESSION_ACK";
    /// GET_ENCAPSULATED_REQUEST (DSP0274 1.1 §GET_ENCAPSULATED_REQUEST): header only.
    GetEncapsulatedRequest = GET_ENCAPSULATED_REQUEST, "GET_ENCAPSULATED_REQUEST";
    /// GET_SUPPORTED_EVENT_TYPES (DSP0274 1.3 §GET_SUPPORTED_EVENT_TYPES): header only, inside a session.
    GetSupportedEventTypes = GET_SUPPORTED_EVENT_TYPES, "GET_SUPPORTED_EVENT_TYPES";
    /// SUBSCRIBE_EVENT_TYPES_ACK (DSP0274 1.3 §SUBSCRIBE_EVENT_TYPES_ACK): header only, inside a session.
    SubscribeEventTypesAck = SUBSCRIBE_EVENT_TYPES_ACK, "SUBSCRIBE_EVENT_TYPES_ACK";
    /// EVENT_ACK (DSP0274 1.3 §EVENT_ACK): header only, inside a session.
    EventAck = EVENT_ACK, "EVENT_ACK";
    /// SET_KEY_PAIR_INFO_ACK (DSP0274 1.3 §SET_KEY_PAIR_INFO_ACK): header only.
    SetKeyPairInfoAck = SET_KEY_PAIR_INFO_ACK, "SET_KEY_PAIR_INFO_ACK";
}
