//! The table of labels against predictions, and every metric that is a function of it.
//!
//! Notation: T_c is the sum of the weights in cell c, S_c the sum of their squares. A metric F(tn, fp, fn, tp) that does
//! not change when all cells are scaled has the large-sample variance Σ_c (∂F/∂T_c)² S_c; with unit weights this is
//! the delta method on the multinomial table.

use super::interval::{self, Estimate};
use super::{Metric, metric};
use crate::Result;

/// Sums of weights (numbers of rows, without weights) by label and prediction.
#[derive(Debug, Clone, Copy, PartialEq, Default, serde::Serialize)]
pub struct Confusion {
    /// Negatives predicted negative.
    pub tn: f64,
    /// Negatives predicted positive.
    pub fp: f64,
    /// Positives predicted negative.
    #[serde(rename = "fn")]
    pub fn_: f64,
    /// Positives predicted positive.
    pub tp: f64,
    /// Sums of squared weights in the order tn, fp, fn, tp.
    #[serde(skip)]
    squares: [f64; 4],
}

/// 0 without a denominator.
fn ratio(numerator: f64, denominator: f64) -> f64 {
    if denominator > 0.0 { numerator / denominator } else { 0.0 }
}

impl Confusion {
    /// Count one more row.
    pub fn add(&mut self, is_positive: bool, is_predicted: bool, weight: f64) {
        let (cell, square) = match (is_positive, is_predicted) {
            (false, false) => (&mut self.tn, &mut self.squares[0]),
            (false, true) => (&mut self.fp, &mut self.squares[1]),
            (true, false) => (&mut self.fn_, &mut self.squares[2]),
            (true, true) => (&mut self.tp, &mut self.squares[3]),
        };
        *cell += weight;
        *square += weight * weight;
    }

    /// Sum of all weights.
    pub fn total(&self) -> f64 {
        self.tn + self.fp + self.fn_ + self.tp
    }

    /// The metric's value; 0 where it has no denominator.
    ///
    /// # Errors
    /// [`crate::ErrorKind::Internal`] for a metric that needs no threshold: it is no function of this table.
    pub fn value(&self, metric: Metric) -> Result<f64> {
        let Confusion { tn, fp, fn_, tp, .. } = *self;
        Ok(match metric {
            Metric::Accuracy => ratio(tp + tn, self.total()),
            Metric::Precision => ratio(tp, tp + fp),
            Metric::Recall => ratio(tp, tp + fn_),
            Metric::Specificity => ratio(tn, tn + fp),
            Metric::BalancedAccuracy => {
                let (recall, specificity) = (ratio(tp, tp + fn_), ratio(tn, tn + fp));
                if tp + fn_ == 0.0 {
                    specificity
                } else if tn + fp == 0.0 {
                    recall
                } else {
                    0.5 * (recall + specificity)
                }
            }
            Metric::FBeta(beta) => {
                metric::check_beta(beta)?;
                let b2 = beta * beta;
                ratio((1.0 + b2) * tp, (1.0 + b2) * tp + b2 * fn_ + fp)
            }
            // The root may round to just below the product it bounds.
            Metric::Mcc => ratio(tp * tn - fp * fn_, self.mcc_scale()).clamp(-1.0, 1.0),
            Metric::CohenKappa => ratio(2.0 * (tp * tn - fp * fn_), self.kappa_scale()),
            Metric::RocAuc | Metric::AveragePrecision | Metric::Brier | Metric::LogLoss => {
                return Err(crate::Error::Internal(format!("{metric} of a confusion table")));
            }
        })
    }

    /// The metric's value with its 95 % interval.
    ///
    /// # Errors
    /// As [`Confusion::value`].
    pub fn estimate(&self, metric: Metric) -> Result<Estimate> {
        let value = self.value(metric)?;
        let Confusion { tn, fp, fn_, tp, squares: [tn2, fp2, fn2, tp2] } = *self;
        let range = metric.range();
        // Rows for each unit of weight.
        let rows = ratio(self.total(), tn2 + fp2 + fn2 + tp2);
        let recall = || interval::wilson(ratio(tp, tp + fn_), interval::effective(tp + fn_, tp2 + fn2));
        let specificity = || interval::wilson(ratio(tn, tn + fp), interval::effective(tn + fp, tn2 + fp2));
        let interval = match metric {
            Metric::Accuracy => interval::wilson(value, self.total() * rows),
            Metric::Precision => interval::wilson(value, interval::effective(tp + fp, tp2 + fp2)),
            Metric::Recall => recall(),
            Metric::Specificity => specificity(),
            Metric::BalancedAccuracy => match (recall(), specificity()) {
                (Some(r), Some(s)) => Some(interval::mean_of_rates(ratio(tp, tp + fn_), ratio(tn, tn + fp), r, s)),
                (one, other) => one.or(other),
            },
            Metric::FBeta(beta) => {
                let b2 = beta * beta;
                let (missed, d) = (b2 * fn_ + fp, (1.0 + b2) * tp + b2 * fn_ + fp);
                let (up, down) = ((1.0 + b2) * missed / d / d, (1.0 + b2) * tp / d / d);
                let variance = up * up * tp2 + (b2 * down) * (b2 * down) * fn2 + down * down * fp2;
                // The limits of F(1 − F) / variance as tp → 0, and as fn + fp → 0 (the smaller of the two ways there).
                let n_at_end = if tp > 0.0 { (1.0 + b2) * tp / b2.max(1.0) } else { missed / (1.0 + b2) };
                if d > 0.0 { interval::wilson_form(value, variance, range, n_at_end * rows) } else { None }
            }
            Metric::Mcc | Metric::CohenKappa => {
                let (positive, negative, flagged, passed) = (tp + fn_, tn + fp, tp + fp, tn + fn_);
                let slopes = if metric == Metric::Mcc {
                    // d(A/√Q) = dA/√Q − A/√Q · dQ/2Q
                    let half = 0.5 * value;
                    let scale = self.mcc_scale();
                    [
                        tp / scale - half * (1.0 / negative + 1.0 / passed),
                        -fn_ / scale - half * (1.0 / negative + 1.0 / flagged),
                        -fp / scale - half * (1.0 / positive + 1.0 / passed),
                        tn / scale - half * (1.0 / positive + 1.0 / flagged),
                    ]
                } else {
                    // d(2A/B) = (2·dA − 2A/B · dB) / B
                    let scale = self.kappa_scale();
                    [
                        (2.0 * tp - value * (flagged + positive)) / scale,
                        (-2.0 * fn_ - value * (flagged + negative)) / scale,
                        (-2.0 * fp - value * (positive + passed)) / scale,
                        (2.0 * tn - value * (negative + passed)) / scale,
                    ]
                };
                let variance: f64 = slopes.iter().zip(self.squares).map(|(slope, s)| slope * slope * s).sum();
                // At MCC = ±1 the slopes cancel, but for rounding.
                let is_end = metric == Metric::Mcc && (fp + fn_ == 0.0 || tp + tn == 0.0);
                let variance = if is_end { 0.0 } else { variance };
                // The limit of the effective number as fp + fn → 0, or tp + tn → 0.
                let n_at_end = 4.0 * positive * (negative / self.total()) * rows;
                let is_defined = positive > 0.0 && negative > 0.0 && flagged > 0.0 && passed > 0.0;
                if is_defined { interval::wilson_form(value, variance, range, n_at_end) } else { None }
            }
            Metric::RocAuc | Metric::AveragePrecision | Metric::Brier | Metric::LogLoss => None,
        };
        Ok(Estimate::new(value, interval, range))
    }

    /// √((tp+fp)(tp+fn)(tn+fp)(tn+fn)), by two roots so that large weights do not overflow.
    fn mcc_scale(&self) -> f64 {
        let Confusion { tn, fp, fn_, tp, .. } = *self;
        ((tp + fp) * (tp + fn_)).sqrt() * ((tn + fp) * (tn + fn_)).sqrt()
    }

    /// (tp+fp)(fp+tn) + (tp+fn)(fn+tn).
    fn kappa_scale(&self) -> f64 {
        let Confusion { tn, fp, fn_, tp, .. } = *self;
        (tp + fp) * (fp + tn) + (tp + fn_) * (fn_ + tn)
    }
}
