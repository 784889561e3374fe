//! What is fuzzed: one function per target, called by libFuzzer (`fuzz_targets/`) and, on a stable compiler, by the
//! replay in `tests/fuzz_replay.rs`.
//!
//! Each function takes any bytes. It panics only if the library breaks a promise: that it returns an error instead of
//! panicking, and what else the function asserts.

pub mod artifact;

/// A target's name, which is that of its corpus folder, and its function.
pub type Target = (&'static str, fn(&[u8]));

/// Every target.
pub const TARGETS: [Target; 1] = [("artifact", artifact::run)];
