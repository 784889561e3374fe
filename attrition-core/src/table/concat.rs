//! Tables one after the other.

use super::token::{ColumnBuilder, Plan, Sort};
use super::{Column, Source, Table};
use crate::error::Place;
use crate::{Error, Result, Run};

/// What the tables of a sequence have in common.
#[derive(Debug, Default)]
pub(super) struct Shape {
    /// An empty column of each one's type in the first table, which is its type where no table has a value; and the sort of
    /// the values so far.
    columns: Vec<(Column, Sort)>,
    n_tables: usize,
}

impl Shape {
    /// Takes one more table in.
    ///
    /// # Errors
    /// [`Error::InvalidData`] for other columns than the first table's, and for a column of another sort.
    pub(super) fn admit(&mut self, table: &Table) -> Result<()> {
        if self.n_tables == 0 {
            self.columns = table.columns().iter().map(|c| (c.take(&[]), Sort::Gap)).collect();
        }
        let number = self.n_tables;
        self.n_tables += 1;
        if self.columns.len() != table.n_columns()
            || self.columns.iter().zip(table.names()).any(|((a, _), b)| a.name() != b)
        {
            return Err(Error::data(
                Place::none(),
                format!("table {number} with other columns than the first"),
                format!("columns {}", self.columns.iter().map(|(c, _)| c.name()).collect::<Vec<_>>().join(", ")),
                "give all tables the same columns in the same order",
            ));
        }
        for ((known, sort), column) in self.columns.iter_mut().zip(table.columns()) {
            *sort = sort.join(Sort::of(column));
            if *sort == Sort::Lost {
                return Err(Error::data(
                    Place::column(known.name()),
                    format!("table {number} with a column of another type"),
                    "one type in all tables",
                    "convert the column",
                ));
            }
        }
        Ok(())
    }

    /// Of each column an empty one of its type in the first table.
    ///
    /// # Errors
    /// [`Error::InvalidData`] where no table was admitted.
    pub(super) fn into_columns(self) -> Result<Vec<Column>> {
        if self.n_tables == 0 {
            return Err(Error::data(Place::none(), "no batch", "at least one batch", "check the source"));
        }
        Ok(self.columns.into_iter().map(|(c, _)| c).collect())
    }
}

/// A table that grows by tables.
#[derive(Debug, Default)]
struct Growing {
    shape: Shape,
    columns: Vec<ColumnBuilder>,
}

impl Growing {
    fn add(&mut self, table: &Table) -> Result<()> {
        self.shape.admit(table)?;
        self.columns.resize_with(table.n_columns(), || ColumnBuilder::new(Plan::Infer));
        for (column, new) in self.columns.iter_mut().zip(table.columns()) {
            column.append(ColumnBuilder::of_column(new));
        }
        Ok(())
    }

    fn finish(self) -> Result<Table> {
        let columns = self.columns.into_iter().zip(self.shape.into_columns()?).map(|(c, empty)| match c.sort() {
            // Rows past the end of an empty column are missing ones of its type.
            Sort::Gap => empty.take(&vec![usize::MAX; c.rows()]),
            _ => c.finish(empty.name().to_owned()),
        });
        Table::new(columns.collect())
    }
}

impl Table {
    /// The tables one after the other: the same columns in the same order, each of one type; int and float together are
    /// float, and a column without any value takes the others' type. Vocabularies stand in order of first appearance.
    ///
    /// # Errors
    /// [`Error::InvalidData`] for tables that do not match.
    ///
    /// # Example
    /// ```
    /// use attrition_core::{Column, Table};
    /// let part = |ages| Table::new(vec![Column::int("Age", ages)]);
    /// let whole = Table::concat(&[part(vec![41, 49])?, part(vec![37])?])?;
    /// assert_eq!(whole.n_rows(), 3);
    /// # Ok::<(), attrition_core::Error>(())
    /// ```
    pub fn concat(tables: &[Table]) -> Result<Table> {
        if tables.is_empty() {
            return Table::new(Vec::new());
        }
        let mut whole = Growing::default();
        tables.iter().try_for_each(|t| whole.add(t))?;
        whole.finish()
    }

    /// All batches of a source as one table; see [`Table::concat`].
    ///
    /// # Errors
    /// The source's; [`Error::InvalidData`] for a source without a batch.
    pub fn collect(source: &mut dyn Source, run: &Run) -> Result<Table> {
        let mut whole = Growing::default();
        while let Some(batch) = source.next_batch(run)? {
            whole.add(&batch)?;
        }
        whole.finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Value;

    #[test]
    fn types_and_vocabularies_join() {
        let a = Table::new(vec![
            Column::int("n", vec![1, 2]),
            Column::strings("s", [Some("x"), None]),
            Column::float("late", vec![f64::NAN, f64::NAN]),
        ]);
        let b = Table::new(vec![
            Column::float("n", vec![0.5]),
            Column::strings("s", [Some("y")]),
            Column::bool("late", vec![true]),
        ]);
        let c = Table::new(vec![
            Column::int("n", vec![3]),
            Column::strings("s", [Some("x")]),
            Column::float("late", vec![f64::NAN]),
        ]);
        let whole = Table::concat(&[a.unwrap(), b.unwrap(), c.unwrap()]).unwrap();
        assert_eq!(whole.columns().iter().map(|c| c.type_name()).collect::<Vec<_>>(), ["float", "string", "bool"]);
        let column = |name: &str| (0..4).map(|r| whole.column(name).unwrap().get(r)).collect::<Vec<Value>>();
        assert_eq!(column("n"), [1.into(), 2.into(), Value::Float(0.5), 3.into()]);
        assert_eq!(column("s"), ["x".into(), Value::Missing, "y".into(), "x".into()]);
        assert_eq!(column("late"), [Value::Missing, Value::Missing, true.into(), Value::Missing]);
        let gap = Table::new(vec![Column::strings("s", [None::<&str>, None])]).unwrap();
        let both = Table::concat(&[gap.clone(), gap]).unwrap();
        assert_eq!((both.n_rows(), both.columns()[0].type_name(), both.columns()[0].n_missing()), (4, "string", 4));
        let other = Table::new(vec![Column::strings("n", [Some("x")])]).unwrap();
        let e = Table::concat(&[Table::new(vec![Column::int("n", vec![1])]).unwrap(), other]).unwrap_err();
        assert!(e.to_string().contains("column `n`") && e.to_string().contains("table 1"), "{e}");
    }
}
