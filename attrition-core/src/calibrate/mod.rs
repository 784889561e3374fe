//! From a learner's score to a probability that means what it says.
//!
//! A calibrator is fitted on scores of rows the learner has not seen (out-of-fold scores) and is a monotone function:
//! it changes no order, but may make scores equal.

mod choose;
mod isotonic;
mod sigmoid;

use crate::metrics::Scores;
use crate::num::float;
use crate::{Error, Result, Seed};

/// A fitted calibrator: plain numbers, exact on every platform.
///
/// # Example
/// ```
/// use attrition_core::calibrate::Calibrator;
/// let log_odds = [-3.0, -2.0, -1.0, 0.0, 1.0, 2.0, 3.0, 4.0];
/// let calibrator = Calibrator::fit_sigmoid(&log_odds, &[0, 0, 0, 1, 0, 0, 1, 1], None)?;
/// assert!(calibrator.apply(4.0, 0.982) < 0.95); // the scores were too sure
/// # Ok::<(), attrition_core::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(tag = "type", rename_all = "snake_case", deny_unknown_fields)]
pub enum Calibrator {
    /// 1 / (1 + e^(a·z + b)) of the log-odds z; `a <= 0`, so that it ascends.
    Sigmoid {
        /// Slope, 0 or less.
        a: f64,
        /// Intercept.
        b: f64,
    },
    /// Straight lines between the points (x, y), constant outside them, of the uncalibrated probability.
    Isotonic {
        /// Uncalibrated probabilities, strictly ascending.
        x: Vec<f64>,
        /// Calibrated probabilities, never descending.
        y: Vec<f64>,
    },
}

impl Calibrator {
    /// Platt's sigmoid of log-odds `(n,)`: `a` and `b` maximise the likelihood of smoothed targets, (n₊ + 1) / (n₊ + 2)
    /// for positives and 1 / (n₋ + 2) for negatives, with n± the sums of weights. Scores that rank the wrong way round
    /// get `a = 0`: a calibrator never turns the order over. Log-odds beyond ±36 (as of probabilities 0 and 1) count
    /// as ±36.
    ///
    /// # Errors
    /// [`crate::ErrorKind::InvalidData`] for what [`crate::metrics`] refuses (the score there is the log-odds, and may
    /// be infinite here) and for rows of one class.
    ///
    /// # Reference
    /// Platt: Probabilistic outputs for support vector machines. Advances in Large Margin Classifiers (1999); Newton's
    /// method after Lin, Lin, Weng: A note on Platt's probabilistic outputs for support vector machines. Machine
    /// Learning 68 (2007), <https://doi.org/10.1007/s10994-007-5018-6>.
    pub fn fit_sigmoid(log_odds: &[f64], y: &[u8], w: Option<&[f64]>) -> Result<Calibrator> {
        const MOST: f64 = 36.0;
        let z: Vec<f64> = log_odds.iter().map(|z| z.clamp(-MOST, MOST)).collect();
        check_rows(y, &z, w)?;
        let (a, b) = sigmoid::fit(&z, y, |row| w.map_or(1.0, |w| w[row]));
        Ok(Calibrator::Sigmoid { a, b })
    }

    /// The ascending step function of uncalibrated probabilities `(n,)` with the least squared error, by pooling
    /// adjacent violators; rows of equal probability are averaged first. Prediction goes in straight lines between the
    /// ends of the steps, and is constant outside them.
    ///
    /// # Errors
    /// [`crate::ErrorKind::InvalidData`] for what [`crate::metrics`] refuses and for rows of one class.
    ///
    /// # Reference
    /// Zadrozny, Elkan: Transforming classifier scores into accurate multiclass probability estimates. KDD 2002,
    /// <https://doi.org/10.1145/775047.775151>; Best, Chakravarti: Active set algorithms for isotonic regression.
    /// Mathematical Programming 47 (1990), <https://doi.org/10.1007/BF01580873>.
    pub fn fit_isotonic(proba: &[f64], y: &[u8], w: Option<&[f64]>) -> Result<Calibrator> {
        check_rows(y, proba, w)?;
        let (x, y) = isotonic::fit(proba, y, |row| w.map_or(1.0, |w| w[row]));
        Ok(Calibrator::Isotonic { x, y })
    }

    /// The calibrator these out-of-fold scores call for, fitted on all of them, or `None` where they need none.
    ///
    /// Every candidate is fitted on four fifths of the rows and judged on the last, five times (fewer where a class has
    /// fewer rows). The sigmoid is taken if it lowers the log-loss at all; then the isotonic one, from 1,000
    /// positive rows on, if it lowers it further by more than one standard error of the paired differences.
    ///
    /// # Errors
    /// As [`Calibrator::fit_sigmoid`] and [`Calibrator::fit_isotonic`], except that rows of one class call for none.
    pub fn choose(
        log_odds: &[f64],
        proba: &[f64],
        y: &[u8],
        w: Option<&[f64]>,
        seed: Seed,
    ) -> Result<Option<Calibrator>> {
        choose::choose(log_odds, proba, y, w, seed)
    }

    /// `sigmoid` or `isotonic`.
    pub fn name(&self) -> &'static str {
        match self {
            Calibrator::Sigmoid { .. } => "sigmoid",
            Calibrator::Isotonic { .. } => "isotonic",
        }
    }

    /// The calibrated probability, in [0, 1], of a row with these log-odds and this (the same) probability; it never
    /// descends when they ascend. NaN stays NaN; infinite log-odds are understood.
    pub fn apply(&self, log_odds: f64, proba: f64) -> f64 {
        match self {
            // 0 · ∞ is NaN.
            Calibrator::Sigmoid { a, b } if *a == 0.0 && !log_odds.is_nan() => float::sigmoid(-b),
            Calibrator::Sigmoid { a, b } => float::sigmoid(-(a * log_odds + b)),
            Calibrator::Isotonic { x, y } => isotonic::interpolate(x, y, proba),
        }
    }

    /// Whether the numbers, as read from a file, are those of a calibrator.
    ///
    /// # Errors
    /// [`crate::ErrorKind::Artifact`].
    pub fn check(&self) -> Result<()> {
        let is_whole = match self {
            Calibrator::Sigmoid { a, b } => a.is_finite() && b.is_finite() && *a <= 0.0,
            Calibrator::Isotonic { x, y } => {
                !x.is_empty()
                    && x.len() == y.len()
                    && x.iter().all(|x| x.is_finite())
                    && y.iter().all(|y| (0.0..=1.0).contains(y))
                    && x.windows(2).all(|pair| pair[0] < pair[1])
                    && y.windows(2).all(|pair| pair[0] <= pair[1])
            }
        };
        if is_whole {
            return Ok(());
        }
        Err(Error::artifact(
            format!("a {} calibrator that is not an ascending function", self.name()),
            "the file is damaged or was not written by this library; use another copy",
        ))
    }
}

/// Rows a calibrator can be fitted on.
fn check_rows(y: &[u8], scores: &[f64], w: Option<&[f64]>) -> Result<()> {
    Scores::new(y, scores, w)?;
    let holds = |class: u8| y.iter().enumerate().any(|(row, &label)| label == class && w.is_none_or(|w| w[row] > 0.0));
    if holds(0) && holds(1) {
        return Ok(());
    }
    Err(Error::data(
        crate::error::Place::none(),
        "rows of one class only",
        "rows of both classes to calibrate on",
        "use more rows, or no calibration",
    ))
}

#[cfg(test)]
mod tests;
