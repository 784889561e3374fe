//! A table read through a schema: each feature as packed slots, for any rows.

use std::collections::HashMap;
use std::ops::Range;

use super::record::Levels;
use super::{Field, FieldKind, Schema};
use crate::Result;
use crate::error::Problem;
use crate::table::time::MICROS_PER_DAY;
use crate::table::{Column, MISSING_CODE, Mask, Table, Values};

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

enum Source<'a> {
    Float(&'a [f64]),
    Int(&'a [i64], Option<&'a Mask>),
    Bool(&'a [bool], Option<&'a Mask>),
    Time(&'a [i64], Option<&'a Mask>),
    /// Codes of the table's vocabulary, each with its slot value.
    Codes(&'a [u32], Vec<f64>),
    /// Numbers that name a level.
    FloatLevels(&'a [f64], Levels),
    IntLevels(&'a [i64], Option<&'a Mask>, Levels),
    /// Truth values that name a level: slots of false and true.
    BoolLevels(&'a [bool], Option<&'a Mask>, [f64; 2]),
    AllMissing,
}

/// The features of a table, read by slot. Made by [`Schema::bind`].
pub struct Bound<'a> {
    names: Vec<String>,
    kinds: Vec<FieldKind>,
    sources: Vec<Source<'a>>,
    n_rows: usize,
}

impl std::fmt::Debug for Bound<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Bound({} rows, {} slots)", self.n_rows, self.sources.len())
    }
}

impl<'a> Bound<'a> {
    /// The table must have passed [`Schema::check`].
    pub(super) fn new(schema: &Schema, table: &'a Table) -> Bound<'a> {
        let mut bound = Bound { names: Vec::new(), kinds: Vec::new(), sources: Vec::new(), n_rows: table.n_rows() };
        for field in schema.features() {
            bound.names.push(field.name.clone());
            bound.kinds.push(field.kind);
            bound.sources.push(table.get(&field.name).map_or(Source::AllMissing, |c| source(field, c)));
        }
        bound
    }

    /// Rows of the table.
    pub fn n_rows(&self) -> usize {
        self.n_rows
    }
    /// Features.
    pub fn n_slots(&self) -> usize {
        self.sources.len()
    }
    /// The feature of a slot.
    pub fn name(&self, slot: usize) -> &str {
        &self.names[slot]
    }

    /// Slot `slot` of consecutive rows into `out`, one value a row.
    ///
    /// # Errors
    /// [`Error::SchemaMismatch`] for an infinite number, or a truth value that is neither 0 nor 1.
    pub fn fill(&self, slot: usize, rows: Range<usize>, out: &mut [f64]) -> Result<()> {
        if let Source::Float(v) = &self.sources[slot] {
            out.copy_from_slice(&v[rows.clone()]);
            return self.checked(slot, out, |i| rows.start + i);
        }
        let start = rows.start;
        self.gather(slot, rows, out);
        self.checked(slot, out, |i| start + i)
    }

    /// Slot `slot` of the given rows into `out`, one value a row.
    ///
    /// # Errors
    /// As [`Bound::fill`].
    pub fn fill_rows(&self, slot: usize, rows: &[usize], out: &mut [f64]) -> Result<()> {
        self.gather(slot, rows.iter().copied(), out);
        self.checked(slot, out, |i| rows[i])
    }

    fn gather(&self, slot: usize, rows: impl Iterator<Item = usize>, out: &mut [f64]) {
        fn missing(mask: Option<&Mask>, row: usize) -> bool {
            mask.is_some_and(|m| m.get(row))
        }
        let cells = out.iter_mut().zip(rows);
        match &self.sources[slot] {
            Source::Float(v) => cells.for_each(|(o, r)| *o = v[r]),
            Source::Int(v, m) => cells.for_each(|(o, r)| *o = if missing(*m, r) { f64::NAN } else { v[r] as f64 }),
            Source::Bool(v, m) => {
                cells.for_each(|(o, r)| *o = if missing(*m, r) { f64::NAN } else { f64::from(u8::from(v[r])) });
            }
            Source::Time(v, m) => {
                cells.for_each(|(o, r)| *o = if missing(*m, r) { f64::NAN } else { v[r] as f64 / MICROS_PER_DAY });
            }
            Source::Codes(codes, slots) => {
                cells.for_each(|(o, r)| *o = slots.get(codes[r] as usize).copied().unwrap_or(f64::NAN));
            }
            Source::FloatLevels(v, levels) => cells.for_each(|(o, r)| *o = levels.of_float(v[r])),
            Source::IntLevels(v, m, levels) => {
                cells.for_each(|(o, r)| *o = if missing(*m, r) { f64::NAN } else { levels.of_int(v[r]) });
            }
            Source::BoolLevels(v, m, slots) => {
                cells.for_each(|(o, r)| *o = if missing(*m, r) { f64::NAN } else { slots[usize::from(v[r])] });
            }
            Source::AllMissing => cells.for_each(|(o, _)| *o = f64::NAN),
        }
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

fn source<'a>(field: &Field, column: &'a Column) -> Source<'a> {
    if column.n_missing() == column.len() {
        return Source::AllMissing;
    }
    match (field.kind, column.values()) {
        (FieldKind::Category, Values::Codes(codes, vocabulary)) => {
            let index: HashMap<&str, usize> =
                field.vocabulary.iter().enumerate().map(|(i, l)| (l.as_str(), i)).collect();
            let slots = vocabulary.iter().map(|l| index.get(l.as_str()).map_or(-1.0, |&i| i as f64)).collect();
            Source::Codes(codes, slots)
        }
        (FieldKind::Category, Values::Float(v)) => Source::FloatLevels(v, Levels::new(&field.vocabulary)),
        (FieldKind::Category, Values::Int(v, m)) => Source::IntLevels(v, m.as_ref(), Levels::new(&field.vocabulary)),
        (FieldKind::Category, Values::Bool(v, m)) => {
            let levels = Levels::new(&field.vocabulary);
            Source::BoolLevels(v, m.as_ref(), [levels.of_text("false"), levels.of_text("true")])
        }
        (_, Values::Float(v)) => Source::Float(v),
        (_, Values::Int(v, m)) => Source::Int(v, m.as_ref()),
        (_, Values::Bool(v, m)) => Source::Bool(v, m.as_ref()),
        (_, Values::Time(v, m)) => Source::Time(v, m.as_ref()),
        // Kept out by `check`.
        (_, Values::Codes(..)) => Source::AllMissing,
    }
}

// The code of a missing string lies outside every vocabulary: `slots.get` answers `None`, NaN.
const _: () = assert!(MISSING_CODE == u32::MAX);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Error;
    use crate::schema::Role;

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
