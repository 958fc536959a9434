//! Files that are compressed with gzip or zstd, read as what is inside.

use std::io::{self, BufRead, BufReader, Read};

use flate2::bufread::MultiGzDecoder;
use ruzstd::decoding::errors::{FrameDecoderError, ReadFrameHeaderError};
use ruzstd::decoding::{BlockDecodingStrategy, FrameDecoder};

const GZIP: [u8; 2] = [0x1F, 0x8B];
const ZSTD: [u8; 4] = [0x28, 0xB5, 0x2F, 0xFD];
/// The window that a zstd file may ask for, in bytes. `zstd` makes files with a larger one only with `--ultra` or
/// `--long`.
const ZSTD_WINDOW: u64 = 8 << 20;
/// How much is read at once.
const PORTION: usize = 64 << 10;

/// A file as it was before it was compressed: gzip and zstd are recognised by how they begin, anything else is read as
/// it is. Several compressed files may follow each other in one.
///
/// The memory does not depend on how long the content is: it is decompressed as it is read. A caller that keeps what
/// it reads has to set a limit.
///
/// ```
/// use spdm_evidence::Unpacked;
/// use std::io::Read;
///
/// let mut text = String::new();
/// Unpacked::new(&b"10840000"[..])?.read_to_string(&mut text)?;
/// assert_eq!(text, "10840000");
/// # std::io::Result::Ok(())
/// ```
#[derive(Debug)]
pub struct Unpacked<R: Read> {
    /// What was read to look at it.
    head: Vec<u8>,
    form: Form<R>,
}

/// The file, and in front of it those of its bytes that were looked at.
type Source<R> = BufReader<io::Chain<io::Cursor<Vec<u8>>, R>>;

#[derive(Debug)]
enum Form<R: Read> {
    Plain(Source<R>),
    Gzip(Box<MultiGzDecoder<Source<R>>>),
    Zstd(Box<ZstdFrames<Source<R>>>),
}

impl<R: Read> Unpacked<R> {
    /// Looks at how the file begins.
    ///
    /// # Errors
    /// The error of `source`.
    pub fn new(mut source: R) -> io::Result<Self> {
        // A pipe may deliver the first bytes one by one.
        let mut head = Vec::new();
        (&mut source).take(4).read_to_end(&mut head)?;
        let (gzip, zstd) = (head.starts_with(&GZIP), head.starts_with(&ZSTD));
        let source = BufReader::with_capacity(PORTION, io::Cursor::new(head).chain(source));
        let form = match (gzip, zstd) {
            (true, _) => Form::Gzip(Box::new(MultiGzDecoder::new(source))),
            (_, true) => Form::Zstd(Box::new(ZstdFrames::new(source))),
            _ => Form::Plain(source),
        };
        Ok(Self { head: Vec::new(), form })
    }

    /// The first bytes of what was not read yet, as many as there are, but at most `len`.
    ///
    /// # Errors
    /// As [`Read::read`].
    pub fn peek(&mut self, len: usize) -> io::Result<&[u8]> {
        let missing = u64::try_from(len.saturating_sub(self.head.len())).unwrap_or(u64::MAX);
        (&mut self.form).take(missing).read_to_end(&mut self.head)?;
        Ok(self.head.get(..len).unwrap_or(&self.head))
    }
}

impl<R: Read> Read for Unpacked<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.head.is_empty() {
            return self.form.read(buffer);
        }
        let len = self.head.as_slice().read(buffer)?;
        self.head.drain(..len);
        Ok(len)
    }
}

impl<R: Read> Read for Form<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Plain(source) => source.read(buffer),
            Self::Gzip(content) => content.read(buffer).map_err(|error| damaged("gzip", error)),
            Self::Zstd(content) => content.read(buffer).map_err(|error| damaged("zstd", error)),
        }
    }
}

fn damaged(what: &str, error: io::Error) -> io::Error {
    let why = match error.kind() {
        io::ErrorKind::UnexpectedEof => "it ends too early".to_owned(),
        _ => error.to_string(),
    };
    io::Error::new(error.kind(), format!("the {what} data is damaged: {why}"))
}

/// Frames of zstd, one behind the other.
struct ZstdFrames<S> {
    source: S,
    decoder: FrameDecoder,
    /// A frame was begun and its end not seen.
    inside: bool,
}

impl<S> core::fmt::Debug for ZstdFrames<S> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("ZstdFrames").field("inside", &self.inside).finish_non_exhaustive()
    }
}

impl<S: BufRead> ZstdFrames<S> {
    fn new(source: S) -> Self {
        let mut decoder = FrameDecoder::new();
        decoder.set_max_window_size(ZSTD_WINDOW);
        Self { source, decoder, inside: false }
    }

    /// Goes to the next frame with content; `false` where there is none.
    fn begin(&mut self) -> io::Result<bool> {
        while !self.source.fill_buf()?.is_empty() {
            match self.decoder.reset(&mut self.source) {
                Ok(()) => {
                    self.inside = true;
                    return Ok(true);
                }
                Err(FrameDecoderError::ReadFrameHeaderError(ReadFrameHeaderError::SkipFrame {
                    length,
                    ..
                })) => {
                    // Nothing that is in a file may be passed over in silence.
                    if length > 0 {
                        return Err(io::Error::other("a skippable frame in it has content"));
                    }
                }
                Err(error) => return Err(io::Error::other(error)),
            }
        }
        Ok(false)
    }
}

impl<S: BufRead> Read for ZstdFrames<S> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if buffer.is_empty() {
            return Ok(0);
        }
        loop {
            if !self.inside && !self.begin()? {
                return Ok(0);
            }
            if self.decoder.can_collect() > 0 {
                return self.decoder.read(buffer);
            }
            if self.decoder.is_finished() {
                self.inside = false;
                let stated = self.decoder.get_checksum_from_data();
                if stated.is_some() && stated != self.decoder.get_calculated_checksum() {
                    return Err(io::Error::other("its checksum is wrong"));
                }
            } else {
                let one = BlockDecodingStrategy::UptoBlocks(1);
                self.decoder.decode_blocks(&mut self.source, one).map_err(io::Error::other)?;
            }
        }
    }
}
