//! HTTP/1.1, as much as a client needs to talk to.

use core::net::SocketAddr;
use core::sync::atomic::{AtomicBool, Ordering};
use std::io::{self, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::thread;

/// What a client asks.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Request {
    /// Method and path: `GET /redfish/v1`.
    pub line: String,
    /// In the order of the client, names in small letters.
    pub headers: Vec<(String, String)>,
    /// What it sends.
    pub body: Vec<u8>,
}

impl Request {
    /// The value of a header.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }
}

/// What it is answered.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Response {
    /// The status.
    pub status: u16,
    /// Beside Content-Length.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Vec<u8>,
}

impl Response {
    /// An answer with a body.
    #[must_use]
    pub fn new(status: u16, body: impl Into<Vec<u8>>) -> Self {
        Self { status, headers: Vec::new(), body: body.into() }
    }

    /// The same with a header.
    #[must_use]
    pub fn with(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }
}

/// Answers requests on a connection until the client hangs up; `None` leaves a request without an answer, for good.
///
/// # Errors
/// Those of the connection.
pub fn serve(
    stream: &mut (impl Read + Write),
    answer: impl Fn(&Request) -> Option<Response>,
) -> io::Result<()> {
    while let Some(request) = read(stream)? {
        let Some(Response { status, headers, body }) = answer(&request) else {
            // Until the client gives up.
            while stream.read(&mut [0; 64])? != 0 {}
            return Ok(());
        };
        let mut head = format!("HTTP/1.1 {status} Status\r\nContent-Length: {}\r\n", body.len());
        for (name, value) in headers {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        // At once: a client may wait 40 ms for what comes in a second packet.
        stream.write_all(&[format!("{head}\r\n").as_bytes(), &body].concat())?;
        stream.flush()?;
    }
    Ok(())
}

fn read(stream: &mut impl Read) -> io::Result<Option<Request>> {
    let (mut head, mut byte) = (Vec::new(), [0]);
    while !head.ends_with(b"\r\n\r\n") {
        if stream.read(&mut byte)? == 0 {
            return Ok(None);
        }
        head.push(byte[0]);
    }
    let head = String::from_utf8(head).unwrap();
    let mut lines = head.lines();
    let line = lines.next().unwrap().rsplit_once(' ').unwrap().0.to_owned();
    let headers = lines.filter_map(|line| line.split_once(": "));
    let headers: Vec<_> =
        headers.map(|(name, value)| (name.to_lowercase(), value.to_owned())).collect();
    let mut request = Request { line, headers, body: Vec::new() };
    let length = request.header("content-length").map_or(0, |length| length.parse().unwrap());
    request.body.resize(length, 0);
    stream.read_exact(&mut request.body)?;
    Ok(Some(request))
}

/// A server on a free port of 127.0.0.1, until it is dropped.
#[derive(Debug)]
pub struct Service {
    address: SocketAddr,
    stopped: Arc<AtomicBool>,
}

impl Service {
    /// Begins; each connection has a thread of its own.
    #[must_use]
    pub fn start(connected: impl Fn(TcpStream) + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let (stopped, connected) = (Arc::new(AtomicBool::new(false)), Arc::new(connected));
        let stop = Arc::clone(&stopped);
        thread::spawn(move || {
            for stream in listener.incoming() {
                if stop.load(Ordering::Relaxed) {
                    return;
                }
                let connected = Arc::clone(&connected);
                thread::spawn(move || connected(stream.unwrap()));
            }
        });
        Self { address, stopped }
    }

    /// The port.
    #[must_use]
    pub const fn port(&self) -> u16 {
        self.address.port()
    }

    /// The target of the service in clear text, with a path.
    #[must_use]
    pub fn target(&self, path: &str) -> String {
        format!("redfish+http://{}{path}", self.address)
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        self.stopped.store(true, Ordering::Relaxed);
        let _ = TcpStream::connect(self.address);
    }
}
