//! The embedded data sets.

use attrition_core::datasets::EmployeeOptions;
use attrition_core::{Error, Run};
use numpy::PyArray1;
use pyo3::prelude::*;
use pyo3::types::PyDict;

use crate::door::{enter, quick};
use crate::json::options;
use crate::table::Table;

type WithTruth<'py> = (Table, Bound<'py, PyArray1<f64>>);

/// See `attrition.datasets`.
#[pyfunction(name = "_employees")]
pub(crate) fn employees<'py>(knobs: &Bound<'py, PyDict>) -> PyResult<WithTruth<'py>> {
    let py = knobs.py();
    let json = options(knobs)?;
    let options: EmployeeOptions = quick(py, || {
        serde_json::from_str(&json).map_err(|e| {
            let text = e.to_string();
            let text = text.rsplit_once(" at line ").map_or(text.as_str(), |(text, _)| text);
            Error::param("employees", text, "the options of employees", "check the option's name and its value's type")
        })
    })?;
    let (table, truth) = enter(py, None, None, |run: &Run| options.generate_with_truth(run))?;
    Ok((Table::new(table), PyArray1::from_vec(py, truth)))
}
