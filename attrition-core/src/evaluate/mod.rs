//! How good a model is on a table: every metric with its interval, the confusion table, the curves as data.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::error::Place;
use crate::metrics::{Binning, Confusion, Scores};
use crate::model::{MetricFact, Model};
use crate::run::Run;
use crate::schema::Role;
use crate::table::Table;
use crate::{Error, Result};

/// Points of a curve that are kept: enough to draw it, small enough to send it.
const MAX_CURVE_POINTS: usize = 200;

/// A curve as two lists of equal length; empty where it is undefined (rows of one label).
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
pub struct Curve {
    /// ROC: false positive rate; precision–recall: recall; calibration: mean probability of a bin.
    pub x: Vec<f64>,
    /// ROC: true positive rate; precision–recall: precision; calibration: rate of positives in the bin.
    pub y: Vec<f64>,
}

/// The curves.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Curves {
    /// Receiver operating characteristic.
    pub roc: Curve,
    /// Precision against recall.
    pub precision_recall: Curve,
    /// Ten equal bins of probability.
    pub calibration: Curve,
}

/// A model judged on labelled rows.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Evaluation {
    /// Rows.
    pub n: usize,
    /// Rows with the positive label.
    pub n_positive: usize,
    /// The threshold of the confusion table.
    pub threshold: f64,
    /// Every metric with its 95 % interval.
    pub metrics: BTreeMap<String, MetricFact>,
    /// The confusion table at the threshold; sums of weights where rows are weighted.
    pub confusion: Confusion,
    /// ROC, precision–recall and calibration.
    pub curves: Curves,
}

impl Model {
    /// Judge the model on a labelled table; weighted where the schema has a weight column and the table too.
    ///
    /// # Errors
    /// As [`Model::predict_proba`]; [`Error::NotFound`] without the target column; [`Error::InvalidData`] for a missing
    /// label or one that the model does not know.
    pub fn evaluate(&self, table: &Table, run: &Run) -> Result<Evaluation> {
        let proba = self.predict_proba_with(table, run)?;
        let target = self.schema().target_spec().ok_or_else(|| Error::Internal("a model without a target".into()))?;
        let column = table.column(&target.column)?;
        let mut y = Vec::with_capacity(proba.len());
        for row in 0..table.n_rows() {
            let value = column.get(row);
            if value == self.labels()[1] {
                y.push(1);
            } else if value == self.labels()[0] {
                y.push(0);
            } else {
                return Err(Error::data(
                    Place::cell(row, column.name()),
                    value.describe(),
                    format!("one of the labels `{}` and `{}`", self.labels()[0], self.labels()[1]),
                    "evaluate on rows whose outcome is known, written as in training",
                ));
            }
        }
        let weight = self.schema().with_role(Role::Weight).next().and_then(|f| table.get(&f.name));
        let w = match weight {
            None => None,
            Some(column) => Some(
                (0..column.len())
                    .map(|row| {
                        column.get(row).as_f64().filter(|w| w.is_finite() && *w >= 0.0).ok_or_else(|| {
                            Error::data(
                                Place::cell(row, column.name()),
                                column.get(row).describe(),
                                "a finite weight >= 0 in every row",
                                "use 0 for a row that shall not count, or leave the column out",
                            )
                        })
                    })
                    .collect::<Result<Vec<f64>>>()?,
            ),
        };
        evaluate(&y, &proba, w.as_deref(), self.threshold())
    }
}

/// Judge probabilities against labels; shapes `(n,)`.
///
/// # Errors
/// [`Error::InvalidData`] for no rows, lengths that differ, labels other than 0 and 1, or probabilities outside [0, 1].
pub fn evaluate(y: &[u8], proba: &[f64], w: Option<&[f64]>, threshold: f64) -> Result<Evaluation> {
    let scores = Scores::new(y, proba, w)?;
    let metrics = scores
        .all(threshold)?
        .into_iter()
        .map(|(m, e)| (m.name(), MetricFact { value: e.value, low: e.low, high: e.high }))
        .collect();
    let (roc, precision_recall) = if y.contains(&0) && y.contains(&1) {
        let roc = scores.roc_curve()?;
        let pr = scores.precision_recall_curve()?;
        (thin(roc.fpr, roc.tpr), thin(pr.recall, pr.precision))
    } else {
        (Curve::default(), Curve::default())
    };
    let bins = scores.calibration_curve(Binning::Uniform, 10)?.bins;
    let calibration =
        Curve { x: bins.iter().map(|b| b.prob_pred).collect(), y: bins.iter().map(|b| b.prob_true.value).collect() };
    Ok(Evaluation {
        n: y.len(),
        n_positive: y.iter().map(|&v| usize::from(v)).sum(),
        threshold,
        metrics,
        confusion: scores.confusion(threshold)?,
        curves: Curves { roc, precision_recall, calibration },
    })
}

/// At most [`MAX_CURVE_POINTS`] of a curve, both ends among them.
fn thin(x: Vec<f64>, y: Vec<f64>) -> Curve {
    let n = x.len().min(y.len());
    if n <= MAX_CURVE_POINTS {
        return Curve { x, y };
    }
    let pick = |v: &[f64]| (0..MAX_CURVE_POINTS).map(|i| v[i * (n - 1) / (MAX_CURVE_POINTS - 1)]).collect();
    Curve { x: pick(&x), y: pick(&y) }
}
