//! Out-of-fold scores, and what is chosen and judged on them.
//!
//! What is chosen on scores — the learner or the weights of a blend, the calibrator, the threshold — is judged on fold `k`
//! as chosen on the scores of the other folds. (Their models have seen fold `k`; that second-order dependence is the price
//! of one cross-validation instead of a nested one, and vanishes with the number of rows, as the chosen quantities have
//! few parameters.)

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde::Serialize;

use super::blend::{self, Mix};
use super::data::Supervision;
use super::trainer::{Calibration, Threshold, Trainer};
use crate::Result;
use crate::calibrate::Calibrator;
use crate::metrics::{self, Estimate, Metric};
use crate::model::{FoldFact, Member, MetricFact, Scorer};
use crate::num::float;
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
    /// The learner used in each fold, or `"blend"`; where several were given, chosen on the other folds.
    pub learners: Vec<String>,
    /// Sizes and scores of the folds.
    pub folds: Vec<FoldFact>,
}

pub(super) fn fact_map(all: Vec<(Metric, Estimate)>) -> BTreeMap<String, MetricFact> {
    all.into_iter().map(|(m, e)| (m.name(), MetricFact { value: e.value, low: e.low, high: e.high })).collect()
}

/// Scores of one fold's test rows, on both scales.
#[derive(Debug, Clone)]
pub(super) struct FoldScores {
    log_odds: Vec<f64>,
    proba: Vec<f64>,
}

impl FoldScores {
    pub(super) fn proba(&self) -> &[f64] {
        &self.proba
    }
}

/// The test rows of a fold, scored by what was fitted on its training rows.
pub(super) fn score_fold(member: Member, rows: Rows<'_>, fold: &Fold, run: &Run) -> Result<FoldScores> {
    let scorer = Scorer::of(member);
    let raw = scorer.predict_rows(rows.bound, &fold.test, false, run)?;
    let scale = scorer.scale();
    let (log_odds, proba) = raw.into_iter().map(|s| crate::model::both_scales(scale, s)).unzip();
    Ok(FoldScores { log_odds, proba })
}

/// The threshold at which a fold's decisions are compared: the given one, or the best on the fold. Estimates are at thresholds
/// that other folds chose.
pub(super) fn threshold(trainer: &Trainer, y: &[u8], proba: &[f64], w: Option<&[f64]>) -> Result<f64> {
    match trainer.threshold_rule() {
        Threshold::Fixed(t) => Ok(t),
        Threshold::FBeta(beta) => metrics::best_threshold(y, proba, w, beta),
    }
}

/// The metric that chooses on a fold's scores: higher is better, NaN where it is not defined.
pub(super) fn worth(trainer: &Trainer, data: &Supervision, fold: &Fold, scores: &FoldScores) -> Result<f64> {
    let metric = trainer.chosen_metric();
    let (y, w) = (data.y_of(&fold.test), data.w_of(&fold.test));
    let at = if metric.needs_threshold() { threshold(trainer, &y, &scores.proba, w.as_deref())? } else { 0.5 };
    let value = metric.value(&y, &scores.proba, w.as_deref(), at)?;
    Ok(if metric.greater_is_better() { value } else { -value })
}

/// The table as training sees it.
#[derive(Clone, Copy)]
pub(super) struct Rows<'a> {
    pub(super) schema: &'a Schema,
    pub(super) bound: &'a Bound<'a>,
    pub(super) data: &'a Supervision,
}

/// Out-of-fold scores of candidates, and what they choose.
pub(super) struct OutOfFold<'a> {
    trainer: &'a Trainer,
    data: &'a Supervision,
    folds: &'a [Fold],
    run: &'a Run,
    /// The learners that were scored, as places among the trainer's.
    pub(super) candidates: Vec<usize>,
    /// `[candidate][fold]`.
    scores: Vec<Vec<FoldScores>>,
    /// By the members of a mix, the metric that chooses: higher is better, one a fold, NaN where it is not defined.
    worths: BTreeMap<Vec<(usize, u64)>, Vec<f64>>,
}

/// What folds choose, by the places of candidates among those of the [`OutOfFold`].
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Choice {
    /// The best candidate; the first of equals.
    pub(super) best: usize,
    /// Mean of the metric by which a blend is better than the best candidate in folds that did not choose its weights, and
    /// its standard error; `None` where no blend was tried, or none could be judged.
    pub(super) gain: Option<(f64, f64)>,
}

impl Choice {
    pub(super) fn takes_blend(&self) -> bool {
        self.gain.is_some_and(|(mean, noise)| mean > blend::STANDARD_ERRORS * noise)
    }
}

impl<'a> OutOfFold<'a> {
    /// Fit each candidate on each fold's training rows, and score its test rows.
    pub(super) fn run(
        trainer: &'a Trainer,
        candidates: Vec<usize>,
        rows: Rows<'a>,
        folds: &'a [Fold],
        stage: &'static str,
        run: &'a Run,
    ) -> Result<OutOfFold<'a>> {
        let total = candidates.len() * folds.len();
        let done = std::sync::atomic::AtomicUsize::new(0);
        run.progress(stage, 0, total);
        let inner = run.single();
        let mut flat = run
            .map(total, |i| {
                let (candidate, fold) = (candidates[i / folds.len()], &folds[i % folds.len()]);
                let member = trainer.fit_rows(candidate, rows, &fold.train, &inner)?;
                let scores = score_fold(member, rows, fold, &inner)?;
                run.progress(stage, done.fetch_add(1, std::sync::atomic::Ordering::Relaxed) + 1, total);
                Ok(scores)
            })?
            .into_iter();
        let scores = candidates.iter().map(|_| flat.by_ref().take(folds.len()).collect()).collect();
        Ok(OutOfFold { trainer, data: rows.data, folds, run, candidates, scores, worths: BTreeMap::new() })
    }

    /// Of the trainer's learners, scored before: `[candidate][fold]`.
    pub(super) fn of(
        trainer: &'a Trainer,
        data: &'a Supervision,
        folds: &'a [Fold],
        run: &'a Run,
        scores: Vec<Vec<FoldScores>>,
    ) -> OutOfFold<'a> {
        let candidates = (0..scores.len()).collect();
        OutOfFold { trainer, data, folds, run, candidates, scores, worths: BTreeMap::new() }
    }

    pub(super) fn n_folds(&self) -> usize {
        self.folds.len()
    }

    /// Scores of a mix on fold `k`; a lone learner's are its own, to the last bit.
    fn mixed(&self, mix: &Mix, k: usize) -> Cow<'_, FoldScores> {
        let members = mix.members();
        if let [(lone, _)] = members {
            return Cow::Borrowed(&self.scores[*lone][k]);
        }
        let mut log_odds = vec![0.0; self.folds[k].test.len()];
        for &(candidate, weight) in members {
            let own = &self.scores[candidate][k].log_odds;
            log_odds.iter_mut().zip(own).for_each(|(z, own)| *z += weight * own);
        }
        let proba = log_odds.iter().map(|&z| float::sigmoid(z)).collect();
        Cow::Owned(FoldScores { log_odds, proba })
    }

    /// The worth of mixes, by fold; those not yet known are computed in parallel.
    fn worths(&mut self, mixes: &[Mix]) -> Result<Vec<&[f64]>> {
        let key = |mix: &Mix| mix.members().iter().map(|&(c, w)| (c, w.to_bits())).collect::<Vec<_>>();
        let mut new: Vec<&Mix> = mixes.iter().filter(|m| !self.worths.contains_key(&key(m))).collect();
        new.dedup();
        let this = &*self;
        let n = this.folds.len();
        let found = this.run.map(new.len() * n, |i| {
            let (mix, k) = (new[i / n], i % n);
            worth(this.trainer, this.data, &this.folds[k], &this.mixed(mix, k))
        })?;
        let found: Vec<_> = new.into_iter().map(key).zip(found.chunks(n.max(1)).map(<[f64]>::to_vec)).collect();
        self.worths.extend(found);
        Ok(mixes.iter().map(|m| self.worths.get(&key(m)).map_or(&[][..], Vec::as_slice)).collect())
    }

    /// Mean worth of mixes over the folds where it is defined, but `without`; NaN where it is in none.
    fn means(&mut self, mixes: &[Mix], without: &[usize]) -> Result<Vec<f64>> {
        let mean = |by_fold: &[f64]| {
            let folds = by_fold.iter().enumerate();
            let values: Vec<f64> =
                folds.filter(|(k, v)| !without.contains(k) && v.is_finite()).map(|(_, &v)| v).collect();
            values.iter().sum::<f64>() / values.len() as f64
        };
        Ok(self.worths(mixes)?.into_iter().map(mean).collect())
    }

    /// The blend that the folds but `without` choose.
    pub(super) fn blend(&mut self, without: &[usize]) -> Result<Mix> {
        blend::greedy(self.candidates.len(), |mixes| self.means(mixes, without))
    }

    /// What the folds but `without` choose: the best candidate, or a blend where that is clearly better. For that, each of
    /// these folds judges a blend whose weights the others chose.
    pub(super) fn choose(&mut self, without: Option<usize>) -> Result<Choice> {
        // A lone fold chooses for itself.
        let without: Vec<usize> = without.filter(|_| self.folds.len() > 1).into_iter().collect();
        let alone: Vec<Mix> = (0..self.candidates.len()).map(Mix::lone).collect();
        let means = self.means(&alone, &without)?;
        let mut best = (0, f64::NEG_INFINITY);
        for (candidate, &mean) in means.iter().enumerate() {
            if mean > best.1 {
                best = (candidate, mean);
            }
        }
        let best = best.0;
        if !self.trainer.may_blend() || self.candidates.len() < 2 || !self.blend(&without)?.is_blend() {
            return Ok(Choice { best, gain: None });
        }
        let mut differences = Vec::new();
        for k in (0..self.folds.len()).filter(|k| !without.contains(k)) {
            let others: Vec<usize> = without.iter().copied().chain([k]).collect();
            let mix = self.blend(&others)?;
            let worths = self.worths(&[mix, Mix::lone(best)])?;
            let difference = worths[0][k] - worths[1][k];
            if difference.is_finite() {
                differences.push(difference);
            }
        }
        Ok(Choice { best, gain: blend::gain(&differences) })
    }

    /// The mix of a choice, where a blend is taken with weights chosen by the folds but `without`.
    pub(super) fn mix(&mut self, choice: &Choice, without: &[usize]) -> Result<Mix> {
        if choice.takes_blend() { self.blend(without) } else { Ok(Mix::lone(choice.best)) }
    }

    /// Mean of the metric over the folds where it is defined, each fold scored by the mix of its place; `None` where it is
    /// in none.
    pub(super) fn score(&mut self, mixes: &[Mix]) -> Result<Option<f64>> {
        let sign = if self.trainer.chosen_metric().greater_is_better() { 1.0 } else { -1.0 };
        let by_fold = self.worths(mixes)?;
        let values = by_fold.iter().enumerate().filter_map(|(k, v)| v.get(k).copied().filter(|v| v.is_finite()));
        let values: Vec<f64> = values.map(|v| sign * v).collect();
        Ok((!values.is_empty()).then(|| values.iter().sum::<f64>() / values.len() as f64))
    }

    /// Out-of-fold scores where fold `k` is scored by `mixes[k]`.
    pub(super) fn scored(&self, mixes: &[Mix]) -> Scored<'_> {
        let scores = mixes.iter().enumerate().map(|(k, mix)| self.mixed(mix, k)).collect();
        Scored { trainer: self.trainer, data: self.data, folds: self.folds, scores }
    }
}

/// Out-of-fold scores of what was chosen.
pub(super) struct Scored<'a> {
    trainer: &'a Trainer,
    data: &'a Supervision,
    folds: &'a [Fold],
    /// By fold.
    scores: Vec<Cow<'a, FoldScores>>,
}

/// Judged out-of-fold.
pub(super) struct Judged {
    pub(super) metrics: BTreeMap<String, MetricFact>,
    pub(super) folds: Vec<FoldFact>,
    thresholds: Vec<f64>,
    /// Calibrated probabilities by fold.
    proba: Vec<Vec<f64>>,
}

impl Scored<'_> {
    /// Scores of all folds but one, in fold order: log-odds, probabilities, rows.
    fn gather(&self, without: Option<usize>) -> (Vec<f64>, Vec<f64>, Vec<usize>) {
        let (mut log_odds, mut proba, mut rows) = (Vec::new(), Vec::new(), Vec::new());
        for (k, (fold, s)) in self.folds.iter().zip(&self.scores).enumerate() {
            if Some(k) != without {
                log_odds.extend_from_slice(&s.log_odds);
                proba.extend_from_slice(&s.proba);
                rows.extend_from_slice(&fold.test);
            }
        }
        (log_odds, proba, rows)
    }

    fn calibrator_without(&self, without: Option<usize>) -> Result<Option<Calibrator>> {
        let rule = self.trainer.calibration_rule();
        if rule == Calibration::None {
            return Ok(None);
        }
        let (log_odds, proba, rows) = self.gather(without);
        let (y, w) = (self.data.y_of(&rows), self.data.w_of(&rows));
        match rule {
            Calibration::None => Ok(None),
            Calibration::Sigmoid => Calibrator::fit_sigmoid(&log_odds, &y, w.as_deref()).map(Some),
            Calibration::Isotonic => Calibrator::fit_isotonic(&proba, &y, w.as_deref()).map(Some),
            Calibration::Auto => Calibrator::choose(&log_odds, &proba, &y, w.as_deref(), self.trainer.stream_seed()),
        }
    }

    /// The calibrator of the final model, fitted on all out-of-fold scores.
    pub(super) fn calibrator(&self) -> Result<Option<Calibrator>> {
        self.calibrator_without(None)
    }

    /// Calibrated out-of-fold probabilities with their labels and weights.
    pub(super) fn pooled(&self, calibrator: Option<&Calibrator>) -> (Vec<f64>, Vec<u8>, Option<Vec<f64>>) {
        let (log_odds, proba, rows) = self.gather(None);
        (calibrate(calibrator, &log_odds, &proba), self.data.y_of(&rows), self.data.w_of(&rows))
    }

    /// Judge each fold, calibrated and thresholded on the other folds.
    pub(super) fn judge(&self) -> Result<Judged> {
        let (trainer, data) = (self.trainer, self.data);
        let mut judged =
            Judged { metrics: BTreeMap::new(), folds: Vec::new(), thresholds: Vec::new(), proba: Vec::new() };
        let lone = self.folds.len() == 1;
        let (mut y_all, mut p_all, mut decided, mut rows_all) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        for (k, (fold, s)) in self.folds.iter().zip(&self.scores).enumerate() {
            // A lone fold has no other folds to choose on: raw scores, and 0.5 where no threshold was given.
            let calibrator = if lone { None } else { self.calibrator_without(Some(k))? };
            let threshold = match trainer.threshold_rule() {
                Threshold::Fixed(t) => t,
                Threshold::FBeta(_) if lone => 0.5,
                Threshold::FBeta(beta) => {
                    let (log_odds, proba, rows) = self.gather(Some(k));
                    let p = calibrate(calibrator.as_ref(), &log_odds, &proba);
                    metrics::best_threshold(&data.y_of(&rows), &p, data.w_of(&rows).as_deref(), beta)?
                }
            };
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

    /// With the names of the learners that scored the folds.
    pub(super) fn cross_validation(&self, learners: Vec<String>) -> Result<CrossValidation> {
        let judged = self.judge()?;
        let mut predictions = vec![f64::NAN; self.data.y.len()];
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
            learners,
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::learn::Learner;
    use crate::table::{Column, Table};
    use crate::{Seed, Value};

    /// Rows with labels, five folds, and scores of candidates that came from nowhere.
    struct Made {
        trainer: Trainer,
        data: Supervision,
        folds: Vec<Fold>,
        run: Run,
    }

    impl Made {
        fn new(truth: &[f64], seed: u64, n_candidates: usize) -> Made {
            let mut r = Seed(seed).stream("labels", 0);
            let y: Vec<i64> = truth.iter().map(|z| i64::from(r.uniform() < float::sigmoid(*z))).collect();
            let table = Table::new(vec![Column::int("y", y)]).unwrap();
            let mut schema = Schema::infer(&table).unwrap().target("y", Value::Int(1)).unwrap();
            let data = Supervision::read(&mut schema, (&table).into()).unwrap();
            let folds = data.folds(&(0..truth.len()).collect::<Vec<_>>(), 5, Seed(seed)).unwrap();
            let trainer = Trainer::new(schema).learners(vec![Learner::logistic(); n_candidates]).blend(true);
            Made { trainer, data, folds, run: Run::new().n_threads(Some(1)) }
        }

        fn out_of_fold(&self, log_odds: &[Vec<f64>]) -> OutOfFold<'_> {
            let of = |z: &Vec<f64>, f: &Fold| {
                let log_odds: Vec<f64> = f.test.iter().map(|&r| z[r]).collect();
                FoldScores { proba: log_odds.iter().map(|&z| float::sigmoid(z)).collect(), log_odds }
            };
            OutOfFold {
                trainer: &self.trainer,
                data: &self.data,
                folds: &self.folds,
                run: &self.run,
                candidates: (0..log_odds.len()).collect(),
                scores: log_odds.iter().map(|z| self.folds.iter().map(|f| of(z, f)).collect()).collect(),
                worths: BTreeMap::new(),
            }
        }
    }

    fn normals(seed: u64, what: &str, n: usize) -> Vec<f64> {
        let mut r = Seed(seed).stream(what, 0);
        (0..n).map(|_| r.normal()).collect()
    }

    /// How often a blend is taken in 40 made-up tables of 600 rows.
    fn taken(candidates: impl Fn(&[f64], u64) -> Vec<Vec<f64>>) -> usize {
        (0..40)
            .filter(|&seed| {
                let truth: Vec<f64> = normals(seed, "truth", 600).into_iter().map(|z| 1.5 * z - 1.0).collect();
                let scores = candidates(&truth, seed);
                let made = Made::new(&truth, seed, scores.len());
                made.out_of_fold(&scores).choose(None).unwrap().takes_blend()
            })
            .count()
    }

    fn plus(truth: &[f64], seed: u64, what: &str, by: f64) -> Vec<f64> {
        truth.iter().zip(normals(seed, what, truth.len())).map(|(t, e)| t + by * e).collect()
    }

    #[test]
    fn a_blend_is_taken_for_a_gain_and_not_for_noise() {
        // The same candidate three times: no blend differs from it.
        let same = taken(|truth, seed| vec![plus(truth, seed, "a", 1.0); 3]);
        assert_eq!(same, 0);
        // A good candidate among others that know nothing, or the same with a little noise: whatever weight they get is
        // fitted to noise.
        let noise = taken(|truth, seed| {
            let of = |what| normals(seed, what, truth.len());
            vec![plus(truth, seed, "a", 1.0), of("b"), of("c"), of("d")]
        });
        let copies = taken(|truth, seed| {
            let a = plus(truth, seed, "a", 1.0);
            vec![a.clone(), plus(&a, seed, "b", 0.5), plus(&a, seed, "c", 0.5), plus(&a, seed, "d", 0.5)]
        });
        // Candidates that err apart: their mean errs less than each.
        let apart = taken(|truth, seed| ["a", "b", "c"].map(|what| plus(truth, seed, what, 1.5)).to_vec());
        println!("taken of 40: noise {noise}, copies {copies}, apart {apart}");
        assert!(noise <= 1 && copies <= 2 && apart >= 36, "{noise} {copies} {apart}");
    }

    #[test]
    fn what_is_chosen_for_a_fold_does_not_see_it() {
        let truth = normals(1, "truth", 600);
        let scores = ["a", "b", "c"].map(|what| plus(&truth, 1, what, 1.0));
        let mut made = Made::new(&truth, 1, 3);
        let chosen = |made: &Made, k: usize| {
            let mut oof = made.out_of_fold(&scores);
            let choice = oof.choose(Some(k)).unwrap();
            let mix = oof.mix(&choice, &[k]).unwrap();
            (choice, mix, oof.blend(&[k]).unwrap())
        };
        for k in 0..5 {
            let before = chosen(&made, k);
            assert!(before.2.is_blend());
            let others: Vec<_> = (0..5).filter(|&j| j != k).map(|j| chosen(&made, j).2).collect();
            let (labels, test) = (made.data.y.clone(), made.folds[k].test.clone());
            for (i, &row) in test.iter().enumerate() {
                made.data.y[row] = labels[test[test.len() - 1 - i]];
            }
            assert_eq!(chosen(&made, k), before);
            let after: Vec<_> = (0..5).filter(|&j| j != k).map(|j| chosen(&made, j).2).collect();
            assert_ne!(after, others, "other folds choose by it");
            made.data.y = labels;
        }
    }

    #[test]
    fn a_lone_learner_keeps_its_scores() {
        let truth = normals(2, "truth", 100);
        let made = Made::new(&truth, 2, 1);
        let mut oof = made.out_of_fold(std::slice::from_ref(&truth));
        // Probabilities are taken as they came, also where no log-odds give them.
        oof.scores[0][3].proba[0] = 0.1234567890123457;
        let choice = oof.choose(None).unwrap();
        assert_eq!(choice, Choice { best: 0, gain: None });
        let mix = oof.mix(&choice, &[]).unwrap();
        assert_eq!(oof.mixed(&mix, 3).proba[0], 0.1234567890123457);
    }
}
