//! What a file is that is not an artifact: told by its first bytes, so that the error can say it.

use super::container::{MAGIC, truncated_magic};
use crate::{Error, Result};

const NOT_THIS_FILE: &str = "give the file that `save` wrote; models of other libraries cannot be loaded";
const UNPACK: &str = "unpack it first";

/// First bytes, what they mean, what to do.
const KINDS: [(&[u8], &str, &str); 27] = [
    (b"version https://git-lfs", "a Git LFS pointer, not the file itself", "fetch the file with `git lfs pull`"),
    (b"PK\x03\x04", "a zip archive (so is a PyTorch, NumPy .npz, Excel or Word file)", NOT_THIS_FILE),
    (b"PK\x05\x06", "an empty zip archive", NOT_THIS_FILE),
    (b"\x1f\x8b", "gzip-compressed", UNPACK),
    (b"BZh", "bzip2-compressed", UNPACK),
    (b"\xfd7zXZ\0", "xz-compressed", UNPACK),
    (b"\x28\xb5\x2f\xfd", "zstd-compressed", UNPACK),
    (b"\x04\x22\x4d\x18", "LZ4-compressed", UNPACK),
    (b"\x78\x01", "zlib-compressed (joblib writes such pickles)", NOT_THIS_FILE),
    (b"\x78\x5e", "zlib-compressed (joblib writes such pickles)", NOT_THIS_FILE),
    (b"\x78\x9c", "zlib-compressed (joblib writes such pickles)", NOT_THIS_FILE),
    (b"\x78\xda", "zlib-compressed (joblib writes such pickles)", NOT_THIS_FILE),
    (b"\x89HDF\r\n", "an HDF5 file (Keras writes them)", NOT_THIS_FILE),
    (b"\x89PNG\r\n", "a PNG picture", NOT_THIS_FILE),
    (b"\x93NUMPY", "a NumPy array", NOT_THIS_FILE),
    (b"PAR1", "a Parquet table", "a table is trained on, not loaded"),
    (b"ARROW1", "an Arrow table", "a table is trained on, not loaded"),
    (b"FEA1", "a Feather table", "a table is trained on, not loaded"),
    (b"SQLite format 3\0", "an SQLite database", NOT_THIS_FILE),
    (b"CBM1", "a CatBoost model", NOT_THIS_FILE),
    (b"tree\nversion=", "a LightGBM model", NOT_THIS_FILE),
    (b"{\"learner\"", "an XGBoost model", NOT_THIS_FILE),
    (b"{L\0\0\0\0\0\0\0\x07learner", "an XGBoost model", NOT_THIS_FILE),
    (b"%PDF", "a PDF document", NOT_THIS_FILE),
    (b"<!DOCTYPE", "a web page", "the download gave a page, perhaps a login page: fetch the file itself"),
    (b"<html", "a web page", "the download gave a page, perhaps a login page: fetch the file itself"),
    (b"<", "XML (PMML is)", NOT_THIS_FILE),
];

/// What transfers in text mode make of [`MAGIC`]: CRLF to LF, LF to CRLF, CR removed or added, the eighth bit
/// cleared, and two ways of re-encoding to UTF-8.
const TEXT_MODE: [&[u8]; 7] = [
    b"\x89ATR\n\x1a\n",
    b"\x89ATR\r\r\n\x1a\r\n",
    b"\x89ATR\r\n\x1a\r\n",
    b"\x89ATR\r\r\x1a\r",
    b"\x09ATR",
    b"\xc2\x89ATR",
    b"\xef\xbf\xbdATR",
];

/// `Ok` if the bytes begin as an artifact does; otherwise the error that says what they are instead.
pub(super) fn check_magic(bytes: &[u8]) -> Result<()> {
    if bytes.starts_with(&MAGIC) {
        return Ok(());
    }
    if bytes.is_empty() {
        return Err(Error::artifact("it is empty (0 bytes)", "check that saving or copying it came to its end"));
    }
    if MAGIC.starts_with(bytes) {
        return Err(truncated_magic(bytes.len()));
    }
    if TEXT_MODE.iter().any(|damaged| bytes.starts_with(damaged)) {
        return Err(Error::artifact(
            "it was damaged by a transfer in text mode, which rewrote bytes as if they were text",
            "copy it again in binary mode (FTP: `binary`; Git: mark the file `binary` in .gitattributes)",
        ));
    }
    let agreeing = MAGIC.iter().zip(bytes).filter(|(a, b)| a == b).count();
    if agreeing + 2 >= MAGIC.len() {
        return Err(Error::artifact(
            "its first 8 bytes are damaged",
            "copy or download it again, and compare its SHA-256 with the original",
        ));
    }
    let (what, hint) = kind(bytes);
    Err(Error::artifact(format!("it is {what}"), hint))
}

fn kind(bytes: &[u8]) -> (&'static str, &'static str) {
    if let Some((_, what, hint)) = KINDS.iter().find(|(start, _, _)| bytes.starts_with(start)) {
        return (what, hint);
    }
    match bytes {
        // The opcode PROTO with the protocols that have it.
        [0x80, 2..=5, ..] => return ("a Python pickle", NOT_THIS_FILE),
        // Protocol buffer: field 1 (the IR version), then field 2 (the producer), 7 (the graph) or 8 (the operator sets).
        [0x08, 1..=31, 0x12 | 0x3a | 0x42, ..] => return ("an ONNX model", NOT_THIS_FILE),
        _ => {}
    }
    // A safetensors file: the length of a JSON header, then the header.
    if bytes.get(8) == Some(&b'{') && bytes.get(4..8) == Some(&[0; 4]) {
        return ("a safetensors file", NOT_THIS_FILE);
    }
    let start = &bytes[..bytes.len().min(1024)];
    let readable = match std::str::from_utf8(start) {
        Ok(_) => true,
        // The cut may go through a character.
        Err(e) => e.error_len().is_none() && bytes.len() > start.len(),
    };
    if readable && !start.iter().any(|b| b.is_ascii_control() && !b.is_ascii_whitespace()) {
        let text = start.strip_prefix(b"\xef\xbb\xbf").unwrap_or(start).trim_ascii_start();
        return match text.first() {
            Some(b'{' | b'[') => ("JSON", NOT_THIS_FILE),
            _ => ("a text file", "a model is needed here; a table in CSV is trained on, not loaded"),
        };
    }
    ("another kind of file: its first 8 bytes are not those of an artifact", NOT_THIS_FILE)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(bytes: &[u8]) -> String {
        check_magic(bytes).unwrap_err().to_string()
    }

    #[test]
    fn other_files_are_named() {
        let cases: [(&[u8], &str); 14] = [
            (b"", "empty"),
            (b"PK\x03\x04\x14\0\0\0", "zip archive"),
            (b"\x80\x04\x95\x10\0\0\0", "Python pickle"),
            (b"\x08\x09\x12\x0bskl2onnx", "ONNX"),
            (b"\x08\x0a\x3a\x80\x01", "ONNX"),
            (b" {\"a\": 1}", "JSON"),
            (b"\xef\xbb\xbf[1, 2]", "JSON"),
            (b"Age,Attrition\n41,Yes\n", "text file"),
            (b"version https://git-lfs.github.com/spec/v1\n", "git lfs pull"),
            (b"<!DOCTYPE html><html>", "web page"),
            (b"\x1f\x8b\x08\0", "gzip"),
            (b"\x89PNG\r\n\x1a\n", "PNG"),
            (b"\x89HDF\r\n\x1a\n", "HDF5"),
            (b"\xff\xfe\x00\x01\x02\x03\x04\x05\x06", "another kind of file"),
        ];
        for (bytes, expected) in cases {
            assert!(text(bytes).contains(expected), "{bytes:?}: {}", text(bytes));
        }
    }

    #[test]
    fn text_mode_transfers_are_named() {
        let file = [&MAGIC[..], b"\x01\0\0\0 and more\n"].concat();
        let replace = |from: &[u8], to: &[u8]| {
            let mut out = Vec::new();
            let mut rest = &file[..];
            while !rest.is_empty() {
                if rest.starts_with(from) {
                    out.extend_from_slice(to);
                    rest = &rest[from.len()..];
                } else {
                    out.push(rest[0]);
                    rest = &rest[1..];
                }
            }
            out
        };
        let latin1: String = file.iter().map(|b| char::from(*b)).collect();
        let changed = [
            replace(b"\r\n", b"\n"),
            replace(b"\n", b"\r\n"),
            replace(b"\r", b""),
            replace(b"\n", b"\r"),
            file.iter().map(|b| b & 0x7f).collect(),
            latin1.into_bytes(),
            String::from_utf8_lossy(&file).into_owned().into_bytes(),
        ];
        for bytes in changed {
            assert!(text(&bytes).contains("text mode"), "{bytes:?}: {}", text(&bytes));
        }
    }
}
