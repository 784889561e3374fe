//! How good a model is on a table.

use attrition_core::evaluate::Evaluation as Core;
use attrition_core::report::Report;
use pyo3::prelude::*;

use crate::json::facts;

/// A model judged on labelled rows.
#[pyclass(frozen, module = "attrition")]
pub(crate) struct Evaluation {
    pub(crate) inner: Core,
}

#[pymethods]
impl Evaluation {
    /// Number of rows.
    #[getter]
    fn n(&self) -> usize {
        self.inner.n
    }

    /// The threshold of the confusion table.
    #[getter]
    fn threshold(&self) -> f64 {
        self.inner.threshold
    }

    /// `{metric: {"value", "low", "high"}}` with 95 % intervals.
    #[getter]
    fn metrics<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        facts(py, &self.inner.metrics)
    }

    /// `{"tn", "fp", "fn", "tp"}` at the threshold.
    #[getter]
    fn confusion<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        facts(py, &self.inner.confusion)
    }

    /// `n`, `n_positive`, `threshold`, `metrics`, `confusion` and `curves` as plain values.
    fn to_dict<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        facts(py, &self.inner)
    }

    /// Draw the ROC, precision–recall and calibration curves with matplotlib, into three `axes` or a new figure; returns the
    /// figure.
    #[pyo3(signature = (axes=None))]
    fn plot<'py>(&self, py: Python<'py>, axes: Option<&Bound<'py, PyAny>>) -> PyResult<Bound<'py, PyAny>> {
        let draw = py.import("attrition._plot")?.getattr("evaluation")?;
        draw.call1((self.to_dict(py)?, axes))
    }

    /// Metrics, confusion table and curves, for notebooks.
    fn _repr_html_(&self) -> String {
        Report::from(&self.inner).to_html()
    }

    fn __repr__(&self) -> String {
        let auc = self.inner.metrics.get("roc_auc").map_or(String::new(), |m| format!(", roc_auc {:.4}", m.value));
        format!("Evaluation({} rows, {} positive{auc})", self.inner.n, self.inner.n_positive)
    }
}
