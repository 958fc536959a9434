//! Memory that a drive may write to, and how much of it one command needs.

/// The most that one command carries, whatever a drive allows: every kernel maps this much.
pub(crate) const MAX_TRANSFER: usize = 64 * 1024;

/// The smallest page of memory protection on the machines that Linux runs on.
const PAGE: usize = 4096;

/// Whole pages that hold nothing else. A drive is given the address of the data, and its access ends at best with the
/// page: one that writes more than was asked for writes here, and not over what the program keeps beside it.
#[derive(Debug)]
pub(crate) struct DriveBuffer {
    memory: Vec<u8>,
    /// Where the first page begins.
    start: usize,
    len: usize,
}

impl DriveBuffer {
    /// Room for `len` bytes.
    pub(crate) fn new(len: usize) -> Self {
        let memory = vec![0; len.next_multiple_of(PAGE) + PAGE];
        let start = memory.as_ptr().align_offset(PAGE).min(PAGE);
        Self { memory, start, len }
    }

    /// The first `len` bytes, all 0, so that what a drive does not write cannot be taken for something it wrote; fewer
    /// where there are not as many.
    pub(crate) fn cleared(&mut self, len: usize) -> &mut [u8] {
        let end = self.start + len.min(self.len);
        let bytes = self.memory.get_mut(self.start..end).unwrap_or_default();
        bytes.fill(0);
        bytes
    }

    /// The first `len` bytes as they are; fewer where there are not as many.
    pub(crate) fn written(&self, len: usize) -> &[u8] {
        let end = self.start + len.min(self.len);
        self.memory.get(self.start..end).unwrap_or_default()
    }

    /// As much of `data` as there is room for, followed by zeros up to `len` bytes.
    pub(crate) fn filled(&mut self, data: &[u8], len: usize) -> &[u8] {
        let bytes = self.cleared(len);
        bytes.iter_mut().zip(data).for_each(|(place, byte)| *place = *byte);
        bytes
    }
}

/// Copies what fits: how much that is.
pub(crate) fn copied(data: &[u8], buffer: &mut [u8]) -> usize {
    buffer.iter_mut().zip(data).for_each(|(place, byte)| *place = *byte);
    data.len().min(buffer.len())
}

#[cfg(test)]
mod tests {
    use super::{DriveBuffer, PAGE};

    #[test]
    fn pages_of_its_own() {
        for len in [1, 512, 4096, 4097] {
            let mut buffer = DriveBuffer::new(len);
            let bytes = buffer.cleared(usize::MAX);
            assert_eq!((bytes.len(), bytes.as_ptr().align_offset(PAGE)), (len, 0));
            bytes.fill(7);
            let rest = buffer.memory.len() - buffer.start;
            assert!(rest >= len.next_multiple_of(PAGE), "{len}: {rest}");
            assert_eq!(buffer.cleared(1), [0]);
        }
        let mut buffer = DriveBuffer::new(8);
        assert_eq!(buffer.filled(&[1, 2, 3], 5), [1, 2, 3, 0, 0]);
        assert_eq!(buffer.filled(&[9; 20], 20), [9; 8]);
    }
}
