//! From a table to a model: hold-out, cross-validation, choice of learner, calibration, threshold, final fit.
//!
//! Everything that is fitted is fitted inside the folds: imputation, levels, scaling, the learner. Calibration and
//! threshold are chosen on out-of-fold scores, and judged on folds whose scores they were not chosen on. Hold-out rows
//! are never fitted, calibrated or thresholded on.
//!
//! [`Trainer`] is the builder for Rust; [`TrainOptions`] is the same as data, which is how Python's keywords and Node's
//! options object arrive here.

mod blend;
mod choose;
mod cross_validate;
mod data;
mod options;
mod review;
mod search;
mod trainer;

#[cfg(test)]
mod tests;

pub use cross_validate::CrossValidation;
pub use options::{Names, TrainOptions, auto_learners};
pub use search::{SearchEstimate, SearchOptions};
pub use trainer::{Calibration, Cv, Refit, Threshold, Trainer};

use crate::Result;
use crate::model::Model;
use crate::run::Run;
use crate::table::{Columns, Source, Spool};

/// Train a model by options; see [`TrainOptions`] for each of them.
///
/// # Errors
/// Those of [`Trainer::fit`]; [`crate::Error::InvalidParam`] for an option out of range.
///
/// # Example
/// ```
/// use attrition_core::{datasets, train::{train, TrainOptions}, Run, Value};
/// let table = datasets::employees(600, 0)?;
/// let options = TrainOptions {
///     target: Some("Attrition".into()),
///     positive: Value::from("Yes"),
///     learner: ["logistic"].into(),
///     ..TrainOptions::default()
/// };
/// let model = train(&table, &options, &Run::new())?;
/// assert_eq!(model.learner_name(), "logistic");
/// # Ok::<(), attrition_core::Error>(())
/// ```
pub fn train<'a>(table: impl Into<Columns<'a>>, options: &TrainOptions, run: &Run) -> Result<Model> {
    let table = table.into();
    options.trainer(table)?.fit_with(table, &options.run(run))
}

/// Train by options, in given folds: `folds` are test-fold ids, one a row, negative = never tested; they replace `options.cv`.
///
/// # Errors
/// Those of [`train`]; [`crate::Error::InvalidParam`] where there are not as many ids as rows; [`crate::Error::InvalidData`] for
/// folds that cannot be trained on.
pub fn train_in_folds<'a>(
    table: impl Into<Columns<'a>>,
    options: &TrainOptions,
    folds: &[i64],
    run: &Run,
) -> Result<Model> {
    let table = table.into();
    options.trainer(table)?.cv(Cv::Given(folds.to_vec())).fit_with(table, &options.run(run))
}

/// Train on all rows of a source, see [`train`]; the model is that of the whole table, to the last byte.
///
/// The source is read once, into a [`Spool`]: what is more than 16 MB waits on the disk, column by column. In memory are then, a
/// row: the learner's own form of the features (2 bytes a feature for the tree learners, which hold binned columns by row and by
/// column; 8 bytes a feature and 4 a one-hot group for `logistic`), once for each fold that is being fitted, of which there are as
/// many as threads; a column of 8 bytes a thread; and the labels, row numbers of folds and scores. On the disk: 8 bytes a number, 4 a string, 1 a truth value, in the system's folder for temporary files (the
/// environment variable `TMPDIR`; a folder that is itself in memory spares none), removed in the end, whatever happens.
///
/// # Errors
/// The source's; [`Error::Io`](crate::Error::Io) of the disk; those of [`train`].
///
/// # Example
/// ```
/// use attrition_core::{datasets, train::{train_source, TrainOptions}, table::Batches, Run, Value};
/// let mut months = Batches::new((0..3).map(|seed| datasets::employees(200, seed)));
/// let options = TrainOptions {
///     target: Some("Attrition".into()),
///     positive: Value::from("Yes"),
///     learner: ["logistic"].into(),
///     ..TrainOptions::default()
/// };
/// let model = train_source(&mut months, &options, &Run::new())?;
/// assert_eq!(model.training().n_rows, 600);
/// # Ok::<(), attrition_core::Error>(())
/// ```
pub fn train_source(source: &mut dyn Source, options: &TrainOptions, run: &Run) -> Result<Model> {
    train(&Spool::of(source, run)?, options, run)
}

/// Cross-validate by options. `folds` are test-fold ids, one a row, negative = never tested; they replace `options.cv`.
///
/// # Errors
/// Those of [`Trainer::cross_validate`]; [`crate::Error::InvalidParam`] for an option out of range.
pub fn cross_validate<'a>(
    table: impl Into<Columns<'a>>,
    options: &TrainOptions,
    folds: Option<&[i64]>,
    run: &Run,
) -> Result<CrossValidation> {
    let table = table.into();
    let mut trainer = options.trainer(table)?;
    if let Some(ids) = folds {
        trainer = trainer.cv(Cv::Given(ids.to_vec()));
    }
    trainer.cross_validate(table, &options.run(run))
}
