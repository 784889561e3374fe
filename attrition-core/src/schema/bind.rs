//! A table read through a schema: each feature as packed slots, for any rows.

use std::collections::HashMap;
use std::ops::Range;

use super::record::Levels;
use super::{Field, FieldKind, Schema};
use crate::Result;
use crate::error::Problem;
use crate::table::time::MICROS_PER_DAY;
use crate::table::{Column, Columns, MISSING_CODE, Mask, Spool, Values};

/// What keeps a column from serving as the field, if anything does.
pub(super) fn problem(field: &Field, column: Option<&Column>) -> Option<Problem> {
    let problem = |got: String, expected: String, hint: &str| {
        Some(Problem { column: field.name.clone(), row: None, got, expected, hint: hint.to_owned() })
    };
    let Some(column) = column else {
        return problem(
            "no such column".into(),
            format!("a column of kind {}", field.kind.name()),
            "add the column; where its values are unknown, leave them missing",
        );
    };
    let fits = match (field.kind, column.values()) {
        // A column without any value says nothing about its kind.
        _ if column.n_missing() == column.len() => true,
        (FieldKind::Number | FieldKind::Bool, Values::Float(_) | Values::Int(..) | Values::Bool(..))
        | (FieldKind::Category, Values::Codes(..) | Values::Float(_) | Values::Int(..) | Values::Bool(..))
        | (FieldKind::Time, Values::Time(..)) => true,
        (FieldKind::Number | FieldKind::Bool, Values::Codes(..) | Values::Time(..))
        | (FieldKind::Category, Values::Time(..))
        | (FieldKind::Time, Values::Float(_) | Values::Int(..) | Values::Bool(..) | Values::Codes(..)) => false,
    };
    if fits {
        return None;
    }
    let hint = match column.values() {
        Values::Codes(..) => "look for a text among the values, or convert the column",
        _ => "convert the column",
    };
    problem(format!("a {} column", column.type_name()), format!("kind {}", field.kind.name()), hint)
}

/// Where a feature's values are.
enum Cells<'a> {
    /// In memory.
    Column(&'a Values),
    /// In this column on disk.
    Spool(&'a Spool, usize),
    /// Nowhere: every row is missing.
    None,
}

/// How a value becomes a slot's.
enum Reading {
    /// As a number.
    Number,
    /// Codes of the table's vocabulary, each with its slot value.
    Codes(Vec<f64>),
    /// Numbers that name a level.
    Levels(Levels),
    /// Truth values that name a level: slots of false and true.
    BoolLevels([f64; 2]),
}

/// The features of a table, read by slot. Made by [`Schema::bind`].
pub struct Bound<'a> {
    names: Vec<String>,
    kinds: Vec<FieldKind>,
    slots: Vec<(Cells<'a>, Reading)>,
    n_rows: usize,
}

impl std::fmt::Debug for Bound<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Bound({} rows, {} slots)", self.n_rows, self.slots.len())
    }
}

impl<'a> Bound<'a> {
    /// The table must have passed [`Schema::check`].
    pub(super) fn new(schema: &Schema, columns: Columns<'a>) -> Bound<'a> {
        let mut bound = Bound { names: Vec::new(), kinds: Vec::new(), slots: Vec::new(), n_rows: columns.n_rows() };
        for field in schema.features() {
            bound.names.push(field.name.clone());
            bound.kinds.push(field.kind);
            let outline = columns.outline(&field.name).filter(|c| c.n_missing() < c.len());
            bound.slots.push(match (outline, columns) {
                (None, _) => (Cells::None, Reading::Number),
                (Some(column), Columns::Table(_)) => (Cells::Column(column.values()), reading(field, column)),
                (Some(column), Columns::Spool(spool)) => {
                    let cells = spool.place(&field.name).map_or(Cells::None, |place| Cells::Spool(spool, place));
                    (cells, reading(field, column))
                }
            });
        }
        bound
    }

    /// Rows of the table.
    pub fn n_rows(&self) -> usize {
        self.n_rows
    }
    /// Features.
    pub fn n_slots(&self) -> usize {
        self.slots.len()
    }
    /// The feature of a slot.
    pub fn name(&self, slot: usize) -> &str {
        &self.names[slot]
    }

    /// Slot `slot` of consecutive rows into `out`, one value a row.
    ///
    /// # Errors
    /// [`Error::SchemaMismatch`](crate::Error::SchemaMismatch) for an infinite number, or a truth value that is neither 0 nor 1;
    /// [`Error::Io`](crate::Error::Io) for a table on disk that cannot be read.
    pub fn fill(&self, slot: usize, rows: Range<usize>, out: &mut [f64]) -> Result<()> {
        let start = rows.start;
        match &self.slots[slot] {
            (Cells::Column(Values::Float(v)), Reading::Number) => out.copy_from_slice(&v[rows]),
            (Cells::Column(values), reading) => gather(values, reading, rows, out),
            (Cells::Spool(spool, column), reading) => {
                let n = rows.len();
                gather(&spool.values(*column, rows)?, reading, 0..n, out);
            }
            (Cells::None, _) => out.fill(f64::NAN),
        }
        self.checked(slot, out, |i| start + i)
    }

    /// Slot `slot` of the given rows into `out`, one value a row. Of a table on disk, rows that ascend are read fastest.
    ///
    /// # Errors
    /// As [`Bound::fill`].
    pub fn fill_rows(&self, slot: usize, rows: &[usize], out: &mut [f64]) -> Result<()> {
        match &self.slots[slot] {
            (Cells::Column(values), reading) => gather(values, reading, rows.iter().copied(), out),
            (Cells::Spool(spool, column), reading) => {
                let (mut rows, mut out) = (rows, &mut out[..]);
                while !rows.is_empty() && !out.is_empty() {
                    let (n, range) = Spool::window(rows);
                    let (these, those) = rows.split_at(n);
                    let (piece, rest) = out.split_at_mut(n.min(out.len()));
                    let first = range.start;
                    gather(&spool.values(*column, range)?, reading, these.iter().map(|r| r - first), piece);
                    (rows, out) = (those, rest);
                }
            }
            (Cells::None, _) => out.fill(f64::NAN),
        }
        self.checked(slot, out, |i| rows[i])
    }

    fn checked(&self, slot: usize, out: &[f64], row: impl Fn(usize) -> usize) -> Result<()> {
        let bad = |x: &f64| match self.kinds[slot] {
            FieldKind::Bool => *x != 0.0 && *x != 1.0 && !x.is_nan(),
            _ => x.is_infinite(),
        };
        // A whole pass without a branch a cell; the place is looked for only when there is one.
        if !out.iter().fold(false, |any, x| any | bad(x)) {
            return Ok(());
        }
        let i = out.iter().position(bad).unwrap_or(0);
        Err(super::record::bad_value(&self.names[slot], self.kinds[slot], Some(row(i)), out[i]))
    }
}

/// The given rows of values into `out`. Kinds that do not meet are kept out by `check`.
fn gather(values: &Values, reading: &Reading, rows: impl Iterator<Item = usize>, out: &mut [f64]) {
    fn missing(mask: &Option<Mask>, row: usize) -> bool {
        mask.as_ref().is_some_and(|m| m.get(row))
    }
    fn each(out: &mut [f64], rows: impl Iterator<Item = usize>, value: impl Fn(usize) -> f64) {
        out.iter_mut().zip(rows).for_each(|(o, r)| *o = value(r));
    }
    match (reading, values) {
        (Reading::Number, Values::Float(v)) => {
            let v: &[f64] = v;
            each(out, rows, |r| v[r]);
        }
        (Reading::Number, Values::Int(v, m)) => {
            let v: &[i64] = v;
            each(out, rows, |r| if missing(m, r) { f64::NAN } else { v[r] as f64 });
        }
        (Reading::Number, Values::Bool(v, m)) => {
            each(out, rows, |r| if missing(m, r) { f64::NAN } else { f64::from(u8::from(v[r])) });
        }
        (Reading::Number, Values::Time(v, m)) => {
            each(out, rows, |r| if missing(m, r) { f64::NAN } else { v[r] as f64 / MICROS_PER_DAY });
        }
        (Reading::Codes(slots), Values::Codes(codes, _)) => {
            let codes: &[u32] = codes;
            each(out, rows, |r| slots.get(codes[r] as usize).copied().unwrap_or(f64::NAN));
        }
        (Reading::Levels(levels), Values::Float(v)) => each(out, rows, |r| levels.of_float(v[r])),
        (Reading::Levels(levels), Values::Int(v, m)) => {
            each(out, rows, |r| if missing(m, r) { f64::NAN } else { levels.of_int(v[r]) });
        }
        (Reading::BoolLevels(slots), Values::Bool(v, m)) => {
            each(out, rows, |r| if missing(m, r) { f64::NAN } else { slots[usize::from(v[r])] });
        }
        _ => out.fill(f64::NAN),
    }
}

fn reading(field: &Field, column: &Column) -> Reading {
    match (field.kind, column.values()) {
        (FieldKind::Category, Values::Codes(_, vocabulary)) => {
            let index: HashMap<&str, usize> =
                field.vocabulary.iter().enumerate().map(|(i, l)| (l.as_str(), i)).collect();
            Reading::Codes(vocabulary.iter().map(|l| index.get(l.as_str()).map_or(-1.0, |&i| i as f64)).collect())
        }
        (FieldKind::Category, Values::Float(_) | Values::Int(..)) => Reading::Levels(Levels::new(&field.vocabulary)),
        (FieldKind::Category, Values::Bool(..)) => {
            let levels = Levels::new(&field.vocabulary);
            Reading::BoolLevels([levels.of_text("false"), levels.of_text("true")])
        }
        _ => Reading::Number,
    }
}

// The code of a missing string lies outside every vocabulary: `slots.get` answers `None`, NaN.
const _: () = assert!(MISSING_CODE == u32::MAX);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Error;
    use crate::schema::Role;
    use crate::table::Table;

    #[test]
    fn slots_do_not_depend_on_the_storage() {
        let train = Table::new(vec![
            Column::int("n", vec![1, 2, 3]),
            Column::int("level", vec![1, 2, 2]),
            Column::bool("flag", vec![true, false, true]),
            Column::strings("site", [Some("b"), Some("a"), None]),
        ])
        .unwrap();
        let mut schema = Schema::infer(&train).unwrap().kind("level", FieldKind::Category).unwrap();
        for name in ["n", "level", "flag", "site"] {
            schema = schema.role(name, Role::Feature).unwrap();
        }
        schema.learn(&train, &[0, 1, 2]).unwrap();
        let other = Table::new(vec![
            Column::strings("site", [Some("z"), None, Some("b")]),
            Column::float("level", vec![2.0, f64::NAN, 7.0]),
            Column::float("n", vec![1.0, f64::NAN, 3.0]),
            Column::int("flag", vec![1, 0, 1]),
            Column::int("extra", vec![0, 0, 0]),
        ])
        .unwrap();
        let bound = schema.bind(&other).unwrap();
        let read = |slot| {
            let mut out = [0.0; 3];
            bound.fill(slot, 0..3, &mut out).unwrap();
            let mut again = [0.0; 3];
            bound.fill_rows(slot, &[0, 1, 2], &mut again).unwrap();
            assert_eq!(out.map(f64::to_bits), again.map(f64::to_bits));
            out
        };
        let same = |a: [f64; 3], b: [f64; 3]| {
            assert!(a.iter().zip(b).all(|(x, y)| *x == y || (x.is_nan() && y.is_nan())), "{a:?} {b:?}")
        };
        same(read(0), [1.0, f64::NAN, 3.0]);
        same(read(1), [1.0, f64::NAN, -1.0]);
        same(read(2), [1.0, 0.0, 1.0]);
        same(read(3), [-1.0, f64::NAN, 1.0]);
    }

    #[test]
    fn all_problems_come_at_once_and_bad_cells_name_row_and_column() {
        let train = Table::new(vec![
            Column::int("a", vec![1, 2]),
            Column::int("b", vec![1, 2]),
            Column::strings("c", [Some("x"), Some("y")]),
            Column::bool("d", vec![true, false]),
        ])
        .unwrap();
        let schema = Schema::infer(&train).unwrap();
        let bad = Table::new(vec![
            Column::strings("b", [Some("x"), Some("y")]),
            Column::int("c", vec![1, 2]),
            Column::int("d", vec![1, 2]),
        ])
        .unwrap();
        let Err(Error::SchemaMismatch { problems }) = schema.bind(&bad).map(|_| ()) else { panic!("must not fit") };
        assert_eq!(problems.iter().map(|p| p.column.as_str()).collect::<Vec<_>>(), ["a", "b"]);
        let fits = Table::new(vec![
            Column::float("a", vec![1.0, f64::INFINITY]),
            Column::int("b", vec![1, 2]),
            Column::strings("c", [Some("x"), Some("y")]),
            Column::int("d", vec![1, 2]),
        ])
        .unwrap();
        let bound = schema.bind(&fits).unwrap();
        let mut out = [0.0; 2];
        let e = bound.fill(0, 0..2, &mut out).unwrap_err().to_string();
        assert!(e.contains("column `a`, row 1") && e.contains("inf"), "{e}");
        let e = bound.fill(3, 0..2, &mut out).unwrap_err().to_string();
        assert!(e.contains("column `d`, row 1") && e.contains("0 or 1"), "{e}");
    }
}
