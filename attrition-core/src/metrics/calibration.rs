//! Do probabilities mean what they say: by bins of the score.

use super::interval::{self, Estimate};
use crate::{Error, Result};

/// How scores are put into bins.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Binning {
    /// Bins of equal width.
    #[default]
    Uniform,
    /// Bins of about equal numbers of rows: edges at the quantiles of the scores (linear interpolation, rows counted
    /// without their weights).
    Quantile,
}

/// One bin that holds rows.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize)]
pub struct Bin {
    /// Mean score.
    pub prob_pred: f64,
    /// Rate of positives, with Wilson's interval.
    pub prob_true: Estimate,
    /// Sum of the weights (number of rows, without weights).
    pub weight: f64,
}

/// The bins in ascending order of the score. A score that equals an edge is in the bin below it, as in scikit-learn.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct CalibrationCurve {
    /// The bins that hold rows.
    pub bins: Vec<Bin>,
}

/// How far probabilities are from observed rates.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize)]
pub struct CalibrationError {
    /// Expected calibration error: the mean over rows.
    pub ece: f64,
    /// Maximal calibration error: the worst bin.
    pub mce: f64,
}

/// Sums over the rows of one bin.
#[derive(Clone, Default)]
struct Sums {
    weight: f64,
    squares: f64,
    proba: f64,
    positive: f64,
}

impl Sums {
    fn gap(&self) -> f64 {
        ((self.proba - self.positive) / self.weight).abs()
    }
}

pub(super) fn curve(
    y: &[u8],
    proba: &[f64],
    weight: impl Fn(usize) -> f64,
    binning: Binning,
    n_bins: usize,
) -> Result<CalibrationCurve> {
    check(n_bins)?;
    let inner: Vec<f64> = match binning {
        Binning::Uniform => (1..n_bins).map(|i| i as f64 * (1.0 / n_bins as f64)).collect(),
        Binning::Quantile => {
            let mut sorted: Vec<f64> =
                (0..proba.len()).filter(|&row| weight(row) > 0.0).map(|row| proba[row]).collect();
            sorted.sort_unstable_by(f64::total_cmp);
            (1..n_bins).map(|i| quantile(&sorted, i as f64 / n_bins as f64)).collect()
        }
    };
    let bins = fill(y, proba, weight, n_bins, |p| inner.partition_point(|&edge| edge < p));
    let bin = |sums: &Sums| {
        let rate = sums.positive / sums.weight;
        let rows = interval::effective(sums.weight, sums.squares);
        let prob_true = Estimate::new(rate, interval::wilson(rate, rows), (0.0, 1.0));
        Bin { prob_pred: sums.proba / sums.weight, prob_true, weight: sums.weight }
    };
    Ok(CalibrationCurve { bins: bins.iter().map(bin).collect() })
}

pub(super) fn error(y: &[u8], proba: &[f64], weight: impl Fn(usize) -> f64, n_bins: usize) -> Result<CalibrationError> {
    check(n_bins)?;
    // A cast of a probability times a small number truncates and stays in range.
    let bins = fill(y, proba, weight, n_bins, |p| (p * n_bins as f64) as usize);
    let total: f64 = bins.iter().map(|sums| sums.weight).sum();
    Ok(CalibrationError {
        ece: bins.iter().map(|sums| sums.weight / total * sums.gap()).sum(),
        mce: bins.iter().map(Sums::gap).fold(0.0, f64::max),
    })
}

/// The sums of every bin that holds rows.
fn fill(
    y: &[u8],
    proba: &[f64],
    weight: impl Fn(usize) -> f64,
    n_bins: usize,
    bin_of: impl Fn(f64) -> usize,
) -> Vec<Sums> {
    let mut bins = vec![Sums::default(); n_bins];
    for (row, (&label, &p)) in y.iter().zip(proba).enumerate() {
        let (w, sums) = (weight(row), &mut bins[bin_of(p).min(n_bins - 1)]);
        sums.weight += w;
        sums.squares += w * w;
        sums.proba += w * p;
        sums.positive += w * f64::from(label);
    }
    bins.retain(|sums| sums.weight > 0.0);
    bins
}

/// The quantile by linear interpolation between order statistics.
fn quantile(sorted: &[f64], q: f64) -> f64 {
    let at = q * sorted.len().saturating_sub(1) as f64;
    let below = at.floor() as usize;
    let value = |i: usize| sorted.get(i).or(sorted.last()).copied().unwrap_or(0.0);
    value(below) + (at - below as f64) * (value(below + 1) - value(below))
}

fn check(n_bins: usize) -> Result<()> {
    if (1..=1000).contains(&n_bins) {
        return Ok(());
    }
    Err(Error::param("n_bins", n_bins, "a number from 1 to 1000", "use 10"))
}
