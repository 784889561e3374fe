//! The summary of one column.

use super::levels::Levels;
use super::sketch::{Quantile, Sketch};
use crate::error::Place;
use crate::num::exact_sum::ExactSum;
use crate::table::time::MICROS_PER_DAY;
use crate::table::{Column, MISSING_CODE, Mask, Value, Values};
use crate::{Error, Result};

/// Values whose keys are sorted at once.
const BATCH: usize = 4096;

/// The summary of one column: rows, missing values, and what the others look like.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ColumnProfile {
    rows: u64,
    missing: u64,
    values: Summary,
}

/// What a column's values look like, by kind. Integers and floats are one kind, as they are to a schema.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Summary {
    /// Nothing but missing values so far: fits any kind.
    Empty,
    /// Numbers.
    Number(Box<Numbers>),
    /// Times, as days since 1970-01-01 UTC.
    Time(Box<Numbers>),
    /// Strings.
    Category(Levels),
    /// Truth values: how many are false, how many true.
    Bool {
        /// False values.
        no: u64,
        /// True values.
        yes: u64,
    },
}

/// Moments, ends and spread of the finite numbers; infinite ones are only counted.
#[derive(Debug, Clone, PartialEq, Default, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Numbers {
    sum: ExactSum,
    squares: ExactSum,
    /// Smallest and largest.
    range: Option<(f64, f64)>,
    /// How many are −∞ and +∞.
    infinite: (u64, u64),
    sketch: Sketch,
}

impl Numbers {
    fn add(&mut self, values: impl Iterator<Item = f64>) {
        let (mut batch, mut keys) = (Vec::with_capacity(BATCH), Vec::with_capacity(BATCH));
        let (mut low, mut high) = self.range.unwrap_or((f64::INFINITY, f64::NEG_INFINITY));
        for x in values {
            if x.is_infinite() {
                self.infinite.0 += u64::from(x < 0.0);
                self.infinite.1 += u64::from(x > 0.0);
                continue;
            }
            // −0 becomes 0, so that the ends do not depend on the order.
            let x = x + 0.0;
            self.sum.add(x);
            self.squares.add_square(x);
            low = low.min(x);
            high = high.max(x);
            batch.push(x);
            if batch.len() == BATCH {
                self.sketch.add(&mut batch, &mut keys);
            }
        }
        self.sketch.add(&mut batch, &mut keys);
        self.range = (low <= high).then_some((low, high));
    }

    fn merge(&mut self, other: &Numbers) {
        self.sum.merge(&other.sum);
        self.squares.merge(&other.squares);
        self.range = match (self.range, other.range) {
            (Some(a), Some(b)) => Some((a.0.min(b.0), a.1.max(b.1))),
            (a, b) => a.or(b),
        };
        self.infinite.0 += other.infinite.0;
        self.infinite.1 += other.infinite.1;
        self.sketch.merge(&other.sketch);
    }

    /// How many finite numbers there are.
    pub fn n(&self) -> u64 {
        self.sketch.n()
    }
    /// Their mean: the exact sum, rounded, by their count. NaN when there is none.
    pub fn mean(&self) -> f64 {
        self.sum.value() / self.n() as f64
    }
    /// Their population standard deviation `√(Σ(x − mean)² / n)`, from exact sums. NaN when there is none, 0 for a
    /// constant column.
    pub fn std(&self) -> f64 {
        self.sum.variance(&self.squares, self.n()).sqrt()
    }
    /// The smallest and the largest.
    pub fn range(&self) -> Option<(f64, f64)> {
        self.range
    }
    /// How many are −∞ and +∞; they are in no other figure.
    pub fn infinite(&self) -> (u64, u64) {
        self.infinite
    }
    /// The spread by buckets.
    pub fn sketch(&self) -> &Sketch {
        &self.sketch
    }
    /// A quantile with its bounds, cut to the range. See [`Sketch::quantile`].
    pub fn quantile(&self, q: f64) -> Option<Quantile> {
        let (found, (low, high)) = (self.sketch.quantile(q)?, self.range?);
        let cut = |x: f64| x.max(low).min(high);
        Some(Quantile { value: cut(found.value), low: cut(found.low), high: cut(found.high) })
    }
}

impl ColumnProfile {
    pub(super) fn empty() -> ColumnProfile {
        ColumnProfile { rows: 0, missing: 0, values: Summary::Empty }
    }

    /// The summary of some rows of a column.
    pub(super) fn of(column: &Column, rows: std::ops::Range<usize>) -> ColumnProfile {
        fn present<T: Copy>(v: &[T], m: &Option<Mask>, rows: std::ops::Range<usize>) -> impl Iterator<Item = T> {
            let first = rows.start;
            let part = v.get(rows).unwrap_or(&[]);
            part.iter().enumerate().filter(move |(i, _)| !m.as_ref().is_some_and(|m| m.get(first + i))).map(|(_, &x)| x)
        }
        let n = rows.len() as u64;
        let numbers = |values: &mut dyn Iterator<Item = f64>| {
            let mut numbers = Box::<Numbers>::default();
            numbers.add(values);
            let count = numbers.n() + numbers.infinite.0 + numbers.infinite.1;
            (count, numbers)
        };
        let (count, values) = match column.values() {
            Values::Float(v) => {
                let part = v.get(rows).unwrap_or(&[]);
                let (count, numbers) = numbers(&mut part.iter().copied().filter(|x| !x.is_nan()));
                (count, Summary::Number(numbers))
            }
            Values::Int(v, m) => {
                let (count, numbers) = numbers(&mut present(v, m, rows).map(|x| x as f64));
                (count, Summary::Number(numbers))
            }
            Values::Time(v, m) => {
                let (count, numbers) = numbers(&mut present(v, m, rows).map(|x| x as f64 / MICROS_PER_DAY));
                (count, Summary::Time(numbers))
            }
            Values::Bool(v, m) => {
                let (mut no, mut yes) = (0, 0);
                present(v, m, rows).for_each(|b| if b { yes += 1 } else { no += 1 });
                (no + yes, Summary::Bool { no, yes })
            }
            Values::Codes(v, vocabulary) => {
                let mut counts = vec![0_u64; vocabulary.len()];
                for &code in v.get(rows).unwrap_or(&[]).iter().filter(|&&c| c != MISSING_CODE) {
                    if let Some(c) = counts.get_mut(code as usize) {
                        *c += 1;
                    }
                }
                let mut levels = Levels::default();
                levels.add(vocabulary.iter().map(String::as_str).zip(counts));
                (levels.n(), Summary::Category(levels))
            }
        };
        ColumnProfile { rows: n, missing: n - count.min(n), values: if count == 0 { Summary::Empty } else { values } }
    }

    /// Adds the summary of other rows of the column.
    pub(super) fn merge(&mut self, other: &ColumnProfile, name: &str) -> Result<()> {
        // No count within is larger than that of the rows.
        let rows = self.rows.checked_add(other.rows).ok_or_else(|| super::too_many(Place::column(name)))?;
        match (&mut self.values, &other.values) {
            (_, Summary::Empty) => {}
            (Summary::Empty, _) => self.values = other.values.clone(),
            (Summary::Number(a), Summary::Number(b)) | (Summary::Time(a), Summary::Time(b)) => a.merge(b),
            (Summary::Category(a), Summary::Category(b)) => a.merge(b),
            (Summary::Bool { no, yes }, Summary::Bool { no: n, yes: y }) => {
                *no += n;
                *yes += y;
            }
            (a, b) => {
                let hint = "read the column as one type in every part";
                return Err(Error::data(Place::column(name), b.name(), format!("{} as before", a.name()), hint));
            }
        }
        self.rows = rows;
        self.missing += other.missing;
        Ok(())
    }

    /// Whether every row is counted as missing or as a value: what comes from a file may be anything.
    pub(super) fn is_counted(&self) -> bool {
        let values = match &self.values {
            Summary::Empty => Some(0),
            Summary::Number(n) | Summary::Time(n) => {
                n.infinite.0.checked_add(n.infinite.1).and_then(|infinite| infinite.checked_add(n.n()))
            }
            Summary::Category(levels) => Some(levels.n()),
            Summary::Bool { no, yes } => no.checked_add(*yes),
        };
        values.and_then(|v| v.checked_add(self.missing)) == Some(self.rows)
    }

    /// Rows seen.
    pub fn n_rows(&self) -> u64 {
        self.rows
    }
    /// Missing values seen.
    pub fn n_missing(&self) -> u64 {
        self.missing
    }
    /// Share of missing values, in `[0, 1]`; 0 when no row was seen.
    pub fn missing_rate(&self) -> f64 {
        if self.rows == 0 { 0.0 } else { self.missing as f64 / self.rows as f64 }
    }
    /// What the values look like.
    pub fn values(&self) -> &Summary {
        &self.values
    }
    /// The summary of numbers or times (in days); `None` for other kinds.
    pub fn numbers(&self) -> Option<&Numbers> {
        match &self.values {
            Summary::Number(n) | Summary::Time(n) => Some(n),
            _ => None,
        }
    }
    /// The mean of a number or time column (in days); `None` for other kinds.
    pub fn mean(&self) -> Option<f64> {
        self.numbers().map(Numbers::mean)
    }
    /// The population standard deviation of a number or time column (in days); `None` for other kinds.
    pub fn std(&self) -> Option<f64> {
        self.numbers().map(Numbers::std)
    }
    /// A quantile's estimate, of a number or time column (in days); `None` for other kinds and for `q` outside
    /// `[0, 1]`. [`Numbers::quantile`] has its bounds.
    pub fn quantile(&self, q: f64) -> Option<f64> {
        self.numbers()?.quantile(q).map(|q| q.value)
    }
    /// Share of a level among the values that are not missing: of a category; of `"true"` and `"false"`; of a number
    /// by its canonical text (`"3"`), where all different numbers are counted. `None` where it is not known.
    pub fn share(&self, level: &str) -> Option<f64> {
        let total = (self.rows - self.missing.min(self.rows)) as f64;
        let count = match &self.values {
            Summary::Category(levels) => levels.count(level)?,
            Summary::Bool { no, .. } if level == "false" => *no,
            Summary::Bool { yes, .. } if level == "true" => *yes,
            Summary::Bool { .. } => 0,
            Summary::Number(n) if n.sketch.is_exact() => {
                let x: f64 = match level {
                    // Numbers 0 and 1 may stand for truth values.
                    "true" => 1.0,
                    "false" => 0.0,
                    text => text.parse().ok()?,
                };
                n.sketch.buckets().filter(|b| Value::Float(b.low) == Value::Float(x)).map(|b| b.count).sum()
            }
            _ => return None,
        };
        (total > 0.0).then(|| count as f64 / total)
    }
}

impl Summary {
    /// `"empty"`, `"number"`, `"time"`, `"category"` or `"bool"`, in words for a message.
    fn name(&self) -> &'static str {
        match self {
            Summary::Empty => "no values",
            Summary::Number(_) => "numbers",
            Summary::Time(_) => "times",
            Summary::Category(_) => "strings",
            Summary::Bool { .. } => "truth values",
        }
    }
}
