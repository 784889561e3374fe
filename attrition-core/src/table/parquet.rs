//! Parquet files.

use std::fs::File;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow_array::RecordBatch;
use arrow_schema::{DataType, Field, Schema, SchemaRef};
use parquet::arrow::arrow_reader::{ArrowReaderOptions, ParquetRecordBatchReader, ParquetRecordBatchReaderBuilder};
use parquet::arrow::{ArrowWriter, ProjectionMask};
use parquet::basic::{Compression, ZstdLevel};
use parquet::errors::ParquetError;
use parquet::file::properties::WriterProperties;

use super::{Column, Source, Table, Values};
use crate::error::{Place, nearest};
use crate::file::{self, AtomicFile};
use crate::{Error, Result, Run};

/// Rows of a row group that is written: one is held in memory, by whoever writes it and by many who read it.
const ROW_GROUP_ROWS: usize = 1 << 17;

/// How a Parquet file is read.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ParquetOptions {
    /// The columns to read, in this order; all of them by default.
    pub columns: Option<Vec<String>>,
    /// Most rows of a batch of a scan; affects memory, never the values.
    pub batch_rows: usize,
}

impl Default for ParquetOptions {
    fn default() -> ParquetOptions {
        ParquetOptions { columns: None, batch_rows: 1 << 16 }
    }
}

/// One file's footer, read and checked.
#[derive(Debug, Clone)]
struct Footer {
    path: PathBuf,
    /// The columns that are read, in the file's order, strings as dictionaries.
    schema: SchemaRef,
    options: ArrowReaderOptions,
    /// Places of these columns in the file.
    roots: Vec<usize>,
    /// Rows of each row group.
    row_groups: Vec<usize>,
    n_rows: usize,
    wanted: Option<Vec<String>>,
}

fn place(path: &Path) -> Place {
    Place::none().in_source(path.display().to_string())
}

fn damaged(path: &Path, where_: &str, e: impl std::fmt::Display) -> Error {
    Error::data(
        place(path),
        format!("{where_}: {e}"),
        "a whole Parquet file",
        "write or copy the file again; compressions read are snappy, zstd, lz4 and gzip",
    )
}

/// What the reader makes of bytes that are no Parquet file may be a panic; here it is an error.
fn guarded<T>(path: &Path, where_: &str, f: impl FnOnce() -> Result<T>) -> Result<T> {
    catch_unwind(AssertUnwindSafe(f)).unwrap_or_else(|_| Err(damaged(path, where_, "it cannot be decoded")))
}

fn open(path: &Path) -> Result<File> {
    let handle = File::open(path).map_err(|e| file::read_error(path, e))?;
    let is_dir = handle.metadata().map_err(|e| file::read_error(path, e))?.is_dir();
    if is_dir {
        let e = std::io::Error::new(std::io::ErrorKind::IsADirectory, "it is a directory");
        return Err(file::read_error(path, e));
    }
    Ok(handle)
}

impl Footer {
    fn read(path: &Path, options: &ParquetOptions) -> Result<Footer> {
        if options.batch_rows == 0 {
            return Err(Error::param("batch_rows", 0, "a whole number >= 1", "65536 is the usual size"));
        }
        let handle = open(path)?;
        guarded(path, "footer", || {
            let builder = ParquetRecordBatchReaderBuilder::try_new(handle).map_err(|e| damaged(path, "footer", e))?;
            let all = builder.schema();
            let names: Vec<&str> = all.fields().iter().map(|f| f.name().as_str()).collect();
            let roots: Vec<usize> = match &options.columns {
                None => (0..names.len()).collect(),
                Some(columns) => {
                    let mut roots = Vec::with_capacity(columns.len());
                    for c in columns {
                        let Some(i) = names.iter().position(|n| n == c) else {
                            let got = format!("`{c}`, which is no column of `{}`", path.display());
                            return Err(Error::param("columns", got, names.join(", "), nearest(c, &names)));
                        };
                        roots.push(i);
                    }
                    roots.sort_unstable();
                    roots.dedup();
                    roots
                }
            };
            // Strings are read as dictionaries: a level once, a code a row.
            let fields: Vec<Field> = all
                .fields()
                .iter()
                .map(|f| match f.data_type() {
                    DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => {
                        let kind = DataType::Dictionary(Box::new(DataType::Int32), Box::new(DataType::Utf8));
                        Field::new(f.name(), kind, f.is_nullable())
                    }
                    _ => f.as_ref().clone(),
                })
                .collect();
            for f in roots.iter().filter_map(|&i| fields.get(i)) {
                if f.data_type().is_nested() && !matches!(f.data_type(), DataType::Dictionary(..)) {
                    return Err(Error::data(
                        Place { column: Some(f.name().clone()), ..place(path) },
                        format!("values of type {}", f.data_type()),
                        "numbers, truth values, texts or times",
                        "name the columns to read in `columns`, without this one",
                    ));
                }
            }
            let schema = Schema::new(roots.iter().filter_map(|&i| fields.get(i).cloned()).collect::<Vec<Field>>());
            let n_rows = usize::try_from(builder.metadata().file_metadata().num_rows()).unwrap_or(0);
            Ok(Footer {
                path: path.to_owned(),
                schema: Arc::new(schema),
                options: ArrowReaderOptions::new().with_schema(Arc::new(Schema::new(fields))),
                roots,
                row_groups: (builder.metadata().row_groups().iter())
                    .map(|g| usize::try_from(g.num_rows()).unwrap_or(0))
                    .collect(),
                n_rows,
                wanted: options.columns.clone(),
            })
        })
    }

    /// A reader of some columns of one row group, or of all row groups.
    fn reader(&self, row_group: Option<usize>, roots: &[usize], batch_rows: usize) -> Result<ParquetRecordBatchReader> {
        let fail = |e: ParquetError| damaged(&self.path, "footer", e);
        let builder = ParquetRecordBatchReaderBuilder::try_new_with_options(open(&self.path)?, self.options.clone());
        let mut builder = builder.map_err(fail)?;
        let mask = ProjectionMask::roots(builder.parquet_schema(), roots.iter().copied());
        if let Some(group) = row_group {
            builder = builder.with_row_groups(vec![group]);
        }
        builder.with_projection(mask).with_batch_size(batch_rows).build().map_err(fail)
    }

    /// The row groups that hold so many rows from `first` on.
    fn groups_of(&self, first: usize, rows: usize) -> Vec<usize> {
        let ends = self.row_groups.iter().scan(0usize, |end, &n| {
            *end = end.saturating_add(n);
            Some((*end - n, *end))
        });
        let last = first.saturating_add(rows);
        ends.enumerate().filter(|&(_, (start, end))| start < last && end > first).map(|(g, _)| g).collect()
    }

    /// An error of data in one of the row groups, with the column that is to blame: the first that cannot be read alone.
    fn blame(&self, e: Error, groups: &[usize]) -> Error {
        let Error::InvalidData { place, got, expected, hint } = e else { return e };
        let alone = |group: usize, root: usize| {
            guarded(&self.path, "", || Ok(self.reader(Some(group), &[root], 1 << 16)?.all(|batch| batch.is_ok())))
        };
        let columns = || self.roots.iter().zip(self.schema.fields());
        let found =
            groups.iter().find_map(|&g| Some((g, columns().find(|&(&root, _)| !alone(g, root).unwrap_or(false))?.1)));
        match (found, &place.column) {
            (Some((group, field)), None) => Error::InvalidData {
                place: Place { column: Some(field.name().clone()), ..place },
                got: format!("row group {group}: {got}"),
                expected,
                hint: format!("{hint}; `columns` without this one reads the rest"),
            },
            _ => {
                let groups: Vec<String> = groups.iter().map(usize::to_string).collect();
                Error::InvalidData { place, got: format!("row group {}: {got}", groups.join(", ")), expected, hint }
            }
        }
    }

    /// The columns in the order that was asked for.
    fn table(&self, batches: &[RecordBatch]) -> Result<Table> {
        let table = Table::from_record_batches(&self.schema, batches).map_err(|e| match e {
            Error::InvalidData { place: at, got, expected, hint } => {
                Error::InvalidData { place: at.in_source(self.path.display().to_string()), got, expected, hint }
            }
            other => other,
        })?;
        match &self.wanted {
            None => Ok(table),
            Some(wanted) => Table::new(wanted.iter().map(|n| table.column(n).cloned()).collect::<Result<_>>()?),
        }
    }
}

impl Table {
    /// Read a Parquet file; see [`Table::read_parquet_with`].
    ///
    /// # Errors
    /// As [`Table::read_parquet_with`].
    pub fn read_parquet(path: impl AsRef<Path>) -> Result<Table> {
        Table::read_parquet_with(path, &ParquetOptions::default(), &Run::new())
    }

    /// Read a Parquet file, its row groups side by side. Types become those of [`Table::from_record_batches`]; texts are read as
    /// dictionaries.
    ///
    /// # Errors
    /// [`Error::Io`]; [`Error::InvalidData`] for a file that is no Parquet file, is cut off or damaged (with its row
    /// group), and for a column of nested values; [`Error::InvalidParam`] for a column that is not there; [`Error::Cancelled`].
    pub fn read_parquet_with(path: impl AsRef<Path>, options: &ParquetOptions, run: &Run) -> Result<Table> {
        let path = path.as_ref();
        let footer = Footer::read(path, options)?;
        if footer.n_rows == 0 || footer.roots.is_empty() {
            return Err(Error::data(
                place(path),
                format!("{} rows with {} columns", footer.n_rows, footer.roots.len()),
                "at least one row with at least one column",
                "check that the file was written whole",
            ));
        }
        let done = std::sync::atomic::AtomicUsize::new(0);
        let groups = run.map(footer.row_groups.len(), |group| {
            let batches = guarded(path, "a row group", || {
                let mut batches = Vec::new();
                for batch in footer.reader(Some(group), &footer.roots, 1 << 20)? {
                    run.check()?;
                    batches.push(batch.map_err(|e| damaged(path, "a row group", e))?);
                }
                Ok(batches)
            });
            let batches = batches.map_err(|e| footer.blame(e, &[group]))?;
            let done = done.fetch_add(1, std::sync::atomic::Ordering::Relaxed) + 1;
            run.progress("read_parquet", done, footer.row_groups.len());
            Ok(batches)
        })?;
        let batches: Vec<RecordBatch> = groups.into_iter().flatten().collect();
        guarded(path, "values", || footer.table(&batches))
    }

    /// Write the table to a Parquet file (zstd; texts as dictionaries, times as UTC microseconds), whole or not at all.
    ///
    /// # Errors
    /// As [`ParquetWriter`]'s.
    pub fn write_parquet(&self, path: impl AsRef<Path>) -> Result<()> {
        let mut writer = ParquetWriter::create(path);
        writer.write(self)?;
        writer.finish()
    }
}

/// A Parquet file read in batches; made by [`scan_parquet`].
pub struct ParquetScan {
    footer: Footer,
    batch_rows: usize,
    reader: Option<ParquetRecordBatchReader>,
    rows_read: usize,
    ended: bool,
}

impl std::fmt::Debug for ParquetScan {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Footer { path, n_rows, roots, .. } = &self.footer;
        write!(f, "ParquetScan({}, {n_rows} rows, {} columns)", path.display(), roots.len())
    }
}

/// A Parquet file in batches. Memory is that of a batch and of the pages it lies in.
///
/// # Errors
/// As [`Table::read_parquet_with`]; a damaged page when it is come to.
pub fn scan_parquet(path: impl AsRef<Path>, options: ParquetOptions) -> Result<ParquetScan> {
    let footer = Footer::read(path.as_ref(), &options)?;
    Ok(ParquetScan { footer, batch_rows: options.batch_rows, reader: None, rows_read: 0, ended: false })
}

impl ParquetScan {
    /// Rows of the whole file.
    pub fn n_rows(&self) -> usize {
        self.footer.n_rows
    }

    /// The same file once more, from its first row.
    pub fn again(&self) -> ParquetScan {
        let (footer, batch_rows) = (self.footer.clone(), self.batch_rows);
        ParquetScan { footer, batch_rows, reader: None, rows_read: 0, ended: false }
    }

    fn batch(&mut self, run: &Run) -> Result<Option<Table>> {
        run.check()?;
        let path = self.footer.path.clone();
        let (first, rows) = (self.rows_read, self.batch_rows);
        let batch = guarded(&path, "a batch", || {
            let reader = match &mut self.reader {
                Some(reader) => reader,
                none => none.insert(self.footer.reader(None, &self.footer.roots, self.batch_rows)?),
            };
            let Some(batch) = reader.next() else { return Ok(None) };
            let batch = batch.map_err(|e| damaged(&path, "a batch", e))?;
            self.rows_read += batch.num_rows();
            run.progress("scan_parquet", self.rows_read, self.footer.n_rows);
            self.footer.table(&[batch]).map(Some)
        });
        batch.map_err(|e| self.footer.blame(e, &self.footer.groups_of(first, rows)))
    }
}

impl Source for ParquetScan {
    fn next_batch(&mut self, run: &Run) -> Result<Option<Table>> {
        if self.ended {
            return Ok(None);
        }
        let batch = self.batch(run);
        self.ended = !matches!(batch, Ok(Some(_)));
        batch
    }
}

/// Writes tables of one schema to a Parquet file, one after the other. The file is there once [`ParquetWriter::finish`] was
/// called, and not before.
pub struct ParquetWriter {
    path: PathBuf,
    writer: Option<ArrowWriter<AtomicFile>>,
    /// The first table, without its rows.
    first: Option<Table>,
}

/// The table with the columns' types of the first one.
fn fitted(table: &Table, first: &Table, path: &Path) -> Result<Table> {
    let shown = |t: &Table| {
        t.columns().iter().map(|c| format!("{} ({})", c.name(), c.type_name())).collect::<Vec<_>>().join(", ")
    };
    let column = |c: &Column, like: &Column| match (like.values(), c.values()) {
        _ if c.name() != like.name() => None,
        _ if c.type_name() == like.type_name() => Some(c.clone()),
        // Rows past the end of an empty column are missing ones of its type.
        _ if c.n_missing() == c.len() => Some(like.take(&vec![usize::MAX; c.len()])),
        (Values::Float(_), Values::Int(v, _)) => {
            let floats = v.iter().enumerate().map(|(row, &i)| if c.is_missing(row) { f64::NAN } else { i as f64 });
            Some(Column::float(c.name(), floats.collect()))
        }
        _ => None,
    };
    let columns: Option<Vec<Column>> = match table.n_columns() == first.n_columns() {
        true => table.columns().iter().zip(first.columns()).map(|(c, like)| column(c, like)).collect(),
        false => None,
    };
    let Some(columns) = columns else {
        return Err(Error::data(
            place(path),
            format!("a table with columns {}", shown(table)),
            format!("{} as in the first table", shown(first)),
            "write tables of one schema",
        ));
    };
    Table::new(columns)
}

impl std::fmt::Debug for ParquetWriter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "ParquetWriter({})", self.path.display())
    }
}

impl ParquetWriter {
    /// For a path.
    pub fn create(path: impl AsRef<Path>) -> ParquetWriter {
        ParquetWriter { path: path.as_ref().to_owned(), writer: None, first: None }
    }

    fn failed(&self, e: ParquetError) -> Error {
        // The system's own error, where that is what stopped the writer: its hint is the better one.
        let source = match e {
            ParquetError::External(e) => e.downcast().map_or_else(std::io::Error::other, |e| *e),
            e => std::io::Error::other(e.to_string()),
        };
        file::write_error(&self.path, source)
    }

    /// Append the rows of a table. The first table gives the types; whole numbers then fit a column of floats, and a column
    /// without any value fits everywhere.
    ///
    /// # Errors
    /// [`Error::Io`]; [`Error::InvalidData`] for columns other than those of the first table.
    pub fn write(&mut self, table: &Table) -> Result<()> {
        let cast = match &self.first {
            Some(first) => Some(fitted(table, first, &self.path)?),
            None => None,
        };
        let batch = cast.as_ref().unwrap_or(table).to_record_batch()?;
        if self.writer.is_none() {
            let level = ZstdLevel::try_new(3).map_err(|e| self.failed(e))?;
            let properties = WriterProperties::builder()
                .set_compression(Compression::ZSTD(level))
                .set_max_row_group_row_count(Some(ROW_GROUP_ROWS))
                .build();
            let file = AtomicFile::create(&self.path)?;
            let writer = ArrowWriter::try_new(file, batch.schema(), Some(properties)).map_err(|e| self.failed(e))?;
            (self.writer, self.first) = (Some(writer), Some(table.take(&[])));
        }
        match &mut self.writer {
            Some(writer) => match writer.write(&batch) {
                Ok(()) => Ok(()),
                Err(e) => Err(self.failed(e)),
            },
            None => Err(Error::Internal("a Parquet writer without a file".into())),
        }
    }

    /// Put the file in place.
    ///
    /// # Errors
    /// [`Error::Io`]; [`Error::InvalidData`] if no table was written.
    pub fn finish(mut self) -> Result<()> {
        let Some(writer) = self.writer.take() else {
            return Err(Error::data(place(&self.path), "no table", "at least one table", "write one before `finish`"));
        };
        writer.into_inner().map_err(|e| self.failed(e))?.commit()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::table::Mask;

    fn table(n: usize) -> Table {
        let mut mask = Mask::new(n);
        (0..n).step_by(5).for_each(|i| mask.set(i));
        let day = 86_400_000_000i64;
        Table::new(vec![
            Column::float("x", (0..n).map(|i| if i % 3 == 0 { f64::NAN } else { i as f64 * 0.1 }).collect()),
            Column::new("n", Values::Int((0..n as i64).collect::<Vec<_>>().into(), Some(mask))).unwrap(),
            Column::bool("b", (0..n).map(|i| i % 2 == 0).collect()),
            Column::strings("s", (0..n).map(|i| (i % 4 > 0).then(|| format!("w{} \"é\"\n", i % 7)))),
            Column::new("t", Values::Time((0..n as i64).map(|i| i * day - 7).collect::<Vec<_>>().into(), None))
                .unwrap(),
            Column::float("none", vec![f64::NAN; n]),
        ])
        .unwrap()
    }

    fn same(a: &Table, b: &Table) {
        assert_eq!((a.n_rows(), a.names().collect::<Vec<_>>()), (b.n_rows(), b.names().collect()));
        for (a, b) in a.columns().iter().zip(b.columns()) {
            assert_eq!(a.type_name(), b.type_name(), "{}", a.name());
            (0..a.len()).for_each(|r| assert_eq!(a.get(r), b.get(r), "{} row {r}", a.name()));
        }
    }

    #[test]
    fn what_is_written_is_read_whole_in_part_and_in_batches() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.parquet");
        let whole = table(10_000);
        let mut writer = ParquetWriter::create(&path);
        for rows in (0..10_000).collect::<Vec<_>>().chunks(3000) {
            writer.write(&whole.take(rows)).unwrap();
        }
        assert!(!path.exists(), "nothing is there before it is whole");
        writer.finish().unwrap();
        same(&Table::read_parquet(&path).unwrap(), &whole);
        let options = ParquetOptions { columns: Some(vec!["s".into(), "x".into()]), batch_rows: 999 };
        let part = Table::read_parquet_with(&path, &options, &Run::new()).unwrap();
        assert_eq!(part.names().collect::<Vec<_>>(), ["s", "x"]);
        let mut scan = scan_parquet(&path, options).unwrap();
        assert_eq!(scan.n_rows(), 10_000);
        for _ in 0..2 {
            let first = scan.next_batch(&Run::new()).unwrap().unwrap();
            assert_eq!(first.n_rows(), 999);
            scan = scan.again();
            same(&Table::collect(&mut scan, &Run::new()).unwrap(), &part);
            scan = scan.again();
        }
        let other = Table::new(vec![Column::int("x", vec![1])]).unwrap();
        let mut writer = ParquetWriter::create(&path);
        writer.write(&whole).unwrap();
        let e = writer.write(&other).unwrap_err().to_string();
        assert!(e.contains("as in the first table"), "{e}");
        drop(writer);
        same(&Table::read_parquet(&path).unwrap(), &whole);
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 1, "no temporary file stays");
    }

    #[test]
    fn later_tables_take_the_types_of_the_first() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.parquet");
        let t = |x: Column, s: Column| Table::new(vec![x, s]).unwrap();
        let tables = [
            t(Column::float("x", vec![0.5]), Column::strings("s", [Some("a")])),
            t(Column::int("x", vec![2]), Column::float("s", vec![f64::NAN])),
        ];
        let mut writer = ParquetWriter::create(&path);
        tables.iter().for_each(|t| writer.write(t).unwrap());
        writer.finish().unwrap();
        same(&Table::read_parquet(&path).unwrap(), &Table::concat(&tables).unwrap());
    }

    #[test]
    fn bad_files_are_clear_errors_and_never_panics() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.parquet");
        table(300).write_parquet(&path).unwrap();
        let bytes = std::fs::read(&path).unwrap();
        let columns = Some(vec!["salary".to_owned()]);
        let e = Table::read_parquet_with(&path, &ParquetOptions { columns, ..Default::default() }, &Run::new());
        assert!(e.unwrap_err().to_string().contains("`salary`, which is no column"));
        assert!(Table::read_parquet(dir.path()).unwrap_err().to_string().contains("directory"));
        let broken = dir.path().join("b.parquet");
        for cut in (0..bytes.len()).step_by(97) {
            std::fs::write(&broken, &bytes[..cut]).unwrap();
            let e = Table::read_parquet(&broken).unwrap_err().to_string();
            assert!(e.contains("b.parquet") && e.contains("a whole Parquet file"), "{e}");
        }
        // A page of a column in a row group: the error names both.
        let path = dir.path().join("c.parquet");
        let properties = WriterProperties::builder().set_max_row_group_row_count(Some(1000)).build();
        let batch = table(3000).to_record_batch().unwrap();
        let mut writer = ArrowWriter::try_new(Vec::new(), batch.schema(), Some(properties)).unwrap();
        writer.write(&batch).unwrap();
        let metadata = writer.finish().unwrap();
        let mut damaged = writer.inner().clone();
        let (start, length) = metadata.row_group(1).column(1).byte_range();
        damaged[start as usize..(start + length) as usize].fill(0xFF);
        std::fs::write(&path, &damaged).unwrap();
        let mut scan = scan_parquet(&path, ParquetOptions { columns: None, batch_rows: 600 }).unwrap();
        assert!(scan.next_batch(&Run::new()).is_ok());
        let of_scan = scan.next_batch(&Run::new()).unwrap_err();
        for e in [of_scan, Table::read_parquet(&path).unwrap_err()] {
            let e = e.to_string();
            assert!(e.contains("c.parquet`, column `n`: got row group 1:") && e.contains("`columns` without"), "{e}");
        }
        let rest = ParquetOptions { columns: Some(vec!["x".into(), "s".into()]), batch_rows: 600 };
        assert_eq!(Table::read_parquet_with(&path, &rest, &Run::new()).unwrap().n_rows(), 3000);
        let mut r = crate::Seed(4).stream("parquet", 0);
        for _ in 0..300 {
            let mut bytes = bytes.clone();
            for _ in 0..1 + r.below(3) {
                let at = r.below(bytes.len());
                bytes[at] ^= 1 << r.below(8);
            }
            std::fs::write(&broken, &bytes).unwrap();
            let _ = Table::read_parquet(&broken);
            if let Ok(mut scan) = scan_parquet(&broken, ParquetOptions::default()) {
                while let Ok(Some(_)) = scan.next_batch(&Run::new()) {}
            }
        }
    }
}
