//! Guesses about columns, each with its reason.

use std::collections::{HashMap, HashSet};

use super::{Field, FieldKind, Note, NoteCode, Role, Schema};
use crate::error::Place;
use crate::rng::Seed;
use crate::table::time::MICROS_PER_DAY;
use crate::table::{Column, Columns, MISSING_CODE, Value, Values};
use crate::{Error, Result};

/// Uniqueness is judged on at most this many rows, so that inference stays cheap on large tables.
pub(crate) const MAX_ROWS_LOOKED_AT: usize = 100_000;
/// Fewer rows than this say nothing about uniqueness.
const MIN_ROWS_FOR_ID: usize = 20;
/// A category with more levels carries a warning.
const MANY_LEVELS: usize = 50;
/// A vocabulary keeps this many levels, the most frequent ones; the rest counts as unseen.
const MAX_LEVELS: usize = 1_000;

/// At most [`MAX_ROWS_LOOKED_AT`] rows, ascending, the same for every call.
pub(crate) fn sample_rows(n_rows: usize) -> Vec<usize> {
    if n_rows <= MAX_ROWS_LOOKED_AT {
        return (0..n_rows).collect();
    }
    // One row from each of equal strata: ascending by construction, and no order in the file can hide from it.
    let mut rng = Seed(0).stream("schema/sample", n_rows as u64);
    (0..MAX_ROWS_LOOKED_AT)
        .map(|i| {
            let low = i * n_rows / MAX_ROWS_LOOKED_AT;
            let high = (i + 1) * n_rows / MAX_ROWS_LOOKED_AT;
            low + rng.below(high - low)
        })
        .collect()
}

pub(super) fn infer(columns: Columns<'_>) -> Result<Schema> {
    let names = columns.names();
    if names.is_empty() || columns.n_rows() == 0 {
        return Err(Error::data(
            Place::none(),
            format!("{} rows and {} columns", columns.n_rows(), names.len()),
            "at least one row and one column",
            "check that the right file or query was read",
        ));
    }
    let all: Vec<usize> = (0..columns.n_rows()).collect();
    let sample = sample_rows(columns.n_rows());
    let fields = names.into_iter().map(|name| Ok(infer_field(&*columns.column(name)?, &all, &sample)));
    Schema::new(fields.collect::<Result<_>>()?, None)
}

fn infer_field(column: &Column, all: &[usize], sample: &[usize]) -> Field {
    let kind = match column.values() {
        Values::Float(_) | Values::Int(..) => FieldKind::Number,
        Values::Codes(..) => FieldKind::Category,
        Values::Bool(..) => FieldKind::Bool,
        Values::Time(..) => FieldKind::Time,
    };
    let mut field = Field {
        name: column.name().to_owned(),
        kind,
        is_integer: false,
        role: Role::Feature,
        vocabulary: Vec::new(),
        range: None,
        notes: Vec::new(),
    };
    let classes = distinct(column, 2);
    if classes.is_empty() {
        field.role = Role::Ignored;
        field.notes.push(Note {
            code: NoteCode::AllMissing,
            message: "has no value in any row; give it the role `feature` to keep it".into(),
        });
        return field;
    }
    if classes.len() == 1 && column.n_missing() == 0 {
        field.role = Role::Ignored;
        learn_field(&mut field, column, all);
        field.notes = vec![Note {
            code: NoteCode::Constant,
            message: format!("has one value (`{}`) in all rows; give it the role `feature` to keep it", classes[0]),
        }];
        return field;
    }
    if let Some(message) = id_like(column, sample) {
        field.role = Role::Id;
        field.is_integer = matches!(column.values(), Values::Int(..));
        field.notes.push(Note { code: NoteCode::IdLike, message });
        return field;
    }
    learn_field(&mut field, column, all);
    if kind == FieldKind::Time {
        field.role = Role::Ignored;
        field.notes.push(Note {
            code: NoteCode::TimeNotDerived,
            message: "is an instant, which says little as it stands; derive an age or a part of the date from it, or \
                      give it the role `feature` to use its days since 1970-01-01"
                .into(),
        });
    }
    field
}

/// Vocabulary, range and 'is integer' from the given rows.
pub(super) fn learn_field(field: &mut Field, column: &Column, rows: &[usize]) {
    field.vocabulary.clear();
    field.range = None;
    field.is_integer = false;
    field.notes.retain(|n| n.code != NoteCode::ManyCategories);
    match field.kind {
        FieldKind::Category => {
            let mut levels = level_counts(column, rows);
            if levels.len() > MANY_LEVELS {
                field.notes.push(Note {
                    code: NoteCode::ManyCategories,
                    message: format!(
                        "has {} levels; rare ones are grouped, and those past the {MAX_LEVELS} most frequent count as \
                         unseen; exclude it or group it by hand if it names rows rather than describing them",
                        levels.len()
                    ),
                });
            }
            if levels.len() > MAX_LEVELS {
                levels.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
                levels.truncate(MAX_LEVELS);
            }
            field.vocabulary = levels.into_iter().map(|(level, _)| level).collect();
            field.vocabulary.sort_unstable();
        }
        FieldKind::Number | FieldKind::Time => {
            let (mut low, mut high, mut integer) = (f64::INFINITY, f64::NEG_INFINITY, true);
            for &r in rows {
                if column.is_missing(r) {
                    continue;
                }
                let x = match column.values() {
                    Values::Float(v) => v[r],
                    Values::Int(v, _) => v[r] as f64,
                    Values::Time(v, _) => v[r] as f64 / MICROS_PER_DAY,
                    Values::Bool(v, _) => f64::from(u8::from(v[r])),
                    Values::Codes(..) => continue,
                };
                low = low.min(x);
                high = high.max(x);
                integer = integer && x.fract() == 0.0;
            }
            if low.is_finite() && high.is_finite() {
                field.range = Some([low, high]);
                field.is_integer = field.kind == FieldKind::Number && integer;
            }
        }
        FieldKind::Bool => {}
    }
}

/// The levels of a column as text, with their counts in the given rows.
fn level_counts(column: &Column, rows: &[usize]) -> Vec<(String, usize)> {
    if let Values::Codes(codes, vocabulary) = column.values() {
        let mut counts = vec![0usize; vocabulary.len()];
        for &r in rows {
            if let Some(n) = counts.get_mut(codes[r] as usize) {
                *n += 1;
            }
        }
        // Two codes may stand for one text.
        let mut merged: HashMap<&str, usize> = HashMap::new();
        for (level, n) in vocabulary.iter().zip(counts).filter(|(_, n)| *n > 0) {
            *merged.entry(level).or_insert(0) += n;
        }
        return merged.into_iter().map(|(l, n)| (l.to_owned(), n)).collect();
    }
    let mut counts: HashMap<u64, (Value, usize)> = HashMap::new();
    for &r in rows {
        let value = column.get(r);
        let key = match &value {
            Value::Missing | Value::Text(_) => continue,
            Value::Bool(b) => u64::from(*b),
            Value::Int(i) | Value::Time(i) => *i as u64,
            Value::Float(x) => (x + 0.0).to_bits(),
        };
        counts.entry(key).or_insert((value, 0)).1 += 1;
    }
    counts.into_values().filter_map(|(v, n)| Some((v.category()?, n))).collect()
}

/// The first `limit` different values of a column, in row order, missing ones left out.
pub(super) fn distinct(column: &Column, limit: usize) -> Vec<Value> {
    if let Values::Codes(codes, vocabulary) = column.values() {
        let mut seen = vec![false; vocabulary.len()];
        let mut out: Vec<Value> = Vec::new();
        for &c in codes.iter().filter(|&&c| c != MISSING_CODE) {
            if !seen[c as usize] {
                seen[c as usize] = true;
                let value = Value::Text(vocabulary[c as usize].clone());
                if !out.contains(&value) {
                    out.push(value);
                }
                if out.len() == limit {
                    break;
                }
            }
        }
        return out;
    }
    let mut out: Vec<Value> = Vec::new();
    for r in 0..column.len() {
        let v = column.get(r);
        if !matches!(v, Value::Missing) && !out.contains(&v) {
            out.push(v);
            if out.len() == limit {
                break;
            }
        }
    }
    out
}

/// 1 where the column equals the value.
pub(super) fn equals(column: &Column, value: &Value) -> Vec<u8> {
    match column.values() {
        Values::Codes(codes, vocabulary) => {
            let hit: Vec<bool> = vocabulary.iter().map(|v| matches!(value, Value::Text(t) if t == v)).collect();
            codes.iter().map(|&c| u8::from(hit.get(c as usize).copied().unwrap_or(false))).collect()
        }
        _ => (0..column.len()).map(|r| u8::from(column.get(r) == *value)).collect(),
    }
}

/// Why a column names rows, if it does.
fn id_like(column: &Column, sample: &[usize]) -> Option<String> {
    if sample.len() < MIN_ROWS_FOR_ID || column.n_missing() > 0 {
        return None;
    }
    match column.values() {
        Values::Codes(codes, vocabulary) => {
            let mut seen = HashSet::with_capacity(sample.len());
            let unique = sample.iter().all(|&r| seen.insert(vocabulary[codes[r] as usize].as_str()));
            unique.then(|| "has another text in every row, as an id has; give it the role `feature` to keep it".into())
        }
        Values::Int(v, _) => {
            let mut seen = HashSet::with_capacity(sample.len());
            if !sample.iter().all(|&r| seen.insert(v[r])) {
                return None;
            }
            let ascending = sample.windows(2).all(|w| v[w[0]] < v[w[1]]);
            let descending = sample.windows(2).all(|w| v[w[0]] > v[w[1]]);
            let why = if ascending || descending {
                "has another whole number in every row, in order"
            } else if names_an_id(column.name()) {
                "has another whole number in every row and an id's name"
            } else {
                return None;
            };
            Some(format!("{why}, as an id has; give it the role `feature` to keep it"))
        }
        Values::Float(_) | Values::Bool(..) | Values::Time(..) => None,
    }
}

/// Whether a name's words include one that ids carry.
fn names_an_id(name: &str) -> bool {
    let mut words: Vec<String> = vec![String::new()];
    let mut previous_lower = false;
    for c in name.chars() {
        if !c.is_alphanumeric() {
            words.push(String::new());
        } else {
            if c.is_uppercase() && previous_lower {
                words.push(String::new());
            }
            if let Some(w) = words.last_mut() {
                w.extend(c.to_lowercase());
            }
        }
        previous_lower = c.is_lowercase();
    }
    words.iter().any(|w| {
        matches!(w.as_str(), "id" | "ids" | "key" | "uuid" | "guid" | "number" | "no" | "nr" | "code" | "index" | "row")
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::table::Table;

    fn roles(table: &Table) -> Vec<(String, Role, Vec<NoteCode>)> {
        Schema::infer(table)
            .unwrap()
            .fields()
            .iter()
            .map(|f| (f.name.clone(), f.role, f.notes.iter().map(|n| n.code).collect()))
            .collect()
    }

    #[test]
    fn only_constants_and_ids_are_dropped() {
        let n = 60;
        let table = Table::new(vec![
            Column::int("EmployeeNumber", (0..n).map(|i| i * 2 + 5).collect()),
            Column::int("worker_id", (0..n).map(|i| (i * 37) % 61).collect()),
            Column::int("Pay", (0..n).map(|i| (i * 37) % 61).collect()),
            Column::float("Score", (0..n).map(|i| i as f64 + 0.5).collect()),
            Column::int("StandardHours", vec![80; n as usize]),
            Column::strings("Mail", (0..n).map(|i| Some(format!("p{i}@x")))),
            Column::strings("Site", (0..n).map(|i| Some(if i % 3 == 0 { "Oslo" } else { "Bern" }))),
            Column::float("Empty", vec![f64::NAN; n as usize]),
            Column::float("SometimesOne", (0..n).map(|i| if i % 2 == 0 { 1.0 } else { f64::NAN }).collect()),
        ])
        .unwrap();
        use NoteCode::*;
        use Role::*;
        let want = [
            ("EmployeeNumber", Id, vec![IdLike]),
            ("worker_id", Id, vec![IdLike]),
            ("Pay", Feature, vec![]),
            ("Score", Feature, vec![]),
            ("StandardHours", Ignored, vec![Constant]),
            ("Mail", Id, vec![IdLike]),
            ("Site", Feature, vec![]),
            ("Empty", Ignored, vec![AllMissing]),
            ("SometimesOne", Feature, vec![]),
        ];
        let got = roles(&table);
        for (g, w) in got.iter().zip(want) {
            assert_eq!((g.0.as_str(), g.1, g.2.clone()), w);
        }
    }

    #[test]
    fn kind_and_integer_are_found_by_value_not_by_storage() {
        let a = Table::new(vec![Column::int("x", vec![1, 2, 2])]).unwrap();
        let b = Table::new(vec![Column::float("x", vec![1.0, 2.0, 2.0])]).unwrap();
        assert_eq!(Schema::infer(&a).unwrap(), Schema::infer(&b).unwrap());
        assert!(Schema::infer(&b).unwrap().field("x").unwrap().is_integer);
    }

    #[test]
    fn the_sample_is_ascending_unique_and_within_bounds() {
        let rows = sample_rows(1_234_567);
        assert_eq!(rows.len(), MAX_ROWS_LOOKED_AT);
        assert!(rows.windows(2).all(|w| w[0] < w[1]) && rows[rows.len() - 1] < 1_234_567);
    }

    #[test]
    fn a_wide_category_warns_and_keeps_its_most_frequent_levels() {
        let n = 3_000usize;
        let table = Table::new(vec![Column::strings(
            "city",
            (0..n).map(|i| Some(format!("c{}", if i < 1500 { i } else { i % 700 }))),
        )])
        .unwrap();
        let schema = Schema::infer(&table).unwrap();
        let f = schema.field("city").unwrap();
        assert_eq!(f.vocabulary.len(), MAX_LEVELS);
        assert_eq!((f.role, f.notes[0].code), (Role::Feature, NoteCode::ManyCategories));
        assert!((0..700).all(|i| f.vocabulary.contains(&format!("c{i}"))));
    }

    #[test]
    fn words_of_a_name() {
        for yes in ["id", "EmployeeNumber", "employee_id", "rowNo", "Staff ID"] {
            assert!(names_an_id(yes), "{yes}");
        }
        for no in ["Paid", "NumCompaniesWorked", "Idle", "Notes"] {
            assert!(!names_an_id(no), "{no}");
        }
    }
}
