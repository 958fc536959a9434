//! Devices behind sockets, every target with an address of its own in 127.0.0.0/8.

use std::sync::Arc;
use std::thread;

use spdm_codec::{BaseAsymAlgo, SpdmVersion};
use spdm_crypto::HashAlgorithm;
use spdm_emulator::{Device, DeviceConfig};
use spdm_transport_tcp::{Framing, Listener};

use crate::process::Folder;

/// Where devices are to be: whoever connects waits until they are there.
pub(crate) struct Sockets {
    listener: Arc<Listener>,
    port: u16,
}

/// Devices that are equal, at every address of the loopback network.
pub(crate) struct Site {
    pub(crate) port: u16,
    pub(crate) root: String,
}

/// A device by an address of its own.
fn target(number: usize, port: u16) -> String {
    format!("tcp:127.1.{}.{}:{port}", number / 250, number % 250 + 1)
}

impl Sockets {
    pub(crate) fn bind() -> Self {
        let listener = Arc::new(Listener::bind("0.0.0.0:0", Framing::Dsp0287).unwrap());
        let port = listener.local_addr().unwrap().port();
        Self { listener, port }
    }

    /// One of the devices.
    #[allow(dead_code, reason = "not in each test target")]
    pub(crate) fn target(&self, number: usize) -> String {
        target(number, self.port)
    }

    /// So many devices answer at once.
    pub(crate) fn serve(
        &self,
        config: &DeviceConfig,
        at_once: usize,
        folder: &Folder,
        name: &str,
    ) -> Site {
        let mut root = String::new();
        for _ in 0..at_once {
            let mut device = Device::new(config.clone()).unwrap();
            root = device.trust_anchors_pem();
            let listener = Arc::clone(&self.listener);
            thread::spawn(move || {
                while let Ok(mut requester) = listener.accept() {
                    device.reset();
                    while let Ok(Some((kind, request))) = requester.next() {
                        let Some(response) = device.respond(request) else { continue };
                        if requester.answer(kind, &response).is_err() {
                            break;
                        }
                    }
                }
            });
        }
        Site { port: self.port, root: folder.write(name, root) }
    }
}

impl Site {
    /// So many of them answer at once.
    pub(crate) fn of(config: &DeviceConfig, at_once: usize, folder: &Folder, name: &str) -> Self {
        Sockets::bind().serve(config, at_once, folder, name)
    }

    /// One of them.
    pub(crate) fn target(&self, number: usize) -> String {
        target(number, self.port)
    }
}

/// Devices of the manufacturer that is trusted.
pub(crate) fn good(folder: &Folder) -> Site {
    Site::of(&small(), 4, folder, "root.pem")
}

/// A device of another manufacturer.
pub(crate) fn other(folder: &Folder) -> Site {
    Site::of(&DeviceConfig { seed: Some(2), ..small() }, 1, folder, "other.pem")
}

/// A device with a small key, the same in every run.
pub(crate) fn small() -> DeviceConfig {
    DeviceConfig {
        versions: vec![SpdmVersion::V1_2],
        base_asym: BaseAsymAlgo::ECDSA_P256,
        base_hash: HashAlgorithm::Sha256.base_hash(),
        seed: Some(1),
        ..DeviceConfig::default()
    }
}
