//! A table's columns, one at a time.

use std::borrow::Cow;
use std::ops::Range;

use super::{Column, Spool, Table};
use crate::{Error, Result};

/// A table whose columns are wanted one at a time: in memory, or on disk.
///
/// What takes `impl Into<Columns>` takes a [`&Table`](Table) and a [`&Spool`](Spool) alike.
#[derive(Debug, Clone, Copy)]
pub enum Columns<'a> {
    /// In memory.
    Table(&'a Table),
    /// On disk.
    Spool(&'a Spool),
}

impl<'a> From<&'a Table> for Columns<'a> {
    fn from(table: &'a Table) -> Columns<'a> {
        Columns::Table(table)
    }
}

impl<'a> From<&'a Spool> for Columns<'a> {
    fn from(spool: &'a Spool) -> Columns<'a> {
        Columns::Spool(spool)
    }
}

impl<'a> Columns<'a> {
    /// Rows.
    pub fn n_rows(self) -> usize {
        match self {
            Columns::Table(table) => table.n_rows(),
            Columns::Spool(spool) => spool.n_rows(),
        }
    }
    /// The columns' names, in order.
    pub fn names(self) -> Vec<&'a str> {
        match self {
            Columns::Table(table) => table.names().collect(),
            Columns::Spool(spool) => spool.names().collect(),
        }
    }

    /// A column of the same type that holds a value only if the column does; `None` where there is no such column. Nothing is
    /// read.
    pub(crate) fn outline(self, name: &str) -> Option<&'a Column> {
        match self {
            Columns::Table(table) => table.get(name),
            Columns::Spool(spool) => spool.place(name).and_then(|i| spool.outline(i)),
        }
    }

    /// The whole column.
    ///
    /// # Errors
    /// [`Error::NotFound`]; [`Error::Io`] of the disk.
    pub(crate) fn column(self, name: &str) -> Result<Cow<'a, Column>> {
        match self {
            Columns::Table(table) => table.column(name).map(Cow::Borrowed),
            Columns::Spool(spool) => {
                let column = self.find(spool, name)?;
                spool.column(name, column, 0..spool.n_rows()).map(Cow::Owned)
            }
        }
    }

    /// A column that holds some consecutive rows, and where it holds them.
    ///
    /// # Errors
    /// As [`Columns::column`].
    pub(crate) fn piece(self, name: &str, rows: Range<usize>) -> Result<(Cow<'a, Column>, Range<usize>)> {
        match self {
            Columns::Table(table) => Ok((Cow::Borrowed(table.column(name)?), rows)),
            Columns::Spool(spool) => {
                let column = spool.column(name, self.find(spool, name)?, rows)?;
                let rows = 0..column.len();
                Ok((Cow::Owned(column), rows))
            }
        }
    }

    /// The given rows of a column, in the given order.
    ///
    /// # Errors
    /// As [`Columns::column`].
    pub(crate) fn take(self, name: &str, rows: &[usize]) -> Result<Column> {
        match self {
            Columns::Table(table) => Ok(table.column(name)?.take(rows)),
            Columns::Spool(spool) => spool.take(name, self.find(spool, name)?, rows),
        }
    }

    fn find(self, spool: &Spool, name: &str) -> Result<usize> {
        spool.place(name).ok_or_else(|| Error::not_found("column", name, self.names()))
    }
}
