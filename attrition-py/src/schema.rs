//! Kinds and roles of columns.

use attrition_core::report::Report;
use attrition_core::schema::{FieldKind, Role, Schema as Core};
use attrition_core::{Result, Value};
use pyo3::prelude::*;
use pyo3::types::PyType;

use crate::door::{enter, quick};
use crate::json::{facts, named, names, to_json};
use crate::table::{Memory, read};

/// What each column is (`kind`) and what it is for (`role`), with the reasons of every guess.
///
/// A schema does not change: every method that sets something returns a new one.
#[pyclass(frozen, module = "attrition")]
pub(crate) struct Schema {
    pub(crate) inner: Core,
}

impl Schema {
    fn with(&self, py: Python<'_>, change: impl FnOnce(Core) -> Result<Core>) -> PyResult<Schema> {
        quick(py, || change(self.inner.clone())).map(|inner| Schema { inner })
    }
}

/// Any Python value as the core's.
fn value(name: &str, obj: &Bound<'_, PyAny>) -> PyResult<Value> {
    let json = to_json(name, obj)?;
    quick(obj.py(), || {
        serde_json::from_value(json).map_err(|e| {
            attrition_core::Error::param(name, e, "a string, a number or a truth value", "give a single label")
        })
    })
}

#[pymethods]
impl Schema {
    /// Guess kinds and roles from a table: constants and ids are dropped from the inputs, everything else stays, and
    /// what looks odd carries a note.
    #[classmethod]
    #[pyo3(signature = (data, *, names=None))]
    fn infer(_class: &Bound<'_, PyType>, data: &Bound<'_, PyAny>, names: Option<Vec<String>>) -> PyResult<Schema> {
        let table = read(data, names, Memory::Shared)?;
        Ok(Schema { inner: enter(data.py(), None, None, |_| Core::infer(&*table))? })
    }

    /// Read what `to_json` wrote.
    #[classmethod]
    fn from_json(class: &Bound<'_, PyType>, json: &str) -> PyResult<Schema> {
        quick(class.py(), || Core::from_json(json)).map(|inner| Schema { inner })
    }

    /// The schema as JSON.
    fn to_json(&self, py: Python<'_>) -> PyResult<String> {
        quick(py, || self.inner.to_json())
    }

    /// The schema as a dict.
    fn to_dict<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        facts(py, &self.inner)
    }

    /// One dict a column: `name`, `kind`, `role`, `is_integer`, and where there are some `vocabulary`, `range`, `notes`.
    #[getter]
    fn fields<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        facts(py, &self.inner.fields())
    }

    /// The names of the model's inputs, in order.
    #[getter]
    fn features(&self) -> Vec<String> {
        self.inner.features().map(|f| f.name.clone()).collect()
    }

    /// Predict the column `name`: the probability that it equals `positive`.
    #[pyo3(signature = (name, positive=None))]
    fn target(&self, py: Python<'_>, name: &str, positive: Option<&Bound<'_, PyAny>>) -> PyResult<Schema> {
        let positive = positive.map_or(Ok(Value::Missing), |p| value("positive", p))?;
        self.with(py, |s| s.target(name, positive))
    }

    /// Give a column a role: `"feature"`, `"id"`, `"sensitive"`, `"time"`, `"group"`, `"weight"` or `"ignored"`.
    fn role(&self, py: Python<'_>, name: &str, role: &str) -> PyResult<Schema> {
        let role: Role = named(py, "role", role)?;
        self.with(py, |s| s.role(name, role))
    }

    /// Give a column a kind: `"number"`, `"category"`, `"bool"` or `"time"`.
    fn kind(&self, py: Python<'_>, name: &str, kind: &str) -> PyResult<Schema> {
        let kind: FieldKind = named(py, "kind", kind)?;
        self.with(py, |s| s.kind(name, kind))
    }

    /// The column names the rows.
    fn id(&self, py: Python<'_>, name: &str) -> PyResult<Schema> {
        self.with(py, |s| s.id(name))
    }

    /// The columns are protected attributes: audited, never inputs. One name or several.
    fn sensitive(&self, columns: &Bound<'_, PyAny>) -> PyResult<Schema> {
        let names = names(columns)?;
        self.with(columns.py(), |s| s.sensitive(names.iter().map(String::as_str)))
    }

    /// The columns are not used. One name or several.
    fn exclude(&self, columns: &Bound<'_, PyAny>) -> PyResult<Schema> {
        let names = names(columns)?;
        self.with(columns.py(), |s| s.exclude(names.iter().map(String::as_str)))
    }

    /// Every way in which a table does not fit: one dict a problem; empty when it fits.
    #[pyo3(signature = (data, *, names=None))]
    fn check<'py>(&self, data: &Bound<'py, PyAny>, names: Option<Vec<String>>) -> PyResult<Bound<'py, PyAny>> {
        let table = read(data, names, Memory::Shared)?;
        let problems = enter(data.py(), None, None, |_| Ok(self.inner.check(&*table)))?;
        facts(data.py(), &problems)
    }

    fn __len__(&self) -> usize {
        self.inner.fields().len()
    }

    fn __eq__(&self, other: &Bound<'_, PyAny>) -> bool {
        other.cast::<Schema>().is_ok_and(|o| o.get().inner == self.inner)
    }

    fn __reduce__<'py>(&self, py: Python<'py>) -> PyResult<(Bound<'py, PyAny>, (String,))> {
        Ok((py.get_type::<Schema>().getattr("from_json")?, (self.to_json(py)?,)))
    }

    /// One line a column, for notebooks.
    fn _repr_html_(&self) -> String {
        Report::from(&self.inner).to_html()
    }

    fn __repr__(&self) -> String {
        let target = match self.inner.target_spec() {
            Some(t) => format!(", target `{}` = {}", t.column, t.positive),
            None => String::new(),
        };
        format!("Schema({} columns, {} features{target})", self.inner.fields().len(), self.inner.features().count())
    }
}
