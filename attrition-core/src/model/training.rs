//! How a model was trained, as facts: no clock, no machine, so that the same seed gives the same bytes.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

/// A metric of one set of scores with its 95 % interval.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MetricFact {
    /// The value.
    pub value: f64,
    /// Lower end, where an interval is defined.
    pub low: Option<f64>,
    /// Upper end.
    pub high: Option<f64>,
}

/// One fold of the cross-validation.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FoldFact {
    /// Rows fitted on.
    pub n_train: usize,
    /// Rows judged on.
    pub n_test: usize,
    /// The metrics of the test rows, those that are defined on them.
    pub scores: BTreeMap<String, f64>,
}

/// One learner that was tried.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CandidateFact {
    /// Its name.
    pub learner: String,
    /// Its parameters.
    pub params: serde_json::Value,
    /// Mean of the chosen metric over the folds; `None` without folds.
    pub score: Option<f64>,
    /// Whether it became the model.
    pub is_chosen: bool,
}

/// One trial of a search.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TrialFact {
    /// Its number, from 0.
    pub number: u64,
    /// `"complete"`, `"pruned"` (stopped after some folds) or `"failed"`.
    pub state: String,
    /// The point of the search space: `learner`, `learner.parameter`, settings of the pipeline.
    pub params: BTreeMap<String, serde_json::Value>,
    /// Mean of the chosen metric over the folds; `None` unless complete.
    pub score: Option<f64>,
    /// Why it failed.
    pub error: Option<String>,
}

impl fmt::Display for CandidateFact {
    /// Its name; of a blend each member with its weight.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.learner)?;
        let members = self.params.get("members").and_then(|m| m.as_array()).map(Vec::as_slice).unwrap_or_default();
        for (i, member) in members.iter().enumerate() {
            let name = member.get("learner").and_then(|l| l.as_str()).unwrap_or_default();
            let weight = member.get("weight").and_then(|w| w.as_f64()).unwrap_or(f64::NAN);
            write!(f, "{}{weight:.2} {name}", if i == 0 { ": " } else { " + " })?;
        }
        Ok(())
    }
}

/// What a person did to a term.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EditAction {
    /// Wrote its contributions.
    Written,
    /// Left it out.
    Dropped,
}

/// One edit of a fitted model by a person.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EditFact {
    /// The term: a column, or a pair `A × B`.
    pub term: String,
    /// What was done to it.
    pub action: EditAction,
    /// SHA-256 of `before`, as JSON text.
    pub digest_before: String,
    /// SHA-256 of the term that stands there now; `None` for none.
    pub digest_after: Option<String>,
    /// The term as it was: its table on the learner's scale, or the pair's; with the pairs that went with a column a list of both.
    pub before: serde_json::Value,
}

/// How a model was trained. Serialized, the flat scalars come first; printed, it is the leaderboard with what to know.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Training {
    /// Version of the library.
    pub attrition_version: String,
    /// The learner.
    pub learner: String,
    /// Rows of the table.
    pub n_rows: usize,
    /// Rows the final model was fitted on.
    pub n_fitted: usize,
    /// Rows held out.
    pub n_holdout: usize,
    /// Rows with the positive label.
    pub n_positive: usize,
    /// The model's inputs.
    pub n_features: usize,
    /// Folds of the cross-validation; 0 for none.
    pub n_folds: usize,
    /// The seed.
    pub seed: u64,
    /// The metric that chose.
    pub metric: String,
    /// Its mean over the folds.
    pub cv_score: Option<f64>,
    /// Its value on the hold-out.
    pub holdout_score: Option<f64>,
    /// How scores are calibrated: `"none"`, `"sigmoid"`, `"isotonic"`.
    pub calibration: String,
    /// The threshold.
    pub threshold: f64,
    /// Where it comes from, in words.
    pub threshold_source: String,
    /// SHA-256 over what decides the result: options, schema, learner and parameters.
    pub configuration: String,
    /// What to know about this training.
    pub notes: Vec<String>,
    /// Metrics of the out-of-fold probabilities, pooled over the folds.
    pub cv: BTreeMap<String, MetricFact>,
    /// Metrics of the hold-out rows.
    pub holdout: BTreeMap<String, MetricFact>,
    /// The folds.
    pub folds: Vec<FoldFact>,
    /// The learners tried, best first.
    pub leaderboard: Vec<CandidateFact>,
    /// The trials of the search, in order; empty without one.
    pub trials: Vec<TrialFact>,
    /// What a person changed since, in order; left out where nothing was.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub edits: Vec<EditFact>,
}

impl fmt::Display for Training {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "{} on {} of {} rows; {} by {} folds",
            self.learner, self.n_fitted, self.n_rows, self.metric, self.n_folds
        )?;
        for candidate in &self.leaderboard {
            let score = candidate.score.map_or("-".to_owned(), |s| format!("{s:.4}"));
            writeln!(f, "{} {score:>8}  {candidate}", if candidate.is_chosen { "*" } else { " " })?;
        }
        for edit in &self.edits {
            let done = match edit.action {
                EditAction::Written => "written",
                EditAction::Dropped => "dropped",
            };
            writeln!(f, "the term `{}` was {done} by hand", edit.term)?;
        }
        self.notes.iter().try_for_each(|note| writeln!(f, "{note}"))
    }
}
