//! Out-of-fold scores, and what is chosen and judged on them.
//!
//! What is chosen on scores — the learner, the calibrator, the threshold — is judged on fold `k` as chosen on the
//! scores of the other folds. (Their models have seen fold `k`; that second-order dependence is the price of one
//! cross-validation instead of a nested one, and vanishes with the number of rows, as the chosen quantities have at
//! most two parameters.)

use std::collections::BTreeMap;

use serde::Serialize;

use super::data::Supervision;
use super::trainer::{Calibration, Threshold, Trainer};
use crate::Result;
use crate::calibrate::Calibrator;
use crate::learn::{Learner, Scale};
use crate::metrics::{self, Estimate, Metric};
use crate::model::{FoldFact, MetricFact};
use crate::run::Run;
use crate::schema::{Bound, Schema};
use crate::split::Fold;

/// The result of a cross-validation.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct CrossValidation {
    /// Out-of-fold probability of every row, in row order; NaN for rows in no test fold.
    pub predictions: Vec<f64>,
    /// Every metric, one value a fold; NaN where a fold's rows leave it undefined.
    pub scores: BTreeMap<String, Vec<f64>>,
    /// The threshold used in each fold, chosen on the other folds.
    pub thresholds: Vec<f64>,
    /// Metrics of all tested rows together, with intervals.
    pub metrics: BTreeMap<String, MetricFact>,
    /// The learner used in each fold; where several were given, chosen on the other folds.
    pub learners: Vec<String>,
    /// Sizes and scores of the folds.
    pub folds: Vec<FoldFact>,
}

pub(super) fn fact_map(all: Vec<(Metric, Estimate)>) -> BTreeMap<String, MetricFact> {
    all.into_iter().map(|(m, e)| (m.name(), MetricFact { value: e.value, low: e.low, high: e.high })).collect()
}

/// Scores of one fold's test rows, on both scales.
struct FoldScores {
    log_odds: Vec<f64>,
    proba: Vec<f64>,
}

/// Out-of-fold scores of all candidates.
pub(super) struct OutOfFold<'f> {
    folds: &'f [Fold],
    /// `[candidate][fold]`.
    scores: Vec<Vec<FoldScores>>,
    /// `[candidate][fold]`: the metric that chooses.
    worth: Vec<Vec<f64>>,
    greater_is_better: bool,
    names: Vec<&'static str>,
}

/// Judged out-of-fold.
pub(super) struct Judged {
    pub(super) metrics: BTreeMap<String, MetricFact>,
    pub(super) folds: Vec<FoldFact>,
    thresholds: Vec<f64>,
    /// Calibrated probabilities by fold.
    proba: Vec<Vec<f64>>,
}

impl<'f> OutOfFold<'f> {
    pub(super) fn run(
        trainer: &Trainer,
        learners: &[Learner],
        schema: &Schema,
        bound: &Bound<'_>,
        data: &Supervision,
        folds: &'f [Fold],
        run: &Run,
    ) -> Result<OutOfFold<'f>> {
        let total = learners.len() * folds.len();
        let done = std::sync::atomic::AtomicUsize::new(0);
        run.progress("cross_validate", 0, total);
        let inner = run.single();
        let mut flat = run
            .map(total, |i| {
                let (learner, fold) = (&learners[i / folds.len()], &folds[i % folds.len()]);
                let scorer = trainer.fit_rows(learner, schema, bound, data, &fold.train, &inner)?;
                let raw = scorer.predict_rows(bound, &fold.test, false, &inner)?;
                let scale: Scale = scorer.fitted.scale();
                let (log_odds, proba) = raw.into_iter().map(|s| crate::model::both_scales(scale, s)).unzip();
                run.progress("cross_validate", done.fetch_add(1, std::sync::atomic::Ordering::Relaxed) + 1, total);
                Ok(FoldScores { log_odds, proba })
            })?
            .into_iter();
        let scores: Vec<Vec<FoldScores>> = learners.iter().map(|_| flat.by_ref().take(folds.len()).collect()).collect();
        let metric = trainer.chosen_metric();
        let worth = scores
            .iter()
            .map(|by_fold| {
                by_fold
                    .iter()
                    .zip(folds)
                    .map(|(s, f)| metric.value(&data.y_of(&f.test), &s.proba, data.w_of(&f.test).as_deref(), 0.5))
                    .collect::<Result<Vec<f64>>>()
            })
            .collect::<Result<Vec<_>>>()?;
        Ok(OutOfFold {
            folds,
            scores,
            worth,
            greater_is_better: metric.greater_is_better(),
            names: learners.iter().map(Learner::name).collect(),
        })
    }

    /// Mean of the choosing metric over the folds where it is defined.
    pub(super) fn mean(&self, candidate: usize) -> Option<f64> {
        self.mean_without(candidate, None)
    }

    fn mean_without(&self, candidate: usize, fold: Option<usize>) -> Option<f64> {
        let values: Vec<f64> = self.worth[candidate]
            .iter()
            .enumerate()
            .filter(|(k, v)| Some(*k) != fold && v.is_finite())
            .map(|(_, &v)| v)
            .collect();
        (!values.is_empty()).then(|| values.iter().sum::<f64>() / values.len() as f64)
    }

    /// The best candidate; the first of equals.
    pub(super) fn best(&self) -> usize {
        self.best_without(None)
    }

    fn best_without(&self, fold: Option<usize>) -> usize {
        let mut best = (0, f64::NEG_INFINITY);
        for candidate in 0..self.scores.len() {
            let mean = self.mean_without(candidate, fold).unwrap_or(f64::NAN);
            let worth = if self.greater_is_better { mean } else { -mean };
            if worth > best.1 {
                best = (candidate, worth);
            }
        }
        best.0
    }

    /// Scores of a candidate per fold, all folds but one, in fold order: log-odds, probabilities, rows.
    fn gather(&self, candidate: &[usize], without: Option<usize>) -> (Vec<f64>, Vec<f64>, Vec<usize>) {
        let (mut log_odds, mut proba, mut rows) = (Vec::new(), Vec::new(), Vec::new());
        for (k, fold) in self.folds.iter().enumerate() {
            if Some(k) != without {
                let s = &self.scores[candidate[k]][k];
                log_odds.extend_from_slice(&s.log_odds);
                proba.extend_from_slice(&s.proba);
                rows.extend_from_slice(&fold.test);
            }
        }
        (log_odds, proba, rows)
    }

    fn calibrator_without(
        &self,
        rule: Calibration,
        trainer: &Trainer,
        candidate: &[usize],
        without: Option<usize>,
        data: &Supervision,
    ) -> Result<Option<Calibrator>> {
        if rule == Calibration::None {
            return Ok(None);
        }
        let (log_odds, proba, rows) = self.gather(candidate, without);
        let (y, w) = (data.y_of(&rows), data.w_of(&rows));
        match rule {
            Calibration::None => Ok(None),
            Calibration::Sigmoid => Calibrator::fit_sigmoid(&log_odds, &y, w.as_deref()).map(Some),
            Calibration::Isotonic => Calibrator::fit_isotonic(&proba, &y, w.as_deref()).map(Some),
            Calibration::Auto => Calibrator::choose(&log_odds, &proba, &y, w.as_deref(), trainer.stream_seed()),
        }
    }

    /// The calibrator of the final model, fitted on all out-of-fold scores.
    pub(super) fn calibrator(
        &self,
        trainer: &Trainer,
        candidate: usize,
        data: &Supervision,
    ) -> Result<Option<Calibrator>> {
        let candidate = vec![candidate; self.folds.len()];
        self.calibrator_without(trainer.calibration_rule(), trainer, &candidate, None, data)
    }

    /// Calibrated out-of-fold probabilities of a candidate with their labels and weights.
    pub(super) fn pooled(
        &self,
        candidate: usize,
        calibrator: Option<&Calibrator>,
        data: &Supervision,
    ) -> (Vec<f64>, Vec<u8>, Option<Vec<f64>>) {
        let (log_odds, proba, rows) = self.gather(&vec![candidate; self.folds.len()], None);
        (calibrate(calibrator, &log_odds, &proba), data.y_of(&rows), data.w_of(&rows))
    }

    pub(super) fn judge(&self, trainer: &Trainer, candidate: usize, data: &Supervision) -> Result<Judged> {
        self.judge_each(trainer, &vec![candidate; self.folds.len()], data)
    }

    /// Judge fold `k` by candidate `candidates[k]`, calibrated and thresholded on the other folds.
    fn judge_each(&self, trainer: &Trainer, candidates: &[usize], data: &Supervision) -> Result<Judged> {
        let mut judged =
            Judged { metrics: BTreeMap::new(), folds: Vec::new(), thresholds: Vec::new(), proba: Vec::new() };
        let lone = self.folds.len() == 1;
        let (mut y_all, mut p_all, mut decided, mut rows_all) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        for (k, fold) in self.folds.iter().enumerate() {
            // A lone fold has no other folds to choose on: raw scores, and 0.5 where no threshold was given.
            let calibrator = if lone {
                None
            } else {
                self.calibrator_without(trainer.calibration_rule(), trainer, candidates, Some(k), data)?
            };
            let threshold = match trainer.threshold_rule() {
                Threshold::Fixed(t) => t,
                Threshold::FBeta(_) if lone => 0.5,
                Threshold::FBeta(beta) => {
                    let (log_odds, proba, rows) = self.gather(candidates, Some(k));
                    let p = calibrate(calibrator.as_ref(), &log_odds, &proba);
                    metrics::best_threshold(&data.y_of(&rows), &p, data.w_of(&rows).as_deref(), beta)?
                }
            };
            let s = &self.scores[candidates[k]][k];
            let proba = calibrate(calibrator.as_ref(), &s.log_odds, &s.proba);
            let (y, w) = (data.y_of(&fold.test), data.w_of(&fold.test));
            let scores = metrics::all(&y, &proba, w.as_deref(), threshold)?
                .into_iter()
                .map(|(m, e)| (m.name(), e.value))
                .collect();
            judged.folds.push(FoldFact { n_train: fold.train.len(), n_test: fold.test.len(), scores });
            y_all.extend(y);
            decided.extend(proba.iter().map(|&p| f64::from(u8::from(p >= threshold))));
            p_all.extend_from_slice(&proba);
            rows_all.extend_from_slice(&fold.test);
            judged.thresholds.push(threshold);
            judged.proba.push(proba);
        }
        let w = data.w_of(&rows_all);
        // Ranking and probability metrics see the probabilities, threshold metrics the decisions, which were made at
        // each fold's own threshold.
        let by_proba = metrics::all(&y_all, &p_all, w.as_deref(), 0.5)?;
        let by_decision = metrics::all(&y_all, &decided, w.as_deref(), 0.5)?;
        judged.metrics = fact_map(
            by_proba.into_iter().zip(by_decision).map(|(p, d)| if p.0.needs_threshold() { d } else { p }).collect(),
        );
        Ok(judged)
    }

    pub(super) fn cross_validation(&self, trainer: &Trainer, data: &Supervision) -> Result<CrossValidation> {
        let lone = self.folds.len() == 1;
        let candidates: Vec<usize> =
            (0..self.folds.len()).map(|k| self.best_without(if lone { None } else { Some(k) })).collect();
        let judged = self.judge_each(trainer, &candidates, data)?;
        let mut predictions = vec![f64::NAN; data.y.len()];
        for (fold, proba) in self.folds.iter().zip(&judged.proba) {
            for (&row, &p) in fold.test.iter().zip(proba) {
                predictions[row] = p;
            }
        }
        let names: std::collections::BTreeSet<&String> = judged.folds.iter().flat_map(|f| f.scores.keys()).collect();
        let scores = names
            .into_iter()
            .map(|name| {
                let by_fold = judged.folds.iter().map(|f| f.scores.get(name).copied().unwrap_or(f64::NAN)).collect();
                (name.clone(), by_fold)
            })
            .collect();
        Ok(CrossValidation {
            predictions,
            scores,
            thresholds: judged.thresholds,
            metrics: judged.metrics,
            learners: candidates.iter().map(|&c| self.names[c].to_owned()).collect(),
            folds: judged.folds,
        })
    }
}

fn calibrate(calibrator: Option<&Calibrator>, log_odds: &[f64], proba: &[f64]) -> Vec<f64> {
    match calibrator {
        None => proba.to_vec(),
        Some(c) => log_odds.iter().zip(proba).map(|(&z, &p)| c.apply(z, p)).collect(),
    }
}
