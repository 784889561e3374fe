//! One row as packed slots: THE rule by which a record's values become numbers. The packers beside Python and
//! JavaScript are generated from [`RowSpec`] and proved equal to this file.

use std::collections::HashMap;
use std::fmt;

use serde::Serialize;
use serde::de::{Deserializer, IgnoredAny, MapAccess, Visitor};

use super::{FieldKind, Schema};
use crate::error::{Place, Problem};
use crate::table::time::{MICROS_PER_DAY, parse};
use crate::{Error, Result};

pub use crate::table::ValueRef;

/// One slot of a packed row.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RowField {
    /// The feature.
    pub name: String,
    /// Its kind.
    pub kind: FieldKind,
    /// The levels of a category, in code order.
    pub vocabulary: Vec<String>,
}

/// Up to so many levels are looked through one by one.
const FEW_LEVELS: usize = 12;

/// Levels of a category, found by text or by number.
#[derive(Debug, Clone, Default)]
pub(super) struct Levels {
    /// All levels in order, where there are few.
    few: Vec<String>,
    by_text: HashMap<String, f64>,
    /// Levels that are the text of a number, by its bits.
    by_number: HashMap<u64, f64>,
}

impl Levels {
    pub(super) fn new(vocabulary: &[String]) -> Levels {
        let mut levels = Levels::default();
        for (i, text) in vocabulary.iter().enumerate() {
            if let Ok(x) = text.parse::<f64>()
                && (x + 0.0).to_string() == *text
            {
                levels.by_number.insert((x + 0.0).to_bits(), i as f64);
            }
            levels.by_text.insert(text.clone(), i as f64);
        }
        if vocabulary.len() <= FEW_LEVELS {
            levels.few = vocabulary.to_vec();
        }
        levels
    }

    /// The slot of a text: its index, or −1.
    pub(super) fn of_text(&self, text: &str) -> f64 {
        if !self.few.is_empty() {
            // A handful of names is compared faster than one is hashed.
            return self.few.iter().position(|l| l == text).map_or(-1.0, |i| i as f64);
        }
        self.by_text.get(text).copied().unwrap_or(-1.0)
    }

    /// The slot of a number; NaN for NaN; ±∞ stays, to be refused.
    pub(super) fn of_float(&self, x: f64) -> f64 {
        if !x.is_finite() {
            return x;
        }
        self.by_number.get(&(x + 0.0).to_bits()).copied().unwrap_or(-1.0)
    }

    /// The slot of a whole number.
    pub(super) fn of_int(&self, i: i64) -> f64 {
        // Beyond 2⁵³ neighbours share one f64; the text tells them apart.
        if i.unsigned_abs() <= 1 << 53 { self.of_float(i as f64) } else { self.of_text(&i.to_string()) }
    }
}

/// The error for a value that passed by kind and is still no value of the field.
pub(super) fn bad_value(column: &str, kind: FieldKind, row: Option<usize>, got: f64) -> Error {
    let (expected, hint) = match kind {
        FieldKind::Bool => ("a truth value, 0 or 1", "convert the value, or train with the column as a number"),
        _ => ("a finite number", "replace it, or leave it missing"),
    };
    Error::SchemaMismatch {
        problems: vec![Problem {
            column: column.to_owned(),
            row,
            // Of a row's values only what no person's value can be is shown.
            got: if got.is_infinite() { format!("the number {got}") } else { "another number".to_owned() },
            expected: expected.to_owned(),
            hint: hint.to_owned(),
        }],
    }
}

/// How a row is packed: the slots in order, and the record rule.
///
/// | field | takes | anything else |
/// |---|---|---|
/// | number | numbers; truth values as 0 and 1 | error |
/// | bool | truth values; 0 and 1 | error |
/// | time | instants; texts that are an ISO 8601 date or date-time | error |
/// | category | texts; numbers by their shortest text (`3` for 3 and 3.0); truth values as `true`, `false` | error (an instant) |
///
/// An absent key, a null and NaN are one missing value; ±∞ is an error; keys that are no feature are passed over; a
/// record with none of the features at all is an error.
#[derive(Debug, Clone, Serialize)]
pub struct RowSpec {
    fields: Vec<RowField>,
    #[serde(skip)]
    index: HashMap<String, usize>,
    #[serde(skip)]
    levels: Vec<Levels>,
}

impl RowSpec {
    /// The row of a schema's features.
    pub(crate) fn new(schema: &Schema) -> RowSpec {
        let fields: Vec<RowField> = schema
            .features()
            .map(|f| RowField { name: f.name.clone(), kind: f.kind, vocabulary: f.vocabulary.clone() })
            .collect();
        RowSpec {
            index: fields.iter().enumerate().map(|(i, f)| (f.name.clone(), i)).collect(),
            levels: fields.iter().map(|f| Levels::new(&f.vocabulary)).collect(),
            fields,
        }
    }

    /// The slots, in order.
    pub fn fields(&self) -> &[RowField] {
        &self.fields
    }
    /// How many slots a packed row has.
    pub fn width(&self) -> usize {
        self.fields.len()
    }
    /// The slot of a feature.
    pub fn slot(&self, name: &str) -> Option<usize> {
        self.index.get(name).copied()
    }

    /// One value as its slot.
    ///
    /// # Errors
    /// [`Error::SchemaMismatch`] for a value of another kind, and for ±∞.
    pub fn encode(&self, slot: usize, value: ValueRef<'_>) -> Result<f64> {
        let Some(field) = self.fields.get(slot) else {
            return Err(Error::not_found("slot", slot.to_string(), self.fields.iter().map(|f| f.name.as_str())));
        };
        let levels = &self.levels[slot];
        let x = match (field.kind, value) {
            (_, ValueRef::Missing) => return Ok(f64::NAN),
            (FieldKind::Category, ValueRef::Text(t)) => levels.of_text(t),
            (FieldKind::Category, ValueRef::Float(x)) => levels.of_float(x),
            (FieldKind::Category, ValueRef::Int(i)) => levels.of_int(i),
            (FieldKind::Category, ValueRef::Bool(b)) => levels.of_text(if b { "true" } else { "false" }),
            (FieldKind::Number | FieldKind::Bool, ValueRef::Float(x)) => x,
            (FieldKind::Number | FieldKind::Bool, ValueRef::Int(i)) => i as f64,
            (FieldKind::Number | FieldKind::Bool, ValueRef::Bool(b)) => f64::from(u8::from(b)),
            (FieldKind::Time, ValueRef::Time(t)) => t as f64 / MICROS_PER_DAY,
            (FieldKind::Time, ValueRef::Text(text)) => match parse(text) {
                Some(t) => t as f64 / MICROS_PER_DAY,
                None => return Err(wrong_kind(&field.name, field.kind, "a text that is no date".into())),
            },
            (_, ValueRef::Nested)
            | (FieldKind::Number | FieldKind::Bool, ValueRef::Text(_) | ValueRef::Time(_))
            | (FieldKind::Category, ValueRef::Time(_))
            | (FieldKind::Time, ValueRef::Bool(_) | ValueRef::Int(_) | ValueRef::Float(_)) => {
                // NaN is missing, whatever the kind.
                if matches!(value, ValueRef::Float(x) if x.is_nan()) {
                    return Ok(f64::NAN);
                }
                return Err(wrong_kind(&field.name, field.kind, sort_of(value).to_owned()));
            }
        };
        if x.is_infinite() || (field.kind == FieldKind::Bool && x != 0.0 && x != 1.0 && !x.is_nan()) {
            return Err(bad_value(&field.name, field.kind, None, x));
        }
        Ok(x)
    }

    /// Pack a record, given by look-up: `get(slot, name)` is its value under that name, `None` where it has none.
    ///
    /// # Errors
    /// [`Error::SchemaMismatch`] with all problems at once.
    pub fn pack<'v>(&self, mut get: impl FnMut(usize, &str) -> Option<ValueRef<'v>>, out: &mut Vec<f64>) -> Result<()> {
        out.clear();
        let mut any = false;
        let mut problems = Vec::new();
        for (slot, field) in self.fields.iter().enumerate() {
            let value = get(slot, &field.name);
            any |= value.is_some();
            match self.encode(slot, value.unwrap_or(ValueRef::Missing)) {
                Ok(x) => out.push(x),
                Err(Error::SchemaMismatch { problems: more }) => problems.extend(more),
                Err(e) => return Err(e),
            }
        }
        if !problems.is_empty() {
            return Err(Error::SchemaMismatch { problems });
        }
        if any || self.fields.is_empty() { Ok(()) } else { Err(self.no_feature()) }
    }

    /// Pack a JSON object. No allocation once `out` has been as long before and the texts hold no escapes.
    ///
    /// # Errors
    /// [`Error::InvalidData`] when the bytes are no JSON object; [`Error::SchemaMismatch`] as [`RowSpec::pack`].
    pub fn pack_json(&self, json: &[u8], out: &mut Vec<f64>) -> Result<()> {
        out.clear();
        out.resize(self.width(), f64::NAN);
        let mut visit = RecordVisitor { spec: self, out, any: false, problems: Vec::new() };
        let mut de = serde_json::Deserializer::from_slice(json);
        de.deserialize_map(&mut visit).and_then(|()| de.end()).map_err(|e| {
            Error::data(
                Place::none().at_line(e.line() as u64),
                format!("{} (byte {} of the line)", reason(&e), e.column()),
                "one JSON object with the features as keys",
                "send the record as {\"column\": value, …}",
            )
        })?;
        let RecordVisitor { any, problems, .. } = visit;
        if !problems.is_empty() {
            return Err(Error::SchemaMismatch { problems });
        }
        if any || self.fields.is_empty() { Ok(()) } else { Err(self.no_feature()) }
    }

    fn no_feature(&self) -> Error {
        let some = self.fields.iter().take(4).map(|f| format!("`{}`", f.name)).collect::<Vec<_>>().join(", ");
        Error::SchemaMismatch {
            problems: vec![Problem {
                column: self.fields.first().map(|f| f.name.clone()).unwrap_or_default(),
                row: None,
                got: "a record with none of the model's features".into(),
                expected: format!("at least one of {some}{}", if self.fields.len() > 4 { " …" } else { "" }),
                hint: "check the record's keys".into(),
            }],
        }
    }

    /// Check a row packed elsewhere: its width, and that every slot is a value of its field.
    ///
    /// # Errors
    /// [`Error::SchemaMismatch`].
    pub fn check_packed(&self, row: &[f64]) -> Result<()> {
        if row.len() != self.width() {
            return Err(Error::param(
                "row",
                format!("{} slots", row.len()),
                format!("{} slots, one a feature", self.width()),
                "pack the row by the model's row spec",
            ));
        }
        for (slot, (field, &x)) in self.fields.iter().zip(row).enumerate() {
            let fits = match field.kind {
                FieldKind::Number | FieldKind::Time => !x.is_infinite(),
                FieldKind::Bool => x == 0.0 || x == 1.0 || x.is_nan(),
                FieldKind::Category => {
                    x.is_nan() || (x.trunc() == x && x >= -1.0 && x < self.fields[slot].vocabulary.len() as f64)
                }
            };
            if !fits {
                if field.kind == FieldKind::Category {
                    return Err(wrong_kind(&field.name, field.kind, format!("the code {x}")));
                }
                return Err(bad_value(&field.name, field.kind, None, x));
            }
        }
        Ok(())
    }
}

/// serde_json's message without its own "at line … column …".
fn reason(e: &serde_json::Error) -> String {
    let text = e.to_string();
    match text.rfind(" at line ") {
        Some(i) => text[..i].to_owned(),
        None => text,
    }
}

/// What a value is, without the value: a row's values stay out of messages, which end up in logs.
fn sort_of(value: ValueRef<'_>) -> &'static str {
    match value {
        ValueRef::Missing => "a missing value",
        ValueRef::Bool(_) => "a truth value",
        ValueRef::Int(_) | ValueRef::Float(_) => "a number",
        ValueRef::Text(_) => "a text",
        ValueRef::Time(_) => "an instant",
        ValueRef::Nested => "a nested value",
    }
}

fn wrong_kind(column: &str, kind: FieldKind, got: String) -> Error {
    let (expected, hint) = match kind {
        FieldKind::Number => ("a number", "send it as a number, without quotes"),
        FieldKind::Bool => ("a truth value, 0 or 1", "send true or false"),
        FieldKind::Category => ("a text, a number or a truth value", "send the level's name"),
        FieldKind::Time => ("an instant or the text of a date, as 2024-05-31", "send it in ISO 8601"),
    };
    Error::SchemaMismatch {
        problems: vec![Problem {
            column: column.to_owned(),
            row: None,
            got,
            expected: expected.to_owned(),
            hint: hint.to_owned(),
        }],
    }
}

struct RecordVisitor<'s, 'o> {
    spec: &'s RowSpec,
    out: &'o mut Vec<f64>,
    any: bool,
    problems: Vec<Problem>,
}

impl<'de> Visitor<'de> for &mut RecordVisitor<'_, '_> {
    type Value = ();
    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON object")
    }
    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        // Records mostly come in the order of the table: the next slot is tried before the index is asked.
        let mut next = 0;
        while let Some(found) = map.next_key_seed(KeySeed { spec: self.spec, next })? {
            let Some(slot) = found else {
                map.next_value::<IgnoredAny>()?;
                continue;
            };
            next = slot + 1;
            self.any = true;
            match map.next_value_seed(ValueSeed { spec: self.spec, slot })? {
                Ok(x) => self.out[slot] = x,
                Err(Error::SchemaMismatch { problems }) => self.problems.extend(problems),
                Err(e) => return Err(serde::de::Error::custom(e)),
            }
        }
        Ok(())
    }
}

struct KeySeed<'s> {
    spec: &'s RowSpec,
    next: usize,
}

impl<'de> serde::de::DeserializeSeed<'de> for KeySeed<'_> {
    type Value = Option<usize>;
    fn deserialize<D: Deserializer<'de>>(self, d: D) -> Result<Self::Value, D::Error> {
        d.deserialize_str(self)
    }
}

impl Visitor<'_> for KeySeed<'_> {
    type Value = Option<usize>;
    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a key")
    }
    fn visit_str<E>(self, key: &str) -> Result<Self::Value, E> {
        if self.spec.fields.get(self.next).is_some_and(|f| f.name == key) {
            return Ok(Some(self.next));
        }
        Ok(self.spec.slot(key))
    }
}

struct ValueSeed<'s> {
    spec: &'s RowSpec,
    slot: usize,
}

impl ValueSeed<'_> {
    fn encode(&self, v: ValueRef<'_>) -> Result<f64> {
        self.spec.encode(self.slot, v)
    }
}

impl<'de> serde::de::DeserializeSeed<'de> for ValueSeed<'_> {
    type Value = Result<f64>;
    fn deserialize<D: Deserializer<'de>>(self, d: D) -> Result<Self::Value, D::Error> {
        d.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for ValueSeed<'_> {
    type Value = Result<f64>;
    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }
    fn visit_unit<E>(self) -> Result<Self::Value, E> {
        Ok(Ok(f64::NAN))
    }
    fn visit_bool<E>(self, v: bool) -> Result<Self::Value, E> {
        Ok(self.encode(ValueRef::Bool(v)))
    }
    fn visit_i64<E>(self, v: i64) -> Result<Self::Value, E> {
        Ok(self.encode(ValueRef::Int(v)))
    }
    fn visit_u64<E>(self, v: u64) -> Result<Self::Value, E> {
        Ok(self.encode(i64::try_from(v).map_or(ValueRef::Float(v as f64), ValueRef::Int)))
    }
    fn visit_f64<E>(self, v: f64) -> Result<Self::Value, E> {
        Ok(self.encode(ValueRef::Float(v)))
    }
    fn visit_str<E>(self, v: &str) -> Result<Self::Value, E> {
        Ok(self.encode(ValueRef::Text(v)))
    }
    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(self.encode(ValueRef::Nested))
    }
    fn visit_seq<A: serde::de::SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
        while seq.next_element::<IgnoredAny>()?.is_some() {}
        Ok(self.encode(ValueRef::Nested))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::table::{Column, Table, Values};

    fn spec() -> RowSpec {
        let table = Table::new(vec![
            Column::float("n", vec![1.5, 2.0, 3.0]),
            Column::bool("flag", vec![true, false, true]),
            Column::strings("level", [Some("3"), Some("true"), Some("x")]),
            Column::new("when", Values::Time(vec![0, 86_400_000_000, 5].into(), None)).unwrap(),
        ])
        .unwrap();
        let schema = Schema::infer(&table).unwrap().role("when", crate::schema::Role::Feature).unwrap();
        RowSpec::new(&schema)
    }

    fn json(text: &str) -> Result<Vec<f64>> {
        let mut out = Vec::new();
        spec().pack_json(text.as_bytes(), &mut out).map(|()| out)
    }

    #[test]
    fn json_records_follow_the_rule() {
        let x = json(r#"{"level": 3.0, "extra": {"a": [1]}, "n": 7, "flag": 1, "when": "1970-01-03"}"#).unwrap();
        assert_eq!(x, [7.0, 1.0, 0.0, 2.0]);
        let x = json(r#"{"level": true, "n": true, "flag": null}"#).unwrap();
        assert_eq!((x[0], x[2]), (1.0, 1.0));
        assert!(x[1].is_nan() && x[3].is_nan());
        assert_eq!(json(r#"{"level": "unseen"}"#).unwrap()[2], -1.0);
        assert_eq!(json(r#"{"n": 1, "n": 2}"#).unwrap()[0], 2.0);
    }

    #[test]
    fn every_problem_is_named() {
        let e = json(r#"{"n": "7", "flag": 2, "level": [1], "when": 3}"#).unwrap_err();
        let Error::SchemaMismatch { problems } = &e else { panic!("{e}") };
        assert_eq!(problems.iter().map(|p| p.column.as_str()).collect::<Vec<_>>(), ["n", "flag", "level", "when"]);
        for bad in ["", "[]", "{", "null", "{\"n\": 1} x", "\u{1}"] {
            assert_eq!(json(bad).unwrap_err().kind(), crate::ErrorKind::InvalidData, "{bad}");
        }
        assert!(json(r#"{"x": 1}"#).unwrap_err().to_string().contains("none of the model's features"));
        assert!(json("{}").is_err());
    }

    #[test]
    fn look_up_and_json_agree() {
        let spec = spec();
        let mut a = Vec::new();
        spec.pack(
            |_, name| match name {
                "n" => Some(ValueRef::Int(7)),
                "level" => Some(ValueRef::Float(3.0)),
                "flag" => Some(ValueRef::Float(f64::NAN)),
                _ => None,
            },
            &mut a,
        )
        .unwrap();
        let b = json(r#"{"n": 7, "level": 3, "flag": null}"#).unwrap();
        assert_eq!(a.iter().map(|x| x.is_nan()).collect::<Vec<_>>(), b.iter().map(|x| x.is_nan()).collect::<Vec<_>>());
        assert_eq!((a[0], a[2]), (b[0], b[2]));
        spec.check_packed(&a).unwrap();
        assert!(spec.check_packed(&[0.0]).is_err());
        assert!(spec.check_packed(&[f64::INFINITY, 0.0, 0.0, 0.0]).is_err());
        assert!(spec.check_packed(&[0.0, 0.5, 0.0, 0.0]).is_err());
        assert!(spec.check_packed(&[0.0, 0.0, 3.0, 0.0]).is_err());
    }

    #[test]
    fn whole_numbers_past_two_to_the_53_keep_their_own_level() {
        let levels = Levels::new(&["9007199254740993".into(), "1".into()]);
        assert_eq!(levels.of_int(9_007_199_254_740_993), 0.0);
        assert_eq!(levels.of_int(9_007_199_254_740_992), -1.0);
        assert_eq!(levels.of_int(1), 1.0);
        assert_eq!(levels.of_float(1.0), 1.0);
    }
}
