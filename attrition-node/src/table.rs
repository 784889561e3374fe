//! Tables across the border. JavaScript hands columns over in bulk: typed arrays, or cells as parallel arrays.

use std::sync::Arc;

use attrition_core::Column;
use attrition_core::table::{CsvOptions, ParquetOptions, Records, ValueRef};
use attrition_core::{Result, Value};
use napi::Env;
use napi::bindgen_prelude::{Array, AsyncTask, BigInt, Null, Object, ToNapiValue, Unknown};
use napi_derive::napi;

use crate::door::{Call, Job, job, sync};
use crate::options::options;
use crate::plain::put;

/// Collects columns; `finish` makes the table.
#[napi]
#[derive(Default)]
pub struct TableBuilder {
    columns: Vec<Column>,
}

#[napi]
impl TableBuilder {
    /// An empty one.
    #[napi(constructor)]
    pub fn new() -> TableBuilder {
        TableBuilder::default()
    }

    /// Numbers; NaN is missing.
    #[napi]
    pub fn float(&mut self, name: String, values: &[f64]) {
        self.columns.push(Column::float(name, values.to_vec()));
    }

    /// Whole numbers of a `BigInt64Array`.
    #[napi]
    pub fn int(&mut self, name: String, values: &[i64]) {
        self.columns.push(Column::int(name, values.to_vec()));
    }

    /// Cells of any kind: `tags` says which (0 absent, 1 missing, 2 boolean, 3 number, 4 BigInt, 5 string, 6 `Date`, 7
    /// anything else); `numbers` holds truth values, numbers, a `Date`'s milliseconds and the
    /// places of texts in `texts`; `ints` is empty or holds the BigInts.
    #[napi]
    pub fn cells(
        &mut self,
        env: Env,
        name: String,
        tags: &[u8],
        numbers: &[f64],
        ints: &[i64],
        texts: Vec<String>,
    ) -> napi::Result<()> {
        let column = sync(&env, || cells(name, tags, numbers, ints, &texts))?;
        self.columns.push(column);
        Ok(())
    }

    /// The table of the columns.
    #[napi]
    pub fn finish(&mut self, env: Env) -> napi::Result<Table> {
        let columns = std::mem::take(&mut self.columns);
        sync(&env, || attrition_core::Table::new(columns)).map(Table::from)
    }
}

fn cells(name: String, tags: &[u8], numbers: &[f64], ints: &[i64], texts: &[String]) -> Result<Column> {
    let cells = || (0..tags.len()).map(|row| (row, cell(row, tags, numbers, ints, texts)));
    // Numbers and gaps alone are what they are; anything else is for the core's rule of records.
    if cells().all(|(_, value)| matches!(value, None | Some(ValueRef::Missing | ValueRef::Float(_)))) {
        let values = cells().map(|(_, value)| if let Some(ValueRef::Float(x)) = value { x } else { f64::NAN });
        return Ok(Column::float(name, values.collect()));
    }
    let mut records = Records::new();
    for (row, value) in cells() {
        records.put(row, &name, value.unwrap_or(ValueRef::Missing))?;
    }
    Ok(records.finish()?.column(&name)?.clone())
}

/// A value out of the parallel arrays; `None` where there is none.
pub(crate) fn cell<'a>(
    i: usize,
    tags: &[u8],
    numbers: &[f64],
    ints: &[i64],
    texts: &'a [String],
) -> Option<ValueRef<'a>> {
    let number = numbers.get(i).copied().unwrap_or(f64::NAN);
    Some(match tags.get(i).copied().unwrap_or_default() {
        0 => return None,
        1 => ValueRef::Missing,
        2 => ValueRef::Bool(number != 0.0),
        3 => ValueRef::Float(number),
        4 => ValueRef::Int(ints.get(i).copied().unwrap_or_default()),
        5 => texts.get(number as usize).map_or(ValueRef::Missing, |text| ValueRef::Text(text)),
        // A `Date` holds whole milliseconds.
        6 => ValueRef::Time((number as i64).saturating_mul(1000)),
        _ => ValueRef::Nested,
    })
}

/// Read a CSV file, as the JSON of the options says.
#[napi(ts_return_type = "Promise<Table>")]
pub fn read_csv(path: String, json: String, call: &Call) -> AsyncTask<Job<Table>> {
    job(call, move |run| {
        let options: CsvOptions = options(&json, "readCsv")?;
        attrition_core::Table::read_csv_with(&path, &options, run).map(Table::from)
    })
}

/// Read a JSON file: an array of objects, or an object of arrays.
#[napi(ts_return_type = "Promise<Table>")]
pub fn read_json(path: String, call: &Call) -> AsyncTask<Job<Table>> {
    job(call, move |_| attrition_core::Table::read_json(&path).map(Table::from))
}

/// Read a file of JSON objects, one a line.
#[napi(ts_return_type = "Promise<Table>")]
pub fn read_ndjson(path: String, call: &Call) -> AsyncTask<Job<Table>> {
    job(call, move |run| attrition_core::Table::read_ndjson(&path, run).map(Table::from))
}

/// Read a Parquet file, as the JSON of the options says.
#[napi(ts_return_type = "Promise<Table>")]
pub fn read_parquet(path: String, json: String, call: &Call) -> AsyncTask<Job<Table>> {
    job(call, move |run| {
        let options: ParquetOptions = options(&json, "readParquet")?;
        attrition_core::Table::read_parquet_with(&path, &options, run).map(Table::from)
    })
}

/// Read an Arrow IPC file or stream.
#[napi(ts_return_type = "Promise<Table>")]
pub fn read_ipc(path: String, call: &Call) -> AsyncTask<Job<Table>> {
    job(call, move |_| attrition_core::Table::read_ipc(&path).map(Table::from))
}

/// A table: named, typed columns of equal length.
#[napi]
pub struct Table {
    pub(crate) inner: Arc<attrition_core::Table>,
}

impl From<attrition_core::Table> for Table {
    fn from(table: attrition_core::Table) -> Table {
        Table { inner: Arc::new(table) }
    }
}

#[napi]
impl Table {
    /// Rows.
    #[napi(getter)]
    pub fn n_rows(&self) -> f64 {
        self.inner.n_rows() as f64
    }

    /// The columns' names, in order.
    #[napi(getter)]
    pub fn columns(&self) -> Vec<&str> {
        self.inner.names().collect()
    }

    /// The columns' types, in order: `"float"`, `"int"`, `"string"`, `"bool"` or `"time"`.
    #[napi(getter)]
    pub fn types(&self) -> Vec<&'static str> {
        self.inner.columns().iter().map(Column::type_name).collect()
    }

    /// Write a CSV file.
    #[napi(ts_return_type = "Promise<void>")]
    pub fn write_csv(&self, path: String, call: &Call) -> AsyncTask<Job<()>> {
        let table = Arc::clone(&self.inner);
        job(call, move |_| table.write_csv(&path))
    }

    /// Write a Parquet file.
    #[napi(ts_return_type = "Promise<void>")]
    pub fn write_parquet(&self, path: String, call: &Call) -> AsyncTask<Job<()>> {
        let table = Arc::clone(&self.inner);
        job(call, move |_| table.write_parquet(&path))
    }

    /// The values of a column from row `start` up to row `end`.
    #[napi(ts_return_type = "Array<number | bigint | string | boolean | null>")]
    pub fn slice<'env>(&self, env: &'env Env, name: String, start: u32, end: u32) -> napi::Result<Array<'env>> {
        let column = sync(env, || self.inner.column(&name))?;
        let (start, end) = (start as usize, (end as usize).min(column.len()));
        let mut out = env.create_array(end.saturating_sub(start) as u32)?;
        for (i, row) in (start..end).enumerate() {
            out.set(i as u32, value(env, column.get(row))?)?;
        }
        Ok(out)
    }

    /// A row as an object. Rows past the end hold gaps only.
    #[napi(ts_return_type = "Record<string, number | bigint | string | boolean | null>")]
    pub fn row<'env>(&self, env: &'env Env, row: u32) -> napi::Result<Object<'env>> {
        let mut out = Object::new(env)?;
        for column in self.inner.columns() {
            put(env, &mut out, column.name(), value(env, column.get(row as usize))?)?;
        }
        Ok(out)
    }
}

/// A value as JavaScript has it: an instant as its ISO text, which keeps every microsecond; a whole number as a
/// BigInt only where a number cannot hold it.
pub(crate) fn value<'env>(env: &'env Env, value: Value) -> napi::Result<Unknown<'env>> {
    fn js<'env, T: ToNapiValue>(env: &'env Env, value: T) -> napi::Result<Unknown<'env>> {
        value.into_unknown(env)
    }
    match value {
        Value::Missing => js(env, Null),
        Value::Bool(b) => js(env, b),
        Value::Int(i) if i.unsigned_abs() <= 1 << 53 => js(env, i as f64),
        Value::Int(i) => js(env, BigInt::from(i)),
        Value::Float(x) => js(env, x),
        Value::Text(text) => js(env, text),
        Value::Time(_) => js(env, value.to_string()),
    }
}
