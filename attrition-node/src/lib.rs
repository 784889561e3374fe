//! The Node face: it translates and does not think. No validation, default or formula stands here.
//!
//! The public package is the TypeScript in `ts/`, which calls what is declared in `native.d.ts`.

pub mod datasets;
pub mod door;
pub mod error;
pub mod metrics;
pub mod model;
pub mod options;
pub mod plain;
pub mod profile;
pub mod source;
pub mod sql;
pub mod table;
pub mod train;
pub mod tune;
