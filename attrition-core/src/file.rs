//! Durable files: what is written is either there whole or not there at all.
//!
//! [`write_atomic`] writes a temporary file beside the target, brings it to the disk, and renames it over the
//! target: a reader sees the old bytes or the new ones, never a part, and a crash leaves at most a stray
//! `.attrition-….tmp`. [`read_limited`] refuses a file that is larger than the caller is ready to hold.
//!
//! **Links and special files.** A symbolic link at the target is *replaced*, not followed: the file it pointed at
//! stays as it was, so a write never leaves the folder it was asked to write in. A directory, a device, a pipe or a
//! socket at the target (or at the end of the link) is refused. So is a file without write permission, although
//! a rename would be allowed to replace it: whoever took the permission away meant it.
//!
//! **Permissions.** A new file gets what the process's umask grants; a replaced file hands its permissions on.
//! Owner, group and extended attributes are those of the writing process.

use std::fs::{self, File, OpenOptions};
use std::hash::{BuildHasher, Hasher, RandomState};
use std::io::{self, ErrorKind, Read, Write};
use std::path::{Path, PathBuf};

use crate::{Error, Result};

pub mod records;

/// Names tried before giving up; each carries 64 random bits, so one is enough but for an adversary.
const MAX_NAME_TRIES: usize = 16;

/// Write `bytes` to `path` so that `path` holds, at every moment and after a crash, either all of them or what it
/// held before.
///
/// The steps: create a temporary file in the same folder (it must not exist), write, flush file to disk, rename over
/// `path`, flush the folder to disk. On an error the temporary file is removed and an existing `path` is untouched.
/// There is one exception: if only the last step fails, the new bytes are in place and the error says that they may
/// not survive a power failure.
///
/// # Errors
/// [`Error::Io`] with the system's error and a hint: the folder is missing, not writable, on a full or read-only
/// disk; `path` is a directory, a special file, write-protected, or no file name at all.
///
/// # Example
/// ```
/// # fn main() -> attrition_core::Result<()> {
/// let folder = std::env::temp_dir();
/// let path = folder.join("attrition-doc-write-atomic");
/// attrition_core::file::write_atomic(&path, b"whole")?;
/// assert_eq!(attrition_core::file::read_limited(&path, 1024)?, b"whole");
/// # std::fs::remove_file(&path).ok();
/// # Ok(())
/// # }
/// ```
pub fn write_atomic(path: impl AsRef<Path>, bytes: &[u8]) -> Result<()> {
    let path = path.as_ref();
    replace(path, bytes).map_err(|source| write_error(path, source))
}

/// The whole file, if it has at most `max` bytes.
///
/// Links are followed. The size is checked before anything is allocated, and again while reading, because a file
/// can grow and a pipe has no size.
///
/// # Errors
/// [`Error::Io`]: the file is missing, unreadable, a directory, or larger than `max`.
pub fn read_limited(path: impl AsRef<Path>, max: u64) -> Result<Vec<u8>> {
    let path = path.as_ref();
    read(path, max).map_err(|source| read_error(path, source))
}

/// An [`Error::Io`] for a failed read of `path`, with the hint that fits.
pub(crate) fn read_error(path: &Path, source: io::Error) -> Error {
    let hint = match source.kind() {
        ErrorKind::NotFound => "check the path; a relative path starts at the current folder",
        ErrorKind::PermissionDenied => "ask for read permission on the file and on every folder above it",
        ErrorKind::IsADirectory => "name a file, not a folder",
        ErrorKind::FileTooLarge => "check that this is the file you meant",
        ErrorKind::OutOfMemory => "free memory, or read the file in batches",
        _ => "check the path and the disk, then try again",
    };
    Error::Io { action: "read", path: path.display().to_string(), hint, source }
}

/// An [`Error::Io`] for a failed write to `path`, with the hint that fits.
pub(crate) fn write_error(path: &Path, source: io::Error) -> Error {
    let hint = match source.kind() {
        ErrorKind::NotFound => "the folder must exist: create it first, or check the path",
        ErrorKind::NotADirectory => "a part of the path is a file, not a folder: check the path",
        ErrorKind::PermissionDenied => "choose another path, or ask for write permission on the file and its folder",
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded => "free space on the disk, or choose another one",
        ErrorKind::ReadOnlyFilesystem => "choose a path on a disk that can be written",
        ErrorKind::IsADirectory => "name a file, not a folder",
        ErrorKind::InvalidFilename => "choose a shorter name without special characters",
        ErrorKind::InvalidInput => "name an ordinary file",
        _ => "check the path and the disk, then try again",
    };
    Error::Io { action: "write", path: path.display().to_string(), hint, source }
}

fn read(path: &Path, max: u64) -> io::Result<Vec<u8>> {
    let too_large = |len: String| io::Error::new(ErrorKind::FileTooLarge, format!("{len}, and at most {max} are read"));
    let file = File::open(path)?;
    let meta = file.metadata()?;
    if meta.is_dir() {
        return Err(io::Error::new(ErrorKind::IsADirectory, "it is a directory"));
    }
    if meta.len() > max {
        return Err(too_large(format!("it has {} bytes", meta.len())));
    }
    let mut bytes = Vec::new();
    // One byte more than the file has, so that its end is seen without growing the buffer.
    let size = usize::try_from(meta.len().saturating_add(1)).map_err(|_| io::Error::from(ErrorKind::OutOfMemory))?;
    bytes.try_reserve_exact(size).map_err(|_| io::Error::from(ErrorKind::OutOfMemory))?;
    file.take(max.saturating_add(1)).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > max {
        return Err(too_large(format!("it has more than {max} bytes")));
    }
    Ok(bytes)
}

fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = AtomicFile::begin(path)?;
    file.write_all(bytes)?;
    file.end()
}

/// A file on its way to `path`: nothing is there before [`AtomicFile::commit`], and nothing stays if it is dropped
/// before. The rules are those of [`write_atomic`].
#[derive(Debug)]
pub struct AtomicFile {
    path: PathBuf,
    file: File,
    temporary: Temporary,
    folder: Folder,
    existing: Option<fs::Permissions>,
}

impl AtomicFile {
    /// Begin to write what is to stand at `path`.
    ///
    /// # Errors
    /// As [`write_atomic`].
    pub fn create(path: impl AsRef<Path>) -> Result<AtomicFile> {
        let path = path.as_ref();
        AtomicFile::begin(path).map_err(|source| write_error(path, source))
    }

    fn begin(path: &Path) -> io::Result<AtomicFile> {
        if path.file_name().is_none() {
            return Err(io::Error::new(ErrorKind::InvalidInput, "the path ends in no file name"));
        }
        let existing = match fs::metadata(path) {
            Ok(meta) if meta.is_dir() => return Err(io::Error::new(ErrorKind::IsADirectory, "it is a directory")),
            Ok(meta) if !meta.is_file() => {
                return Err(io::Error::new(ErrorKind::InvalidInput, "it is a device, a pipe or a socket"));
            }
            Ok(meta) if meta.permissions().readonly() => {
                return Err(io::Error::new(ErrorKind::PermissionDenied, "the file is write-protected"));
            }
            Ok(meta) => Some(meta.permissions()),
            // Nothing there, or a link to nothing.
            Err(e) if e.kind() == ErrorKind::NotFound => None,
            Err(e) => return Err(e),
        };
        let parent = match path.parent() {
            Some(parent) if !parent.as_os_str().is_empty() => parent,
            _ => Path::new("."),
        };
        let folder = open_folder(parent)?;
        let (file, temporary) = create_beside(parent, existing.as_ref())?;
        Ok(AtomicFile { path: path.to_owned(), file, temporary, folder, existing })
    }

    /// The path it is for.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Put it in place, whole.
    ///
    /// # Errors
    /// As [`write_atomic`].
    pub fn commit(self) -> Result<()> {
        let path = self.path.clone();
        self.end().map_err(|source| write_error(&path, source))
    }

    fn end(self) -> io::Result<()> {
        if let Some(permissions) = self.existing {
            self.file.set_permissions(permissions)?;
        }
        self.file.sync_all()?;
        // Closed before the rename: some systems do not rename an open file.
        drop(self.file);
        fs::rename(&self.temporary.path, &self.path)?;
        self.temporary.keep();
        sync_folder(self.folder)
    }
}

impl Write for AtomicFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.file.write(bytes)
    }
    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

/// A file that is removed when dropped, unless kept.
#[derive(Debug)]
struct Temporary {
    path: PathBuf,
}

impl Temporary {
    fn keep(mut self) {
        self.path = PathBuf::new();
    }
}

impl Drop for Temporary {
    fn drop(&mut self) {
        if !self.path.as_os_str().is_empty() {
            // Nothing more can be done about a temporary file that cannot be removed; the first error matters more.
            let _ = fs::remove_file(&self.path);
        }
    }
}

fn create_beside(folder: &Path, existing: Option<&fs::Permissions>) -> io::Result<(File, Temporary)> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    // A file that only its owner may read is never readable by others, not even while it is temporary.
    restrict(&mut options, existing);
    create_new(folder, &options)
}

fn create_new(folder: &Path, options: &OpenOptions) -> io::Result<(File, Temporary)> {
    let mut last = io::Error::from(ErrorKind::AlreadyExists);
    for _ in 0..MAX_NAME_TRIES {
        // The name is random so that two processes, or two containers on one volume, do not meet; no result depends on it.
        let path = folder.join(format!(".attrition-{:016x}.tmp", RandomState::new().build_hasher().finish()));
        match options.open(&path) {
            Ok(file) => return Ok((file, Temporary { path })),
            Err(e) if e.kind() == ErrorKind::AlreadyExists => last = e,
            Err(e) => return Err(e),
        }
    }
    Err(last)
}

#[cfg(unix)]
fn restrict(options: &mut OpenOptions, existing: Option<&fs::Permissions>) {
    use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
    if let Some(permissions) = existing {
        options.mode(permissions.mode() & 0o777);
    }
}

#[cfg(not(unix))]
fn restrict(_: &mut OpenOptions, _: Option<&fs::Permissions>) {}

/// Opened before anything is written, so that a folder that cannot be opened fails early.
#[cfg(unix)]
type Folder = File;
#[cfg(not(unix))]
type Folder = ();

#[cfg(unix)]
fn open_folder(folder: &Path) -> io::Result<File> {
    File::open(folder)
}

#[cfg(unix)]
fn sync_folder(folder: File) -> io::Result<()> {
    match folder.sync_all() {
        // Some network file systems do not know this request; they keep the order of renames by themselves.
        Err(e) if matches!(e.kind(), ErrorKind::InvalidInput | ErrorKind::Unsupported) => Ok(()),
        Err(e) => Err(io::Error::new(e.kind(), format!("written, but it may not survive a power failure: {e}"))),
        Ok(()) => Ok(()),
    }
}

/// Folders cannot be opened as files here; the file system's journal keeps the rename.
#[cfg(not(unix))]
fn open_folder(_: &Path) -> io::Result<()> {
    Ok(())
}

#[cfg(not(unix))]
fn sync_folder(_: ()) -> io::Result<()> {
    Ok(())
}

/// Bytes of a [`Scratch`] that are kept in memory before they go to the disk, and that are written at once.
const SCRATCH_MEMORY: usize = 16 << 20;

/// Bytes that need not be in memory: put one after the other, then read from any place. They are gone with this value.
///
/// The first [`SCRATCH_MEMORY`] bytes stay in memory; with more, a file is made in the system's folder for temporary files,
/// readable by its owner alone. On Unix it never has a name for longer than a moment, so that nothing stays behind, whatever
/// happens.
#[derive(Debug)]
pub(crate) struct Scratch {
    folder: PathBuf,
    file: Option<(File, Option<Temporary>)>,
    /// Bytes in the file.
    written: u64,
    /// Those after them.
    tail: Vec<u8>,
    memory: usize,
}

impl Scratch {
    /// Nothing yet.
    pub(crate) fn new() -> Scratch {
        Scratch::within(std::env::temp_dir(), SCRATCH_MEMORY)
    }

    fn within(folder: PathBuf, memory: usize) -> Scratch {
        Scratch { folder, file: None, written: 0, tail: Vec::new(), memory }
    }

    /// For tests: in another folder, with less in memory.
    #[cfg(test)]
    pub(crate) fn for_test(folder: &Path, memory: usize) -> Scratch {
        Scratch::within(folder.to_owned(), memory)
    }

    /// For tests: in a file that is open.
    #[cfg(test)]
    pub(crate) fn of_file(file: File) -> Scratch {
        Scratch { file: Some((file, None)), ..Scratch::within("/dev".into(), 0) }
    }

    /// Puts bytes after those that are there, and tells where they begin.
    pub(crate) fn append(&mut self, bytes: &[u8]) -> Result<u64> {
        let at = self.written + self.tail.len() as u64;
        if self.tail.len() + bytes.len() > self.memory {
            self.spill(bytes).map_err(|e| self.refused("write", e))?;
        } else {
            self.tail.extend_from_slice(bytes);
        }
        Ok(at)
    }

    fn spill(&mut self, bytes: &[u8]) -> io::Result<()> {
        if self.file.is_none() {
            let mut options = OpenOptions::new();
            options.read(true).write(true).create_new(true);
            private(&mut options);
            let (file, name) = create_new(&self.folder, &options)?;
            // An open file needs no name here; elsewhere it loses it when it is closed.
            let name = if cfg!(unix) { None } else { Some(name) };
            self.file = Some((file, name));
        }
        if let Some((file, _)) = &mut self.file {
            for part in [&self.tail, bytes] {
                file.write_all(part)?;
                self.written += part.len() as u64;
            }
        }
        self.tail.clear();
        Ok(())
    }

    /// The bytes from `at` on.
    pub(crate) fn read_at(&self, at: u64, out: &mut [u8]) -> Result<()> {
        let in_file = usize::try_from(self.written.saturating_sub(at)).unwrap_or(usize::MAX).min(out.len());
        let (front, back) = out.split_at_mut(in_file);
        let done = match &self.file {
            Some((file, _)) if in_file > 0 => read_exact_at(file, front, at),
            _ => Ok(()),
        };
        let start = usize::try_from((at + in_file as u64).saturating_sub(self.written)).unwrap_or(usize::MAX);
        let end = start.saturating_add(back.len());
        let done = done.and_then(|()| match self.tail.get(start..end) {
            Some(bytes) => {
                back.copy_from_slice(bytes);
                Ok(())
            }
            None => Err(io::Error::from(ErrorKind::UnexpectedEof)),
        });
        done.map_err(|e| self.refused("read", e))
    }

    fn refused(&self, action: &'static str, source: io::Error) -> Error {
        let hint = "free space there, or name a folder on a disk with room by the environment variable TMPDIR (TMP on Windows)";
        Error::Io { action, path: format!("a temporary file in {}", self.folder.display()), hint, source }
    }
}

#[cfg(unix)]
fn private(options: &mut OpenOptions) {
    std::os::unix::fs::OpenOptionsExt::mode(options, 0o600);
}

#[cfg(not(unix))]
fn private(_: &mut OpenOptions) {}

#[cfg(unix)]
fn read_exact_at(file: &File, out: &mut [u8], at: u64) -> io::Result<()> {
    std::os::unix::fs::FileExt::read_exact_at(file, out, at)
}

#[cfg(windows)]
fn read_exact_at(file: &File, mut out: &mut [u8], mut at: u64) -> io::Result<()> {
    while !out.is_empty() {
        match std::os::windows::fs::FileExt::seek_read(file, out, at) {
            Ok(0) => return Err(io::Error::from(ErrorKind::UnexpectedEof)),
            Ok(n) => (out, at) = (out.split_at_mut(n).1, at + n as u64),
            Err(e) if e.kind() == ErrorKind::Interrupted => {}
            Err(e) => return Err(e),
        }
    }
    Ok(())
}

#[cfg(not(any(unix, windows)))]
fn read_exact_at(_: &File, _: &mut [u8], _: u64) -> io::Result<()> {
    Err(io::Error::from(ErrorKind::Unsupported))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(folder: &Path) -> Vec<String> {
        let mut names: Vec<String> =
            fs::read_dir(folder).unwrap().map(|e| e.unwrap().file_name().to_string_lossy().into_owned()).collect();
        names.sort();
        names
    }

    fn facts(error: Error) -> (&'static str, String, &'static str, ErrorKind) {
        match error {
            Error::Io { action, path, hint, source } => (action, path, hint, source.kind()),
            other => panic!("{other}"),
        }
    }

    #[test]
    fn writes_replaces_and_leaves_nothing_else() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.model");
        for bytes in [&b"first"[..], b"", b"second, longer"] {
            write_atomic(&path, bytes).unwrap();
            assert_eq!(read_limited(&path, 100).unwrap(), bytes);
        }
        assert_eq!(names(dir.path()), ["a.model"]);
    }

    #[test]
    fn a_name_of_the_longest_allowed_length_is_written() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("n".repeat(255));
        write_atomic(&path, b"x").unwrap();
        let (_, _, hint, _) = facts(write_atomic(dir.path().join("n".repeat(256)), b"x").unwrap_err());
        assert!(hint.contains("shorter name"), "{hint}");
    }

    #[test]
    fn a_missing_folder_is_named_with_its_remedy() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("missing/a.model");
        let error = write_atomic(&path, b"x").unwrap_err();
        assert_eq!(error.kind(), crate::ErrorKind::Io);
        let text = error.to_string();
        assert!(text.starts_with(&format!("cannot write `{}`", path.display())), "{text}");
        assert!(text.contains("create it first"), "{text}");
        assert_eq!(names(dir.path()), Vec::<String>::new());
        let file = dir.path().join("file");
        write_atomic(&file, b"x").unwrap();
        let (_, _, hint, kind) = facts(write_atomic(file.join("a.model"), b"x").unwrap_err());
        assert_eq!(kind, ErrorKind::NotADirectory);
        assert!(hint.contains("not a folder"), "{hint}");
    }

    #[test]
    fn a_directory_at_the_target_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let (action, path, hint, kind) = facts(write_atomic(dir.path(), b"x").unwrap_err());
        assert_eq!((action, kind), ("write", ErrorKind::IsADirectory));
        assert_eq!(path, dir.path().display().to_string());
        assert!(hint.contains("name a file"), "{hint}");
        assert_eq!(facts(write_atomic("/", b"x").unwrap_err()).3, ErrorKind::InvalidInput);
        assert_eq!(facts(write_atomic("", b"x").unwrap_err()).3, ErrorKind::InvalidInput);
        assert_eq!(facts(read_limited(dir.path(), 10).unwrap_err()).3, ErrorKind::IsADirectory);
    }

    #[cfg(unix)]
    #[test]
    fn a_device_at_the_target_is_refused() {
        let (_, _, hint, kind) = facts(write_atomic("/dev/null", b"x").unwrap_err());
        assert_eq!(kind, ErrorKind::InvalidInput);
        assert!(hint.contains("ordinary file"), "{hint}");
    }

    #[cfg(unix)]
    #[test]
    fn a_write_protected_target_is_refused_and_untouched() {
        use std::os::unix::fs::PermissionsExt;
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.model");
        write_atomic(&path, b"old").unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o444)).unwrap();
        let (_, _, hint, kind) = facts(write_atomic(&path, b"new").unwrap_err());
        assert_eq!(kind, ErrorKind::PermissionDenied);
        assert!(hint.contains("write permission"), "{hint}");
        assert_eq!(read_limited(&path, 100).unwrap(), b"old");
        assert_eq!(names(dir.path()), ["a.model"]);
    }

    #[cfg(unix)]
    #[test]
    fn permissions_are_the_umasks_for_a_new_file_and_handed_on_by_an_old_one() {
        use std::os::unix::fs::PermissionsExt;
        let dir = tempfile::tempdir().unwrap();
        let mode = |p: &Path| fs::metadata(p).unwrap().permissions().mode() & 0o777;
        let plain = dir.path().join("plain");
        fs::write(&plain, b"x").unwrap();
        let path = dir.path().join("a.model");
        write_atomic(&path, b"x").unwrap();
        assert_eq!(mode(&path), mode(&plain));
        fs::set_permissions(&path, fs::Permissions::from_mode(0o660)).unwrap();
        write_atomic(&path, b"y").unwrap();
        assert_eq!(mode(&path), 0o660);
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        write_atomic(&path, b"z").unwrap();
        assert_eq!(mode(&path), 0o600);
    }

    #[cfg(unix)]
    #[test]
    fn a_link_is_replaced_and_what_it_pointed_at_stays() {
        let dir = tempfile::tempdir().unwrap();
        let (real, link, dangling) = (dir.path().join("v1"), dir.path().join("current"), dir.path().join("dangling"));
        write_atomic(&real, b"one").unwrap();
        std::os::unix::fs::symlink("v1", &link).unwrap();
        std::os::unix::fs::symlink("nowhere", &dangling).unwrap();
        write_atomic(&link, b"two").unwrap();
        write_atomic(&dangling, b"three").unwrap();
        assert_eq!(read_limited(&real, 100).unwrap(), b"one");
        assert_eq!(read_limited(&link, 100).unwrap(), b"two");
        assert!(fs::symlink_metadata(&link).unwrap().is_file());
        assert_eq!(names(dir.path()), ["current", "dangling", "v1"]);
    }

    #[test]
    fn a_read_is_limited_and_a_missing_file_is_named() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a");
        write_atomic(&path, &[7; 100]).unwrap();
        assert_eq!(read_limited(&path, 100).unwrap().len(), 100);
        let text = read_limited(&path, 99).unwrap_err().to_string();
        assert!(text.contains("it has 100 bytes, and at most 99 are read"), "{text}");
        let (action, name, hint, kind) = facts(read_limited(dir.path().join("b"), 99).unwrap_err());
        assert_eq!((action, kind), ("read", ErrorKind::NotFound));
        assert!(name.ends_with("/b") || name.ends_with("\\b"), "{name}");
        assert!(hint.contains("check the path"), "{hint}");
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn an_endless_file_is_refused_at_the_limit() {
        assert_eq!(facts(read_limited("/dev/zero", 1000).unwrap_err()).3, ErrorKind::FileTooLarge);
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_full_device_says_so() {
        let mut file = OpenOptions::new().write(true).open("/dev/full").unwrap();
        let (_, _, hint, kind) = facts(write_error(Path::new("x"), file.write_all(b"x").unwrap_err()));
        assert_eq!(kind, ErrorKind::StorageFull);
        assert!(hint.contains("free space"), "{hint}");
    }

    /// A real full disk: needs the right to mount one, so elsewhere only `a_full_device_says_so` runs.
    #[cfg(target_os = "linux")]
    #[test]
    fn a_full_disk_leaves_the_old_file_and_nothing_else() {
        struct Mounted(tempfile::TempDir);
        impl Drop for Mounted {
            fn drop(&mut self) {
                let _ = std::process::Command::new("umount").arg(self.0.path()).status();
            }
        }
        let dir = tempfile::tempdir().unwrap();
        let mount = ["-t", "tmpfs", "-o", "size=64k", "tmpfs"];
        match std::process::Command::new("mount").args(mount).arg(dir.path()).output() {
            Ok(output) if output.status.success() => {}
            _ => {
                println!("skipped: a small disk cannot be mounted here");
                return;
            }
        }
        let disk = Mounted(dir);
        let path = disk.0.path().join("a.model");
        write_atomic(&path, b"old").unwrap();
        let (_, _, hint, kind) = facts(write_atomic(&path, &vec![1; 200_000]).unwrap_err());
        assert_eq!(kind, ErrorKind::StorageFull);
        assert!(hint.contains("free space"), "{hint}");
        assert_eq!(read_limited(&path, 100).unwrap(), b"old");
        assert_eq!(names(disk.0.path()), ["a.model"]);
    }

    #[test]
    fn scratch_is_read_back_from_memory_and_disk_and_leaves_nothing() {
        let dir = tempfile::tempdir().unwrap();
        for memory in [0, 7, 100, 1 << 20] {
            let mut scratch = Scratch::for_test(dir.path(), memory);
            let bytes: Vec<u8> = (0..5000_u32).map(|i| (i * 7919 % 251) as u8).collect();
            let mut at = 0;
            for (i, part) in bytes.chunks(37).enumerate() {
                assert_eq!(scratch.append(part).unwrap(), at, "part {i}");
                at += part.len() as u64;
            }
            assert_eq!(scratch.file.is_some(), memory < bytes.len());
            if cfg!(unix) {
                assert_eq!(names(dir.path()), Vec::<String>::new(), "it has no name while it is there");
            }
            for (at, len) in [(0, 5000), (4990, 10), (4900, 60), (0, 0), (5000, 0), (123, 1)] {
                let mut out = vec![0; len];
                scratch.read_at(at as u64, &mut out).unwrap();
                assert_eq!(out, bytes[at..at + len]);
            }
            assert!(scratch.read_at(4999, &mut [0; 2]).is_err());
            drop(scratch);
            assert_eq!(names(dir.path()), Vec::<String>::new());
        }
    }

    #[cfg(unix)]
    #[test]
    fn scratch_is_private() {
        use std::os::unix::fs::PermissionsExt;
        let dir = tempfile::tempdir().unwrap();
        let mut scratch = Scratch::for_test(dir.path(), 0);
        scratch.append(b"x").unwrap();
        let mode = scratch.file.as_ref().unwrap().0.metadata().unwrap().permissions().mode();
        assert_eq!(mode & 0o077, 0);
    }

    #[test]
    fn scratch_without_room_says_where_and_what_to_do() {
        let dir = tempfile::tempdir().unwrap();
        let mut scratch = Scratch::for_test(&dir.path().join("missing"), 0);
        let e = scratch.append(b"x").unwrap_err().to_string();
        assert!(e.contains("a temporary file in") && e.contains("missing") && e.contains("TMPDIR"), "{e}");
        #[cfg(target_os = "linux")]
        {
            let full = OpenOptions::new().read(true).write(true).open("/dev/full").unwrap();
            let e = Scratch::of_file(full).append(b"x").unwrap_err();
            assert_eq!(e.kind(), crate::ErrorKind::Io);
            assert!(e.to_string().contains("free space there"), "{e}");
        }
    }
}
