//! The bytes of an artifact: `docs/format.md`.

use attrition_core::ErrorKind;
use attrition_core::artifact::ContainerRef;
use attrition_core::model::Model;
use sha2::{Digest, Sha256};

/// The bytes as they are, and once more with all checksums made right, so that what lies behind them is reached.
pub fn run(data: &[u8]) {
    load(data);
    if let Some(sealed) = seal(data) {
        load(&sealed);
    }
}

fn load(bytes: &[u8]) {
    match ContainerRef::from_bytes(bytes) {
        Ok(container) => {
            let again = container.to_container().to_bytes();
            assert!(
                again.is_ok_and(|again| again == bytes),
                "a container that is read is written back to the last byte"
            );
            for (name, _) in container.sections() {
                let _ = container.json::<serde_json::Value>(name);
            }
            if let Err(e) = Model::from_bytes(bytes) {
                assert_eq!(e.kind(), ErrorKind::Artifact, "{e}");
            }
        }
        Err(e) => assert_eq!(e.kind(), ErrorKind::Artifact, "{e}"),
    }
}

/// The same bytes with right lengths, offsets and checksums: section `i` keeps the length that its entry says as far as
/// there are bytes, the last one gets the rest. `None` if there is not even room for header and digest.
fn seal(data: &[u8]) -> Option<Vec<u8>> {
    let content = data.len().checked_sub(32).filter(|n| *n >= 32)?;
    let mut out = data[..content].to_vec();
    let u32_at = |out: &[u8], at: usize| u32::from_le_bytes([out[at], out[at + 1], out[at + 2], out[at + 3]]) as usize;
    let n = u32_at(&out, 12).min((content - 32) / 48).min(64);
    let mut offset = 32 + 48 * n;
    for i in 0..n {
        let entry = 32 + 48 * i;
        let room = content - offset;
        let length = if i + 1 == n { room } else { u32_at(&out, entry + 40).min(room) };
        let crc = crc32fast::hash(&out[offset..offset + length]);
        out[entry + 28..entry + 32].copy_from_slice(&crc.to_le_bytes());
        out[entry + 32..entry + 40].copy_from_slice(&(offset as u64).to_le_bytes());
        out[entry + 40..entry + 48].copy_from_slice(&(length as u64).to_le_bytes());
        offset += length;
    }
    out[..8].copy_from_slice(b"\x89ATR\r\n\x1a\n");
    out[12..16].copy_from_slice(&(n as u32).to_le_bytes());
    out[16..24].copy_from_slice(&(data.len() as u64).to_le_bytes());
    let table = crc32fast::hash(&out[32..32 + 48 * n]);
    out[24..28].copy_from_slice(&table.to_le_bytes());
    let header = crc32fast::hash(&out[..28]);
    out[28..32].copy_from_slice(&header.to_le_bytes());
    let digest = Sha256::digest(&out);
    out.extend_from_slice(&digest);
    Some(out)
}
