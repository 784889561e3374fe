//! Tables from databases.

use napi::bindgen_prelude::AsyncTask;
use napi_derive::napi;

use crate::door::{Call, Job, job};
use crate::table::Table;

/// Read a query's or table's rows.
#[napi(ts_return_type = "Promise<Table>")]
pub fn read_sql(query: String, url: String, call: &Call) -> AsyncTask<Job<Table>> {
    job(call, move |run| attrition_core::Table::read_sql_with(&query, &url, run).map(Table::from))
}
