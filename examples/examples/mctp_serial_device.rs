//! A device behind an MCTP serial line that comes as a TCP connection, as QEMU's character devices do. Blocking, with
//! the stack of `mctp-estack` called by hand: bytes to packets, packets to messages, and back.
//!
//! ```text
//! MCTP_ESTACK_MAX_MESSAGE=65536 cargo run -p examples --example mctp_serial_device -- 127.0.0.1:25330
//! qemu-system-x86_64 … -chardev socket,id=line,host=127.0.0.1,port=25330 -device isa-serial,chardev=line
//! ```

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::time::Instant;

use mctp::{Eid, MCTP_TYPE_CONTROL, MCTP_TYPE_SPDM, MsgIC, MsgType, Tag};
use mctp_estack::Stack;
use mctp_estack::control::{MctpControlMsg, respond_get_msg_types, respond_unimplemented};
use mctp_estack::fragment::SendOutput;
use spdm_emulator::{Device, DeviceConfig};
use spdm_transport_mctp::serial::{Deframer, MAX_PACKET, frame, max_frame};

const DEVICE: Eid = Eid(9);
/// The baseline transmission unit and the packet header, in bytes.
const MTU: usize = 68;

fn main() -> Result<(), Box<dyn core::error::Error>> {
    let address = std::env::args().nth(1).unwrap_or_else(|| "127.0.0.1:25330".to_owned());
    let mut device = Device::new(DeviceConfig { seed: Some(1), ..DeviceConfig::default() })?;
    let listener = TcpListener::bind(address)?;
    println!("endpoint {DEVICE} on {}", listener.local_addr()?);
    let (line, _) = listener.accept()?;
    line.set_nodelay(true)?;
    serve(line, &mut device)
}

/// Answers requests until the line is closed.
fn serve(mut line: TcpStream, device: &mut Device) -> Result<(), Box<dyn core::error::Error>> {
    let start = Instant::now();
    let (mut stack, mut deframer) = (Stack::new(DEVICE, MTU, 0), Deframer::new());
    let mut received = [0; 256];
    loop {
        let len = line.read(&mut received)?;
        if len == 0 {
            return Ok(());
        }
        stack.update(u64::try_from(start.elapsed().as_millis())?).map_err(named)?;
        for byte in received.iter().take(len) {
            let packet = match deframer.push(*byte) {
                Some(Ok(packet)) => packet,
                Some(Err(error)) => {
                    eprintln!("serial line: {error}");
                    continue;
                }
                None => continue,
            };
            // What is wrong with a packet or a message is its sender's affair.
            let Ok(Some((message, handle))) = stack.receive(packet) else { continue };
            let (source, tag) = (message.source, message.tag);
            let kind = message.typ;
            let is_request = tag.is_owner() && !message.ic.0;
            let answer = match kind {
                MCTP_TYPE_SPDM if is_request => device.respond(message.payload),
                MCTP_TYPE_CONTROL if is_request => control(message.payload),
                _ => None,
            };
            stack.finished_receive(handle);
            if let Some(answer) = answer {
                send(&mut stack, source, kind, Tag::Unowned(tag.tag()), &answer, &mut line)?;
            }
        }
    }
}

/// Which message types there are; of the control protocol nothing else, as whoever made the line's route gave the ID too.
fn control(request: &[u8]) -> Option<Vec<u8>> {
    let request = MctpControlMsg::from_buf(request).ok()?;
    let (mut body, mut refusal) = ([0; 8], [0; 1]);
    let types = [MCTP_TYPE_CONTROL, MCTP_TYPE_SPDM];
    let answer = match respond_get_msg_types(&request, &types, &mut body) {
        Ok(answer) => answer,
        Err(_) => respond_unimplemented(&request, &mut refusal).ok()?,
    };
    Some(answer.slices().concat())
}

fn send(
    stack: &mut Stack,
    to: Eid,
    kind: MsgType,
    tag: Tag,
    message: &[u8],
    line: &mut impl Write,
) -> Result<(), Box<dyn core::error::Error>> {
    let (mut packet, mut framed) = ([0; MTU], [0; max_frame(MAX_PACKET)]);
    let mut fragments =
        stack.start_send(to, kind, Some(tag), false, MsgIC(false), None, None).map_err(named)?;
    while let SendOutput::Packet(packet) = fragments.fragment(message, &mut packet) {
        let len = frame(packet, &mut framed)?;
        line.write_all(framed.get(..len).unwrap_or_default())?;
    }
    Ok(())
}

/// The stack's errors are none of the standard library's where it is built without it.
fn named(error: mctp::Error) -> String {
    error.to_string()
}
