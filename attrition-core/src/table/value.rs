//! One value of any column type.

use std::fmt;

/// One value of any column type.
///
/// As JSON it is `null`, a boolean, a number, or a string (an instant is written in RFC 3339).
#[derive(Debug, Clone, Default)]
pub enum Value {
    /// No value.
    #[default]
    Missing,
    /// A truth value.
    Bool(bool),
    /// A whole number.
    Int(i64),
    /// A number.
    Float(f64),
    /// A string.
    Text(String),
    /// Microseconds since 1970-01-01 UTC.
    Time(i64),
}

impl Value {
    /// As a number: whole numbers, floats, and truth values as 0 and 1; `None` for anything else.
    pub fn as_f64(&self) -> Option<f64> {
        match self {
            Value::Bool(b) => Some(f64::from(u8::from(*b))),
            Value::Int(i) => Some(*i as f64),
            Value::Float(x) => Some(*x),
            Value::Missing | Value::Text(_) | Value::Time(_) => None,
        }
    }

    /// The text under which a value stands in a category's vocabulary: `3` for 3, 3.0; `true` for a truth value;
    /// `None` for a missing one.
    pub fn category(&self) -> Option<String> {
        match self {
            Value::Missing => None,
            Value::Float(x) if x.is_nan() => None,
            other => Some(other.to_string()),
        }
    }

    /// A few words for an error message: the type, and the value where it is not a person's text.
    pub fn describe(&self) -> String {
        match self {
            Value::Missing => "a missing value".into(),
            Value::Bool(b) => format!("the truth value {b}"),
            Value::Int(_) | Value::Float(_) => format!("the number {self}"),
            Value::Text(_) => "a string".into(),
            Value::Time(_) => "a time".into(),
        }
    }
}

/// A borrowed value: a record's, or one on its way into a column.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum ValueRef<'a> {
    /// `null`, `None`, `undefined`, an absent key.
    Missing,
    /// A truth value.
    Bool(bool),
    /// A whole number.
    Int(i64),
    /// A number; NaN is missing.
    Float(f64),
    /// A text.
    Text(&'a str),
    /// An instant: microseconds since 1970-01-01 UTC.
    Time(i64),
    /// A list, an object, or anything else that no column takes.
    Nested,
}

impl ValueRef<'_> {
    /// A few words for an error message.
    pub(crate) fn describe(&self) -> String {
        match self {
            ValueRef::Missing => "a missing value".into(),
            ValueRef::Bool(b) => format!("the truth value {b}"),
            ValueRef::Int(i) => format!("the number {i}"),
            ValueRef::Float(x) => format!("the number {x}"),
            // A row's texts stay out of messages: they may be a person's.
            ValueRef::Text(_) => "a text".into(),
            ValueRef::Time(_) => "an instant".into(),
            ValueRef::Nested => "a nested value".into(),
        }
    }
}

impl<'a> From<&'a Value> for ValueRef<'a> {
    fn from(value: &'a Value) -> ValueRef<'a> {
        match value {
            Value::Missing => ValueRef::Missing,
            Value::Bool(b) => ValueRef::Bool(*b),
            Value::Int(i) => ValueRef::Int(*i),
            Value::Float(x) => ValueRef::Float(*x),
            Value::Text(t) => ValueRef::Text(t),
            Value::Time(t) => ValueRef::Time(*t),
        }
    }
}

/// Equality by value: `1`, `1.0` and `true` are equal, `"1"` is not; missing equals missing.
impl PartialEq for Value {
    fn eq(&self, other: &Value) -> bool {
        match (self, other) {
            (Value::Missing, Value::Missing) => true,
            (Value::Text(a), Value::Text(b)) => a == b,
            (Value::Time(a), Value::Time(b)) | (Value::Int(a), Value::Int(b)) => a == b,
            (a, b) => matches!((a.as_f64(), b.as_f64()), (Some(x), Some(y)) if x == y),
        }
    }
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Value::Missing => f.write_str("missing"),
            Value::Bool(b) => write!(f, "{b}"),
            Value::Int(i) => write!(f, "{i}"),
            // `Display` of f64 writes 3.0 as "3" and is the shortest text that reads back.
            // Adding 0.0 turns -0.0 into 0.0.
            Value::Float(x) => write!(f, "{}", x + 0.0),
            Value::Text(s) => f.write_str(s),
            Value::Time(t) => write!(f, "{}", super::time::format(*t)),
        }
    }
}

impl From<&str> for Value {
    fn from(s: &str) -> Value {
        Value::Text(s.to_owned())
    }
}
impl From<String> for Value {
    fn from(s: String) -> Value {
        Value::Text(s)
    }
}
impl From<i64> for Value {
    fn from(i: i64) -> Value {
        Value::Int(i)
    }
}
impl From<i32> for Value {
    fn from(i: i32) -> Value {
        Value::Int(i.into())
    }
}
impl From<f64> for Value {
    fn from(x: f64) -> Value {
        Value::Float(x)
    }
}
impl From<bool> for Value {
    fn from(b: bool) -> Value {
        Value::Bool(b)
    }
}

impl serde::Serialize for Value {
    fn serialize<S: serde::Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        match self {
            Value::Missing => s.serialize_none(),
            Value::Bool(b) => s.serialize_bool(*b),
            Value::Int(i) => s.serialize_i64(*i),
            Value::Float(x) => s.serialize_f64(*x),
            Value::Text(t) => s.serialize_str(t),
            Value::Time(t) => s.serialize_str(&super::time::format(*t)),
        }
    }
}

impl<'de> serde::Deserialize<'de> for Value {
    fn deserialize<D: serde::Deserializer<'de>>(d: D) -> Result<Value, D::Error> {
        struct V;
        impl serde::de::Visitor<'_> for V {
            type Value = Value;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("null, a boolean, a number or a string")
            }
            fn visit_unit<E>(self) -> Result<Value, E> {
                Ok(Value::Missing)
            }
            fn visit_none<E>(self) -> Result<Value, E> {
                Ok(Value::Missing)
            }
            fn visit_bool<E>(self, b: bool) -> Result<Value, E> {
                Ok(Value::Bool(b))
            }
            fn visit_i64<E>(self, i: i64) -> Result<Value, E> {
                Ok(Value::Int(i))
            }
            fn visit_u64<E>(self, i: u64) -> Result<Value, E> {
                Ok(i64::try_from(i).map_or(Value::Float(i as f64), Value::Int))
            }
            fn visit_f64<E>(self, x: f64) -> Result<Value, E> {
                Ok(Value::Float(x))
            }
            fn visit_str<E>(self, s: &str) -> Result<Value, E> {
                Ok(Value::Text(s.to_owned()))
            }
        }
        d.deserialize_any(V)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equality_is_by_value() {
        assert_eq!(Value::Int(1), Value::Float(1.0));
        assert_eq!(Value::Bool(true), Value::Int(1));
        assert_ne!(Value::from("1"), Value::Int(1));
        assert_eq!(Value::Missing, Value::Missing);
        assert_ne!(Value::Float(f64::NAN), Value::Float(f64::NAN));
    }

    #[test]
    fn a_category_has_one_text_whatever_the_storage() {
        for v in [Value::Int(3), Value::Float(3.0)] {
            assert_eq!(v.category().as_deref(), Some("3"));
        }
        assert_eq!(Value::Float(f64::NAN).category(), None);
        assert_eq!(Value::Float(-0.0).category(), Value::Int(0).category());
    }
}
