//! A table on disk, for what does not fit in memory: written batch by batch, read column by column.
//!
//! Rows come in chunks. A chunk holds each column's values in the type that they have there, one after the other in
//! little-endian bytes; a column without a value in the chunk holds nothing. What a column is as a whole is known in the end:
//! whole numbers become floats and gaps take a type when they are read, as [`Table::concat`] has it. Strings are codes into one
//! vocabulary, which is held in memory, as are the chunks' places.
//!
//! | type | a value | a missing value |
//! |---|---|---|
//! | float | 8 bytes | NaN |
//! | int, time | 8 bytes | a set bit of a mask behind the chunk's values, in words of 8 bytes, where one is missing at all |
//! | string | 4 bytes | [`MISSING_CODE`] |
//! | bool | 1 byte, 0 or 1 | 2 |

use std::collections::HashMap;
use std::ops::Range;
use std::sync::Arc;

use super::concat::Shape;
use super::intern::Interner;
use super::{Buffer, Column, MISSING_CODE, Mask, Source, Table, Values};
use crate::file::Scratch;
use crate::{Error, Result, Run};

/// Values of a chunk, about: small batches are put together, large ones are cut.
const CHUNK_VALUES: usize = 1 << 21;
/// Fewest and most rows of a chunk.
const CHUNK_ROWS: (usize, usize) = (1024, 65_536);
/// Most rows that are read at once on behalf of some of them.
const WINDOW_ROWS: usize = 16_384;

/// The type of values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// None is there.
    Gap,
    Bool,
    Int,
    Float,
    Time,
    Codes,
}

impl Kind {
    /// Bytes of a value.
    fn width(self) -> usize {
        match self {
            Kind::Gap => 0,
            Kind::Bool => 1,
            Kind::Codes => 4,
            Kind::Int | Kind::Float | Kind::Time => 8,
        }
    }

    /// The type that holds both; kinds that do not mix are kept out before.
    fn join(self, other: Kind) -> Kind {
        match (self, other) {
            (Kind::Gap, kind) | (Kind::Int, kind @ Kind::Float) => kind,
            (kind, _) => kind,
        }
    }
}

/// A column's part of a chunk.
#[derive(Debug, Clone, Copy)]
struct Chunk {
    kind: Kind,
    /// Where its bytes begin.
    at: u64,
    /// Whether a mask is behind the values.
    masked: bool,
}

/// Writes a [`Spool`].
///
/// # Example
/// ```
/// use attrition_core::table::{Column, SpoolWriter, Table};
/// let mut writer = SpoolWriter::new();
/// writer.write(&Table::new(vec![Column::int("Age", vec![41, 49])])?)?;
/// writer.write(&Table::new(vec![Column::int("Age", vec![37])])?)?;
/// assert_eq!(writer.finish()?.n_rows(), 3);
/// # Ok::<(), attrition_core::Error>(())
/// ```
#[derive(Debug)]
pub struct SpoolWriter {
    shape: Shape,
    /// Tables that are not yet a chunk, and their rows.
    waiting: Vec<Table>,
    n_waiting: usize,
    /// Rows of a chunk; `None` before the first table.
    chunk_rows: Option<usize>,
    scratch: Scratch,
    columns: Vec<Written>,
    starts: Vec<usize>,
    n_rows: usize,
}

/// A column on its way to the disk.
#[derive(Debug)]
struct Written {
    kind: Kind,
    words: Interner,
    chunks: Vec<Chunk>,
}

impl Default for SpoolWriter {
    fn default() -> SpoolWriter {
        SpoolWriter::new()
    }
}

impl SpoolWriter {
    /// Of no table yet. The file is made when it is needed, in the system's folder for temporary files (the environment variable
    /// `TMPDIR` names it): 16 MB are held in memory.
    pub fn new() -> SpoolWriter {
        SpoolWriter::upon(Scratch::new(), None)
    }

    /// For tests: all on disk, in chunks of so many rows.
    #[cfg(test)]
    pub(crate) fn for_test(folder: &std::path::Path, chunk_rows: usize) -> SpoolWriter {
        SpoolWriter::upon(Scratch::for_test(folder, 0), Some(chunk_rows))
    }

    fn upon(scratch: Scratch, chunk_rows: Option<usize>) -> SpoolWriter {
        SpoolWriter {
            shape: Shape::default(),
            waiting: Vec::new(),
            n_waiting: 0,
            chunk_rows,
            scratch,
            columns: Vec::new(),
            starts: Vec::new(),
            n_rows: 0,
        }
    }

    /// One more batch; the rules are those of [`Table::concat`].
    ///
    /// # Errors
    /// [`Error::InvalidData`] for a table that does not match the first; [`Error::Io`] of the disk, when it is full among others.
    pub fn write(&mut self, batch: &Table) -> Result<()> {
        self.shape.admit(batch)?;
        self.n_waiting += batch.n_rows();
        self.waiting.push(batch.clone());
        if self.n_waiting >= self.chunk_rows(batch.n_columns()) { self.flush() } else { Ok(()) }
    }

    fn chunk_rows(&mut self, n_columns: usize) -> usize {
        let (fewest, most) = CHUNK_ROWS;
        *self.chunk_rows.get_or_insert((CHUNK_VALUES / n_columns.max(1)).clamp(fewest, most))
    }

    fn flush(&mut self) -> Result<()> {
        self.n_waiting = 0;
        let table = match &std::mem::take(&mut self.waiting)[..] {
            [] => return Ok(()),
            [one] => one.clone(),
            several => Table::concat(several)?,
        };
        self.columns.resize_with(table.n_columns(), || Written {
            kind: Kind::Gap,
            words: Interner::new(),
            chunks: Vec::new(),
        });
        let (chunk_rows, mut bytes) = (self.chunk_rows(table.n_columns()), Vec::new());
        for start in (0..table.n_rows()).step_by(chunk_rows) {
            let rows = start..(start + chunk_rows).min(table.n_rows());
            self.starts.push(self.n_rows);
            self.n_rows += rows.len();
            for (written, column) in self.columns.iter_mut().zip(table.columns()) {
                bytes.clear();
                let (kind, masked) = written.encode(column, rows.clone(), &mut bytes);
                written.kind = written.kind.join(kind);
                written.chunks.push(Chunk { kind, at: self.scratch.append(&bytes)?, masked });
            }
        }
        Ok(())
    }

    /// All of it, to be read.
    ///
    /// # Errors
    /// As [`SpoolWriter::write`]; [`Error::InvalidData`] where no table was written.
    pub fn finish(mut self) -> Result<Spool> {
        self.flush()?;
        let first = self.shape.into_columns()?;
        self.columns.resize_with(first.len(), || Written {
            kind: Kind::Gap,
            words: Interner::new(),
            chunks: Vec::new(),
        });
        let columns: Vec<Stored> = first.into_iter().zip(self.columns).map(|(c, w)| w.finish(c)).collect();
        let index = columns.iter().enumerate().map(|(i, c)| (c.outline.name().to_owned(), i)).collect();
        Ok(Spool { scratch: self.scratch, columns, index, starts: self.starts, n_rows: self.n_rows })
    }
}

impl Written {
    /// The bytes of some rows of a column, the type of their values, and whether a mask is behind them.
    fn encode(&mut self, column: &Column, rows: Range<usize>, out: &mut Vec<u8>) -> (Kind, bool) {
        /// The mask behind whole values, where there is one.
        fn mask(mask: &Option<Mask>, rows: Range<usize>, out: &mut Vec<u8>) -> bool {
            let Some(mask) = mask.as_ref().and_then(|m| Mask::from_missing(rows.map(|r| m.get(r)))) else {
                return false;
            };
            out.extend(mask.words().iter().flat_map(|w| w.to_le_bytes()));
            true
        }
        if rows.clone().all(|r| column.is_missing(r)) {
            return (Kind::Gap, false);
        }
        match column.values() {
            Values::Float(v) => {
                out.extend(v[rows].iter().flat_map(|x| x.to_le_bytes()));
                (Kind::Float, false)
            }
            Values::Int(v, m) => {
                out.extend(v[rows.clone()].iter().flat_map(|x| x.to_le_bytes()));
                (Kind::Int, mask(m, rows, out))
            }
            Values::Time(v, m) => {
                out.extend(v[rows.clone()].iter().flat_map(|x| x.to_le_bytes()));
                (Kind::Time, mask(m, rows, out))
            }
            Values::Bool(v, m) => {
                let missing = |r| m.as_ref().is_some_and(|m| m.get(r));
                out.extend(rows.map(|r| if missing(r) { 2 } else { u8::from(v[r]) }));
                (Kind::Bool, false)
            }
            Values::Codes(v, words) => {
                let codes: Vec<u32> = words.iter().map(|w| self.words.code(w)).collect();
                let code = |c: &u32| codes.get(*c as usize).copied().unwrap_or(MISSING_CODE);
                out.extend(v[rows].iter().flat_map(|c| code(c).to_le_bytes()));
                (Kind::Codes, false)
            }
        }
    }

    /// `empty` has the name, and the type where no value is known.
    fn finish(self, empty: Column) -> Stored {
        let one = || Buffer::from(vec![0]);
        let values = match self.kind {
            Kind::Gap => empty.take(&[usize::MAX]).values().clone(),
            Kind::Bool => Values::Bool(vec![false].into(), None),
            Kind::Int => Values::Int(one(), None),
            Kind::Float => Values::Float(vec![0.0].into()),
            Kind::Time => Values::Time(one(), None),
            Kind::Codes => Values::Codes(vec![0].into(), Arc::new(self.words.into_vocabulary())),
        };
        let outline = Column { name: empty.name().to_owned(), values };
        Stored { kind: self.kind, outline, chunks: self.chunks }
    }
}

/// A column on disk.
#[derive(Debug)]
struct Stored {
    kind: Kind,
    /// One row: the type, the vocabulary, and a value if there is any.
    outline: Column,
    chunks: Vec<Chunk>,
}

/// A table on disk, whose columns are read when they are wanted. Made by [`SpoolWriter`], or of a [`Source`].
///
/// It takes 8 bytes a number, 4 a string and 1 a truth value on the disk, and vocabularies in memory. The file cannot be seen by
/// others and is gone with this value.
#[derive(Debug)]
pub struct Spool {
    scratch: Scratch,
    columns: Vec<Stored>,
    index: HashMap<String, usize>,
    /// The first row of each chunk.
    starts: Vec<usize>,
    n_rows: usize,
}

impl Spool {
    /// All batches of a source, which is read once.
    ///
    /// # Errors
    /// The source's; [`Error::InvalidData`] for a source without a batch; [`Error::Io`] of the disk; [`Error::Cancelled`]. Nothing
    /// is left on the disk.
    pub fn of(source: &mut dyn Source, run: &Run) -> Result<Spool> {
        Spool::gather(source, SpoolWriter::new(), run)
    }

    fn gather(source: &mut dyn Source, mut writer: SpoolWriter, run: &Run) -> Result<Spool> {
        while let Some(batch) = source.next_batch(run)? {
            run.check()?;
            writer.write(&batch)?;
        }
        writer.finish()
    }

    /// Rows.
    pub fn n_rows(&self) -> usize {
        self.n_rows
    }
    /// The columns' names, in order.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.columns.iter().map(|c| c.outline.name())
    }

    /// The place of a column among the others.
    pub(crate) fn place(&self, name: &str) -> Option<usize> {
        self.index.get(name).copied()
    }

    /// A row of the column's type, which holds a value only if the column does.
    pub(crate) fn outline(&self, column: usize) -> Option<&Column> {
        self.columns.get(column).map(|c| &c.outline)
    }

    /// Some rows of a column.
    pub(crate) fn column(&self, name: &str, column: usize, rows: Range<usize>) -> Result<Column> {
        Ok(Column { name: name.to_owned(), values: self.values(column, rows)? })
    }

    /// Some rows of a column.
    ///
    /// # Errors
    /// [`Error::Io`] of the disk.
    pub(crate) fn values(&self, column: usize, rows: Range<usize>) -> Result<Values> {
        let stored =
            self.columns.get(column).ok_or_else(|| Error::Internal(format!("a spool without column {column}")))?;
        let mut read = Read::new(stored.kind, rows.len());
        // The last chunk that begins at or before the first row.
        let mut number = self.starts.partition_point(|&s| s <= rows.start).saturating_sub(1);
        let (mut at, mut bytes) = (rows.start, Vec::new());
        while at < rows.end {
            let (Some(&start), Some(chunk)) = (self.starts.get(number), stored.chunks.get(number)) else {
                return Err(Error::Internal(format!("a spool without row {at}")));
            };
            let end = self.starts.get(number + 1).copied().unwrap_or(self.n_rows);
            let (within, size) = (at - start..rows.end.min(end) - start, end - start);
            let width = chunk.kind.width();
            bytes.resize(within.len() * width, 0);
            self.scratch.read_at(chunk.at + (within.start * width) as u64, &mut bytes)?;
            let first = read.rows;
            read.extend(chunk.kind, &bytes, within.len());
            if chunk.masked {
                let words = within.start / 64..within.end.div_ceil(64);
                bytes.resize(words.len() * 8, 0);
                self.scratch.read_at(chunk.at + (size * width + words.start * 8) as u64, &mut bytes)?;
                read.mask(first, within.start % 64, within.len(), &bytes);
            }
            (at, number) = (start + within.end, number + 1);
        }
        Ok(read.finish(&stored.outline))
    }

    /// The given rows of a column, in the given order; all rows between the first and the last are read.
    pub(crate) fn take(&self, name: &str, column: usize, rows: &[usize]) -> Result<Column> {
        let (low, high) = rows.iter().fold((usize::MAX, 0), |(low, high), &r| (low.min(r), high.max(r + 1)));
        let low = low.min(high);
        let within: Vec<usize> = rows.iter().map(|r| r - low).collect();
        Ok(self.column(name, column, low..high)?.take(&within))
    }

    /// How many of the first of these rows are read at once, and the rows that are read for it.
    pub(crate) fn window(rows: &[usize]) -> (usize, Range<usize>) {
        let first = rows.first().copied().unwrap_or(0);
        let (mut low, mut high) = (first, first);
        let n = rows.iter().take_while(|&&r| {
            let (l, h) = (low.min(r), high.max(r));
            let near = h - l < WINDOW_ROWS;
            if near {
                (low, high) = (l, h);
            }
            near
        });
        (n.count(), low..high + 1)
    }
}

/// Values on their way from the disk.
struct Read {
    cells: Cells,
    /// The missing rows of bool, int and time; it may end before the last row.
    gaps: Mask,
    rows: usize,
}

enum Cells {
    Gap,
    Bool(Vec<bool>),
    Int(Vec<i64>),
    Float(Vec<f64>),
    Codes(Vec<u32>),
}

/// Bytes as values of N bytes each.
fn decode<'b, const N: usize, T>(bytes: &'b [u8], of: impl Fn([u8; N]) -> T + 'b) -> impl Iterator<Item = T> + 'b {
    bytes.as_chunks::<N>().0.iter().map(move |b| of(*b))
}

impl Read {
    fn new(kind: Kind, n: usize) -> Read {
        let cells = match kind {
            Kind::Gap => Cells::Gap,
            Kind::Bool => Cells::Bool(Vec::with_capacity(n)),
            Kind::Int | Kind::Time => Cells::Int(Vec::with_capacity(n)),
            Kind::Float => Cells::Float(Vec::with_capacity(n)),
            Kind::Codes => Cells::Codes(Vec::with_capacity(n)),
        };
        Read { cells, gaps: Mask::new(0), rows: 0 }
    }

    fn missing(&mut self, rows: Range<usize>) {
        self.gaps.resize(rows.end.max(self.gaps.len()));
        rows.for_each(|r| self.gaps.set(r));
    }

    /// The bytes of `n` values of a kind.
    fn extend(&mut self, kind: Kind, bytes: &[u8], n: usize) {
        let rows = self.rows..self.rows + n;
        self.rows = rows.end;
        match (&mut self.cells, kind) {
            (Cells::Gap, _) => {}
            (Cells::Float(v), Kind::Float) => v.extend(decode(bytes, f64::from_le_bytes)),
            (Cells::Float(v), Kind::Int) => v.extend(decode(bytes, i64::from_le_bytes).map(|i| i as f64)),
            (Cells::Float(v), _) => v.resize(rows.end, f64::NAN),
            (Cells::Int(v), Kind::Int | Kind::Time) => v.extend(decode(bytes, i64::from_le_bytes)),
            (Cells::Int(v), _) => {
                v.resize(rows.end, 0);
                self.missing(rows);
            }
            (Cells::Codes(v), Kind::Codes) => v.extend(decode(bytes, u32::from_le_bytes)),
            (Cells::Codes(v), _) => v.resize(rows.end, MISSING_CODE),
            (Cells::Bool(v), Kind::Bool) => {
                v.extend(bytes.iter().map(|&b| b == 1));
                for (row, _) in rows.zip(bytes).filter(|(_, b)| **b == 2) {
                    self.missing(row..row + 1);
                }
            }
            (Cells::Bool(v), _) => {
                v.resize(rows.end, false);
                self.missing(rows);
            }
        }
    }

    /// The mask of the `n` last rows, from `first` on: words of bits, of which `skip` come before theirs.
    fn mask(&mut self, first: usize, skip: usize, n: usize, bytes: &[u8]) {
        let words: Vec<u64> = decode(bytes, u64::from_le_bytes).collect();
        let bit = |i: usize| words.get(i / 64).is_some_and(|w| w >> (i % 64) & 1 == 1);
        for i in (0..n).filter(|i| bit(skip + i)) {
            match &mut self.cells {
                Cells::Float(v) => {
                    if let Some(x) = v.get_mut(first + i) {
                        *x = f64::NAN;
                    }
                }
                _ => self.missing(first + i..first + i + 1),
            }
        }
    }

    /// As values of the outline's type.
    fn finish(mut self, outline: &Column) -> Values {
        self.gaps.resize(self.rows);
        let gaps = (self.gaps.count() > 0).then_some(self.gaps);
        match (self.cells, outline.values()) {
            (Cells::Bool(v), _) => Values::Bool(v.into(), gaps),
            (Cells::Int(v), Values::Time(..)) => Values::Time(v.into(), gaps),
            (Cells::Int(v), _) => Values::Int(v.into(), gaps),
            (Cells::Float(v), _) => Values::Float(v.into()),
            (Cells::Codes(v), Values::Codes(_, words)) => Values::Codes(v.into(), Arc::clone(words)),
            // Rows past the end are missing ones of the type.
            (Cells::Gap | Cells::Codes(_), _) => outline.take(&vec![usize::MAX; self.rows]).values,
        }
    }
}

#[cfg(test)]
mod tests;
