//! The server as somebody else reaches it, who knows nothing of sites.

use core::time::Duration;

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

    /// The answer to a request.
    pub(crate) fn ask(&self, subject: &str, body: &[u8]) -> Vec<u8> {
        let client = self.context.client();
        let asked = client.request(subject.to_owned(), body.to_vec().into());
        self.runtime.block_on(asked).unwrap().payload.to_vec()
    }

    /// The answer to a request, where one comes within a moment.
    pub(crate) fn answer(&self, subject: &str, body: &[u8]) -> Option<Vec<u8>> {
        const MOMENT: Duration = Duration::from_millis(150);
        let client = self.context.client();
        let asked = client.request(subject.to_owned(), body.to_vec().into());
        let answer = self.runtime.block_on(async { tokio::time::timeout(MOMENT, asked).await });
        answer.ok()?.ok().map(|message| message.payload.to_vec())
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

    pub(crate) fn delete_message(&self, stream: &str, place: u64) {
        self.runtime.block_on(async {
            let stream = self.context.get_stream(stream).await.unwrap();
            assert!(stream.delete_message(place).await.unwrap());
        });
    }

    /// The first message of a stream.
    pub(crate) fn first(&self, stream: &str) -> Vec<u8> {
        self.runtime.block_on(async {
            let stream = self.context.get_stream(stream).await.unwrap();
            let first = stream.cached_info().state.first_sequence;
            stream.get_raw_message(first).await.unwrap().payload.to_vec()
        })
    }

    /// Publishes to a stream.
    pub(crate) fn publish(&self, subject: &str, headers: &[(&str, &str)], body: &[u8]) {
        assert_eq!(self.refused(subject, headers, body), None);
    }

    /// Publishes to a stream, and says why that is refused.
    pub(crate) fn refused(
        &self,
        subject: &str,
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> Option<String> {
        let mut map = async_nats::HeaderMap::new();
        for (name, value) in headers {
            map.insert(*name, *value);
        }
        let (subject, body) = (subject.to_owned(), body.to_vec().into());
        let stored = self.runtime.block_on(async {
            self.context.publish_with_headers(subject, map, body).await.unwrap().await
        });
        stored.err().map(|error| error.to_string())
    }

    /// Asks, and has the answer sent elsewhere. It has been answered when this returns.
    pub(crate) fn ask_for(&self, subject: &str, body: &[u8], reply: &str) {
        let client = self.context.client();
        let (subject, body) = (subject.to_owned(), body.to_vec());
        self.runtime.block_on(async {
            let reply = reply.to_owned();
            let asked = client.publish_with_reply(subject.clone(), reply, body.clone().into());
            asked.await.unwrap();
            client.flush().await.unwrap();
            // Answers come in the order of requests.
            client.request(subject, body.into()).await.unwrap();
        });
    }
}
