//! Tables in and out: pandas column by column through NumPy, Arrow by its C interface, dicts of columns, lists of
//! dicts, NumPy matrices.

use std::path::PathBuf;
use std::sync::Arc;

use arrow_array::RecordBatch;
use arrow_schema::Schema;
use attrition_core::error::Place;
use attrition_core::report::Report;
use attrition_core::table::{Buffer, Column, CsvOptions, Mask, ParquetOptions, Records, Table as Core, Value, Values};
use attrition_core::{Error, Result};
use numpy::{Element, PyArray1, PyArrayMethods, PyReadonlyArray1};
use pyo3::exceptions::{PyTypeError, PyUnicodeError, PyValueError};
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyDict, PyList, PyMapping, PyString, PyTuple};
use pyo3::{PyTypeCheck, intern};
use pyo3_arrow::input::AnyArray;
use pyo3_arrow::{PyRecordBatch, PyTable as ArrowTable};

use crate::cell::Cell;
use crate::door::{detached, enter, quick};
use crate::error::to_py;
use crate::json::names;
use crate::source::Source;

/// Named, typed columns of equal length.
///
/// `Table(data)` takes what every call takes: a pandas or polars frame, anything with `__arrow_c_stream__` or
/// `__arrow_c_array__`, a dict of columns, a list of dict rows, a 2-D NumPy array with `names`. The table holds its
/// own copy: changing the data later does not change it.
#[pyclass(frozen, module = "attrition")]
pub(crate) struct Table {
    pub(crate) inner: Arc<Core>,
}

impl Table {
    pub(crate) fn new(inner: Core) -> Table {
        Table { inner: Arc::new(inner) }
    }
}

#[pymethods]
impl Table {
    #[new]
    #[pyo3(signature = (data, *, names=None))]
    fn py_new(data: &Bound<'_, PyAny>, names: Option<Vec<String>>) -> PyResult<Table> {
        Ok(Table { inner: read(data, names, Memory::Copied)? })
    }

    /// The columns' names, in order.
    #[getter]
    fn names(&self) -> Vec<String> {
        self.inner.names().map(str::to_owned).collect()
    }

    /// Number of rows.
    #[getter]
    fn n_rows(&self) -> usize {
        self.inner.n_rows()
    }

    /// Number of columns.
    #[getter]
    fn n_columns(&self) -> usize {
        self.inner.n_columns()
    }

    /// `{name: "float" | "int" | "string" | "bool" | "time"}`.
    #[getter]
    fn types<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let types = PyDict::new(py);
        for c in self.inner.columns() {
            types.set_item(c.name(), c.type_name())?;
        }
        Ok(types)
    }

    /// The Arrow C stream: one batch of Float64, Int64, Boolean, Timestamp and Dictionary columns, gaps as nulls.
    #[pyo3(signature = (requested_schema=None))]
    fn __arrow_c_stream__<'py>(
        &self,
        py: Python<'py>,
        requested_schema: Option<Bound<'py, PyAny>>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let batch = enter(py, None, None, |_| self.inner.to_record_batch())?;
        let schema = batch.schema();
        let table = ArrowTable::try_new(vec![batch], schema)?.into_pyobject(py)?;
        table.call_method1(intern!(py, "__arrow_c_stream__"), (requested_schema,))
    }

    fn __len__(&self) -> usize {
        self.inner.n_rows()
    }

    fn __contains__(&self, name: &str) -> bool {
        self.inner.get(name).is_some()
    }

    /// A column as a NumPy array: float64 (a gap is NaN, also of a column of whole numbers), int64, bool,
    /// datetime64[us] (a gap is NaT), or objects (strings, and truth values with gaps; a gap is None).
    fn __getitem__<'py>(&self, py: Python<'py>, name: &str) -> PyResult<Bound<'py, PyAny>> {
        let column = quick(py, || self.inner.column(name))?;
        to_numpy(py, column)
    }

    /// `{name: list of values}`, a gap as None.
    fn to_dict<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let columns = PyDict::new(py);
        for c in self.inner.columns() {
            columns.set_item(c.name(), to_list(py, c)?)?;
        }
        Ok(columns)
    }

    /// A pandas DataFrame. Whole numbers and truth values with gaps take pandas' nullable types.
    fn to_pandas<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        let pandas = py.import("pandas")?;
        let columns = PyDict::new(py);
        for c in self.inner.columns() {
            let values = match c.values() {
                Values::Int(_, Some(_)) => pandas.call_method1("array", (to_list(py, c)?, "Int64"))?,
                Values::Bool(_, Some(_)) => pandas.call_method1("array", (to_list(py, c)?, "boolean"))?,
                // pandas finds the type by the values, where there are some.
                Values::Codes(..) if c.n_missing() == c.len() => {
                    pandas.call_method1("array", (to_list(py, c)?, "string"))?
                }
                Values::Codes(..) => to_list(py, c)?.into_any(),
                _ => to_numpy(py, c)?,
            };
            columns.set_item(c.name(), values)?;
        }
        let keywords = PyDict::new(py);
        keywords.set_item("index", pandas.call_method1("RangeIndex", (self.inner.n_rows(),))?)?;
        pandas.getattr("DataFrame")?.call((columns,), Some(&keywords))
    }

    /// A polars DataFrame.
    fn to_polars<'py>(slf: &Bound<'py, Table>) -> PyResult<Bound<'py, PyAny>> {
        slf.py().import("polars")?.call_method1("DataFrame", (slf,))
    }

    /// Write a CSV file, gzipped where the path ends in `.gz`, whole or not at all: a header, floats in the shortest form that
    /// reads back, times in RFC 3339, a gap as an empty field. A string that looks like another type, or is empty, is read
    /// back as what it looks like; Parquet keeps every value and type.
    fn write_csv(&self, py: Python<'_>, path: PathBuf) -> PyResult<()> {
        enter(py, None, None, |_| self.inner.write_csv(&path))
    }

    /// Write a Parquet file (zstd; strings as dictionaries, times as UTC microseconds), whole or not at all.
    fn write_parquet(&self, py: Python<'_>, path: PathBuf) -> PyResult<()> {
        enter(py, None, None, |_| self.inner.write_parquet(&path))
    }

    /// The first ten rows, for notebooks.
    fn _repr_html_(&self) -> String {
        Report::from(&*self.inner).to_html()
    }

    fn __repr__(&self) -> String {
        let shown: Vec<String> =
            self.inner.columns().iter().take(8).map(|c| format!("{}: {}", c.name(), c.type_name())).collect();
        let more = if self.inner.n_columns() > 8 { ", …" } else { "" };
        let (rows, columns) = (self.inner.n_rows(), self.inner.n_columns());
        format!("Table({rows} rows × {columns} columns: {}{more})", shown.join(", "))
    }
}

/// Whether float and integer arrays may be read where they lie.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Memory {
    /// For the length of one call: no copy of what already has the table's layout.
    Shared,
    /// For a table that outlives the call.
    Copied,
}

/// The table of whatever a caller hands in.
pub(crate) fn read(data: &Bound<'_, PyAny>, names: Option<Vec<String>>, memory: Memory) -> PyResult<Arc<Core>> {
    let py = data.py();
    if let Ok(table) = data.cast::<Table>() {
        return Ok(Arc::clone(&table.get().inner));
    }
    if let Ok(source) = data.cast::<Source>() {
        return source.get().whole(py);
    }
    if is_of(data, "pandas", "DataFrame")? {
        return pandas_frame(data, memory);
    }
    if data.hasattr(intern!(py, "__arrow_c_stream__"))? {
        return arrow(py, data.extract::<ArrowTable>().map_err(|e| unreadable(py, &e))?);
    }
    if data.hasattr(intern!(py, "__arrow_c_array__"))? {
        let batch = data.extract::<PyRecordBatch>()?.into_inner();
        let schema = batch.schema();
        return arrow(py, ArrowTable::try_new(vec![batch], schema)?);
    }
    if is_of(data, "numpy", "ndarray")? {
        return matrix(data, names, memory);
    }
    if let Ok(list) = data.cast::<PyList>() {
        return records(list);
    }
    if let Ok(tuple) = data.cast::<PyTuple>() {
        return records(&tuple.to_list());
    }
    if let Ok(columns) = data.cast::<PyMapping>() {
        return mapping(columns, memory);
    }
    let got = format!("an object of type {}", data.get_type().fully_qualified_name()?);
    Err(to_py(py, &not_a_table(got)))
}

/// Read a CSV file: a header, then records; types are found over the whole file.
///
/// `missing` are the fields that are missing values (None: those of pandas), `text` the columns that are strings whatever
/// they look like, `trim` takes blanks from around strings.
#[pyfunction]
#[pyo3(signature = (path, *, delimiter=",", missing=None, text=None, trim=false, n_threads=None, progress=None))]
#[allow(clippy::too_many_arguments, reason = "they are Python's keywords")]
pub(crate) fn read_csv(
    py: Python<'_>,
    path: PathBuf,
    delimiter: &str,
    missing: Option<&Bound<'_, PyAny>>,
    text: Option<&Bound<'_, PyAny>>,
    trim: bool,
    n_threads: Option<usize>,
    progress: Option<&Bound<'_, PyAny>>,
) -> PyResult<Table> {
    let options = csv_options(py, delimiter, missing, text, trim)?;
    enter(py, progress, n_threads, |run| Core::read_csv_with(&path, &options, run)).map(Table::new)
}

/// The options that `read_csv` and `scan_csv` share.
pub(crate) fn csv_options(
    py: Python<'_>,
    delimiter: &str,
    missing: Option<&Bound<'_, PyAny>>,
    text: Option<&Bound<'_, PyAny>>,
    trim: bool,
) -> PyResult<CsvOptions> {
    let mut given = vec![("delimiter", serde_json::Value::from(delimiter)), ("trim", trim.into())];
    given.extend(missing.map(names).transpose()?.map(|m| ("missing", m.into())));
    given.extend(text.map(names).transpose()?.map(|t| ("text", t.into())));
    let given = given.into_iter().map(|(k, v)| (k.to_owned(), v)).collect();
    quick(py, || {
        serde_json::from_value(serde_json::Value::Object(given))
            .map_err(|e| Error::param("options", e, "the options of read_csv", "the delimiter is one character"))
    })
}

/// Read a JSON file, gzipped or not: an array of objects, one a row, or an object of arrays, one a column.
#[pyfunction]
#[pyo3(signature = (path))]
pub(crate) fn read_json(py: Python<'_>, path: PathBuf) -> PyResult<Table> {
    enter(py, None, None, |_| Core::read_json(&path)).map(Table::new)
}

/// Read newline-delimited JSON, gzipped or not: one object a line, one line a row.
#[pyfunction]
#[pyo3(signature = (path, *, progress=None))]
pub(crate) fn read_ndjson(py: Python<'_>, path: PathBuf, progress: Option<&Bound<'_, PyAny>>) -> PyResult<Table> {
    enter(py, progress, None, |run| Core::read_ndjson(&path, run)).map(Table::new)
}

/// Read a Parquet file; `columns` are those to read, in this order (None: all).
#[pyfunction]
#[pyo3(signature = (path, *, columns=None, n_threads=None, progress=None))]
pub(crate) fn read_parquet(
    py: Python<'_>,
    path: PathBuf,
    columns: Option<&Bound<'_, PyAny>>,
    n_threads: Option<usize>,
    progress: Option<&Bound<'_, PyAny>>,
) -> PyResult<Table> {
    let options = ParquetOptions { columns: columns.map(names).transpose()?, ..ParquetOptions::default() };
    enter(py, progress, n_threads, |run| Core::read_parquet_with(&path, &options, run)).map(Table::new)
}

/// Read an Arrow IPC file (Feather v2), or a file that holds an Arrow IPC stream.
#[pyfunction]
#[pyo3(signature = (path))]
pub(crate) fn read_ipc(py: Python<'_>, path: PathBuf) -> PyResult<Table> {
    enter(py, None, None, |_| Core::read_ipc(&path)).map(Table::new)
}

/// The error for an Arrow stream that Arrow's own reader refuses. arrow-rs does so for the Null columns of polars 2,
/// which come with a buffer that the C interface does not foresee.
pub(crate) fn unreadable(py: Python<'_>, e: &PyErr) -> PyErr {
    let hint = "give columns of type Null another type, or pass the frame's to_pandas()";
    to_py(py, &Error::data(Place::none(), e.value(py), "a stream of Arrow's C interface", hint))
}

fn not_a_table(got: String) -> Error {
    Error::data(
        Place::none(),
        got,
        "a table: a pandas or polars frame, an Arrow table, a dict of columns, a list of dict rows, \
         a 2-D NumPy array with names, a source",
        "read files with attrition.read_csv first; score one row with proba_one",
    )
}

/// Whether the object is an instance of a class of a module that may not be there.
pub(crate) fn is_of(obj: &Bound<'_, PyAny>, module: &str, class: &str) -> PyResult<bool> {
    let modules = obj.py().import(intern!(obj.py(), "sys"))?.getattr(intern!(obj.py(), "modules"))?;
    // What was never imported has no instances.
    match modules.cast::<PyDict>()?.get_item(module)? {
        // None stands for a module whose import is forbidden.
        Some(module) if !module.is_none() => obj.is_instance(&module.getattr(class)?),
        _ => Ok(false),
    }
}

fn finish(py: Python<'_>, columns: Vec<Column>) -> PyResult<Arc<Core>> {
    detached(py, || Core::new(columns)).map(Arc::new)
}

fn arrow(py: Python<'_>, table: ArrowTable) -> PyResult<Arc<Core>> {
    let (batches, schema) = table.into_inner();
    enter(py, None, None, |_| Core::from_record_batches(&schema, &batches)).map(Arc::new)
}

fn pandas_frame(frame: &Bound<'_, PyAny>, memory: Memory) -> PyResult<Arc<Core>> {
    let py = frame.py();
    let mut columns = Vec::new();
    for (i, name) in frame.getattr(intern!(py, "columns"))?.try_iter()?.enumerate() {
        // By position: two columns may share a name, which the core then says.
        let series = frame.getattr(intern!(py, "iloc"))?.get_item((py.Ellipsis(), i));
        let series = match series {
            Ok(series) => series,
            Err(_) => frame.call_method1(intern!(py, "_ixs"), (i, 1))?,
        };
        columns.push(column(&name_of(&name?)?, &series, memory)?);
    }
    finish(py, columns)
}

fn name_of(name: &Bound<'_, PyAny>) -> PyResult<String> {
    match name.cast::<PyString>() {
        Ok(s) => Ok(s.to_str()?.to_owned()),
        Err(_) => Ok(name.str()?.to_str()?.to_owned()),
    }
}

fn matrix(array: &Bound<'_, PyAny>, names: Option<Vec<String>>, memory: Memory) -> PyResult<Arc<Core>> {
    let py = array.py();
    let dtype_names = array.getattr(intern!(py, "dtype"))?.getattr(intern!(py, "names"))?;
    if !dtype_names.is_none() {
        let mut columns = Vec::new();
        for name in dtype_names.try_iter()? {
            let name = name?;
            columns.push(column(&name_of(&name)?, &array.get_item(&name)?, memory)?);
        }
        return finish(py, columns);
    }
    let shape: Vec<usize> = array.getattr(intern!(py, "shape"))?.extract()?;
    let &[_, width] = shape.as_slice() else {
        return Err(to_py(py, &not_a_table(format!("a NumPy array of {} dimension(s)", shape.len()))));
    };
    let Some(names) = names.filter(|n| n.len() == width) else {
        let error = Error::param("names", "no name for each column", format!("{width} names"), "pass names=[…]");
        return Err(to_py(py, &error));
    };
    let transposed = array.getattr(intern!(py, "T"))?;
    let columns = names.iter().enumerate().map(|(i, name)| column(name, &transposed.get_item(i)?, memory));
    let columns = columns.collect::<PyResult<_>>()?;
    finish(py, columns)
}

fn mapping(data: &Bound<'_, PyMapping>, memory: Memory) -> PyResult<Arc<Core>> {
    let py = data.py();
    let mut columns = Vec::new();
    for item in data.items()?.try_iter()? {
        let (name, values): (Bound<'_, PyAny>, Bound<'_, PyAny>) = item?.extract()?;
        columns.push(column(&name_of(&name)?, &values, memory)?);
    }
    finish(py, columns)
}

/// A list of dict rows; a key that a row lacks is missing there.
fn records(rows: &Bound<'_, PyList>) -> PyResult<Arc<Core>> {
    let py = rows.py();
    let mut records = Records::new();
    records.rows(rows.len());
    for (i, row) in rows.iter().enumerate() {
        let Ok(row) = row.cast_into::<PyMapping>() else {
            return Err(to_py(py, &not_a_table(format!("a list whose item {i} is no dict"))));
        };
        for item in row.items()?.iter() {
            let (name, value): (Bound<'_, PyAny>, Bound<'_, PyAny>) = item.extract()?;
            put(&mut records, i, &name_of(&name)?, &value)?;
        }
    }
    detached(py, || records.finish()).map(Arc::new)
}

/// One column of whatever holds a column.
pub(crate) fn column(name: &str, data: &Bound<'_, PyAny>, memory: Memory) -> PyResult<Column> {
    let py = data.py();
    if is_of(data, "numpy", "ndarray")? {
        return numpy_column(name, data, memory);
    }
    if is_of(data, "pandas", "Series")? || is_of(data, "pandas", "Index")? {
        return pandas_column(name, data, memory);
    }
    if is_of(data, "pandas.api.extensions", "ExtensionArray")? {
        let series = py.import("pandas")?.call_method1("Series", (data,))?;
        return pandas_column(name, &series, memory);
    }
    if data.hasattr(intern!(py, "__arrow_c_stream__"))? || data.hasattr(intern!(py, "__arrow_c_array__"))? {
        return arrow_column(name, data);
    }
    let list = match data.cast::<PyList>() {
        Ok(list) => list.clone(),
        Err(_) if data.cast::<PyString>().is_ok() || data.cast::<PyMapping>().is_ok_and(|m| PyDict::type_check(m)) => {
            return Err(to_py(py, &no_column(name, data)?));
        }
        Err(_) => match data.try_iter() {
            Ok(iterator) => PyList::new(py, iterator.collect::<PyResult<Vec<_>>>()?)?,
            Err(_) => return Err(to_py(py, &no_column(name, data)?)),
        },
    };
    object_column(name, &list)
}

fn no_column(name: &str, data: &Bound<'_, PyAny>) -> PyResult<Error> {
    Ok(Error::data(
        Place::column(name),
        format!("an object of type {}", data.get_type().fully_qualified_name()?),
        "a column: a list, an array or a Series",
        "score one row with proba_one; wrap dict rows in a list",
    ))
}

/// One column that speaks Arrow: a polars Series, a pyarrow array.
fn arrow_column(name: &str, data: &Bound<'_, PyAny>) -> PyResult<Column> {
    let py = data.py();
    let (chunks, field) = data.extract::<AnyArray>()?.into_chunked_array()?.into_inner();
    let field = field.as_ref().clone().with_name(name).with_nullable(true);
    let schema = Arc::new(Schema::new(vec![field]));
    let batches = chunks.into_iter().map(|chunk| RecordBatch::try_new(Arc::clone(&schema), vec![chunk]));
    let batches = batches.collect::<Result<Vec<_>, _>>().map_err(|e| PyValueError::new_err(e.to_string()))?;
    detached(py, || Core::from_record_batches(&schema, &batches)?.column(name).cloned())
}

/// A column of Python objects: its type is found by its values, as the core's [`Records`] says.
fn object_column(name: &str, list: &Bound<'_, PyList>) -> PyResult<Column> {
    let py = list.py();
    if list.is_empty() {
        return Ok(Column::float(name, Vec::new()));
    }
    let mut records = Records::new();
    for (row, value) in list.iter().enumerate() {
        put(&mut records, row, name, &value)?;
    }
    detached(py, || records.finish()?.column(name).cloned())
}

fn put(records: &mut Records, row: usize, name: &str, value: &Bound<'_, PyAny>) -> PyResult<()> {
    let py = value.py();
    let refused = |e: PyErr| refuse(py, &e, Place::cell(row, name)).unwrap_or(e);
    let cell = Cell::of(value).map_err(refused)?;
    let value = cell.value_ref().map_err(refused)?;
    quick(py, || records.put(row, name, value))
}

fn pandas_column(name: &str, series: &Bound<'_, PyAny>, memory: Memory) -> PyResult<Column> {
    let py = series.py();
    let dtype = series.getattr(intern!(py, "dtype"))?;
    let call = |method: &str, kwargs: &[(&str, &str)]| {
        let keywords = PyDict::new(py);
        for (k, v) in kwargs {
            keywords.set_item(*k, *v)?;
        }
        series.call_method(method, (), Some(&keywords))
    };
    if is_of(&dtype, "numpy", "dtype")? {
        return numpy_column(name, &call("to_numpy", &[])?, memory);
    }
    let class = dtype.get_type().name()?.to_string();
    match class.as_str() {
        // A category is a text, whatever its storage: 3 and 3.0 stand as "3".
        "CategoricalDtype" => {
            let array = series.getattr(intern!(py, "array"))?;
            let codes = astype(&array.getattr(intern!(py, "codes"))?, "int64")?;
            let categories = dtype.getattr(intern!(py, "categories"))?;
            let levels = column(name, &categories, Memory::Copied)?;
            let text = |row: usize| levels.get(row).category();
            let vocabulary: Vec<Option<String>> = (0..levels.len()).map(text).collect();
            let codes = codes.cast::<PyArray1<i64>>()?.readonly();
            let texts = codes
                .as_slice()
                .map_err(layout)?
                .iter()
                .map(|&c| usize::try_from(c).ok().and_then(|c| vocabulary.get(c)).and_then(Option::as_deref));
            Ok(Column::strings(name, texts))
        }
        "DatetimeTZDtype" => {
            let utc = series.getattr("dt")?.call_method1("tz_convert", ("UTC",))?;
            let naive = utc.getattr("dt")?.call_method1("tz_localize", (py.None(),))?;
            numpy_column(name, &naive.call_method0("to_numpy")?, memory)
        }
        "BooleanDtype" | "Int8Dtype" | "Int16Dtype" | "Int32Dtype" | "Int64Dtype" | "UInt8Dtype" | "UInt16Dtype"
        | "UInt32Dtype" | "UInt64Dtype" | "Float32Dtype" | "Float64Dtype" => {
            let numpy_dtype = dtype.getattr("numpy_dtype")?;
            let kind: String = numpy_dtype.getattr("kind")?.extract()?;
            let keywords = PyDict::new(py);
            keywords.set_item("dtype", &numpy_dtype)?;
            if kind == "f" {
                keywords.set_item("na_value", f64::NAN)?;
                return numpy_column(name, &series.call_method("to_numpy", (), Some(&keywords))?, memory);
            }
            keywords.set_item("na_value", 0)?;
            let values = numpy_column(name, &series.call_method("to_numpy", (), Some(&keywords))?, memory)?;
            let missing = astype(&call("isna", &[])?.call_method0("to_numpy")?, "bool")?;
            masked(py, values, &missing)
        }
        "ArrowDtype" => {
            let frame = call("to_frame", &[("name", name)])?;
            match frame.hasattr("__arrow_c_stream__")? {
                true => {
                    let table = read_arrow_frame(&frame)?;
                    quick(py, || table.column(name).cloned())
                }
                false => object_column(name, call("tolist", &[])?.cast::<PyList>()?),
            }
        }
        "SparseDtype" => column(name, &py.import("numpy")?.call_method1("asarray", (series,))?, memory),
        "StringDtype" => {
            let column = object_column(name, call("tolist", &[])?.cast::<PyList>()?)?;
            // Known to be strings, even where all are missing.
            let is_gap = column.n_missing() == column.len();
            Ok(if is_gap { Column::strings(name, vec![None::<&str>; column.len()]) } else { column })
        }
        // Periods and intervals are named as what they are by the first of their values.
        _ => object_column(name, call("tolist", &[])?.cast::<PyList>()?),
    }
}

fn read_arrow_frame(frame: &Bound<'_, PyAny>) -> PyResult<Arc<Core>> {
    arrow(frame.py(), frame.extract::<ArrowTable>()?)
}

/// The column with further rows missing.
fn masked(py: Python<'_>, column: Column, missing: &Bound<'_, PyAny>) -> PyResult<Column> {
    let missing = missing.cast::<PyArray1<bool>>()?.readonly();
    let mask = Mask::from_missing(missing.as_slice().map_err(layout)?.iter().copied());
    let name = column.name().to_owned();
    let values = match column.values() {
        Values::Int(v, _) => Values::Int(v.clone(), mask),
        Values::Bool(v, _) => Values::Bool(v.clone(), mask),
        other => other.clone(),
    };
    quick(py, || Column::new(name, values))
}

fn layout(e: impl std::fmt::Display) -> PyErr {
    PyValueError::new_err(e.to_string())
}

/// The array with that type, contiguous and aligned: itself where it is so already.
fn astype<'py>(array: &Bound<'py, PyAny>, dtype: &str) -> PyResult<Bound<'py, PyAny>> {
    array.py().import(intern!(array.py(), "numpy"))?.call_method1(intern!(array.py(), "require"), (array, dtype, "CA"))
}

fn numpy_column(name: &str, array: &Bound<'_, PyAny>, memory: Memory) -> PyResult<Column> {
    let py = array.py();
    let dtype = array.getattr(intern!(py, "dtype"))?;
    let kind: String = dtype.getattr(intern!(py, "kind"))?.extract()?;
    let dimensions: usize = array.getattr(intern!(py, "ndim"))?.extract()?;
    if dimensions != 1 {
        let error = Error::data(
            Place::column(name),
            format!("an array of {dimensions} dimensions"),
            "an array of one dimension",
            "give each column by its own name",
        );
        return Err(to_py(py, &error));
    }
    let values = match kind.as_str() {
        "f" => Values::Float(buffer::<f64>(&astype(array, "float64")?, memory)?),
        "i" => Values::Int(buffer::<i64>(&astype(array, "int64")?, memory)?, None),
        "u" => {
            let past = array.call_method1("__gt__", (i64::MAX,))?.call_method0("any")?.is_truthy()?;
            // Past 63 bits: the nearest number, as for Python's own ints.
            if past {
                Values::Float(buffer::<f64>(&astype(array, "float64")?, memory)?)
            } else {
                Values::Int(buffer::<i64>(&astype(array, "int64")?, memory)?, None)
            }
        }
        // Through bytes: a foreign bool array may hold others than 0 and 1.
        "b" => {
            let bytes = astype(array, "bool")?.call_method1(intern!(py, "view"), ("uint8",))?;
            let bytes = bytes.cast::<PyArray1<u8>>()?.readonly();
            Values::Bool(bytes.as_slice().map_err(layout)?.iter().map(|&b| b != 0).collect::<Vec<_>>().into(), None)
        }
        "M" => {
            let micros = astype(array, "datetime64[us]")?.call_method1(intern!(py, "view"), ("int64",))?;
            let micros = buffer::<i64>(&micros, memory)?;
            // NaT is the smallest integer.
            let mask = Mask::from_missing(micros.iter().map(|&t| t == i64::MIN));
            Values::Time(micros, mask)
        }
        "O" | "U" | "T" => {
            return object_column(name, array.call_method0(intern!(py, "tolist"))?.cast::<PyList>()?);
        }
        _ => {
            let error = Error::data(
                Place::column(name),
                format!("an array of type {dtype}"),
                "numbers, truth values, strings or times",
                "convert the column, or leave it out",
            );
            return Err(to_py(py, &error));
        }
    };
    quick(py, || Column::new(name, values))
}

/// An array that a table reads where it lies.
struct Borrowed<T: Element> {
    slice: *const [T],
    /// Keeps the memory: NumPy frees or moves it only when no reference is left.
    _array: Py<PyArray1<T>>,
}

// SAFETY: the slice is plain numbers, read only; the array object is never touched but to drop its reference, which
// PyO3 defers until the interpreter is attached.
unsafe impl<T: Element + Sync> Send for Borrowed<T> {}
// SAFETY: as above.
unsafe impl<T: Element + Sync> Sync for Borrowed<T> {}

impl<T: Element> AsRef<[T]> for Borrowed<T> {
    fn as_ref(&self) -> &[T] {
        // SAFETY: pointer and length were taken from a contiguous, aligned array that `_array` keeps alive; a caller who
        // writes into it while a call reads it gets numbers of either moment, as with every library that does not copy.
        unsafe { &*self.slice }
    }
}

fn buffer<T: Element + Copy + Sync>(array: &Bound<'_, PyAny>, memory: Memory) -> PyResult<Buffer<T>> {
    let array = array.cast::<PyArray1<T>>()?;
    let readonly: PyReadonlyArray1<'_, T> = array.readonly();
    let slice = readonly.as_slice().map_err(layout)?;
    Ok(match memory {
        Memory::Copied => slice.to_vec().into(),
        Memory::Shared => Buffer::Shared(Arc::new(Borrowed { slice, _array: array.clone().unbind() })),
    })
}

/// The error of a value that no column holds; `None` for what the object itself raised.
fn refuse(py: Python<'_>, e: &PyErr, place: Place) -> Option<PyErr> {
    let expected = "a number, a string, a truth value, a time or None";
    let error = Error::data(place, refused_words(py, e)?, expected, "convert the value, or leave the column out");
    Some(to_py(py, &error))
}

/// What stands there, by the exception that reading it raised; `None` for one of the object's own.
pub(crate) fn refused_words(py: Python<'_>, e: &PyErr) -> Option<String> {
    if e.is_instance_of::<PyUnicodeError>(py) {
        Some("a string that is no valid Unicode".to_owned())
    } else if e.is_instance_of::<PyTypeError>(py) || e.is_instance_of::<PyValueError>(py) {
        Some(e.value(py).to_string())
    } else {
        None
    }
}

fn to_list<'py>(py: Python<'py>, column: &Column) -> PyResult<Bound<'py, PyList>> {
    let time = |micros: i64| datetime(py, micros);
    // One Python string a level, not a row.
    let words: Vec<Bound<'py, PyString>> = match column.values() {
        Values::Codes(_, vocabulary) => vocabulary.iter().map(|w| PyString::new(py, w)).collect(),
        _ => Vec::new(),
    };
    let value = |row: usize| -> PyResult<Bound<'py, PyAny>> {
        if column.is_missing(row) {
            return Ok(py.None().into_bound(py));
        }
        Ok(match column.values() {
            Values::Float(v) => v[row].into_pyobject(py)?.into_any(),
            Values::Int(v, _) => v[row].into_pyobject(py)?.into_any(),
            Values::Bool(v, _) => v[row].into_pyobject(py)?.to_owned().into_any(),
            Values::Codes(v, _) => words[v[row] as usize].clone().into_any(),
            Values::Time(v, _) => time(v[row])?,
        })
    };
    PyList::new(py, (0..column.len()).map(value).collect::<PyResult<Vec<_>>>()?)
}

/// A naive `datetime` in UTC.
fn datetime<'py>(py: Python<'py>, micros: i64) -> PyResult<Bound<'py, PyAny>> {
    static EPOCH: PyOnceLock<(Py<PyAny>, Py<PyAny>)> = PyOnceLock::new();
    let (epoch, delta) = EPOCH.get_or_try_init(py, || -> PyResult<_> {
        let module = py.import("datetime")?;
        Ok((module.getattr("datetime")?.call1((1970, 1, 1))?.unbind(), module.getattr("timedelta")?.unbind()))
    })?;
    epoch.bind(py).add(delta.bind(py).call1((0, 0, micros))?)
}

/// One value as Python's own.
pub(crate) fn value_to_py<'py>(py: Python<'py>, value: &Value) -> PyResult<Bound<'py, PyAny>> {
    Ok(match value {
        Value::Missing => py.None().into_bound(py),
        Value::Bool(b) => b.into_pyobject(py)?.to_owned().into_any(),
        Value::Int(i) => i.into_pyobject(py)?.into_any(),
        Value::Float(x) => x.into_pyobject(py)?.into_any(),
        Value::Text(s) => PyString::new(py, s).into_any(),
        Value::Time(t) => datetime(py, *t)?,
    })
}

fn to_numpy<'py>(py: Python<'py>, column: &Column) -> PyResult<Bound<'py, PyAny>> {
    let objects = || -> PyResult<Bound<'py, PyAny>> {
        let keywords = PyDict::new(py);
        keywords.set_item("dtype", "object")?;
        py.import("numpy")?.getattr("array")?.call((to_list(py, column)?,), Some(&keywords))
    };
    Ok(match column.values() {
        Values::Float(v) => PyArray1::from_slice(py, v).into_any(),
        Values::Int(v, None) => PyArray1::from_slice(py, v).into_any(),
        Values::Int(v, Some(mask)) => {
            PyArray1::from_iter(py, v.iter().enumerate().map(|(i, &x)| if mask.get(i) { f64::NAN } else { x as f64 }))
                .into_any()
        }
        Values::Bool(v, None) => PyArray1::from_slice(py, v).into_any(),
        Values::Time(v, mask) => {
            let gap = |i: usize| mask.as_ref().is_some_and(|m| m.get(i));
            PyArray1::from_iter(py, v.iter().enumerate().map(|(i, &t)| if gap(i) { i64::MIN } else { t }))
                .call_method1("view", ("datetime64[us]",))?
        }
        Values::Codes(..) | Values::Bool(_, Some(_)) => objects()?,
    })
}
