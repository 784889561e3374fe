//! Mergeable summaries of tables.

use std::sync::{Mutex, MutexGuard, PoisonError};

use attrition_core::profile::Profile as Core;
use pyo3::prelude::*;
use pyo3::pybacked::PyBackedBytes;
use pyo3::types::PyBytes;

use crate::door::{detached, enter, quick};
use crate::json::facts;
use crate::source::Source;
use crate::table::{Memory, read};

/// What a table's columns look like, in kilobytes and without a row: counts, exact moments, ends, and how the values are
/// spread. Names of levels are kept: leave out columns of names or ids.
///
/// Profiles merge exactly: those of a table's parts, merged in any order, are the profile of the whole to the last byte. A
/// cluster makes one a partition.
#[pyclass(frozen, module = "attrition.drift")]
pub(crate) struct Profile {
    inner: Mutex<Core>,
}

impl Profile {
    fn new(inner: Core) -> Profile {
        Profile { inner: Mutex::new(inner) }
    }

    /// Held for as long as a merge takes, never while Python is called.
    fn lock(&self) -> MutexGuard<'_, Core> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The summary of the named columns of a table or source; of all where no names are given.
fn summary(
    data: &Bound<'_, PyAny>,
    names: Option<Vec<String>>,
    n_threads: Option<usize>,
    progress: Option<&Bound<'_, PyAny>>,
) -> PyResult<Core> {
    let py = data.py();
    if let Ok(source) = data.cast::<Source>() {
        return source.get().profile(py, names, progress, n_threads);
    }
    let table = read(data, None, Memory::Shared)?;
    enter(py, progress, n_threads, |run| match &names {
        None => Core::of(&table, run),
        Some(names) => Core::of_columns(&table, &names.iter().map(String::as_str).collect::<Vec<_>>(), run),
    })
}

#[pymethods]
impl Profile {
    /// The profile of a table, or of a `Source`, which is read batch by batch and never held as a whole.
    #[staticmethod]
    #[pyo3(signature = (data, *, n_threads=None, progress=None))]
    fn of(data: &Bound<'_, PyAny>, n_threads: Option<usize>, progress: Option<&Bound<'_, PyAny>>) -> PyResult<Profile> {
        summary(data, None, n_threads, progress).map(Profile::new)
    }

    /// Adds the rows of a table or `Source` to this profile, and returns it. Its columns are read, others passed over; on an
    /// error it is as before.
    #[pyo3(signature = (data, *, n_threads=None, progress=None))]
    fn update<'py>(
        slf: Bound<'py, Self>,
        data: &Bound<'py, PyAny>,
        n_threads: Option<usize>,
        progress: Option<&Bound<'py, PyAny>>,
    ) -> PyResult<Bound<'py, Self>> {
        let more = summary(data, Some(slf.get().names()), n_threads, progress)?;
        quick(slf.py(), || slf.get().lock().merge(&more))?;
        Ok(slf)
    }

    /// Adds the rows of another profile of the same columns to this one, and returns it. On an error it is as before.
    fn merge<'py>(slf: Bound<'py, Self>, other: &Bound<'py, Profile>) -> PyResult<Bound<'py, Self>> {
        // A copy: both may be one.
        let more = other.get().lock().clone();
        quick(slf.py(), || slf.get().lock().merge(&more))?;
        Ok(slf)
    }

    /// The columns' names, sorted.
    #[getter]
    fn names(&self) -> Vec<String> {
        self.lock().names().map(str::to_owned).collect()
    }

    /// Rows seen.
    #[getter]
    fn n_rows(&self) -> u64 {
        self.lock().n_rows()
    }

    /// `{"n_rows", "columns": {name: {"kind", "n_missing", "missing_rate", …}}}` as plain values. A number or time (in days since
    /// 1970) has `mean`, `std`, `min`, `max`, `n_infinite` and `quantiles`, a category or truth value the counts of its `levels`.
    fn to_dict<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        let known = self.lock().facts();
        facts(py, &known)
    }

    /// As bytes. The same rows give the same bytes, in whatever order and parts they came, in every language.
    fn to_bytes<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyBytes>> {
        Ok(PyBytes::new(py, &detached(py, || self.lock().to_bytes())?))
    }

    /// The profile of bytes that `to_bytes` gave.
    #[staticmethod]
    fn from_bytes(py: Python<'_>, data: PyBackedBytes) -> PyResult<Profile> {
        detached(py, || Core::from_bytes(&data)).map(Profile::new)
    }

    fn __eq__(&self, other: &Bound<'_, PyAny>) -> bool {
        let Ok(other) = other.cast::<Profile>() else { return false };
        // One lock after the other: both may be one.
        let other = other.get().lock().clone();
        *self.lock() == other
    }

    fn __reduce__<'py>(&self, py: Python<'py>) -> PyResult<(Bound<'py, PyAny>, (Bound<'py, PyBytes>,))> {
        Ok((py.get_type::<Profile>().getattr("from_bytes")?, (self.to_bytes(py)?,)))
    }

    fn __repr__(&self) -> String {
        let inner = self.lock();
        format!("Profile({} rows, {} columns)", inner.n_rows(), inner.names().len())
    }
}
