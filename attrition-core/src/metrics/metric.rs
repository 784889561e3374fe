//! The closed list of metrics and their names.

use super::{Estimate, Scores};
use crate::{Error, Result};
use std::fmt;

/// A metric of scores of a binary target. Written and read (serde too) as its name.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Metric {
    /// Area under the ROC curve.
    RocAuc,
    /// Average precision: the step-wise area under the precision-recall curve.
    AveragePrecision,
    /// Mean squared error of the probabilities.
    Brier,
    /// Mean negative log-likelihood, in nats.
    LogLoss,
    /// Rate of right predictions.
    Accuracy,
    /// Mean of recall and specificity.
    BalancedAccuracy,
    /// Rate of positives among the predicted positives.
    Precision,
    /// Rate of predicted positives among the positives.
    Recall,
    /// Rate of predicted negatives among the negatives.
    Specificity,
    /// Weighted harmonic mean of precision and recall; recall counts β times as much.
    FBeta(f64),
    /// Matthews correlation coefficient.
    Mcc,
    /// Cohen's kappa of labels and predictions.
    CohenKappa,
}

impl Metric {
    /// The metrics of an evaluation, in a fixed order.
    pub const ALL: [Metric; 14] = [
        Metric::RocAuc,
        Metric::AveragePrecision,
        Metric::Brier,
        Metric::LogLoss,
        Metric::Accuracy,
        Metric::BalancedAccuracy,
        Metric::Precision,
        Metric::Recall,
        Metric::Specificity,
        Metric::FBeta(0.5),
        Metric::FBeta(1.0),
        Metric::FBeta(2.0),
        Metric::Mcc,
        Metric::CohenKappa,
    ];

    /// The metric of that name. F-beta is `f` and the beta, with `_` or `.` as its decimal point: `f1`, `f2`, `f0_5`,
    /// `f1.5`.
    ///
    /// # Errors
    /// [`Error::InvalidParam`], listing the names.
    ///
    /// # Example
    /// ```
    /// use attrition_core::metrics::Metric;
    /// assert_eq!(Metric::parse("f0.5")?, Metric::FBeta(0.5));
    /// assert_eq!(Metric::parse("f0.5")?.name(), "f0_5");
    /// assert!(Metric::parse("auc").is_err());
    /// # Ok::<(), attrition_core::Error>(())
    /// ```
    pub fn parse(name: &str) -> Result<Metric> {
        if let Some(metric) = Metric::ALL.into_iter().find(|m| m.name() == name) {
            return Ok(metric);
        }
        let beta = name.strip_prefix('f').map(|beta| beta.replacen('_', ".", 1));
        let beta = beta.filter(|b| b.bytes().all(|c| c.is_ascii_digit() || c == b'.'));
        if let Some(beta) = beta.and_then(|b| b.parse().ok()) {
            check_beta(beta)?;
            return Ok(Metric::FBeta(beta));
        }
        let names: Vec<String> = Metric::ALL.iter().map(Metric::to_string).collect();
        Err(Error::param(
            "metric",
            format!("{name:?}"),
            format!("one of {}", names.join(", ")),
            "any beta may follow the f, as in f1_5",
        ))
    }

    /// The name: `roc_auc`, `f2` …
    pub fn name(self) -> String {
        let name = match self {
            Metric::RocAuc => "roc_auc",
            Metric::AveragePrecision => "average_precision",
            Metric::Brier => "brier",
            Metric::LogLoss => "log_loss",
            Metric::Accuracy => "accuracy",
            Metric::BalancedAccuracy => "balanced_accuracy",
            Metric::Precision => "precision",
            Metric::Recall => "recall",
            Metric::Specificity => "specificity",
            Metric::FBeta(beta) => return format!("f{}", beta.to_string().replace('.', "_")),
            Metric::Mcc => "mcc",
            Metric::CohenKappa => "cohen_kappa",
        };
        name.to_owned()
    }

    /// Whether a higher value is better; false for the losses, `brier` and `log_loss`.
    pub fn greater_is_better(self) -> bool {
        !matches!(self, Metric::Brier | Metric::LogLoss)
    }

    /// Whether the value depends on the decision threshold.
    pub fn needs_threshold(self) -> bool {
        !matches!(self, Metric::RocAuc | Metric::AveragePrecision | Metric::Brier | Metric::LogLoss)
    }

    /// The smallest and the largest value there can be.
    pub fn range(self) -> (f64, f64) {
        match self {
            Metric::LogLoss => (0.0, f64::INFINITY),
            Metric::Mcc | Metric::CohenKappa => (-1.0, 1.0),
            _ => (0.0, 1.0),
        }
    }

    /// The value on these rows; `threshold` is read by the metrics that need one.
    ///
    /// # Errors
    /// See the [module](super).
    pub fn value(self, y: &[u8], proba: &[f64], w: Option<&[f64]>, threshold: f64) -> Result<f64> {
        Scores::new(y, proba, w)?.value(self, threshold)
    }

    /// The value on these rows with its 95 % interval.
    ///
    /// # Errors
    /// See the [module](super).
    pub fn estimate(self, y: &[u8], proba: &[f64], w: Option<&[f64]>, threshold: f64) -> Result<Estimate> {
        Scores::new(y, proba, w)?.estimate(self, threshold)
    }
}

/// A beta outside these bounds is precision or recall to working accuracy.
pub(super) fn check_beta(beta: f64) -> Result<()> {
    if (0.001..=1000.0).contains(&beta) {
        return Ok(());
    }
    Err(Error::param(
        "beta",
        beta,
        "a number from 0.001 to 1000",
        "use the metric precision for beta near 0 and recall for a very large beta",
    ))
}

impl fmt::Display for Metric {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name())
    }
}

impl From<Metric> for String {
    fn from(metric: Metric) -> String {
        metric.name()
    }
}

impl TryFrom<String> for Metric {
    type Error = Error;
    fn try_from(name: String) -> Result<Metric> {
        Metric::parse(&name)
    }
}
