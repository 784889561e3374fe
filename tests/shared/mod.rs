//! Data sets and reference figures that are not part of this repository.

use std::path::{Path, PathBuf};

/// The file under `ATTRITION_SHARED` (default: `../shared` beside the repository).
///
/// `None`, with the reason printed, when it is not there; a failure instead when `ATTRITION_REQUIRE_SHARED=1`.
pub(crate) fn shared(file: &str) -> Option<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    // A relative path counts from the repository.
    let path = root.join(std::env::var("ATTRITION_SHARED").unwrap_or_else(|_| "../shared".into())).join(file);
    if path.exists() {
        return Some(path);
    }
    let required = std::env::var("ATTRITION_REQUIRE_SHARED").is_ok_and(|v| v == "1");
    assert!(!required, "{} is not there, and ATTRITION_REQUIRE_SHARED=1", path.display());
    println!("passed over: {} is not there (set ATTRITION_SHARED)", path.display());
    None
}
