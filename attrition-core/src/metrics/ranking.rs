//! Everything that depends on the order of the scores: one sort, then sums over runs of equal scores.

use super::interval;
use super::metric::check_beta;
use crate::error::Place;
use crate::{Error, Result};

/// The rows of one distinct score: sums of weights and of squared weights, by label.
struct Tie {
    score: f64,
    sum: [f64; 2],
    squares: [f64; 2],
}

/// The distinct scores in descending order.
pub(super) struct Ranking {
    ties: Vec<Tie>,
    sum: [f64; 2],
    squares: [f64; 2],
}

/// The ROC curve, one point for each distinct score, from (0, 0) to (1, 1).
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct RocCurve {
    /// False positive rate at each threshold, ascending.
    pub fpr: Vec<f64>,
    /// True positive rate (recall) at each threshold, ascending.
    pub tpr: Vec<f64>,
    /// Descending; the first is ∞, where no row is predicted positive.
    pub thresholds: Vec<f64>,
}

/// The precision-recall curve, one point for each distinct score, then the point (precision 1, recall 0).
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct PrecisionRecallCurve {
    /// Precision at each threshold, then 1.
    pub precision: Vec<f64>,
    /// Recall at each threshold, descending, then 0.
    pub recall: Vec<f64>,
    /// Ascending; one fewer than there are points.
    pub thresholds: Vec<f64>,
}

impl Ranking {
    /// From checked rows; rows of weight 0 are left out.
    pub(super) fn new(y: &[u8], proba: &[f64], w: Option<&[f64]>) -> Ranking {
        let weight = |row: usize| w.map_or(1.0, |w| w[row]);
        let mut rows: Vec<(f64, usize)> =
            proba.iter().copied().enumerate().filter(|&(row, _)| weight(row) > 0.0).map(|(row, p)| (p, row)).collect();
        // Scores are finite; + 0.0 makes of −0.0 and 0.0 one score.
        rows.sort_unstable_by(|a, b| (b.0 + 0.0).total_cmp(&(a.0 + 0.0)).then(a.1.cmp(&b.1)));
        let mut ranking = Ranking { ties: Vec::new(), sum: [0.0; 2], squares: [0.0; 2] };
        for (score, row) in rows {
            if ranking.ties.last().is_none_or(|tie| tie.score != score) {
                ranking.ties.push(Tie { score, sum: [0.0; 2], squares: [0.0; 2] });
            }
            let (class, weight) = (usize::from(y[row] == 1), weight(row));
            if let Some(tie) = ranking.ties.last_mut() {
                tie.sum[class] += weight;
                tie.squares[class] += weight * weight;
            }
            ranking.sum[class] += weight;
            ranking.squares[class] += weight * weight;
        }
        ranking
    }

    fn both_classes(&self, what: &str) -> Result<()> {
        if self.sum[0] > 0.0 && self.sum[1] > 0.0 {
            return Ok(());
        }
        let class = if self.sum[1] > 0.0 { "positive" } else { "negative" };
        Err(Error::data(
            Place::none(),
            format!("only {class} rows"),
            format!("rows of both classes for {what}"),
            "use rows with both labels, or a metric that is defined on one class, such as log_loss",
        ))
    }

    /// Area under the ROC curve with DeLong's interval.
    ///
    /// With weights, the share of the other class that a row beats is a weighted share, a class's area is the weighted
    /// mean of the shares, and its variance Σ w²(share − area)² / (Σw)² · n / (n − 1) with n effective rows; equal
    /// weights give DeLong's own.
    pub(super) fn roc_auc(&self) -> Result<(f64, Option<(f64, f64)>)> {
        self.both_classes("roc_auc")?;
        let [negative, positive] = self.sum;
        let mut above = [0.0; 2];
        let mut won = 0.0;
        for tie in &self.ties {
            won += tie.sum[0] * (above[1] + 0.5 * tie.sum[1]);
            above[1] += tie.sum[1];
        }
        if won == 0.0 || self.is_separated() {
            let area = if won == 0.0 { 0.0 } else { 1.0 };
            let [n, m] = self.effective();
            return Ok((area, interval::separated(area, m, n)));
        }
        // Divided one by one: the product of two small sums of weights could underflow to 0.
        let area = (won / negative / positive).min(1.0);

        let mut spread = [0.0; 2];
        above = [0.0; 2];
        for tie in &self.ties {
            // A positive of this score beats the negatives below; a negative is beaten by the positives above.
            let beats = 1.0 - (above[0] + 0.5 * tie.sum[0]) / negative;
            let beaten = (above[1] + 0.5 * tie.sum[1]) / positive;
            spread[1] += tie.squares[1] * (beats - area) * (beats - area);
            spread[0] += tie.squares[0] * (beaten - area) * (beaten - area);
            above[0] += tie.sum[0];
            above[1] += tie.sum[1];
        }
        let n = self.effective();
        let of = |class: usize| spread[class] / self.sum[class] / self.sum[class] * n[class] / (n[class] - 1.0);
        let interval =
            if n.iter().all(|&n| interval::has_spread(n)) { interval::wald(area, of(0) + of(1)) } else { None };
        Ok((area, interval))
    }

    /// Effective rows of each class.
    fn effective(&self) -> [f64; 2] {
        [0, 1].map(|class| interval::effective(self.sum[class], self.squares[class]))
    }

    /// Whether every positive scores higher than every negative. Asked of the order, not of a rounded sum.
    fn is_separated(&self) -> bool {
        let last_positive = self.ties.iter().rposition(|tie| tie.sum[1] > 0.0);
        let first_negative = self.ties.iter().position(|tie| tie.sum[0] > 0.0);
        last_positive < first_negative || first_negative.is_none()
    }

    /// Average precision with the logit-normal interval; 0 and none without positives.
    pub(super) fn average_precision(&self) -> (f64, Option<(f64, f64)>) {
        if self.sum[1] <= 0.0 {
            return (0.0, None);
        }
        let (mut above, mut value) = ([0.0; 2], 0.0);
        for tie in &self.ties {
            above[0] += tie.sum[0];
            above[1] += tie.sum[1];
            value += tie.sum[1] / self.sum[1] * (above[1] / (above[0] + above[1]));
        }
        let value = if self.is_separated() { 1.0 } else { value.min(1.0) };
        (value, interval::logit_normal(value, interval::effective(self.sum[1], self.squares[1])))
    }

    pub(super) fn roc_curve(&self) -> Result<RocCurve> {
        self.both_classes("the ROC curve")?;
        let mut curve = RocCurve { fpr: vec![0.0], tpr: vec![0.0], thresholds: vec![f64::INFINITY] };
        let mut above = [0.0; 2];
        for tie in &self.ties {
            above[0] += tie.sum[0];
            above[1] += tie.sum[1];
            // Sums in another order may differ in the last bit from the total.
            curve.fpr.push((above[0] / self.sum[0]).min(1.0));
            curve.tpr.push((above[1] / self.sum[1]).min(1.0));
            curve.thresholds.push(tie.score);
        }
        Ok(curve)
    }

    pub(super) fn precision_recall_curve(&self) -> Result<PrecisionRecallCurve> {
        self.some_positive("the precision-recall curve")?;
        let mut curve = PrecisionRecallCurve { precision: vec![1.0], recall: vec![0.0], thresholds: Vec::new() };
        let mut above = [0.0; 2];
        for tie in &self.ties {
            above[0] += tie.sum[0];
            above[1] += tie.sum[1];
            curve.precision.push(above[1] / (above[0] + above[1]));
            curve.recall.push((above[1] / self.sum[1]).min(1.0));
            curve.thresholds.push(tie.score);
        }
        curve.precision.reverse();
        curve.recall.reverse();
        curve.thresholds.reverse();
        Ok(curve)
    }

    fn some_positive(&self, what: &str) -> Result<()> {
        if self.sum[1] > 0.0 {
            return Ok(());
        }
        Err(Error::data(
            Place::none(),
            "only negative rows",
            format!("at least one positive row for {what}"),
            "use rows with both labels",
        ))
    }

    /// See [`super::best_threshold`].
    pub(super) fn best_threshold(&self, beta: f64) -> Result<f64> {
        check_beta(beta)?;
        self.some_positive("a threshold by F-beta")?;
        let b2 = beta * beta;
        let (mut above, mut best, mut at) = ([0.0; 2], -1.0, 0);
        for (i, tie) in self.ties.iter().enumerate() {
            above[0] += tie.sum[0];
            above[1] += tie.sum[1];
            let f = (1.0 + b2) * above[1] / (b2 * self.sum[1] + above[0] + above[1]);
            if f > best {
                (best, at) = (f, i);
            }
        }
        let score = |i: usize| self.ties.get(i).map(|tie| tie.score);
        let Some(lowest_flagged) = score(at) else { return Ok(0.5) };
        // Below the lowest score there is only 0, the end of the scale of probabilities.
        let highest_passed = score(at + 1).unwrap_or(lowest_flagged.min(0.0));
        let middle = highest_passed + 0.5 * (lowest_flagged - highest_passed);
        // Between neighbouring floats there is no middle.
        Ok(if middle > highest_passed { middle } else { lowest_flagged })
    }
}
