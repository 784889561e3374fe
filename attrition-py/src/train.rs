//! From a table to a model.

use std::collections::BTreeMap;
use std::sync::Arc;

use attrition_core::error::Place;
use attrition_core::table::{Columns, Spool, Table, Values};
use attrition_core::train::{
    CrossValidation as Core, TrainOptions, cross_validate as core_cross_validate, train as core_train, train_in_folds,
};
use attrition_core::{Error, Event as CoreEvent, Run};
use numpy::PyArray1;
use pyo3::prelude::*;
use pyo3::types::PyDict;

use crate::door::{enter, quick};
use crate::error::to_py;
use crate::json::{facts, options};
use crate::model::Model;
use crate::source::Source;
use crate::table::{Memory, column, read};

/// One report of progress: `done` of `total` pieces of `stage`.
#[pyclass(frozen, get_all, module = "attrition")]
pub(crate) struct Event {
    /// What is being done.
    stage: &'static str,
    /// Pieces done.
    done: usize,
    /// Pieces in all.
    total: usize,
}

impl From<CoreEvent> for Event {
    fn from(e: CoreEvent) -> Event {
        Event { stage: e.stage, done: e.done, total: e.total }
    }
}

#[pymethods]
impl Event {
    fn __repr__(&self) -> String {
        format!("Event(stage={:?}, done={}, total={})", self.stage, self.done, self.total)
    }
}

/// What is trained on: a table in memory, or a source's batches on disk.
enum Given {
    Table(Arc<Table>),
    Spool(Spool),
}

impl Given {
    fn read(
        data: &Bound<'_, PyAny>,
        names: Option<Vec<String>>,
        progress: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<Given> {
        match data.cast::<Source>() {
            Ok(source) => source.get().spool(data.py(), progress).map(Given::Spool),
            Err(_) => read(data, names, Memory::Shared).map(Given::Table),
        }
    }

    fn columns(&self) -> Columns<'_> {
        match self {
            Given::Table(table) => Columns::Table(table),
            Given::Spool(spool) => Columns::Spool(spool),
        }
    }
}

/// Train by options. See `attrition.train`.
#[pyfunction(name = "_train")]
#[pyo3(signature = (data, options, folds=None, progress=None, names=None))]
pub(crate) fn train(
    data: &Bound<'_, PyAny>,
    options: &Bound<'_, PyDict>,
    folds: Option<&Bound<'_, PyAny>>,
    progress: Option<&Bound<'_, PyAny>>,
    names: Option<Vec<String>>,
) -> PyResult<Model> {
    let py = data.py();
    let options = parse(options)?;
    let folds = folds.map(fold_ids).transpose()?;
    let given = Given::read(data, names, progress)?;
    let work = |run: &Run| match &folds {
        None => core_train(given.columns(), &options, run),
        Some(folds) => train_in_folds(given.columns(), &options, folds, run),
    };
    let model = enter(py, progress, None, work)?;
    Ok(Model::new(py, model))
}

/// Cross-validate by options. See `attrition.cross_validate`.
#[pyfunction(name = "_cross_validate")]
#[pyo3(signature = (data, options, folds=None, progress=None, names=None))]
pub(crate) fn cross_validate(
    data: &Bound<'_, PyAny>,
    options: &Bound<'_, PyDict>,
    folds: Option<&Bound<'_, PyAny>>,
    progress: Option<&Bound<'_, PyAny>>,
    names: Option<Vec<String>>,
) -> PyResult<CrossValidation> {
    let options = parse(options)?;
    let folds = folds.map(fold_ids).transpose()?;
    let given = Given::read(data, names, progress)?;
    let work = |run: &Run| core_cross_validate(given.columns(), &options, folds.as_deref(), run);
    let inner = enter(data.py(), progress, None, work)?;
    Ok(CrossValidation { inner })
}

/// The options as the core understands them, with every default filled in; for tests.
#[pyfunction(name = "_options")]
pub(crate) fn normalized<'py>(options: &Bound<'py, PyDict>) -> PyResult<Bound<'py, PyAny>> {
    facts(options.py(), &parse(options)?)
}

fn parse(dict: &Bound<'_, PyDict>) -> PyResult<TrainOptions> {
    let json = options(dict)?;
    quick(dict.py(), || TrainOptions::from_json(&json))
}

fn fold_ids(folds: &Bound<'_, PyAny>) -> PyResult<Vec<i64>> {
    let ids = column("folds", folds, Memory::Shared)?;
    let refused = |row: usize| {
        let got = ids.get(row).describe();
        Error::data(
            Place::cell(row, "folds"),
            got,
            "a whole number",
            "give each row the number of its test fold, or -1",
        )
    };
    match ids.values() {
        Values::Int(v, None) => Ok(v.to_vec()),
        _ => {
            let ids = (0..ids.len()).map(|row| match ids.get(row) {
                attrition_core::Value::Int(i) => Ok(i),
                attrition_core::Value::Float(x) if x.trunc() == x && x.abs() < 1e15 => Ok(x as i64),
                _ => Err(to_py(folds.py(), &refused(row))),
            });
            ids.collect()
        }
    }
}

/// Out-of-fold probabilities and the scores of each fold.
#[pyclass(frozen, module = "attrition")]
pub(crate) struct CrossValidation {
    inner: Core,
}

#[pymethods]
impl CrossValidation {
    /// Out-of-fold probability of every row, in row order; NaN for rows in no test fold. A new array at each call.
    #[getter]
    fn predictions<'py>(&self, py: Python<'py>) -> Bound<'py, PyArray1<f64>> {
        PyArray1::from_slice(py, &self.inner.predictions)
    }

    /// `{metric: [value of each fold]}`; NaN where a fold's rows leave it undefined.
    #[getter]
    fn scores(&self) -> BTreeMap<String, Vec<f64>> {
        self.inner.scores.clone()
    }

    /// The threshold of each fold, chosen on the other folds.
    #[getter]
    fn thresholds(&self) -> Vec<f64> {
        self.inner.thresholds.clone()
    }

    /// The learner of each fold; where several were given, chosen on the other folds.
    #[getter]
    fn learners(&self) -> Vec<String> {
        self.inner.learners.clone()
    }

    /// `{metric: {"value", "low", "high"}}` of all tested rows together, with 95 % intervals.
    #[getter]
    fn metrics<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        facts(py, &self.inner.metrics)
    }

    /// Everything as a dict of plain values.
    fn to_dict<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        facts(py, &self.inner)
    }

    fn __repr__(&self) -> String {
        let auc = self.inner.metrics.get("roc_auc").map_or(String::new(), |m| format!(", roc_auc {:.4}", m.value));
        format!("CrossValidation({} rows, {} folds{auc})", self.inner.predictions.len(), self.inner.folds.len())
    }
}
