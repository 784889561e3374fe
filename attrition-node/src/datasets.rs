//! The embedded data sets.

use attrition_core::datasets::EmployeeOptions;
use napi::bindgen_prelude::AsyncTask;
use napi_derive::napi;

use crate::door::{Call, Job, job};
use crate::options::options;
use crate::table::Table;

/// Employees, as the JSON of the options says.
#[napi(ts_return_type = "Promise<Table>")]
pub fn employees(json: String, call: &Call) -> AsyncTask<Job<Table>> {
    job(call, move |run| options::<EmployeeOptions>(&json, "employees")?.generate(run).map(Table::from))
}
