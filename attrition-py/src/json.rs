//! Options as data on their way in, facts on their way out.

use attrition_core::Error;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyBool, PyDict, PyFloat, PyInt, PyList, PyMapping, PyString};
use serde_json::{Map, Number, Value};

use crate::cell::Cell;
use crate::door::quick;
use crate::error::to_py;
use crate::schema::Schema;

/// A Python value as JSON; `name` is the option that it belongs to, for the message.
///
/// NumPy's and pandas' scalars, arrays and indexes pass as their plain values.
///
/// # Errors
/// `InvalidParamError` for what JSON cannot say.
pub(crate) fn to_json(name: &str, obj: &Bound<'_, PyAny>) -> PyResult<Value> {
    let py = obj.py();
    let refused = |got: String| {
        let expected = "None, a truth value, a number, a string, a list or a dict";
        to_py(py, &Error::param(name, got, expected, "convert the value"))
    };
    if obj.is_none() {
        return Ok(Value::Null);
    }
    if let Ok(schema) = obj.cast::<Schema>() {
        let schema = &schema.get().inner;
        return quick(py, || serde_json::to_value(schema).map_err(|e| Error::Internal(e.to_string())));
    }
    if let Ok(mapping) = obj.cast::<PyMapping>() {
        let mut map = Map::new();
        for item in mapping.items()?.iter() {
            let (key, value): (Bound<'_, PyAny>, Bound<'_, PyAny>) = item.extract()?;
            let key = key.str()?.to_str()?.to_owned();
            let value = to_json(&key, &value)?;
            map.insert(key, value);
        }
        return Ok(Value::Object(map));
    }
    let scalar = [obj.is_instance_of::<PyBool>(), obj.is_instance_of::<PyInt>(), obj.is_instance_of::<PyFloat>()]
        .contains(&true)
        || obj.is_instance_of::<PyString>();
    if !scalar && let Ok(items) = obj.try_iter() {
        return items.map(|item| to_json(name, &item?)).collect::<PyResult<Vec<_>>>().map(Value::Array);
    }
    match Cell::of(obj).map_err(|e| refused(e.value(py).to_string()))? {
        // A NaN is not None: no option takes it.
        Cell::Missing => Err(refused("a missing value".into())),
        Cell::Bool(b) => Ok(Value::Bool(b)),
        Cell::Int(i) => Ok(Value::Number(i.into())),
        Cell::Float(x) => Number::from_f64(x).map(Value::Number).ok_or_else(|| refused(x.to_string())),
        Cell::Text(s) => Ok(Value::String(s.to_str()?.to_owned())),
        Cell::Time(t) => Ok(Value::String(attrition_core::table::time::format(t))),
    }
}

/// A dict of options as the text of a JSON object.
pub(crate) fn options(options: &Bound<'_, PyDict>) -> PyResult<String> {
    Ok(to_json("options", options)?.to_string())
}

/// Facts as dicts and lists, in the order of their fields; a number that JSON cannot write is None.
pub(crate) fn facts<'py>(py: Python<'py>, value: &impl serde::Serialize) -> PyResult<Bound<'py, PyAny>> {
    static LOADS: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
    let text = quick(py, || serde_json::to_string(value).map_err(|e| Error::Internal(e.to_string())))?;
    let loads = LOADS.get_or_try_init(py, || py.import("json")?.getattr("loads").map(Bound::unbind))?;
    loads.bind(py).call1((text,))
}

/// One of a closed set of names, as serde knows it.
///
/// # Errors
/// `InvalidParamError` with the names there are.
pub(crate) fn named<T: serde::de::DeserializeOwned>(py: Python<'_>, parameter: &str, name: &str) -> PyResult<T> {
    quick(py, || {
        serde_json::from_value(Value::String(name.to_owned())).map_err(|e| {
            let text = e.to_string();
            let expected = text.split_once("expected ").map_or(text.as_str(), |(_, names)| names);
            Error::param(parameter, format!("\"{name}\""), expected, "use one of these names")
        })
    })
}

/// A list of names, given as a string or any iterable of strings.
pub(crate) fn names(obj: &Bound<'_, PyAny>) -> PyResult<Vec<String>> {
    if let Ok(one) = obj.cast::<PyString>() {
        return Ok(vec![one.to_str()?.to_owned()]);
    }
    PyList::new(obj.py(), obj.try_iter()?.collect::<PyResult<Vec<_>>>()?)?.extract()
}
