//! Metrics of labels and scores.

use attrition_core::error::Place;
use attrition_core::metrics::{Binning, Metric, Scores, all, best_threshold};
use attrition_core::table::{Buffer, Column, Values};
use attrition_core::{Error, Result};
use numpy::PyArray1;
use pyo3::prelude::*;
use pyo3::types::PyDict;

use crate::door::{detached, enter};
use crate::json::{facts, named};
use crate::table::{Memory, column};

/// Labels, scores and weights, read where they lie.
struct Input {
    y: Vec<u8>,
    proba: Buffer<f64>,
    weight: Option<Buffer<f64>>,
}

impl Input {
    fn new(y: &Bound<'_, PyAny>, proba: &Bound<'_, PyAny>, weight: Option<&Bound<'_, PyAny>>) -> PyResult<Input> {
        let py = y.py();
        let labels = column("y", y, Memory::Shared)?;
        let proba = column("proba", proba, Memory::Shared)?;
        let weight = weight.map(|w| column("sample_weight", w, Memory::Shared)).transpose()?;
        detached(py, || {
            Ok(Input {
                y: self::labels(&labels)?,
                proba: numbers(&proba)?,
                weight: weight.as_ref().map(numbers).transpose()?,
            })
        })
    }

    fn scores(&self) -> Result<Scores<'_>> {
        Scores::new(&self.y, &self.proba, self.weight.as_deref())
    }
}

/// A label is 1 or 0, true or false, by value.
fn labels(column: &Column) -> Result<Vec<u8>> {
    let label = |row: usize| match column.get(row).as_f64() {
        Some(0.0) => Ok(0),
        Some(1.0) => Ok(1),
        _ => Err(Error::data(
            Place::cell(row, column.name()),
            column.get(row).describe(),
            "0 or 1, or a truth value",
            "compare the labels with the positive one first: y == \"Yes\"",
        )),
    };
    (0..column.len()).map(label).collect()
}

fn numbers(column: &Column) -> Result<Buffer<f64>> {
    if let Values::Float(v) = column.values() {
        // NaN is left to the metric, which names the row.
        return Ok(v.clone());
    }
    let number = |row: usize| {
        column.get(row).as_f64().ok_or_else(|| {
            let got = column.get(row).describe();
            Error::data(Place::cell(row, column.name()), got, "a number", "pass an array of numbers")
        })
    };
    Ok((0..column.len()).map(number).collect::<Result<Vec<_>>>()?.into())
}

/// A metric by name with its interval: `(value, low, high)`. See `attrition.metrics`.
#[pyfunction(name = "_metric")]
#[pyo3(signature = (name, y, proba, sample_weight=None, threshold=0.5))]
pub(crate) fn metric(
    name: &str,
    y: &Bound<'_, PyAny>,
    proba: &Bound<'_, PyAny>,
    sample_weight: Option<&Bound<'_, PyAny>>,
    threshold: f64,
) -> PyResult<(f64, Option<f64>, Option<f64>)> {
    let input = Input::new(y, proba, sample_weight)?;
    let e = enter(y.py(), None, None, |_| input.scores()?.estimate(Metric::parse(name)?, threshold))?;
    Ok((e.value, e.low, e.high))
}

/// Every metric with its interval: `{name: (value, low, high)}`. See `attrition.metrics`.
#[pyfunction(name = "_metrics")]
#[pyo3(signature = (y, proba, sample_weight=None, threshold=0.5))]
pub(crate) fn metrics<'py>(
    y: &Bound<'py, PyAny>,
    proba: &Bound<'py, PyAny>,
    sample_weight: Option<&Bound<'py, PyAny>>,
    threshold: f64,
) -> PyResult<Bound<'py, PyDict>> {
    let input = Input::new(y, proba, sample_weight)?;
    let found = enter(y.py(), None, None, |_| all(&input.y, &input.proba, input.weight.as_deref(), threshold))?;
    let out = PyDict::new(y.py());
    for (metric, e) in found {
        out.set_item(metric.name(), (e.value, e.low, e.high))?;
    }
    Ok(out)
}

/// The names that `_metrics` reports.
#[pyfunction(name = "_metric_names")]
pub(crate) fn metric_names() -> Vec<String> {
    Metric::ALL.iter().map(|m| m.name()).collect()
}

/// See `attrition.metrics.best_threshold`.
#[pyfunction(name = "_best_threshold")]
#[pyo3(signature = (y, proba, beta, sample_weight=None))]
pub(crate) fn threshold(
    y: &Bound<'_, PyAny>,
    proba: &Bound<'_, PyAny>,
    beta: f64,
    sample_weight: Option<&Bound<'_, PyAny>>,
) -> PyResult<f64> {
    let input = Input::new(y, proba, sample_weight)?;
    enter(y.py(), None, None, |_| best_threshold(&input.y, &input.proba, input.weight.as_deref(), beta))
}

/// See `attrition.metrics.confusion`.
#[pyfunction(name = "_confusion")]
#[pyo3(signature = (y, proba, sample_weight=None, threshold=0.5))]
pub(crate) fn confusion<'py>(
    y: &Bound<'py, PyAny>,
    proba: &Bound<'py, PyAny>,
    sample_weight: Option<&Bound<'py, PyAny>>,
    threshold: f64,
) -> PyResult<Bound<'py, PyAny>> {
    let input = Input::new(y, proba, sample_weight)?;
    facts(y.py(), &enter(y.py(), None, None, |_| input.scores()?.confusion(threshold))?)
}

type Curve<'py> = (Bound<'py, PyArray1<f64>>, Bound<'py, PyArray1<f64>>, Bound<'py, PyArray1<f64>>);

fn curve(py: Python<'_>, a: Vec<f64>, b: Vec<f64>, c: Vec<f64>) -> Curve<'_> {
    (PyArray1::from_vec(py, a), PyArray1::from_vec(py, b), PyArray1::from_vec(py, c))
}

/// See `attrition.metrics.roc_curve`.
#[pyfunction(name = "_roc_curve")]
#[pyo3(signature = (y, proba, sample_weight=None))]
pub(crate) fn roc_curve<'py>(
    y: &Bound<'py, PyAny>,
    proba: &Bound<'py, PyAny>,
    sample_weight: Option<&Bound<'py, PyAny>>,
) -> PyResult<Curve<'py>> {
    let input = Input::new(y, proba, sample_weight)?;
    let c = enter(y.py(), None, None, |_| input.scores()?.roc_curve())?;
    Ok(curve(y.py(), c.fpr, c.tpr, c.thresholds))
}

/// See `attrition.metrics.precision_recall_curve`.
#[pyfunction(name = "_precision_recall_curve")]
#[pyo3(signature = (y, proba, sample_weight=None))]
pub(crate) fn precision_recall_curve<'py>(
    y: &Bound<'py, PyAny>,
    proba: &Bound<'py, PyAny>,
    sample_weight: Option<&Bound<'py, PyAny>>,
) -> PyResult<Curve<'py>> {
    let input = Input::new(y, proba, sample_weight)?;
    let c = enter(y.py(), None, None, |_| input.scores()?.precision_recall_curve())?;
    Ok(curve(y.py(), c.precision, c.recall, c.thresholds))
}

/// See `attrition.metrics.calibration_curve`.
#[pyfunction(name = "_calibration_curve")]
#[pyo3(signature = (y, proba, sample_weight, n_bins, strategy))]
pub(crate) fn calibration_curve<'py>(
    y: &Bound<'py, PyAny>,
    proba: &Bound<'py, PyAny>,
    sample_weight: Option<&Bound<'py, PyAny>>,
    n_bins: usize,
    strategy: &str,
) -> PyResult<Bound<'py, PyAny>> {
    let py = y.py();
    let binning: Binning = named(py, "strategy", strategy)?;
    let input = Input::new(y, proba, sample_weight)?;
    facts(py, &enter(py, None, None, |_| input.scores()?.calibration_curve(binning, n_bins))?.bins)
}

/// See `attrition.metrics.calibration_error`.
#[pyfunction(name = "_calibration_error")]
#[pyo3(signature = (y, proba, sample_weight, n_bins))]
pub(crate) fn calibration_error(
    y: &Bound<'_, PyAny>,
    proba: &Bound<'_, PyAny>,
    sample_weight: Option<&Bound<'_, PyAny>>,
    n_bins: usize,
) -> PyResult<(f64, f64)> {
    let input = Input::new(y, proba, sample_weight)?;
    let e = enter(y.py(), None, None, |_| input.scores()?.calibration_error(n_bins))?;
    Ok((e.ece, e.mce))
}
