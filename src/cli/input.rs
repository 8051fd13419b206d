//! The lines of a file or of the standard input, plain or gzip, read on their own thread in bounded memory.

use std::fs::{File, Metadata};
use std::io::{self, BufRead, BufReader, Chain, Cursor, Read};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::thread;

use flate2::bufread::MultiGzDecoder;
use tokio::sync::mpsc;

/// The longest line that is read; a longer one is skipped and reported.
pub(super) const LONGEST_LINE: usize = 4 << 20;
/// How much is read at a time.
const BLOCK: usize = 256 << 10;
/// How many pieces may wait for the sender.
const AHEAD: usize = 2;
/// How much of a line that is too long is shown.
const EXCERPT: usize = 1 << 10;
const GZIP: [u8; 2] = [0x1f, 0x8b];

/// A piece of the input.
#[derive(Debug, PartialEq)]
pub(super) enum Piece {
    /// Whole lines; the first has this number, counted from 1.
    Lines { first: u64, bytes: Vec<u8> },
    /// A line beyond [`LONGEST_LINE`], and how it begins.
    TooLong { line: u64, start: Vec<u8> },
    /// The input cannot be read any further.
    Failed(String),
    /// The input was read to its end.
    End,
}

/// An opened input.
pub(super) struct Input {
    source: Box<dyn Read + Send>,
    /// What it is, where it is a file.
    file: Option<Metadata>,
    /// Its size in bytes as stored, when known.
    pub(super) size: Option<u64>,
    /// How many of those have been read.
    pub(super) position: Arc<AtomicU64>,
}

impl Input {
    /// Opens a file, or the standard input for `-`.
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        let (source, meta): (Box<dyn Read + Send>, _) = if path.as_os_str() == "-" {
            (Box::new(io::stdin()), standard_input().ok())
        } else {
            let file = File::open(path)?;
            let meta = file.metadata()?;
            if meta.is_dir() {
                return Err(io::ErrorKind::IsADirectory.into());
            }
            (Box::new(file), Some(meta))
        };
        let file = meta.filter(Metadata::is_file);
        let size = file.as_ref().filter(|_| path.as_os_str() != "-").map(Metadata::len);
        Ok(Self { source, file, size, position: Arc::default() })
    }

    /// Whether it is the file at `path`, by this or another name: writing there would destroy it.
    #[cfg(unix)]
    pub(super) fn is_file_at(&self, path: &Path) -> bool {
        use std::os::unix::fs::MetadataExt;
        match (&self.file, path.metadata()) {
            (Some(own), Ok(other)) => (own.dev(), own.ino()) == (other.dev(), other.ino()),
            _ => false,
        }
    }

    /// Only Unix tells which file the standard input is, and whether two names are of one file.
    #[cfg(not(unix))]
    pub(super) fn is_file_at(&self, _: &Path) -> bool {
        false
    }

    /// Starts reading. The thread ends with the input, or when the receiver is gone.
    pub(super) fn start(self) -> io::Result<mpsc::Receiver<Piece>> {
        let (sender, receiver) = mpsc::channel(AHEAD);
        let source = Counted { source: self.source, count: self.position };
        thread::Builder::new().name("trackwire-input".into()).spawn(move || {
            let mut send = |piece| sender.blocking_send(piece).is_ok();
            let end = match read(source, &mut send) {
                Ok(()) => Piece::End,
                Err(error) => Piece::Failed(error.to_string()),
            };
            send(end);
        })?;
        Ok(receiver)
    }
}

#[cfg(unix)]
fn standard_input() -> io::Result<Metadata> {
    use std::os::fd::AsFd;
    File::from(io::stdin().as_fd().try_clone_to_owned()?).metadata()
}

#[cfg(not(unix))]
fn standard_input() -> io::Result<Metadata> {
    Err(io::ErrorKind::Unsupported.into())
}

/// Hands the lines of `source` to `send` until it says that it wants no more.
fn read(source: impl Read, send: &mut impl FnMut(Piece) -> bool) -> io::Result<()> {
    match unpacked(source)? {
        Unpacked::Plain(source) => split(source, send),
        Unpacked::Gzip(source) => split(source, send),
    }
}

type Peeked<R> = Chain<Cursor<Vec<u8>>, R>;

enum Unpacked<R: Read> {
    Plain(Peeked<R>),
    Gzip(MultiGzDecoder<BufReader<Peeked<R>>>),
}

/// Looks at the first two bytes, which may come one by one.
fn unpacked<R: Read>(mut source: R) -> io::Result<Unpacked<R>> {
    let mut start = Vec::new();
    source.by_ref().take(2).read_to_end(&mut start)?;
    let gzip = start == GZIP;
    let source = Cursor::new(start).chain(source);
    Ok(match gzip {
        true => Unpacked::Gzip(MultiGzDecoder::new(BufReader::with_capacity(64 << 10, source))),
        false => Unpacked::Plain(source),
    })
}

fn split(source: impl Read, send: &mut impl FnMut(Piece) -> bool) -> io::Result<()> {
    let mut source = BufReader::with_capacity(BLOCK, source);
    let mut line = 1;
    let mut held = Vec::with_capacity(2 * BLOCK);
    loop {
        let block = match source.fill_buf() {
            Ok(block) => block,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => {
                send_lines(&mut held, &mut line, send);
                return Err(error);
            }
        };
        if block.is_empty() {
            send_lines(&mut held, &mut line, send);
            return Ok(());
        }
        let read = block.len();
        match block.iter().rposition(|&byte| byte == b'\n') {
            Some(end) => {
                held.extend_from_slice(&block[..=end]);
                let rest = block[end + 1..].to_vec();
                if !send_lines(&mut held, &mut line, send) {
                    return Ok(());
                }
                held.extend_from_slice(&rest);
                source.consume(read);
            }
            None => {
                held.extend_from_slice(block);
                source.consume(read);
                if held.len() > LONGEST_LINE {
                    held.truncate(EXCERPT);
                    let start = std::mem::take(&mut held);
                    let more = source.skip_until(b'\n')?;
                    if !send(Piece::TooLong { line, start }) || more == 0 {
                        return Ok(());
                    }
                    line += 1;
                }
            }
        }
    }
}

/// Sends what is held and counts its lines. The last line of the input may lack its line feed.
fn send_lines(held: &mut Vec<u8>, line: &mut u64, send: &mut impl FnMut(Piece) -> bool) -> bool {
    if held.is_empty() {
        return true;
    }
    let bytes = std::mem::replace(held, Vec::with_capacity(2 * BLOCK));
    let first = *line;
    *line += bytes.iter().filter(|&&byte| byte == b'\n').count() as u64;
    send(Piece::Lines { first, bytes })
}

/// Counts what passes.
struct Counted<R> {
    source: R,
    count: Arc<AtomicU64>,
}

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.source.read(buffer)?;
        self.count.fetch_add(read as u64, Relaxed);
        Ok(read)
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use flate2::Compression;
    use flate2::write::GzEncoder;

    use super::*;

    /// A source that gives at most `step` bytes at a time.
    struct Slow<'a>(&'a [u8], usize);

    impl Read for Slow<'_> {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            let count = self.1.min(buffer.len()).min(self.0.len());
            let (now, rest) = self.0.split_at(count);
            buffer[..count].copy_from_slice(now);
            self.0 = rest;
            Ok(count)
        }
    }

    /// A line with its number; `None` for one that is too long.
    type Line = (u64, Option<Vec<u8>>);

    fn lines(source: impl Read) -> (Vec<Line>, io::Result<()>) {
        let mut lines = Vec::new();
        let result = read(source, &mut |piece| {
            match piece {
                Piece::Lines { first, bytes } => {
                    let bytes = bytes.strip_suffix(b"\n").unwrap_or(&bytes);
                    lines.extend((first..).zip(bytes.split(|b| *b == b'\n').map(|line| Some(line.to_vec()))));
                }
                Piece::TooLong { line, .. } => lines.push((line, None)),
                end => panic!("{end:?}"),
            }
            true
        });
        (lines, result)
    }

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    #[test]
    fn lines_are_numbered_whatever_the_steps() {
        let text = b"one\n\nthree\r\nfour";
        let expected: Vec<_> = [&b"one"[..], b"", b"three\r", b"four"]
            .iter()
            .enumerate()
            .map(|(at, line)| (at as u64 + 1, Some(line.to_vec())))
            .collect();
        for step in [1, 2, 3, 7, 100] {
            assert_eq!(lines(Slow(text, step)).0, expected);
            assert_eq!(lines(Slow(&gzip(text), step)).0, expected);
        }
        let two_members = [gzip(b"one\n\nthr"), gzip(b"ee\r\nfour")].concat();
        assert_eq!(lines(&*two_members).0, expected);
        assert_eq!(lines(&b""[..]).0, []);
        assert_eq!(lines(&b"\x1f"[..]).0, [(1, Some(vec![0x1f]))]);
    }

    #[test]
    fn a_line_that_is_too_long_is_skipped() {
        let mut text = b"one\n".to_vec();
        text.resize(3 * LONGEST_LINE, b'x');
        text.extend_from_slice(b"\nthree\n");
        text.resize(text.len() + LONGEST_LINE, b'y');
        text.extend_from_slice(b"\nfive");
        let (lines, result) = lines(&*text);
        result.unwrap();
        let short: Vec<_> = lines.iter().map(|(line, text)| (*line, text.as_ref().map(Vec::len))).collect();
        assert_eq!(short, [(1, Some(3)), (2, None), (3, Some(5)), (4, Some(LONGEST_LINE)), (5, Some(4))]);
        text.truncate(2 * LONGEST_LINE);
        assert_eq!(super::tests::lines(&*text).0, [(1, Some(b"one".to_vec())), (2, None)]);
    }

    #[test]
    fn a_broken_gzip_gives_what_it_has_and_fails() {
        let whole = gzip(&b"line\n".repeat(100_000));
        let (lines, result) = lines(&whole[..whole.len() - 20]);
        assert!(result.is_err());
        assert!(lines.len() > 10_000);
    }

    #[test]
    fn reading_stops_when_nobody_wants_more() {
        let text = b"line\n".repeat(1_000_000);
        let mut pieces = 0;
        read(&*text, &mut |_| {
            pieces += 1;
            pieces < 3
        })
        .unwrap();
        assert_eq!(pieces, 3);
    }
}
