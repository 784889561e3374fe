//! Tables: named, typed columns of equal length. A missing value is one thing, however it was written: an empty
//! field, `null`, `None`, `NaN`, `NaT`.
//!
//! | type | Rust | a missing value is |
//! |---|---|---|
//! | float | `f64` | NaN |
//! | int | `i64` | a set bit of the column's [`Mask`] |
//! | codes | `u32` into a vocabulary of strings | [`MISSING_CODE`] |
//! | bool | `bool` | a set bit of the column's [`Mask`] |
//! | time | `i64` microseconds since 1970-01-01 UTC | a set bit of the column's [`Mask`] |

#[cfg(feature = "arrow")]
mod arrow;
mod columns;
mod concat;
mod csv;
mod input;
mod intern;
#[cfg(feature = "arrow")]
mod ipc;
mod json;
mod number;
#[cfg(feature = "parquet")]
mod parquet;
mod records;
#[cfg(test)]
mod round_trips;
mod source;
mod split;
mod spool;
#[cfg(feature = "sql")]
mod sql;
pub mod time;
mod token;
mod value;
mod write;

pub use columns::Columns;
pub use csv::{CsvOptions, CsvScan, scan_csv};
#[cfg(feature = "parquet")]
pub use parquet::{ParquetOptions, ParquetScan, ParquetWriter, scan_parquet};
pub use records::Records;
pub use source::{Batches, Source};
pub use spool::{Spool, SpoolWriter};
#[cfg(feature = "sql")]
pub use sql::{SqlOptions, SqlScan, scan_sql};
pub use value::{Value, ValueRef};
pub use write::CsvWriter;

use std::collections::HashMap;
use std::ops::Deref;
use std::sync::Arc;

use crate::error::Place;
use crate::{Error, Result};

/// The code of a missing string.
pub const MISSING_CODE: u32 = u32::MAX;

/// A column's numbers: owned, or borrowed from a foreign owner (an Arrow buffer, a NumPy array) without a copy.
#[derive(Clone)]
pub enum Buffer<T: 'static> {
    /// Owned by the table.
    Owned(Arc<Vec<T>>),
    /// Owned elsewhere and kept alive by this handle.
    Shared(Arc<dyn AsRef<[T]> + Send + Sync>),
}

impl<T> Deref for Buffer<T> {
    type Target = [T];
    fn deref(&self) -> &[T] {
        match self {
            Buffer::Owned(v) => v,
            Buffer::Shared(s) => (**s).as_ref(),
        }
    }
}

impl<T> From<Vec<T>> for Buffer<T> {
    fn from(v: Vec<T>) -> Self {
        Buffer::Owned(Arc::new(v))
    }
}

impl<T: std::fmt::Debug> std::fmt::Debug for Buffer<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "[{} values]", self.len())
    }
}

/// Which rows are missing: one bit a row, set = missing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mask {
    bits: Vec<u64>,
    len: usize,
}

impl Mask {
    /// No row missing.
    pub fn new(len: usize) -> Mask {
        Mask { bits: vec![0; len.div_ceil(64)], len }
    }
    /// From one flag a row, `true` = missing; `None` where none is.
    pub fn from_missing(flags: impl ExactSizeIterator<Item = bool>) -> Option<Mask> {
        let mut mask = Mask::new(flags.len());
        let mut any = false;
        for (i, missing) in flags.enumerate() {
            if missing {
                mask.set(i);
                any = true;
            }
        }
        any.then_some(mask)
    }
    /// Mark a row as missing. Rows past the end are ignored.
    pub fn set(&mut self, row: usize) {
        if row < self.len {
            self.bits[row / 64] |= 1 << (row % 64);
        }
    }
    /// Whether the row is missing.
    pub fn get(&self, row: usize) -> bool {
        self.bits.get(row / 64).is_some_and(|w| w >> (row % 64) & 1 == 1)
    }
    /// How many rows are missing.
    pub fn count(&self) -> usize {
        self.bits.iter().map(|w| w.count_ones() as usize).sum()
    }
    /// Rows in all.
    pub fn len(&self) -> usize {
        self.len
    }
    /// The bits, 64 rows a word, the first row lowest.
    pub(crate) fn words(&self) -> &[u64] {
        &self.bits
    }
    /// The missing rows, in order.
    pub(crate) fn rows(&self) -> impl Iterator<Item = usize> + '_ {
        self.bits.iter().enumerate().flat_map(|(word, &bits)| {
            std::iter::successors((bits != 0).then_some(bits), |b| (b & (b - 1) != 0).then_some(b & (b - 1)))
                .map(move |b| word * 64 + b.trailing_zeros() as usize)
        })
    }
    /// Cover so many rows; new ones are not missing.
    pub(crate) fn resize(&mut self, len: usize) {
        self.bits.resize(len.div_ceil(64), 0);
        if let (true, Some(last)) = (!len.is_multiple_of(64), self.bits.last_mut()) {
            *last &= (1 << (len % 64)) - 1;
        }
        self.len = len;
    }
    /// Whether it covers no row.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }
}

/// A column's values by type.
#[derive(Debug, Clone)]
pub enum Values {
    /// Numbers; NaN is missing.
    Float(Buffer<f64>),
    /// Whole numbers.
    Int(Buffer<i64>, Option<Mask>),
    /// Strings as codes into a vocabulary; [`MISSING_CODE`] is missing.
    Codes(Buffer<u32>, Arc<Vec<String>>),
    /// Truth values.
    Bool(Buffer<bool>, Option<Mask>),
    /// Instants: microseconds since 1970-01-01T00:00:00 UTC. A date is its midnight.
    Time(Buffer<i64>, Option<Mask>),
}

/// A named column.
#[derive(Debug, Clone)]
pub struct Column {
    name: String,
    values: Values,
}

impl Column {
    /// A column of the values. A mask must be as long as the values, a code inside the vocabulary or missing.
    ///
    /// # Errors
    /// [`Error::InvalidData`] otherwise.
    pub fn new(name: impl Into<String>, values: Values) -> Result<Column> {
        let name = name.into();
        let bad_mask = match &values {
            Values::Int(v, Some(m)) => m.len() != v.len(),
            Values::Bool(v, Some(m)) => m.len() != v.len(),
            Values::Time(v, Some(m)) => m.len() != v.len(),
            _ => false,
        };
        if bad_mask {
            return Err(Error::data(
                Place::column(&name),
                "a null mask of another length",
                "one bit a value",
                "build the mask with Mask::new(n_rows)",
            ));
        }
        if let Values::Codes(codes, vocabulary) = &values
            && let Some(row) = codes.iter().position(|&c| c != MISSING_CODE && c as usize >= vocabulary.len())
        {
            return Err(Error::data(
                Place::cell(row, &name),
                format!("code {}", codes[row]),
                format!("a code below {}", vocabulary.len()),
                "give every code a place in the vocabulary",
            ));
        }
        Ok(Column { name, values })
    }

    /// A float column; NaN is missing.
    pub fn float(name: impl Into<String>, values: Vec<f64>) -> Column {
        Column { name: name.into(), values: Values::Float(values.into()) }
    }
    /// An integer column without gaps.
    pub fn int(name: impl Into<String>, values: Vec<i64>) -> Column {
        Column { name: name.into(), values: Values::Int(values.into(), None) }
    }
    /// A bool column without gaps.
    pub fn bool(name: impl Into<String>, values: Vec<bool>) -> Column {
        Column { name: name.into(), values: Values::Bool(values.into(), None) }
    }
    /// A string column, its vocabulary in order of first appearance; `None` is missing.
    pub fn strings<S: AsRef<str>>(name: impl Into<String>, values: impl IntoIterator<Item = Option<S>>) -> Column {
        let mut words = intern::Interner::new();
        let codes: Vec<u32> = values.into_iter().map(|v| v.map_or(MISSING_CODE, |s| words.code(s.as_ref()))).collect();
        Column { name: name.into(), values: Values::Codes(codes.into(), Arc::new(words.into_vocabulary())) }
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }
    /// The same values under another name.
    pub fn renamed(mut self, name: impl Into<String>) -> Column {
        self.name = name.into();
        self
    }
    /// Its values.
    pub fn values(&self) -> &Values {
        &self.values
    }
    /// Rows.
    pub fn len(&self) -> usize {
        match &self.values {
            Values::Float(v) => v.len(),
            Values::Int(v, _) | Values::Time(v, _) => v.len(),
            Values::Codes(v, _) => v.len(),
            Values::Bool(v, _) => v.len(),
        }
    }
    /// Whether it has no row.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
    /// `"float"`, `"int"`, `"string"`, `"bool"` or `"time"`.
    pub fn type_name(&self) -> &'static str {
        match &self.values {
            Values::Float(_) => "float",
            Values::Int(..) => "int",
            Values::Codes(..) => "string",
            Values::Bool(..) => "bool",
            Values::Time(..) => "time",
        }
    }
    /// Whether the row is missing (also past the end).
    pub fn is_missing(&self, row: usize) -> bool {
        match &self.values {
            Values::Float(v) => v.get(row).is_none_or(|x| x.is_nan()),
            Values::Codes(v, _) => v.get(row).is_none_or(|&c| c == MISSING_CODE),
            Values::Int(v, m) | Values::Time(v, m) => row >= v.len() || m.as_ref().is_some_and(|m| m.get(row)),
            Values::Bool(v, m) => row >= v.len() || m.as_ref().is_some_and(|m| m.get(row)),
        }
    }
    /// How many rows are missing.
    pub fn n_missing(&self) -> usize {
        match &self.values {
            Values::Float(v) => v.iter().filter(|x| x.is_nan()).count(),
            Values::Codes(v, _) => v.iter().filter(|&&c| c == MISSING_CODE).count(),
            Values::Int(_, m) | Values::Time(_, m) | Values::Bool(_, m) => m.as_ref().map_or(0, Mask::count),
        }
    }
    /// The value of a row; [`Value::Missing`] past the end.
    pub fn get(&self, row: usize) -> Value {
        if self.is_missing(row) {
            return Value::Missing;
        }
        match &self.values {
            Values::Float(v) => Value::Float(v[row]),
            Values::Int(v, _) => Value::Int(v[row]),
            Values::Codes(v, vocabulary) => Value::Text(vocabulary[v[row] as usize].clone()),
            Values::Bool(v, _) => Value::Bool(v[row]),
            Values::Time(v, _) => Value::Time(v[row]),
        }
    }
    /// The given rows, in the given order. Rows past the end become missing.
    pub fn take(&self, rows: &[usize]) -> Column {
        fn pick<T: Copy + Default>(v: &[T], rows: &[usize]) -> Buffer<T> {
            rows.iter().map(|&r| v.get(r).copied().unwrap_or_default()).collect::<Vec<T>>().into()
        }
        let mask = || Mask::from_missing(rows.iter().map(|&r| self.is_missing(r)));
        let values = match &self.values {
            Values::Float(v) => {
                Values::Float(rows.iter().map(|&r| v.get(r).copied().unwrap_or(f64::NAN)).collect::<Vec<_>>().into())
            }
            Values::Codes(v, vocabulary) => Values::Codes(
                rows.iter().map(|&r| v.get(r).copied().unwrap_or(MISSING_CODE)).collect::<Vec<_>>().into(),
                Arc::clone(vocabulary),
            ),
            Values::Int(v, _) => Values::Int(pick(v, rows), mask()),
            Values::Bool(v, _) => Values::Bool(pick(v, rows), mask()),
            Values::Time(v, _) => Values::Time(pick(v, rows), mask()),
        };
        Column { name: self.name.clone(), values }
    }
}

/// Named, typed columns of equal length.
#[derive(Debug, Clone)]
pub struct Table {
    columns: Vec<Column>,
    index: HashMap<String, usize>,
    n_rows: usize,
}

impl Table {
    /// A table of the columns.
    ///
    /// # Errors
    /// [`Error::InvalidData`] when two columns share a name or differ in length.
    ///
    /// # Example
    /// ```
    /// use attrition_core::table::{Column, Table};
    /// let table = Table::new(vec![
    ///     Column::int("Age", vec![41, 49]),
    ///     Column::strings("OverTime", [Some("Yes"), None]),
    /// ])?;
    /// assert_eq!((table.n_rows(), table.n_columns()), (2, 2));
    /// assert!(table.column("OverTime")?.is_missing(1));
    /// # Ok::<(), attrition_core::Error>(())
    /// ```
    pub fn new(columns: Vec<Column>) -> Result<Table> {
        let n_rows = columns.first().map_or(0, Column::len);
        let mut index = HashMap::with_capacity(columns.len());
        for (i, c) in columns.iter().enumerate() {
            if c.len() != n_rows {
                return Err(Error::data(
                    Place::column(&c.name),
                    format!("{} rows", c.len()),
                    format!("{n_rows} rows as in column `{}`", columns[0].name),
                    "give all columns one length",
                ));
            }
            if let Some(first) = index.insert(c.name.clone(), i) {
                return Err(Error::data(
                    Place::column(&c.name),
                    format!("the same name for columns {first} and {i}"),
                    "names that are unique",
                    "rename one of them",
                ));
            }
        }
        Ok(Table { columns, index, n_rows })
    }

    /// Rows.
    pub fn n_rows(&self) -> usize {
        self.n_rows
    }
    /// Columns.
    pub fn n_columns(&self) -> usize {
        self.columns.len()
    }
    /// The columns, in order.
    pub fn columns(&self) -> &[Column] {
        &self.columns
    }
    /// The columns' names, in order.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.columns.iter().map(Column::name)
    }
    /// The column of that name, if there is one.
    pub fn get(&self, name: &str) -> Option<&Column> {
        self.index.get(name).map(|&i| &self.columns[i])
    }
    /// The column of that name.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub fn column(&self, name: &str) -> Result<&Column> {
        self.get(name).ok_or_else(|| Error::not_found("column", name, self.names()))
    }
    /// The given rows, in the given order.
    pub fn take(&self, rows: &[usize]) -> Table {
        Table {
            columns: self.columns.iter().map(|c| c.take(rows)).collect(),
            index: self.index.clone(),
            n_rows: rows.len(),
        }
    }
    /// The table without the named columns; names that are not there are passed over.
    pub fn drop(&self, names: &[&str]) -> Table {
        let columns: Vec<Column> = self.columns.iter().filter(|c| !names.contains(&c.name.as_str())).cloned().collect();
        let index = columns.iter().enumerate().map(|(i, c)| (c.name.clone(), i)).collect();
        Table { columns, index, n_rows: self.n_rows }
    }
    /// The table with the column added, or replaced where its name is there.
    ///
    /// # Errors
    /// [`Error::InvalidData`] when its length differs.
    pub fn with_column(&self, column: Column) -> Result<Table> {
        let mut columns = self.columns.clone();
        match self.index.get(column.name()) {
            Some(&i) => columns[i] = column,
            None => columns.push(column),
        }
        Table::new(columns)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn duplicate_names_and_ragged_lengths_are_named() {
        let e = Table::new(vec![Column::int("a", vec![1]), Column::int("a", vec![2])]).unwrap_err();
        assert!(e.to_string().contains("column `a`"), "{e}");
        let e = Table::new(vec![Column::int("a", vec![1]), Column::int("b", vec![2, 3])]).unwrap_err();
        assert!(e.to_string().contains("2 rows"), "{e}");
    }

    #[test]
    fn take_keeps_values_and_gaps() {
        let mut m = Mask::new(3);
        m.set(1);
        let c = Column::new("x", Values::Int(vec![1, 0, 3].into(), Some(m))).unwrap();
        let t = c.take(&[2, 1, 0, 9]);
        assert_eq!(
            (0..4).map(|i| t.get(i)).collect::<Vec<_>>(),
            [Value::Int(3), Value::Missing, Value::Int(1), Value::Missing]
        );
        assert_eq!(t.n_missing(), 2);
    }

    #[test]
    fn a_code_outside_the_vocabulary_is_refused() {
        assert!(Column::new("x", Values::Codes(vec![1].into(), Arc::new(vec!["a".into()]))).is_err());
    }
}
