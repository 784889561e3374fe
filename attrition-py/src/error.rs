//! The core's errors as the exception classes of `attrition/_errors.py`.

use attrition_core::error::Place;
use attrition_core::{Error, ErrorKind};
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyDict, PyList, PyType};

/// The class of a kind. No wildcard: a new kind does not compile until Python has a class for it.
fn class_name(kind: ErrorKind) -> &'static str {
    match kind {
        ErrorKind::InvalidParam => "InvalidParamError",
        ErrorKind::InvalidData => "InvalidDataError",
        ErrorKind::SchemaMismatch => "SchemaMismatchError",
        ErrorKind::NotFound => "NotFoundError",
        ErrorKind::Io => "FileError",
        ErrorKind::Artifact => "ArtifactError",
        ErrorKind::Numeric => "NumericError",
        ErrorKind::Unsupported => "UnsupportedError",
        ErrorKind::Cancelled => "CancelledError",
        ErrorKind::Internal => "InternalError",
    }
}

/// `{class name: code}` of every kind of error, for the test that walks them.
#[pyfunction(name = "_error_kinds")]
#[pyo3(signature = () -> "dict[str, str]")]
pub(crate) fn error_kinds(py: Python<'_>) -> PyResult<Bound<'_, PyDict>> {
    let kinds = PyDict::new(py);
    for kind in ErrorKind::ALL {
        kinds.set_item(class_name(kind), kind.code())?;
    }
    Ok(kinds)
}

/// The exception for an error, its facts as attributes.
pub(crate) fn to_py(py: Python<'_>, error: &Error) -> PyErr {
    build(py, error).unwrap_or_else(|failure| failure)
}

fn build(py: Python<'_>, error: &Error) -> PyResult<PyErr> {
    static MODULE: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
    let module = MODULE.get_or_try_init(py, || py.import("attrition._errors").map(|m| m.into_any().unbind()))?;
    let class = module.bind(py).getattr(class_name(error.kind()))?.cast_into::<PyType>()?;
    let facts = PyDict::new(py);
    let place = |place: &Place| -> PyResult<()> {
        facts.set_item("source", place.source.as_deref())?;
        facts.set_item("line", place.line)?;
        facts.set_item("row", place.row)?;
        facts.set_item("column", place.column.as_deref())
    };
    let mut cause = None;
    match error {
        Error::InvalidParam { name, got, expected, hint } => {
            facts.set_item("name", name)?;
            facts.set_item("got", got)?;
            facts.set_item("expected", expected)?;
            facts.set_item("hint", hint)?;
        }
        Error::InvalidData { place: at, got, expected, hint } => {
            place(at)?;
            facts.set_item("got", got)?;
            facts.set_item("expected", expected)?;
            facts.set_item("hint", hint)?;
        }
        Error::SchemaMismatch { problems } => {
            let list = PyList::empty(py);
            for p in problems {
                let d = PyDict::new(py);
                d.set_item("column", &p.column)?;
                d.set_item("row", p.row)?;
                d.set_item("got", &p.got)?;
                d.set_item("expected", &p.expected)?;
                d.set_item("hint", &p.hint)?;
                list.append(d)?;
            }
            facts.set_item("problems", list)?;
            if let [only] = problems.as_slice() {
                facts.set_item("row", only.row)?;
                facts.set_item("column", &only.column)?;
            }
        }
        Error::NotFound { name, .. } => facts.set_item("name", name)?,
        Error::Io { path, hint, source, .. } => {
            facts.set_item("filename", path)?;
            facts.set_item("errno", source.raw_os_error())?;
            facts.set_item("hint", hint)?;
            // The system's own exception, FileNotFoundError or the like, as the cause.
            let number = source.raw_os_error();
            cause = Some(number.map_or_else(|| source.kind().into(), std::io::Error::from_raw_os_error));
        }
        Error::Artifact { hint, .. } | Error::Numeric { hint, .. } | Error::Unsupported { hint, .. } => {
            facts.set_item("hint", hint)?;
        }
        // `Error` may grow variants within its closed kinds; their message says everything.
        _ => {}
    }
    let exception = PyErr::from_value(class.call((error.to_string(),), Some(&facts))?);
    if let Some(cause) = cause {
        exception.set_cause(py, Some(cause.into()));
    }
    Ok(exception)
}
