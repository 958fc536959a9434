//! Decodes the messages of a connection, prints every field, and encodes each message again. FILE has one message per
//! line, in hexadecimal digits, from GET_VERSION on: `cargo run -p spdm-codec --example transcode -- FILE`.

use core::error::Error;
use std::{env, fs};

use spdm_codec::{Field, Follower, Untrusted};

fn main() -> Result<(), Box<dyn Error>> {
    let file = env::args().nth(1).ok_or("usage: transcode FILE")?;
    // DOE appends up to three bytes to a message, other transports none.
    let mut follower = Follower::new(3);
    for line in fs::read_to_string(file)?.lines() {
        let bytes = from_hex(line.trim()).ok_or("not hexadecimal")?;
        let mut show = |field: Field<'_>| {
            println!("{:6}  {:32} {:02x?}", field.at, field.name, field.bytes);
        };
        match follower.decode_traced(Untrusted::new(&bytes), &mut show) {
            Ok(message) => {
                let mut out = vec![0; bytes.len()];
                let len = message.encode(&mut out)?;
                let same = out.get(..len) == Some(message.bytes());
                println!("{}: {}\n", message.code(), if same { "the same" } else { "changed" });
            }
            Err(error) => println!("{error}\n"),
        }
    }
    Ok(())
}

fn from_hex(line: &str) -> Option<Vec<u8>> {
    let digits: Option<Vec<u32>> = line.chars().map(|digit| digit.to_digit(16)).collect();
    let (pairs, []) = digits.as_deref()?.as_chunks::<2>() else { return None };
    pairs.iter().map(|[high, low]| u8::try_from(high << 4 | low).ok()).collect()
}
