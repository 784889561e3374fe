//! The bytes of a model: one file, data only, versioned, checksummed.
//!
//! [`Container`] holds named sections and writes them; [`ContainerRef`] reads them without copying. `docs/format.md`
//! describes every byte. Reading treats its input as hostile: sizes are checked before anything is
//! allocated, every byte is covered by a checksum, there is exactly one way to write a given content, and no section
//! is code or names a file.
//!
//! Structured sections are JSON ([`to_json`], [`ContainerRef::json`]).
//!
//! **Forward compatibility.** A newer version may add a section flagged optional: this version passes over it and
//! writes it back when the model is saved again. Anything else that is new (an unflagged section, a
//! field in a section whose type denies unknown fields, a higher format version) is refused with the advice to
//! upgrade, because predicting without it could give other scores.

mod container;
mod foreign;
mod json;
mod model;

pub use container::{Container, ContainerRef, FORMAT_VERSION, MAGIC, MAX_BYTES, MAX_SECTIONS, SECTIONS};
pub use json::to_json;
