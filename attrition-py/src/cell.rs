//! One Python object as one value: what lists, object columns and rows are made of.

use attrition_core::schema::ValueRef;
use attrition_core::table::time;
use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyBool, PyFloat, PyInt, PyString, PyType};

/// A value, its text borrowed from the Python string that it keeps alive.
pub(crate) enum Cell<'py> {
    /// `None`, NaN, `pandas.NA`, NaT.
    Missing,
    Bool(bool),
    Int(i64),
    Float(f64),
    Text(Bound<'py, PyString>),
    Time(i64),
}

impl<'py> Cell<'py> {
    /// The value of an object.
    ///
    /// # Errors
    /// `TypeError` with the type's name for an object that is no value of any column; what the object itself raises.
    pub(crate) fn of(obj: &Bound<'py, PyAny>) -> PyResult<Cell<'py>> {
        // The exact types first: they are nearly all there is.
        if obj.is_none() {
            return Ok(Cell::Missing);
        }
        if let Ok(x) = obj.cast_exact::<PyFloat>() {
            return Ok(Cell::float(x.value()));
        }
        if let Ok(s) = obj.cast_exact::<PyString>() {
            return Ok(Cell::Text(s.clone()));
        }
        if let Ok(b) = obj.cast_exact::<PyBool>() {
            return Ok(Cell::Bool(b.is_true()));
        }
        if let Ok(i) = obj.cast_exact::<PyInt>() {
            return Cell::int(i);
        }
        Cell::other(obj)
    }

    fn float(x: f64) -> Cell<'py> {
        if x.is_nan() { Cell::Missing } else { Cell::Float(x) }
    }

    fn int(i: &Bound<'py, PyInt>) -> PyResult<Cell<'py>> {
        match i.extract::<i64>() {
            Ok(i) => Ok(Cell::Int(i)),
            // Past 64 bits: the nearest number, as a JSON reader has it.
            Err(_) => i.extract::<f64>().map(Cell::float),
        }
    }

    #[cold]
    fn other(obj: &Bound<'py, PyAny>) -> PyResult<Cell<'py>> {
        static DATE: PyOnceLock<Py<PyType>> = PyOnceLock::new();
        static NUMBER: PyOnceLock<Py<PyType>> = PyOnceLock::new();
        let py = obj.py();
        let class = obj.get_type();
        // Before NumPy's float64 and str_, which are subclasses of Python's, and before numbers.Number.
        if let (Ok(dtype), true) = (obj.getattr(intern!(py, "dtype")), obj.hasattr(intern!(py, "item"))?) {
            let kind: String = dtype.getattr(intern!(py, "kind"))?.extract()?;
            if kind == "M" {
                // Nanoseconds as an item would be a bare number.
                let micros = obj.call_method1(intern!(py, "astype"), ("datetime64[us]",))?;
                return Cell::of(&micros.call_method0(intern!(py, "item"))?);
            }
            if kind != "m" && kind != "V" && kind != "O" {
                let item = obj.call_method0(intern!(py, "item"))?;
                if !item.get_type().is(&class) {
                    return Cell::of(&item);
                }
            }
            return Err(Cell::refused(&class));
        }
        if matches!(class.name()?.to_str()?, "NAType" | "NaTType") {
            return Ok(Cell::Missing);
        }
        if let Ok(s) = obj.cast::<PyString>() {
            return Ok(Cell::Text(PyString::new(py, s.to_str()?)));
        }
        if let Ok(i) = obj.cast::<PyInt>() {
            return Cell::int(i);
        }
        if obj.is_instance(DATE.import(py, "datetime", "date")?)? {
            let text: String = obj.call_method0(intern!(py, "isoformat"))?.extract()?;
            return match time::parse(&text) {
                Some(micros) => Ok(Cell::Time(micros)),
                None => Err(PyValueError::new_err(format!("the time {text}"))),
            };
        }
        if obj.is_instance(NUMBER.import(py, "numbers", "Number")?)? && obj.hasattr(intern!(py, "__float__"))? {
            return obj.extract::<f64>().map(Cell::float);
        }
        Err(Cell::refused(&class))
    }

    fn refused(class: &Bound<'py, PyType>) -> PyErr {
        let name = class.fully_qualified_name().map_or_else(|_| "object".to_owned(), |n| n.to_string());
        PyTypeError::new_err(format!("an object of type {name}"))
    }

    /// The value as the core's record rule takes it.
    ///
    /// # Errors
    /// `UnicodeEncodeError` for a string with lone surrogates.
    pub(crate) fn value_ref(&self) -> PyResult<ValueRef<'_>> {
        Ok(match self {
            Cell::Missing => ValueRef::Missing,
            Cell::Bool(b) => ValueRef::Bool(*b),
            Cell::Int(i) => ValueRef::Int(*i),
            Cell::Float(x) => ValueRef::Float(*x),
            Cell::Text(s) => ValueRef::Text(s.to_str()?),
            Cell::Time(t) => ValueRef::Time(*t),
        })
    }
}
