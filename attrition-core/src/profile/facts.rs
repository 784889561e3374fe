//! What a profile knows, as plain values for people and other languages.

use std::collections::BTreeMap;

use serde::Serialize;

use super::{ColumnProfile, Profile, ScoreProfile, Summary};

/// The quantiles that are told.
const QUANTILES: [&str; 7] = ["0.01", "0.05", "0.25", "0.5", "0.75", "0.95", "0.99"];

/// What a [`Profile`] knows.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ProfileFacts {
    /// Rows seen.
    pub n_rows: u64,
    /// The columns, by name.
    pub columns: BTreeMap<String, ColumnFacts>,
    /// The scores of a model on these rows, where they were added.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub scores: Option<ScoreFacts>,
}

/// What a profile knows of a column. Times are days since 1970-01-01 UTC; what a kind of column does not have is left out.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ColumnFacts {
    /// `"number"`, `"time"`, `"category"`, `"bool"`, or `"empty"` where every value is missing.
    pub kind: &'static str,
    /// Missing values.
    pub n_missing: u64,
    /// Their share of the rows, in `[0, 1]`; 0 without rows.
    pub missing_rate: f64,
    /// The mean of the finite numbers.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mean: Option<f64>,
    /// Their population standard deviation.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub std: Option<f64>,
    /// The smallest one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub min: Option<f64>,
    /// The largest one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max: Option<f64>,
    /// Infinite numbers, which are in no other figure.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub n_infinite: Option<u64>,
    /// Estimates of quantiles, by their share; see [`super::Numbers::quantile`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub quantiles: Option<BTreeMap<&'static str, f64>>,
    /// Counts of levels, by name; of truth values as `"false"` and `"true"`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub levels: Option<BTreeMap<String, u64>>,
    /// Values of levels that are not counted one by one; see [`super::Levels`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub n_other: Option<u64>,
}

/// What a profile knows of a model's scores.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ScoreFacts {
    /// Scores seen.
    pub n: u64,
    /// Their mean.
    pub mean: f64,
    /// Scores in each of the equal bins of `[0, 1]`.
    pub counts: Vec<u64>,
    /// Those whose label is known.
    pub labelled: Vec<u64>,
    /// Those whose label is positive.
    pub positives: Vec<u64>,
}

impl Profile {
    /// What it knows, as plain values.
    ///
    /// # Example
    /// ```
    /// use attrition_core::{Run, datasets, profile::Profile};
    /// let facts = Profile::of(&datasets::employees(500, 0)?, &Run::new())?.facts();
    /// assert_eq!((facts.n_rows, facts.columns["Age"].kind), (500, "number"));
    /// # Ok::<(), attrition_core::Error>(())
    /// ```
    pub fn facts(&self) -> ProfileFacts {
        ProfileFacts {
            n_rows: self.n_rows(),
            columns: self.columns().map(|(name, column)| (name.to_owned(), ColumnFacts::of(column))).collect(),
            scores: self.scores().map(ScoreFacts::of),
        }
    }
}

impl ColumnFacts {
    fn of(column: &ColumnProfile) -> ColumnFacts {
        let mut facts = ColumnFacts {
            kind: match column.values() {
                Summary::Empty => "empty",
                Summary::Number(_) => "number",
                Summary::Time(_) => "time",
                Summary::Category(_) => "category",
                Summary::Bool { .. } => "bool",
            },
            n_missing: column.n_missing(),
            missing_rate: column.missing_rate(),
            mean: None,
            std: None,
            min: None,
            max: None,
            n_infinite: None,
            quantiles: None,
            levels: None,
            n_other: None,
        };
        match column.values() {
            Summary::Empty => {}
            Summary::Number(n) | Summary::Time(n) => {
                let finite = n.n() > 0;
                (facts.mean, facts.std) = (finite.then(|| n.mean()), finite.then(|| n.std()));
                (facts.min, facts.max) = n.range().unzip();
                facts.n_infinite = Some(n.infinite().0 + n.infinite().1);
                let quantile = |q: &&'static str| Some((*q, n.quantile(q.parse().ok()?)?.value));
                facts.quantiles = Some(QUANTILES.iter().filter_map(quantile).collect());
            }
            Summary::Category(levels) => {
                facts.levels = Some(levels.counts().map(|(level, n)| (level.to_owned(), n)).collect());
                facts.n_other = Some(levels.overflow());
            }
            Summary::Bool { no, yes } => {
                facts.levels = Some([("false", *no), ("true", *yes)].map(|(l, n)| (l.to_owned(), n)).into());
            }
        }
        facts
    }
}

impl ScoreFacts {
    fn of(scores: &ScoreProfile) -> ScoreFacts {
        ScoreFacts {
            n: scores.n(),
            mean: scores.mean(),
            counts: scores.counts().to_vec(),
            labelled: scores.labelled().to_vec(),
            positives: scores.positives().to_vec(),
        }
    }
}
