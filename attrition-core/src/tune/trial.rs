//! One trial: its parameters, and what came of it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::space::Params;
use crate::{Error, Result};

/// Where a trial stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TrialState {
    /// Given or left over; the next to be asked for.
    Waiting,
    /// Asked for, not told.
    Running,
    /// Told its value.
    Complete,
    /// Stopped early; it has no value, only what it reported.
    Pruned,
    /// Ended with an error; it has no value.
    Failed,
}

impl TrialState {
    /// Complete, pruned or failed.
    pub fn is_finished(self) -> bool {
        matches!(self, TrialState::Complete | TrialState::Pruned | TrialState::Failed)
    }
}

/// One trial.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Trial {
    /// Its number, from 0, in the order of proposal.
    pub number: u64,
    /// Where it stands.
    pub state: TrialState,
    /// Its active parameters.
    pub params: Params,
    /// Its values, one an objective, finite; empty unless complete.
    pub values: Vec<f64>,
    /// Why it failed.
    pub error: Option<String>,
    /// What it reported on its way, by step (fold, number of trees, …).
    pub reports: BTreeMap<u64, f64>,
    /// What the caller noted.
    pub notes: BTreeMap<String, Value>,
}

impl Trial {
    /// A trial that waits.
    pub(super) fn waiting(number: u64, params: Params) -> Trial {
        Trial {
            number,
            state: TrialState::Waiting,
            params,
            values: Vec::new(),
            error: None,
            reports: BTreeMap::new(),
            notes: BTreeMap::new(),
        }
    }

    /// The value of the first objective; `None` unless complete.
    pub fn value(&self) -> Option<f64> {
        self.values.first().copied()
    }

    /// The value of a number.
    ///
    /// # Errors
    /// [`Error::NotFound`]: not active, or not there; [`Error::InvalidParam`]: no number.
    pub fn float(&self, name: &str) -> Result<f64> {
        self.get(name, "a number", Value::as_f64)
    }

    /// The value of a whole number.
    ///
    /// # Errors
    /// As [`Trial::float`].
    pub fn int(&self, name: &str) -> Result<i64> {
        self.get(name, "a whole number", Value::as_i64)
    }

    /// The option chosen, where options are strings.
    ///
    /// # Errors
    /// As [`Trial::float`].
    pub fn choice(&self, name: &str) -> Result<&str> {
        self.get(name, "a string", Value::as_str)
    }

    fn get<'a, T>(&'a self, name: &str, kind: &str, as_kind: impl Fn(&'a Value) -> Option<T>) -> Result<T> {
        let Some(value) = self.params.get(name) else {
            return Err(Error::not_found("active parameter", name, self.params.keys().map(String::as_str)));
        };
        as_kind(value).ok_or_else(|| Error::param(name, value, kind, "ask for the kind that the space gives it"))
    }
}

/// What came of a trial.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// Its values, one an objective. One that is NaN or infinite makes the trial a failed one.
    Complete(Vec<f64>),
    /// It was stopped early.
    Pruned,
    /// It failed, with this message.
    Failed(String),
}

impl From<f64> for Outcome {
    fn from(value: f64) -> Outcome {
        Outcome::Complete(vec![value])
    }
}

impl From<Vec<f64>> for Outcome {
    fn from(values: Vec<f64>) -> Outcome {
        Outcome::Complete(values)
    }
}
