//! One table of parameter specs beside each learner's parameters; it drives the check, the documentation and the
//! search space.

use serde_json::{Map, Value};

use crate::error::nearest;
use crate::preprocess::AutoWord;
use crate::{Error, Result};

/// The values a parameter may take.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Range {
    /// A finite number.
    Number {
        /// Lowest value.
        low: f64,
        /// Whether the lowest value itself is out.
        above: bool,
        /// Highest value.
        high: f64,
    },
    /// A whole number.
    Integer {
        /// Lowest value.
        low: u32,
        /// Highest value.
        high: u32,
    },
    /// One of a few words.
    Choice {
        /// The words.
        options: &'static [&'static str],
    },
    /// `null`, `"balanced"` or `{"negative": number, "positive": number}`.
    ClassWeight,
    /// `null` or a whole number.
    OptionalInteger {
        /// Lowest value.
        low: u32,
        /// Highest value.
        high: u32,
    },
    /// `"auto"`, `null` or a whole number.
    OptionalIntegerOrAuto {
        /// Lowest value.
        low: u32,
        /// Highest value.
        high: u32,
    },
    /// `"auto"` or a whole number.
    IntegerOrAuto {
        /// Lowest value.
        low: u32,
        /// Highest value.
        high: u32,
    },
    /// `"auto"` or a finite number.
    NumberOrAuto {
        /// Lowest value.
        low: f64,
        /// Whether the lowest value itself is out.
        above: bool,
        /// Highest value.
        high: f64,
    },
    /// `null`, or by feature −1 (falling), 0 or 1 (rising).
    Monotone,
    /// `null`, or by feature a number of at least 0.
    Costs,
    /// `null`, or a list of lists of feature names.
    Groups,
}

/// A parameter that may be left to a documented rule on the size of the data.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(untagged)]
pub enum OrAuto<T> {
    /// By the rule. JSON `"auto"`.
    Auto(AutoWord),
    /// This.
    Value(T),
}

impl<T> OrAuto<T> {
    /// By the rule.
    pub const AUTO: OrAuto<T> = OrAuto::Auto(AutoWord::Auto);
}

impl<T> Default for OrAuto<T> {
    fn default() -> OrAuto<T> {
        OrAuto::AUTO
    }
}

impl<T: Copy> OrAuto<T> {
    /// The value, or what the rule gives.
    pub fn or(&self, rule: T) -> T {
        match self {
            OrAuto::Auto(AutoWord::Auto) => rule,
            OrAuto::Value(value) => *value,
        }
    }
}

impl<T> From<T> for OrAuto<T> {
    fn from(value: T) -> OrAuto<T> {
        OrAuto::Value(value)
    }
}

/// Features by the direction in which the score may move with them: −1 falling, 0 any, 1 rising.
pub type Monotone = std::collections::BTreeMap<String, i8>;

/// What using a feature costs, by its name.
pub type Costs = std::collections::BTreeMap<String, f64>;

/// One parameter.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize)]
pub struct ParamSpec {
    /// Its name in every language.
    pub name: &'static str,
    /// Its default, as JSON text.
    pub default: &'static str,
    /// The values it may take.
    pub range: Range,
    /// Whether a search should look at it on a logarithmic scale.
    pub log: bool,
    /// What it means.
    pub meaning: &'static str,
}

impl Range {
    /// The range in words, as error messages and docs show it.
    pub fn describe(&self) -> String {
        match self {
            Range::Number { low, above, high } => {
                let low = format!("a number {} {low}", if *above { ">" } else { ">=" });
                if high.is_finite() { format!("{low} and <= {high}") } else { low }
            }
            Range::Integer { low, high: u32::MAX } => format!("a whole number >= {low}"),
            Range::Integer { low, high } => format!("a whole number from {low} to {high}"),
            Range::Choice { options } => one_of(options),
            Range::OptionalInteger { low, high } => {
                format!("null or {}", Range::Integer { low: *low, high: *high }.describe())
            }
            Range::OptionalIntegerOrAuto { low, high } => {
                format!("\"auto\", null or {}", Range::Integer { low: *low, high: *high }.describe())
            }
            Range::IntegerOrAuto { low, high } => {
                format!("\"auto\" or {}", Range::Integer { low: *low, high: *high }.describe())
            }
            Range::NumberOrAuto { low, above, high } => {
                format!("\"auto\" or {}", Range::Number { low: *low, above: *above, high: *high }.describe())
            }
            Range::Monotone => "null or an object from feature to -1 (falling), 0 or 1 (rising)".to_owned(),
            Range::Costs => "null or an object from feature to a number >= 0".to_owned(),
            Range::Groups => "null or a list of lists of feature names".to_owned(),
            Range::ClassWeight => {
                "null, \"balanced\" or {\"negative\": number >= 0, \"positive\": number >= 0}".to_owned()
            }
        }
    }

    fn holds(&self, value: &Value) -> bool {
        match self {
            Range::Number { low, above, high } => {
                value.as_f64().is_some_and(|v| v.is_finite() && v <= *high && if *above { v > *low } else { v >= *low })
            }
            Range::Integer { low, high } => {
                value.as_u64().is_some_and(|v| v >= u64::from(*low) && v <= u64::from(*high))
            }
            Range::Choice { options } => value.as_str().is_some_and(|v| options.contains(&v)),
            Range::OptionalInteger { low, high } => {
                value.is_null() || Range::Integer { low: *low, high: *high }.holds(value)
            }
            Range::OptionalIntegerOrAuto { low, high } => {
                value.is_null() || Range::IntegerOrAuto { low: *low, high: *high }.holds(value)
            }
            Range::IntegerOrAuto { low, high } => {
                value.as_str() == Some("auto") || Range::Integer { low: *low, high: *high }.holds(value)
            }
            Range::NumberOrAuto { low, above, high } => {
                value.as_str() == Some("auto") || Range::Number { low: *low, above: *above, high: *high }.holds(value)
            }
            Range::Monotone => {
                let sign = |v: &Value| v.as_i64().is_some_and(|v| (-1..=1).contains(&v));
                value.is_null() || value.as_object().is_some_and(|m| m.values().all(sign))
            }
            Range::Costs => {
                let cost = |v: &Value| v.as_f64().is_some_and(|v| v.is_finite() && v >= 0.0);
                value.is_null() || value.as_object().is_some_and(|m| m.values().all(cost))
            }
            Range::Groups => {
                let names = |g: &Value| g.as_array().is_some_and(|g| g.iter().all(Value::is_string));
                value.is_null() || value.as_array().is_some_and(|groups| groups.iter().all(names))
            }
            Range::ClassWeight => match value {
                Value::Null => true,
                Value::String(s) => s == "balanced",
                Value::Object(m) => {
                    let weight =
                        |key: &str| m.get(key).and_then(Value::as_f64).is_some_and(|v| v.is_finite() && v >= 0.0);
                    m.len() == 2 && weight("negative") && weight("positive")
                }
                _ => false,
            },
        }
    }
}

fn one_of(options: &[&str]) -> String {
    let quoted: Vec<String> = options.iter().map(|o| format!("\"{o}\"")).collect();
    quoted.join(" | ")
}

/// Check parameters in their JSON form against their table; a missing name stands for its default.
///
/// # Errors
/// [`Error::InvalidParam`] for an unknown name or a value out of range.
pub(super) fn check_values(learner: &str, specs: &[ParamSpec], values: &Map<String, Value>) -> Result<()> {
    for (name, value) in values {
        let Some(spec) = specs.iter().find(|s| s.name == name) else {
            let names: Vec<&str> = specs.iter().map(|s| s.name).collect();
            return Err(Error::param(
                name,
                value,
                format!("a parameter of `{learner}`: {}", names.join(", ")),
                nearest(name, &names),
            ));
        };
        if !spec.range.holds(value) {
            let hint = match (&spec.range, value.as_str()) {
                (Range::Choice { options }, Some(word)) => nearest(word, options),
                _ => format!("the default is {}", spec.default),
            };
            return Err(Error::param(name, value, spec.range.describe(), hint));
        }
    }
    Ok(())
}

/// Check a parameter struct against its table.
pub(super) fn check_struct(learner: &str, specs: &[ParamSpec], params: &impl serde::Serialize) -> Result<()> {
    match serde_json::to_value(params) {
        Ok(Value::Object(values)) => check_values(learner, specs, &values),
        Ok(other) => Err(Error::Internal(format!("parameters of `{learner}` are not an object: {other}"))),
        Err(e) => Err(Error::Internal(format!("parameters of `{learner}`: {e}"))),
    }
}

/// A parameter struct from JSON: `null` or an object of some of its names.
pub(super) fn from_json<P: serde::de::DeserializeOwned>(
    learner: &str,
    specs: &[ParamSpec],
    params: Option<&Value>,
) -> Result<P> {
    let mut values = match params {
        None | Some(Value::Null) => Map::new(),
        Some(Value::Object(values)) => values.clone(),
        Some(other) => {
            return Err(Error::param("params", other, "an object of parameter names and values", "e.g. {\"c\": 0.1}"));
        }
    };
    for spec in specs {
        // 100.0 is the whole number 100: JavaScript has only one kind of number.
        let whole = |value: &mut Value| {
            if let Some(v) = value.as_f64()
                && v.abs() <= f64::from(u32::MAX)
                && v.fract() == 0.0
            {
                *value = Value::from(v as i64);
            }
        };
        match (&spec.range, values.get_mut(spec.name)) {
            (
                Range::Integer { .. }
                | Range::OptionalInteger { .. }
                | Range::IntegerOrAuto { .. }
                | Range::OptionalIntegerOrAuto { .. },
                Some(value),
            ) => whole(value),
            (Range::Monotone, Some(Value::Object(signs))) => signs.values_mut().for_each(whole),
            _ => {}
        }
    }
    check_values(learner, specs, &values)?;
    serde_json::from_value(Value::Object(values))
        .map_err(|e| Error::Internal(format!("parameters of `{learner}` passed their check and not serde: {e}")))
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// The table, the struct and its defaults say the same.
    pub(in crate::learn) fn table_agrees(learner: &str, specs: &[ParamSpec], defaults: &Value) {
        let defaults = defaults.as_object().unwrap();
        let names: Vec<&str> = specs.iter().map(|s| s.name).collect();
        let mut sorted = names.clone();
        sorted.sort_unstable();
        assert_eq!(sorted, defaults.keys().map(String::as_str).collect::<Vec<_>>(), "{learner}");
        for spec in specs {
            let stated: Value = serde_json::from_str(spec.default).unwrap();
            assert_eq!(
                stated.as_f64().map_or(stated.to_string(), |v| v.to_string()),
                defaults[spec.name].as_f64().map_or(defaults[spec.name].to_string(), |v| v.to_string()),
                "{learner}.{}",
                spec.name
            );
            assert!(spec.range.holds(&defaults[spec.name]), "{learner}.{}", spec.name);
            assert!(!spec.meaning.is_empty());
        }
    }

    #[test]
    fn nearest_names() {
        assert_eq!(nearest("penality", &["penalty", "c"]), "did you mean `penalty`?");
        assert_eq!(nearest("C", &["penalty", "c"]), "did you mean `c`?");
        assert_eq!(nearest("n_trees", &["penalty", "c"]), "use one of these");
    }
}
