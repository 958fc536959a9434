//! What a reader of captures found and did not give out yet.

use std::collections::VecDeque;

use super::channel::{Channel, Peers};
use super::{CaptureEvent, CapturedMessage, Layer};
use crate::note::Note;

/// Collects events.
#[derive(Debug, Default)]
pub(super) struct Events {
    waiting: VecDeque<CaptureEvent>,
    channels: usize,
}

impl Events {
    pub(super) fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    pub(super) fn next(&mut self) -> Option<CaptureEvent> {
        self.waiting.pop_front()
    }

    pub(super) fn note(&mut self, note: Note) {
        self.waiting.push_back(CaptureEvent::Note(note));
    }

    /// A conversation whose first message was found.
    pub(super) const fn open(&mut self, peers: Peers) -> Channel {
        let number = self.channels;
        self.channels += 1;
        Channel { number, peers }
    }

    pub(super) fn message(&mut self, channel: Channel, layer: Layer, bytes: &[u8], padding: usize) {
        let message = CapturedMessage { channel, layer, bytes: bytes.to_vec(), padding };
        self.waiting.push_back(CaptureEvent::Message(message));
    }

    /// Nothing more comes in this conversation.
    pub(super) fn end(&mut self, channel: Channel) {
        self.waiting.push_back(CaptureEvent::End(channel));
    }
}
