//! Shows every field of the messages in a file, which has one message in hexadecimal per line, in order, and
//! encodes each message again: `cargo run -p spdm-codec --example transcode -- FILE`.

use core::error::Error;
use std::{env, fs};

use spdm_codec::{Field, Follower, Untrusted};

fn main() -> Result<(), Box<dyn Error>> {
    let file = env::args().nth(1).ok_or("usage: transcode FILE")?;
    // DOE appends up to three bytes to a message.
    let mut follower = Follower::new(3);
    for line in fs::read_to_string(file)?.lines() {
        let bytes = from_hex(line.trim())?;
        let mut show = |field: Field<'_>| {
            println!("{:6}  {:32} {:02x?}", field.at, field.name, field.bytes);
        };
        match follower.decode_traced(Untrusted::new(&bytes), &mut show) {
            Ok(message) => {
                let mut again = vec![0; bytes.len()];
                let len = message.encode(&mut again)?;
                let same = again.get(..len) == Some(message.bytes());
                println!(
                    "{}, encoded: {}\n",
                    message.code(),
                    if same { "same" } else { "changed" }
                );
            }
            Err(error) => println!("{error}\n"),
        }
    }
    Ok(())
}

fn from_hex(text: &str) -> Result<Vec<u8>, Box<dyn Error>> {
    let digits = text.as_bytes().chunks(2);
    digits.map(|two| Ok(u8::from_str_radix(str::from_utf8(two)?, 16)?)).collect()
}
