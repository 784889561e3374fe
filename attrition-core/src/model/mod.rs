//! A fitted model: schema, pipeline, learner, calibrator, threshold, training profile and facts, in one value that
//! predicts.
//!
//! Later rooms add their methods to it: `explain` the contributions, `evaluate` the evaluation, `artifact` the bytes.

mod prediction;
mod scorer;
mod stored_profile;
mod training;

pub use prediction::{Prediction, Warning, WarningKind};
pub use scorer::Member;
pub(crate) use scorer::{Scorer, both_scales};
pub(crate) use stored_profile::StoredProfile;
pub use training::{CandidateFact, EditAction, EditFact, FoldFact, MetricFact, Training, TrialFact};

use std::cell::RefCell;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::calibrate::Calibrator;
use crate::learn::Learner;
use crate::preprocess::Pipeline;
use crate::profile::Profile;
use crate::run::Run;
use crate::schema::{RowSpec, Schema, ValueRef};
use crate::table::{Source, Table, Value};
use crate::{Error, Result};

/// The learner's name of a model that is a blend of several.
pub const BLEND: &str = "blend";

/// Learners and weights of a blend as parameters: `{"members": [{"learner": name, "weight": number, "params": {…}}, …]}`.
pub fn blend_params<'l>(members: impl IntoIterator<Item = (&'l Learner, f64)>) -> serde_json::Value {
    let member = |(learner, weight): (&Learner, f64)| serde_json::json!({"learner": learner.name(), "weight": weight, "params": learner.params_json()});
    serde_json::json!({"members": members.into_iter().map(member).collect::<Vec<_>>()})
}

/// The parameters of a learner, or of a blend.
pub(crate) fn params_of(members: &[Member]) -> serde_json::Value {
    match members {
        [lone] => lone.learner.params_json(),
        several => blend_params(several.iter().map(|m| (&m.learner, m.weight))),
    }
}

/// When a row counts as positive.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Decision {
    /// Positive from this probability on.
    pub(crate) threshold: f64,
}

/// Everything a model is made of; what `artifact` writes and reads.
#[derive(Debug, Clone)]
pub(crate) struct Parts {
    pub(crate) schema: Schema,
    pub(crate) scorer: Scorer,
    pub(crate) decision: Decision,
    pub(crate) training: Training,
    pub(crate) profile: StoredProfile,
    /// Sections of an artifact that this version does not know: kept, so that loading and saving loses nothing.
    pub(crate) passed_over: Vec<(String, Vec<u8>)>,
}

#[derive(Debug)]
struct Inner {
    parts: Parts,
    row_spec: RowSpec,
    labels: [Value; 2],
}

/// A fitted model. Cheap to clone, shared between threads.
///
/// # Example
/// ```
/// use attrition_core::{datasets, train::Trainer, schema::Schema};
/// let table = datasets::employees(600, 0)?;
/// let schema = Schema::infer(&table)?.target("Attrition", "Yes")?.sensitive(["Gender"])?;
/// let model = Trainer::new(schema).seed(0).fit(&table)?;
/// let proba = model.predict_proba(&table)?;
/// assert!(proba.iter().all(|p| (0.0..=1.0).contains(p)));
/// # Ok::<(), attrition_core::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct Model {
    inner: Arc<Inner>,
}

#[derive(Default)]
struct Scratch {
    row: Vec<f64>,
    blocks: scorer::Blocks,
}

thread_local! {
    /// Working memory of one-row prediction: nothing is allocated once it has been used.
    static SCRATCH: RefCell<Scratch> = RefCell::default();
}

impl Model {
    /// Put together and checked: what comes from a file may be anything.
    pub(crate) fn from_parts(mut parts: Parts) -> Result<Model> {
        parts.schema.check_self()?;
        if parts.scorer.members.is_empty() {
            return Err(Error::artifact("no learner", "the file is damaged or was made by hand; save it anew"));
        }
        let target = parts.schema.target_spec().ok_or_else(|| {
            Error::artifact("the schema names no target", "the file is damaged or was made by hand; save it anew")
        })?;
        let labels = [target.negative.clone(), target.positive.clone()];
        parts.scorer = parts.scorer.bind(&parts.schema)?;
        if !(0.0..=1.0).contains(&parts.decision.threshold) {
            return Err(Error::artifact(
                format!("the threshold is {}", parts.decision.threshold),
                "the file is damaged or was made by hand; save it anew",
            ));
        }
        let row_spec = RowSpec::new(&parts.schema);
        Ok(Model { inner: Arc::new(Inner { parts, row_spec, labels }) })
    }

    pub(crate) fn parts(&self) -> &Parts {
        &self.inner.parts
    }

    /// Kinds and roles of the columns.
    pub fn schema(&self) -> &Schema {
        &self.parts().schema
    }
    /// The learner's name, e.g. `"logistic"`; [`BLEND`] for a blend of several.
    pub fn learner_name(&self) -> &'static str {
        match self.members() {
            [lone] => lone.learner.name(),
            _ => BLEND,
        }
    }
    /// The learner's parameters, as they were used; of a blend its members with their weights, see [`blend_params`].
    pub fn params(&self) -> serde_json::Value {
        params_of(self.members())
    }
    /// The fitted learners, each with its pipeline: one, or the members of a blend, whose log-odds are the weighted mean of
    /// theirs; heaviest first.
    pub fn members(&self) -> &[Member] {
        &self.parts().scorer.members
    }
    /// The probability from which a row counts as positive; in [0, 1].
    pub fn threshold(&self) -> f64 {
        self.parts().decision.threshold
    }
    /// The same model with another threshold.
    ///
    /// # Errors
    /// [`Error::InvalidParam`] outside [0, 1].
    pub fn with_threshold(&self, threshold: f64) -> Result<Model> {
        if !(0.0..=1.0).contains(&threshold) {
            return Err(Error::param("threshold", threshold, "a number in [0, 1]", "0.5 is the usual choice"));
        }
        let mut parts = self.parts().clone();
        parts.decision.threshold = threshold;
        Model::from_parts(parts)
    }
    /// The labels: `[negative, positive]`.
    pub fn labels(&self) -> &[Value; 2] {
        &self.inner.labels
    }
    /// How it was trained, and how well it did.
    pub fn training(&self) -> &Training {
        &self.parts().training
    }
    /// The summary of the data it was fitted on: inputs, protected attributes, and the scores of these rows (out-of-fold
    /// where there were folds). Parsed when it is first asked for.
    ///
    /// # Errors
    /// [`Error::Artifact`] for a loaded model whose profile is of a newer version or was forged; it predicts all the
    /// same.
    pub fn profile(&self) -> Result<&Profile> {
        self.parts().profile.get()
    }
    /// How one row is packed into slots.
    pub fn row_spec(&self) -> &RowSpec {
        &self.inner.row_spec
    }
    /// The fitted pipeline; of a blend that of its heaviest member, see [`Model::members`] for each.
    pub fn pipeline(&self) -> &Pipeline {
        // `from_parts` lets no model through without a member.
        &self.members()[0].pipeline
    }
    /// The calibrator, where there is one.
    pub fn calibrator(&self) -> Option<&Calibrator> {
        self.parts().scorer.calibrator.as_ref()
    }

    /// P(target = positive) of every row; shape `(n_rows,)`, in [0, 1].
    ///
    /// A missing value, an unseen level and an extra column never fail; see [`Model::predict_one`] for what was
    /// repaired. A row's score depends on that row alone.
    ///
    /// # Errors
    /// [`Error::SchemaMismatch`] when a feature column is missing or of another kind, with all problems at once;
    /// for an infinite number, with its row.
    pub fn predict_proba(&self, table: &Table) -> Result<Vec<f64>> {
        self.predict_proba_with(table, &Run::new())
    }

    /// [`Model::predict_proba`] with threads, progress and cancellation.
    ///
    /// # Errors
    /// As [`Model::predict_proba`]; [`Error::Cancelled`].
    pub fn predict_proba_with(&self, table: &Table, run: &Run) -> Result<Vec<f64>> {
        let bound = self.schema().bind(table)?;
        self.parts().scorer.predict(&bound, run)
    }

    /// [`Model::predict_proba`] of all rows of a source, batch by batch: memory is that of a batch and of the scores.
    ///
    /// # Errors
    /// The source's; as [`Model::predict_proba`], rows counted over all batches; [`Error::Cancelled`].
    pub fn predict_proba_source(&self, source: &mut dyn Source, run: &Run) -> Result<Vec<f64>> {
        let mut scores = Vec::new();
        while let Some(batch) = source.next_batch(run)? {
            let first = scores.len();
            let more = self.predict_proba_with(&batch, run).map_err(|e| match e {
                Error::SchemaMismatch { mut problems } => {
                    problems.iter_mut().for_each(|p| p.row = p.row.map(|r| first + r));
                    Error::SchemaMismatch { problems }
                }
                other => other,
            })?;
            scores.extend(more);
        }
        Ok(scores)
    }

    /// The label of every row at the model's threshold.
    ///
    /// # Errors
    /// As [`Model::predict_proba`].
    pub fn predict(&self, table: &Table) -> Result<Vec<Value>> {
        Ok(self.predict_proba(table)?.into_iter().map(|p| self.label(p).clone()).collect())
    }

    /// The label of a probability at the model's threshold.
    pub fn label(&self, proba: f64) -> &Value {
        &self.inner.labels[usize::from(proba >= self.threshold())]
    }

    /// P(target = positive) of one packed row. No allocation once the thread has predicted before; equal to
    /// [`Model::predict_proba`] of the same row to the last bit.
    ///
    /// # Errors
    /// [`Error::InvalidParam`] for a row of another width; [`Error::SchemaMismatch`] for a slot that is no value of
    /// its field, and for an unseen level in the strict mode.
    pub fn proba_packed(&self, row: &[f64]) -> Result<f64> {
        self.inner.row_spec.check_packed(row)?;
        SCRATCH.with(|scratch| match scratch.try_borrow_mut() {
            Ok(mut s) => self.parts().scorer.predict_row(row, &mut s.blocks),
            // Only when predict is called from within predict on one thread.
            Err(_) => self.parts().scorer.predict_row(row, &mut scorer::Blocks::default()),
        })
    }

    /// P(target = positive) of `n` packed rows, row-major: shape `(n × width,)` in, `(n,)` out.
    ///
    /// # Errors
    /// As [`Model::proba_packed`]; [`Error::Cancelled`].
    pub fn predict_proba_packed(&self, rows: &[f64], run: &Run) -> Result<Vec<f64>> {
        let width = self.inner.row_spec.width();
        if width == 0 || !rows.len().is_multiple_of(width) {
            return Err(Error::param(
                "rows",
                format!("{} numbers", rows.len()),
                format!("a multiple of {width}, the slots of a row"),
                "pack the rows by the model's row spec, one after the other",
            ));
        }
        self.parts().scorer.predict_packed(rows, &self.inner.row_spec, run)
    }

    /// Pack one record, given by look-up; see [`RowSpec::pack`].
    ///
    /// # Errors
    /// As [`RowSpec::pack`].
    pub fn pack<'v>(&self, get: impl FnMut(usize, &str) -> Option<ValueRef<'v>>, out: &mut Vec<f64>) -> Result<()> {
        self.inner.row_spec.pack(get, out)
    }

    /// Pack one JSON object; see [`RowSpec::pack_json`].
    ///
    /// # Errors
    /// As [`RowSpec::pack_json`].
    pub fn pack_json(&self, json: &[u8], out: &mut Vec<f64>) -> Result<()> {
        self.inner.row_spec.pack_json(json, out)
    }

    /// P(target = positive) of one JSON object.
    ///
    /// # Errors
    /// As [`RowSpec::pack_json`] and [`Model::proba_packed`].
    ///
    /// # Example
    /// ```
    /// # use attrition_core::{datasets, train::Trainer, schema::Schema};
    /// # let table = datasets::employees(600, 0)?;
    /// # let model = Trainer::new(Schema::infer(&table)?.target("Attrition", "Yes")?).fit(&table)?;
    /// let p = model.proba_json(br#"{"Age": 29, "OverTime": "Yes"}"#)?;
    /// assert!((0.0..=1.0).contains(&p));
    /// # Ok::<(), attrition_core::Error>(())
    /// ```
    pub fn proba_json(&self, json: &[u8]) -> Result<f64> {
        // The packed row is taken out of the thread's scratch while it is used.
        let mut row = SCRATCH.with(|s| s.try_borrow_mut().map(|mut s| std::mem::take(&mut s.row)).unwrap_or_default());
        let result = self.pack_json(json, &mut row).and_then(|()| self.proba_packed(&row));
        SCRATCH.with(|s| {
            if let Ok(mut s) = s.try_borrow_mut() {
                s.row = row;
            }
        });
        result
    }

    /// Probability, label, and what had to be repaired, of one packed row.
    ///
    /// # Errors
    /// As [`Model::proba_packed`].
    pub fn predict_one_packed(&self, row: &[f64]) -> Result<Prediction> {
        let proba = self.proba_packed(row)?;
        Ok(Prediction {
            proba,
            label: self.label(proba).clone(),
            threshold: self.threshold(),
            warnings: prediction::warnings(self.schema(), self.pipeline(), row),
        })
    }

    /// Probability, label, and what had to be repaired, of one JSON object.
    ///
    /// # Errors
    /// As [`Model::proba_json`].
    pub fn predict_one_json(&self, json: &[u8]) -> Result<Prediction> {
        let mut row = Vec::new();
        self.pack_json(json, &mut row)?;
        self.predict_one_packed(&row)
    }
}

#[cfg(test)]
impl Model {
    /// The first model with the learners of all, of one schema, as members of a blend.
    pub(crate) fn blended(models: &[(&Model, f64)]) -> Result<Model> {
        let mut parts = models[0].0.parts().clone();
        parts.scorer.members = models.iter().map(|&(m, weight)| Member { weight, ..m.members()[0].clone() }).collect();
        Model::from_parts(parts)
    }
}
