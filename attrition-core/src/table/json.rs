//! JSON: an array of objects (rows), an object of arrays (columns), or an object a line.

use std::fmt;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;

use serde::de::{self, DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};

use super::input::{self, Input};
use super::{Records, Table, ValueRef};
use crate::error::Place;
use crate::{Error, Result, Run};

impl Table {
    /// Read JSON: an array of objects, one a row, or an object of arrays of one length, one a column. Columns stand
    /// in order of first appearance; an absent or null value is missing; a column's type is found as [`Records`] says.
    /// A whole number beyond `i64` becomes a float if that is exact.
    ///
    /// # Errors
    /// [`Error::InvalidData`] with line, or row and column, for what is not JSON, nested values, values of two sorts in
    /// one column, a name twice in one object, arrays of different lengths, numbers that would be rounded, no rows.
    ///
    /// # Example
    /// ```
    /// use attrition_core::Table;
    /// let rows = Table::from_json(br#"[{"Age": 41, "Left": true}, {"Age": null}]"#)?;
    /// let columns = Table::from_json(br#"{"Age": [41, null], "Left": [true, null]}"#)?;
    /// assert_eq!(rows.column("Left")?.get(0), columns.column("Left")?.get(0));
    /// # Ok::<(), attrition_core::Error>(())
    /// ```
    pub fn from_json(bytes: &[u8]) -> Result<Table> {
        let bytes = bytes.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(bytes);
        let mut reading = Reading { records: Records::new(), error: None };
        let mut de = serde_json::Deserializer::from_slice(bytes);
        let read = de.deserialize_any(Top(&mut reading)).and_then(|()| de.end());
        match (reading.error, read) {
            (Some(error), _) => Err(error),
            (None, Err(e)) => Err(Error::data(
                Place::none().at_line(e.line() as u64),
                e,
                "an array of objects, or an object of arrays",
                "check that the text is whole, valid JSON",
            )),
            (None, Ok(())) => reading.records.finish(),
        }
    }
}

impl Table {
    /// Read a JSON file, gzipped or not; see [`Table::from_json`].
    ///
    /// # Errors
    /// [`Error::Io`]; as [`Table::from_json`].
    pub fn read_json(path: impl AsRef<Path>) -> Result<Table> {
        let input = Input::new(path.as_ref())?;
        Table::from_json(&input.read_all()?).map_err(|e| in_source(e, input.name()))
    }

    /// Read newline-delimited JSON, gzipped or not: one object a line, one line a row; blank lines are passed over. Columns
    /// and types are found as [`Table::from_json`] finds them.
    ///
    /// # Errors
    /// [`Error::Io`]; as [`Table::from_ndjson`].
    pub fn read_ndjson(path: impl AsRef<Path>, run: &Run) -> Result<Table> {
        let input = Input::new(path.as_ref())?;
        ndjson(BufReader::with_capacity(1 << 16, input.open()?), Some(input.name()), input.size(), run)
    }

    /// Read newline-delimited JSON from memory; see [`Table::read_ndjson`].
    ///
    /// # Errors
    /// [`Error::InvalidData`] with line and column for what is no JSON object, nested values, values of two sorts in one
    /// column, numbers that would be rounded, no rows; [`Error::Cancelled`].
    ///
    /// # Example
    /// ```
    /// use attrition_core::{Run, Table};
    /// let table = Table::from_ndjson(b"{\"Age\": 41}\n{\"Age\": null, \"Left\": true}\n", &Run::new())?;
    /// assert_eq!((table.n_rows(), table.n_columns()), (2, 2));
    /// # Ok::<(), attrition_core::Error>(())
    /// ```
    pub fn from_ndjson(bytes: &[u8], run: &Run) -> Result<Table> {
        ndjson(bytes, None, bytes.len() as u64, run)
    }
}

/// The error in a file.
fn in_source(e: Error, name: &str) -> Error {
    match e {
        Error::InvalidData { place, got, expected, hint } => {
            Error::InvalidData { place: place.in_source(name), got, expected, hint }
        }
        other => other,
    }
}

/// Longest line: a longer one is no line of records.
const MAX_LINE: u64 = 64 << 20;

fn ndjson(mut reader: impl BufRead, source: Option<&str>, size: u64, run: &Run) -> Result<Table> {
    let mut reading = Reading { records: Records::new(), error: None };
    let (mut line, mut row, mut bytes) = (0u64, 0, 0);
    let mut text = Vec::new();
    let place = |line: u64| {
        let place = Place::none().at_line(line);
        source.map_or_else(|| place.clone(), |s| place.clone().in_source(s))
    };
    loop {
        text.clear();
        let read = (&mut reader).take(MAX_LINE).read_until(b'\n', &mut text);
        let n = read.map_err(|e| input::failed(source, Some(line), e))?;
        if n == 0 {
            break;
        }
        line += 1;
        bytes += n;
        if n as u64 == MAX_LINE {
            return Err(Error::data(place(line), "a line of more than 64 MiB", "one object a line", "use read_json"));
        }
        let json = if line == 1 { text.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(&text) } else { &text };
        if json.iter().all(u8::is_ascii_whitespace) {
            continue;
        }
        let mut de = serde_json::Deserializer::from_slice(json);
        let read = Row { reading: &mut reading, row }.deserialize(&mut de).and_then(|()| de.end());
        match (reading.error.take(), read) {
            (Some(error), _) => {
                let Error::InvalidData { place: at, got, expected, hint } = error else { return Err(error) };
                let place = Place { line: Some(line), source: source.map(str::to_owned), ..at };
                return Err(Error::InvalidData { place, got, expected, hint });
            }
            (None, Err(e)) => {
                return Err(Error::data(place(line), e, "one JSON object", "write one whole object a line"));
            }
            (None, Ok(())) => row += 1,
        }
        if row % 4096 == 0 {
            run.check()?;
            run.progress("read_ndjson", bytes, (size as usize).max(bytes));
        }
    }
    match (reading.records.finish(), source) {
        (Err(e), Some(name)) => Err(in_source(e, name)),
        (finished, _) => finished,
    }
}

struct Reading {
    records: Records,
    /// What made a visitor stop: serde carries text only.
    error: Option<Error>,
}

impl Reading {
    fn put<E: de::Error>(&mut self, row: usize, name: &str, value: ValueRef<'_>) -> Result<(), E> {
        self.records.put(row, name, value).map_err(|e| self.stop(e))
    }
    fn stop<E: de::Error>(&mut self, error: Error) -> E {
        self.error = Some(error);
        E::custom("stopped")
    }
}

struct Top<'r>(&'r mut Reading);

impl<'de> Visitor<'de> for Top<'_> {
    type Value = ();
    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an array of objects, or an object of arrays")
    }
    fn visit_seq<A: SeqAccess<'de>>(self, mut rows: A) -> Result<(), A::Error> {
        let mut row = 0;
        while rows.next_element_seed(Row { reading: self.0, row })?.is_some() {
            row += 1;
        }
        Ok(())
    }
    fn visit_map<A: MapAccess<'de>>(self, mut columns: A) -> Result<(), A::Error> {
        let mut first: Option<(String, usize)> = None;
        while let Some(name) = columns.next_key::<String>()? {
            let rows = columns.next_value_seed(Array { reading: self.0, name: &name })?;
            match &first {
                None => first = Some((name, rows)),
                Some((first, n)) if *n != rows => {
                    return Err(self.0.stop(Error::data(
                        Place::column(&name),
                        format!("{rows} values"),
                        format!("{n} values as in column `{first}`"),
                        "give all columns one length",
                    )));
                }
                Some(_) => {}
            }
        }
        Ok(())
    }
}

struct Row<'r> {
    reading: &'r mut Reading,
    row: usize,
}

impl<'de> DeserializeSeed<'de> for Row<'_> {
    type Value = ();
    fn deserialize<D: Deserializer<'de>>(self, d: D) -> Result<(), D::Error> {
        d.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Row<'_> {
    type Value = ();
    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "an object as row {}", self.row)
    }
    fn visit_map<A: MapAccess<'de>>(self, mut fields: A) -> Result<(), A::Error> {
        self.reading.records.rows(self.row + 1);
        while let Some(name) = fields.next_key::<String>()? {
            fields.next_value_seed(Cell { reading: self.reading, row: self.row, name: &name })?;
        }
        Ok(())
    }
}

struct Array<'r> {
    reading: &'r mut Reading,
    name: &'r str,
}

impl<'de> DeserializeSeed<'de> for Array<'_> {
    type Value = usize;
    fn deserialize<D: Deserializer<'de>>(self, d: D) -> Result<usize, D::Error> {
        d.deserialize_seq(self)
    }
}

impl<'de> Visitor<'de> for Array<'_> {
    type Value = usize;
    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "an array as column `{}`", self.name)
    }
    fn visit_seq<A: SeqAccess<'de>>(self, mut cells: A) -> Result<usize, A::Error> {
        self.reading.records.column(self.name);
        let mut row = 0;
        while cells.next_element_seed(Cell { reading: self.reading, row, name: self.name })?.is_some() {
            row += 1;
        }
        Ok(row)
    }
}

struct Cell<'r> {
    reading: &'r mut Reading,
    row: usize,
    name: &'r str,
}

impl Cell<'_> {
    fn put<E: de::Error>(self, value: ValueRef<'_>) -> Result<(), E> {
        self.reading.put(self.row, self.name, value)
    }
}

impl<'de> DeserializeSeed<'de> for Cell<'_> {
    type Value = ();
    fn deserialize<D: Deserializer<'de>>(self, d: D) -> Result<(), D::Error> {
        d.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Cell<'_> {
    type Value = ();
    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("null, a truth value, a number or a string")
    }
    fn visit_unit<E: de::Error>(self) -> Result<(), E> {
        self.put(ValueRef::Missing)
    }
    fn visit_bool<E: de::Error>(self, b: bool) -> Result<(), E> {
        self.put(ValueRef::Bool(b))
    }
    fn visit_i64<E: de::Error>(self, i: i64) -> Result<(), E> {
        self.put(ValueRef::Int(i))
    }
    fn visit_u64<E: de::Error>(self, i: u64) -> Result<(), E> {
        match i64::try_from(i) {
            Ok(i) => self.put(ValueRef::Int(i)),
            // Exact: it fills at most 53 bits.
            Err(_) if i.leading_zeros() + i.trailing_zeros() >= 11 => self.put(ValueRef::Float(i as f64)),
            Err(_) => Err(self.reading.stop(Error::data(
                Place::cell(self.row, self.name),
                "a whole number that would be rounded",
                "whole numbers up to 9223372036854775807",
                "write it as a string",
            ))),
        }
    }
    fn visit_f64<E: de::Error>(self, x: f64) -> Result<(), E> {
        self.put(ValueRef::Float(x))
    }
    fn visit_str<E: de::Error>(self, s: &str) -> Result<(), E> {
        self.put(ValueRef::Text(s))
    }
    fn visit_seq<A: SeqAccess<'de>>(self, _: A) -> Result<(), A::Error> {
        self.put(ValueRef::Nested)
    }
    fn visit_map<A: MapAccess<'de>>(self, _: A) -> Result<(), A::Error> {
        self.put(ValueRef::Nested)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Value;
    use proptest::prelude::*;

    #[test]
    fn rows_and_columns_are_read() {
        let t = Table::from_json(
            br#"[{"a": 1, "b": "x", "d": "2024-01-01"}, {"b": null, "a": 2.5, "c": true}, {}, {"e": null}]"#,
        )
        .unwrap();
        assert_eq!(t.names().collect::<Vec<_>>(), ["a", "b", "d", "c", "e"]);
        let types: Vec<_> = t.columns().iter().map(|c| c.type_name()).collect();
        assert_eq!(types, ["float", "string", "time", "bool", "float"]);
        assert_eq!(t.n_rows(), 4);
        assert_eq!(t.column("c").unwrap().get(1), Value::Bool(true));
        let t = Table::from_json(b"\xEF\xBB\xBF{\"z\": [1, null], \"a\": [null, 18446744073709549568]}").unwrap();
        assert_eq!(t.names().collect::<Vec<_>>(), ["z", "a"]);
        assert_eq!(t.column("z").unwrap().type_name(), "int");
        assert_eq!(t.column("a").unwrap().get(1), Value::Float(18446744073709549568.0));
    }

    #[test]
    fn bad_json_is_refused_with_its_place() {
        for (json, want) in [
            ("", "line 1"),
            ("[{\"a\": 1},\n{\"a\": }]", "line 2"),
            ("[1]", "an object as row 0"),
            ("[{}, []]", "an object as row 1"),
            ("5", "an array of objects, or an object of arrays"),
            ("[]", "got 0 rows"),
            ("[{}]", "0 columns"),
            ("{\"a\": []}", "got 0 rows"),
            ("{\"a\": 1}", "an array as column `a`"),
            ("{\"a\": [1, 2], \"b\": [1]}", "column `b`: got 1 values, expected 2 values as in column `a`"),
            ("{\"a\": [1], \"a\": [1]}", "row 0, column `a`: got a second value"),
            ("[{\"a\": 1, \"a\": 1}]", "row 0, column `a`: got a second value"),
            ("[{\"a\": 1}, {\"a\": \"x\"}]", "row 1, column `a`: got a text, expected a number as in the rows before"),
            ("[{\"a\": [1]}]", "row 0, column `a`: got a nested value"),
            ("[{\"a\": {\"b\": 1}}]", "row 0, column `a`: got a nested value"),
            ("[{\"a\": 18446744073709551615}]", "row 0, column `a`: got a whole number that would be rounded"),
            ("[{\"a\": 1}] x", "line 1"),
            ("[{\"a\": NaN}]", "line 1"),
        ] {
            let e = Table::from_json(json.as_bytes()).unwrap_err();
            assert_eq!(e.kind(), crate::ErrorKind::InvalidData);
            assert!(e.to_string().contains(want), "{json}: {e}");
        }
        assert!(Table::from_json("[".repeat(100_000).as_bytes()).is_err());
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..100), json in "[\\[\\]{}\",:a1.\\-e ]{0,60}") {
            let _ = Table::from_json(&bytes);
            let _ = Table::from_json(json.as_bytes());
        }
    }

    #[test]
    fn lines_are_rows_and_errors_name_them() {
        let run = Run::new();
        let t = Table::from_ndjson(b"\xEF\xBB\xBF{\"a\": 1}\r\n\n {\"b\": \"x\", \"a\": 2.5}", &run).unwrap();
        assert_eq!((t.n_rows(), t.column("a").unwrap().type_name()), (2, "float"));
        assert!(t.column("b").unwrap().is_missing(0));
        for (bytes, words) in [
            (&b"{\"a\": 1}\n[1]\n"[..], "line 2"),
            (b"{\"a\": 1}\n{\"a\": 1\n", "line 2"),
            (b"{\"a\": 1} {\"a\": 2}\n", "line 1"),
            (b"{\"a\": 1}\n\n{\"a\": \"x\"}\n", "line 3, row 1, column `a`"),
            (b"{\"a\": [1]}\n", "line 1, row 0, column `a`"),
            (b"\n\n", "0 rows"),
        ] {
            let e = Table::from_ndjson(bytes, &run).unwrap_err().to_string();
            assert!(e.contains(words), "{e}");
        }
    }

    #[test]
    fn gzipped_files_are_the_files_and_broken_ones_are_errors() {
        let gzip = |bytes: &[u8]| {
            let mut out = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
            std::io::Write::write_all(&mut out, bytes).unwrap();
            out.finish().unwrap()
        };
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a");
        let run = Run::new();
        let mut csv = String::from("a,b\n");
        (0..5000).for_each(|i| csv.push_str(&format!("{i},w{}\n", i % 7)));
        // Two members, one file.
        let (first, second) = csv.as_bytes().split_at(10_000);
        let zipped = [gzip(first), gzip(second)].concat();
        std::fs::write(&path, &zipped).unwrap();
        let (a, b) = (
            Table::read_csv(&path).unwrap(),
            Table::from_csv_bytes(csv.as_bytes(), &Default::default(), &run).unwrap(),
        );
        assert_eq!(
            format!("{:?}", a.take(&[0, 4999]).column("b").unwrap().get(1)),
            format!("{:?}", b.column("b").unwrap().get(4999))
        );
        assert_eq!(a.n_rows(), 5000);
        for (broken, what) in [
            (zipped[..zipped.len() - 9].to_vec(), "cut off"),
            ([&zipped[..500], b"xxxxxxxx", &zipped[508..]].concat(), "damaged"),
        ] {
            std::fs::write(&path, broken).unwrap();
            for e in [Table::read_csv(&path).unwrap_err(), Table::read_json(&path).unwrap_err()] {
                let e = e.to_string();
                assert!(e.contains(what) && e.contains("gzip") && e.contains(&path.display().to_string()), "{e}");
            }
        }
        std::fs::write(&path, gzip(b"{\"a\": 1}\n{\"a\": 2}\n")).unwrap();
        assert_eq!(Table::read_ndjson(&path, &run).unwrap().n_rows(), 2);
        std::fs::write(&path, gzip(b"{\"a\": [1, 2, 3]}")).unwrap();
        assert_eq!(Table::read_json(&path).unwrap().n_rows(), 3);
        assert!(Table::read_json(dir.path()).unwrap_err().to_string().contains("directory"));
    }
}
