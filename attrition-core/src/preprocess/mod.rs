//! Preprocessing: from a table's feature columns to the design a learner sees.

mod design;

pub use design::{Block, Design, DesignColumn};
