//! Checked rows of labels and scores, from which every metric is taken.

use super::calibration::{self, Binning, CalibrationCurve, CalibrationError};
use super::interval::{self, Estimate};
use super::ranking::{PrecisionRecallCurve, Ranking, RocCurve};
use super::{Confusion, Metric};
use crate::error::Place;
use crate::num::float;
use crate::{Error, ErrorKind, Result};
use std::sync::OnceLock;

/// Weights beyond this overflow when squared and multiplied.
const MAX_WEIGHT: f64 = 1e100;

/// Labels, scores and weights that have been checked once; sorted once, when the first ranking metric is asked for.
///
/// What is refused and what weights do stand in the [module](super).
pub struct Scores<'a> {
    y: &'a [u8],
    proba: &'a [f64],
    w: Option<&'a [f64]>,
    ranking: OnceLock<Ranking>,
}

impl<'a> Scores<'a> {
    /// Check labels `(n,)`, scores `(n,)` and weights `(n,)`.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidData`], with the row: see the [module](super).
    pub fn new(y: &'a [u8], proba: &'a [f64], w: Option<&'a [f64]>) -> Result<Scores<'a>> {
        let refuse = |place, got: String, expected: &str, hint: &str| Err(Error::data(place, got, expected, hint));
        let n = y.len();
        if proba.len() != n || w.is_some_and(|w| w.len() != n) {
            let weights = w.map_or(String::new(), |w| format!(" and {} weights", w.len()));
            let got = format!("{n} labels, {} scores{weights}", proba.len());
            return refuse(Place::none(), got, "as many of each", "pass arrays of the same rows");
        }
        if n == 0 {
            return refuse(Place::none(), "no rows".into(), "at least one row", "check the filter before this call");
        }
        if let Some((row, label)) = y.iter().enumerate().find(|(_, label)| **label > 1) {
            let hint = "code the positive class as 1 and the other as 0";
            return refuse(Place::row(row), format!("label {label}"), "a label of 0 or 1", hint);
        }
        if let Some((row, p)) = proba.iter().enumerate().find(|(_, p)| !p.is_finite()) {
            let hint = "leave out the rows that have no score";
            return refuse(Place::row(row), format!("score {p}"), "a finite number", hint);
        }
        if let Some(w) = w {
            if let Some((row, weight)) = w.iter().enumerate().find(|(_, w)| !(0.0..=MAX_WEIGHT).contains(*w)) {
                let hint = "use 0 for a row that is not to count";
                return refuse(Place::row(row), format!("weight {weight}"), "a number from 0 to 1e100", hint);
            }
            if w.iter().all(|&w| w == 0.0) {
                let hint = "give the rows that count a weight above 0";
                return refuse(Place::none(), "weights that are all 0".into(), "at least one above 0", hint);
            }
        }
        Ok(Scores { y, proba, w, ranking: OnceLock::new() })
    }

    /// The metric's value.
    ///
    /// # Errors
    /// See the [module](super).
    pub fn value(&self, metric: Metric, threshold: f64) -> Result<f64> {
        match metric {
            Metric::RocAuc => Ok(self.ranking().roc_auc()?.0),
            Metric::AveragePrecision => Ok(self.ranking().average_precision().0),
            Metric::Brier | Metric::LogLoss => self.mean_loss(metric).map(|(mean, _)| mean),
            _ => self.confusion(threshold)?.value(metric),
        }
    }

    /// The metric's value with its 95 % interval.
    ///
    /// # Errors
    /// See the [module](super).
    pub fn estimate(&self, metric: Metric, threshold: f64) -> Result<Estimate> {
        let (value, interval) = match metric {
            Metric::RocAuc => self.ranking().roc_auc()?,
            Metric::AveragePrecision => self.ranking().average_precision(),
            Metric::Brier | Metric::LogLoss => {
                let (mean, variance) = self.mean_loss(metric)?;
                (mean, variance.and_then(|v| interval::wald(mean, v)))
            }
            _ => return self.confusion(threshold)?.estimate(metric),
        };
        Ok(Estimate::new(value, interval, metric.range()))
    }

    /// Every metric of [`Metric::ALL`] that is defined on these rows, in that order.
    ///
    /// # Errors
    /// See the [module](super).
    pub fn all(&self, threshold: f64) -> Result<Vec<(Metric, Estimate)>> {
        let confusion = self.confusion(threshold)?;
        let mut all = Vec::with_capacity(Metric::ALL.len());
        for metric in Metric::ALL {
            let estimate =
                if metric.needs_threshold() { confusion.estimate(metric) } else { self.estimate(metric, threshold) };
            match estimate {
                Ok(estimate) => all.push((metric, estimate)),
                // Rows of one class have no ROC curve.
                Err(e) if metric == Metric::RocAuc && e.kind() == ErrorKind::InvalidData => {}
                Err(e) => return Err(e),
            }
        }
        Ok(all)
    }

    /// The table of labels against predictions at `threshold`.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidParam`] for a NaN threshold.
    pub fn confusion(&self, threshold: f64) -> Result<Confusion> {
        if threshold.is_nan() {
            return Err(Error::param("threshold", threshold, "a number", "use 0.5, or best_threshold"));
        }
        let mut confusion = Confusion::default();
        for (row, (&label, &p)) in self.y.iter().zip(self.proba).enumerate() {
            confusion.add(label == 1, p >= threshold, self.weight(row));
        }
        Ok(confusion)
    }

    /// The ROC curve, without dropping any point.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidData`] for rows of one class.
    pub fn roc_curve(&self) -> Result<RocCurve> {
        self.ranking().roc_curve()
    }

    /// The precision-recall curve, without dropping any point.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidData`] without a positive row.
    pub fn precision_recall_curve(&self) -> Result<PrecisionRecallCurve> {
        self.ranking().precision_recall_curve()
    }

    /// See [`super::best_threshold`].
    ///
    /// # Errors
    /// As there.
    pub fn best_threshold(&self, beta: f64) -> Result<f64> {
        self.ranking().best_threshold(beta)
    }

    /// Mean score against observed rate, by bin of the score.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidParam`] for a number of bins outside 1..=1000; [`ErrorKind::InvalidData`] for scores outside
    /// [0, 1].
    pub fn calibration_curve(&self, binning: Binning, n_bins: usize) -> Result<CalibrationCurve> {
        self.probabilities()?;
        calibration::curve(self.y, self.proba, |row| self.weight(row), binning, n_bins)
    }

    /// Expected and maximal calibration error over `n_bins` bins of equal width, bin = min(⌊n_bins · p⌋, n_bins − 1):
    /// the weighted mean and the maximum of |mean score − observed rate| over the bins that hold rows. Both are biased
    /// upwards, the more so the fewer rows a bin holds, and have no interval.
    ///
    /// # Errors
    /// As [`Scores::calibration_curve`].
    pub fn calibration_error(&self, n_bins: usize) -> Result<CalibrationError> {
        self.probabilities()?;
        calibration::error(self.y, self.proba, |row| self.weight(row), n_bins)
    }

    fn weight(&self, row: usize) -> f64 {
        self.w.map_or(1.0, |w| w[row])
    }

    fn ranking(&self) -> &Ranking {
        self.ranking.get_or_init(|| Ranking::new(self.y, self.proba, self.w))
    }

    /// The scores are probabilities.
    fn probabilities(&self) -> Result<()> {
        match self.proba.iter().position(|p| !(0.0..=1.0).contains(p)) {
            None => Ok(()),
            Some(row) => Err(Error::data(
                Place::row(row),
                format!("score {}", self.proba[row]),
                "a probability from 0 to 1",
                "turn scores into probabilities first; ranking metrics take any scores",
            )),
        }
    }

    /// Weighted mean of the loss and the variance of that mean; none from one (effective) row.
    fn mean_loss(&self, metric: Metric) -> Result<(f64, Option<f64>)> {
        self.probabilities()?;
        let loss = |row: usize| {
            let (label, p) = (self.y[row], self.proba[row]);
            if metric == Metric::LogLoss { log_loss(label, p) } else { (p - f64::from(label)) * (p - f64::from(label)) }
        };
        Ok(interval::mean(self.y.len(), |row| self.weight(row), loss))
    }
}

/// −ln P(label), with the probability kept 1e-15 away from 0 and 1.
pub(crate) fn log_loss(label: u8, proba: f64) -> f64 {
    const TINY: f64 = 1e-15;
    let p = proba.clamp(TINY, 1.0 - TINY);
    -float::ln(if label == 1 { p } else { 1.0 - p })
}
