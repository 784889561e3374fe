//! Search: the study and its trials; spaces, options and results cross as data.

use std::path::PathBuf;

use attrition_core::tune::{Ongoing, Optimize, Outcome, Params, SearchSpace, Study as Core, StudyOptions};
use attrition_core::{Error, Result};
use pyo3::prelude::*;
use pyo3::types::PyDict;

use crate::door::{enter, guarded, quick};
use crate::error::to_py;
use crate::json::{facts, options, to_json};

/// A search, as `attrition.Study` drives it.
#[pyclass(frozen, module = "attrition._core", name = "_Study")]
pub(crate) struct Study {
    inner: Core,
}

/// The study may wait for the disk, for a model of the trials, or for another thread: not with the GIL in hand.
fn free<T: Send>(py: Python<'_>, work: impl FnOnce() -> Result<T> + Send) -> PyResult<T> {
    py.detach(|| guarded(work)).map_err(|e| to_py(py, &e))
}

fn data<T: serde::de::DeserializeOwned>(py: Python<'_>, name: &str, given: &Bound<'_, PyAny>) -> PyResult<T> {
    let value = to_json(name, given)?;
    quick(py, || {
        serde_json::from_value(value)
            .map_err(|e| Error::param(name, e, "data of this form", "check the names and the types of the values"))
    })
}

/// What a Python callable made of a trial.
fn outcome(result: &Bound<'_, PyAny>) -> PyResult<Outcome> {
    let (kind, value): (String, Bound<'_, PyAny>) = result.extract()?;
    Ok(match kind.as_str() {
        "pruned" => Outcome::Pruned,
        "failed" => Outcome::Failed(value.extract()?),
        _ => match value.extract::<f64>() {
            Ok(one) => one.into(),
            Err(_) => value.extract::<Vec<f64>>()?.into(),
        },
    })
}

#[pymethods]
impl Study {
    #[new]
    #[pyo3(signature = (space, options, storage=None))]
    fn new(space: &Bound<'_, PyDict>, options: &Bound<'_, PyDict>, storage: Option<PathBuf>) -> PyResult<Study> {
        let py = space.py();
        let (space, options) = (self::options(space)?, self::options(options)?);
        let inner = free(py, || {
            let (space, options) = (SearchSpace::from_json(&space)?, StudyOptions::from_json(&options)?);
            match storage {
                None => Core::new(space, options),
                Some(path) => Core::open(path, space, options),
            }
        })?;
        Ok(Study { inner })
    }

    /// The study of a journal.
    #[staticmethod]
    fn load(py: Python<'_>, path: PathBuf) -> PyResult<Study> {
        Ok(Study { inner: free(py, || Core::load(path))? })
    }

    /// The next trial.
    fn ask<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        facts(py, &free(py, || self.inner.ask())?)
    }

    /// What came of a trial: `("complete", value)`, `("pruned", None)`, `("failed", message)`.
    fn tell<'py>(&self, number: u64, outcome: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
        let (py, outcome) = (outcome.py(), self::outcome(outcome)?);
        facts(py, &free(py, || self.inner.tell(number, outcome))?)
    }

    /// Keeps an intermediate value, and says whether the pruner would stop there.
    fn report(&self, py: Python<'_>, number: u64, step: u64, value: f64) -> PyResult<bool> {
        free(py, || {
            self.inner.report(number, step, value)?;
            self.inner.should_prune(number)
        })
    }

    /// Keeps a fact with a trial.
    fn note(&self, number: u64, name: &str, value: &Bound<'_, PyAny>) -> PyResult<()> {
        let py = value.py();
        let value = to_json(name, value)?;
        free(py, || self.inner.note(number, name, value))
    }

    /// A trial that is asked for first.
    fn enqueue(&self, params: &Bound<'_, PyDict>) -> PyResult<u64> {
        let py = params.py();
        let params: Params = data(py, "params", params)?;
        free(py, || self.inner.enqueue(&params))
    }

    /// Another space from here on.
    fn set_space(&self, space: &Bound<'_, PyDict>) -> PyResult<()> {
        let (py, space) = (space.py(), options(space)?);
        free(py, || self.inner.set_space(SearchSpace::from_json(&space)?))
    }

    /// The space as plain data.
    #[getter]
    fn space<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        facts(py, &self.inner.space())
    }

    /// The options as plain data.
    #[getter]
    fn options<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        facts(py, &self.inner.options())
    }

    /// Brings in what other processes wrote.
    fn refresh(&self, py: Python<'_>) -> PyResult<()> {
        free(py, || self.inner.refresh())
    }

    /// Every trial.
    #[getter]
    fn trials<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        facts(py, &free(py, || Ok(self.inner.trials()))?)
    }

    /// Numbers of the finished trials, in the order in which they were told.
    #[getter]
    fn finished(&self) -> Vec<u64> {
        self.inner.finished()
    }

    /// The best trial.
    fn best<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        facts(py, &free(py, || self.inner.best())?)
    }

    /// The trials that no other dominates.
    fn pareto_front<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        facts(py, &free(py, || Ok(self.inner.pareto_front()))?)
    }

    /// What the front covers.
    fn hypervolume(&self, py: Python<'_>, reference: Vec<f64>) -> PyResult<f64> {
        free(py, || self.inner.hypervolume(&reference))
    }

    /// What each parameter explains.
    #[pyo3(signature = (objective=0))]
    fn importance<'py>(&self, py: Python<'py>, objective: usize) -> PyResult<Bound<'py, PyAny>> {
        facts(py, &free(py, || self.inner.importance(objective))?)
    }

    /// Runs `call(trial) -> outcome` until enough trials are finished.
    #[pyo3(signature = (call, options, progress=None))]
    fn optimize(
        &self,
        call: &Bound<'_, PyAny>,
        options: &Bound<'_, PyDict>,
        progress: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<()> {
        let py = call.py();
        let how: Optimize = data(py, "options", options)?;
        let call = call.clone().unbind();
        let run_one = |trial: &Ongoing<'_>| {
            Python::attach(|py| {
                let done = facts(py, &**trial).and_then(|t| call.bind(py).call1((t,))).and_then(|r| outcome(&r));
                done.map_err(|e| Error::Internal(e.to_string()))
            })
        };
        enter(py, progress, None, |run| self.inner.optimize(&how, run, run_one))
    }

    fn __repr__(&self) -> String {
        format!("Study({} trials)", self.inner.trials().len())
    }
}
