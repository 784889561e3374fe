//! A trained model: it predicts, explains and judges.

use std::cell::RefCell;
use std::path::PathBuf;

use attrition_core::model::{
    Model as Core, Prediction as CorePrediction, Training as CoreTraining, Warning as CoreWarning,
};
use attrition_core::report::Report;
use attrition_core::schema::ValueRef;
use attrition_core::table::Value;
use attrition_core::{Error, error::Problem};
use numpy::PyArray1;
use pyo3::exceptions::PyTypeError;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::pybacked::PyBackedBytes;
use pyo3::types::{PyBytes, PyDict, PyList, PyString, PyTuple};

use crate::cell::Cell;
use crate::door::{detached, enter, guarded, quick};
use crate::error::to_py;
use crate::evaluate::Evaluation;
use crate::json::facts;
use crate::schema::Schema;
use crate::source::Source;
use crate::table::{Memory, read, refused_words, value_to_py};

/// Tables of at most so many rows are scored in less time than a thread takes to start.
const FEW_ROWS: usize = 64;

/// A trained model. It does not change, and may be used by many threads at once.
#[pyclass(frozen, module = "attrition")]
pub(crate) struct Model {
    inner: Core,
    /// The features' names as interned strings: what a row is asked for.
    keys: Vec<Py<PyString>>,
}

thread_local! {
    static ROW: RefCell<Vec<f64>> = const { RefCell::new(Vec::new()) };
}

impl Model {
    pub(crate) fn new(py: Python<'_>, inner: Core) -> Model {
        let keys = inner.row_spec().fields().iter().map(|f| PyString::intern(py, &f.name).unbind()).collect();
        Model { inner, keys }
    }

    /// A row as packed slots. Which values a slot takes is the core's rule.
    fn pack(&self, row: &Bound<'_, PyAny>, out: &mut Vec<f64>) -> Result<(), Failure> {
        let py = row.py();
        let mut cells: Vec<Option<Cell<'_>>> = Vec::with_capacity(self.keys.len());
        if let Ok(dict) = row.cast::<PyDict>() {
            for key in &self.keys {
                let key = key.bind(py);
                cells.push(dict.get_item(key)?.map(|value| cell(key, &value)).transpose()?);
            }
        } else {
            // Any mapping; and a pandas Series, which has keys and is none by name.
            if !row.hasattr(intern!(py, "keys"))? {
                let got = row.get_type().fully_qualified_name()?;
                let message = format!("a row is a mapping of column names to values, not an object of type {got}");
                return Err(PyTypeError::new_err(message).into());
            }
            for key in &self.keys {
                let key = key.bind(py);
                cells.push(if row.contains(key)? { Some(cell(key, &row.get_item(key)?)?) } else { None });
            }
        }
        let mut values: Vec<Option<ValueRef<'_>>> = Vec::with_capacity(cells.len());
        for (cell, key) in cells.iter().zip(&self.keys) {
            let value = cell.as_ref().map(Cell::value_ref).transpose();
            values.push(value.map_err(|e| refused(key.bind(py), e))?);
        }
        Ok(guarded(|| self.inner.pack(|slot, _| values.get(slot).copied().flatten(), out))?)
    }

    /// Pack a row into this thread's own buffer and hand it to `use_row`.
    fn packed<T>(&self, row: &Bound<'_, PyAny>, use_row: impl FnOnce(&[f64]) -> Result<T, Error>) -> PyResult<T> {
        // Taken out while it is used: a mapping may call back into Python, and that into this function.
        let mut buffer = ROW.take();
        let result = self.pack(row, &mut buffer).map_err(|e| e.raise(row.py()));
        let result = result.and_then(|()| quick(row.py(), || use_row(&buffer)));
        ROW.set(buffer);
        result
    }

    /// Rows one after the other, packed.
    fn pack_rows(&self, rows: &Bound<'_, PyList>) -> PyResult<Vec<f64>> {
        let mut out = Vec::with_capacity(rows.len() * self.keys.len());
        let mut row = Vec::with_capacity(self.keys.len());
        for (i, item) in rows.iter().enumerate() {
            self.pack(&item, &mut row).map_err(|e| e.in_row(i).raise(rows.py()))?;
            out.extend_from_slice(&row);
        }
        Ok(out)
    }

    fn scores(
        &self,
        data: &Bound<'_, PyAny>,
        names: Option<Vec<String>>,
        progress: Option<&Bound<'_, PyAny>>,
        n_threads: Option<usize>,
    ) -> PyResult<Vec<f64>> {
        let py = data.py();
        let rows = match data.cast::<PyTuple>() {
            Ok(tuple) => Some(tuple.to_list()),
            Err(_) => data.cast::<PyList>().ok().cloned(),
        };
        if let Some(rows) = rows {
            // A list of rows follows the rule of one row: each score is that of `proba_one`.
            let packed = self.pack_rows(&rows)?;
            return enter(py, progress, n_threads, |run| self.inner.predict_proba_packed(&packed, run));
        }
        if let Ok(source) = data.cast::<Source>() {
            return source.get().scores(py, &self.inner, progress, n_threads);
        }
        let table = read(data, names, Memory::Shared)?;
        if table.n_rows() <= FEW_ROWS && progress.is_none() {
            return detached(py, || self.inner.predict_proba(&table));
        }
        enter(py, progress, n_threads, |run| self.inner.predict_proba_with(&table, run))
    }
}

/// Why a row could not be packed: the core's error, or what the row itself raised.
enum Failure {
    Core(Error),
    Raised(PyErr),
}

impl From<Error> for Failure {
    fn from(e: Error) -> Failure {
        Failure::Core(e)
    }
}

impl From<PyErr> for Failure {
    fn from(e: PyErr) -> Failure {
        Failure::Raised(e)
    }
}

impl Failure {
    /// The same in a row of a list.
    fn in_row(self, row: usize) -> Failure {
        match self {
            Failure::Core(Error::SchemaMismatch { mut problems }) => {
                problems.iter_mut().for_each(|p| p.row = Some(row));
                Failure::Core(Error::SchemaMismatch { problems })
            }
            other => other,
        }
    }

    fn raise(self, py: Python<'_>) -> PyErr {
        match self {
            Failure::Core(e) => to_py(py, &e),
            Failure::Raised(e) => e,
        }
    }
}

/// Values with their contributions: out of a dict, of pairs, or of dicts as `terms` gives them.
fn written(values: &Bound<'_, PyAny>) -> PyResult<Vec<(Value, f64)>> {
    let py = values.py();
    let items = match values.cast::<PyDict>() {
        Ok(dict) => dict.items().into_any(),
        Err(_) => values.clone(),
    };
    let mut out = Vec::new();
    for item in items.try_iter()? {
        let item = item?;
        let (value, contribution) = match item.cast::<PyDict>() {
            Ok(entry) => {
                (entry.as_any().get_item(intern!(py, "value"))?, entry.as_any().get_item(intern!(py, "contribution"))?)
            }
            Err(_) => item.extract()?,
        };
        let value = match Cell::of(&value)? {
            Cell::Missing => Value::Missing,
            Cell::Bool(b) => Value::Bool(b),
            Cell::Int(i) => Value::Int(i),
            Cell::Float(x) => Value::Float(x),
            Cell::Text(s) => Value::Text(s.to_str()?.to_owned()),
            Cell::Time(t) => Value::Time(t),
        };
        out.push((value, contribution.extract()?));
    }
    Ok(out)
}

fn cell<'py>(key: &Bound<'py, PyString>, value: &Bound<'py, PyAny>) -> Result<Cell<'py>, Failure> {
    Cell::of(value).map_err(|e| refused(key, e))
}

/// The failure of an object that is no value, or of the exception that it raised itself.
fn refused(key: &Bound<'_, PyString>, e: PyErr) -> Failure {
    let Some(got) = refused_words(key.py(), &e) else { return Failure::Raised(e) };
    Failure::Core(Error::SchemaMismatch {
        problems: vec![Problem {
            column: key.to_string(),
            row: None,
            got,
            expected: "a number, a string, a truth value, a time or None".into(),
            hint: "convert the value".into(),
        }],
    })
}

#[pymethods]
impl Model {
    /// P(target == positive) of every row, in row order.
    ///
    /// `data` is a table of any sort (see `Table`) or a list of dict rows; columns are found by name, further columns are
    /// passed over, gaps and unseen categories are handled as in training.
    #[pyo3(signature = (data, *, names=None, n_threads=None, progress=None))]
    fn predict_proba<'py>(
        &self,
        data: &Bound<'py, PyAny>,
        names: Option<Vec<String>>,
        n_threads: Option<usize>,
        progress: Option<&Bound<'py, PyAny>>,
    ) -> PyResult<Bound<'py, PyArray1<f64>>> {
        let scores = self.scores(data, names, progress, n_threads)?;
        Ok(PyArray1::from_vec(data.py(), scores))
    }

    /// The label of every row at the model's threshold, in the target's own type.
    #[pyo3(signature = (data, *, names=None, n_threads=None, progress=None))]
    fn predict<'py>(
        &self,
        data: &Bound<'py, PyAny>,
        names: Option<Vec<String>>,
        n_threads: Option<usize>,
        progress: Option<&Bound<'py, PyAny>>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let py = data.py();
        let scores = self.scores(data, names, progress, n_threads)?;
        let positive = &self.inner.labels()[1];
        // By identity: two labels are never one.
        let codes =
            PyArray1::from_iter(py, scores.iter().map(|&p| i64::from(std::ptr::eq(self.inner.label(p), positive))));
        let keywords = PyDict::new(py);
        let dtype = match positive {
            Value::Text(_) | Value::Missing => "object",
            Value::Bool(_) => "bool",
            Value::Int(_) => "int64",
            Value::Float(_) => "float64",
            Value::Time(_) => "datetime64[us]",
        };
        keywords.set_item("dtype", dtype)?;
        let labels = py.import("numpy")?.getattr("array")?.call((self.labels(py)?,), Some(&keywords))?;
        labels.call_method1("take", (codes,))
    }

    /// P(target == positive) of one row, a mapping of column names to values. Equal to `predict_proba` of the same row to
    /// the last bit; microseconds.
    fn proba_one(&self, row: &Bound<'_, PyAny>) -> PyResult<f64> {
        self.packed(row, |packed| self.inner.proba_packed(packed))
    }

    /// Probability, label, and what had to be repaired, of one row.
    fn predict_one(&self, row: &Bound<'_, PyAny>) -> PyResult<Prediction> {
        self.packed(row, |packed| self.inner.predict_one_packed(packed)).map(|inner| Prediction { inner })
    }

    /// Contribution of every original column to the row's log-odds, and `"(base)"`: `{column: float}`. Their sum is the
    /// log-odds of `proba_one`. Exact, for additive learners only.
    fn contributions<'py>(&self, row: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyDict>> {
        let py = row.py();
        let found = self.packed(row, |packed| self.inner.contributions_packed(packed))?;
        let out = PyDict::new(py);
        for (name, x) in found {
            out.set_item(name, x)?;
        }
        Ok(out)
    }

    /// Each column's effect as a table: `column`, `kind`, `importance`, and `values` with `value`, `contribution`, `low`,
    /// `high`. For additive learners only.
    fn terms<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        facts(py, &detached(py, || self.inner.terms())?)
    }

    /// What each column did in the model's trees, greatest gain first: `{column: {"gain": float, "splits": int, "cover":
    /// float}}`. For learners of trees; see `terms` for the others.
    fn importances<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let out = PyDict::new(py);
        for (name, importance) in detached(py, || self.inner.importances())? {
            out.set_item(name, facts(py, &importance)?)?;
        }
        Ok(out)
    }

    /// How good the model is on labelled rows.
    #[pyo3(signature = (data, *, names=None, n_threads=None, progress=None))]
    fn evaluate(
        &self,
        data: &Bound<'_, PyAny>,
        names: Option<Vec<String>>,
        n_threads: Option<usize>,
        progress: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<Evaluation> {
        let table = read(data, names, Memory::Shared)?;
        let inner = enter(data.py(), progress, n_threads, |run| self.inner.evaluate(&table, run))?;
        Ok(Evaluation { inner })
    }

    /// What each column is and what it is for.
    #[getter]
    fn schema(&self) -> Schema {
        Schema { inner: self.inner.schema().clone() }
    }

    /// The learner's name; `"blend"` for several.
    #[getter]
    fn learner(&self) -> &'static str {
        self.inner.learner_name()
    }

    /// The learner's parameters; of a blend `{"members": [{"learner", "weight", "params"}, …]}`.
    #[getter]
    fn params<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        facts(py, &self.inner.params())
    }

    /// Rows with at least this probability get the positive label.
    #[getter]
    fn threshold(&self) -> f64 {
        self.inner.threshold()
    }

    /// The same model with another threshold.
    fn with_threshold(&self, py: Python<'_>, threshold: f64) -> PyResult<Model> {
        quick(py, || self.inner.with_threshold(threshold)).map(|inner| Model::new(py, inner))
    }

    /// The same model with the contributions of one column as a person writes them; `glassbox` only. `training["edits"]` keeps
    /// the term as it was.
    ///
    /// `values` is a dict from value to contribution, pairs of both, or the `values` of `terms()`; None is a gap. Between
    /// numbers contributions go in straight lines; levels and gaps that are not given keep theirs.
    fn with_term(&self, column: &str, values: &Bound<'_, PyAny>) -> PyResult<Model> {
        let py = values.py();
        let values = written(values)?;
        quick(py, || self.inner.with_term(column, &values)).map(|inner| Model::new(py, inner))
    }

    /// The same model without a term: a column, whose pairs go with it, or one pair `A × B`; `glassbox` only.
    fn without_term(&self, py: Python<'_>, term: &str) -> PyResult<Model> {
        quick(py, || self.inner.without_term(term)).map(|inner| Model::new(py, inner))
    }

    /// `[negative, positive]`, in the target's own type.
    #[getter]
    fn labels<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyList>> {
        let labels = self.inner.labels().iter().map(|label| value_to_py(py, label));
        PyList::new(py, labels.collect::<PyResult<Vec<_>>>()?)
    }

    /// What is done to each column before the learner sees it; of a blend, before its heaviest member does.
    #[getter]
    fn pipeline(&self) -> Pipeline {
        Pipeline { model: self.inner.clone(), member: 0 }
    }

    /// One pipeline a learner: one, or one for each member of a blend, heaviest first, as in `params["members"]`.
    #[getter]
    fn pipelines(&self) -> Vec<Pipeline> {
        (0..self.inner.members().len()).map(|member| Pipeline { model: self.inner.clone(), member }).collect()
    }

    /// How the model was trained.
    #[getter]
    fn training(&self) -> Training {
        Training { inner: self.inner.training().clone() }
    }

    /// Write the model's file: whole or not at all.
    fn save(&self, py: Python<'_>, path: PathBuf) -> PyResult<()> {
        enter(py, None, None, |_| self.inner.save(&path))
    }

    /// The bytes that `save` writes.
    fn to_bytes<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyBytes>> {
        Ok(PyBytes::new(py, &enter(py, None, None, |_| self.inner.to_bytes())?))
    }

    /// The model of bytes that `to_bytes` gave, or that stand in a model's file.
    #[staticmethod]
    fn from_bytes(py: Python<'_>, data: PyBackedBytes) -> PyResult<Model> {
        let inner = enter(py, None, None, |_| Core::from_bytes(&data))?;
        Ok(Model::new(py, inner))
    }

    /// SHA-256 of the model's content, 64 hexadecimal digits: equal models, equal digest.
    #[getter]
    fn digest(&self, py: Python<'_>) -> PyResult<String> {
        detached(py, || Ok(self.inner.digest()))
    }

    fn __reduce__<'py>(&self, py: Python<'py>) -> PyResult<(Bound<'py, PyAny>, (Bound<'py, PyBytes>,))> {
        Ok((py.get_type::<Model>().getattr("from_bytes")?, (self.to_bytes(py)?,)))
    }

    fn __copy__(slf: Bound<'_, Self>) -> Bound<'_, Self> {
        slf
    }

    fn __deepcopy__<'py>(slf: Bound<'py, Self>, memo: &Bound<'py, PyAny>) -> Bound<'py, Self> {
        let _ = memo;
        slf
    }

    /// What it predicts, how well and by what, for notebooks.
    fn _repr_html_(&self, py: Python<'_>) -> PyResult<String> {
        detached(py, || Ok(Report::from(&self.inner).to_html()))
    }

    fn __repr__(&self) -> String {
        let target =
            self.inner.schema().target_spec().map_or(String::new(), |t| format!(", P({} == {})", t.column, t.positive));
        format!(
            "Model({}{target}, {} features, threshold {:.4})",
            self.inner.learner_name(),
            self.keys.len(),
            self.inner.threshold()
        )
    }
}

/// Read a model's file.
#[pyfunction]
#[pyo3(signature = (path))]
pub(crate) fn load(py: Python<'_>, path: PathBuf) -> PyResult<Model> {
    let inner = enter(py, None, None, |_| Core::load(&path))?;
    Ok(Model::new(py, inner))
}

/// Probability, label and repairs of one row.
#[pyclass(frozen, module = "attrition")]
pub(crate) struct Prediction {
    inner: CorePrediction,
}

#[pymethods]
impl Prediction {
    /// P(target == positive).
    #[getter]
    fn proba(&self) -> f64 {
        self.inner.proba
    }

    /// The label at the threshold, in the target's own type.
    #[getter]
    fn label<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        value_to_py(py, &self.inner.label)
    }

    /// The threshold.
    #[getter]
    fn threshold(&self) -> f64 {
        self.inner.threshold
    }

    /// What was repaired, in column order.
    #[getter]
    fn warnings(&self) -> Vec<Warning> {
        self.inner.warnings.iter().map(|w| Warning { inner: w.clone() }).collect()
    }

    /// Everything as a dict of plain values.
    fn to_dict<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        facts(py, &self.inner)
    }

    fn __repr__(&self, py: Python<'_>) -> PyResult<String> {
        let label = value_to_py(py, &self.inner.label)?.repr()?.to_string();
        let (proba, threshold, n) = (self.inner.proba, self.inner.threshold, self.inner.warnings.len());
        Ok(format!("Prediction(proba={proba:.4}, label={label}, threshold={threshold:.4}, {n} warnings)"))
    }
}

/// One repair of a row.
#[pyclass(frozen, module = "attrition")]
pub(crate) struct Warning {
    inner: CoreWarning,
}

#[pymethods]
impl Warning {
    /// The column.
    #[getter]
    fn column(&self) -> &str {
        &self.inner.column
    }

    /// `"missing"`, `"unseen"`, `"out_of_range"`, or `"not_computable"` for a derived feature.
    #[getter]
    fn kind<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        facts(py, &self.inner.kind)
    }

    /// The same in words.
    #[getter]
    fn message(&self) -> &str {
        &self.inner.message
    }

    fn __repr__(&self) -> String {
        format!("Warning({}: {})", self.inner.column, self.inner.message)
    }
}

/// The fitted preprocessing, printed as a table: one line a column.
#[pyclass(frozen, module = "attrition")]
pub(crate) struct Pipeline {
    model: Core,
    member: usize,
}

impl Pipeline {
    fn inner(&self) -> &attrition_core::preprocess::Pipeline {
        self.model.members().get(self.member).map_or(self.model.pipeline(), |m| m.pipeline())
    }
}

#[pymethods]
impl Pipeline {
    /// One dict a column: `column`, `expression` (of a derived one, else None), `steps` in words, `features` by name.
    #[getter]
    fn columns<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        facts(py, &self.inner().table())
    }

    /// One dict a feature of the learner, in order: `feature`, the `column` it is made of, and its `sources` in the table.
    #[getter]
    fn features<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        facts(py, &self.inner().features(self.model.schema()))
    }

    /// What selection kept and dropped, and why; None where there was none.
    #[getter]
    fn selection<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        facts(py, &self.inner().selection())
    }

    /// The `preprocess` it was fitted by, built-in expressions written out.
    #[getter]
    fn params<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        facts(py, self.inner().params())
    }

    /// All of it as a dict of plain values.
    fn to_dict<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        facts(py, &self.inner().facts(self.model.schema()))
    }

    fn __str__(&self) -> String {
        self.inner().to_string()
    }

    fn __repr__(&self) -> String {
        let pipeline = self.inner();
        format!("Pipeline({} columns, {} features)", pipeline.table().len(), pipeline.n_features())
    }
}

/// How a model was trained, printed as its leaderboard.
#[pyclass(frozen, module = "attrition")]
pub(crate) struct Training {
    inner: CoreTraining,
}

#[pymethods]
impl Training {
    /// Flat scalars first (fit for logging), then folds, leaderboard and trials.
    fn to_dict<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        facts(py, &self.inner)
    }

    /// A fact by its name.
    fn __getitem__<'py>(&self, py: Python<'py>, name: &str) -> PyResult<Bound<'py, PyAny>> {
        self.to_dict(py)?.get_item(name)
    }

    fn __str__(&self) -> String {
        self.inner.to_string()
    }

    /// The leaderboard and the estimates, for notebooks.
    fn _repr_html_(&self) -> String {
        Report::from(&self.inner).to_html()
    }

    fn __repr__(&self) -> String {
        let t = &self.inner;
        let score = t.cv_score.map_or(String::new(), |s| format!(", cross-validated {} {s:.4}", t.metric));
        format!("Training({}, {} of {} rows{score})", t.learner, t.n_fitted, t.n_rows)
    }
}
