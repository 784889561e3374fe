//! Records (rows of named values) to columns.

use std::collections::HashMap;

use super::token::{ColumnBuilder, Plan, Sort};
use super::{Column, MISSING_CODE, Mask, Table, Value, ValueRef, Values, time};
use crate::error::Place;
use crate::{Error, Result};

/// A table that grows by named values.
///
/// Columns stand in order of first appearance. A value that is absent, null or NaN is missing. A column holds one sort
/// of value: truth values, numbers (of which all are whole: int; else float), instants or strings. Strings that *all*
/// are ISO dates or times become instants, as in CSV.
///
/// # Example
/// ```
/// use attrition_core::table::{Records, ValueRef};
/// let mut records = Records::new();
/// records.put(0, "Age", ValueRef::Int(41))?;
/// records.put(1, "Age", ValueRef::Float(41.5))?;
/// records.put(1, "OverTime", ValueRef::Text("Yes"))?;
/// let table = records.finish()?;
/// assert_eq!(table.column("Age")?.type_name(), "float");
/// assert!(table.column("OverTime")?.is_missing(0));
/// # Ok::<(), attrition_core::Error>(())
/// ```
#[derive(Debug, Default)]
pub struct Records {
    columns: Vec<(String, ColumnBuilder)>,
    index: HashMap<String, usize>,
    n_rows: usize,
}

impl Records {
    /// No row yet.
    pub fn new() -> Records {
        Records::default()
    }

    /// There are at least so many rows, whether or not they hold a value.
    pub fn rows(&mut self, n_rows: usize) {
        self.n_rows = self.n_rows.max(n_rows);
    }

    /// A column of that name, whether or not it holds a value.
    pub fn column(&mut self, name: &str) -> usize {
        if let Some(&i) = self.index.get(name) {
            return i;
        }
        let i = self.columns.len();
        self.columns.push((name.to_owned(), ColumnBuilder::new(Plan::Infer)));
        self.index.insert(name.to_owned(), i);
        i
    }

    /// The value of a row in a column. A column's rows come in order; rows passed over are missing.
    ///
    /// # Errors
    /// [`Error::InvalidData`] with row and column for a value of another sort than the column's, for a nested one, and for a second value
    /// in one place.
    pub fn put(&mut self, row: usize, name: &str, value: ValueRef<'_>) -> Result<()> {
        if value == ValueRef::Nested {
            return Err(Error::data(
                Place::cell(row, name),
                value.describe(),
                "null, a truth value, a number or a string",
                "give each nested value a column of its own",
            ));
        }
        let i = self.column(name);
        self.rows(row.saturating_add(1));
        let Some((_, column)) = self.columns.get_mut(i) else { return Ok(()) };
        if column.rows() > row {
            return Err(Error::data(
                Place::cell(row, name),
                "a second value",
                "one value for each name in a record",
                "remove one of them",
            ));
        }
        while column.rows() < row {
            column.push_missing();
        }
        if column.push_value(value) {
            return Ok(());
        }
        let before = match column.sort() {
            Sort::Bool => "a truth value",
            Sort::Number => "a number",
            Sort::Time => "an instant",
            Sort::Text | Sort::Gap | Sort::Lost => "a string",
        };
        Err(Error::data(
            Place::cell(row, name),
            value.describe(),
            format!("{before} as in the rows before"),
            "give the column values of one kind, and null where there is none",
        ))
    }

    /// The table.
    ///
    /// # Errors
    /// [`Error::InvalidData`] when there is no row or no column.
    pub fn finish(self) -> Result<Table> {
        if self.n_rows == 0 || self.columns.is_empty() {
            return Err(Error::data(
                Place::none(),
                format!("{} rows with {} columns", self.n_rows, self.columns.len()),
                "at least one row with at least one column",
                "check the source of the records",
            ));
        }
        let n_rows = self.n_rows;
        let columns = self.columns.into_iter().map(|(name, mut column)| {
            while column.rows() < n_rows {
                column.push_missing();
            }
            instants(column.finish(name))
        });
        Table::new(columns.collect())
    }
}

/// Strings that are all dates or times, as instants.
fn instants(column: Column) -> Column {
    let Values::Codes(codes, words) = column.values() else { return column };
    let Some(times) = words.iter().map(|w| time::parse(w)).collect::<Option<Vec<i64>>>() else { return column };
    if times.is_empty() {
        return column;
    }
    let mask = Mask::from_missing(codes.iter().map(|&c| c == MISSING_CODE));
    let values: Vec<i64> = codes.iter().map(|&c| times.get(c as usize).copied().unwrap_or(0)).collect();
    Column { name: column.name, values: Values::Time(values.into(), mask) }
}

impl Table {
    /// A table of records; see [`Records`].
    ///
    /// # Errors
    /// [`Error::InvalidData`] with row and column for values of two sorts in one column; for no record at all.
    ///
    /// # Example
    /// ```
    /// use attrition_core::{Table, Value};
    /// let rows = [[("Age", Value::Int(41))], [("Age", Value::Missing)]];
    /// let table = Table::from_records(rows)?;
    /// assert_eq!(table.column("Age")?.n_missing(), 1);
    /// # Ok::<(), attrition_core::Error>(())
    /// ```
    pub fn from_records<R, S>(rows: impl IntoIterator<Item = R>) -> Result<Table>
    where
        R: IntoIterator<Item = (S, Value)>,
        S: AsRef<str>,
    {
        let mut records = Records::new();
        for (row, record) in rows.into_iter().enumerate() {
            records.rows(row + 1);
            for (name, value) in record {
                records.put(row, name.as_ref(), (&value).into())?;
            }
        }
        records.finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_column_holds_one_sort_of_value() {
        let build = |values: &[Value]| Table::from_records(values.iter().map(|v| [("x", v.clone())]));
        let of = |values: &[Value]| build(values).unwrap().columns()[0].type_name();
        assert_eq!(of(&[Value::Missing, 1.into(), Value::Float(f64::NAN)]), "int");
        assert_eq!(of(&[1.into(), 0.5.into(), 2.into()]), "float");
        assert_eq!(of(&["2024-01-01".into(), Value::Missing, "2024-01-01T10:00:00Z".into()]), "time");
        assert_eq!(of(&["2024-01-01".into(), "soon".into()]), "string");
        assert_eq!(of(&[Value::Time(0), Value::Missing]), "time");
        assert_eq!(of(&[Value::Missing]), "float");
        for (values, want) in [
            ([Value::from(1), "a".into()], "row 1, column `x`: got a text, expected a number"),
            (["a".into(), 1.5.into()], "row 1, column `x`: got the number 1.5, expected a string"),
            ([true.into(), 1.into()], "expected a truth value"),
            ([Value::Time(0), "a".into()], "expected an instant"),
        ] {
            let e = build(&values).unwrap_err().to_string();
            assert!(e.contains(want), "{e}");
        }
        assert!(Table::from_records(Vec::<[(&str, Value); 0]>::new()).is_err());
        let e = Table::from_records([[("a", Value::Int(1)), ("a", Value::Int(2))]]).unwrap_err().to_string();
        assert!(e.contains("row 0, column `a`: got a second value"), "{e}");
    }
}
