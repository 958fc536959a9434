//! `RequestResponseCode`.

use core::fmt;

/// A `RequestResponseCode`; unknown values survive. Bit 7 is set in requests.
#[derive(Clone, Copy, Eq, Hash, PartialEq)]
pub struct Code(pub u8);

macro_rules! codes {
    ($($name:ident = $value:literal, $text:literal;)*) => {
        impl Code {
            $(#[doc = concat!("`", $text, "`")] pub const $name: Self = Self($value);)*

            /// The specification's name, where the code is known.
            #[must_use]
            pub const fn name(self) -> Option<&'static str> {
                // A table takes half the code of a `match`.
                let mut rest: &[(u8, &str)] = &[$(($value, $text),)*];
                while let [(code, name), behind @ ..] = rest {
                    if *code == self.0 {
                        return Some(name);
                    }
                    rest = behind;
                }
                None
            }
        }
    };
}

codes! {
    GET_DIGESTS = 0x81, "GET_DIGESTS"; DIGESTS = 0x01, "DIGESTS";
    GET_CERTIFICATE = 0x82, "GET_CERTIFICATE"; CERTIFICATE = 0x02, "CERTIFICATE";
    CHALLENGE = 0x83, "CHALLENGE"; CHALLENGE_AUTH = 0x03, "CHALLENGE_AUTH";
    GET_VERSION = 0x84, "GET_VERSION"; VERSION = 0x04, "VERSION";
    CHUNK_SEND = 0x85, "CHUNK_SEND"; CHUNK_SEND_ACK = 0x05, "CHUNK_SEND_ACK";
    CHUNK_GET = 0x86, "CHUNK_GET"; CHUNK_RESPONSE = 0x06, "CHUNK_RESPONSE";
    GET_ENDPOINT_INFO = 0x87, "GET_ENDPOINT_INFO"; ENDPOINT_INFO = 0x07, "ENDPOINT_INFO";
    SLOT_MANAGEMENT = 0x88, "SLOT_MANAGEMENT"; SLOT_MANAGEMENT_RESP = 0x08, "SLOT_MANAGEMENT_RESP";
    GET_MEASUREMENTS = 0xE0, "GET_MEASUREMENTS"; MEASUREMENTS = 0x60, "MEASUREMENTS";
    GET_CAPABILITIES = 0xE1, "GET_CAPABILITIES"; CAPABILITIES = 0x61, "CAPABILITIES";
    GET_SUPPORTED_EVENT_TYPES = 0xE2, "GET_SUPPORTED_EVENT_TYPES";
    SUPPORTED_EVENT_TYPES = 0x62, "SUPPORTED_EVENT_TYPES";
    NEGOTIATE_ALGORITHMS = 0xE3, "NEGOTIATE_ALGORITHMS"; ALGORITHMS = 0x63, "ALGORITHMS";
    KEY_EXCHANGE = 0xE4, "KEY_EXCHANGE"; KEY_EXCHANGE_RSP = 0x64, "KEY_EXCHANGE_RSP";
    FINISH = 0xE5, "FINISH"; FINISH_RSP = 0x65, "FINISH_RSP";
    PSK_EXCHANGE = 0xE6, "PSK_EXCHANGE"; PSK_EXCHANGE_RSP = 0x66, "PSK_EXCHANGE_RSP";
    PSK_FINISH = 0xE7, "PSK_FINISH"; PSK_FINISH_RSP = 0x67, "PSK_FINISH_RSP";
    HEARTBEAT = 0xE8, "HEARTBEAT"; HEARTBEAT_ACK = 0x68, "HEARTBEAT_ACK";
    KEY_UPDATE = 0xE9, "KEY_UPDATE"; KEY_UPDATE_ACK = 0x69, "KEY_UPDATE_ACK";
    GET_ENCAPSULATED_REQUEST = 0xEA, "GET_ENCAPSULATED_REQUEST";
    ENCAPSULATED_REQUEST = 0x6A, "ENCAPSULATED_REQUEST";
    DELIVER_ENCAPSULATED_RESPONSE = 0xEB, "DELIVER_ENCAPSULATED_RESPONSE";
    ENCAPSULATED_RESPONSE_ACK = 0x6B, "ENCAPSULATED_RESPONSE_ACK";
    END_SESSION = 0xEC, "END_SESSION"; END_SESSION_ACK = 0x6C, "END_SESSION_ACK";
    GET_CSR = 0xED, "GET_CSR"; CSR = 0x6D, "CSR";
    SET_CERTIFICATE = 0xEE, "SET_CERTIFICATE"; SET_CERTIFICATE_RSP = 0x6E, "SET_CERTIFICATE_RSP";
    GET_MEASUREMENT_EXTENSION_LOG = 0xEF, "GET_MEASUREMENT_EXTENSION_LOG";
    MEASUREMENT_EXTENSION_LOG = 0x6F, "MEASUREMENT_EXTENSION_LOG";
    SUBSCRIBE_EVENT_TYPES = 0xF0, "SUBSCRIBE_EVENT_TYPES";
    SUBSCRIBE_EVENT_TYPES_ACK = 0x70, "SUBSCRIBE_EVENT_TYPES_ACK";
    SEND_EVENT = 0xF1, "SEND_EVENT"; EVENT_ACK = 0x71, "EVENT_ACK";
    GET_KEY_PAIR_INFO = 0xFC, "GET_KEY_PAIR_INFO"; KEY_PAIR_INFO = 0x7C, "KEY_PAIR_INFO";
    SET_KEY_PAIR_INFO = 0xFD, "SET_KEY_PAIR_INFO";
    SET_KEY_PAIR_INFO_ACK = 0x7D, "SET_KEY_PAIR_INFO_ACK";
    VENDOR_DEFINED_REQUEST = 0xFE, "VENDOR_DEFINED_REQUEST";
    VENDOR_DEFINED_RESPONSE = 0x7E, "VENDOR_DEFINED_RESPONSE";
    RESPOND_IF_READY = 0xFF, "RESPOND_IF_READY"; ERROR = 0x7F, "ERROR";
}

impl Code {
    /// Whether bit 7 is set.
    #[must_use]
    pub const fn is_request(self) -> bool {
        self.0 & 0x80 != 0
    }

    /// The response code that answers this request code: the same with bit 7 clear.
    #[must_use]
    pub const fn response(self) -> Self {
        Self(self.0 & 0x7F)
    }
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name() {
            Some(name) => f.write_str(name),
            None => write!(f, "code {:#04x}", self.0),
        }
    }
}

impl fmt::Debug for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
