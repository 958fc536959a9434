//! The server as somebody else reaches it, who knows nothing of sites.

use async_nats::ConnectOptions;
use async_nats::jetstream::stream::Config;
use async_nats::jetstream::{self, Context};
use tokio::runtime::{Builder, Runtime};

use crate::server::Server;

/// A client.
pub(crate) struct Client {
    pub(crate) runtime: Runtime,
    pub(crate) context: Context,
}

impl Client {
    pub(crate) fn new(server: &Server) -> Self {
        let runtime = Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let context = runtime.block_on(async {
            jetstream::new(async_nats::connect(server.address()).await.unwrap())
        });
        Self { runtime, context }
    }

    /// A client of a user.
    pub(crate) fn of(address: &str, user: &str, password: &str) -> Self {
        let runtime = Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let context = runtime.block_on(async {
            let options = ConnectOptions::new();
            let options = options.user_and_password(user.to_owned(), password.to_owned());
            jetstream::new(options.connect(address).await.unwrap())
        });
        Self { runtime, context }
    }

    /// The answer to a request without a body.
    pub(crate) fn ask(&self, subject: &str) -> Vec<u8> {
        let client = self.context.client();
        self.runtime
            .block_on(client.request(subject.to_owned(), "".into()))
            .unwrap()
            .payload
            .to_vec()
    }

    /// How many messages a stream has.
    pub(crate) fn messages(&self, stream: &str) -> u64 {
        let stream = self.runtime.block_on(self.context.get_stream(stream)).unwrap();
        stream.cached_info().state.messages
    }

    /// How a stream was made.
    pub(crate) fn config(&self, stream: &str) -> Config {
        let stream = self.runtime.block_on(self.context.get_stream(stream)).unwrap();
        stream.cached_info().config.clone()
    }

    pub(crate) fn delete_consumer(&self, stream: &str, name: &str) {
        self.runtime.block_on(async {
            let stream = self.context.get_stream(stream).await.unwrap();
            assert!(stream.delete_consumer(name).await.unwrap().success);
        });
    }

    /// Publishes to a stream.
    pub(crate) fn publish(&self, subject: &str, headers: &[(&str, &str)], body: &[u8]) {
        let mut map = async_nats::HeaderMap::new();
        for (name, value) in headers {
            map.insert(*name, *value);
        }
        let (subject, body) = (subject.to_owned(), body.to_vec().into());
        self.runtime.block_on(async {
            let sent = self.context.publish_with_headers(subject, map, body).await.unwrap();
            sent.await.unwrap();
        });
    }
}
