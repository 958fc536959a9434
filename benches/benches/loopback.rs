//! One round trip over a loopback socket: what a requester waits for beside the device's computing time.
//!
//! ```text
//! cargo bench --manifest-path benches/Cargo.toml --bench loopback
//! ```

use core::time::Duration;
use std::thread;

use criterion::{Criterion, criterion_group, criterion_main};
use spdm_transport::{MessageKind, Transport};
use spdm_transport_tcp::{Binding, Framing, Listener, TcpTransport};

const TIMEOUT: Duration = Duration::from_secs(5);

fn round_trips(c: &mut Criterion) {
    for (name, framing) in [
        ("dsp0287", Framing::Dsp0287),
        ("dmtf-emu, mctp", Framing::DmtfEmu(Binding::Mctp)),
        ("dmtf-emu, doe", Framing::DmtfEmu(Binding::Doe)),
    ] {
        let listener = Listener::bind("127.0.0.1:0", framing).expect("loopback");
        let address = listener.local_addr().expect("loopback");
        let echo = thread::spawn(move || {
            let mut connection = listener.accept().expect("a client");
            while let Ok(Some((kind, message))) = connection.next() {
                let answer = message.to_vec();
                connection.answer(kind, &answer).expect("a client");
            }
        });
        let mut client = TcpTransport::connect(address, framing, TIMEOUT).expect("a server");
        let (message, mut buffer) = ([0x5a; 4096], [0; 4096]);
        let mut group = c.benchmark_group(name);
        for len in [64, 4096] {
            group.bench_function(format!("{len} bytes"), |b| {
                b.iter(|| {
                    client.send(MessageKind::Plain, &message[..len], TIMEOUT).expect("a server");
                    client.receive(&mut buffer, TIMEOUT).expect("a server").expect("an answer")
                });
            });
        }
        group.finish();
        client.close().expect("a server");
        echo.join().expect("no panic");
    }
}

criterion_group!(benches, round_trips);
criterion_main!(benches);
