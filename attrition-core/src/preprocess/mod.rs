//! Preprocessing: from a table's feature columns to the features a learner sees, fitted on the rows it may see.

mod design;
mod pipeline;

pub use design::{Block, Design, DesignColumn};
pub use pipeline::{OnUnseen, Pipeline, PipelineParams, Scaling};
