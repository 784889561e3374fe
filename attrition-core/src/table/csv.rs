//! CSV: RFC 4180 with a header row, types found over the whole file.
//!
//! The file is read in blocks cut at record ends; threads read and parse them, each its own, and append them, in
//! order, to columns of the type seen so far ([`ColumnBuilder`]). A column that turns out to need its text after
//! values of another type were kept (`1`, `2`, …, `n/k`) is read again in a second pass over the file. Neither block
//! size nor thread count shows in the result.

use std::collections::BTreeMap;
use std::io::{self, Read, Write};
use std::ops::Range;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use memchr::{memchr, memchr3, memrchr2};

use super::input::{self, Input};
use super::split::{QUOTE, Ragged, Records, split};
use super::token::{ColumnBuilder, Missing, Plan, Sort};
use super::{Table, Value};
use crate::error::Place;
use crate::{Error, Result, Run};

mod scan;

pub use scan::{CsvScan, scan_csv};

const STAGE: &str = "read_csv";
/// The longest record read. A longer one is a quote that was never closed far more often than data.
const MAX_RECORD: usize = 64 << 20;
/// Blocks per thread that may wait for one that takes longer, and for how many milliseconds others then stand still.
const BLOCKS_WAITING: usize = 4;
const PATIENCE: usize = 100;

/// How a CSV file is read.
///
/// | field | default | meaning |
/// |---|---|---|
/// | `delimiter` | `,` | the character between fields; one of ASCII |
/// | `missing` | see below | the fields that are missing values, compared without surrounding blanks |
/// | `text` | none | the columns that are strings whatever they look like: postcodes, staff numbers |
/// | `trim` | `false` | whether strings lose surrounding blanks |
/// | `block_bytes` | 1 MiB | bytes parsed at once; affects memory and speed, never the result |
///
/// The missing tokens are those of `pandas.read_csv`, so that a file has the same gaps in both: the empty field,
/// `#N/A`, `#N/A N/A`, `#NA`, `-1.#IND`, `-1.#QNAN`, `-NaN`, `-nan`, `1.#IND`, `1.#QNAN`, `<NA>`, `N/A`, `NA`, `NULL`,
/// `NaN`, `None`, `n/a`, `nan`, `null`.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct CsvOptions {
    /// The character between fields.
    pub delimiter: char,
    /// The fields that are missing values.
    pub missing: Vec<String>,
    /// The columns that are strings whatever they look like.
    pub text: Vec<String>,
    /// Whether strings lose surrounding blanks.
    pub trim: bool,
    /// Bytes parsed at once.
    pub block_bytes: usize,
}

impl Default for CsvOptions {
    fn default() -> CsvOptions {
        let missing = [
            "", "#N/A", "#N/A N/A", "#NA", "-1.#IND", "-1.#QNAN", "-NaN", "-nan", "1.#IND", "1.#QNAN", "<NA>", "N/A",
            "NA", "NULL", "NaN", "None", "n/a", "nan", "null",
        ];
        CsvOptions {
            delimiter: ',',
            missing: missing.map(String::from).to_vec(),
            text: Vec::new(),
            trim: false,
            block_bytes: 1 << 20,
        }
    }
}

impl CsvOptions {
    /// With another character between fields.
    pub fn delimiter(mut self, delimiter: char) -> CsvOptions {
        self.delimiter = delimiter;
        self
    }
    /// With other missing tokens, in place of the default ones.
    pub fn missing<S: Into<String>>(mut self, missing: impl IntoIterator<Item = S>) -> CsvOptions {
        self.missing = missing.into_iter().map(Into::into).collect();
        self
    }
    /// With the named columns read as strings.
    pub fn text<S: Into<String>>(mut self, columns: impl IntoIterator<Item = S>) -> CsvOptions {
        self.text = columns.into_iter().map(Into::into).collect();
        self
    }
    /// With or without blanks around strings.
    pub fn trim(mut self, trim: bool) -> CsvOptions {
        self.trim = trim;
        self
    }
    /// With another block size.
    pub fn block_bytes(mut self, block_bytes: usize) -> CsvOptions {
        self.block_bytes = block_bytes;
        self
    }

    /// # Errors
    /// [`Error::InvalidParam`].
    pub fn check(&self) -> Result<()> {
        if !self.delimiter.is_ascii() || matches!(self.delimiter, '"' | '\r' | '\n') {
            return Err(Error::param(
                "delimiter",
                format!("{:?}", self.delimiter),
                "one ASCII character, neither a quote nor a line break",
                "use ',', ';' or '\\t'",
            ));
        }
        if self.block_bytes == 0 || self.block_bytes > MAX_RECORD {
            return Err(Error::param(
                "block_bytes",
                self.block_bytes,
                format!("1 to {MAX_RECORD}"),
                "leave it at its default",
            ));
        }
        Ok(())
    }
}

impl Table {
    /// Read a CSV file with the default [`CsvOptions`].
    ///
    /// # Errors
    /// As [`Table::read_csv_with`].
    ///
    /// # Example
    /// ```no_run
    /// let employees = attrition_core::Table::read_csv("employees.csv")?;
    /// # Ok::<(), attrition_core::Error>(())
    /// ```
    pub fn read_csv(path: impl AsRef<Path>) -> Result<Table> {
        Table::read_csv_with(path, &CsvOptions::default(), &Run::new())
    }

    /// Read a CSV file, gzipped or not: UTF-8 (a byte order mark is passed over), first record the header, fields quoted by `"`
    /// where they hold a delimiter, a line break or a quote (doubled); lines end in LF, CRLF or CR; blank lines are
    /// passed over.
    ///
    /// A column's type is the first that *every* field of it (missing ones aside) can be read as:
    ///
    /// 1. bool: `true`, `True`, `TRUE`, `false`, `False`, `FALSE`;
    /// 2. int: whole numbers of `i64`;
    /// 3. float: decimal numbers, rounded to the nearest `f64`, and `inf`, `infinity` in any case. Whole numbers
    ///    beyond `i64` are floats in a column that has a fraction or an exponent somewhere; in a column of whole
    ///    numbers only they would be rounded without a word, so that column is of strings;
    /// 4. time: ISO dates and times, see [`super::time::parse`]; kept in UTC and in whole microseconds;
    /// 5. string. A number with leading zeros (`007`) is a name, so its column is of strings.
    ///
    /// A column without any value is of missing floats. Memory is that of the columns and some blocks.
    ///
    /// # Errors
    /// [`Error::Io`] when the file cannot be read; [`Error::InvalidData`] with line, row or column for a file that is
    /// empty or has a header only, a header with an empty or repeated name, a record with more or fewer fields than the header, bytes
    /// that are not UTF-8, a quote that is not closed, a record of more than 64 MiB, gzip data that is damaged or cut off; [`Error::NotFound`] for a name
    /// of `text` that is no column; [`Error::InvalidParam`]; [`Error::Cancelled`].
    pub fn read_csv_with(path: impl AsRef<Path>, options: &CsvOptions, run: &Run) -> Result<Table> {
        let input = Input::new(path.as_ref())?;
        read(|| input.open(), input.size(), Some(input.name()), options, run)
    }

    /// Read CSV from memory; see [`Table::read_csv_with`].
    ///
    /// # Errors
    /// As [`Table::read_csv_with`].
    ///
    /// # Example
    /// ```
    /// use attrition_core::{Run, Table, table::CsvOptions};
    /// let csv = b"Id,Age,Left\n007,41,true\n008,,false\n";
    /// let table = Table::from_csv_bytes(csv, &CsvOptions::default(), &Run::new())?;
    /// let types: Vec<&str> = table.columns().iter().map(|c| c.type_name()).collect();
    /// assert_eq!(types, ["string", "int", "bool"]);
    /// # Ok::<(), attrition_core::Error>(())
    /// ```
    pub fn from_csv_bytes(bytes: &[u8], options: &CsvOptions, run: &Run) -> Result<Table> {
        read(|| Ok(bytes), bytes.len() as u64, None, options, run)
    }

    /// Write the table as CSV: a header, LF line ends, floats in the shortest form that reads back, times in RFC 3339,
    /// a missing value as an empty field. Read back it is the same table, but for strings that look like another type
    /// or like a missing value, and for floats that are all whole (written `3.0`, they do stay floats).
    ///
    /// # Errors
    /// The writer's.
    pub fn write_csv_to(&self, out: &mut impl Write) -> io::Result<()> {
        self.csv_rows(out, true)
    }

    pub(super) fn csv_rows(&self, out: &mut impl Write, header: bool) -> io::Result<()> {
        let mut line = String::new();
        let field = |line: &mut String, i: usize, text: &str| {
            if i > 0 {
                line.push(',');
            }
            // A lone empty field would be a blank line.
            if text.contains([',', '"', '\r', '\n']) || (text.is_empty() && self.n_columns() == 1) {
                line.push('"');
                line.push_str(&text.replace('"', "\"\""));
                line.push('"');
            } else {
                line.push_str(text);
            }
        };
        if header {
            self.names().enumerate().for_each(|(i, name)| field(&mut line, i, name));
            line.push('\n');
        }
        for row in 0..self.n_rows() {
            for (i, column) in self.columns().iter().enumerate() {
                match column.get(row) {
                    Value::Missing => field(&mut line, i, ""),
                    Value::Float(x) => field(&mut line, i, &format!("{x:?}")),
                    Value::Text(text) => field(&mut line, i, &text),
                    other => field(&mut line, i, &other.to_string()),
                }
            }
            line.push('\n');
            if line.len() > 1 << 16 {
                out.write_all(line.as_bytes())?;
                line.clear();
            }
        }
        out.write_all(line.as_bytes())
    }
}

/// Where a cut of the buffer may be made.
enum Cut {
    /// A record ends here.
    At(usize),
    /// Not in these bytes.
    More,
    /// The input ends inside the quotes that open here.
    Open(usize),
}

/// The end of the last record that ends within `target` bytes of `from`, where a record begins; else of the first
/// one after.
///
/// The place between the CR and the LF of a line end is as good as another: what follows begins with a blank line.
/// As csv-core has it, a quote opens quotes at a field's start only, and a doubled one inside stands for itself.
fn cut(buf: &[u8], from: usize, target: usize, eof: bool, delimiter: u8) -> Cut {
    let limit = from.saturating_add(target).min(buf.len());
    let opens = |q: usize| q == from || buf[q - 1] == delimiter || buf[q - 1] == b'\n' || buf[q - 1] == b'\r';
    let close = |opening: usize| {
        let mut i = opening + 1;
        while let Some(k) = memchr(QUOTE, &buf[i..]) {
            match buf.get(i + k + 1) {
                Some(&QUOTE) => i += k + 2,
                None if !eof => return None,
                _ => return Some(i + k),
            }
        }
        None
    };
    let unclosed = |q: usize| if eof { Cut::Open(q) } else { Cut::More };
    let mut last = None;
    let mut i = from;
    while i < limit {
        let quote = memchr(QUOTE, &buf[i..limit]).map(|k| i + k);
        if let Some(k) = memrchr2(b'\n', b'\r', &buf[i..quote.unwrap_or(limit)]) {
            last = Some(i + k + 1);
        }
        i = match quote {
            None => limit,
            Some(q) if opens(q) => match close(q) {
                Some(c) => c + 1,
                None => return last.map_or_else(|| unclosed(q), Cut::At),
            },
            Some(q) => q + 1,
        };
    }
    if let Some(end) = last {
        return Cut::At(end);
    }
    while let Some(k) = memchr3(QUOTE, b'\n', b'\r', &buf[i..]) {
        let at = i + k;
        i = match buf[at] {
            QUOTE if opens(at) => match close(at) {
                Some(c) => c + 1,
                None => return unclosed(at),
            },
            QUOTE => at + 1,
            _ => return Cut::At(at + 1),
        };
    }
    if eof && from < buf.len() { Cut::At(buf.len()) } else { Cut::More }
}

/// The bytes not yet parsed.
struct Feed<R> {
    reader: R,
    buf: Vec<u8>,
    start: usize,
    eof: bool,
    /// Bytes and lines before `start`.
    offset: u64,
    lines: u64,
}

impl<R: Read> Feed<R> {
    fn new(reader: R) -> Feed<R> {
        Feed { reader, buf: Vec::new(), start: 0, eof: false, offset: 0, lines: 0 }
    }

    /// Have `want` bytes, or all there are.
    fn fill(&mut self, want: usize) -> io::Result<()> {
        if !self.eof && self.buf.len() - self.start < want {
            self.buf.drain(..self.start);
            self.start = 0;
            let missing = want - self.buf.len();
            self.buf.reserve_exact(missing);
            self.eof = (&mut self.reader).take(missing as u64).read_to_end(&mut self.buf)? < missing;
        }
        Ok(())
    }

    /// The bytes before `to`, so many lines, are done with.
    fn advance(&mut self, to: usize, lines: u64) {
        self.lines += lines;
        self.offset += (to - self.start) as u64;
        self.start = to;
    }

    /// The next block of whole records; none at the end.
    fn block(&mut self, block_bytes: usize, delimiter: u8) -> Result<Option<Range<usize>>, Stop> {
        self.fill(block_bytes)?;
        loop {
            let from = self.start;
            let fault = match cut(&self.buf, from, block_bytes, self.eof, delimiter) {
                Cut::At(end) if end - from <= MAX_RECORD => return Ok(Some(from..end)),
                Cut::More if self.buf.len() - from <= MAX_RECORD => {
                    if self.eof {
                        return Ok(None);
                    }
                    self.fill((self.buf.len() - from) * 2 + block_bytes)?;
                    continue;
                }
                Cut::Open(quote) => {
                    Fault { line: 1 + count_lines(&self.buf[from..quote]), row: None, what: What::OpenQuote }
                }
                Cut::At(_) | Cut::More => Fault { line: 1, row: None, what: What::LongRecord },
            };
            return Err(Stop::Fault(fault));
        }
    }

    /// As [`Feed::block`], its bytes taken out.
    fn take(&mut self, block_bytes: usize, delimiter: u8) -> Result<Option<Block>, Stop> {
        let Some(range) = self.block(block_bytes, delimiter)? else { return Ok(None) };
        let mut rest = Vec::with_capacity((self.buf.len() - range.end).max(block_bytes));
        rest.extend_from_slice(&self.buf[range.end..]);
        let buf = std::mem::replace(&mut self.buf, rest);
        self.start = 0;
        Ok(Some(Block { buf, range }))
    }
}

/// Whole records.
struct Block {
    buf: Vec<u8>,
    range: Range<usize>,
}

impl Block {
    fn bytes(&self) -> &[u8] {
        &self.buf[self.range.clone()]
    }
}

fn count_lines(bytes: &[u8]) -> u64 {
    memchr::memchr_iter(b'\n', bytes).count() as u64
}

/// Why no more blocks come.
enum Stop {
    Io(io::Error),
    Fault(Fault),
}

impl From<io::Error> for Stop {
    fn from(e: io::Error) -> Stop {
        Stop::Io(e)
    }
}

/// What is wrong with a block.
struct Fault {
    /// Line of the block, from 1.
    line: u64,
    /// Row of the block, from 0.
    row: Option<usize>,
    what: What,
}

enum What {
    Ragged { fields: usize },
    NotUtf8 { byte: u8, at: usize },
    OpenQuote,
    LongRecord,
}

/// What a block holds.
struct Parsed {
    rows: usize,
    lines: u64,
    columns: Vec<ColumnBuilder>,
}

struct Csv<'a> {
    options: &'a CsvOptions,
    missing: Missing,
    source: Option<&'a str>,
    run: &'a Run,
    delimiter: u8,
    names: Vec<String>,
    size: u64,
    /// Whether values are kept: types alone are found without.
    keep: bool,
}

fn read<R: Read + Send>(
    open: impl Fn() -> Result<R>,
    size: u64,
    source: Option<&str>,
    options: &CsvOptions,
    run: &Run,
) -> Result<Table> {
    let mut csv = Csv::new(options, source, size, run)?;
    let (rows, mut columns) = csv.first_pass(Feed::new(open()?))?;
    if columns.iter().any(ColumnBuilder::needs_text) {
        let plan: Vec<Plan> = columns.iter().map(|c| if c.needs_text() { Plan::Text } else { Plan::Skip }).collect();
        for (column, plan) in columns.iter_mut().zip(&plan) {
            if *plan == Plan::Text {
                column.lose();
            }
        }
        let mut feed = Feed::new(open()?);
        let names = csv.header(&mut feed)?;
        let (rows_again, again) = csv.pass(feed, plan.clone(), size)?;
        if names != csv.names || rows_again != rows {
            return Err(Error::data(
                csv.place(Place::none()),
                format!("{rows_again} rows at second reading, {rows} at first"),
                "a file that stays as it is",
                "read it when nobody writes to it",
            ));
        }
        for ((column, new), plan) in columns.iter_mut().zip(again).zip(plan) {
            if plan == Plan::Text {
                *column = new;
            }
        }
    }
    Table::new(columns.into_iter().zip(csv.names).map(|(column, name)| column.finish(name)).collect())
}

impl<'a> Csv<'a> {
    fn new(options: &'a CsvOptions, source: Option<&'a str>, size: u64, run: &'a Run) -> Result<Csv<'a>> {
        options.check()?;
        let delimiter = u8::try_from(options.delimiter).unwrap_or(b',');
        let missing = Missing::new(&options.missing);
        Ok(Csv { options, missing, source, run, delimiter, names: Vec::new(), size, keep: true })
    }

    /// Header and all rows, types inferred.
    fn first_pass<R: Read + Send>(&mut self, mut feed: Feed<R>) -> Result<(usize, Vec<ColumnBuilder>)> {
        self.names = self.header(&mut feed)?;
        let text = &self.options.text;
        let plan = self.names.iter().map(|name| if text.contains(name) { Plan::Text } else { Plan::Infer }).collect();
        if let Some(name) = text.iter().find(|name| !self.names.contains(name)) {
            return Err(Error::not_found("column", name, self.names.iter().map(String::as_str)));
        }
        let (rows, columns) = self.pass(feed, plan, 0)?;
        if rows == 0 {
            return Err(Error::data(
                self.place(Place::none()),
                "a header and no rows",
                "at least one row",
                "check that the file is complete",
            ));
        }
        Ok((rows, columns))
    }

    fn place(&self, place: Place) -> Place {
        match self.source {
            Some(source) => place.in_source(source),
            None => place,
        }
    }

    fn stopped(&self, stop: Stop, lines: u64, offset: u64, rows: usize) -> Error {
        let fault = match stop {
            Stop::Io(source) => return input::failed(self.source, Some(lines), source),
            Stop::Fault(fault) => fault,
        };
        let mut place = self.place(Place::none().at_line(lines + fault.line));
        place.row = fault.row.map(|row| rows + row);
        let plural = |n: usize| if n == 1 { "1 field".to_owned() } else { format!("{n} fields") };
        match fault.what {
            What::Ragged { fields } => Error::data(
                place,
                plural(fields),
                format!("{} as in the header", plural(self.names.len())),
                format!(
                    "quote a field that holds {:?} or a line break, or set another delimiter",
                    self.options.delimiter
                ),
            ),
            What::NotUtf8 { byte, at } => Error::data(
                place,
                format!("byte 0x{byte:02X} at offset {}, which is not UTF-8", offset + at as u64),
                "text in UTF-8",
                "save the file again as UTF-8 (in a spreadsheet: \"CSV UTF-8\")",
            ),
            What::OpenQuote => Error::data(
                place,
                "a quote that is not closed before the end of the file",
                "a closing quote",
                "close it; a quote inside a quoted field is written twice",
            ),
            What::LongRecord => Error::data(
                place,
                format!("a record of more than {} MiB", MAX_RECORD >> 20),
                "shorter records",
                "look for a quote that is not closed",
            ),
        }
    }

    /// The names of the columns. The feed then stands at the first row.
    fn header<R: Read>(&self, feed: &mut Feed<R>) -> Result<Vec<String>> {
        let failed = |feed: &Feed<R>, stop: Stop| self.stopped(stop, feed.lines, feed.offset, 0);
        let want = self.options.block_bytes;
        feed.fill(want.max(3)).map_err(|e| failed(feed, e.into()))?;
        if feed.buf.starts_with(b"\xEF\xBB\xBF") {
            feed.advance(3, 0);
        } else if feed.buf.starts_with(b"\xFF\xFE") || feed.buf.starts_with(b"\xFE\xFF") {
            return Err(Error::data(
                self.place(Place::none().at_line(1)),
                "text in UTF-16",
                "text in UTF-8",
                "save the file again as UTF-8 (in a spreadsheet: \"CSV UTF-8\")",
            ));
        }
        loop {
            let blank = feed.buf[feed.start..].iter().take_while(|b| matches!(b, b'\r' | b'\n')).count();
            let lines = count_lines(&feed.buf[feed.start..feed.start + blank]);
            feed.advance(feed.start + blank, lines);
            if feed.start < feed.buf.len() || feed.eof {
                break;
            }
            feed.fill(want).map_err(|e| failed(feed, e.into()))?;
        }
        let record = feed.block(1, self.delimiter).map_err(|stop| failed(feed, stop))?;
        let Some(record) = record else {
            return Err(Error::data(
                self.place(Place::none()),
                "an empty file",
                "a header and at least one row",
                "check the path, and that the file was written whole",
            ));
        };
        let mut names: Vec<String> = Vec::new();
        self.records(&feed.buf[record.clone()], None, |record| {
            names = (0..record.width).flat_map(|j| record.column(j)).map(str::to_owned).collect();
        })
        .map_err(|fault| failed(feed, Stop::Fault(fault)))?;
        let line = feed.lines + 1;
        let lines = count_lines(&feed.buf[record.clone()]);
        feed.advance(record.end, lines);
        self.checked(names, line)
    }

    fn checked(&self, mut names: Vec<String>, line: u64) -> Result<Vec<String>> {
        let mut seen = std::collections::HashMap::new();
        for (i, name) in names.iter_mut().enumerate() {
            if self.options.trim {
                *name = name.trim().to_owned();
            }
            let place = self.place(Place::none().at_line(line));
            if name.trim().is_empty() {
                return Err(Error::data(
                    place,
                    format!("no name for column {} of the header", i + 1),
                    "a name for every column",
                    "name it; pandas writes such a column unless to_csv is given index=False",
                ));
            }
            if let Some(first) = seen.insert(name.clone(), i) {
                return Err(Error::data(
                    Place { column: Some(name.clone()), ..place },
                    format!("the same name for columns {} and {}", first + 1, i + 1),
                    "names that are unique",
                    "rename one of them",
                ));
            }
        }
        Ok(names)
    }

    /// All rows from where the feed stands. `before`: bytes read by earlier passes.
    fn pass<R: Read + Send>(&self, feed: Feed<R>, plan: Vec<Plan>, before: u64) -> Result<(usize, Vec<ColumnBuilder>)> {
        let joined = Joined {
            columns: plan.iter().map(|&p| ColumnBuilder::new(p)).collect(),
            blocks: 0,
            rows: 0,
            lines: feed.lines,
            offset: feed.offset,
        };
        let pass = Pass {
            csv: self,
            first: feed.offset,
            before,
            feed: Mutex::new((feed, 0, false)),
            plan: Mutex::new(plan),
            waiting: Mutex::new(BTreeMap::new()),
            joined: Mutex::new(joined),
            failed: AtomicBool::new(false),
        };
        let most = usize::try_from(self.size).unwrap_or(usize::MAX) / self.options.block_bytes + 1;
        self.run.map(self.run.threads().min(most), |_| pass.work())?;
        pass.join()?;
        let joined = pass.joined.into_inner().unwrap_or_else(PoisonError::into_inner);
        Ok((joined.rows, joined.columns))
    }

    fn block(&self, bytes: &[u8], plan: &[Plan]) -> Result<Parsed, Fault> {
        let mut columns: Vec<ColumnBuilder> = plan.iter().map(|&p| ColumnBuilder::new(p)).collect();
        let rows = self.records(bytes, Some(columns.len()), |records| {
            for (j, column) in columns.iter_mut().enumerate() {
                records.column(j).for_each(|field| column.push(field, &self.missing, self.options.trim));
            }
        })?;
        Ok(Parsed { rows, lines: count_lines(bytes), columns })
    }

    /// Give all records, some at a time, to `each`. The number of records.
    fn records(&self, bytes: &[u8], width: Option<usize>, mut each: impl FnMut(&Records<'_>)) -> Result<usize, Fault> {
        let fault = |r: Ragged| Fault {
            line: 1 + count_lines(&bytes[..r.at]),
            row: Some(r.row),
            what: What::Ragged { fields: r.fields },
        };
        let e = match std::str::from_utf8(bytes) {
            Ok(text) => return split(text, self.delimiter, width, each).map_err(fault),
            Err(e) => e,
        };
        let at = e.valid_up_to();
        // Errors are told in the order of the file.
        if let Cut::At(end) = cut(&bytes[..at], 0, at, false, self.delimiter) {
            let text = std::str::from_utf8(&bytes[..end]).unwrap_or_default();
            split(text, self.delimiter, width, &mut each).map_err(fault)?;
        }
        let byte = bytes.get(at).copied().unwrap_or_default();
        Err(Fault { line: 1 + count_lines(&bytes[..at]), row: None, what: What::NotUtf8 { byte, at } })
    }
}

/// One reading of the rows, as its threads share it. Each thread takes a block, parses it and joins what stands in
/// turn to the columns, so that none waits for another.
struct Pass<'a, R> {
    csv: &'a Csv<'a>,
    /// Bytes before the first row, and before this pass.
    first: u64,
    before: u64,
    /// The blocks not yet taken, how many were, and whether there are no more.
    feed: Mutex<(Feed<R>, usize, bool)>,
    /// What the columns of blocks yet to be parsed are read as.
    plan: Mutex<Vec<Plan>>,
    /// Parsed blocks, by number, until all before them are joined.
    waiting: Mutex<BTreeMap<usize, Piece>>,
    joined: Mutex<Joined>,
    failed: AtomicBool,
}

/// A block and what it holds.
type Piece = Result<(Block, Parsed), Stop>;

/// The columns so far.
struct Joined {
    columns: Vec<ColumnBuilder>,
    /// Blocks, rows, lines and bytes in them and before them.
    blocks: usize,
    rows: usize,
    lines: u64,
    offset: u64,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl<R: Read> Pass<'_, R> {
    fn work(&self) -> Result<()> {
        while !self.failed.load(Ordering::Relaxed) {
            self.csv.run.check()?;
            let Some((number, block)) = self.take() else { break };
            let plan = lock(&self.plan).clone();
            let parsed = block.and_then(|block| match self.csv.block(block.bytes(), &plan) {
                Ok(parsed) => Ok((block, parsed)),
                Err(fault) => Err(Stop::Fault(fault)),
            });
            lock(&self.waiting).insert(number, parsed);
            self.join()?;
            // Where one block takes much longer than the rest, they give it a while, so that memory stays small.
            for _ in 0..PATIENCE {
                if lock(&self.waiting).len() < BLOCKS_WAITING * self.csv.run.threads() {
                    break;
                }
                std::thread::sleep(Duration::from_millis(1));
                self.join()?;
            }
        }
        Ok(())
    }

    /// The next block and its number.
    fn take(&self) -> Option<(usize, Result<Block, Stop>)> {
        let (feed, taken, ended) = &mut *lock(&self.feed);
        if *ended {
            return None;
        }
        let block = feed.take(self.csv.options.block_bytes, self.csv.delimiter).transpose();
        *ended = !matches!(block, Some(Ok(_)));
        *taken += 1;
        block.map(|block| (*taken - 1, block))
    }

    /// Join the blocks whose turn it is, unless another thread is about it.
    fn join(&self) -> Result<()> {
        let Ok(mut joined) = self.joined.try_lock() else { return Ok(()) };
        loop {
            let Some(next) = lock(&self.waiting).remove(&joined.blocks) else { return Ok(()) };
            let added = next.and_then(|(block, parsed)| self.add(&mut joined, block.bytes(), parsed));
            if let Err(stop) = added {
                self.failed.store(true, Ordering::Relaxed);
                return Err(self.csv.stopped(stop, joined.lines, joined.offset, joined.rows));
            }
        }
    }

    fn add(&self, joined: &mut Joined, bytes: &[u8], mut parsed: Parsed) -> Result<(), Stop> {
        self.settle(&mut joined.columns, bytes, &mut parsed).map_err(Stop::Fault)?;
        joined.blocks += 1;
        joined.rows += parsed.rows;
        joined.lines += parsed.lines;
        joined.offset += bytes.len() as u64;
        let size = self.csv.size;
        // Some more than the rows so far let one expect, so that columns rarely move.
        let expected = joined.rows as f64 * (size.saturating_sub(self.first) as f64)
            / joined.offset.saturating_sub(self.first).max(1) as f64;
        for (column, part) in joined.columns.iter_mut().zip(parsed.columns) {
            column.append(part);
            if self.csv.keep {
                column.reserve((expected * 1.02) as usize);
            } else {
                column.forget();
            }
        }
        self.csv.run.progress(STAGE, (self.before + joined.offset) as usize, (self.before + size) as usize);
        Ok(())
    }

    /// A column whose pieces are not of one sort becomes text: this block's piece is read again at once; what went
    /// before, if it was of another sort, has to wait for a second pass.
    fn settle(&self, columns: &mut [ColumnBuilder], bytes: &[u8], parsed: &mut Parsed) -> Result<(), Fault> {
        let mut plan = lock(&self.plan);
        let mut again = vec![Plan::Skip; plan.len()];
        for (j, (column, part)) in columns.iter_mut().zip(&mut parsed.columns).enumerate() {
            if plan[j] == Plan::Infer && matches!(column.sort().join(part.sort()), Sort::Text | Sort::Lost) {
                if column.sort() == Sort::Gap {
                    plan[j] = Plan::Text;
                } else {
                    column.lose();
                    plan[j] = Plan::Skip;
                }
            }
            // The block may have been parsed by an older plan.
            match plan[j] {
                Plan::Text if !matches!(part.sort(), Sort::Gap | Sort::Text) => again[j] = Plan::Text,
                Plan::Skip => *part = ColumnBuilder::new(Plan::Skip),
                Plan::Text | Plan::Infer => {}
            }
        }
        drop(plan);
        if again.contains(&Plan::Text) {
            let new = self.csv.block(bytes, &again)?;
            for ((column, new), plan) in parsed.columns.iter_mut().zip(new.columns).zip(&again) {
                if *plan == Plan::Text {
                    *column = new;
                }
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::table::Values;
    use csv_core::{ReadRecordResult, Reader};
    use proptest::prelude::*;

    fn parse(csv: &[u8]) -> Result<Table> {
        Table::from_csv_bytes(csv, &CsvOptions::default(), &Run::new().n_threads(Some(2)))
    }

    fn types(t: &Table) -> Vec<&str> {
        t.columns().iter().map(|c| c.type_name()).collect()
    }

    /// Everything about a table, to the last bit.
    fn bits(t: &Table) -> String {
        t.columns()
            .iter()
            .map(|c| {
                let cells: Vec<String> = match c.values() {
                    Values::Float(v) => v.iter().map(|x| format!("{:x}", x.to_bits())).collect(),
                    Values::Int(v, m) | Values::Time(v, m) => v
                        .iter()
                        .enumerate()
                        .map(|(i, x)| format!("{x} {}", m.as_ref().is_some_and(|m| m.get(i))))
                        .collect(),
                    Values::Bool(v, m) => v
                        .iter()
                        .enumerate()
                        .map(|(i, x)| format!("{x} {}", m.as_ref().is_some_and(|m| m.get(i))))
                        .collect(),
                    Values::Codes(v, words) => v.iter().map(u32::to_string).chain(words.iter().cloned()).collect(),
                };
                format!("{} {} {cells:?}\n", c.name(), c.type_name())
            })
            .collect()
    }

    #[test]
    fn types_are_found_over_the_whole_file() {
        let csv = "\u{FEFF}a,b,c,d,e,f,g\r\n1,1.5,true,2024-01-01,x,,007\r\n2,NA,FALSE,,\"y, \"\"z\"\"\r\nw\",,008\r\n\r\n,inf,,2024-01-01T00:00:01Z,é,NULL,\n";
        let t = parse(csv.as_bytes()).unwrap();
        assert_eq!(t.names().collect::<Vec<_>>(), ["a", "b", "c", "d", "e", "f", "g"]);
        assert_eq!(types(&t), ["int", "float", "bool", "time", "string", "float", "string"]);
        assert_eq!(t.n_rows(), 3);
        assert_eq!(t.column("e").unwrap().get(1), Value::from("y, \"z\"\r\nw"));
        assert_eq!(t.column("d").unwrap().get(2), Value::Time(1_704_067_201_000_000));
        assert_eq!(t.column("b").unwrap().get(2), Value::Float(f64::INFINITY));
        assert_eq!(t.column("g").unwrap().get(0), Value::from("007"));
        assert_eq!(t.columns().iter().map(|c| c.n_missing()).collect::<Vec<_>>(), [1, 1, 1, 1, 0, 3, 1]);
    }

    #[test]
    fn options_steer_the_reading() {
        let options = CsvOptions::default().delimiter(';').missing(["?", "-999"]).text(["zip"]).trim(true);
        let t = Table::from_csv_bytes(b"zip; v ;w\n10115; 1,5 ;NA\n?;-999;\n", &options, &Run::new()).unwrap();
        assert_eq!(t.names().collect::<Vec<_>>(), ["zip", "v", "w"]);
        assert_eq!(t.column("zip").unwrap().get(0), Value::from("10115"));
        assert!(t.column("zip").unwrap().is_missing(1) && t.column("v").unwrap().is_missing(1));
        assert_eq!(t.column("v").unwrap().get(0), Value::from("1,5"));
        assert_eq!((t.column("w").unwrap().get(0), t.column("w").unwrap().get(1)), ("NA".into(), "".into()));
        let json = serde_json::to_string(&options).unwrap();
        assert_eq!(serde_json::from_str::<CsvOptions>(&json).unwrap(), options);
        assert!(serde_json::from_str::<CsvOptions>(r#"{"delimeter": ";"}"#).is_err());
        for bad in [
            CsvOptions::default().delimiter('"'),
            CsvOptions::default().delimiter('é'),
            CsvOptions::default().block_bytes(0),
        ] {
            assert_eq!(bad.check().unwrap_err().kind(), crate::ErrorKind::InvalidParam);
        }
        let e = Table::from_csv_bytes(b"a\n1\n", &CsvOptions::default().text(["b"]), &Run::new()).unwrap_err();
        assert_eq!(e.kind(), crate::ErrorKind::NotFound);
    }

    #[test]
    fn bad_files_are_refused_with_place_and_remedy() {
        for (csv, want) in [
            (&b""[..], "got an empty file"),
            (b"\n\r\n\n", "got an empty file"),
            (b"\xEF\xBB\xBF", "got an empty file"),
            (b"a,b\n", "got a header and no rows"),
            (b"a,b\n\n\n", "got a header and no rows"),
            (b"a,b\n1,2\n\n3\n", "line 4, row 1: got 1 field, expected 2 fields as in the header; quote a field"),
            (b"a,b\r\n1,2\r\n3,4,5\r\n", "line 3, row 1: got 3 fields"),
            (b"a,b\n\"x\ny\",2\n3,4,5", "line 4, row 1: got 3 fields"),
            (b"a,a\n1,2\n", "line 1, column `a`: got the same name for columns 1 and 2"),
            (b"\na,\n1,2\n", "line 2: got no name for column 2 of the header"),
            (b",a\n0,2\n", "index=False"),
            (b"a, \n1,2\n", "no name for column 2"),
            (
                b"a,b\n1,caf\xE9\n",
                "line 2: got byte 0xE9 at offset 9, which is not UTF-8, expected text in UTF-8; save the file again as UTF-8",
            ),
            (b"caf\xE9,b\n1,2\n", "line 1: got byte 0xE9 at offset 3"),
            (b"a,b\n1,2,3\n1,caf\xE9\n", "line 2, row 0: got 3 fields"),
            (b"\xFF\xFEa\0,\0b\0", "got text in UTF-16"),
            (b"a,b\n1,\"2\n3,4\n", "line 2: got a quote that is not closed"),
            (b"a,b\n1,2,3\n1,\"2\n3,4\n", "line 2, row 0: got 3 fields"),
            (b"a,\"b\n1,2\n", "line 1: got a quote that is not closed"),
            (b"a,b\n1,2\n1,\"2\"\"\n", "line 3: got a quote that is not closed"),
        ] {
            for block_bytes in [1, 4, 1 << 20] {
                let options = CsvOptions::default().block_bytes(block_bytes);
                let e = Table::from_csv_bytes(csv, &options, &Run::new()).unwrap_err();
                assert_eq!(e.kind(), crate::ErrorKind::InvalidData);
                assert!(e.to_string().contains(want), "{}: {e}", String::from_utf8_lossy(csv));
            }
        }
    }

    #[test]
    fn files_are_named_in_errors() {
        let dir = tempfile::tempdir().unwrap();
        for missing in [dir.path().join("nothing.csv"), dir.path().to_owned()] {
            let e = Table::read_csv(&missing).unwrap_err();
            assert_eq!(e.kind(), crate::ErrorKind::Io);
            assert!(e.to_string().contains(&missing.display().to_string()), "{e}");
        }
        let path = dir.path().join("ragged.csv");
        std::fs::write(&path, "a,b\n1\n").unwrap();
        let e = Table::read_csv(&path).unwrap_err();
        assert!(e.to_string().contains("ragged.csv`, line 2"), "{e}");
        std::fs::write(&path, "a,b\n1,x\n").unwrap();
        assert_eq!(types(&Table::read_csv(&path).unwrap()), ["int", "string"]);
    }

    #[test]
    fn a_record_too_long_is_an_open_quote() {
        let mut csv = b"a,b\n1,\"".to_vec();
        csv.resize(csv.len() + MAX_RECORD, b'x');
        csv.extend(b"\"\n2,3\n");
        let e = parse(&csv).unwrap_err();
        assert!(e.to_string().contains("line 2: got a record of more than 64 MiB"), "{e}");
    }

    #[test]
    fn text_that_began_as_numbers_is_read_again() {
        // Many waves of the smallest blocks, the contradiction in the last.
        let mut csv = String::from("id,big,flag,day,late,gap\n");
        for i in 0..500 {
            csv += &format!("{i},{i},true,2024-01-01,,\n");
        }
        csv += "n/k 7,18446744073709551616,maybe,soon,007,\n";
        let options = CsvOptions::default().block_bytes(16);
        let t = Table::from_csv_bytes(csv.as_bytes(), &options, &Run::new().n_threads(Some(2))).unwrap();
        assert_eq!(types(&t), ["string", "string", "string", "string", "string", "float"]);
        assert_eq!(t.column("id").unwrap().get(17), Value::from("17"));
        assert_eq!(t.column("big").unwrap().get(500), Value::from("18446744073709551616"));
        assert_eq!(t.column("late").unwrap().n_missing(), 500);
    }

    #[test]
    fn it_stops_when_cancelled_and_tells_its_progress() {
        let csv = "a\n".to_owned() + &"1\n".repeat(1000);
        let token = crate::CancelToken::new();
        let seen = std::sync::Arc::new(Mutex::new(Vec::new()));
        let run = {
            let (token, seen) = (token.clone(), seen.clone());
            Run::new().n_threads(Some(1)).cancel_token(token.clone()).observer(std::sync::Arc::new(
                move |e: &crate::Event| {
                    assert_eq!((e.stage, e.total), ("read_csv", 2002));
                    seen.lock().unwrap().push(e.done);
                    if e.done > 1000 {
                        token.cancel();
                    }
                },
            ))
        };
        let options = CsvOptions::default().block_bytes(16);
        let e = Table::from_csv_bytes(csv.as_bytes(), &options, &run).unwrap_err();
        assert_eq!(e.kind(), crate::ErrorKind::Cancelled);
        let seen = seen.lock().unwrap();
        assert!(seen.len() > 3 && seen.is_sorted() && seen.last() < Some(&1200), "{seen:?}");
    }

    #[test]
    fn real_files_have_the_known_shape() {
        let shared = std::env::var("ATTRITION_SHARED")
            .unwrap_or_else(|_| concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared").to_owned());
        for (file, rows, n_columns, missing) in [
            ("ibm_hr_attrition.csv", 1470, 35, 0),
            ("hr_comma_sep.csv", 14999, 10, 0),
            ("adult.csv", 32561, 15, 1836 + 1843 + 583),
        ] {
            let path = Path::new(&shared).join("data").join(file);
            if !path.exists() {
                assert!(std::env::var("ATTRITION_REQUIRE_SHARED").is_err(), "{} is not there", path.display());
                println!("skipped: {} is not there", path.display());
                return;
            }
            let t = Table::read_csv(&path).unwrap();
            assert_eq!((t.n_rows(), t.n_columns()), (rows, n_columns));
            assert_eq!(t.columns().iter().map(|c| c.n_missing()).sum::<usize>(), missing);
            // Written and read again it is the same table.
            let mut bytes = Vec::new();
            t.write_csv_to(&mut bytes).unwrap();
            assert_eq!(bits(&parse(&bytes).unwrap()), bits(&t));
        }
    }

    /// Files of pieces that matter to tokenizer, types and cuts.
    fn files() -> impl Strategy<Value = Vec<u8>> {
        let piece = proptest::sample::select(vec![
            &b","[..],
            b",",
            b",",
            b"\n",
            b"\n",
            b"\r\n",
            b"\r",
            b"\"",
            b"\"\"",
            b"1",
            b"2.5",
            b"-0",
            b"007",
            b"x",
            b" ",
            b"NA",
            b"true",
            b"2024-01-01",
            b"99999999999999999999",
            b"\xC3\xA9",
            b"\xE9",
            b"\xEF\xBB\xBF",
            b"\0",
            b"\"a\nb\"",
            b"\"q\",",
        ]);
        proptest::collection::vec(piece, 0..40).prop_map(|p| p.concat())
    }

    /// Tables as text: the same number of fields everywhere.
    fn tables() -> impl Strategy<Value = Vec<u8>> {
        let field = proptest::sample::select(vec![
            "1",
            "1",
            "2",
            "-0",
            "0.5",
            "",
            "",
            "NA",
            "true",
            "x",
            "\"y, \"\"z\"\"\"",
            "\"line\nbreak\"",
            "\"line\r\nbreak\"",
            "2024-01-01",
            "99999999999999999999",
            "007",
            "é",
            "5\" pipe",
            "\"a\"b",
        ]);
        (1usize..5, proptest::sample::select(vec!["\n", "\r\n", "\r"]), any::<bool>()).prop_flat_map(
            move |(n, end, last)| {
                // Few values a column, so that the types are not all strings.
                (
                    proptest::collection::vec(proptest::collection::vec(field.clone(), 2), n),
                    proptest::collection::vec(proptest::collection::vec(any::<bool>(), n), 1..20),
                )
                    .prop_map(move |(values, rows)| {
                        let mut csv = (0..n).map(|j| format!("c{j}")).collect::<Vec<_>>().join(",");
                        for row in rows {
                            csv += end;
                            csv +=
                                &row.iter().zip(&values).map(|(&b, v)| v[usize::from(b)]).collect::<Vec<_>>().join(",");
                        }
                        csv += if last { end } else { "" };
                        csv.into_bytes()
                    })
            },
        )
    }

    /// The same bytes, read with the tokenizer alone and typed column by column.
    fn oracle(csv: &[u8]) -> Vec<Vec<String>> {
        let mut reader = Reader::new();
        let (mut out, mut ends) = (vec![0; csv.len() + 1], vec![0; csv.len() + 2]);
        let mut records = Vec::new();
        let (mut at, mut n_out, mut n_ends) = (0, 0, 0);
        loop {
            let (result, read, written, ended) = reader.read_record(&csv[at..], &mut out[n_out..], &mut ends[n_ends..]);
            (at, n_out, n_ends) = (at + read, n_out + written, n_ends + ended);
            match result {
                ReadRecordResult::Record => {
                    let text = std::str::from_utf8(&out[..n_out]).unwrap();
                    let starts = std::iter::once(&0).chain(&ends);
                    records.push(starts.zip(&ends[..n_ends]).map(|(&a, &b)| text[a..b].to_owned()).collect());
                    (n_out, n_ends) = (0, 0);
                }
                ReadRecordResult::End => return records,
                _ => {}
            }
        }
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(csv in proptest::collection::vec(any::<u8>(), 0..200), block_bytes in 1usize..40) {
            let _ = Table::from_csv_bytes(&csv, &CsvOptions::default().block_bytes(block_bytes), &Run::new().n_threads(Some(1)));
        }

        /// Neither threads nor block size show, in tables or in errors.
        #[test]
        fn blocks_and_threads_change_nothing(csv in prop_oneof![files(), tables()], block_bytes in 1usize..40, threads in 1usize..4) {
            let show = |r: Result<Table>| r.map_or_else(|e| e.to_string(), |t| bits(&t));
            let whole = show(parse(&csv));
            let run = Run::new().n_threads(Some(threads));
            let cut = show(Table::from_csv_bytes(&csv, &CsvOptions::default().block_bytes(block_bytes), &run));
            prop_assert_eq!(whole, cut);
        }

        #[test]
        fn fields_are_what_the_tokenizer_says(csv in tables(), block_bytes in 1usize..40) {
            let options = CsvOptions::default().block_bytes(block_bytes);
            let records = oracle(&csv);
            if records.len() < 2 {
                return Ok(());
            }
            let text = options.text(records[0].clone()).missing(Vec::<String>::new());
            let t = Table::from_csv_bytes(&csv, &text, &Run::new().n_threads(Some(1))).unwrap();
            prop_assert_eq!(t.n_rows(), records.len() - 1);
            for (row, record) in records[1..].iter().enumerate() {
                for (column, field) in t.columns().iter().zip(record) {
                    prop_assert_eq!(column.get(row), Value::from(field.as_str()));
                }
            }
        }

        /// What is written is read back.
        #[test]
        fn tables_are_read_as_they_were_written(
            rows in proptest::collection::vec((any::<Option<i64>>(), any::<f64>(), any::<bool>(), "[a-z,\"\n]{1,6}z"), 1..20),
        ) {
            let strings = rows.iter().map(|r| Some(format!("s{}", r.3)));
            let ints = rows.iter().map(|r| r.0);
            let table = Table::new(vec![
                super::super::Column::new("i\"", Values::Int(
                    ints.clone().map(|i| i.unwrap_or(0)).collect::<Vec<_>>().into(),
                    super::super::Mask::from_missing(ints.clone().map(|i| i.is_none())),
                )).unwrap(),
                super::super::Column::float("f", rows.iter().map(|r| r.1).collect()),
                super::super::Column::bool("b", rows.iter().map(|r| r.2).collect()),
                super::super::Column::strings("s,", strings),
            ]).unwrap();
            let mut csv = Vec::new();
            table.write_csv_to(&mut csv).unwrap();
            let again = parse(&csv).unwrap();
            for (a, b) in table.columns().iter().zip(again.columns()) {
                prop_assert!(a.type_name() == b.type_name() || a.n_missing() == a.len(), "{}", a.name());
                for row in 0..a.len() {
                    prop_assert!(a.get(row) == b.get(row), "{} {row}", a.name());
                }
            }
        }
    }
}
