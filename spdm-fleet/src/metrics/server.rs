//! Answers whoever scrapes metrics: one request per connection, one connection at a time.

use core::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use core::sync::atomic::{AtomicBool, Ordering};
use core::time::Duration;
use std::io::{self, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::Instant;

use prometheus_client::encoding::prometheus_text::CONTENT_TYPE;

use super::Metrics;

/// The longest request, in bytes.
const MAX_REQUEST_LEN: usize = 8 << 10;
/// So long a connection may take.
const MAX_TIME: Duration = Duration::from_secs(1);
/// A pause where the system gives no connection, such as when there are no descriptors left.
const PAUSE: Duration = Duration::from_millis(100);

/// Serves [`Metrics`] over HTTP until it is dropped.
#[derive(Debug)]
pub struct MetricsServer {
    address: SocketAddr,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl MetricsServer {
    /// Listens at an address. Whoever reaches it can read the metrics.
    ///
    /// # Errors
    /// Those of the system, such as an address that is taken.
    pub fn start(address: SocketAddr, metrics: Arc<Metrics>) -> io::Result<Self> {
        let listener = TcpListener::bind(address)?;
        let address = listener.local_addr()?;
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = stop.clone();
        let thread = thread::Builder::new().name("metrics".to_owned()).spawn(move || {
            while !stopped.load(Ordering::Acquire) {
                match listener.accept() {
                    // Whoever goes away before the answer is there does not matter.
                    Ok((stream, _)) if !stopped.load(Ordering::Acquire) => {
                        drop(serve(stream, &metrics))
                    }
                    Ok(_) => {}
                    Err(_) => thread::sleep(PAUSE),
                }
            }
        })?;
        Ok(Self { address, stop, thread: Some(thread) })
    }

    /// Where it listens.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Drop for MetricsServer {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Release);
        // A connection wakes the thread up. An address that means all is reached through this machine's own.
        let ip = match self.address.ip() {
            IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
            IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
            ip => ip,
        };
        let address = SocketAddr::new(ip, self.address.port());
        if TcpStream::connect_timeout(&address, MAX_TIME).is_ok()
            && let Some(thread) = self.thread.take()
        {
            let _ = thread.join();
        }
    }
}

fn serve(mut stream: TcpStream, metrics: &Metrics) -> io::Result<()> {
    let end = Instant::now() + MAX_TIME;
    stream.set_write_timeout(Some(MAX_TIME))?;
    let (status, body) = match request(&mut stream, end)? {
        Request::Metrics => ("200 OK", metrics.text()),
        Request::Other => ("404 Not Found", "metrics are at /metrics\n".to_owned()),
        Request::OtherMethod => ("405 Method Not Allowed", "GET is understood\n".to_owned()),
        Request::Bad => ("400 Bad Request", "this is no request\n".to_owned()),
    };
    let kind = if status.starts_with("200") { CONTENT_TYPE } else { "text/plain; charset=utf-8" };
    write!(
        stream,
        "HTTP/1.0 {status}\r\nContent-Type: {kind}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
        body.len()
    )?;
    stream.flush()
}

/// What somebody asks for.
enum Request {
    Metrics,
    Other,
    OtherMethod,
    Bad,
}

/// Reads a request to the end of its header.
fn request(stream: &mut TcpStream, end: Instant) -> io::Result<Request> {
    let mut bytes = Vec::new();
    let mut piece = [0; 1024];
    while !bytes.windows(4).any(|window| window == b"\r\n\r\n") {
        let left = end.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(io::ErrorKind::TimedOut.into());
        }
        stream.set_read_timeout(Some(left))?;
        let len = stream.read(&mut piece)?;
        bytes.extend_from_slice(piece.get(..len).unwrap_or_default());
        if len == 0 || bytes.len() > MAX_REQUEST_LEN {
            return Ok(Request::Bad);
        }
    }
    let line = bytes.split(|byte| *byte == b'\r').next().unwrap_or_default();
    let mut words = line.split(|byte| *byte == b' ');
    let (method, path) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    let path = path.split(|byte| *byte == b'?').next().unwrap_or_default();
    Ok(match (method, path) {
        (b"GET", b"/metrics") => Request::Metrics,
        (b"GET", path) if path.starts_with(b"/") => Request::Other,
        (_, path) if path.starts_with(b"/") => Request::OtherMethod,
        _ => Request::Bad,
    })
}
