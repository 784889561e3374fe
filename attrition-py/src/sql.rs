//! Tables from databases.

use attrition_core::table::Table as Core;
use pyo3::prelude::*;

use crate::door::enter;
use crate::table::Table;

/// Read the rows of a query, or of a table by its bare name, from SQLite or PostgreSQL.
///
/// `url` is `sqlite:///file.db`, `sqlite:////absolute/file.db` or
/// `postgresql://user:password@host:port/database?sslmode=verify-full&sslrootcert=ca.pem`; the password may stand in the
/// environment's PGPASSWORD instead. Nothing is ever written: the query is one that only reads. Errors show no password.
#[pyfunction]
#[pyo3(signature = (query, url, *, progress=None))]
pub(crate) fn read_sql(py: Python<'_>, query: &str, url: &str, progress: Option<&Bound<'_, PyAny>>) -> PyResult<Table> {
    enter(py, progress, None, |run| Core::read_sql_with(query, url, run)).map(Table::new)
}
