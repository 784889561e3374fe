//! How good scores are: ranking, probability and threshold metrics, each with a 95 % interval.
//!
//! Notation: `y[i]` ∈ {0, 1} is the label of row `i`, `proba[i]` its score, `w[i]` ≥ 0 its weight (1 without
//! weights). A row is *predicted positive* when `proba[i] >= threshold`. Values are those of scikit-learn with
//! `zero_division=0`.
//!
//! | metric | value | interval |
//! |---|---|---|
//! | `roc_auc` | P(score of a positive > score of a negative) + ½ P(equal) | DeLong |
//! | `average_precision` | Σ (Rₙ − Rₙ₋₁) Pₙ over the distinct scores | logit-normal |
//! | `brier` | mean of (p − y)² | normal, of the mean |
//! | `log_loss` | mean of −ln P(y), p clipped to [1e-15, 1 − 1e-15] | normal, of the mean |
//! | `accuracy` | (tp + tn) / n | Wilson |
//! | `precision` | tp / (tp + fp) | Wilson |
//! | `recall` | tp / (tp + fn) | Wilson |
//! | `specificity` | tn / (tn + fp) | Wilson |
//! | `balanced_accuracy` | (recall + specificity) / 2 | squares and adds the two Wilson intervals |
//! | `f0_5`, `f1`, `f2`, … | (1 + β²) tp / ((1 + β²) tp + β² fn + fp) | delta method, in Wilson's form |
//! | `mcc` | (tp·tn − fp·fn) / √((tp+fp)(tp+fn)(tn+fp)(tn+fn)) | delta method, in Wilson's form |
//! | `cohen_kappa` | (observed − expected agreement) / (1 − expected agreement) | delta method, in Wilson's form |
//!
//! **Weights.** A weight of 0 means the row is absent. Intervals take weights as importances: they follow from the
//! ratio of the weights, not from their scale, through (Σw)² / Σw² effective rows or the squared weights themselves.
//! Rows that repeat (snapshots of one employee) are taken as independent: the intervals are then too narrow.
//!
//! **Undefined values.** A rate without a denominator is 0 and has no interval. Balanced accuracy of rows of one class
//! is that class's rate. Cohen's kappa is 0 where labels and predictions are all of one class (NaN in scikit-learn).
//! `roc_auc` of rows of one class is an error in [`Metric::value`], and absent in [`all`].
//!
//! **Input.** Every function refuses: no rows, lengths that differ, labels other than 0 and 1, scores that are NaN or
//! infinite, negative or infinite weights, weights that are all 0, a NaN threshold, and for `brier` and `log_loss`
//! scores outside [0, 1].
//!
//! # Reference
//! DeLong, DeLong, Clarke-Pearson: Comparing the areas under two or more correlated receiver operating characteristic
//! curves. Biometrics 44 (1988), <https://doi.org/10.2307/2531595>; computed in O(n log n) after Sun, Xu: Fast
//! implementation of DeLong's algorithm. IEEE Signal Processing Letters 21 (2014),
//! <https://doi.org/10.1109/LSP.2014.2337313>. Where the classes do not overlap DeLong's variance is 0; then Newcombe:
//! Confidence intervals for an effect size measure based on the Mann–Whitney statistic. Statistics in Medicine 25
//! (2006), method 5, <https://doi.org/10.1002/sim.2324>.
//!
//! Boyd, Eng, Page: Area under the precision-recall curve. ECML PKDD 2013,
//! <https://doi.org/10.1007/978-3-642-40994-3_29>.
//!
//! Wilson: Probable inference, the law of succession, and statistical inference. JASA 22 (1927),
//! <https://doi.org/10.1080/01621459.1927.10502953>; with an effective number of rows (value·(1 − value) / variance),
//! Franco, Little, Louis, Slud: Comparative study of confidence intervals for proportions in complex sample surveys.
//! Journal of Survey Statistics and Methodology 7 (2019), <https://doi.org/10.1093/jssam/smy019>.
//!
//! Zou, Donner: Construction of confidence limits about effect measures. Statistics in Medicine 27 (2008),
//! <https://doi.org/10.1002/sim.3095> (sum of two independent rates).

mod calibration;
mod confusion;
mod interval;
mod metric;
mod ranking;
mod scores;

pub use calibration::{Bin, Binning, CalibrationCurve, CalibrationError};
pub use confusion::Confusion;
pub use interval::Estimate;
pub use metric::Metric;
pub use ranking::{PrecisionRecallCurve, RocCurve};
pub use scores::Scores;
pub(crate) use {interval::mean, scores::log_loss};

use crate::Result;

/// Every metric of [`Metric::ALL`] that is defined on these rows, in that order. One sort serves all.
///
/// # Errors
/// See the [module](self).
///
/// # Example
/// ```
/// use attrition_core::metrics::{self, Metric};
/// let all = metrics::all(&[0, 1, 0, 1], &[0.1, 0.9, 0.6, 0.7], None, 0.5)?;
/// let (metric, estimate) = all[0];
/// assert_eq!((metric, estimate.value), (Metric::RocAuc, 1.0));
/// assert!(estimate.low.is_some_and(|low| low < 0.9));
/// # Ok::<(), attrition_core::Error>(())
/// ```
pub fn all(y: &[u8], proba: &[f64], w: Option<&[f64]>, threshold: f64) -> Result<Vec<(Metric, Estimate)>> {
    Scores::new(y, proba, w)?.all(threshold)
}

/// The threshold that maximises F-beta: midway between two neighbouring scores, so that it holds for new rows too.
/// Among equal maxima the highest threshold, which flags the fewest rows. O(n log n).
///
/// # Errors
/// See the [module](self); [`crate::ErrorKind::InvalidData`] where no row is positive,
/// [`crate::ErrorKind::InvalidParam`] for a `beta` outside [0.001, 1000].
///
/// # Example
/// ```
/// use attrition_core::metrics;
/// let threshold = metrics::best_threshold(&[0, 0, 1, 1], &[0.1, 0.2, 0.6, 0.8], None, 2.0)?;
/// assert_eq!(threshold, 0.4);
/// # Ok::<(), attrition_core::Error>(())
/// ```
pub fn best_threshold(y: &[u8], proba: &[f64], w: Option<&[f64]>, beta: f64) -> Result<f64> {
    Scores::new(y, proba, w)?.best_threshold(beta)
}

#[cfg(test)]
mod tests;
