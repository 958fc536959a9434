//! Prints the fields of a message: what somebody needs who builds a dissector on `spdm-codec` alone.
//!
//! ```text
//! cargo run -p examples --example codec_only [HEX]
//! ```

use spdm_codec::{Cx, Field, Header, Request, Response, SpdmVersion};
use spdm_untrusted::Untrusted;

/// A CAPABILITIES of SPDM 1.2.
const CAPTURED: &str = "1261000000000000f7fb01000012000000120000";

fn main() -> Result<(), Box<dyn core::error::Error>> {
    let text = std::env::args().nth(1).unwrap_or_else(|| CAPTURED.to_owned());
    let bytes = from_hex(&text).ok_or("not hexadecimal")?;
    let bytes = Untrusted::new(bytes.as_slice());

    let header = Header::peek(bytes)?;
    println!("{} ({} bytes)", header.code, text.len() / 2);
    let version = SpdmVersion::from_byte(header.version).unwrap_or(SpdmVersion::V1_0);
    // Responses after ALGORITHMS also need the negotiated sizes: Cx::with_hash_len and its friends.
    let cx = Cx::new(version);

    // The decoder itself shows each field, so this dump cannot disagree with what was decoded.
    let mut show = |field: Field<'_>| {
        let bytes: String = field.bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        println!("{:5}  {:24} {bytes}", field.at, field.name);
    };
    if header.code.is_request() {
        println!("{:#?}", Request::decode_traced(bytes, &cx, &mut show)?);
    } else {
        println!("{:#?}", Response::decode_traced(bytes, &cx, &mut show)?);
    }
    Ok(())
}

fn from_hex(text: &str) -> Option<Vec<u8>> {
    let digits: Option<Vec<u8>> =
        text.chars().map(|c| c.to_digit(16).and_then(|d| u8::try_from(d).ok())).collect();
    let (pairs, []) = digits.as_deref()?.as_chunks::<2>() else { return None };
    Some(pairs.iter().map(|[high, low]| high << 4 | low).collect())
}
