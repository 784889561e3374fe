//! Append-only files of checksummed records, shared between processes.
//!
//! The file is eight bytes of magic, then records: the payload's length and the CRC-32 of length and payload (four bytes each,
//! little-endian), then the payload. A record is written in one call and brought to the disk where asked. A crash may leave a part of the
//! last record: what is read after it ends before the part, and the next append takes it away. A damaged record with
//! whole records behind it is no torn tail; such a file is refused and left as it is.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, ErrorKind, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use super::{read_error, write_error};
use crate::{Error, Result};

const MAGIC: &[u8; 8] = b"ATTRREC1";
/// Length and checksum.
const HEAD: usize = 8;
/// Longest payload.
const MAX_PAYLOAD: usize = 64 << 20;
/// Largest file that is read.
const MAX_FILE: u64 = 4 << 30;

/// An open file of records.
#[derive(Debug)]
pub struct RecordFile {
    path: PathBuf,
    file: File,
    /// Where the whole records that were read or written here end; 0 before the magic was seen.
    end: u64,
    /// Held while this is open, so that others see that somebody is there.
    _presence: File,
    alone: bool,
}

impl RecordFile {
    /// Opens a file, or makes an empty one.
    ///
    /// # Errors
    /// [`Error::Io`]; [`Error::Artifact`]: it is another kind of file.
    pub fn open(path: impl AsRef<Path>) -> Result<RecordFile> {
        let path = path.as_ref();
        let wrong = |source| write_error(path, source);
        let file = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path).map_err(wrong)?;
        // A lock of its own: the file's own lock is taken and given back with every operation.
        let mut name = path.as_os_str().to_owned();
        name.push(".lock");
        let presence =
            OpenOptions::new().read(true).write(true).create(true).truncate(false).open(&name).map_err(wrong)?;
        let alone = match presence.try_lock() {
            Ok(()) => {
                presence.unlock().map_err(wrong)?;
                true
            }
            Err(TryLockError::WouldBlock) => false,
            Err(TryLockError::Error(source)) => return Err(wrong(source)),
        };
        presence.lock_shared().map_err(wrong)?;
        Ok(RecordFile { path: path.to_owned(), file, end: 0, _presence: presence, alone })
    }

    /// Whether nobody else had the file open when this was opened.
    pub fn was_alone(&self) -> bool {
        self.alone
    }

    /// The path.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Takes the file for this process alone until the guard is dropped.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub fn lock(&mut self) -> Result<Locked<'_>> {
        self.file.lock().map_err(|source| write_error(&self.path, source))?;
        Ok(Locked { records: self })
    }
}

/// A file of records that is this process's for the moment.
#[derive(Debug)]
pub struct Locked<'a> {
    records: &'a mut RecordFile,
}

impl Drop for Locked<'_> {
    fn drop(&mut self) {
        // Closing the file gives the lock back, too.
        let _ = self.records.file.unlock();
    }
}

impl Locked<'_> {
    /// The payloads of the whole records that were appended since the last read or append here.
    ///
    /// # Errors
    /// [`Error::Io`]; [`Error::Artifact`]: no file of records, one damaged in the middle, or one that became shorter.
    pub fn read_new(&mut self) -> Result<Vec<Vec<u8>>> {
        let records = &mut *self.records;
        let wrong = |source| read_error(&records.path, source);
        let len = records.file.metadata().map_err(wrong)?.len();
        if len > MAX_FILE {
            return Err(wrong(io::Error::new(ErrorKind::FileTooLarge, format!("it has {len} bytes"))));
        }
        if len < records.end {
            return Err(damaged(&records.path, format!("it was cut from {} to {len} bytes", records.end)));
        }
        let mut bytes = Vec::new();
        records.file.seek(SeekFrom::Start(records.end)).map_err(wrong)?;
        (&records.file).take(len - records.end).read_to_end(&mut bytes).map_err(wrong)?;
        let mut at = 0;
        if records.end == 0 {
            if bytes.len() < MAGIC.len() && MAGIC.starts_with(&bytes) {
                return Ok(Vec::new());
            }
            if !bytes.starts_with(MAGIC) {
                // A crash may have left the length and not the bytes.
                if bytes.iter().all(|b| *b == 0) && bytes.len() <= MAGIC.len() {
                    return Ok(Vec::new());
                }
                return Err(damaged(&records.path, "it does not begin as a file of records does".to_owned()));
            }
            at = MAGIC.len();
        }
        let mut payloads = Vec::new();
        while let Some(payload) = record_at(&bytes, at) {
            at += HEAD + payload.len();
            payloads.push(payload.to_vec());
        }
        if let Some(next) = (at + 1..bytes.len()).find(|&i| record_at(&bytes, i).is_some()) {
            let (from, next) = (records.end + at as u64, records.end + next as u64);
            return Err(damaged(
                &records.path,
                format!("the record at byte {from} is damaged, and there are whole ones from byte {next} on"),
            ));
        }
        records.end += at as u64;
        Ok(payloads)
    }

    /// Appends a record behind those that were read; `durable` waits for the disk.
    ///
    /// Read first: what lies behind the records read is a torn tail, and taken away.
    ///
    /// # Errors
    /// [`Error::Io`]; the file is then as it was. [`Error::Internal`]: a record of more than 64 MiB.
    pub fn append(&mut self, payload: &[u8], durable: bool) -> Result<()> {
        if payload.is_empty() || payload.len() > MAX_PAYLOAD {
            return Err(Error::Internal(format!("a record of {} bytes", payload.len())));
        }
        let records = &mut *self.records;
        let mut bytes = Vec::with_capacity(MAGIC.len() + HEAD + payload.len());
        if records.end == 0 {
            bytes.extend_from_slice(MAGIC);
        }
        bytes.extend_from_slice(&(payload.len() as u32).to_le_bytes());
        bytes.extend_from_slice(&checksum(payload).to_le_bytes());
        bytes.extend_from_slice(payload);
        let end = records.end;
        let mut write = || -> io::Result<()> {
            if records.file.metadata()?.len() > end {
                records.file.set_len(end)?;
            }
            records.file.seek(SeekFrom::Start(end))?;
            records.file.write_all(&bytes)?;
            if durable { records.file.sync_data() } else { Ok(()) }
        };
        if let Err(source) = write() {
            // What was written of it goes; if that fails as well, it is a torn tail, and the first error matters more.
            let _ = records.file.set_len(end);
            return Err(write_error(&records.path, source));
        }
        records.end += bytes.len() as u64;
        Ok(())
    }
}

fn checksum(payload: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(&(payload.len() as u32).to_le_bytes());
    hasher.update(payload);
    hasher.finalize()
}

/// The payload of a whole record that begins at `at`.
fn record_at(bytes: &[u8], at: usize) -> Option<&[u8]> {
    let word = |i: usize| Some(u32::from_le_bytes(bytes.get(i..i + 4)?.try_into().ok()?));
    let len = word(at)? as usize;
    if len == 0 || len > MAX_PAYLOAD {
        return None;
    }
    let payload = bytes.get(at + HEAD..at + HEAD + len)?;
    (checksum(payload) == word(at + 4)?).then_some(payload)
}

fn damaged(path: &Path, what: String) -> Error {
    let hint = "restore it from a copy, or name another file";
    Error::artifact(format!("`{}`: {what}", path.display()), hint)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn payloads() -> Vec<Vec<u8>> {
        (1..8u8).map(|i| vec![i; 1 + usize::from(i) * 11]).collect()
    }

    fn filled(path: &Path) -> Vec<u64> {
        let mut file = RecordFile::open(path).unwrap();
        let mut locked = file.lock().unwrap();
        assert!(locked.read_new().unwrap().is_empty());
        let append = |p: &Vec<u8>| {
            locked.append(p, false).unwrap();
            locked.records.end
        };
        payloads().iter().map(append).collect()
    }

    #[test]
    fn a_file_torn_at_any_byte_gives_the_whole_records_and_takes_more() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a");
        let ends = filled(&path);
        let bytes = std::fs::read(&path).unwrap();
        for cut in 0..=bytes.len() {
            // Cut off; cut off with zeros where the system had already grown the file; cut off with rubbish.
            for fill in [None, Some(0), Some(0xA5)] {
                let mut torn = bytes[..cut].to_vec();
                if let Some(byte) = fill {
                    let whole = ends.iter().copied().find(|&e| e as usize > cut).unwrap_or(cut as u64);
                    if cut < 8 && byte != 0 {
                        continue; // No file of ours.
                    }
                    torn.resize(if cut < 8 { 8 } else { whole as usize }, byte);
                    if cut < 8 {
                        torn.fill(0);
                    }
                }
                std::fs::write(&path, &torn).unwrap();
                let n = ends.iter().filter(|&&e| e as usize <= cut).count();
                let mut file = RecordFile::open(&path).unwrap();
                {
                    let mut locked = file.lock().unwrap();
                    assert_eq!(locked.read_new().unwrap(), payloads()[..n], "cut at {cut}, {fill:?}");
                    locked.append(b"more", false).unwrap();
                }
                drop(file);
                let mut file = RecordFile::open(&path).unwrap();
                let read = file.lock().unwrap().read_new().unwrap();
                assert_eq!((read.len(), read.last().unwrap().as_slice()), (n + 1, b"more".as_slice()));
            }
        }
    }

    #[test]
    fn damage_in_the_middle_is_refused_and_nothing_is_changed() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a");
        let ends = filled(&path);
        let bytes = std::fs::read(&path).unwrap();
        for at in 8..ends[ends.len() - 2] as usize {
            let mut bad = bytes.clone();
            bad[at] ^= 0x10;
            std::fs::write(&path, &bad).unwrap();
            let e = RecordFile::open(&path).unwrap().lock().unwrap().read_new().unwrap_err();
            assert_eq!(e.kind(), crate::ErrorKind::Artifact, "{e}");
            assert_eq!(std::fs::read(&path).unwrap(), bad);
        }
        std::fs::write(&path, b"something else altogether").unwrap();
        let e = RecordFile::open(&path).unwrap().lock().unwrap().read_new().unwrap_err();
        assert!(e.to_string().contains("does not begin"), "{e}");
    }

    #[test]
    fn two_see_what_the_other_appends_and_who_was_first() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a");
        let mut a = RecordFile::open(&path).unwrap();
        let mut b = RecordFile::open(&path).unwrap();
        assert!(a.was_alone() && !b.was_alone());
        for i in 0..4u8 {
            a.lock().unwrap().read_new().unwrap();
            a.lock().unwrap().append(&[i], false).unwrap();
            let mut locked = b.lock().unwrap();
            assert_eq!(locked.read_new().unwrap(), [[i]]);
            locked.append(&[i, i], false).unwrap();
            drop(locked);
            assert_eq!(a.lock().unwrap().read_new().unwrap(), [[i, i]]);
        }
        drop(a);
        assert!(!RecordFile::open(&path).unwrap().was_alone());
        drop(b);
        assert!(RecordFile::open(&path).unwrap().was_alone());
        let e = RecordFile::open(dir.path().join("no/such")).unwrap_err();
        assert!(e.to_string().contains("the folder must exist"), "{e}");
    }
}
