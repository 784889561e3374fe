//! Named, checksummed byte sections in one canonical byte string: `docs/format.md` is the description.
//!
//! Notation. `header` 32 bytes; `table` `n_sections` entries of 48 bytes; `payload` the sections, one behind
//! the other in the table's order, without gaps; `digest` 32 bytes, the SHA-256 of everything before it. Integers are
//! little-endian.

use std::fmt::Write as _;

use sha2::{Digest, Sha256};

use super::foreign;
use crate::{Error, Result};

/// The first eight bytes. As in PNG, each has a duty: a byte that is not text, a name, a line end that a
/// text-mode transfer changes, the end-of-file sign of DOS, a line end that the opposite transfer changes.
pub const MAGIC: [u8; 8] = *b"\x89ATR\r\n\x1a\n";

/// The format version that this build writes, and the newest that it reads.
pub const FORMAT_VERSION: u32 = 1;

/// Largest artifact, in bytes, that is written or read: 1 GiB.
pub const MAX_BYTES: u64 = 1 << 30;

/// Most sections in one artifact.
pub const MAX_SECTIONS: usize = 64;

/// The sections that this version knows, in the order in which they stand in the file.
pub const SECTIONS: [&str; 8] =
    ["manifest", "schema", "pipeline", "learner", "calibrator", "decision", "training", "profile"];

const HEADER: usize = 32;
const ENTRY: usize = 48;
const NAME: usize = 24;
const DIGEST: usize = 32;
/// Bit 0 of an entry's flags: a reader that does not know the section may pass over it.
const OPTIONAL: u32 = 1;

const COPY_AGAIN: &str = "copy or download it again, in binary mode, and compare size and SHA-256 with the original";
const UPGRADE: &str = "upgrade attrition to the version that wrote it, or a later one";

/// Sections to write.
///
/// # Example
/// ```
/// use attrition_core::artifact::{Container, ContainerRef};
/// # fn main() -> attrition_core::Result<()> {
/// let mut container = Container::new();
/// container.insert("schema", b"{}".to_vec())?;
/// let bytes = container.to_bytes()?;
/// let read = ContainerRef::from_bytes(&bytes)?;
/// assert_eq!(read.section("schema")?, b"{}");
/// assert_eq!(read.digest().len(), 64);
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Container {
    /// In canonical order, names unique.
    sections: Vec<(String, Vec<u8>)>,
}

impl Container {
    /// No sections.
    pub fn new() -> Container {
        Container::default()
    }

    /// Add a section of [`SECTIONS`]. The order of the calls does not matter.
    ///
    /// # Errors
    /// [`Error::Internal`] for a name that is not in the list, or is there already.
    pub fn insert(&mut self, name: &str, bytes: Vec<u8>) -> Result<()> {
        if known(name).is_none() {
            return Err(Error::Internal(format!("`{name}` is not a section of an artifact")));
        }
        self.place(name, bytes)
    }

    /// Add a section that [`ContainerRef::passed_over`] gave, so that loading and saving loses nothing.
    ///
    /// # Errors
    /// [`Error::Internal`] for a name that this version knows, is malformed, or is there already.
    pub fn insert_passed_over(&mut self, name: &str, bytes: Vec<u8>) -> Result<()> {
        if known(name).is_some() || !is_name(name.as_bytes()) {
            return Err(Error::Internal(format!("`{name}` cannot be a passed-over section")));
        }
        self.place(name, bytes)
    }

    fn place(&mut self, name: &str, bytes: Vec<u8>) -> Result<()> {
        match self.sections.binary_search_by(|(n, _)| order(n).cmp(&order(name))) {
            Ok(_) => Err(Error::Internal(format!("section `{name}` is given twice"))),
            Err(at) => {
                self.sections.insert(at, (name.to_owned(), bytes));
                Ok(())
            }
        }
    }

    /// The sections in the order in which they are written.
    pub fn sections(&self) -> impl Iterator<Item = (&str, &[u8])> {
        self.sections.iter().map(|(name, bytes)| (name.as_str(), bytes.as_slice()))
    }

    /// The one byte string of these sections: equal sections give equal bytes.
    ///
    /// # Errors
    /// [`Error::Artifact`] if there would be more than [`MAX_BYTES`] bytes or [`MAX_SECTIONS`] sections.
    pub fn to_bytes(&self) -> Result<Vec<u8>> {
        let n = self.sections.len();
        if n > MAX_SECTIONS {
            return Err(Error::artifact(
                format!("{n} sections, and at most {MAX_SECTIONS} are allowed"),
                "save fewer sections",
            ));
        }
        let payload: u64 = self.sections.iter().map(|(_, bytes)| bytes.len() as u64).sum();
        let total = (HEADER + ENTRY * n + DIGEST) as u64 + payload;
        if total > MAX_BYTES {
            return Err(Error::artifact(
                format!("it would have {total} bytes, and at most {MAX_BYTES} are allowed"),
                "train a smaller model",
            ));
        }
        let mut table = Vec::with_capacity(ENTRY * n);
        let mut offset = (HEADER + ENTRY * n) as u64;
        for (name, bytes) in &self.sections {
            let mut padded = [0u8; NAME];
            padded.iter_mut().zip(name.bytes()).for_each(|(slot, byte)| *slot = byte);
            let flags = if known(name).is_some() { 0 } else { OPTIONAL };
            table.extend_from_slice(&padded);
            table.extend_from_slice(&flags.to_le_bytes());
            table.extend_from_slice(&crc32fast::hash(bytes).to_le_bytes());
            table.extend_from_slice(&offset.to_le_bytes());
            table.extend_from_slice(&(bytes.len() as u64).to_le_bytes());
            offset += bytes.len() as u64;
        }
        // Within MAX_BYTES, hence within usize on every platform there is.
        let mut out = Vec::with_capacity(total as usize);
        out.extend_from_slice(&MAGIC);
        out.extend_from_slice(&FORMAT_VERSION.to_le_bytes());
        out.extend_from_slice(&(n as u32).to_le_bytes());
        out.extend_from_slice(&total.to_le_bytes());
        out.extend_from_slice(&crc32fast::hash(&table).to_le_bytes());
        out.extend_from_slice(&crc32fast::hash(&out).to_le_bytes());
        out.extend_from_slice(&table);
        for (_, bytes) in &self.sections {
            out.extend_from_slice(bytes);
        }
        let digest = Sha256::digest(&out);
        out.extend_from_slice(&digest);
        Ok(out)
    }
}

/// Sections read: slices of the bytes given, nothing copied, every checksum verified.
#[derive(Debug, Clone)]
pub struct ContainerRef<'a> {
    sections: Vec<(&'a str, &'a [u8])>,
    digest: &'a [u8],
}

impl<'a> ContainerRef<'a> {
    /// Read and verify the whole byte string. Accepts exactly what [`Container::to_bytes`] of this or a
    /// compatible version writes: [`ContainerRef::to_container`] gives the same bytes back.
    ///
    /// Costs one pass over the bytes, 0.7 ms per MB where the processor has SHA instructions (a twelfth of it for the
    /// section checksums), and one small table.
    ///
    /// # Errors
    /// [`Error::Artifact`], each with its own text and advice: empty, another kind of file (named where it is
    /// recognised), damaged by a text-mode transfer, truncated (length got and expected), damaged (which part), a newer
    /// format version, an unknown section, more than [`MAX_BYTES`].
    pub fn from_bytes(bytes: &'a [u8]) -> Result<ContainerRef<'a>> {
        foreign::check_magic(bytes)?;
        let header = read_header(bytes)?;
        let table = bytes.get(HEADER..HEADER + ENTRY * header.n_sections).unwrap_or_default();
        if crc32fast::hash(table) != header.table_crc {
            return Err(damaged("its table of sections", "the checksum does not match"));
        }
        let digest_at = bytes.len() - DIGEST;
        let mut sections: Vec<(&str, &[u8])> = Vec::with_capacity(header.n_sections);
        let mut unknown = None;
        let mut offset = HEADER + table.len();
        for entry in table.chunks_exact(ENTRY) {
            let entry = Entry::read(entry)?;
            if let Some((last, _)) = sections.last() {
                if *last == entry.name {
                    return Err(damaged("its table of sections", &format!("section `{last}` stands there twice")));
                }
                if order(last) > order(entry.name) {
                    let what = format!("section `{}` stands behind `{last}`", entry.name);
                    return Err(damaged("its table of sections", &what));
                }
            }
            let end = offset.checked_add(entry.length).filter(|end| *end <= digest_at);
            let payload = end.filter(|_| entry.offset == offset).and_then(|end| bytes.get(offset..end));
            let (Some(payload), Some(end)) = (payload, end) else {
                let what = format!(
                    "section `{}` is said to have {} bytes at {}, which is not inside the file or leaves a gap",
                    entry.name, entry.length, entry.offset
                );
                return Err(damaged("its table of sections", &what));
            };
            if crc32fast::hash(payload) != entry.crc {
                return Err(damaged(&format!("section `{}`", entry.name), "the checksum does not match"));
            }
            match (known(entry.name), entry.optional) {
                (Some(_), false) | (None, true) => {}
                (Some(_), true) => {
                    let what = format!("section `{}` has a flag that it cannot have", entry.name);
                    return Err(damaged("its table of sections", &what));
                }
                (None, false) => unknown = unknown.or(Some(entry.name)),
            }
            offset = end;
            sections.push((entry.name, payload));
        }
        if offset != digest_at {
            let what = format!("the sections end at byte {offset}, and the digest stands at {digest_at}");
            return Err(damaged("its table of sections", &what));
        }
        let (content, digest) = bytes.split_at(digest_at);
        if Sha256::digest(content).as_slice() != digest {
            return Err(damaged("its digest", "the SHA-256 at the end is not that of the bytes before it"));
        }
        // Only now: in a damaged file the name would be noise.
        if let Some(name) = unknown {
            return Err(Error::artifact(
                format!("it needs a section `{name}`, which attrition {} does not know", env!("CARGO_PKG_VERSION")),
                UPGRADE,
            ));
        }
        Ok(ContainerRef { sections, digest })
    }

    /// The bytes of a section, if it is there.
    pub fn get(&self, name: &str) -> Option<&'a [u8]> {
        self.sections.iter().find(|(n, _)| *n == name).map(|(_, bytes)| *bytes)
    }

    /// The bytes of a section that must be there.
    ///
    /// # Errors
    /// [`Error::Artifact`] naming the section that is missing and those that are there.
    pub fn section(&self, name: &str) -> Result<&'a [u8]> {
        self.get(name).ok_or_else(|| {
            let there: Vec<&str> = self.sections().map(|(n, _)| n).collect();
            let there = if there.is_empty() { "none".to_owned() } else { there.join(", ") };
            Error::artifact(
                format!("section `{name}` is missing (there is: {there})"),
                "this is not a saved model: check that it is the file you meant",
            )
        })
    }

    /// All sections, in file order.
    pub fn sections(&self) -> impl Iterator<Item = (&'a str, &'a [u8])> + '_ {
        self.sections.iter().copied()
    }

    /// The optional sections that this version does not know.
    pub fn passed_over(&self) -> impl Iterator<Item = (&'a str, &'a [u8])> + '_ {
        self.sections().filter(|(name, _)| known(name).is_none())
    }

    /// The SHA-256 of everything before the digest itself, in 64 lower-case hexadecimal digits. It names the content:
    /// equal content, equal digest.
    pub fn digest(&self) -> String {
        let mut hex = String::with_capacity(2 * DIGEST);
        for byte in self.digest {
            // Writing to a String cannot fail.
            let _ = write!(hex, "{byte:02x}");
        }
        hex
    }

    /// An owned copy.
    pub fn to_container(&self) -> Container {
        Container { sections: self.sections().map(|(name, bytes)| (name.to_owned(), bytes.to_vec())).collect() }
    }
}

/// The place of a name in the file: known sections in the order of [`SECTIONS`], then the others by name.
fn order(name: &str) -> (usize, &str) {
    (known(name).unwrap_or(SECTIONS.len()), name)
}

fn known(name: &str) -> Option<usize> {
    SECTIONS.iter().position(|s| *s == name)
}

fn is_name(name: &[u8]) -> bool {
    name.len() <= NAME
        && name.first().is_some_and(u8::is_ascii_lowercase)
        && name.iter().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || *b == b'_')
}

fn damaged(part: &str, what: &str) -> Error {
    Error::artifact(format!("{part} is damaged: {what}"), COPY_AGAIN)
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    bytes.get(at..at.checked_add(4)?)?.try_into().ok().map(u32::from_le_bytes)
}

fn u64_at(bytes: &[u8], at: usize) -> Option<u64> {
    bytes.get(at..at.checked_add(8)?)?.try_into().ok().map(u64::from_le_bytes)
}

struct Header {
    n_sections: usize,
    table_crc: u32,
}

/// Verifies the header, the version and the length; behind this, header, table and digest fit into `bytes`.
fn read_header(bytes: &[u8]) -> Result<Header> {
    let got = bytes.len() as u64;
    let fields = || {
        let crc = (u32_at(bytes, 28)?, crc32fast::hash(bytes.get(..28)?));
        Some((u32_at(bytes, 8)?, u32_at(bytes, 12)?, u64_at(bytes, 16)?, u32_at(bytes, 24)?, crc))
    };
    let Some((version, n_sections, total, table_crc, (said, computed))) = fields() else {
        return Err(truncated(got, &format!("the header alone has {HEADER}")));
    };
    if said != computed {
        return Err(damaged("its header", "the checksum does not match"));
    }
    if version > FORMAT_VERSION {
        let what = format!(
            "it has format version {version}, and attrition {} reads versions up to {FORMAT_VERSION}",
            env!("CARGO_PKG_VERSION")
        );
        return Err(Error::artifact(what, UPGRADE));
    }
    if version == 0 {
        return Err(damaged("its header", "there is no format version 0"));
    }
    if got < total {
        return Err(truncated(got, &format!("expected {total}")));
    }
    if got > total {
        let what = format!("got {got} bytes, expected {total}: something was appended");
        return Err(Error::artifact(what, COPY_AGAIN));
    }
    if total > MAX_BYTES {
        let what = format!("it has {total} bytes, and at most {MAX_BYTES} are read");
        return Err(Error::artifact(what, "check that it is the file you meant"));
    }
    let n_sections = usize::try_from(n_sections).unwrap_or(usize::MAX);
    if n_sections > MAX_SECTIONS {
        let what = format!("it claims {n_sections} sections, and at most {MAX_SECTIONS} are allowed");
        return Err(damaged("its header", &what));
    }
    if total < (HEADER + ENTRY * n_sections + DIGEST) as u64 {
        let what = format!("{n_sections} sections do not fit into {total} bytes");
        return Err(damaged("its header", &what));
    }
    Ok(Header { n_sections, table_crc })
}

fn truncated(got: u64, expected: &str) -> Error {
    Error::artifact(format!("it is truncated: got {got} bytes, {expected}"), COPY_AGAIN)
}

pub(super) fn truncated_magic(got: usize) -> Error {
    truncated(got as u64, &format!("the header alone has {HEADER}"))
}

struct Entry<'a> {
    name: &'a str,
    optional: bool,
    crc: u32,
    offset: usize,
    length: usize,
}

impl<'a> Entry<'a> {
    fn read(bytes: &'a [u8]) -> Result<Entry<'a>> {
        let entry = || {
            let padded = bytes.get(..NAME)?;
            let end = padded.iter().position(|b| *b == 0).unwrap_or(NAME);
            let (name, padding) = padded.split_at_checked(end)?;
            let flags = u32_at(bytes, NAME)?;
            if !is_name(name) || padding.iter().any(|b| *b != 0) || flags & !OPTIONAL != 0 {
                return None;
            }
            Some(Entry {
                name: std::str::from_utf8(name).ok()?,
                optional: flags == OPTIONAL,
                crc: u32_at(bytes, 28)?,
                offset: usize::try_from(u64_at(bytes, 32)?).ok()?,
                length: usize::try_from(u64_at(bytes, 40)?).ok()?,
            })
        };
        entry().ok_or_else(|| damaged("its table of sections", "an entry has a malformed name, flag or size"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn small() -> Vec<u8> {
        let mut c = Container::new();
        c.insert("learner", b"{\"type\":\"logistic\"}".to_vec()).unwrap();
        c.insert("manifest", b"{}".to_vec()).unwrap();
        c.insert("profile", Vec::new()).unwrap();
        c.insert_passed_over("explain2", vec![0, 1, 2]).unwrap();
        c.to_bytes().unwrap()
    }

    fn text(bytes: &[u8]) -> String {
        match ContainerRef::from_bytes(bytes) {
            Err(e @ Error::Artifact { .. }) => e.to_string(),
            other => panic!("expected an artifact error, got {other:?}"),
        }
    }

    /// Recompute every checksum of a layout that is otherwise left as it is: damage that only a forger makes.
    fn reseal(bytes: &mut Vec<u8>) {
        bytes.truncate(bytes.len() - DIGEST);
        let n = u32_at(bytes, 12).unwrap() as usize;
        let table = HEADER..HEADER + ENTRY * n;
        for i in 0..n {
            let at = HEADER + ENTRY * i;
            let (from, len) = (u64_at(bytes, at + 32).unwrap() as usize, u64_at(bytes, at + 40).unwrap() as usize);
            if let Some(payload) = from.checked_add(len).and_then(|end| bytes.get(from..end)) {
                let crc = crc32fast::hash(payload);
                bytes[at + 28..at + 32].copy_from_slice(&crc.to_le_bytes());
            }
        }
        let crc = crc32fast::hash(&bytes[table]);
        bytes[24..28].copy_from_slice(&crc.to_le_bytes());
        let crc = crc32fast::hash(&bytes[..28]);
        bytes[28..32].copy_from_slice(&crc.to_le_bytes());
        let digest = Sha256::digest(&bytes[..]);
        bytes.extend_from_slice(&digest);
    }

    #[test]
    fn golden_bytes() {
        // The format is a promise: these are the bytes that docs/format.md walks through. CRC-32 and SHA-256 by
        // Python's zlib and hashlib.
        let mut c = Container::new();
        c.insert("schema", b"{}".to_vec()).unwrap();
        let bytes = c.to_bytes().unwrap();
        let hex: String = bytes.iter().map(|b| format!("{b:02x}")).collect();
        assert_eq!(hex, GOLDEN);
        assert_eq!(ContainerRef::from_bytes(&bytes).unwrap().digest(), GOLDEN[GOLDEN.len() - 64..]);
    }
    const GOLDEN: &str = concat!(
        "894154520d0a1a0a010000000100000072000000000000008cc293525481fb6c",
        "736368656d610000000000000000000000000000000000000000000043bfa6a350000000000000000200000000000000",
        "7b7d",
        "752cb1b85d4cd43ee9db67092057fec10cd14f3d7f045538e162211200703de6",
    );

    #[test]
    fn sections_stand_in_the_fixed_order_and_come_back() {
        let bytes = small();
        let c = ContainerRef::from_bytes(&bytes).unwrap();
        assert_eq!(c.sections().map(|(n, _)| n).collect::<Vec<_>>(), ["manifest", "learner", "profile", "explain2"]);
        assert_eq!(c.passed_over().collect::<Vec<_>>(), [("explain2", &[0u8, 1, 2][..])]);
        assert_eq!(c.get("profile"), Some(&[][..]));
        assert_eq!(c.get("schema"), None);
        let e = c.section("schema").unwrap_err().to_string();
        assert!(e.contains("section `schema` is missing (there is: manifest, learner, profile, explain2)"), "{e}");
        assert_eq!(c.to_container().to_bytes().unwrap(), bytes);
    }

    #[test]
    fn an_unknown_or_repeated_name_is_not_written() {
        let mut c = Container::new();
        assert!(c.insert("shema", Vec::new()).is_err());
        c.insert("schema", Vec::new()).unwrap();
        assert!(c.insert("schema", Vec::new()).is_err());
        for name in ["schema", "", "1a", "ä", "a b", "a_name_of_more_than_24_bytes"] {
            assert!(c.insert_passed_over(name, Vec::new()).is_err(), "{name}");
        }
        for i in 0..MAX_SECTIONS {
            c.insert_passed_over(&format!("x{i}"), Vec::new()).unwrap();
        }
        assert!(c.to_bytes().is_err());
    }

    #[test]
    fn no_sections_are_a_container_too() {
        let bytes = Container::new().to_bytes().unwrap();
        assert_eq!(bytes.len(), HEADER + DIGEST);
        assert!(ContainerRef::from_bytes(&bytes).unwrap().section("schema").is_err());
    }

    #[test]
    fn every_bit_flip_is_detected() {
        let bytes = small();
        for at in 0..bytes.len() {
            for bit in 0..8 {
                let mut flipped = bytes.clone();
                flipped[at] ^= 1 << bit;
                let text = text(&flipped);
                let table = HEADER + ENTRY * 4;
                let part = match at {
                    0..8 => "",
                    8..HEADER => "its header is damaged",
                    _ if at < table => "its table of sections is damaged",
                    _ if at < table + 2 => "section `manifest` is damaged",
                    _ if at < table + 21 => "section `learner` is damaged",
                    _ if at < table + 24 => "section `explain2` is damaged",
                    _ => "its digest is damaged",
                };
                assert!(text.contains(part), "byte {at} bit {bit}: {text}");
            }
        }
    }

    #[test]
    fn every_truncation_says_what_is_there_and_what_is_missing() {
        let bytes = small();
        for n in 1..bytes.len() {
            let text = text(&bytes[..n]);
            let expected =
                if n < HEADER { "header alone has 32".to_owned() } else { format!("expected {}", bytes.len()) };
            assert!(text.contains(&format!("truncated: got {n} bytes")) && text.contains(&expected), "{n}: {text}");
        }
        assert!(text(&[]).contains("empty"));
    }

    #[test]
    fn appended_bytes_are_detected() {
        let mut bytes = small();
        let n = bytes.len();
        bytes.push(b'\n');
        assert!(text(&bytes).contains(&format!("got {} bytes, expected {n}", n + 1)));
    }

    #[test]
    fn a_newer_format_says_which_version_is_read() {
        let mut bytes = small();
        bytes[8] = 7;
        assert!(text(&bytes).contains("header is damaged"));
        reseal(&mut bytes);
        let text = text(&bytes);
        assert!(text.contains("format version 7") && text.contains("reads versions up to 1"), "{text}");
        assert!(text.contains("upgrade"), "{text}");
    }

    #[test]
    fn an_unknown_section_is_refused_unless_flagged_optional() {
        let mut bytes = small();
        let flags = HEADER + ENTRY * 3 + NAME;
        assert_eq!(bytes[flags], 1);
        bytes[flags] = 0;
        reseal(&mut bytes);
        let text = text(&bytes);
        assert!(text.contains("needs a section `explain2`") && text.contains("upgrade"), "{text}");
    }

    #[test]
    fn layouts_that_only_a_forger_writes_are_refused() {
        let original = small();
        let entry = |i: usize| HEADER + ENTRY * i;
        let forge = |change: &dyn Fn(&mut Vec<u8>)| {
            let mut bytes = original.clone();
            change(&mut bytes);
            reseal(&mut bytes);
            text(&bytes)
        };
        let set = |bytes: &mut Vec<u8>, at: usize, value: u64| bytes[at..at + 8].copy_from_slice(&value.to_le_bytes());
        // Overlap, gap, outside, overflow.
        for (i, offset, length) in
            [(1, 224, 19), (1, 227, 19), (3, u64::MAX, 3), (3, 245, u64::MAX), (0, 224, 0), (3, 245, 4), (3, 0, 3)]
        {
            let text = forge(&|b| {
                set(b, entry(i) + 32, offset);
                set(b, entry(i) + 40, length);
            });
            assert!(text.contains("table of sections is damaged"), "{text}");
        }
        let name = |b: &mut Vec<u8>, i: usize, name: &[u8; 8]| b[entry(i)..entry(i) + 8].copy_from_slice(name);
        assert!(forge(&|b| name(b, 1, b"manifest")).contains("stands there twice"));
        assert!(forge(&|b| name(b, 0, b"training")).contains("stands behind"));
        assert!(forge(&|b| name(b, 0, b"Manifest")).contains("malformed"));
        assert!(forge(&|b| name(b, 0, b"man\0fest")).contains("malformed"));
        assert!(forge(&|b| b[entry(0) + NAME] = 1).contains("flag that it cannot have"));
        assert!(forge(&|b| b[entry(0) + NAME] = 2).contains("malformed"));
        assert!(forge(&|b| b[8] = 0).contains("no format version 0"));
        let mut bytes = Container::new().to_bytes().unwrap();
        for (n, expected) in [(1u32, "do not fit"), (1000, "at most 64"), (u32::MAX, "at most 64")] {
            bytes[12..16].copy_from_slice(&n.to_le_bytes());
            let crc = crc32fast::hash(&bytes[..28]);
            bytes[28..32].copy_from_slice(&crc.to_le_bytes());
            assert!(text(&bytes).contains(expected), "{n}");
        }
    }

    proptest! {
        #[test]
        fn any_sections_round_trip_whatever_their_order(
            sections in prop::collection::btree_map(
                prop_oneof![prop::sample::select(&SECTIONS[..]).prop_map(str::to_owned), "[a-z][a-z0-9_]{0,23}"],
                prop::collection::vec(any::<u8>(), 0..200), 0..12),
            reverse in any::<bool>(),
        ) {
            let write = |sections: Vec<(&String, &Vec<u8>)>| {
                let mut c = Container::new();
                for (name, bytes) in sections {
                    match known(name) {
                        Some(_) => c.insert(name, bytes.clone()),
                        None => c.insert_passed_over(name, bytes.clone()),
                    }.unwrap();
                }
                c.to_bytes().unwrap()
            };
            let forward = write(sections.iter().collect());
            if reverse {
                prop_assert_eq!(&write(sections.iter().rev().collect()), &forward);
            }
            let read = ContainerRef::from_bytes(&forward).unwrap();
            prop_assert_eq!(read.sections().count(), sections.len());
            for (name, bytes) in &sections {
                prop_assert_eq!(read.section(name).unwrap(), &bytes[..]);
            }
            prop_assert_eq!(read.to_container().to_bytes().unwrap(), forward);
        }

        #[test]
        fn any_bytes_are_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..400), magic in any::<bool>()) {
            let mut bytes = bytes;
            if magic {
                bytes.splice(0..0, MAGIC);
            }
            let error = ContainerRef::from_bytes(&bytes).unwrap_err();
            prop_assert_eq!(error.kind(), crate::ErrorKind::Artifact);
        }

        #[test]
        fn a_forged_table_is_read_or_refused(
            changes in prop::collection::vec((8usize..HEADER + ENTRY * 4, any::<u8>()), 1..6),
        ) {
            let mut bytes = small();
            for (at, value) in changes {
                // The number of sections is left alone so that `reseal` finds the table.
                if !(12..16).contains(&at) {
                    bytes[at] = value;
                }
            }
            reseal(&mut bytes);
            match ContainerRef::from_bytes(&bytes) {
                Ok(read) => prop_assert_eq!(read.to_container().to_bytes().unwrap(), bytes),
                Err(e) => prop_assert_eq!(e.kind(), crate::ErrorKind::Artifact),
            }
        }
    }
}
