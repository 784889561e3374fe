//! Tables in batches: files that are scanned, Arrow streams, and any iterable of tables.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use arrow_array::RecordBatchReader;
use attrition_core::model::Model;
use attrition_core::profile::Profile;
use attrition_core::table::{
    Batches as Checked, CsvScan, ParquetOptions, ParquetScan, Source as CoreSource, Spool, SqlOptions, SqlScan,
    Table as Core,
};
use attrition_core::{Error, Result, Run};
use pyo3::exceptions::PyTypeError;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyIterator, PyMapping};
use pyo3_arrow::PyRecordBatchReader;

use crate::door::enter;
use crate::json::names;
use crate::table::{Memory, Table, csv_options, is_of, read, unreadable};

/// What an iterable of Python raised: an error of the core carries text only.
#[derive(Clone, Default)]
struct Raised(Arc<Mutex<Option<PyErr>>>);

impl Raised {
    fn keep(&self, py: Python<'_>, error: PyErr) -> Error {
        let text = error.value(py).to_string();
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(error);
        Error::Internal(text)
    }

    /// The exception itself, where one was raised.
    fn or(&self, error: PyErr) -> PyErr {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take().unwrap_or(error)
    }
}

/// A source that is being read.
struct Reading {
    source: Box<dyn CoreSource>,
    raised: Raised,
}

/// Where batches come from.
enum Origin {
    /// A file: opened anew for each reading.
    File(Box<dyn Fn() -> Box<dyn CoreSource> + Send + Sync>),
    /// A table, a stream or an iterable of Python.
    Object(Py<PyAny>),
}

/// A table in batches: what does not fit in memory is read piece by piece.
///
/// `Source(data)` takes an iterable of tables (each of them anything that `Table` takes), anything with `__arrow_c_stream__`,
/// which is read batch by batch, or one table. `scan_csv` and `scan_parquet` make sources of files. All batches have the
/// same columns. `for table in source` reads it from the start; a generator or a stream can be read once.
#[pyclass(frozen, module = "attrition")]
pub(crate) struct Source {
    origin: Origin,
    described: String,
}

impl Source {
    /// Of a scan, which is opened anew for each reading.
    fn file<S: CoreSource + std::fmt::Debug + 'static>(scan: S, again: fn(&S) -> S) -> Source {
        let described = format!("{scan:?}");
        let scan = Mutex::new(scan);
        let open =
            move || -> Box<dyn CoreSource> { Box::new(again(&scan.lock().unwrap_or_else(PoisonError::into_inner))) };
        Source { origin: Origin::File(Box::new(open)), described }
    }

    /// All batches as one table.
    pub(crate) fn whole(&self, py: Python<'_>) -> PyResult<Arc<Core>> {
        let mut reading = self.open(py)?;
        let collected = enter(py, None, None, |run| Core::collect(reading.source.as_mut(), run));
        collected.map(Arc::new).map_err(|e| reading.raised.or(e))
    }

    /// All batches on disk, to be trained on.
    pub(crate) fn spool(&self, py: Python<'_>, progress: Option<&Bound<'_, PyAny>>) -> PyResult<Spool> {
        let mut reading = self.open(py)?;
        let spool = enter(py, progress, None, |run| Spool::of(reading.source.as_mut(), run));
        spool.map_err(|e| reading.raised.or(e))
    }

    /// A model's scores, batch by batch.
    pub(crate) fn scores(
        &self,
        py: Python<'_>,
        model: &Model,
        progress: Option<&Bound<'_, PyAny>>,
        n_threads: Option<usize>,
    ) -> PyResult<Vec<f64>> {
        let mut reading = self.open(py)?;
        let scores = enter(py, progress, n_threads, |run| model.predict_proba_source(reading.source.as_mut(), run));
        scores.map_err(|e| reading.raised.or(e))
    }

    /// The profile of the named columns, of all where no names are given, batch by batch.
    pub(crate) fn profile(
        &self,
        py: Python<'_>,
        names: Option<Vec<String>>,
        progress: Option<&Bound<'_, PyAny>>,
        n_threads: Option<usize>,
    ) -> PyResult<Profile> {
        let mut reading = self.open(py)?;
        let source = reading.source.as_mut();
        let profile = enter(py, progress, n_threads, |run| match &names {
            None => Profile::of_source(source, run),
            Some(names) => {
                Profile::of_source_columns(source, &names.iter().map(String::as_str).collect::<Vec<_>>(), run)
            }
        });
        profile.map_err(|e| reading.raised.or(e))
    }

    /// From the start.
    fn open(&self, py: Python<'_>) -> PyResult<Reading> {
        match &self.origin {
            Origin::File(open) => Ok(Reading { source: open(), raised: Raised::default() }),
            Origin::Object(object) => of_object(object.bind(py)),
        }
    }
}

#[pymethods]
impl Source {
    #[new]
    fn py_new(data: &Bound<'_, PyAny>) -> PyResult<Source> {
        let kind = data.get_type().name()?.to_string();
        let iterates = data.hasattr(intern!(data.py(), "__iter__"))?
            || data.hasattr(intern!(data.py(), "__arrow_c_stream__"))?
            || data.cast::<Table>().is_ok();
        if !iterates {
            return Err(PyTypeError::new_err(format!("a source is an iterable of tables or one table, not {kind}")));
        }
        Ok(Source { origin: Origin::Object(data.clone().unbind()), described: kind })
    }

    /// An iterator over the batches, from the start.
    fn __iter__(&self, py: Python<'_>) -> PyResult<Batches> {
        Ok(Batches { reading: Mutex::new(Some(self.open(py)?)) })
    }

    /// All batches as one table. Whole numbers and floats together are floats; a column without any value in a batch takes
    /// the others' type.
    #[pyo3(signature = (*, n_threads=None, progress=None))]
    fn collect(
        &self,
        py: Python<'_>,
        n_threads: Option<usize>,
        progress: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<Table> {
        let mut reading = self.open(py)?;
        let collected = enter(py, progress, n_threads, |run| Core::collect(reading.source.as_mut(), run));
        collected.map(Table::new).map_err(|e| reading.raised.or(e))
    }

    fn __repr__(&self) -> String {
        format!("Source({})", self.described)
    }
}

/// The batches of a source, as tables.
#[pyclass(frozen, module = "attrition")]
pub(crate) struct Batches {
    /// Taken while a batch is read, and for good after the last one or an error.
    reading: Mutex<Option<Reading>>,
}

#[pymethods]
impl Batches {
    fn __iter__(slf: PyRef<'_, Self>) -> PyRef<'_, Self> {
        slf
    }

    fn __next__(&self, py: Python<'_>) -> PyResult<Option<Table>> {
        let Some(mut reading) = self.reading.lock().unwrap_or_else(PoisonError::into_inner).take() else {
            return Ok(None);
        };
        let batch = enter(py, None, None, |run| reading.source.next_batch(run)).map_err(|e| reading.raised.or(e))?;
        if batch.is_some() {
            *self.reading.lock().unwrap_or_else(PoisonError::into_inner) = Some(reading);
        }
        Ok(batch.map(Table::new))
    }
}

fn of_object(object: &Bound<'_, PyAny>) -> PyResult<Reading> {
    let py = object.py();
    if let Ok(source) = object.cast::<Source>() {
        return source.get().open(py);
    }
    let raised = Raised::default();
    if object.cast::<Table>().is_ok()
        || object.cast::<PyMapping>().is_ok()
        || is_of(object, "pandas", "DataFrame")?
        || is_of(object, "numpy", "ndarray")?
    {
        let table = Core::clone(&*read(object, None, Memory::Copied)?);
        return Ok(Reading { source: Box::new(Checked::new([Ok(table)])), raised });
    }
    if object.hasattr(intern!(py, "__arrow_c_stream__"))? {
        let reader = object.extract::<PyRecordBatchReader>().map_err(|e| unreadable(py, &e))?.into_reader()?;
        return Ok(Reading { source: Box::new(Checked::new(Stream(reader))), raised });
    }
    let tables = Tables { iterator: object.try_iter()?.unbind(), raised: raised.clone() };
    Ok(Reading { source: Box::new(Checked::new(tables)), raised })
}

/// The batches of an Arrow stream.
struct Stream(Box<dyn RecordBatchReader + Send>);

impl Iterator for Stream {
    type Item = Result<Core>;
    fn next(&mut self) -> Option<Result<Core>> {
        let batch = self.0.next()?;
        Some(match batch {
            Ok(batch) => Core::from_record_batches(&batch.schema(), &[batch]),
            Err(e) => Err(Error::data(
                attrition_core::error::Place::none(),
                e,
                "a stream of Arrow's C interface",
                "check what gives the stream",
            )),
        })
    }
}

/// The tables of an iterable of Python, which needs the GIL for each.
struct Tables {
    iterator: Py<PyIterator>,
    raised: Raised,
}

impl Iterator for Tables {
    type Item = Result<Core>;
    fn next(&mut self) -> Option<Result<Core>> {
        Python::attach(|py| {
            let next = self.iterator.bind(py).clone().next()?;
            let table = next.and_then(|item| read(&item, None, Memory::Copied));
            Some(table.map(|t| Core::clone(&t)).map_err(|e| self.raised.keep(py, e)))
        })
    }
}

/// Read a CSV file in batches; the options are those of `read_csv`. Types are found over the whole file by a first pass that
/// keeps nothing, so that the batches together are what `read_csv` reads.
#[pyfunction]
#[pyo3(signature = (path, *, delimiter=",", missing=None, text=None, trim=false, n_threads=None, progress=None))]
#[allow(clippy::too_many_arguments, reason = "they are Python's keywords")]
pub(crate) fn scan_csv(
    py: Python<'_>,
    path: PathBuf,
    delimiter: &str,
    missing: Option<&Bound<'_, PyAny>>,
    text: Option<&Bound<'_, PyAny>>,
    trim: bool,
    n_threads: Option<usize>,
    progress: Option<&Bound<'_, PyAny>>,
) -> PyResult<Source> {
    let options = csv_options(py, delimiter, missing, text, trim)?;
    let work = |run: &Run| attrition_core::table::scan_csv(&path, options, run);
    Ok(Source::file(enter(py, progress, n_threads, work)?, CsvScan::again))
}

/// Read a Parquet file in batches of at most `batch_rows` rows; `columns` are those to read, in this order (None: all).
#[pyfunction]
#[pyo3(signature = (path, *, columns=None, batch_rows=65536))]
pub(crate) fn scan_parquet(
    py: Python<'_>,
    path: PathBuf,
    columns: Option<&Bound<'_, PyAny>>,
    batch_rows: usize,
) -> PyResult<Source> {
    let options = ParquetOptions { columns: columns.map(names).transpose()?, batch_rows };
    let scan = enter(py, None, None, |_| attrition_core::table::scan_parquet(&path, options))?;
    Ok(Source::file(scan, ParquetScan::again))
}

/// Read the rows of a query, or of a table by its bare name, from SQLite or PostgreSQL in batches; see `read_sql`. The
/// connection is opened when the first batch is read.
#[pyfunction]
#[pyo3(signature = (query, url, *, batch_rows=65536))]
pub(crate) fn scan_sql(py: Python<'_>, query: &str, url: &str, batch_rows: usize) -> PyResult<Source> {
    let options = SqlOptions { batch_rows };
    let scan = enter(py, None, None, |_| attrition_core::table::scan_sql(query, url, options))?;
    Ok(Source::file(scan, SqlScan::again))
}
