//! Decodes the messages of a connection, prints every field, and encodes them again.
//!
//! ```text
//! cargo run -p spdm-codec --example dump < FILE
//! ```
//!
//! FILE has one message a line, in hexadecimal digits, from GET_VERSION on.

use core::error::Error;

use spdm_codec::{Field, Follower, Untrusted};

fn main() -> Result<(), Box<dyn Error>> {
    // Bytes that the transport may append: DOE 3, others none.
    let mut follower = Follower::new(3);
    for line in std::io::stdin().lines() {
        let bytes = from_hex(line?.trim()).ok_or("not hexadecimal")?;
        let mut show = |field: Field<'_>| {
            println!("{:5}  {:24} {:02x?}", field.at, field.name, field.bytes);
        };
        let message = follower.decode_traced(Untrusted::new(&bytes), &mut show)?;
        println!("{message:#?}");

        let mut out = vec![0; bytes.len()];
        let len = message.encode(&mut out)?;
        let same = out.get(..len) == Some(message.bytes());
        println!("{}: {len} bytes, {}", message.code(), if same { "the same" } else { "others" });
    }
    Ok(())
}

fn from_hex(line: &str) -> Option<Vec<u8>> {
    let digits: Option<Vec<u32>> = line.chars().map(|digit| digit.to_digit(16)).collect();
    let (pairs, []) = digits.as_deref()?.as_chunks::<2>() else { return None };
    pairs.iter().map(|[high, low]| u8::try_from(high << 4 | low).ok()).collect()
}
