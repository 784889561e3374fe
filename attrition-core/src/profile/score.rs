//! The summary of a model's scores.

use crate::error::Place;
use crate::num::exact_sum::ExactSum;
use crate::{Error, Result};

/// Equal bins of `[0, 1]`.
pub const SCORE_BINS: usize = 100;

/// How probabilities are spread, and how often the label is positive in each bin where labels are known.
///
/// Bin `b` of [`SCORE_BINS`] holds the probabilities in `[b/100, (b+1)/100)`, the last one 1 as well.
#[derive(Debug, Clone, PartialEq, Default, serde::Serialize, serde::Deserialize)]
#[serde(try_from = "Stored")]
pub struct ScoreProfile {
    counts: Vec<u64>,
    labelled: Vec<u64>,
    positives: Vec<u64>,
    sum: ExactSum,
}

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Stored {
    counts: Vec<u64>,
    labelled: Vec<u64>,
    positives: Vec<u64>,
    sum: ExactSum,
}

impl TryFrom<Stored> for ScoreProfile {
    type Error = String;
    fn try_from(s: Stored) -> Result<ScoreProfile, String> {
        let n = s.counts.len();
        let fits = |small: &[u64], large: &[u64]| small.len() == n && small.iter().zip(large).all(|(a, b)| a <= b);
        let total = s.counts.iter().try_fold(0_u64, |sum, &c| sum.checked_add(c));
        if (n != 0 && n != SCORE_BINS)
            || total.is_none()
            || !fits(&s.labelled, &s.counts)
            || !fits(&s.positives, &s.labelled)
        {
            return Err(format!("scores in other than {SCORE_BINS} bins, or more labels than scores"));
        }
        Ok(ScoreProfile { counts: s.counts, labelled: s.labelled, positives: s.positives, sum: s.sum })
    }
}

impl ScoreProfile {
    /// The summary of probabilities, with labels (0, 1) where they are known.
    ///
    /// # Errors
    /// [`Error::InvalidData`] for a probability outside `[0, 1]`, a label other than 0 and 1, or another number of
    /// labels than of probabilities.
    ///
    /// # Example
    /// ```
    /// use attrition_core::profile::ScoreProfile;
    /// let p = ScoreProfile::of(&[0.105, 0.5, 1.0], Some(&[0, 1, 1]))?;
    /// assert_eq!((p.counts()[10], p.positives()[50], p.counts()[99]), (1, 1, 1));
    /// # Ok::<(), attrition_core::Error>(())
    /// ```
    pub fn of(proba: &[f64], labels: Option<&[u8]>) -> Result<ScoreProfile> {
        let place = |row| Place::cell(row, "score");
        let mut p = ScoreProfile {
            counts: vec![0; SCORE_BINS],
            labelled: vec![0; SCORE_BINS],
            positives: vec![0; SCORE_BINS],
            sum: ExactSum::default(),
        };
        if let Some(labels) = labels
            && labels.len() != proba.len()
        {
            let expected = format!("{}, one a score", proba.len());
            return Err(Error::data(Place::none(), format!("{} labels", labels.len()), expected, "give all or none"));
        }
        for (row, &x) in proba.iter().enumerate() {
            if !(0.0..=1.0).contains(&x) {
                let hint = "give the probabilities that predict_proba returns";
                return Err(Error::data(place(row), x, "a probability in [0, 1]", hint));
            }
            let bin = ((x * SCORE_BINS as f64) as usize).min(SCORE_BINS - 1);
            p.counts[bin] += 1;
            p.sum.add(x);
            if let Some(&label) = labels.and_then(|l| l.get(row)) {
                if label > 1 {
                    return Err(Error::data(place(row), format!("label {label}"), "0 or 1", "code the labels first"));
                }
                p.labelled[bin] += 1;
                p.positives[bin] += u64::from(label);
            }
        }
        Ok(p)
    }

    /// Adds the summary of other scores.
    pub fn merge(&mut self, other: &ScoreProfile) {
        fn add(a: &mut Vec<u64>, b: &[u64]) {
            a.resize(a.len().max(b.len()), 0);
            a.iter_mut().zip(b).for_each(|(a, b)| *a += b);
        }
        add(&mut self.counts, &other.counts);
        add(&mut self.labelled, &other.labelled);
        add(&mut self.positives, &other.positives);
        self.sum.merge(&other.sum);
    }

    /// How many scores were seen.
    pub fn n(&self) -> u64 {
        self.counts.iter().sum()
    }
    /// The mean score; NaN when there is none.
    pub fn mean(&self) -> f64 {
        self.sum.value() / self.n() as f64
    }
    /// Scores a bin; empty when nothing was ever added.
    pub fn counts(&self) -> &[u64] {
        &self.counts
    }
    /// Scores with a known label, a bin.
    pub fn labelled(&self) -> &[u64] {
        &self.labelled
    }
    /// Scores whose label is 1, a bin.
    pub fn positives(&self) -> &[u64] {
        &self.positives
    }
}
