//! A file as UTF-8 bytes: gzip by its content, byte order mark taken off, other encodings decoded.

use std::fs::File;
use std::io::{self, BufReader, Read};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use encoding_rs::{Decoder, DecoderResult, Encoding, UTF_8};
use flate2::bufread::MultiGzDecoder;

const BUFFER_BYTES: usize = 64 * 1024;
const GZIP_MAGIC: [u8; 2] = [0x1f, 0x8b];
/// Stands for bytes that are not valid in the file's encoding: no UTF-8 text holds it, so the row is rejected.
const INVALID: u8 = 0xff;

/// Opens a file; `count` grows by the bytes read from disk.
pub(super) fn open(
    path: &Path,
    encoding: &'static Encoding,
    count: Arc<AtomicU64>,
) -> io::Result<Box<dyn Read + Send>> {
    let counted = Counted { file: File::open(path)?, count };
    let (magic, file) = peek::<2, _>(counted)?;
    let plain: Box<dyn Read + Send> = if magic == GZIP_MAGIC {
        Box::new(MultiGzDecoder::new(BufReader::with_capacity(BUFFER_BYTES, file)))
    } else {
        Box::new(file)
    };
    text(plain, encoding)
}

/// UTF-8 without a byte order mark. A mark says more than the declared encoding.
fn text(bytes: Box<dyn Read + Send>, declared: &'static Encoding) -> io::Result<Box<dyn Read + Send>> {
    let (first, bytes) = peek::<3, _>(bytes)?;
    let (encoding, mark_bytes) = Encoding::for_bom(&first).unwrap_or((declared, 0));
    let mut bytes = bytes;
    io::copy(&mut bytes.by_ref().take(mark_bytes as u64), &mut io::sink())?;
    if encoding == UTF_8 {
        return Ok(Box::new(bytes));
    }
    Ok(Box::new(Decoded {
        source: bytes,
        decoder: encoding.new_decoder_without_bom_handling(),
        raw: Vec::new(),
        text: Vec::new(),
        at: 0,
        ended: false,
    }))
}

struct Counted {
    file: File,
    count: Arc<AtomicU64>,
}

impl Read for Counted {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let read = self.file.read(out)?;
        self.count.fetch_add(read as u64, Ordering::Relaxed);
        Ok(read)
    }
}

/// The first bytes of a source, and all of it again.
type Peeked<R> = (Vec<u8>, io::Chain<io::Cursor<Vec<u8>>, R>);

/// The first `N` bytes (fewer when the source is shorter), and the whole source again.
fn peek<const N: usize, R: Read>(mut source: R) -> io::Result<Peeked<R>> {
    let mut first = Vec::with_capacity(N);
    source.by_ref().take(N as u64).read_to_end(&mut first)?;
    Ok((first.clone(), io::Cursor::new(first).chain(source)))
}

/// Decodes an encoding other than UTF-8.
struct Decoded<R> {
    source: R,
    decoder: Decoder,
    /// Bytes read and not decoded yet.
    raw: Vec<u8>,
    text: Vec<u8>,
    at: usize,
    ended: bool,
}

impl<R: Read> Decoded<R> {
    fn more(&mut self) -> io::Result<()> {
        let mut buffer = [0; 8 * 1024];
        let read = self.source.read(&mut buffer)?;
        self.raw.extend_from_slice(buffer.get(..read).unwrap_or_default());
        self.ended = read == 0;
        (self.at, self.text) = (0, std::mem::take(&mut self.text));
        self.text.clear();
        let mut done = 0;
        loop {
            let rest = self.raw.get(done..).unwrap_or_default();
            let start = self.text.len();
            // Each byte becomes at most three bytes of UTF-8; the decoder says when that was not enough.
            self.text.resize(start + rest.len() * 3 + 16, 0);
            let target = self.text.get_mut(start..).unwrap_or_default();
            let (result, used, written) = self.decoder.decode_to_utf8_without_replacement(rest, target, self.ended);
            self.text.truncate(start + written);
            done += used;
            match result {
                DecoderResult::InputEmpty => break,
                DecoderResult::OutputFull => {}
                DecoderResult::Malformed(..) => self.text.push(INVALID),
            }
        }
        self.raw.drain(..done);
        Ok(())
    }
}

impl<R: Read> Read for Decoded<R> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        while self.at == self.text.len() && !self.ended {
            self.more()?;
        }
        let mut rest = self.text.get(self.at..).unwrap_or_default();
        let read = rest.read(out)?;
        self.at += read;
        Ok(read)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(bytes: &[u8], label: &str) -> Vec<u8> {
        let encoding = Encoding::for_label(label.as_bytes()).unwrap();
        let mut out = Vec::new();
        text(Box::new(io::Cursor::new(bytes.to_vec())), encoding).unwrap().read_to_end(&mut out).unwrap();
        out
    }

    #[test]
    fn marks_and_encodings() {
        assert_eq!(read(b"\xef\xbb\xbfid", "utf-8"), b"id");
        assert_eq!(read(b"\xef\xbb\xbfid", "windows-1252"), b"id", "a mark says more than the declared encoding");
        assert_eq!(read(b"M\xfcller", "windows-1252"), "Müller".as_bytes());
        assert_eq!(read(b"\xff\xfei\0d\0", "utf-8"), b"id");
        assert_eq!(read(&[0xc4, 0xe3], "gbk"), "你".as_bytes());
        assert_eq!(read(b"", "gbk"), b"");
    }

    #[test]
    fn what_is_not_valid_is_marked() {
        assert_eq!(read(b"a\xff\xffb", "gbk"), b"a\xff\xffb");
        assert_eq!(read(b"a\xffb", "utf-8"), b"a\xffb");
    }

    #[test]
    fn characters_across_reads_stay_whole() {
        let source: Vec<u8> = [0xc4, 0xe3].repeat(20_001);
        assert_eq!(read(&[b"x".as_slice(), &source].concat(), "gbk").len(), 1 + 3 * 20_001);
    }
}
