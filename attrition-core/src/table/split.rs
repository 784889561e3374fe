//! CSV text to fields.
//!
//! Lines without a quote are split here, by looking for delimiters and line ends in 64 bytes at once, and so are, field
//! by field, records whose quoted fields hold no quote. csv-core reads the others, and is what the splitting is tested
//! against.

use std::ops::Range;

use csv_core::{ReadRecordResult, Reader, ReaderBuilder};
use memchr::{memchr, memchr3, memrchr2};

pub(super) const QUOTE: u8 = b'"';
/// Records given at once: their bytes stay in the nearest caches while column after column is taken from them.
const RECORDS: usize = 64;

/// Some records of as many fields each, unquoted.
pub(super) struct Records<'a> {
    text: &'a str,
    /// Where each field begins and ends, record after record.
    spans: &'a [(u32, u32)],
    pub(super) width: usize,
}

impl<'a> Records<'a> {
    /// The fields of a column.
    pub(super) fn column(&self, j: usize) -> impl Iterator<Item = &'a str> {
        let text = self.text;
        let spans = self.spans.iter().skip(j).step_by(self.width.max(1));
        spans.map(move |&(start, end)| text.get(start as usize..end as usize).unwrap_or_default())
    }
}

/// A record of another number of fields than those before.
#[derive(Debug, PartialEq)]
pub(super) struct Ragged {
    pub(super) fields: usize,
    /// Where it begins.
    pub(super) at: usize,
    /// Records before it.
    pub(super) row: usize,
}

/// Give all records, some at a time, to `each`; the number of records. Each record must have `width` fields, or as
/// many as the first where that is not given. The text is whole records of less than 4 GiB.
pub(super) fn split(
    text: &str,
    delimiter: u8,
    width: Option<usize>,
    each: impl FnMut(&Records<'_>),
) -> Result<usize, Ragged> {
    let bytes = text.as_bytes();
    let mut split = Split { text, delimiter, width, spans: Vec::new(), first: 0, start: 0, rows: 0, each };
    let mut quoted = None;
    let mut at = 0;
    while at < bytes.len() {
        let quote = memchr(QUOTE, &bytes[at..]).map(|k| at + k);
        let record = match quote {
            None => bytes.len(),
            Some(quote) => memrchr2(b'\n', b'\r', &bytes[at..quote]).map_or(at, |k| at + k + 1),
        };
        split.lines(at..record)?;
        at = record;
        if quote.is_some() {
            split.start = at;
            if let Some(end) = split.quoted_line(at) {
                split.end_record()?;
                at = end;
                continue;
            }
            split.spans.truncate(split.first);
            split.give(text);
            let quoted = quoted.get_or_insert_with(|| Quoted::new(delimiter));
            at += quoted.read(&bytes[at..], &mut split.spans);
            split.end_record()?;
            // What unquoting leaves of UTF-8 is UTF-8.
            split.give(std::str::from_utf8(&quoted.out[..quoted.len]).unwrap_or_default());
        }
    }
    split.give(text);
    Ok(split.rows)
}

struct Split<'a, F> {
    text: &'a str,
    delimiter: u8,
    width: Option<usize>,
    spans: Vec<(u32, u32)>,
    /// The first span of the record that is read.
    first: usize,
    /// Where that record begins.
    start: usize,
    rows: usize,
    each: F,
}

impl<F: FnMut(&Records<'_>)> Split<'_, F> {
    /// Lines without a quote; the last one may lack its end.
    fn lines(&mut self, range: Range<usize>) -> Result<(), Ragged> {
        let bytes = &self.text.as_bytes()[range.clone()];
        let (chunks, rest) = bytes.as_chunks::<64>();
        let mut field = range.start;
        self.start = range.start;
        for (k, chunk) in chunks.iter().enumerate() {
            field = self.marks(marks(chunk, self.delimiter), range.start + 64 * k, field)?;
        }
        let mut chunk = [b' '; 64];
        chunk.iter_mut().zip(rest).for_each(|(c, &byte)| *c = byte);
        // A blank delimiter would be found past the end too.
        let there = (1u64 << rest.len()) - 1;
        field = self.marks(marks(&chunk, self.delimiter) & there, range.end - rest.len(), field)?;
        if field < range.end || self.spans.len() > self.first {
            self.spans.push((field as u32, range.end as u32));
            self.end_record()?;
        }
        Ok(())
    }

    /// The fields that end at the marks of the 64 bytes at `base`; where the next one begins.
    fn marks(&mut self, mut marks: u64, base: usize, mut field: usize) -> Result<usize, Ragged> {
        let bytes = self.text.as_bytes();
        while marks != 0 {
            let at = base + marks.trailing_zeros() as usize;
            marks &= marks - 1;
            let line_ends = bytes.get(at).is_some_and(|&b| b != self.delimiter);
            // A line without a byte is no record.
            if !(line_ends && at == self.start) {
                self.spans.push((field as u32, at as u32));
            }
            field = at + 1;
            if line_ends {
                if at > self.start {
                    self.end_record()?;
                }
                self.start = field;
            }
        }
        Ok(field)
    }

    /// The fields of a record whose quoted ones hold no quote, so that all stand in the text as they are, and the
    /// record's end; none, with some spans to be dropped, for another record.
    fn quoted_line(&mut self, start: usize) -> Option<usize> {
        let bytes = self.text.as_bytes();
        let mut at = start;
        loop {
            let (field, end, next) = if bytes.get(at) == Some(&QUOTE) {
                let close = at + 1 + memchr(QUOTE, &bytes[at + 1..])?;
                (at + 1, close, close + 1)
            } else {
                let rest = bytes.get(at..).unwrap_or_default();
                let end = memchr3(self.delimiter, b'\n', b'\r', rest).map_or(bytes.len(), |k| at + k);
                (at, end, end)
            };
            self.spans.push((field as u32, end as u32));
            at = match bytes.get(next) {
                Some(&byte) if byte == self.delimiter => next + 1,
                None => return Some(next),
                Some(b'\r') if bytes.get(next + 1) == Some(&b'\n') => return Some(next + 2),
                Some(b'\n' | b'\r') => return Some(next + 1),
                Some(_) => return None,
            };
        }
    }

    fn end_record(&mut self) -> Result<(), Ragged> {
        let fields = self.spans.len() - self.first;
        if *self.width.get_or_insert(fields) != fields {
            return Err(Ragged { fields, at: self.start, row: self.rows });
        }
        self.rows += 1;
        self.first = self.spans.len();
        if self.first >= RECORDS * fields {
            self.give(self.text);
        }
        Ok(())
    }

    /// Hand on the records read so far, which are spans of the text.
    fn give(&mut self, text: &str) {
        if !self.spans.is_empty() {
            (self.each)(&Records { text, spans: &self.spans, width: self.width.unwrap_or_default() });
            self.spans.clear();
            self.first = 0;
        }
    }
}

/// One bit a byte: whether it is the delimiter or ends a line.
fn marks(chunk: &[u8; 64], delimiter: u8) -> u64 {
    let mut hits = [0u8; 64];
    for (hit, &byte) in hits.iter_mut().zip(chunk) {
        *hit = u8::from(byte == delimiter) | u8::from(byte == b'\n') | u8::from(byte == b'\r');
    }
    // Eight bytes of 0 or 1 become eight bits: the product has byte i's bit at 56 + i.
    let (words, _) = hits.as_chunks::<8>();
    words
        .iter()
        .rev()
        .fold(0, |bits, &word| bits << 8 | u64::from_le_bytes(word).wrapping_mul(0x0102_0408_1020_4080) >> 56)
}

/// Reads records of any quoting.
struct Quoted {
    reader: Reader,
    out: Vec<u8>,
    /// Bytes of `out` that are the record read last.
    len: usize,
    ends: Vec<usize>,
}

impl Quoted {
    /// A tokenizer at a record's start. (csv-core 0.1.13: a clone of one has lost its tables.)
    fn new(delimiter: u8) -> Quoted {
        let mut reader = ReaderBuilder::new().delimiter(delimiter).build();
        // Only the file may begin with a byte order mark; having read a blank line, it looks for none.
        let _ = reader.read_record(b"\n", &mut [0], &mut [0]);
        Quoted { reader, out: vec![0; 1 << 10], len: 0, ends: vec![0; 64] }
    }

    /// Read the record at the bytes' start into `out`, its fields' places in there after `spans`. The bytes it takes.
    fn read(&mut self, bytes: &[u8], spans: &mut Vec<(u32, u32)>) -> usize {
        let (mut at, mut n_out, mut n_ends) = (0, 0, 0);
        loop {
            let (result, read, written, ended) =
                self.reader.read_record(&bytes[at..], &mut self.out[n_out..], &mut self.ends[n_ends..]);
            at += read;
            n_out += written;
            n_ends += ended;
            match result {
                // The next call, with nothing left, gives the last record.
                ReadRecordResult::InputEmpty => {}
                ReadRecordResult::OutputFull => self.out.resize(self.out.len() * 2, 0),
                ReadRecordResult::OutputEndsFull => self.ends.resize(self.ends.len() * 2, 0),
                ReadRecordResult::End | ReadRecordResult::Record => break,
            }
        }
        self.len = n_out;
        let mut start = 0;
        for &end in &self.ends[..n_ends] {
            spans.push((start as u32, end as u32));
            start = end;
        }
        at.max(1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// What csv-core alone makes of it, up to the first record of another width.
    fn oracle(text: &str, delimiter: u8) -> (Vec<Vec<String>>, Option<Ragged>) {
        let mut reader = ReaderBuilder::new().delimiter(delimiter).build();
        let _ = reader.read_record(b"\n", &mut [0], &mut [0]);
        let (mut out, mut ends) = (vec![0; text.len() + 1], vec![0; text.len() + 2]);
        let mut records: Vec<Vec<String>> = Vec::new();
        let mut at = 0;
        loop {
            at += text[at..].bytes().take_while(|b| matches!(b, b'\r' | b'\n')).count();
            let start = at;
            let (mut n_out, mut n_ends) = (0, 0);
            loop {
                let (result, read, written, ended) =
                    reader.read_record(&text.as_bytes()[at..], &mut out[n_out..], &mut ends[n_ends..]);
                (at, n_out, n_ends) = (at + read, n_out + written, n_ends + ended);
                match result {
                    ReadRecordResult::End => return (records, None),
                    ReadRecordResult::Record => break,
                    _ => {}
                }
            }
            let starts = std::iter::once(&0).chain(&ends);
            let field = |(&a, &b): (&usize, &usize)| String::from_utf8(out[a..b].to_vec()).unwrap();
            let record: Vec<String> = starts.zip(&ends[..n_ends]).map(field).collect();
            if records.first().is_some_and(|first| first.len() != record.len()) {
                let ragged = Ragged { fields: record.len(), at: start, row: records.len() };
                return (records, Some(ragged));
            }
            records.push(record);
        }
    }

    fn check(text: &str, delimiter: u8) -> Result<(), TestCaseError> {
        let mut records = Vec::new();
        let result = split(text, delimiter, None, |some| {
            let n = some.spans.len() / some.width;
            let columns: Vec<Vec<&str>> = (0..some.width).map(|j| some.column(j).collect()).collect();
            records.extend((0..n).map(|i| columns.iter().map(|c| c[i].to_owned()).collect::<Vec<_>>()));
        });
        let (want, ragged) = oracle(text, delimiter);
        prop_assert!(want.starts_with(&records), "{:?}: {:?}, not {:?}", text, records, want);
        match ragged {
            Some(ragged) => prop_assert_eq!(result, Err(ragged), "{:?}", text),
            None => {
                prop_assert_eq!(result, Ok(want.len()), "{:?}", text);
                prop_assert_eq!(records.len(), want.len());
            }
        }
        Ok(())
    }

    #[test]
    fn the_least_texts_are_split_as_csv_core_splits_them() {
        // All texts of up to six of these bytes.
        let bytes = [b',', b'\n', b'\r', b'"', b'x'];
        for length in 0..=6u32 {
            for mut n in 0..bytes.len().pow(length) {
                let mut text = String::new();
                for _ in 0..length {
                    text.push(bytes[n % bytes.len()] as char);
                    n /= bytes.len();
                }
                check(&text, b',').unwrap();
            }
        }
    }

    #[test]
    fn a_mark_stands_for_its_byte() {
        for at in 0..64 {
            for byte in 0..=255u8 {
                let mut chunk = [b'x'; 64];
                chunk[at] = byte;
                let want = if matches!(byte, b';' | b'\n' | b'\r') { 1 << at } else { 0 };
                assert_eq!(marks(&chunk, b';'), want, "{byte} at {at}");
            }
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(1000))]

        /// Of one width mostly, and longer than the pieces that are looked at.
        #[test]
        fn long_texts_are_split_as_csv_core_splits_them(
            width in 1usize..5,
            fields in proptest::collection::vec((0usize..12, 0usize..3), 0..600),
            quotes in any::<bool>(),
            delimiter in proptest::sample::select(vec![b',', b' ', b'\t', b'\0']),
        ) {
            let mut text = String::new();
            for (i, &(field, end)) in fields.iter().enumerate() {
                let words = if quotes {
                    ["", "1", "0.30000000000000004", "é", "\"a,b\"", "\"q \"\" q\"", "\"two\nlines\"", "\"\"", "x\"y", "\"a\"b", "\0", "a b"]
                } else {
                    ["", "1", "0.30000000000000004", "é", "Research & Development", "-7", "NA", "\u{FEFF}", "xy", "ab", "\0", "a b"]
                };
                text.push_str(words[field]);
                if (i + 1) % width == 0 {
                    text.push_str(["\n", "\r\n", "\r"][end]);
                } else {
                    text.push(delimiter as char);
                }
            }
            check(&text, delimiter)?;
        }
    }
}
