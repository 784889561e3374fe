//! The fitted model.

use attrition_core::learn::Learner;
use attrition_core::{Error, Result};
use napi::Env;
use napi::bindgen_prelude::{AsyncTask, Buffer, Float64Array, Uint8Array};
use napi_derive::napi;

use crate::door::{Call, Held, Job, job, sync};
use crate::options::options;
use crate::plain::Plain;
use crate::table::{Table, TableBuilder, cell};

/// A fitted model.
#[napi]
pub struct Model {
    held: Held<attrition_core::model::Model>,
}

impl From<attrition_core::model::Model> for Model {
    fn from(inner: attrition_core::model::Model) -> Model {
        Model { held: Held::new("model", inner) }
    }
}

#[napi]
impl Model {
    /// From a file, off the event loop.
    #[napi(ts_return_type = "Promise<Model>")]
    pub fn load(path: String, call: &Call) -> AsyncTask<Job<Model>> {
        job(call, move |_| attrition_core::model::Model::load(&path).map(Model::from))
    }

    /// From a file.
    #[napi]
    pub fn load_sync(env: Env, path: String) -> napi::Result<Model> {
        sync(&env, || attrition_core::model::Model::load(&path).map(Model::from))
    }

    /// From an artifact's bytes.
    #[napi]
    pub fn from_bytes(env: Env, bytes: &[u8]) -> napi::Result<Model> {
        sync(&env, || attrition_core::model::Model::from_bytes(bytes).map(Model::from))
    }

    /// To a file, whole or not at all.
    #[napi(ts_return_type = "Promise<void>")]
    pub fn save(&self, path: String, call: &Call) -> AsyncTask<Job<()>> {
        let model = self.held.share();
        job(call, move |_| model?.save(&path))
    }

    /// The artifact's bytes.
    #[napi]
    pub fn to_bytes(&self, env: Env) -> napi::Result<Buffer> {
        sync(&env, || self.held.get()?.to_bytes()).map(Buffer::from)
    }

    /// How a row is packed.
    #[napi(ts_return_type = "{ fields: { name: string; kind: string; vocabulary: string[] }[] }")]
    pub fn row_spec(&self, env: Env) -> napi::Result<Plain> {
        sync(&env, || Plain::of(self.held.get()?.row_spec()))
    }

    /// The record rule for a row given as cells in slot order (see `TableBuilder.cells`); `row` is its number in errors.
    #[napi]
    pub fn pack(
        &self,
        env: Env,
        tags: &[u8],
        numbers: &[f64],
        ints: &[i64],
        texts: Vec<String>,
        row: Option<u32>,
    ) -> napi::Result<Float64Array> {
        sync(&env, || {
            let mut out = Vec::new();
            let packed = self.held.get()?.pack(|slot, _| cell(slot, tags, numbers, ints, &texts), &mut out);
            packed.map(|()| Float64Array::new(out)).map_err(|e| match (e, row) {
                (Error::SchemaMismatch { mut problems }, Some(row)) => {
                    for problem in &mut problems {
                        problem.row = Some(row as usize);
                    }
                    Error::SchemaMismatch { problems }
                }
                (e, _) => e,
            })
        })
    }

    /// P(positive) of a packed row.
    #[napi]
    pub fn proba_packed(&self, env: Env, row: &[f64]) -> napi::Result<f64> {
        sync(&env, || self.held.get()?.proba_packed(row))
    }

    /// P(positive) of a JSON object.
    #[napi]
    pub fn proba_json(&self, env: Env, json: &[u8]) -> napi::Result<f64> {
        sync(&env, || self.held.get()?.proba_json(json))
    }

    /// Probability, label and repairs of a packed row.
    #[napi(ts_return_type = "unknown")]
    pub fn predict_one_packed(&self, env: Env, row: &[f64]) -> napi::Result<Plain> {
        sync(&env, || Plain::of(&self.held.get()?.predict_one_packed(row)?))
    }

    /// Contributions of the columns to a packed row's log-odds.
    #[napi(ts_return_type = "Record<string, number>")]
    pub fn contributions_packed(&self, env: Env, row: &[f64]) -> napi::Result<Plain> {
        sync(&env, || {
            let parts = self.held.get()?.contributions_packed(row)?;
            Ok(Plain::Object(parts.into_iter().map(|(name, x)| (name, Plain::Number(x))).collect()))
        })
    }

    /// P(positive) of every row of a table; its first row is number `first` in errors.
    #[napi(ts_return_type = "Promise<Float64Array>")]
    pub fn predict_proba(&self, table: &Table, first: f64, call: &Call) -> AsyncTask<Job<Float64Array>> {
        let (model, table) = (self.held.share(), table.held.share());
        job(call, move |run| scores(model?.predict_proba_with(&*table?, run), first))
    }

    /// P(positive) of every row of the table that a builder makes.
    #[napi(ts_return_type = "Promise<Float64Array>")]
    pub fn predict_proba_built(
        &self,
        builder: &mut TableBuilder,
        first: f64,
        call: &Call,
    ) -> AsyncTask<Job<Float64Array>> {
        let (model, table) = (self.held.share(), builder.table());
        job(call, move |run| scores(model?.predict_proba_with(&table()?, run), first))
    }

    /// P(positive) of packed rows, one after the other.
    #[napi(ts_return_type = "Promise<Float64Array>")]
    pub fn predict_proba_packed(&self, rows: &[f64], first: f64, call: &Call) -> AsyncTask<Job<Float64Array>> {
        let (model, rows) = (self.held.share(), rows.to_vec());
        job(call, move |run| scores(model?.predict_proba_packed(&rows, run), first))
    }

    /// Places in `labels` of probabilities at the model's threshold.
    #[napi]
    pub fn decide(&self, env: Env, proba: &[f64]) -> napi::Result<Uint8Array> {
        sync(&env, || {
            let model = self.held.get()?;
            let [_, positive] = model.labels();
            Ok(Uint8Array::new(proba.iter().map(|&p| u8::from(model.label(p) == positive)).collect()))
        })
    }

    /// Judged on labelled rows.
    #[napi(ts_return_type = "Promise<unknown>")]
    pub fn evaluate(&self, table: &Table, call: &Call) -> AsyncTask<Job<Plain>> {
        let (model, table) = (self.held.share(), table.held.share());
        job(call, move |run| Plain::of(&model?.evaluate(&*table?, run)?))
    }

    /// What each column did in the trees, greatest gain first.
    #[napi(ts_return_type = "Record<string, unknown>")]
    pub fn importances(&self, env: Env) -> napi::Result<Plain> {
        sync(&env, || {
            let all = self.held.get()?.importances()?;
            let entries = all.into_iter().map(|(name, of_column)| Ok((name, Plain::of(&of_column)?)));
            Ok(Plain::Object(entries.collect::<attrition_core::Result<_>>()?))
        })
    }

    /// Every column's effect.
    #[napi(ts_return_type = "unknown")]
    pub fn terms(&self, env: Env) -> napi::Result<Plain> {
        sync(&env, || Plain::of(&self.held.get()?.terms()?))
    }

    /// The same model with a column's contributions as written: pairs of value and contribution, as JSON.
    #[napi]
    pub fn with_term(&self, env: Env, column: String, json: String) -> napi::Result<Model> {
        sync(&env, || {
            let values: Vec<(attrition_core::Value, f64)> = options(&json, "withTerm")?;
            self.held.get()?.with_term(&column, &values).map(Model::from)
        })
    }

    /// The same model without a term.
    #[napi]
    pub fn without_term(&self, env: Env, term: String) -> napi::Result<Model> {
        sync(&env, || self.held.get()?.without_term(&term).map(Model::from))
    }

    /// `[negative, positive]`.
    #[napi(getter, ts_return_type = "[unknown, unknown]")]
    pub fn labels(&self, env: Env) -> napi::Result<Plain> {
        sync(&env, || Plain::of(self.held.get()?.labels()))
    }

    /// Kinds and roles of the columns.
    #[napi(getter, ts_return_type = "unknown")]
    pub fn schema(&self, env: Env) -> napi::Result<Plain> {
        sync(&env, || Plain::of(self.held.get()?.schema()))
    }

    /// The learner's name; `blend` for several.
    #[napi(getter)]
    pub fn learner(&self, env: Env) -> napi::Result<&'static str> {
        sync(&env, || Ok(self.held.get()?.learner_name()))
    }

    /// The learner's parameters.
    #[napi(getter, ts_return_type = "Record<string, unknown>")]
    pub fn params(&self, env: Env) -> napi::Result<Plain> {
        sync(&env, || Plain::of(&self.held.get()?.params()))
    }

    /// The probability from which a row counts as positive.
    #[napi(getter)]
    pub fn threshold(&self, env: Env) -> napi::Result<f64> {
        sync(&env, || Ok(self.held.get()?.threshold()))
    }

    /// The artifact's digest.
    #[napi(getter)]
    pub fn digest(&self, env: Env) -> napi::Result<String> {
        sync(&env, || Ok(self.held.get()?.digest()))
    }

    /// What is done to each column, one pipeline a learner.
    #[napi(getter, ts_return_type = "unknown[]")]
    pub fn pipelines(&self, env: Env) -> napi::Result<Plain> {
        sync(&env, || {
            let model = self.held.get()?;
            Plain::of(&model.members().iter().map(|m| m.pipeline().facts(model.schema())).collect::<Vec<_>>())
        })
    }

    /// The same as tables in text.
    #[napi]
    pub fn pipeline_texts(&self, env: Env) -> napi::Result<Vec<String>> {
        sync(&env, || Ok(self.held.get()?.members().iter().map(|m| m.pipeline().to_string()).collect()))
    }

    /// How it was trained.
    #[napi(getter, ts_return_type = "unknown")]
    pub fn training(&self, env: Env) -> napi::Result<Plain> {
        sync(&env, || Plain::of(self.held.get()?.training()))
    }

    /// The leaderboard in text.
    #[napi]
    pub fn training_text(&self, env: Env) -> napi::Result<String> {
        sync(&env, || Ok(self.held.get()?.training().to_string()))
    }

    /// Gives the model's memory back.
    #[napi]
    pub fn dispose(&mut self) {
        self.held.take();
    }
}

/// Scores of rows that begin at number `first` of all.
fn scores(done: Result<Vec<f64>>, first: f64) -> Result<Float64Array> {
    done.map(Float64Array::new).map_err(|e| match e {
        Error::SchemaMismatch { mut problems } => {
            problems.iter_mut().for_each(|p| p.row = p.row.map(|row| row + first as usize));
            Error::SchemaMismatch { problems }
        }
        e => e,
    })
}

/// Every learner's parameters: name, default as JSON text, range, the range in words, log scale, meaning.
#[napi(
    ts_return_type = "Record<string, { name: string; default: string; range: Record<string, unknown>; words: string; log: boolean; meaning: string }[]>"
)]
pub fn learner_specs(env: Env) -> napi::Result<Plain> {
    sync(&env, || {
        let learners = Learner::NAMES.iter().map(|name| {
            let specs = Learner::from_name(name, None)?.param_specs().iter();
            let specs = specs.map(|spec| Ok(Plain::of(spec)?.with("words", Plain::Text(spec.range.describe()))));
            Ok(((*name).to_owned(), Plain::List(specs.collect::<Result<_>>()?)))
        });
        Ok(Plain::Object(learners.collect::<Result<_>>()?))
    })
}
