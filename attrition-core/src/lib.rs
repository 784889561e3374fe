//! A tabular risk model's whole life in one embeddable library: data, preprocessing, training, validation,
//! explanation, and one artifact whose scores are equal to the last bit in Rust, Python and Node.
//!
//! Data flows one way: table → schema → preprocess → model → artifact → predict. A module imports only modules
//! above it in this list; `tests/layers.rs` holds it so.
//!
//! There is no `unsafe` but in `num/wide.rs`, which says why.
#![deny(unsafe_code)]

// ground
pub mod error;
pub mod rng;
pub mod run;
pub mod file;
pub mod num;
// data
pub mod table;
pub mod schema;
pub mod datasets;
pub mod split;
// pure functions of arrays
pub mod metrics;
pub mod profile;
pub mod preprocess;
// learning
pub mod learn;
pub mod tune;
pub mod calibrate;
// a decision is made
pub mod model;
pub mod train;
// judging
pub mod evaluate;
pub mod explain;
// outliving the process
pub mod artifact;
// face
pub mod report;

pub use error::{Error, ErrorKind, Result};
pub use rng::Seed;
pub use run::{CancelToken, Event, Observer, Run};
pub use table::{Column, Table, Value};

#[cfg(test)]
mod testing;

/// The Rust code of the README and the guide runs as a test of the documentation.
#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
#[doc = include_str!("../../docs/guide/preprocessing.md")]
#[doc = include_str!("../../docs/guide/tuning.md")]
struct Readme;
