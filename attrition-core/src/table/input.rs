//! Files that are read from front to back, gzipped or not.

use std::fs::File;
use std::io::{self, Cursor, ErrorKind, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use flate2::read::MultiGzDecoder;

use crate::error::Place;
use crate::{Error, Result, file};

const GZIP: [u8; 2] = [0x1F, 0x8B];
/// How much smaller than its text gzip is taken to be, at most.
const MAX_RATIO: u64 = 20;

/// A file that can be opened again and again.
#[derive(Debug, Clone)]
pub(super) struct Input {
    path: PathBuf,
    name: String,
    /// The bytes of a pipe, which gives them once.
    bytes: Option<Arc<Vec<u8>>>,
    is_gzip: bool,
    size: u64,
}

pub(super) type Opened = Box<dyn Read + Send>;

impl Input {
    pub(super) fn new(path: &Path) -> Result<Input> {
        let name = path.display().to_string();
        let failed = |e: io::Error| file::read_error(path, e);
        let mut handle = File::open(path).map_err(failed)?;
        let metadata = handle.metadata().map_err(failed)?;
        if metadata.is_dir() {
            return Err(failed(io::Error::new(ErrorKind::IsADirectory, "it is a directory")));
        }
        let bytes = if metadata.is_file() {
            None
        } else {
            let mut bytes = Vec::new();
            handle.read_to_end(&mut bytes).map_err(failed)?;
            Some(Arc::new(bytes))
        };
        let mut first = Vec::new();
        match &bytes {
            Some(bytes) => first.extend(bytes.iter().take(2)),
            None => {
                (&mut handle).take(2).read_to_end(&mut first).map_err(failed)?;
            }
        }
        let is_gzip = first == GZIP;
        let mut size = bytes.as_ref().map_or(metadata.len(), |b| b.len() as u64);
        if is_gzip && bytes.is_none() && size > 18 {
            // The last member's length modulo 2³²: a guess that steers progress and how much room is made. Whoever wrote
            // it may lie, so that it is not believed beyond a ratio that text has.
            let mut last = [0; 4];
            handle.seek(SeekFrom::End(-4)).map_err(failed)?;
            handle.read_exact(&mut last).map_err(failed)?;
            size = u64::from(u32::from_le_bytes(last)).clamp(size, size.saturating_mul(MAX_RATIO));
        }
        Ok(Input { path: path.to_owned(), name, bytes, is_gzip, size })
    }

    /// The path, for messages.
    pub(super) fn name(&self) -> &str {
        &self.name
    }
    /// How many bytes it gives, about.
    pub(super) fn size(&self) -> u64 {
        self.size
    }

    /// From the first byte on, inflated.
    pub(super) fn open(&self) -> Result<Opened> {
        let raw: Opened = match &self.bytes {
            Some(bytes) => Box::new(Cursor::new(SharedBytes(Arc::clone(bytes)))),
            None => Box::new(File::open(&self.path).map_err(|e| file::read_error(&self.path, e))?),
        };
        Ok(if self.is_gzip { Box::new(MultiGzDecoder::new(io::BufReader::with_capacity(1 << 16, raw))) } else { raw })
    }

    /// All of it.
    pub(super) fn read_all(&self) -> Result<Vec<u8>> {
        let mut out = Vec::new();
        self.open()?.read_to_end(&mut out).map_err(|e| failed(Some(&self.name), None, e))?;
        Ok(out)
    }
}

struct SharedBytes(Arc<Vec<u8>>);

impl AsRef<[u8]> for SharedBytes {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

/// A failed read; `lines` were whole before it.
pub(super) fn failed(source: Option<&str>, lines: Option<u64>, e: io::Error) -> Error {
    match e.kind() {
        // What the inflater says of its input; a plain file never does.
        ErrorKind::InvalidInput | ErrorKind::InvalidData | ErrorKind::UnexpectedEof => {
            let mut place = match source {
                Some(source) => Place::none().in_source(source),
                None => Place::none(),
            };
            place.line = lines.map(|l| l + 1);
            Error::data(
                place,
                format!("gzip data that is damaged or cut off ({e})"),
                "a whole gzip file",
                "copy or make it again, and compare checksums",
            )
        }
        _ => file::read_error(Path::new(source.unwrap_or("the given bytes")), e),
    }
}
