//! The answer for one row.

use serde::Serialize;

use crate::preprocess::Pipeline;
use crate::schema::{FieldKind, Schema};
use crate::table::Value;

/// What predict had to repair, or saw for the first time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum WarningKind {
    /// No value: imputed.
    Missing,
    /// A level that training never saw.
    Unseen,
    /// A number outside the range of the training rows.
    OutOfRange,
    /// A derived feature that has no value for this row, though its columns have: imputed.
    NotComputable,
}

/// One repair.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Warning {
    /// The column.
    pub column: String,
    /// What was repaired.
    pub kind: WarningKind,
    /// The same in words.
    pub message: String,
}

/// Probability, label and repairs of one row.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Prediction {
    /// P(target = positive), in [0, 1].
    pub proba: f64,
    /// The label at the threshold.
    pub label: Value,
    /// The threshold.
    pub threshold: f64,
    /// What was repaired, in column order.
    pub warnings: Vec<Warning>,
}

/// The repairs of a packed row.
pub(super) fn warnings(schema: &Schema, pipeline: &Pipeline, row: &[f64]) -> Vec<Warning> {
    let mut out = Vec::new();
    for (field, &x) in schema.features().zip(row) {
        let (kind, message) = if x.is_nan() {
            (WarningKind::Missing, "no value; the training rows' usual one was used".to_owned())
        } else if field.kind == FieldKind::Category {
            if x >= 0.0 {
                continue;
            }
            (WarningKind::Unseen, "a level that training never saw".to_owned())
        } else {
            match field.range {
                Some([low, high]) if x < low || x > high => {
                    (WarningKind::OutOfRange, format!("outside the training range {low} to {high}"))
                }
                _ => continue,
            }
        };
        out.push(Warning { column: field.name.clone(), kind, message });
    }
    for (name, what) in pipeline.not_computable(row) {
        let message = format!("{what}; the training rows' usual value was used");
        out.push(Warning { column: name.to_owned(), kind: WarningKind::NotComputable, message });
    }
    out
}
