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
}
