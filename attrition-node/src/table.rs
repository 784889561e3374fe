//! Tables across the border. JavaScript hands columns over in bulk: typed arrays, or cells as parallel arrays.

use std::sync::Arc;

use attrition_core::Column;
use attrition_core::table::{CsvOptions, ParquetOptions, Records, ValueRef};
use attrition_core::{Error, Result, Value};
use napi::Env;
use napi::bindgen_prelude::{Array, AsyncTask, BigInt, Buffer, Null, Object, ToNapiValue, Unknown};
use napi_derive::napi;

use crate::door::{Call, Held, Job, job, sync};
use crate::options::options;
use crate::plain::put;

/// A column on its way, or bytes.
enum Part {
    Float(String, Vec<f64>),
    Int(String, Vec<i64>),
    Cells(String, Parallel),
    Ipc(Vec<u8>),
}

/// Cells of any kind as parallel arrays.
#[derive(Default)]
struct Parallel {
    tags: Vec<u8>,
    numbers: Vec<f64>,
    ints: Vec<i64>,
    texts: Vec<String>,
}

/// Collects columns, each opened by name and filled in slices, so that no call takes long; `finish` makes the table.
#[napi]
#[derive(Default)]
pub struct TableBuilder {
    parts: Vec<Part>,
}

#[napi]
impl TableBuilder {
    /// An empty one.
    #[napi(constructor)]
    pub fn new() -> TableBuilder {
        TableBuilder::default()
    }

    /// Opens a column for `floats`: numbers; NaN is missing.
    #[napi]
    pub fn float_column(&mut self, name: String, n: f64) {
        self.parts.push(Part::Float(name, room(n)));
    }

    /// Opens a column for `ints`: whole numbers of a `BigInt64Array`.
    #[napi]
    pub fn int_column(&mut self, name: String, n: f64) {
        self.parts.push(Part::Int(name, room(n)));
    }

    /// Opens a column for cells of any kind: `tags` says which (0 absent, 1 missing, 2 boolean, 3 number, 4 BigInt, 5 string,
    /// 6 `Date`, 7 anything else); `floats` are truth values, numbers, a `Date`'s milliseconds and the places of texts in
    /// `texts`; `ints` are none or hold the BigInts.
    #[napi]
    pub fn cell_column(&mut self, name: String, n: f64) {
        self.parts.push(Part::Cells(name, Parallel { tags: room(n), numbers: room(n), ..Parallel::default() }));
    }

    /// Opens Arrow IPC data for `bytes`: a whole table, which leaves no place for columns.
    #[napi]
    pub fn ipc(&mut self, n: f64) {
        self.parts.push(Part::Ipc(room(n)));
    }

    /// More numbers of the last column.
    #[napi]
    pub fn floats(&mut self, values: &[f64]) {
        if let Some(Part::Float(_, to) | Part::Cells(_, Parallel { numbers: to, .. })) = self.parts.last_mut() {
            to.extend_from_slice(values);
        }
    }

    /// More whole numbers of the last column.
    #[napi]
    pub fn ints(&mut self, values: &[i64]) {
        if let Some(Part::Int(_, to) | Part::Cells(_, Parallel { ints: to, .. })) = self.parts.last_mut() {
            to.extend_from_slice(values);
        }
    }

    /// More bytes: tags of cells, or Arrow IPC data.
    #[napi]
    pub fn bytes(&mut self, values: &[u8]) {
        if let Some(Part::Ipc(to) | Part::Cells(_, Parallel { tags: to, .. })) = self.parts.last_mut() {
            to.extend_from_slice(values);
        }
    }

    /// More texts of the last column.
    #[napi]
    pub fn texts(&mut self, values: Vec<String>) {
        if let Some(Part::Cells(_, Parallel { texts, .. })) = self.parts.last_mut() {
            texts.extend(values);
        }
    }

    /// The table of the columns.
    #[napi(ts_return_type = "Promise<Table>")]
    pub fn finish(&mut self, call: &Call) -> AsyncTask<Job<Table>> {
        let table = self.table();
        job(call, move |_| table().map(Table::from))
    }
}

impl TableBuilder {
    /// What makes the table, for another thread. The builder is empty afterwards.
    pub(crate) fn table(&mut self) -> impl FnOnce() -> Result<attrition_core::Table> + Send + 'static {
        let mut parts = std::mem::take(&mut self.parts);
        move || {
            if let (1, Some(Part::Ipc(bytes))) = (parts.len(), parts.first()) {
                return attrition_core::Table::from_ipc_bytes(bytes);
            }
            let column = |part| match part {
                Part::Float(name, values) => Ok(Column::float(name, values)),
                Part::Int(name, values) => Ok(Column::int(name, values)),
                Part::Cells(name, cells) => column_of_cells(name, &cells),
                Part::Ipc(_) => Err(Error::Internal("Arrow IPC data between columns".to_owned())),
            };
            attrition_core::Table::new(parts.drain(..).map(column).collect::<Result<_>>()?)
        }
    }
}

/// An empty list with room for what is announced; where there is no memory for it, it grows as it can.
fn room<T>(n: f64) -> Vec<T> {
    let mut out = Vec::new();
    out.try_reserve_exact(n as usize).ok();
    out
}

fn column_of_cells(name: String, Parallel { tags, numbers, ints, texts }: &Parallel) -> Result<Column> {
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
        // A `Date` holds whole milliseconds; instants of Arrow may hold microseconds too.
        6 => ValueRef::Time((number * 1000.0).round() as i64),
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
    pub(crate) held: Held<Arc<attrition_core::Table>>,
}

/// A table of more cells takes milliseconds to free, which the event loop must not wait for.
const LARGE_CELLS: usize = 1 << 17;

fn free(table: Option<Arc<attrition_core::Table>>) {
    if let Some(table) = table
        && table.n_rows().saturating_mul(table.n_columns()) >= LARGE_CELLS
    {
        // Where no thread is to be had, the closure is dropped here, and the table with it.
        std::thread::Builder::new().spawn(move || drop(table)).ok();
    }
}

impl Drop for Table {
    fn drop(&mut self) {
        free(self.held.take());
    }
}

impl From<attrition_core::Table> for Table {
    fn from(table: attrition_core::Table) -> Table {
        Table { held: Held::new("table", Arc::new(table)) }
    }
}

#[napi]
impl Table {
    /// Rows.
    #[napi(getter)]
    pub fn n_rows(&self, env: Env) -> napi::Result<f64> {
        sync(&env, || Ok(self.held.get()?.n_rows() as f64))
    }

    /// The columns' names, in order.
    #[napi(getter)]
    pub fn columns(&self, env: Env) -> napi::Result<Vec<&str>> {
        sync(&env, || Ok(self.held.get()?.names().collect()))
    }

    /// The columns' types, in order: `"float"`, `"int"`, `"string"`, `"bool"` or `"time"`.
    #[napi(getter)]
    pub fn types(&self, env: Env) -> napi::Result<Vec<&'static str>> {
        sync(&env, || Ok(self.held.get()?.columns().iter().map(Column::type_name).collect()))
    }

    /// Write a CSV file.
    #[napi(ts_return_type = "Promise<void>")]
    pub fn write_csv(&self, path: String, call: &Call) -> AsyncTask<Job<()>> {
        let table = self.held.share();
        job(call, move |_| table?.write_csv(&path))
    }

    /// Write a Parquet file.
    #[napi(ts_return_type = "Promise<void>")]
    pub fn write_parquet(&self, path: String, call: &Call) -> AsyncTask<Job<()>> {
        let table = self.held.share();
        job(call, move |_| table?.write_parquet(&path))
    }

    /// As an Arrow IPC stream.
    #[napi(ts_return_type = "Promise<Buffer>")]
    pub fn to_ipc(&self, call: &Call) -> AsyncTask<Job<Buffer>> {
        let table = self.held.share();
        job(call, move |_| table?.to_ipc_bytes().map(Buffer::from))
    }

    /// The values of a column from row `start` up to row `end`.
    #[napi(ts_return_type = "Array<number | bigint | string | boolean | null>")]
    pub fn slice<'env>(&self, env: &'env Env, name: String, start: u32, end: u32) -> napi::Result<Array<'env>> {
        let column = sync(env, || self.held.get()?.column(&name))?;
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
        let table = sync(env, || self.held.get())?;
        let mut out = Object::new(env)?;
        for column in table.columns() {
            put(env, &mut out, column.name(), value(env, column.get(row as usize))?)?;
        }
        Ok(out)
    }

    /// Gives the rows up.
    #[napi]
    pub fn dispose(&mut self) {
        free(self.held.take());
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
