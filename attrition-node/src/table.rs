//! Tables across the border. JavaScript hands columns over in bulk: typed arrays, or cells as parallel arrays.

use std::sync::Arc;

use attrition_core::Column;
use attrition_core::error::Place;
use attrition_core::table::{CsvOptions, MISSING_CODE, Mask, Values};
use attrition_core::{Error, Result, Value};
use napi::Env;
use napi::bindgen_prelude::{Array, AsyncTask, BigInt, Null, Object, ToNapiValue, Unknown};
use napi_derive::napi;

use crate::door::{Call, Job, job, sync};
use crate::options::options;
use crate::plain::put;

/// What a cell holds, as JavaScript tags it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Tag {
    Absent = 0,
    Missing = 1,
    Bool = 2,
    Number = 3,
    Int = 4,
    Text = 5,
    Date = 6,
    Nested = 7,
}

impl Tag {
    pub(crate) fn from_u8(tag: u8) -> Tag {
        match tag {
            0 => Tag::Absent,
            1 => Tag::Missing,
            2 => Tag::Bool,
            3 => Tag::Number,
            4 => Tag::Int,
            5 => Tag::Text,
            6 => Tag::Date,
            _ => Tag::Nested,
        }
    }

    fn is_gap(self) -> bool {
        matches!(self, Tag::Absent | Tag::Missing)
    }

    fn words(self) -> &'static str {
        match self {
            Tag::Absent | Tag::Missing => "a gap",
            Tag::Bool => "a boolean",
            Tag::Number | Tag::Int => "a number",
            Tag::Text => "a string",
            Tag::Date => "a date",
            Tag::Nested => "a nested value",
        }
    }
}

/// Microseconds of a `Date`'s milliseconds.
pub(crate) fn micros(milliseconds: f64) -> i64 {
    (milliseconds as i64).saturating_mul(1000)
}

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

    /// Cells of any kind: `tags` says which; `numbers` holds truth values, numbers, a `Date`'s milliseconds and the
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
        let column = sync(&env, || cells(name, tags, numbers, ints, texts))?;
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

fn cells(name: String, tags: &[u8], numbers: &[f64], ints: &[i64], texts: Vec<String>) -> Result<Column> {
    let rows = || tags.iter().map(|&tag| Tag::from_u8(tag)).enumerate();
    let number = |row: usize| numbers.get(row).copied().unwrap_or(f64::NAN);
    let int = |row: usize| ints.get(row).copied().unwrap_or_default();
    let mask = || Mask::from_missing(tags.iter().map(|&tag| Tag::from_u8(tag).is_gap()));
    let mut first = [None; 8];
    for (row, tag) in rows().filter(|(_, tag)| !tag.is_gap()) {
        first[tag as usize].get_or_insert(row);
    }
    let has = |tag: Tag| first[tag as usize].is_some();
    let values = match (has(Tag::Text), has(Tag::Date), has(Tag::Number), has(Tag::Int), has(Tag::Bool)) {
        _ if has(Tag::Nested) => return Err(mixed(&name, &first)),
        (true, false, false, false, false) => Values::Codes(
            rows()
                .map(|(row, tag)| if tag.is_gap() { MISSING_CODE } else { number(row) as u32 })
                .collect::<Vec<_>>()
                .into(),
            Arc::new(texts),
        ),
        (false, true, false, false, false) => {
            Values::Time(rows().map(|(row, _)| micros(number(row))).collect::<Vec<_>>().into(), mask())
        }
        (false, false, false, true, false) => {
            Values::Int(rows().map(|(row, _)| int(row)).collect::<Vec<_>>().into(), mask())
        }
        (false, false, false, false, true) => {
            Values::Bool(rows().map(|(row, _)| number(row) != 0.0).collect::<Vec<_>>().into(), mask())
        }
        (false, false, _, _, _) => {
            let value = |(row, tag): (usize, Tag)| match tag {
                Tag::Int => int(row) as f64,
                Tag::Number | Tag::Bool => number(row),
                _ => f64::NAN,
            };
            Values::Float(rows().map(value).collect::<Vec<_>>().into())
        }
        _ => return Err(mixed(&name, &first)),
    };
    Column::new(name, values)
}

/// The error for cells that no column holds together: the first two that do not go with each other.
fn mixed(name: &str, first: &[Option<usize>; 8]) -> Error {
    let mut seen: Vec<(usize, &str)> =
        (0u8..).zip(first).filter_map(|(tag, row)| row.map(|row| (row, Tag::from_u8(tag).words()))).collect();
    seen.sort_unstable();
    if let Some((row, words)) = seen.iter().find(|(_, words)| *words == Tag::Nested.words()) {
        let expected = "a number, a string, a boolean, a date or a gap";
        return Error::data(
            Place::cell(*row, name),
            *words,
            expected,
            "take what it holds out into columns of their own",
        );
    }
    let (row, words) = seen.first().copied().unwrap_or_default();
    let other = seen.iter().copied().find(|s| s.1 != words).unwrap_or((row, words));
    Error::data(
        Place::cell(other.0, name),
        other.1,
        format!("{words} as in row {row}"),
        "make all values of the column one kind, for example with String()",
    )
}

/// Read a CSV file, as the JSON of the options says.
#[napi(ts_return_type = "Promise<Table>")]
pub fn read_csv(path: String, json: String, call: &Call) -> AsyncTask<Job<Table>> {
    job(call, move |run| {
        let options: CsvOptions = options(&json, "readCsv")?;
        attrition_core::Table::read_csv_with(&path, &options, run).map(Table::from)
    })
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
