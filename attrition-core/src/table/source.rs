//! Tables in batches: what does not fit in memory is read piece by piece, once.

use super::Table;
use crate::error::Place;
use crate::{Error, Result, Run};

/// A table read in batches, once, from front to back.
///
/// Every batch has the same columns, in the same order, each of one type throughout (a column without any value in a
/// batch may have any type there). Vocabularies of string columns are each batch's own.
///
/// # Example
/// ```
/// use attrition_core::table::{Batches, Column, Source, Table};
/// use attrition_core::Run;
/// let batch = |v| Table::new(vec![Column::int("Age", v)]);
/// let mut source = Batches::new([batch(vec![41, 49]), batch(vec![37])]);
/// let mut n = 0;
/// while let Some(table) = source.next_batch(&Run::new())? {
///     n += table.n_rows();
/// }
/// assert_eq!(n, 3);
/// # Ok::<(), attrition_core::Error>(())
/// ```
pub trait Source: Send {
    /// The next batch, or `None` past the last one. After an error nothing more can be read.
    ///
    /// # Errors
    /// [`Error::InvalidData`] for what cannot be read, and for a batch that does not match the first one;
    /// [`Error::Io`]; [`Error::Cancelled`].
    fn next_batch(&mut self, run: &Run) -> Result<Option<Table>>;
}

/// A [`Source`] of an iterator's tables: the batches of a language's own generator, a vector of tables.
#[derive(Debug)]
pub struct Batches<I> {
    tables: I,
    /// Name and type of the first batch's columns; a type that is not known yet is empty.
    first: Option<Vec<(String, &'static str)>>,
    n_batches: usize,
    rows_read: usize,
}

impl<I: Iterator<Item = Result<Table>>> Batches<I> {
    /// Of these tables.
    pub fn new(tables: impl IntoIterator<IntoIter = I>) -> Batches<I> {
        Batches { tables: tables.into_iter(), first: None, n_batches: 0, rows_read: 0 }
    }

    fn check(&mut self, table: &Table) -> Result<()> {
        let number = self.n_batches;
        self.n_batches += 1;
        let kind = |c: &super::Column| if c.n_missing() == c.len() { "" } else { c.type_name() };
        let Some(first) = &mut self.first else {
            self.first = Some(table.columns().iter().map(|c| (c.name().to_owned(), kind(c))).collect());
            return Ok(());
        };
        if first.len() != table.n_columns() || first.iter().zip(table.names()).any(|((a, _), b)| a != b) {
            let names = |mut names: Vec<&str>| {
                names.truncate(20);
                format!("columns {}", names.join(", "))
            };
            return Err(Error::data(
                Place::none(),
                format!("batch {number} with {}", names(table.names().collect())),
                format!("{} as in the first batch", names(first.iter().map(|(n, _)| n.as_str()).collect())),
                "give every batch the same columns in the same order",
            ));
        }
        for ((_, known), column) in first.iter_mut().zip(table.columns()) {
            let kind = kind(column);
            if known.is_empty() {
                *known = kind;
            } else if !kind.is_empty() && kind != *known && !(is_number(kind) && is_number(known)) {
                return Err(Error::data(
                    Place::column(column.name()),
                    format!("batch {number} with a {kind} column"),
                    format!("a {known} column as in earlier batches"),
                    "convert the column to one type in every batch",
                ));
            }
        }
        Ok(())
    }
}

/// Whether batches of the two types mix: whole numbers among others are numbers.
fn is_number(kind: &str) -> bool {
    matches!(kind, "int" | "float")
}

impl<I: Iterator<Item = Result<Table>> + Send> Source for Batches<I> {
    fn next_batch(&mut self, run: &Run) -> Result<Option<Table>> {
        run.check()?;
        let Some(table) = self.tables.next().transpose()? else { return Ok(None) };
        self.check(&table)?;
        self.rows_read += table.n_rows();
        // Nobody knows how many there will be.
        run.progress("read", self.rows_read, 0);
        Ok(Some(table))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::table::Column;

    fn read(batches: Vec<Table>) -> Result<usize> {
        let mut source = Batches::new(batches.into_iter().map(Ok));
        let mut n = 0;
        while let Some(t) = source.next_batch(&Run::new())? {
            n += t.n_rows();
        }
        Ok(n)
    }

    #[test]
    fn a_batch_that_differs_is_named() {
        let t = |c: Column| Table::new(vec![c]).unwrap();
        let first = t(Column::int("a", vec![1]));
        assert_eq!(read(vec![first.clone(), t(Column::float("a", vec![0.5, 1.5]))]).unwrap(), 3);
        assert_eq!(read(vec![first.clone(), t(Column::strings("a", [None::<&str>]))]).unwrap(), 2);
        let e = read(vec![first.clone(), t(Column::int("b", vec![1]))]).unwrap_err().to_string();
        assert!(e.contains("batch 1 with columns b") && e.contains("columns a"), "{e}");
        let e = read(vec![first, t(Column::strings("a", [Some("x")]))]).unwrap_err().to_string();
        assert!(e.contains("column `a`") && e.contains("string column") && e.contains("int column"), "{e}");
    }
}
