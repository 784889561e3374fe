//! The trainer: folds, choice, calibration, threshold, final fit.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::blend::Mix;
use super::choose::Chosen;
use super::cross_validate::{FoldScores, OutOfFold, Rows, Scored, fact_map, score_fold};
use super::data::Supervision;
use super::options::auto_learners;
use super::review::review;
use super::search::{Cache, SearchOptions};
use crate::calibrate::Calibrator;
use crate::learn;
use crate::learn::{Fitted, Learner};
use crate::metrics::{self, Metric};
use crate::model::{BLEND, CandidateFact, Decision, Member, Model, Parts, Scorer, StoredProfile, Training, params_of};
use crate::preprocess::{FitRows, PipelineParams, Ranker};
use crate::profile::{Profile, ScoreProfile};
use crate::run::Run;
use crate::schema::{Role, Schema};
use crate::split::{self, Fold};
use crate::table::Columns;
use crate::{Error, Result, Seed};

/// How rows are folded.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Cv {
    /// No folds.
    None,
    /// So many folds: stratified, or by group or forward in time where the schema has such a column.
    Folds(usize),
    /// The test fold of every row; negative: never tested, always learned from.
    Given(Vec<i64>),
}

/// How scores become probabilities.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Calibration {
    /// Whichever lowers the out-of-fold log-loss clearly; none where none does.
    Auto,
    /// As the learner gives them.
    None,
    /// Platt's sigmoid.
    Sigmoid,
    /// Isotonic regression.
    Isotonic,
}

/// How the threshold is found.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Threshold {
    /// The one that maximises F-beta of the out-of-fold probabilities.
    FBeta(f64),
    /// This one.
    Fixed(f64),
}

/// What the final model is fitted on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Refit {
    /// All rows but the hold-out: the judged model is the saved one.
    #[default]
    Train,
    /// All rows, after the hold-out was used to judge.
    All,
}

/// What a model is to be, and how that was found.
struct Settled {
    /// Learners, by their places among the trainer's, and weights.
    mix: Vec<(usize, f64)>,
    /// What scores each fold.
    by_fold: Vec<Mix>,
    cv_score: Option<f64>,
    leaderboard: Vec<CandidateFact>,
}

/// Trains models. Defaults: logistic, 5 folds, a fifth held out, calibration where it helps, threshold for F2.
///
/// # Example
/// ```
/// use attrition_core::{datasets, learn::Learner, schema::Schema, train::{Cv, Trainer}};
/// let table = datasets::employees(600, 0)?;
/// let schema = Schema::infer(&table)?.target("Attrition", "Yes")?;
/// let model = Trainer::new(schema).learner(Learner::logistic()).cv(Cv::Folds(3)).seed(7).fit(&table)?;
/// assert_eq!(model.training().n_folds, 3);
/// # Ok::<(), attrition_core::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Trainer {
    pub(super) schema: Schema,
    pub(super) learners: Vec<Learner>,
    blend: bool,
    preprocess: PipelineParams,
    pub(super) trials: usize,
    pub(super) search: SearchOptions,
    metric: Metric,
    cv: Cv,
    holdout: Option<f64>,
    calibration: Calibration,
    threshold: Threshold,
    refit: Refit,
    seed: Seed,
}

impl Trainer {
    /// With the defaults, for the schema, which must name a target.
    pub fn new(schema: Schema) -> Trainer {
        Trainer {
            schema,
            learners: vec![Learner::logistic()],
            blend: false,
            preprocess: PipelineParams::default(),
            trials: 0,
            search: SearchOptions::default(),
            metric: Metric::RocAuc,
            cv: Cv::Folds(5),
            holdout: Some(0.2),
            calibration: Calibration::Auto,
            threshold: Threshold::FBeta(2.0),
            refit: Refit::Train,
            seed: Seed(0),
        }
    }
    /// With one learner.
    pub fn learner(mut self, learner: Learner) -> Trainer {
        self.learners = vec![learner];
        self
    }
    /// With several learners, of which the folds choose one.
    pub fn learners(mut self, learners: impl IntoIterator<Item = Learner>) -> Trainer {
        self.learners = learners.into_iter().collect();
        self
    }
    /// With the candidates of [`auto_learners`], of which the folds choose one or a blend: what `learner="auto"` means.
    ///
    /// Every candidate is fitted once a fold, and what was chosen once more. The blend is a weighted mean of log-odds, its
    /// members and weights found by greedy selection on out-of-fold scores (with replacement, from a sorted start). It is
    /// taken only if it is better than the best learner by more than one standard error of the differences by fold,
    /// judged in each fold by a blend that the other folds chose; below three folds it is not taken. Above 4 million
    /// numbers (sum of weights × features) candidates are tried on a seeded sample of the rows that has about as many,
    /// and only what was chosen is cross-validated on all rows. Without folds the first candidate is the learner.
    ///
    /// # Reference
    /// R. Caruana et al. (2004): Ensemble selection from libraries of models.
    /// <https://doi.org/10.1145/1015330.1015432>
    pub fn auto(mut self) -> Trainer {
        self.learners = auto_learners();
        self.blend = true;
        self
    }
    /// Whether the folds may also choose a blend of the learners, see [`Trainer::auto`].
    pub fn blend(mut self, blend: bool) -> Trainer {
        self.blend = blend;
        self
    }
    /// With preprocessing parameters.
    pub fn preprocess(mut self, params: PipelineParams) -> Trainer {
        self.preprocess = params;
        self
    }
    /// With a search for parameters of so many trials, on the folds: the learner among those given, its parameters as far as they
    /// are at their defaults, and the pipeline, see [`SearchOptions`]. Estimates are of choices made without the judged fold.
    pub fn trials(mut self, trials: usize) -> Trainer {
        self.trials = trials;
        self
    }
    /// How [`Trainer::trials`] searches.
    pub fn search_options(mut self, options: SearchOptions) -> Trainer {
        self.search = options;
        self
    }
    /// With the metric that chooses between learners.
    pub fn metric(mut self, metric: Metric) -> Trainer {
        self.metric = metric;
        self
    }
    /// With folds.
    pub fn cv(mut self, cv: Cv) -> Trainer {
        self.cv = cv;
        self
    }
    /// With a share of rows held out, or none.
    pub fn holdout(mut self, fraction: Option<f64>) -> Trainer {
        self.holdout = fraction;
        self
    }
    /// With a calibration.
    pub fn calibration(mut self, calibration: Calibration) -> Trainer {
        self.calibration = calibration;
        self
    }
    /// With a threshold rule.
    pub fn threshold(mut self, threshold: Threshold) -> Trainer {
        self.threshold = threshold;
        self
    }
    /// What the final model is fitted on.
    pub fn refit(mut self, refit: Refit) -> Trainer {
        self.refit = refit;
        self
    }
    /// With a seed.
    pub fn seed(mut self, seed: u64) -> Trainer {
        self.seed = super::options::seed(seed);
        self
    }

    pub(super) fn chosen_metric(&self) -> Metric {
        self.metric
    }
    pub(super) fn calibration_rule(&self) -> Calibration {
        self.calibration
    }
    pub(super) fn threshold_rule(&self) -> Threshold {
        self.threshold
    }
    pub(super) fn stream_seed(&self) -> Seed {
        self.seed
    }
    pub(super) fn may_blend(&self) -> bool {
        self.blend
    }
    /// What the pipeline was asked to do before any search.
    pub(super) fn base_preprocess(&self) -> &PipelineParams {
        &self.preprocess
    }
    /// The trainer of what a search found.
    pub(super) fn tuned(&self, learner: Learner, preprocess: PipelineParams) -> Trainer {
        Trainer { learners: vec![learner], preprocess, blend: false, trials: 0, ..self.clone() }
    }

    fn check(&self) -> Result<()> {
        if self.learners.is_empty() {
            return Err(Error::param("learner", "nothing", "at least one learner", "use `Learner::logistic()`"));
        }
        if let Threshold::Fixed(t) = self.threshold
            && !(0.0..=1.0).contains(&t)
        {
            return Err(Error::param("threshold", t, "a number in [0, 1]", "0.5 is the usual choice"));
        }
        if let Threshold::FBeta(b) = self.threshold
            && !(b.is_finite() && b > 0.0)
        {
            return Err(Error::param("threshold", b, "a beta > 0", "2 weighs recall above precision"));
        }
        self.search.check()?;
        self.preprocess.check()?;
        self.learners.iter().try_for_each(Learner::check)
    }

    /// Train on a table.
    ///
    /// # Errors
    /// [`Error::InvalidParam`] for a parameter out of range; [`Error::SchemaMismatch`] when the table does not fit the
    /// schema; [`Error::InvalidData`] for labels, weights or groups that cannot be learned from;
    /// [`Error::Numeric`] when the learner does not converge.
    pub fn fit<'a>(&self, table: impl Into<Columns<'a>>) -> Result<Model> {
        self.fit_with(table, &Run::new())
    }

    /// The folds of `rows`, as rows of the table.
    fn make_folds(&self, data: &Supervision, rows: &[usize]) -> Result<Vec<Fold>> {
        match &self.cv {
            Cv::None => Ok(Vec::new()),
            Cv::Folds(k) => data.folds(rows, *k, self.seed),
            Cv::Given(ids) => {
                if ids.len() != data.y.len() {
                    return Err(Error::param(
                        "folds",
                        format!("{} ids", ids.len()),
                        format!("one test-fold id a row, {} of them", data.y.len()),
                        "a negative id marks a row that is never tested",
                    ));
                }
                let ids: Vec<i64> = rows.iter().map(|&r| ids[r]).collect();
                let mut folds = split::given(&ids)?;
                split::check_trainable(&folds, &data.y_of(rows))?;
                for fold in &mut folds {
                    fold.train.iter_mut().chain(&mut fold.test).for_each(|i| *i = rows[*i]);
                }
                Ok(folds)
            }
        }
    }

    /// Labels read, vocabularies learned from `rows`, at least one feature there.
    fn settle_schema(&self, schema: &mut Schema, table: Columns<'_>, rows: &[usize]) -> Result<()> {
        schema.learn(table, rows)?;
        if schema.features().next().is_none() {
            return Err(Error::param(
                "schema",
                "no feature",
                "at least one column with the role `feature`",
                "every column was dropped or has another role: see the schema's notes",
            ));
        }
        self.preprocess.review(schema, rows.len())
    }

    /// Fit pipeline and learner of a candidate on some rows.
    pub(super) fn fit_rows(&self, candidate: usize, table: Rows<'_>, rows: &[usize], run: &Run) -> Result<Member> {
        let learner = self.learners.get(candidate);
        let learner = learner.ok_or_else(|| Error::Internal("a candidate that is not there".into()))?;
        self.fit_candidate(learner, &self.preprocess, table, rows, None, run)
    }

    /// Fit a pipeline and a learner on some rows; `cache` may hold the pipeline of a fold.
    pub(super) fn fit_candidate(
        &self,
        learner: &Learner,
        preprocess: &PipelineParams,
        Rows { schema, bound, data }: Rows<'_>,
        rows: &[usize],
        cache: Option<(&Cache, usize)>,
        run: &Run,
    ) -> Result<Member> {
        let (y, w) = (data.y_of(rows), data.w_of(rows));
        let ranker = preprocess.select.as_ref().and_then(learn::ranker);
        let data = FitRows {
            schema,
            bound,
            rows,
            y: &y,
            w: w.as_deref(),
            seed: self.seed,
            ranker: ranker.as_deref().map(|r| r as &dyn Ranker),
            form: learner.form(),
        };
        let (pipeline, fitted) = match cache {
            Some((cache, k)) if !learner.is_columnwise(preprocess) => {
                let prepared = cache.get(k, learner.form(), preprocess, || preprocess.fit(data, run))?;
                (prepared.pipeline.clone(), learner.fit_prepared(&prepared, self.seed, run)?)
            }
            _ => learner.fit_rows(preprocess, data, run)?,
        };
        let weight = w.as_ref().map_or(rows.len() as f64, |w| w.iter().sum());
        let learner = learner.resolved(weight, pipeline.n_features());
        Ok(Member { learner, weight: 1.0, pipeline, fitted })
    }

    /// Fit each member of a mix of candidates on some rows.
    fn fit_mix(
        &self,
        mix: &[(usize, f64)],
        table: Rows<'_>,
        rows: &[usize],
        calibrator: Option<Calibrator>,
        run: &Run,
    ) -> Result<Scorer> {
        let fit =
            |&(candidate, weight): &(usize, f64)| Ok(Member { weight, ..self.fit_rows(candidate, table, rows, run)? });
        Ok(Scorer { members: mix.iter().map(fit).collect::<Result<_>>()?, calibrator })
    }

    /// [`Trainer::fit`] with threads, progress and cancellation.
    ///
    /// # Errors
    /// As [`Trainer::fit`]; [`Error::Cancelled`].
    pub fn fit_with<'a>(&self, table: impl Into<Columns<'a>>, run: &Run) -> Result<Model> {
        self.check()?;
        self.admitted()?.fit_admitted(table.into(), run)
    }

    /// With every input that the pipeline's expressions name.
    fn admitted(&self) -> Result<Trainer> {
        let (schema, preprocess) = self.preprocess.admit(self.schema.clone())?;
        Ok(Trainer { schema, preprocess, ..self.clone() })
    }

    fn fit_admitted(&self, table: Columns<'_>, run: &Run) -> Result<Model> {
        let mut schema = self.schema.clone();
        let data = Supervision::read(&mut schema, table)?;
        let all: Vec<usize> = (0..table.n_rows()).collect();
        let (rows, held_out) = match self.holdout {
            None => (all.clone(), Vec::new()),
            Some(fraction) => {
                let fold = data.holdout(&all, fraction, self.seed)?;
                (fold.train, fold.test)
            }
        };
        self.settle_schema(&mut schema, table, &rows)?;
        let bound = schema.bind(table)?;
        let looked_at: Vec<usize> = crate::schema::sample_rows(rows.len()).into_iter().map(|i| rows[i]).collect();
        let mut noted = schema.clone();
        review(&mut noted, &bound, &looked_at, &data.y_of(&looked_at), run)?;

        let folds = self.make_folds(&data, &rows)?;
        if folds.is_empty() && self.learners.len() > 1 && !self.blend {
            return Err(Error::param(
                "cv",
                "none",
                format!("folds, to choose between {} learners", self.learners.len()),
                "use cv=5, or name one learner",
            ));
        }
        let mut notes = Vec::new();
        let seen = Rows { schema: &schema, bound: &bound, data: &data };
        let found = match self.trials {
            0 => None,
            _ if folds.is_empty() => {
                let hint = "use cv=5: trials are compared on folds";
                return Err(Error::param("trials", self.trials, "0, where there are no folds", hint));
            }
            _ => Some(self.search(seen, &folds, run)?),
        };
        let this = found.as_ref().map_or(self, |found| &found.trainer);
        let mut chosen = match &found {
            _ if folds.is_empty() => None,
            None => Some(self.choose(seen, &folds, &[None], run)?),
            Some(found) => {
                let mut oof = found.out_of_fold(seen, &folds, run);
                let choices = vec![oof.choose(None)?];
                Some(Chosen { oof, choices, leaderboard: found.leaderboard.clone(), n_sampled: None })
            }
        };
        let Settled { mix, by_fold, mut cv_score, mut leaderboard } = match &mut chosen {
            Some(chosen) => this.settle(chosen, rows.len(), &mut notes)?,
            None => {
                if self.learners.len() > 1 {
                    notes.push(format!("`{}`, the first candidate: choosing needs folds", self.learners[0].name()));
                }
                self.settled_without_folds()
            }
        };
        let lone = vec![Mix::lone(0); folds.len()];
        let mut nested = match &found {
            Some(_) if self.search.is_nested(self.holdout) => {
                let (scores, _) = self.nested_searches(seen, &folds, run)?;
                Some(OutOfFold::of(self, &data, &folds, run, vec![scores]))
            }
            _ => None,
        };
        if let Some(found) = &found {
            let name = self.metric.name();
            let n = found.trials.iter().filter(|t| t.score.is_some()).count();
            let how = if nested.is_some() { "searches within the folds have" } else { "corrected for the choice" };
            cv_score = match &mut nested {
                Some(nested) => nested.score(&lone)?,
                None => Some(found.best - found.optimism.get(&name).copied().unwrap_or(0.0)),
            };
            let score = cv_score.map_or("no".to_owned(), |s| format!("{s:.4}"));
            notes.push(format!("the best of {n} complete trials has {:.4} in {name}; {how} {score}", found.best));
        }
        let scored: Option<Scored<'_>> = chosen.as_ref().map(|c| c.oof.scored(&by_fold));

        // Calibration and threshold, on out-of-fold scores.
        let (calibrator, mut judged) = match &scored {
            None => {
                if self.calibration != Calibration::None && self.calibration != Calibration::Auto {
                    return Err(Error::param(
                        "calibration",
                        format!("{:?}", self.calibration).to_lowercase(),
                        "none, where there are no folds",
                        "a calibrator is fitted on out-of-fold scores: use cv=5",
                    ));
                }
                (None, None)
            }
            Some(scored) => {
                let judged = match &nested {
                    Some(nested) => nested.scored(&lone).judge()?,
                    None => scored.judge()?,
                };
                (scored.calibrator()?, Some(judged))
            }
        };
        if let (Some(found), None, Some(judged)) = (&found, &nested, &mut judged) {
            found.correct(&mut judged.metrics);
        }
        // Decisions are compared at thresholds of the fold itself, and judged at thresholds of the others.
        if let (true, Some(judged)) = (self.metric.needs_threshold(), &judged) {
            cv_score = judged.metrics.get(&self.metric.name()).map(|m| m.value);
        }
        let pooled = scored.as_ref().map(|scored| scored.pooled(calibrator.as_ref()));
        let (threshold, threshold_source) = match (self.threshold, &pooled) {
            (Threshold::Fixed(t), _) => (t, "given".to_owned()),
            (Threshold::FBeta(beta), Some((proba, y, w))) => {
                let t = metrics::best_threshold(y, proba, w.as_deref(), beta)?;
                (t, format!("maximises F{beta} of the out-of-fold probabilities"))
            }
            (Threshold::FBeta(beta), None) => {
                notes.push(format!(
                    "the threshold is 0.5: choosing one for F{beta} needs folds, and hold-out rows are not used for it"
                ));
                (0.5, "0.5, as there were no folds to choose it on".to_owned())
            }
        };

        run.progress("fit", 0, 1);
        let mut scorer = this.fit_mix(&mix, seen, &rows, calibrator.clone(), run)?;
        for member in &scorer.members {
            if let Fitted::Logistic(logistic) = &member.fitted
                && !logistic.converged
            {
                notes.push(format!(
                    "the learner stopped after {} steps without converging: raise `max_iter`",
                    logistic.n_iter
                ));
            }
        }
        let holdout = if held_out.is_empty() {
            BTreeMap::new()
        } else {
            let proba = scorer.predict_rows(&bound, &held_out, true, run)?;
            fact_map(metrics::all(&data.y_of(&held_out), &proba, data.w_of(&held_out).as_deref(), threshold)?)
        };
        let fitted_rows = if self.refit == Refit::All && !held_out.is_empty() {
            self.settle_schema(&mut schema, table, &all)?;
            let bound = schema.bind(table)?;
            let seen = Rows { schema: &schema, bound: &bound, data: &data };
            scorer = this.fit_mix(&mix, seen, &all, calibrator, run)?;
            notes.push("fitted on all rows after the hold-out was judged by the model without it".to_owned());
            &all
        } else {
            &rows
        };
        run.progress("fit", 1, 1);

        // A model's parameters are those that were used, with rules answered for the rows it was fitted on.
        if let Some(entry) = leaderboard.iter_mut().find(|entry| entry.is_chosen) {
            entry.params = params_of(&scorer.members);
        }
        let mut final_schema = schema;
        for field in noted.fields() {
            field.notes.iter().for_each(|n| final_schema.note(&field.name, n.clone()));
        }
        if data.w.is_some() {
            notes.push("metrics are weighted".to_owned());
        }
        let name = self.metric.name();
        let training = Training {
            attrition_version: env!("CARGO_PKG_VERSION").to_owned(),
            learner: match mix[..] {
                [(lone, _)] => this.learners[lone].name().to_owned(),
                _ => BLEND.to_owned(),
            },
            n_rows: table.n_rows(),
            n_fitted: fitted_rows.len(),
            n_holdout: held_out.len(),
            n_positive: data.y.iter().map(|&v| usize::from(v)).sum(),
            n_features: final_schema.features().count(),
            n_folds: folds.len(),
            seed: self.seed.0,
            metric: name.clone(),
            cv_score,
            holdout_score: holdout.get(&name).map(|m| m.value),
            calibration: scorer.calibrator.as_ref().map_or("none", Calibrator::name).to_owned(),
            threshold,
            threshold_source,
            configuration: match mix[..] {
                [(lone, _)] => this.configuration(&final_schema, &this.learners[lone])?,
                _ => {
                    let members: Vec<(&Learner, f64)> = mix.iter().map(|&(c, w)| (&this.learners[c], w)).collect();
                    this.configuration(&final_schema, &members)?
                }
            },
            notes,
            cv: judged.as_ref().map(|j| j.metrics.clone()).unwrap_or_default(),
            holdout,
            folds: judged.map(|j| j.folds).unwrap_or_default(),
            leaderboard,
            trials: found.as_ref().map(|f| f.trials.clone()).unwrap_or_default(),
            edits: Vec::new(),
        };
        // What scores of new rows are to look like: rows that were learned from look better than they are, so
        // out-of-fold where there are folds.
        let scores = match pooled {
            Some((proba, y, _)) => ScoreProfile::of(&proba, Some(&y))?,
            None => {
                let proba = scorer.predict_rows(&final_schema.bind(table)?, fitted_rows, true, run)?;
                ScoreProfile::of(&proba, Some(&data.y_of(fitted_rows)))?
            }
        };
        let profile = StoredProfile::of(&self.profile(&final_schema, table, fitted_rows, run)?.with_scores(scores))?;
        Model::from_parts(Parts {
            schema: final_schema,
            scorer,
            decision: Decision { threshold },
            training,
            profile,
            passed_over: Vec::new(),
        })
    }

    /// The learner or blend of the model, and how it came to be chosen.
    fn settle(&self, chosen: &mut Chosen<'_>, n_rows: usize, notes: &mut Vec<String>) -> Result<Settled> {
        let Chosen { oof, choices, leaderboard, n_sampled } = chosen;
        let [choice] = &choices[..] else { return Err(Error::Internal("other than one choice".into())) };
        let mix = oof.mix(choice, &[])?;
        let by_fold = if mix.is_blend() {
            (0..oof.n_folds()).map(|k| oof.blend(&[k])).collect::<Result<Vec<_>>>()?
        } else {
            vec![mix.clone(); oof.n_folds()]
        };
        let cv_score = oof.score(&by_fold)?;
        let fact = self.fact(oof, &mix, cv_score);
        let mut leaderboard = std::mem::take(leaderboard);
        for entry in &mut leaderboard {
            // A blend's weights may have been found on a sample, the model's are of all rows.
            entry.is_chosen = entry.learner == fact.learner && (mix.is_blend() || entry.params == fact.params);
        }
        if let Some(n) = n_sampled {
            notes.push(format!("the learner was chosen on {n} of {n_rows} rows, a sample: rows × features are many"));
        }
        if let Some((gain, noise)) = choice.gain {
            let (metric, best) = (self.metric, self.learners[oof.candidates[choice.best]].name());
            notes.push(if choice.takes_blend() {
                format!("a blend: better than the best learner alone by {gain:.4} ± {noise:.4} in {metric}")
            } else {
                format!("no blend: better than `{best}` alone by {gain:.4} ± {noise:.4} in {metric}, which is noise")
            });
        }
        let mix = mix.members().iter().map(|&(c, w)| (oof.candidates[c], w)).collect();
        Ok(Settled { mix, by_fold, cv_score, leaderboard })
    }

    fn settled_without_folds(&self) -> Settled {
        let first = &self.learners[0];
        let (learner, params) = (first.name().to_owned(), first.params_json());
        Settled {
            mix: vec![(0, 1.0)],
            by_fold: Vec::new(),
            cv_score: None,
            leaderboard: vec![CandidateFact { learner, params, score: None, is_chosen: true }],
        }
    }

    /// SHA-256 over what decides the fitted model besides the data.
    fn configuration(&self, schema: &Schema, learner: &(impl Serialize + ?Sized)) -> Result<String> {
        let text = serde_json::to_string(&(schema, learner, &self.preprocess, self.seed))
            .map_err(|e| Error::Internal(e.to_string()))?;
        Ok(Sha256::digest(text.as_bytes()).iter().map(|b| format!("{b:02x}")).collect())
    }

    /// The summary of the fitted rows: inputs and protected attributes.
    fn profile(&self, schema: &Schema, table: Columns<'_>, rows: &[usize], run: &Run) -> Result<Profile> {
        let names: Vec<&str> = schema
            .fields()
            .iter()
            .filter(|f| matches!(f.role, Role::Feature | Role::Sensitive))
            .map(|f| f.name.as_str())
            .filter(|n| table.outline(n).is_some())
            .collect();
        Profile::of_rows(table, &names, (rows.len() < table.n_rows()).then_some(rows), run)
    }

    /// Cross-validate on a table: out-of-fold probabilities of every tested row, scores of every fold.
    ///
    /// # Errors
    /// As [`Trainer::fit_with`]; [`Error::InvalidParam`] without folds.
    pub fn cross_validate<'a>(&self, table: impl Into<Columns<'a>>, run: &Run) -> Result<super::CrossValidation> {
        self.check()?;
        self.admitted()?.cross_validate_admitted(table.into(), run)
    }

    fn cross_validate_admitted(&self, table: Columns<'_>, run: &Run) -> Result<super::CrossValidation> {
        let mut schema = self.schema.clone();
        let data = Supervision::read(&mut schema, table)?;
        let all: Vec<usize> = (0..table.n_rows()).collect();
        self.settle_schema(&mut schema, table, &all)?;
        let bound = schema.bind(table)?;
        let folds = self.make_folds(&data, &all)?;
        if folds.is_empty() {
            return Err(Error::param("cv", "none", "folds", "use cv=5, or give test-fold ids"));
        }
        let seen = Rows { schema: &schema, bound: &bound, data: &data };
        // Each fold is scored by what the others choose.
        let each: Vec<Option<usize>> = (0..folds.len()).map(Some).collect();
        if self.trials > 0 {
            let (scores, names) = self.nested_searches(seen, &folds, run)?;
            let lone = vec![Mix::lone(0); folds.len()];
            return OutOfFold::of(self, &data, &folds, run, vec![scores]).scored(&lone).cross_validation(names);
        }
        let Chosen { mut oof, choices, .. } = self.choose(seen, &folds, &each, run)?;
        let without = |k| if folds.len() > 1 { vec![k] } else { Vec::new() };
        let mixes =
            choices.iter().enumerate().map(|(k, choice)| oof.mix(choice, &without(k))).collect::<Result<Vec<_>>>()?;
        let names = mixes.iter().map(|mix| self.fact(&oof, mix, None).learner).collect();
        oof.scored(&mixes).cross_validation(names)
    }
    /// The scores of each fold by what a search within its training rows finds, and the learners found.
    fn nested_searches(&self, seen: Rows<'_>, folds: &[Fold], run: &Run) -> Result<(Vec<FoldScores>, Vec<String>)> {
        let n_inner = match self.cv {
            Cv::Folds(k) => k,
            Cv::None | Cv::Given(_) => folds.len().clamp(2, 5),
        };
        let (mut scores, mut names) = (Vec::new(), Vec::new());
        for (k, fold) in folds.iter().enumerate() {
            run.progress("cross_validate", k, folds.len());
            let inner = seen.data.folds(&fold.train, n_inner, self.seed)?;
            let found = self.search(seen, &inner, run)?;
            let member = found.trainer.fit_rows(0, seen, &fold.train, run)?;
            names.push(member.learner.name().to_owned());
            scores.push(score_fold(member, seen, fold, run)?);
        }
        run.progress("cross_validate", folds.len(), folds.len());
        Ok((scores, names))
    }
}
