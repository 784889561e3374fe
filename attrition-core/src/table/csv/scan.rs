//! A CSV file in batches.

use std::path::Path;

use super::super::input::{Input, Opened};
use super::super::token::{ColumnBuilder, Plan, Sort};
use super::super::{Source, Table};
use super::{Csv, CsvOptions, Feed, Stop};
use crate::error::Place;
use crate::{Error, Result, Run};

/// Rows of a batch, but for the last one of the blocks that were parsed together.
const BATCH_ROWS: usize = 1 << 16;

/// A CSV file read in batches; made by [`scan_csv`].
pub struct CsvScan {
    input: Input,
    options: CsvOptions,
    names: Vec<String>,
    /// An empty column of each one's type over the whole file.
    types: Vec<ColumnBuilder>,
    n_rows: usize,
    feed: Option<Feed<Opened>>,
    rows_read: usize,
    /// Rows that were parsed and not yet given.
    parsed: Option<Table>,
    ended: bool,
}

impl std::fmt::Debug for CsvScan {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "CsvScan({}, {} rows, {} columns)", self.input.name(), self.n_rows, self.names.len())
    }
}

/// A CSV file in batches of at most 65,536 rows: their rows together are those of [`Table::read_csv_with`], types found over
/// the whole file by a first pass that keeps nothing. Memory is that of a batch.
///
/// # Errors
/// As [`Table::read_csv_with`].
///
/// # Example
/// ```
/// use attrition_core::table::{CsvOptions, Source, scan_csv};
/// use attrition_core::Run;
/// # let path = std::env::temp_dir().join("attrition-doc-scan.csv");
/// # std::fs::write(&path, "Age,Left\n41,true\n49,false\n").unwrap();
/// let mut scan = scan_csv(&path, CsvOptions::default(), &Run::new())?;
/// while let Some(batch) = scan.next_batch(&Run::new())? {
///     assert_eq!(batch.n_columns(), 2);
/// }
/// # std::fs::remove_file(&path).ok();
/// # Ok::<(), attrition_core::Error>(())
/// ```
pub fn scan_csv(path: impl AsRef<Path>, options: CsvOptions, run: &Run) -> Result<CsvScan> {
    let input = Input::new(path.as_ref())?;
    let (names, n_rows, types) = {
        let mut csv = Csv::new(&options, Some(input.name()), input.size(), run)?;
        csv.keep = false;
        let (n_rows, columns) = csv.first_pass(Feed::new(input.open()?))?;
        let types = columns.iter().map(|c| {
            let is_text = c.needs_text() || c.sort() == Sort::Text;
            if is_text { ColumnBuilder::new(Plan::Text) } else { c.like() }
        });
        (csv.names.clone(), n_rows, types.collect())
    };
    Ok(CsvScan { input, options, names, types, n_rows, feed: None, rows_read: 0, parsed: None, ended: false })
}

impl CsvScan {
    /// Rows of the whole file.
    pub fn n_rows(&self) -> usize {
        self.n_rows
    }

    /// The same file once more, from its first row; types are not looked for again.
    pub fn again(&self) -> CsvScan {
        CsvScan {
            input: self.input.clone(),
            options: self.options.clone(),
            names: self.names.clone(),
            types: self.types.iter().map(ColumnBuilder::like).collect(),
            n_rows: self.n_rows,
            feed: None,
            rows_read: 0,
            parsed: None,
            ended: false,
        }
    }

    fn changed(&self, csv: &Csv<'_>) -> Error {
        Error::data(
            csv.place(Place::none()),
            "other content than at first reading",
            format!("the {} rows and the types found before", self.n_rows),
            "read it when nobody writes to it",
        )
    }

    fn batch(&mut self, run: &Run) -> Result<Option<Table>> {
        let mut csv = Csv::new(&self.options, Some(self.input.name()), self.input.size(), run)?;
        csv.names.clone_from(&self.names);
        let mut feed = match self.feed.take() {
            Some(feed) => feed,
            None => {
                let mut feed = Feed::new(self.input.open()?);
                if csv.header(&mut feed)? != self.names {
                    return Err(self.changed(&csv));
                }
                feed
            }
        };
        let is_text = |t: &ColumnBuilder| t.sort() == Sort::Text;
        let plan: Vec<Plan> = self.types.iter().map(|t| if is_text(t) { Plan::Text } else { Plan::Infer }).collect();
        let mut columns: Vec<ColumnBuilder> = self.types.iter().map(ColumnBuilder::like).collect();
        let mut rows = 0;
        while rows < BATCH_ROWS {
            run.check()?;
            let before = self.rows_read + rows;
            let stopped = |stop: Stop, feed: &Feed<Opened>| csv.stopped(stop, feed.lines, feed.offset, before);
            let mut blocks = Vec::new();
            while blocks.len() < run.threads() {
                let (lines, offset) = (feed.lines, feed.offset);
                match feed.take(self.options.block_bytes, csv.delimiter) {
                    Ok(Some(block)) => {
                        feed.lines += super::count_lines(block.bytes());
                        feed.offset += block.bytes().len() as u64;
                        blocks.push((block, lines, offset));
                    }
                    Ok(None) => break,
                    Err(stop) => return Err(stopped(stop, &feed)),
                }
            }
            if blocks.is_empty() {
                break;
            }
            let parsed = run.map(blocks.len(), |i| {
                let (block, lines, offset) = &blocks[i];
                csv.block(block.bytes(), &plan)
                    .map_err(|fault| csv.stopped(Stop::Fault(fault), *lines, *offset, before))
            })?;
            for piece in parsed {
                rows += piece.rows;
                for (column, part) in columns.iter_mut().zip(piece.columns) {
                    column.append(part);
                }
            }
        }
        self.rows_read += rows;
        let complete = rows > 0 || self.rows_read == self.n_rows;
        if !complete || self.rows_read > self.n_rows || columns.iter().any(ColumnBuilder::is_lost) {
            return Err(self.changed(&csv));
        }
        run.progress("scan_csv", self.rows_read, self.n_rows);
        if rows == 0 {
            return Ok(None);
        }
        self.feed = Some(feed);
        let columns = columns.into_iter().zip(&self.names).map(|(c, name)| c.finish(name.clone()));
        Table::new(columns.collect()).map(Some)
    }
}

impl Source for CsvScan {
    fn next_batch(&mut self, run: &Run) -> Result<Option<Table>> {
        if self.ended {
            return Ok(None);
        }
        // Blocks of short records hold many rows: they are given in pieces.
        let next = match self.parsed.take() {
            Some(rest) => Ok(Some(rest)),
            None => self.batch(run),
        };
        self.ended = !matches!(next, Ok(Some(_)));
        let Ok(Some(table)) = next else { return next };
        if table.n_rows() <= BATCH_ROWS {
            return Ok(Some(table));
        }
        let piece = |rows: std::ops::Range<usize>| table.take(&rows.collect::<Vec<usize>>());
        self.parsed = Some(piece(BATCH_ROWS..table.n_rows()));
        Ok(Some(piece(0..BATCH_ROWS)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::table::CsvOptions;

    #[test]
    fn batches_together_are_the_table_whatever_stands_in_the_last_row() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.csv");
        for last in ["1", "x", "2.5", "", "99999999999999999999", "true", "2024-01-01", "\"a,\nb\""] {
            let mut text = String::from("a,b,c\n");
            for i in 0..200_000 {
                text.push_str(&format!("{},{},{}\n", i % 97, if i % 7 == 0 { "" } else { "w" }, i as f64 / 2.0));
            }
            text.push_str(&format!("{last},{last},1\n"));
            std::fs::write(&path, &text).unwrap();
            let whole = Table::read_csv(&path).unwrap();
            for threads in [1, 3] {
                let run = Run::new().n_threads(Some(threads));
                let mut scan = scan_csv(&path, CsvOptions::default(), &run).unwrap();
                assert_eq!(scan.n_rows(), whole.n_rows());
                for _ in 0..2 {
                    let together = Table::collect(&mut scan, &run).unwrap();
                    assert_eq!(together.n_rows(), whole.n_rows());
                    for (a, b) in together.columns().iter().zip(whole.columns()) {
                        assert_eq!(a.type_name(), b.type_name(), "{last}");
                        assert!((0..a.len()).step_by(997).chain([a.len() - 1]).all(|r| a.get(r) == b.get(r)), "{last}");
                    }
                    scan = scan.again();
                }
            }
        }
    }

    #[test]
    fn a_file_that_changes_under_the_scan_is_an_error() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.csv");
        std::fs::write(&path, "a\n1\n2\n").unwrap();
        let mut scan = scan_csv(&path, CsvOptions::default(), &Run::new()).unwrap();
        std::fs::write(&path, "a\n1\nx\n").unwrap();
        let e = scan.next_batch(&Run::new()).unwrap_err().to_string();
        assert!(e.contains("other content than at first reading"), "{e}");
        assert!(scan.next_batch(&Run::new()).unwrap().is_none());
    }
}
