//! CSV files, written whole or not at all.

use std::io::{BufWriter, Write};
use std::path::Path;

use flate2::Compression;
use flate2::write::GzEncoder;

use super::Table;
use crate::error::Place;
use crate::file::{self, AtomicFile};
use crate::{Error, Result};

enum Out {
    Plain(BufWriter<AtomicFile>),
    Gzip(GzEncoder<BufWriter<AtomicFile>>),
}

/// Writes tables of the same columns to a CSV file, one after the other; gzipped where the path ends in `.gz`. The file is
/// there once [`CsvWriter::finish`] was called, and not before.
pub struct CsvWriter {
    path: std::path::PathBuf,
    out: Out,
    names: Option<Vec<String>>,
}

impl std::fmt::Debug for CsvWriter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "CsvWriter({})", self.path.display())
    }
}

impl CsvWriter {
    /// Begin a file.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub fn create(path: impl AsRef<Path>) -> Result<CsvWriter> {
        let path = path.as_ref();
        let file = BufWriter::with_capacity(1 << 16, AtomicFile::create(path)?);
        let is_gzip = path.extension().is_some_and(|e| e.eq_ignore_ascii_case("gz"));
        let out = if is_gzip { Out::Gzip(GzEncoder::new(file, Compression::default())) } else { Out::Plain(file) };
        Ok(CsvWriter { path: path.to_owned(), out, names: None })
    }

    /// Append the rows of a table; see [`Table::write_csv_to`] for the form.
    ///
    /// # Errors
    /// [`Error::Io`]; [`Error::InvalidData`] for columns other than those of the first table.
    pub fn write(&mut self, table: &Table) -> Result<()> {
        let header = self.names.is_none();
        let names = self.names.get_or_insert_with(|| table.names().map(str::to_owned).collect());
        if !names.iter().map(String::as_str).eq(table.names()) {
            return Err(Error::data(
                Place::none().in_source(self.path.display().to_string()),
                format!("a table with columns {}", table.names().collect::<Vec<_>>().join(", ")),
                format!("{} as in the first table", names.join(", ")),
                "write tables of the same columns",
            ));
        }
        let written = match &mut self.out {
            Out::Plain(out) => table.csv_rows(out, header),
            Out::Gzip(out) => table.csv_rows(out, header),
        };
        written.map_err(|e| file::write_error(&self.path, e))
    }

    /// Put the file in place.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub fn finish(self) -> Result<()> {
        let path = self.path;
        let failed = |e: std::io::Error| file::write_error(&path, e);
        let mut out = match self.out {
            Out::Plain(out) => out,
            Out::Gzip(out) => out.finish().map_err(failed)?,
        };
        out.flush().map_err(failed)?;
        out.into_inner().map_err(|e| failed(e.into_error()))?.commit()
    }
}

impl Table {
    /// Write the table to a CSV file, gzipped where the path ends in `.gz`, whole or not at all; see
    /// [`Table::write_csv_to`] for the form.
    ///
    /// # Errors
    /// [`Error::Io`].
    ///
    /// # Example
    /// ```
    /// use attrition_core::{Column, Table};
    /// let table = Table::new(vec![Column::int("Age", vec![41, 49])])?;
    /// # let path = std::env::temp_dir().join("attrition-doc-write.csv");
    /// table.write_csv(&path)?;
    /// assert_eq!(Table::read_csv(&path)?.n_rows(), 2);
    /// # std::fs::remove_file(&path).ok();
    /// # Ok::<(), attrition_core::Error>(())
    /// ```
    pub fn write_csv(&self, path: impl AsRef<Path>) -> Result<()> {
        let mut writer = CsvWriter::create(path)?;
        writer.write(self)?;
        writer.finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::table::Column;

    #[test]
    fn pieces_make_one_file_plain_or_gzipped_and_nothing_half() {
        let dir = tempfile::tempdir().unwrap();
        let t = Table::new(vec![
            Column::int("n", (0..1000).collect()),
            Column::strings("s", (0..1000).map(|i| (i % 3 > 0).then(|| format!("a,\"{i}\"\n")))),
        ])
        .unwrap();
        let mut bytes = Vec::new();
        t.write_csv_to(&mut bytes).unwrap();
        for name in ["a.csv", "a.csv.gz"] {
            let path = dir.path().join(name);
            let mut writer = CsvWriter::create(&path).unwrap();
            for rows in (0..1000).collect::<Vec<usize>>().chunks(300) {
                writer.write(&t.take(rows)).unwrap();
            }
            let e = writer.write(&t.drop(&["s"])).unwrap_err().to_string();
            assert!(e.contains("as in the first table"), "{e}");
            assert!(!path.exists());
            writer.finish().unwrap();
            let written = std::fs::read(&path).unwrap();
            assert_eq!(name.ends_with("gz"), written != bytes);
            let back = Table::read_csv(&path).unwrap();
            (0..1000).for_each(|r| assert_eq!(back.column("s").unwrap().get(r), t.column("s").unwrap().get(r)));
            drop(CsvWriter::create(&path).unwrap());
            assert_eq!(std::fs::read(&path).unwrap(), written, "what was there stays");
        }
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 2);
    }
}
