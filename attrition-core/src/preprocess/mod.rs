//! Preprocessing: from a table's feature columns to the features a learner sees, fitted on the rows it may see.
//!
//! [`PipelineParams`] say what is done to each column, [`PipelineParams::fit`] fits it on training rows, [`Pipeline`] is
//! what came of it and applies it to any row: derive → impute → clip → transform → scale → (spline | encode) → select.

mod derive;
mod design;
mod encode;
mod expr;
mod fit;
mod number;
mod params;
mod pipeline;
mod resample;
mod select;

#[cfg(test)]
mod tests;

pub use derive::{Derive, Hr, hr};
pub use design::{Block, Design, DesignColumn, Form};
pub(crate) use expr::DerivedKind;
pub use expr::Expr;
pub(crate) use fit::log_odds;
pub use fit::{FitRows, Prepared};
pub use number::{Scaling, Transform};
pub use params::{AutoWord, ColumnParams, Encode, Impute, OnUnseen, PipelineParams, Smoothing, SplineParams};
pub use pipeline::{FeatureSource, Pipeline, PipelineColumn, PipelineFacts};
pub use resample::ResampleParams;
pub use select::{ImportanceBy, Keep, Ranker, SelectParams, SelectedFeature, Selection};
