//! Training and cross-validation; options arrive as the core's own JSON.

use attrition_core::train::{TrainOptions, cross_validate as cross_validate_core, train as train_core};
use napi::bindgen_prelude::AsyncTask;
use napi_derive::napi;

use crate::door::{Call, Job, job};
use crate::model::Model;
use crate::plain::Plain;
use crate::table::Table;

/// Train a model.
#[napi(ts_return_type = "Promise<Model>")]
pub fn train(table: &Table, options: String, call: &Call) -> AsyncTask<Job<Model>> {
    let table = table.inner.clone();
    job(call, move |run| train_core(&table, &TrainOptions::from_json(&options)?, run).map(Model::from))
}

/// Cross-validate. `folds` are test-fold ids, one a row, negative = never tested.
#[napi(ts_return_type = "Promise<unknown>")]
pub fn cross_validate(table: &Table, options: String, folds: Option<&[i64]>, call: &Call) -> AsyncTask<Job<Plain>> {
    let (table, folds) = (table.inner.clone(), folds.map(<[i64]>::to_vec));
    job(call, move |run| {
        let mut cv = cross_validate_core(&table, &TrainOptions::from_json(&options)?, folds.as_deref(), run)?;
        let predictions = Plain::Floats(std::mem::take(&mut cv.predictions));
        Ok(Plain::of(&cv)?.with("predictions", predictions))
    })
}
