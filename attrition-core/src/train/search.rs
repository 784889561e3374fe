//! The search for parameters: `train(trials=…)`.
//!
//! One conditional space holds the learner, its parameters and, for learners that see numbers alone, what the pipeline does. A
//! trial is one point of it: fitted on every fold, or on the first few where these show that it will not win. Trials are
//! proposed [`ROUND`] at a time, whatever the threads, so that the same seed tries the same trials.
//!
//! # Honesty
//! The best of many trials looks better than it is, on folds too: all trials see the same rows, and chance makes some of them look
//! good in every fold. Where rows are held out, they say how good the model is, and the folds' estimates are corrected by what
//! the best of each single fold has more on it than the one that was chosen (Tibshirani and Tibshirani). On pure noise that
//! left a third to six tenths of the excess, and choosing by the other folds, as elsewhere (`docs/decisions/0006`), leaves half of it; so
//! where no rows are held out, the estimates are those of searches anew within the training rows of each fold, as they are
//! in [`Trainer::cross_validate`].
//!
//! # Reference
//! R. J. Tibshirani, R. Tibshirani: A bias correction for the minimum error rate in cross-validation. Annals of Applied
//! Statistics 3 (2009), <https://doi.org/10.1214/08-AOAS224>.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::cross_validate::{FoldScores, OutOfFold, Rows, score_fold, threshold, worth};
use super::trainer::Trainer;
use crate::learn::Learner;
use crate::metrics;
use crate::model::{CandidateFact, MetricFact, TrialFact};
use crate::preprocess::{DesignColumn, Form, PipelineParams, Prepared, ResampleParams, SelectParams};
use crate::run::Run;
use crate::schema::{FieldKind, Schema};
use crate::split::Fold;
use crate::tune::{
    Direction, Directions, Domain, Outcome, Param, Params, Pruner, SamplerKind, SearchSpace, Study, StudyOptions,
    Trial, TrialState,
};
use crate::{Error, Result};

/// Trials that are proposed together, without knowing what comes of each other.
const ROUND: usize = 4;

/// How a searched model is judged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SearchEstimate {
    /// As nested where no rows are held out, else as corrected.
    #[default]
    Auto,
    /// Each fold by a search within its training rows; takes as many more searches as there are folds.
    Nested,
    /// By the folds that chose, less a correction for the choice.
    Corrected,
}

/// How parameters are searched.
///
/// | name | meaning | default |
/// |---|---|---|
/// | `sampler` | `"auto"`, `"tpe"`, `"gp"`, `"random"`, `"sobol"` | `"auto"` |
/// | `prune` | whether a trial whose first folds make it unlikely to win is stopped (a paired Wilcoxon test over folds) | `true` |
/// | `preprocess` | whether the pipeline is searched too, for learners that see numbers alone: transform, scale, encoding, selection, resampling; what `preprocess` says stays as it says | `true` |
/// | `estimate` | `"nested"`: each fold is judged by a search within its training rows; `"corrected"`: by the folds that chose, less a correction; `"auto"`: nested where no rows are held out | `"auto"` |
/// | `max_seconds` | no trial is begun after so long; with it the same seed may try fewer trials elsewhere | none |
/// | `cache_mb` | memory for pipelines that later trials use again, in 10⁶ bytes; never changes a result | 256 |
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
#[allow(missing_docs, reason = "the table above says each")]
pub struct SearchOptions {
    pub sampler: SamplerKind,
    pub prune: bool,
    pub preprocess: bool,
    pub estimate: SearchEstimate,
    pub max_seconds: Option<f64>,
    pub cache_mb: usize,
}

impl Default for SearchOptions {
    fn default() -> Self {
        SearchOptions {
            sampler: SamplerKind::default(),
            prune: true,
            preprocess: true,
            estimate: SearchEstimate::Auto,
            max_seconds: None,
            cache_mb: 256,
        }
    }
}

impl SearchOptions {
    pub(super) fn is_nested(&self, holdout: Option<f64>) -> bool {
        match self.estimate {
            SearchEstimate::Auto => holdout.is_none(),
            SearchEstimate::Nested => true,
            SearchEstimate::Corrected => false,
        }
    }

    pub(super) fn check(&self) -> Result<()> {
        match self.max_seconds {
            Some(s) if !(s.is_finite() && s >= 0.0) => {
                Err(Error::param("search.max_seconds", s, "a number >= 0, or none", "leave it out for no limit"))
            }
            _ => Ok(()),
        }
    }
}

/// What is tried at once: a learner behind a pipeline.
#[derive(Debug, Clone, PartialEq)]
struct Candidate {
    learner: Learner,
    preprocess: PipelineParams,
}

/// A trial that was scored on every fold.
struct Complete {
    worths: Vec<f64>,
    /// By fold, all metrics.
    metrics: Vec<BTreeMap<String, f64>>,
}

/// What a search found.
pub(super) struct Found {
    /// The trainer of what won, its only candidate.
    pub(super) trainer: Trainer,
    /// Its scores by fold.
    pub(super) scores: Vec<FoldScores>,
    /// The best trial of each learner.
    pub(super) leaderboard: Vec<CandidateFact>,
    pub(super) trials: Vec<TrialFact>,
    /// Mean of the metric of the best trial, as it looks.
    pub(super) best: f64,
    /// By metric: by how much more it looks for having been chosen.
    pub(super) optimism: BTreeMap<String, f64>,
}

impl Found {
    pub(super) fn out_of_fold<'a>(&'a self, rows: Rows<'a>, folds: &'a [Fold], run: &'a Run) -> OutOfFold<'a> {
        OutOfFold::of(&self.trainer, rows.data, folds, run, vec![self.scores.clone()])
    }

    /// Metrics of what won, less what it owes to having been chosen.
    pub(super) fn correct(&self, metrics: &mut BTreeMap<String, MetricFact>) {
        for (name, fact) in metrics {
            let excess = self.optimism.get(name).copied().unwrap_or(0.0);
            fact.value -= excess;
            fact.low = fact.low.map(|low| low - excess);
            fact.high = fact.high.map(|high| high - excess);
        }
    }
}

fn linear(learner: &Learner) -> bool {
    learner.form() == Form::Linear
}

/// What is searched of a learner, by the names of its parameters.
fn learner_space(learner: &Learner) -> Vec<(&'static str, Param)> {
    let weights = || Param::choice([Value::Null, json!("balanced")]);
    match learner {
        Learner::Logistic(_) => vec![
            ("c", Param::float(1e-3, 100.0).log()),
            ("penalty", Param::choice(["l2", "l1", "elasticnet"])),
            ("l1_ratio", Param::float(0.0, 1.0).when("penalty", ["elasticnet"])),
            ("class_weight", weights()),
        ],
        Learner::Glassbox(_) => vec![
            ("n_knots", Param::int(4, 30).log()),
            ("interactions", Param::choice([json!("auto"), json!(0), json!(5), json!(15)])),
        ],
        Learner::Boosting(_) => vec![
            ("n_trees", Param::int(50, 1000).log()),
            ("learning_rate", Param::float(0.01, 0.3).log()),
            ("max_leaves", Param::int(2, 64).log()),
            ("min_leaf_rows", Param::float(1.0, 100.0).log()),
            ("l2", Param::float(1e-2, 100.0).log()),
            ("row_fraction", Param::float(0.3, 1.0)),
            ("column_fraction", Param::float(0.2, 1.0)),
            ("class_weight", weights()),
        ],
        Learner::Forest(_) => vec![
            ("n_trees", Param::int(100, 500).log()),
            ("min_leaf_rows", Param::float(1.0, 30.0).log()),
            ("column_fraction_node", Param::float(0.05, 1.0).log()),
            ("class_weight", weights()),
        ],
        Learner::Tree(_) => vec![
            ("max_leaves", Param::int(2, 64).log()),
            ("min_leaf_rows", Param::float(5.0, 200.0).log()),
            ("class_weight", weights()),
        ],
        Learner::LinfaLogistic(_) | Learner::LinfaTree(_) => Vec::new(),
    }
}

/// What is searched of the pipeline, where nothing is said; of a choice the first option is the default.
fn pipeline_space(params: &PipelineParams, schema: &Schema) -> Vec<(&'static str, Param)> {
    let mut space = Vec::new();
    let has = |category: bool| schema.features().any(|f| (f.kind == FieldKind::Category) == category);
    if params.number.transform.is_none() && has(false) {
        // Yeo-Johnson's is Box and Cox's of x + 1, and takes every number.
        let transforms = ["none", "log1p", "yeo_johnson", "quantile_normal"];
        space.push(("number.transform", Param::choice(transforms)));
    }
    if params.number.scale.is_none() && has(false) {
        space.push(("number.scale", Param::choice(["standard", "min_max", "robust"])));
    }
    if params.category.encode.is_none() && has(true) {
        space.push(("category.encode", Param::choice(["one_hot", "ordinal", "target"])));
    }
    if params.select.is_none() {
        space.push(("select", Param::choice(["none", "l1", "rfe", "importance"])));
        space.push(("select.c", Param::float(1e-2, 10.0).log().when("select", ["l1"])));
        space.push(("select.keep", Param::float(0.1, 0.9).when("select", ["rfe", "importance"])));
    }
    if params.resample.is_none() {
        space.push(("resample", Param::choice(["none", "smote_nc"])));
    }
    space
}

impl Trainer {
    /// The space of the search: parameters that differ from their defaults stay as they are.
    fn space(&self) -> Result<SearchSpace> {
        let several = self.learners.len() > 1;
        let names: Vec<&str> = self.learners.iter().map(|l| l.name() as &str).collect();
        let mut params: Vec<(String, Param)> = Vec::new();
        if several {
            params.push(("learner".to_owned(), Param::choice(names.iter().copied())));
        }
        for learner in &self.learners {
            let (given, defaults) = (learner.params_json(), Learner::from_name(learner.name(), None)?.params_json());
            for (name, mut param) in learner_space(learner) {
                if given.get(name) != defaults.get(name) {
                    continue;
                }
                // Conditions on others of its own.
                let own = std::mem::take(&mut param.when);
                let mut is_there = true;
                for (other, values) in own {
                    if given.get(&other) == defaults.get(&other) {
                        param.when.insert(format!("{}.{other}", learner.name()), values);
                    } else {
                        is_there &= given.get(&other).is_some_and(|v| values.contains(v));
                    }
                }
                if several {
                    param = param.when("learner", [learner.name()]);
                }
                if is_there {
                    params.push((format!("{}.{name}", learner.name()), param));
                }
            }
        }
        let with_pipeline: Vec<&str> = self.learners.iter().filter(|l| linear(l)).map(|l| l.name() as &str).collect();
        if self.search.preprocess && !with_pipeline.is_empty() {
            for (name, mut param) in pipeline_space(self.base_preprocess(), &self.schema) {
                if several && param.when.is_empty() {
                    param = param.when("learner", with_pipeline.iter().copied());
                }
                params.push((name.to_owned(), param));
            }
        }
        if params.is_empty() {
            return Err(Error::param(
                "trials",
                self.trials,
                "a learner with parameters to search",
                "leave some parameters at their defaults, or use trials=0",
            ));
        }
        SearchSpace::new(params)
    }

    /// The candidate of a point of the space.
    fn candidate(&self, point: &Params) -> Result<Candidate> {
        let named = point.get("learner").and_then(Value::as_str);
        let learner = self.learners.iter().find(|l| named.is_none_or(|n| n == l.name()));
        let learner = learner.ok_or_else(|| Error::Internal("a trial of a learner that is not there".into()))?;
        let mut params = match learner.params_json() {
            Value::Object(params) => params,
            _ => Map::new(),
        };
        for (name, value) in point {
            if let Some(own) = name.strip_prefix(learner.name()).and_then(|n| n.strip_prefix('.')) {
                params.insert(own.to_owned(), value.clone());
            }
        }
        let mut preprocess = self.base_preprocess().clone();
        if linear(learner) {
            set_pipeline(&mut preprocess, point)?;
        }
        Ok(Candidate { learner: Learner::from_name(learner.name(), Some(&Value::Object(params)))?, preprocess })
    }

    /// The defaults of a learner as a point of the space, as far as they lie in it.
    fn default_point(&self, space: &SearchSpace, learner: &Learner, weight: f64) -> Option<Params> {
        let given = learner.params_json();
        let resolved = learner.resolved(weight, self.schema.features().count()).params_json();
        let value = |name: &str, domain: &Domain| {
            let own = name.strip_prefix(learner.name()).and_then(|n| n.strip_prefix('.'));
            match (domain, own) {
                _ if name == "learner" => Some(json!(learner.name())),
                (Domain::Choice { options, .. }, None) => options.first().cloned(),
                (Domain::Choice { options, .. }, Some(own)) => {
                    let fits = |params: &Value| params.get(own).filter(|v| options.contains(v)).cloned();
                    fits(&given).or_else(|| fits(&resolved))
                }
                (Domain::Float { low, high, .. }, Some(own)) => {
                    resolved.get(own)?.as_f64().filter(|v| v >= low && v <= high).map(Value::from)
                }
                (Domain::Int { low, high, .. }, Some(own)) => {
                    resolved.get(own)?.as_i64().filter(|v| v >= low && v <= high).map(Value::from)
                }
                _ => None,
            }
        };
        let mut point = Params::new();
        // A parameter is there once those that it hangs on are.
        loop {
            let active = |param: &Param| {
                param.when.iter().all(|(other, values)| point.get(other).is_some_and(|v| values.contains(v)))
            };
            let more: Vec<_> = space.params().filter(|(n, p)| !point.contains_key(*n) && active(p)).collect();
            if more.is_empty() {
                return Some(point);
            }
            for (name, param) in more {
                point.insert(name.to_owned(), value(name, &param.domain)?);
            }
        }
    }

    /// Search, with the folds.
    pub(super) fn search(&self, rows: Rows<'_>, folds: &[Fold], run: &Run) -> Result<Found> {
        let space = self.space()?;
        let options = StudyOptions {
            sampler: self.search.sampler,
            direction: Directions::One(Direction::Maximize),
            seed: self.stream_seed(),
            lag: None,
            pruner: (self.search.prune && folds.len() > 2).then(Pruner::wilcoxon),
        };
        let study = Study::new(space.clone(), options)?;
        // Begin with what is known to be good.
        let fitted = &folds.first().ok_or_else(|| Error::Internal("a search without folds".into()))?.train;
        let weight = rows.data.w_of(fitted).map_or(fitted.len() as f64, |w| w.iter().sum());
        for learner in &self.learners {
            if let Some(point) = self.default_point(&space, learner, weight) {
                study.enqueue(&point)?;
            }
        }
        let deadline = self.search.max_seconds.map(|s| Instant::now() + Duration::from_secs_f64(s.min(1e9)));
        let cache = Cache::new(self.search.cache_mb);
        let mut complete: Vec<Complete> = Vec::new();
        // What won so far: its place among the complete ones, and its mean.
        let mut best: Option<(usize, f64, Candidate, Vec<FoldScores>)> = None;
        let mut done = 0;
        while done < self.trials && deadline.is_none_or(|d| Instant::now() < d || done == 0) {
            run.check()?;
            run.progress("tune", done, self.trials);
            let mut round = Vec::new();
            for _ in 0..ROUND.min(self.trials - done) {
                let trial = study.ask()?;
                match self.candidate(&trial.params) {
                    Ok(candidate) => round.push(Going { trial, candidate, scores: Vec::new(), worths: Vec::new() }),
                    Err(e) => drop(study.tell(trial.number, Outcome::Failed(e.to_string()))?),
                }
                done += 1;
            }
            for (k, fold) in folds.iter().enumerate() {
                let inner = run.single();
                let scored = run.map(round.len(), |i| {
                    let Candidate { learner, preprocess } = &round[i].candidate;
                    let fit = || self.fit_candidate(learner, preprocess, rows, &fold.train, Some((&cache, k)), &inner);
                    match fit().and_then(|member| score_fold(member, rows, fold, &inner)) {
                        Err(Error::Cancelled) => Err(Error::Cancelled),
                        // What one candidate cannot do is its own failure.
                        other => Ok(other),
                    }
                })?;
                // In the order of their numbers, as all of them have reported this fold.
                let mut going = Vec::with_capacity(round.len());
                for (mut trial, scores) in round.into_iter().zip(scored) {
                    let number = trial.trial.number;
                    let told = scores.and_then(|scores| {
                        let worth = worth(self, rows.data, fold, &scores)?;
                        trial.scores.push(scores);
                        trial.worths.push(worth);
                        Ok(worth)
                    });
                    match told {
                        Ok(worth) if worth.is_finite() => {
                            study.report(number, k as u64, worth)?;
                            going.push(trial);
                        }
                        // A fold without one of the labels says nothing.
                        Ok(_) => going.push(trial),
                        Err(Error::Cancelled) => return Err(Error::Cancelled),
                        Err(e) => drop(study.tell(number, Outcome::Failed(e.to_string()))?),
                    }
                }
                round = Vec::with_capacity(going.len());
                for trial in going {
                    if k + 1 < folds.len() && study.should_prune(trial.trial.number)? {
                        study.tell(trial.trial.number, Outcome::Pruned)?;
                    } else {
                        round.push(trial);
                    }
                }
            }
            for Going { trial, candidate, scores, worths } in round {
                let told = study.tell(trial.number, mean(&worths))?;
                let Some(value) = told.value() else { continue };
                if best.as_ref().is_none_or(|(_, most, ..)| value > *most) {
                    best = Some((complete.len(), value, candidate, scores.clone()));
                }
                let of_fold = |(fold, scores): (&Fold, &FoldScores)| {
                    let (y, w) = (rows.data.y_of(&fold.test), rows.data.w_of(&fold.test));
                    let at = threshold(self, &y, scores.proba(), w.as_deref())?;
                    let all = metrics::all(&y, scores.proba(), w.as_deref(), at)?;
                    Ok(all.into_iter().map(|(m, e)| (m.name(), e.value)).collect())
                };
                let metrics = folds.iter().zip(&scores).map(of_fold).collect::<Result<_>>()?;
                complete.push(Complete { worths, metrics });
            }
        }
        run.progress("tune", self.trials, self.trials);
        let trials = study.trials();
        let Some((won, value, candidate, scores)) = best else {
            // Says what went wrong.
            study.best()?;
            return Err(Error::Internal("a search with a best trial and without one".into()));
        };
        let sign = if self.chosen_metric().greater_is_better() { 1.0 } else { -1.0 };
        Ok(Found {
            trainer: self.tuned(candidate.learner, candidate.preprocess),
            scores,
            leaderboard: self.best_by_learner(&trials, sign)?,
            trials: trials.iter().map(|t| fact(t, sign)).collect(),
            best: sign * value,
            optimism: optimism(&complete, won, folds.len()),
        })
    }

    /// The best complete trial of each learner, best first.
    fn best_by_learner(&self, trials: &[Trial], sign: f64) -> Result<Vec<CandidateFact>> {
        let mut best: Vec<(f64, CandidateFact)> = Vec::new();
        for trial in trials {
            let Some(value) = trial.value() else { continue };
            let learner = self.candidate(&trial.params)?.learner;
            let (name, params) = (learner.name().to_owned(), learner.params_json());
            let fact = CandidateFact { learner: name, params, score: Some(sign * value), is_chosen: false };
            match best.iter_mut().find(|(_, other)| other.learner == fact.learner) {
                Some(other) if value > other.0 => *other = (value, fact),
                Some(_) => {}
                None => best.push((value, fact)),
            }
        }
        best.sort_by(|a, b| b.0.total_cmp(&a.0));
        Ok(best.into_iter().map(|(_, fact)| fact).collect())
    }
}

fn fact(trial: &Trial, sign: f64) -> TrialFact {
    let state = match trial.state {
        TrialState::Complete => "complete",
        TrialState::Pruned => "pruned",
        _ => "failed",
    };
    TrialFact {
        number: trial.number,
        state: state.to_owned(),
        params: trial.params.clone(),
        score: trial.value().map(|v| sign * v),
        error: trial.error.clone(),
    }
}

/// By metric the mean over the folds of what the best trial of that fold alone, by the metric that chooses, has on it, less
/// what the trial that won has.
fn optimism(complete: &[Complete], won: usize, n_folds: usize) -> BTreeMap<String, f64> {
    let mut sums: BTreeMap<String, (f64, f64)> = BTreeMap::new();
    let Some(winner) = complete.get(won) else { return BTreeMap::new() };
    for k in 0..n_folds {
        let worth = |c: &Complete| c.worths.get(k).copied().filter(|w| w.is_finite()).unwrap_or(f64::NEG_INFINITY);
        let mut best = winner;
        for other in complete {
            if worth(other) > worth(best) {
                best = other;
            }
        }
        let (Some(best), Some(own)) = (best.metrics.get(k), winner.metrics.get(k)) else { continue };
        for (name, value) in own {
            if let Some(excess) = best.get(name).map(|b| b - value).filter(|e| e.is_finite()) {
                let (sum, n) = sums.entry(name.clone()).or_default();
                (*sum, *n) = (*sum + excess, *n + 1.0);
            }
        }
    }
    sums.into_iter().map(|(name, (sum, n))| (name, sum / n)).collect()
}

/// A trial on its way through the folds.
struct Going {
    trial: Trial,
    candidate: Candidate,
    scores: Vec<FoldScores>,
    worths: Vec<f64>,
}

/// Mean over the folds where it is defined.
fn mean(worths: &[f64]) -> f64 {
    let there: Vec<f64> = worths.iter().copied().filter(|w| w.is_finite()).collect();
    there.iter().sum::<f64>() / there.len() as f64
}

fn set_pipeline(params: &mut PipelineParams, point: &Params) -> Result<()> {
    let text = |name: &str| point.get(name).and_then(Value::as_str);
    let number = |name: &str| point.get(name).and_then(Value::as_f64);
    fn read<T: serde::de::DeserializeOwned>(value: Value) -> Result<T> {
        serde_json::from_value(value).map_err(|e| Error::Internal(format!("a searched setting that is none: {e}")))
    }
    if let Some(transform) = text("number.transform") {
        params.number.transform = Some(read(json!(transform))?);
    }
    if let Some(scale) = text("number.scale") {
        params.number.scale = Some(read(json!(scale))?);
    }
    if let Some(encode) = text("category.encode") {
        params.category.encode = Some(read(json!(encode))?);
    }
    match text("select") {
        Some("l1") => params.select = Some(SelectParams::L1 { c: number("select.c").unwrap_or(1.0) }),
        Some(method @ ("rfe" | "importance")) => {
            params.select = Some(read(json!({"method": method, "keep": number("select.keep").unwrap_or(0.5)}))?);
        }
        _ => {}
    }
    if text("resample") == Some("smote_nc") {
        params.resample = Some(read::<ResampleParams>(json!({"method": "smote_nc"}))?);
    }
    Ok(())
}

/// Pipelines fitted on the folds, for later trials with the same.
pub(super) struct Cache {
    bytes: usize,
    held: Mutex<Held>,
}

#[derive(Default)]
struct Held {
    entries: HashMap<String, (Arc<Prepared>, usize, u64)>,
    bytes: usize,
    clock: u64,
}

impl Cache {
    fn new(megabytes: usize) -> Cache {
        Cache { bytes: megabytes.saturating_mul(1_000_000), held: Mutex::default() }
    }

    /// The pipeline fitted on the training rows of fold `k`, from memory or by `fit`. Two threads may fit the same one: it is
    /// the same.
    pub(super) fn get(
        &self,
        k: usize,
        form: Form,
        params: &PipelineParams,
        fit: impl FnOnce() -> Result<Prepared>,
    ) -> Result<Arc<Prepared>> {
        let params = serde_json::to_string(params).map_err(|e| Error::Internal(e.to_string()))?;
        let key = format!("{k} {form:?} {params}");
        let lock = || self.held.lock().unwrap_or_else(PoisonError::into_inner);
        {
            let mut held = lock();
            held.clock += 1;
            let clock = held.clock;
            if let Some((prepared, _, used)) = held.entries.get_mut(&key) {
                *used = clock;
                return Ok(Arc::clone(prepared));
            }
        }
        let prepared = Arc::new(fit()?);
        let bytes = prepared.design.columns.iter().map(size).sum::<usize>() + prepared.y.len() * 9;
        let mut held = lock();
        if bytes <= self.bytes && !held.entries.contains_key(&key) {
            // Those not asked for the longest make room.
            while held.bytes + bytes > self.bytes {
                let oldest = held.entries.iter().min_by_key(|(_, (.., used))| *used).map(|(key, _)| key.clone());
                let Some((_, freed, _)) = oldest.and_then(|key| held.entries.remove(&key)) else { break };
                held.bytes -= freed;
            }
            let clock = held.clock;
            held.entries.insert(key, (Arc::clone(&prepared), bytes, clock));
            held.bytes += bytes;
        }
        Ok(prepared)
    }
}

fn size(column: &DesignColumn) -> usize {
    match column {
        DesignColumn::Dense(v) => v.len() * 8,
        DesignColumn::Indicators { codes, .. } | DesignColumn::Levels { codes, .. } => codes.len() * 4,
    }
}
