//! Text fields to typed columns: what one field says, and a column that grows field by field.
//!
//! A column's type is the first of bool, int, float, time, string that *every* field of it (missing ones aside)
//! can be read as. [`ColumnBuilder`] finds it as it goes: it keeps values of the type seen so far and moves int to
//! float when it must. What it cannot undo, a number whose text is needed after all, it reports by
//! [`ColumnBuilder::needs_text`]; the caller then reads that column again as text.

use std::sync::Arc;

use super::intern::Interner;
use super::number::{Whole, float_of, whole_of};
use super::{Column, MISSING_CODE, Mask, ValueRef, Values, time};

/// Which fields are missing values.
#[derive(Debug, Clone)]
pub(crate) struct Missing {
    tokens: Vec<String>,
    empty: bool,
    /// By first byte: one bit per length there is (63: longer), so that nearly every field is passed at a glance.
    lengths: [u64; 256],
}

impl Missing {
    pub(crate) fn new(tokens: &[String]) -> Missing {
        let mut lengths = [0u64; 256];
        for t in tokens {
            if let Some(&first) = t.as_bytes().first() {
                lengths[usize::from(first)] |= 1 << t.len().min(63);
            }
        }
        Missing { tokens: tokens.to_vec(), empty: tokens.iter().any(String::is_empty), lengths }
    }

    fn has(&self, field: &str) -> bool {
        match field.as_bytes().first() {
            None => self.empty,
            Some(&first) => {
                self.lengths[usize::from(first)] >> field.len().min(63) & 1 == 1
                    && self.tokens.iter().any(|t| t == field)
            }
        }
    }
}

/// Without blanks around it; nearly no field has any.
fn trim_blanks(raw: &str) -> &str {
    match raw.as_bytes() {
        [b' ' | b'\t', ..] | [.., b' ' | b'\t'] => raw.trim_matches([' ', '\t']),
        _ => raw,
    }
}

fn bool_of(field: &str) -> Option<bool> {
    match field {
        "true" | "True" | "TRUE" => Some(true),
        "false" | "False" | "FALSE" => Some(false),
        _ => None,
    }
}

#[derive(Debug)]
enum Cells {
    /// Only missing fields so far.
    Gap,
    Bool(Vec<bool>),
    Int(Vec<i64>),
    Float(Vec<f64>),
    Time(Vec<i64>),
    Text(Vec<u32>, Interner),
    /// The text is needed and gone.
    Lost,
    /// Not asked for.
    Skipped,
}

/// What a column is to be read as.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Plan {
    /// Whatever every field can be read as.
    Infer,
    /// Text.
    Text,
    /// Nothing.
    Skip,
}

/// The sort of values that a builder holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Sort {
    Gap,
    Bool,
    Number,
    Time,
    Text,
    Lost,
}

/// The type of a column that is known before its values are.
#[cfg(feature = "sql")]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Bool,
    Int,
    Float,
    Time,
    Text,
}

impl Sort {
    /// The sort of a column's values.
    pub(crate) fn of(column: &Column) -> Sort {
        match column.values() {
            _ if column.n_missing() == column.len() => Sort::Gap,
            Values::Bool(..) => Sort::Bool,
            Values::Int(..) | Values::Float(_) => Sort::Number,
            Values::Time(..) => Sort::Time,
            Values::Codes(..) => Sort::Text,
        }
    }

    /// The sort that holds both.
    pub(crate) fn join(self, other: Sort) -> Sort {
        match (self, other) {
            (Sort::Gap, s) | (s, Sort::Gap) => s,
            (a, b) if a == b => a,
            _ => Sort::Lost,
        }
    }
}

/// A column that grows.
#[derive(Debug)]
pub(crate) struct ColumnBuilder {
    rows: usize,
    cells: Cells,
    /// The missing rows of bool, int and time; it may end before the last row.
    gaps: Mask,
    /// A number that is not of the form of a whole one was seen.
    fraction: bool,
    /// A whole number beyond `i64` was seen.
    beyond: bool,
}

impl ColumnBuilder {
    pub(crate) fn new(plan: Plan) -> ColumnBuilder {
        let cells = match plan {
            Plan::Infer => Cells::Gap,
            Plan::Text => Cells::Text(Vec::new(), Interner::new()),
            Plan::Skip => Cells::Skipped,
        };
        ColumnBuilder { rows: 0, cells, gaps: Mask::new(0), fraction: false, beyond: false }
    }

    /// An empty column of a known type.
    #[cfg(feature = "sql")]
    pub(crate) fn of(kind: Kind) -> ColumnBuilder {
        let cells = match kind {
            Kind::Bool => Cells::Bool(Vec::new()),
            Kind::Int => Cells::Int(Vec::new()),
            Kind::Float => Cells::Float(Vec::new()),
            Kind::Time => Cells::Time(Vec::new()),
            Kind::Text => Cells::Text(Vec::new(), Interner::new()),
        };
        ColumnBuilder { cells, ..ColumnBuilder::new(Plan::Infer) }
    }

    pub(crate) fn sort(&self) -> Sort {
        match &self.cells {
            Cells::Gap | Cells::Skipped => Sort::Gap,
            Cells::Bool(_) => Sort::Bool,
            Cells::Int(_) | Cells::Float(_) => Sort::Number,
            Cells::Time(_) => Sort::Time,
            Cells::Text(..) => Sort::Text,
            Cells::Lost => Sort::Lost,
        }
    }

    /// Whether the column must be read again as text: its fields are not of one type, or are whole numbers of which
    /// some would be rounded.
    pub(crate) fn needs_text(&self) -> bool {
        match self.cells {
            Cells::Lost => true,
            Cells::Float(_) => self.beyond && !self.fraction,
            _ => false,
        }
    }

    /// Give up the values.
    pub(crate) fn lose(&mut self) {
        self.cells = Cells::Lost;
    }

    /// Drop the rows, keep the type.
    pub(crate) fn forget(&mut self) {
        match &mut self.cells {
            Cells::Bool(v) => v.clear(),
            Cells::Int(v) | Cells::Time(v) => v.clear(),
            Cells::Float(v) => v.clear(),
            Cells::Text(v, words) => {
                v.clear();
                *words = Interner::new();
            }
            Cells::Gap | Cells::Lost | Cells::Skipped => {}
        }
        self.gaps = Mask::new(0);
        self.rows = 0;
    }

    /// An empty one of the same type.
    pub(crate) fn like(&self) -> ColumnBuilder {
        let cells = match &self.cells {
            Cells::Gap => Cells::Gap,
            Cells::Bool(_) => Cells::Bool(Vec::new()),
            Cells::Int(_) => Cells::Int(Vec::new()),
            Cells::Float(_) => Cells::Float(Vec::new()),
            Cells::Time(_) => Cells::Time(Vec::new()),
            Cells::Text(..) => Cells::Text(Vec::new(), Interner::new()),
            Cells::Lost => Cells::Lost,
            Cells::Skipped => Cells::Skipped,
        };
        ColumnBuilder { rows: 0, cells, gaps: Mask::new(0), fraction: self.fraction, beyond: self.beyond }
    }

    /// Whether values of another type were put, that a column of this type cannot hold.
    pub(crate) fn is_lost(&self) -> bool {
        matches!(self.cells, Cells::Lost)
    }

    /// A column's values, as if they had been put one by one.
    pub(crate) fn of_column(column: &Column) -> ColumnBuilder {
        let n = column.len();
        let gaps = |mask: &Option<Mask>| mask.clone().unwrap_or_else(|| Mask::new(0));
        let (cells, gaps) = match column.values() {
            _ if column.n_missing() == n => (Cells::Gap, Mask::new(0)),
            Values::Float(v) => (Cells::Float(v.to_vec()), Mask::new(0)),
            Values::Int(v, m) => (Cells::Int(v.to_vec()), gaps(m)),
            Values::Bool(v, m) => (Cells::Bool(v.to_vec()), gaps(m)),
            Values::Time(v, m) => (Cells::Time(v.to_vec()), gaps(m)),
            Values::Codes(codes, words) => {
                let mut interner = Interner::new();
                let places: Vec<u32> = words.iter().map(|w| interner.code(w)).collect();
                let codes = codes.iter().map(|&c| places.get(c as usize).copied().unwrap_or(MISSING_CODE));
                (Cells::Text(codes.collect(), interner), Mask::new(0))
            }
        };
        ColumnBuilder { rows: n, cells, gaps, fraction: false, beyond: false }
    }

    /// Make room for so many rows in all.
    pub(crate) fn reserve(&mut self, rows: usize) {
        match &mut self.cells {
            Cells::Bool(v) => v.reserve_exact(rows.saturating_sub(v.len())),
            Cells::Int(v) | Cells::Time(v) => v.reserve_exact(rows.saturating_sub(v.len())),
            Cells::Float(v) => v.reserve_exact(rows.saturating_sub(v.len())),
            Cells::Text(v, _) => v.reserve_exact(rows.saturating_sub(v.len())),
            Cells::Gap | Cells::Lost | Cells::Skipped => {}
        }
    }

    /// One more field. Blanks around numbers, truth values, times and missing tokens mean nothing; a string keeps
    /// them unless `trim`.
    pub(crate) fn push(&mut self, raw: &str, missing: &Missing, trim: bool) {
        let field = trim_blanks(raw);
        if missing.has(field) {
            return self.push_missing();
        }
        match &mut self.cells {
            Cells::Float(v) if self.fraction => match float_of(field) {
                Some(x) => v.push(x),
                None => self.cells = Cells::Lost,
            },
            Cells::Int(_) | Cells::Float(_) => self.push_number(field),
            Cells::Text(v, words) => v.push(words.code(if trim { field } else { raw })),
            Cells::Bool(v) => match bool_of(field) {
                Some(b) => v.push(b),
                None => self.cells = Cells::Lost,
            },
            Cells::Time(v) => match time::parse(field) {
                Some(t) => v.push(t),
                None => self.cells = Cells::Lost,
            },
            Cells::Gap => self.start(field, if trim { field } else { raw }),
            Cells::Lost | Cells::Skipped => {}
        }
        self.rows += 1;
    }

    /// One more typed value; `false`, and nothing done, where it is of another sort than those before. Whole numbers
    /// and floats are one sort.
    pub(crate) fn push_value(&mut self, value: ValueRef<'_>) -> bool {
        if let Cells::Gap = self.cells {
            match value {
                ValueRef::Missing | ValueRef::Nested => {}
                ValueRef::Float(x) if x.is_nan() => {}
                ValueRef::Bool(_) => self.open(Cells::Bool(Vec::new())),
                ValueRef::Int(_) => self.open(Cells::Int(Vec::new())),
                ValueRef::Float(_) => self.open(Cells::Float(Vec::new())),
                ValueRef::Time(_) => self.open(Cells::Time(Vec::new())),
                ValueRef::Text(_) => self.open(Cells::Text(Vec::new(), Interner::new())),
            }
        }
        match (&mut self.cells, value) {
            (_, ValueRef::Missing) => {
                self.push_missing();
                return true;
            }
            (_, ValueRef::Float(x)) if x.is_nan() => {
                self.push_missing();
                return true;
            }
            (Cells::Bool(v), ValueRef::Bool(b)) => v.push(b),
            (Cells::Int(v), ValueRef::Int(i)) => v.push(i),
            (Cells::Float(v), ValueRef::Int(i)) => v.push(i as f64),
            (Cells::Float(v), ValueRef::Float(x)) => v.push(x),
            (Cells::Time(v), ValueRef::Time(t)) => v.push(t),
            (Cells::Text(v, words), ValueRef::Text(t)) => v.push(words.code(t)),
            (Cells::Int(_), ValueRef::Float(x)) => {
                self.turn_float();
                if let Cells::Float(v) = &mut self.cells {
                    v.push(x);
                }
            }
            _ => return false,
        }
        self.rows += 1;
        true
    }

    /// Rows so far.
    pub(crate) fn rows(&self) -> usize {
        self.rows
    }

    pub(crate) fn push_missing(&mut self) {
        match &mut self.cells {
            Cells::Float(v) => v.push(f64::NAN),
            Cells::Text(v, _) => v.push(MISSING_CODE),
            Cells::Bool(v) => v.push(false),
            Cells::Int(v) | Cells::Time(v) => v.push(0),
            Cells::Gap | Cells::Lost | Cells::Skipped => {}
        }
        if matches!(self.cells, Cells::Bool(_) | Cells::Int(_) | Cells::Time(_)) {
            self.gaps.resize(self.rows + 1);
            self.gaps.set(self.rows);
        }
        self.rows += 1;
    }

    /// A number into an int column, or into a float column that has seen whole numbers only.
    fn push_number(&mut self, field: &str) {
        match (&mut self.cells, whole_of(field)) {
            (Cells::Int(v), Some(Whole::Fits(i))) => v.push(i),
            (Cells::Float(v), Some(Whole::Fits(i))) => v.push(i as f64),
            (_, whole) => match float_of(field) {
                None => self.cells = Cells::Lost,
                Some(x) => {
                    self.beyond |= whole.is_some();
                    self.fraction |= whole.is_none();
                    self.turn_float();
                    if let Cells::Float(v) = &mut self.cells {
                        v.push(x);
                    }
                }
            },
        }
    }

    /// The first field that is not missing.
    fn start(&mut self, field: &str, text: &str) {
        if let Some(b) = bool_of(field) {
            self.open(Cells::Bool(Vec::new()));
            if let Cells::Bool(v) = &mut self.cells {
                v.push(b);
            }
        } else if whole_of(field).is_some() || float_of(field).is_some() {
            self.open(Cells::Int(Vec::new()));
            self.push_number(field);
        } else if let Some(t) = time::parse(field) {
            self.open(Cells::Time(Vec::new()));
            if let Cells::Time(v) = &mut self.cells {
                v.push(t);
            }
        } else {
            self.open(Cells::Text(Vec::new(), Interner::new()));
            if let Cells::Text(v, words) = &mut self.cells {
                v.push(words.code(text));
            }
        }
    }

    /// Rows that were all missing take a type.
    fn open(&mut self, cells: Cells) {
        let rows = std::mem::take(&mut self.rows);
        self.cells = cells;
        for _ in 0..rows {
            self.push_missing();
        }
    }

    fn turn_float(&mut self) {
        if let Cells::Int(v) = &mut self.cells {
            let mut floats: Vec<f64> = std::mem::take(v).into_iter().map(|i| i as f64).collect();
            for row in self.gaps.rows() {
                if let Some(x) = floats.get_mut(row) {
                    *x = f64::NAN;
                }
            }
            self.gaps = Mask::new(0);
            self.cells = Cells::Float(floats);
        }
    }

    /// The other's rows after these.
    pub(crate) fn append(&mut self, mut other: ColumnBuilder) {
        self.fraction |= other.fraction;
        self.beyond |= other.beyond;
        match (&self.cells, &other.cells) {
            (Cells::Int(_), Cells::Float(_)) => self.turn_float(),
            (Cells::Float(_), Cells::Int(_)) => other.turn_float(),
            (Cells::Gap, Cells::Bool(_)) => self.open(Cells::Bool(Vec::new())),
            (Cells::Gap, Cells::Int(_)) => self.open(Cells::Int(Vec::new())),
            (Cells::Gap, Cells::Float(_)) => self.open(Cells::Float(Vec::new())),
            (Cells::Gap, Cells::Time(_)) => self.open(Cells::Time(Vec::new())),
            (Cells::Gap, Cells::Text(..)) => self.open(Cells::Text(Vec::new(), Interner::new())),
            _ => {}
        }
        match (&mut self.cells, other.cells) {
            (_, Cells::Gap) => {
                for _ in 0..other.rows {
                    self.push_missing();
                }
                return;
            }
            (Cells::Bool(a), Cells::Bool(b)) => a.extend(b),
            (Cells::Int(a), Cells::Int(b)) | (Cells::Time(a), Cells::Time(b)) => a.extend(b),
            (Cells::Float(a), Cells::Float(b)) => a.extend(b),
            (Cells::Text(a, words), Cells::Text(b, other_words)) => {
                let codes: Vec<u32> = other_words.into_vocabulary().into_iter().map(|t| words.code_owned(t)).collect();
                a.extend(b.into_iter().map(|c| codes.get(c as usize).copied().unwrap_or(MISSING_CODE)));
            }
            (Cells::Skipped | Cells::Lost, _) => {}
            _ => self.cells = Cells::Lost,
        }
        for row in other.gaps.rows() {
            self.gaps.resize(self.rows + row + 1);
            self.gaps.set(self.rows + row);
        }
        self.rows += other.rows;
    }

    /// The column; of floats, all missing, where no field held a value.
    pub(crate) fn finish(mut self, name: String) -> Column {
        let n = self.rows;
        let mut mask = || {
            self.gaps.resize(n);
            let gaps = std::mem::replace(&mut self.gaps, Mask::new(0));
            (gaps.count() > 0).then_some(gaps)
        };
        fn fit<T>(mut v: Vec<T>) -> Vec<T> {
            v.shrink_to_fit();
            v
        }
        let values = match self.cells {
            Cells::Bool(v) => Values::Bool(fit(v).into(), mask()),
            Cells::Int(v) => Values::Int(fit(v).into(), mask()),
            Cells::Float(v) => Values::Float(fit(v).into()),
            Cells::Time(v) => Values::Time(fit(v).into(), mask()),
            Cells::Text(v, words) => Values::Codes(fit(v).into(), Arc::new(words.into_vocabulary())),
            Cells::Gap | Cells::Lost | Cells::Skipped => Values::Float(vec![f64::NAN; n].into()),
        };
        Column { name, values }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn column(fields: &[&str]) -> Column {
        let missing = Missing::new(&["", "NA", "1.#IND"].map(String::from));
        let mut b = ColumnBuilder::new(Plan::Infer);
        fields.iter().for_each(|f| b.push(f, &missing, false));
        if b.needs_text() {
            b = ColumnBuilder::new(Plan::Text);
            fields.iter().for_each(|f| b.push(f, &missing, false));
        }
        b.finish("x".into())
    }

    #[test]
    fn the_type_is_the_first_that_every_field_can_be_read_as() {
        for (fields, want) in [
            (&["", "NA", " "][..], "float"),
            (&["", "true", "FALSE", "False"], "bool"),
            (&["true", "1"], "string"),
            (&["1", "NA", "-2", "+3", " 4 ", "0", "-0"], "int"),
            (&["9223372036854775807", "-9223372036854775808"], "int"),
            (&["1", "9223372036854775808"], "string"),
            (&["9223372036854775808", "1"], "string"),
            (&["9223372036854775808", "1.5"], "float"),
            (&["99999999999999999999999", "-1e3"], "float"),
            (&["1", "2.5", ".5", "5.", "1E5", "-inf", "Infinity", "0.0", "1.#IND"], "float"),
            (&["007", "1"], "string"),
            (&["1", "007"], "string"),
            (&["00"], "string"),
            (&["00.5"], "string"),
            (&["0x10"], "string"),
            (&["1_000"], "string"),
            (&["-"], "string"),
            (&["+"], "string"),
            (&["."], "string"),
            (&["e5"], "string"),
            (&["info"], "string"),
            (&["nan"], "string"),
            (&["2024-02-29", "", "2024-02-29T12:00:00Z"], "time"),
            (&["2024-02-29", "2023-02-29"], "string"),
            (&["2024-02-29", "5"], "string"),
            (&["5", "2024-02-29"], "string"),
            (&["1,5"], "string"),
        ] {
            let c = column(fields);
            assert_eq!(c.type_name(), want, "{fields:?}");
            if want == "string" {
                // Nothing of a string is lost, whatever its first fields looked like.
                for (row, f) in fields.iter().enumerate() {
                    assert_eq!(c.get(row), crate::Value::from(*f), "{fields:?}");
                }
            }
        }
    }

    #[test]
    fn whole_numbers_have_one_zero() {
        let Values::Float(v) = column(&["0.5", "-0", "-0.0"]).values().clone() else { unreachable!() };
        assert_eq!([v[1].to_bits(), v[2].to_bits()], [0.0f64.to_bits(), (-0.0f64).to_bits()]);
        let Values::Float(v) = column(&["-0", "0.5"]).values().clone() else { unreachable!() };
        assert_eq!(v[0].to_bits(), 0.0f64.to_bits());
    }

    proptest! {
        /// However a column is cut, its pieces join to what it is whole.
        #[test]
        fn cuts_change_nothing(
            fields in proptest::collection::vec(
                proptest::sample::select(vec!["", "1", "2.5", "-0", "true", "x", "2024-01-01", "99999999999999999999", "007"]), 0..12),
            cut in 0usize..12,
            few in 1usize..5,
        ) {
            let kinds: Vec<&str> = fields.iter().map(|f| if f.len() % few == 0 { *f } else { "1" }).collect();
            let missing = Missing::new(&[String::new()]);
            for plan in [Plan::Infer, Plan::Text] {
                let build = |fields: &[&str]| {
                    let mut b = ColumnBuilder::new(plan);
                    fields.iter().for_each(|f| b.push(f, &missing, false));
                    b
                };
                let whole = build(&kinds);
                let (a, z) = kinds.split_at(cut.min(kinds.len()));
                let mut parts = build(a);
                parts.append(build(z));
                prop_assert_eq!(whole.rows, parts.rows);
                // Text meeting another sort is lost by a cut and kept or lost without one: the reader joins sorts first.
                if build(a).sort().join(build(z).sort()) != Sort::Lost {
                    prop_assert_eq!(whole.needs_text(), parts.needs_text());
                    let (w, p) = (whole.finish("x".into()), parts.finish("x".into()));
                    prop_assert_eq!(w.type_name(), p.type_name());
                    for r in 0..w.len() {
                        prop_assert_eq!(w.get(r), p.get(r));
                    }
                }
            }
        }
    }
}
