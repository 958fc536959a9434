//! One direction of a TCP connection: segments are put in order.

use std::collections::{BTreeMap, VecDeque};

use super::Segment;

/// How many bytes and segments may be there behind one that is not. More of them, and it is taken for missing.
const AHEAD_BYTES: usize = 256 << 10;
const AHEAD_SEGMENTS: usize = 256;
/// How many of the last bytes are kept, to compare repeated ones with.
const KEPT: usize = 256 << 10;

/// One direction.
#[derive(Debug, Default)]
pub(super) struct Half {
    /// Sequence number of the next byte, once one is known.
    next: Option<u32>,
    /// Sequence number of the first byte, once that is known.
    first: Option<u32>,
    /// Whether a SYN said so; otherwise the capture began later.
    from_syn: bool,
    /// The position of the first byte behind that SYN.
    begin: i64,
    /// Bytes so far, counted from where the direction was first seen. Negative where earlier ones showed up.
    position: i64,
    /// The last of them.
    kept: VecDeque<u8>,
    /// What came before its turn, by position.
    ahead: BTreeMap<i64, Ahead>,
    ahead_bytes: usize,
    /// The position behind the last byte, once FIN said it.
    end: Option<i64>,
    ended: bool,
    /// The sequence number up to which the other side acknowledged.
    acknowledged: Option<u32>,
    /// The lowest one that it acknowledged: the bytes from there on were still to come.
    awaited: Option<u32>,
}

#[derive(Debug)]
struct Ahead {
    bytes: Vec<u8>,
    acknowledged: Option<u32>,
}

/// Why a direction cannot be followed any more.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Broken {
    /// Bytes are missing.
    Lost,
    /// A repeated segment has other bytes than before.
    Changed,
    /// The bytes are no frame where one must begin.
    Framing,
}

/// How far `sequence` is behind `from`; negative where it is in front.
fn distance(sequence: u32, from: u32) -> i64 {
    i64::from(sequence.wrapping_sub(from).cast_signed())
}

fn len(bytes: &[u8]) -> i64 {
    i64::try_from(bytes.len()).unwrap_or(i64::MAX)
}

fn index(position: i64) -> usize {
    usize::try_from(position).unwrap_or(0)
}

impl Half {
    pub(super) const fn next(&self) -> Option<u32> {
        self.next
    }

    pub(super) const fn has_ended(&self) -> bool {
        self.ended
    }

    /// Whether the direction was seen from its beginning.
    pub(super) const fn is_from_syn(&self) -> bool {
        self.from_syn
    }

    /// Whether a SYN with this sequence number begins another connection than the one that is followed.
    pub(super) fn is_restarted_by(&self, sequence: u32) -> bool {
        self.first.is_some_and(|first| first != sequence.wrapping_add(1))
            || self.from_syn && self.ended
    }

    /// The other side, `by`, acknowledged what was sent before `sequence`.
    pub(super) fn acknowledge(&mut self, sequence: u32, by: &Self) {
        let next = self.next.get_or_insert(sequence);
        // Until something is there, the lowest one says where the direction begins.
        if self.first.is_none() && distance(sequence, *next) < 0 && !by.has_spoken() {
            *next = sequence;
        }
        let awaited = self.awaited.get_or_insert(sequence);
        if distance(sequence, *awaited) < 0 {
            *awaited = sequence;
        }
        let known = self.acknowledged.get_or_insert(*next);
        if distance(sequence, *known) > 0 {
            *known = sequence;
        }
    }

    /// Whether anything of it was used.
    fn has_spoken(&self) -> bool {
        !self.kept.is_empty()
    }

    /// Keeps what a segment holds until it is its turn. `other` is the other direction.
    pub(super) fn insert(&mut self, segment: &Segment<'_>, other: &Self) -> Result<(), Broken> {
        let mut sequence = segment.sequence;
        if segment.syn {
            sequence = sequence.wrapping_add(1);
            // What the other side said already came after bytes that were not seen.
            let is_earlier = self.next.is_some_and(|next| distance(sequence, next) < 0);
            let is_late = match self.has_spoken() {
                true => self.first != Some(sequence),
                false => is_earlier && other.has_spoken(),
            };
            if is_late {
                return Err(Broken::Lost);
            }
            if !self.has_spoken() {
                // What came before its turn keeps its place.
                self.position += self.next.map_or(0, |next| distance(sequence, next));
                self.next = Some(sequence);
                self.first = self.next;
                self.from_syn = true;
                self.begin = self.position;
            }
        }
        if segment.payload.is_empty() && !segment.fin {
            return Ok(());
        }
        let next = *self.next.get_or_insert(sequence);
        self.first.get_or_insert(sequence);
        // FIN took a number, but is no byte.
        let mut at = self.position + distance(sequence, next) + i64::from(self.ended);
        let oldest = self.position - i64::try_from(self.kept.len()).unwrap_or(0);
        if at < oldest && !self.from_syn && !segment.payload.is_empty() {
            // The capture began later, and this is earlier still than what was taken for the beginning. Once something
            // was used that came after it, it is too late.
            if self.has_spoken() || other.has_spoken() {
                return Err(Broken::Lost);
            }
            self.next = Some(sequence);
            self.first = self.next;
            self.position = at;
        }
        let mut bytes = segment.payload;
        // The content of a keep-alive means nothing (RFC 9293 §3.8.4).
        let is_keep_alive = bytes.len() == 1 && at + 1 == self.position;
        // What lies in front of the SYN belongs to another connection.
        if self.from_syn && at < self.begin && !bytes.is_empty() && !is_keep_alive {
            return Err(Broken::Lost);
        }
        if segment.fin {
            self.end = Some(at + len(bytes));
        }
        if at < self.position {
            let repeated = index(self.position - at).min(bytes.len());
            let (old, new) = bytes.split_at_checked(repeated).unwrap_or((bytes, &[]));
            if !is_keep_alive {
                self.compare(at, old)?;
            }
            (at, bytes) = (self.position, new);
        }
        if bytes.is_empty() {
            return Ok(());
        }
        if self.end.is_some_and(|end| at + len(bytes) > end) {
            return Err(Broken::Changed);
        }
        self.compare_ahead(at, bytes)?;
        let known = self.ahead.get(&at).map_or(0, |ahead| ahead.bytes.len());
        if known >= bytes.len() {
            return Ok(());
        }
        self.ahead_bytes += bytes.len() - known;
        let acknowledged = segment.acknowledged;
        self.ahead.insert(at, Ahead { bytes: bytes.to_vec(), acknowledged });
        Ok(())
    }

    /// Compares repeated bytes with those that were used. What cannot be compared may belong to another connection
    /// between the same ends.
    fn compare(&self, at: i64, repeated: &[u8]) -> Result<(), Broken> {
        let first = self.position - i64::try_from(self.kept.len()).unwrap_or(0);
        if at < first && !repeated.is_empty() {
            return Err(Broken::Lost);
        }
        let kept = self.kept.iter().skip(index(at - first));
        match kept.zip(repeated).all(|(kept, byte)| kept == byte) {
            true => Ok(()),
            false => Err(Broken::Changed),
        }
    }

    fn compare_ahead(&self, at: i64, bytes: &[u8]) -> Result<(), Broken> {
        let end = at + len(bytes);
        for (start, ahead) in self.ahead.range(..end) {
            let from = at.max(*start);
            let known = ahead.bytes.get(index(from - start)..).unwrap_or_default();
            let new = bytes.get(index(from - at)..).unwrap_or_default();
            if known.iter().zip(new).any(|(known, new)| known != new) {
                return Err(Broken::Changed);
            }
        }
        Ok(())
    }

    /// The next bytes, where they are there and the other direction, whose next byte is `other`, has said what was
    /// said before them.
    pub(super) fn advance(&mut self, other: Option<u32>) -> Option<Vec<u8>> {
        let entry = self.ahead.first_entry()?;
        if *entry.key() > self.position {
            return None;
        }
        let heard = match (entry.get().acknowledged, other) {
            (Some(acknowledged), Some(other)) => distance(acknowledged, other) <= 0,
            _ => true,
        };
        if !heard {
            return None;
        }
        let (at, Ahead { mut bytes, .. }) = entry.remove_entry();
        self.ahead_bytes = self.ahead_bytes.saturating_sub(bytes.len());
        bytes.drain(..index(self.position - at).min(bytes.len()));
        self.position += len(&bytes);
        let used = u32::try_from(bytes.len()).unwrap_or(0);
        self.next = self.next.map(|next| next.wrapping_add(used));
        self.kept.extend(&bytes);
        self.kept.drain(..self.kept.len().saturating_sub(KEPT));
        Some(bytes)
    }

    /// FIN takes a sequence number of its own; whether it was its turn.
    pub(super) fn end_if_complete(&mut self) -> bool {
        let ends = !self.ended && self.end == Some(self.position);
        if ends {
            self.ended = true;
            self.next = self.next.map(|next| next.wrapping_add(1));
        }
        ends
    }

    /// Whether so much came behind a byte that is not there that it will not come any more.
    pub(super) fn is_hopeless(&self) -> bool {
        self.ahead_bytes > AHEAD_BYTES || self.ahead.len() > AHEAD_SEGMENTS
    }

    /// Whether bytes of this direction are known to be missing, when nothing more comes. `partial`: the last frame is
    /// not complete. One byte may be that of a FIN that was not captured.
    pub(super) fn lacks_bytes(&self, partial: bool) -> bool {
        let unseen = match (self.acknowledged, self.next) {
            (Some(acknowledged), Some(next)) => distance(acknowledged, next),
            _ => 0,
        };
        let fin = i64::from(!self.ended && !partial);
        // The capture began late, but not so late that these bytes had been said.
        let skipped = match (self.first, self.awaited) {
            (Some(first), Some(awaited)) => !self.from_syn && distance(first, awaited) > 0,
            _ => false,
        };
        skipped || unseen > fin || !self.ahead.is_empty() || (self.end.is_some() && !self.ended)
    }

    /// What came before its turn.
    pub(super) fn ahead(&self) -> impl Iterator<Item = &[u8]> {
        self.ahead.values().map(|ahead| ahead.bytes.as_slice())
    }
}
