//! Learners: parameters in, fitted learner out.
//!
//! [`Learner`] is the closed list of what can be fitted, as data; [`Fitted`] is the closed list of what can predict. A fitted
//! learner predicts in every build, also where the crate that fitted it is not compiled in.

mod glassbox;
mod gram;
mod linfa;
#[cfg(feature = "linfa")]
mod linfa_traits;
mod logistic;
mod params;
mod tree;
mod trees;

#[cfg(test)]
mod tests;

pub use glassbox::{Axis, Curve, Effect, Glassbox, GlassboxFit, GlassboxParams, Levels, Pair, Shape, Steps, Term};
pub use linfa::{LinfaLogisticParams, LinfaTreeParams, SplitQuality};
pub use logistic::{ClassWeight, Logistic, LogisticParams, MAX_FEATURES, MAX_STD_ERR_FEATURES, Penalty};
pub use params::{Costs, Monotone, OrAuto, ParamSpec, Range};
pub use tree::{Node, Tree};
pub use trees::{BoostingParams, ForestParams, Grow, Importance, StoppingMetric, TreeParams, Trees};

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::num::float;
use crate::preprocess::{
    Block, Design, FitRows, Form, ImportanceBy, Pipeline, PipelineParams, Prepared, Ranker, SelectParams,
};
use crate::{Error, Result, Run, Seed};
use trees::TreeLearner;

/// A learner that is not fitted: its name and parameters.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Learner {
    /// Logistic regression.
    Logistic(LogisticParams),
    /// The additive logistic model.
    Glassbox(GlassboxParams),
    /// Logistic regression by linfa-logistic.
    LinfaLogistic(LinfaLogisticParams),
    /// A classification tree by linfa-trees.
    LinfaTree(LinfaTreeParams),
    /// Gradient-boosted trees.
    Boosting(BoostingParams),
    /// A random forest.
    Forest(ForestParams),
    /// One tree.
    Tree(TreeParams),
}

/// What a fitted learner's score is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Scale {
    /// The log-odds of the positive label, any number.
    LogOdds,
    /// The probability of the positive label, 0..=1.
    Probability,
}

/// What one feature adds to the log-odds.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Part {
    pub(crate) effect: f64,
    /// Its standard deviation, where the learner knows it.
    pub(crate) std_err: Option<f64>,
}

/// A fitted learner.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Fitted {
    /// A linear form of the features.
    Logistic(Logistic),
    /// A sum of tables.
    Glassbox(Glassbox),
    /// A decision tree of linfa's.
    Tree(Tree),
    /// Trees of the histogram engine: boosting, forest, tree.
    Trees(Trees),
}

impl Learner {
    /// The names of all learners.
    pub const NAMES: &'static [&'static str] =
        &["logistic", "glassbox", "boosting", "forest", "tree", "linfa_logistic", "linfa_tree"];

    /// Logistic regression with its defaults.
    pub fn logistic() -> Learner {
        Learner::Logistic(LogisticParams::default())
    }
    /// The additive logistic model with its defaults.
    pub fn glassbox() -> Learner {
        Learner::Glassbox(GlassboxParams::default())
    }
    /// Gradient-boosted trees with their defaults.
    pub fn boosting() -> Learner {
        Learner::Boosting(BoostingParams::default())
    }
    /// A random forest with its defaults.
    pub fn forest() -> Learner {
        Learner::Forest(ForestParams::default())
    }
    /// One tree with its defaults.
    pub fn tree() -> Learner {
        Learner::Tree(TreeParams::default())
    }
    /// linfa's logistic regression with its defaults.
    pub fn linfa_logistic() -> Learner {
        Learner::LinfaLogistic(LinfaLogisticParams::default())
    }
    /// linfa's tree with its defaults.
    pub fn linfa_tree() -> Learner {
        Learner::LinfaTree(LinfaTreeParams::default())
    }

    /// A learner by name, with parameters as JSON: `None`, `null` or an object of some of its names.
    ///
    /// # Errors
    /// [`Error::InvalidParam`] for an unknown learner (`learner`), an unknown parameter or a value out of range.
    ///
    /// # Example
    /// ```
    /// use attrition_core::learn::Learner;
    /// let learner = Learner::from_name("logistic", Some(&serde_json::json!({ "c": 0.1 })))?;
    /// assert_eq!(learner.name(), "logistic");
    /// let error = Learner::from_name("logistic", Some(&serde_json::json!({ "penality": "l1" }))).unwrap_err();
    /// assert!(error.to_string().contains("did you mean `penalty`?"));
    /// # Ok::<(), attrition_core::Error>(())
    /// ```
    pub fn from_name(name: &str, params: Option<&Value>) -> Result<Learner> {
        match name {
            "logistic" => params::from_json(name, LogisticParams::SPECS, params).map(Learner::Logistic),
            "glassbox" => params::from_json(name, GlassboxParams::SPECS, params).map(Learner::Glassbox),
            "linfa_logistic" => params::from_json(name, LinfaLogisticParams::SPECS, params).map(Learner::LinfaLogistic),
            "linfa_tree" => params::from_json(name, LinfaTreeParams::SPECS, params).map(Learner::LinfaTree),
            "boosting" => params::from_json(name, BoostingParams::SPECS, params).map(Learner::Boosting),
            "forest" => params::from_json(name, ForestParams::SPECS, params).map(Learner::Forest),
            "tree" => params::from_json(name, TreeParams::SPECS, params).map(Learner::Tree),
            _ => Err(Error::param(
                "learner",
                format!("\"{name}\""),
                Self::NAMES.join(" | "),
                crate::error::nearest(name, Self::NAMES),
            )),
        }
    }

    /// Its name in every language.
    pub fn name(&self) -> &'static str {
        match self {
            Learner::Logistic(_) => "logistic",
            Learner::Glassbox(_) => "glassbox",
            Learner::LinfaLogistic(_) => "linfa_logistic",
            Learner::LinfaTree(_) => "linfa_tree",
            Learner::Boosting(_) => "boosting",
            Learner::Forest(_) => "forest",
            Learner::Tree(_) => "tree",
        }
    }

    /// Its parameters, every one, as a JSON object.
    pub fn params_json(&self) -> Value {
        let json = match self {
            Learner::Logistic(p) => serde_json::to_value(p),
            Learner::Glassbox(p) => serde_json::to_value(p),
            Learner::LinfaLogistic(p) => serde_json::to_value(p),
            Learner::LinfaTree(p) => serde_json::to_value(p),
            Learner::Boosting(p) => serde_json::to_value(p),
            Learner::Forest(p) => serde_json::to_value(p),
            Learner::Tree(p) => serde_json::to_value(p),
        };
        // A struct of numbers and words always has a JSON form.
        json.unwrap_or(Value::Null)
    }

    /// The table of its parameters: names, defaults, ranges, meanings.
    pub fn param_specs(&self) -> &'static [ParamSpec] {
        match self {
            Learner::Logistic(_) => LogisticParams::SPECS,
            Learner::Glassbox(_) => GlassboxParams::SPECS,
            Learner::LinfaLogistic(_) => LinfaLogisticParams::SPECS,
            Learner::LinfaTree(_) => LinfaTreeParams::SPECS,
            Learner::Boosting(_) => BoostingParams::SPECS,
            Learner::Forest(_) => ForestParams::SPECS,
            Learner::Tree(_) => TreeParams::SPECS,
        }
    }

    /// Check every parameter.
    ///
    /// # Errors
    /// [`Error::InvalidParam`].
    pub fn check(&self) -> Result<()> {
        match self {
            Learner::Logistic(p) => p.check(),
            Learner::Glassbox(p) => p.check(),
            Learner::LinfaLogistic(p) => p.check(),
            Learner::LinfaTree(p) => p.check(),
            Learner::Boosting(p) => p.check(),
            Learner::Forest(p) => p.check(),
            Learner::Tree(p) => p.check(),
        }
    }

    /// What features it wants of the pipeline.
    pub fn form(&self) -> Form {
        match self {
            Learner::Logistic(_) | Learner::LinfaLogistic(_) | Learner::LinfaTree(_) => Form::Linear,
            Learner::Glassbox(_) | Learner::Boosting(_) | Learner::Forest(_) | Learner::Tree(_) => Form::Native,
        }
    }

    /// By how much the learner's own weights by label raise the log-odds of a positive one: `ln(f₁ / f₀)` for factors `f`.
    /// 0 where it has none, and where a factor is 0.
    pub fn prior_shift(&self, y: &[u8], w: Option<&[f64]>) -> f64 {
        let class_weight = match self {
            Learner::Logistic(p) => p.class_weight,
            Learner::Boosting(p) => p.class_weight,
            Learner::Forest(p) => p.class_weight,
            Learner::Tree(p) => p.class_weight,
            Learner::Glassbox(_) | Learner::LinfaLogistic(_) | Learner::LinfaTree(_) => ClassWeight::None,
        };
        let shift = match class_weight {
            ClassWeight::None => 0.0,
            ClassWeight::Balanced => -crate::preprocess::log_odds(y, w),
            ClassWeight::Given { negative, positive } => float::ln(positive / negative),
        };
        if shift.is_finite() { shift } else { 0.0 }
    }

    /// Fit to the `n` rows of `x` with labels `y` (0 or 1) and weights `w` (weight 2 is the row twice, 0 is the row absent).
    ///
    /// The same input and seed give the same bits for any thread count.
    ///
    /// # Errors
    /// [`Error::InvalidParam`]; [`Error::InvalidData`] for one label only, a number that is not finite, a bad weight;
    /// [`Error::Unsupported`] for what the learner does not offer; [`Error::Numeric`]; [`Error::Cancelled`].
    pub fn fit(&self, x: &Design, y: &[u8], w: Option<&[f64]>, seed: Seed, run: &Run) -> Result<Fitted> {
        match self {
            Learner::Logistic(p) => p.fit_design(x, y, w, run).map(Fitted::Logistic),
            Learner::Glassbox(p) => p.fit_design(x, y, w, run).map(Fitted::Glassbox),
            Learner::LinfaLogistic(p) => p.fit_design(x, y, w, run).map(Fitted::Logistic),
            Learner::LinfaTree(p) => p.fit_design(x, y, w, run).map(Fitted::Tree),
            Learner::Boosting(_) | Learner::Forest(_) | Learner::Tree(_) => match self.trees() {
                Some(trees) => trees.fit(trees.bind(x, y, w, seed, run)?, run).map(Fitted::Trees),
                None => Err(Error::Internal("a learner of trees without trees".into())),
            },
        }
    }

    fn trees(&self) -> Option<TreeLearner<'_>> {
        match self {
            Learner::Boosting(p) => Some(TreeLearner::Boosting(p)),
            Learner::Forest(p) => Some(TreeLearner::Forest(p)),
            Learner::Tree(p) => Some(TreeLearner::Tree(p)),
            Learner::Logistic(_) | Learner::Glassbox(_) | Learner::LinfaLogistic(_) | Learner::LinfaTree(_) => None,
        }
    }

    /// Fit a pipeline of these parameters and the learner behind it. Trees take the features column by column, a byte a value;
    /// the others hold the whole design.
    ///
    /// # Errors
    /// As [`PipelineParams::fit`] and [`Learner::fit`].
    pub fn fit_rows(&self, params: &PipelineParams, data: FitRows<'_>, run: &Run) -> Result<(Pipeline, Fitted)> {
        let data = FitRows { form: self.form(), ..data };
        if let Some(trees) = self.trees()
            && params.is_columnwise()
        {
            let (pipeline, rows) = trees.bind_each(params, data, run)?;
            let mut fitted = trees.fit(rows, run).map(Fitted::Trees)?;
            fitted.shift_log_odds(-self.prior_shift(data.y, data.w));
            return Ok((pipeline, fitted));
        }
        let seed = data.seed;
        let prepared = params.fit(data, run)?;
        let fitted = self.fit_prepared(&prepared, seed, run)?;
        Ok((prepared.pipeline, fitted))
    }

    /// Whether [`Learner::fit_rows`] takes the features of such a pipeline column by column, without the whole design.
    pub(crate) fn is_columnwise(&self, params: &PipelineParams) -> bool {
        self.trees().is_some() && params.is_columnwise()
    }

    /// Fit behind a fitted pipeline.
    ///
    /// # Errors
    /// As [`Learner::fit`].
    pub(crate) fn fit_prepared(&self, prepared: &Prepared, seed: Seed, run: &Run) -> Result<Fitted> {
        let w = prepared.w.as_deref();
        let mut fitted = self.fit(&prepared.design, &prepared.y, w, seed, run)?;
        // Rows added, left out or weighed by label raised the odds of a positive one; scores are of the rows as they are.
        fitted.shift_log_odds(-(prepared.prior_shift + self.prior_shift(&prepared.y, w)));
        Ok(fitted)
    }

    /// The learner with every `"auto"` parameter replaced by what its rule gives for rows of weight `weight` in sum and
    /// `n_features` features.
    pub fn resolved(&self, weight: f64, n_features: usize) -> Learner {
        match self {
            Learner::Boosting(p) => Learner::Boosting(p.resolved(weight)),
            Learner::Forest(p) => Learner::Forest(p.resolved(weight, n_features)),
            Learner::Tree(p) => Learner::Tree(p.resolved(weight)),
            Learner::Glassbox(p) => Learner::Glassbox(p.resolved(weight, n_features)),
            Learner::Logistic(_) | Learner::LinfaLogistic(_) | Learner::LinfaTree(_) => self.clone(),
        }
    }
}

impl Fitted {
    /// Its type's name, as serialised.
    pub fn name(&self) -> &'static str {
        match self {
            Fitted::Logistic(_) => "logistic",
            Fitted::Glassbox(_) => "glassbox",
            Fitted::Tree(_) => "tree",
            Fitted::Trees(_) => "trees",
        }
    }

    /// What its score is.
    pub fn scale(&self) -> Scale {
        match self {
            Fitted::Logistic(_) | Fitted::Glassbox(_) => Scale::LogOdds,
            Fitted::Tree(_) => Scale::Probability,
            Fitted::Trees(m) => m.scale(),
        }
    }

    /// What each feature of the first row of `x` adds to the log-odds, into `parts`, and the intercept; `None` where the score
    /// is no such sum. A pair of features adds half to each, or is left out.
    pub(crate) fn parts(&self, x: &Block, with_pairs: bool, parts: &mut Vec<Part>) -> Option<f64> {
        let value = |j: usize| x.column(j).first().copied().unwrap_or(f64::NAN);
        parts.clear();
        match self {
            Fitted::Logistic(m) => {
                parts.extend(m.coef.iter().enumerate().map(|(j, b)| Part {
                    effect: b * value(j),
                    std_err: m.std_err.get(j).map(|s| (s * value(j)).abs()),
                }));
                Some(m.intercept)
            }
            Fitted::Glassbox(m) => {
                parts.extend(
                    m.terms
                        .iter()
                        .enumerate()
                        .map(|(j, term)| Part { effect: term.effect(value(j)), std_err: Some(term.std_err(value(j))) }),
                );
                for pair in m.pairs.iter().filter(|_| with_pairs) {
                    let [a, b] = pair.features.map(value);
                    let (effect, std_err) = (pair.effect(a, b) / 2.0, pair.std_err(a, b) / 2.0);
                    for j in pair.features {
                        if let Some(part) = parts.get_mut(j) {
                            part.effect += effect;
                            part.std_err = part.std_err.map(|s| (s * s + std_err * std_err).sqrt());
                        }
                    }
                }
                Some(m.intercept)
            }
            Fitted::Tree(_) | Fitted::Trees(_) => None,
        }
    }

    /// Features of a row.
    pub fn n_features(&self) -> usize {
        match self {
            Fitted::Logistic(m) => m.coef.len(),
            Fitted::Glassbox(m) => m.terms.len(),
            Fitted::Tree(m) => m.n_features(),
            Fitted::Trees(m) => m.n_features(),
        }
    }

    /// Add to the log-odds of every row.
    pub(crate) fn shift_log_odds(&mut self, shift: f64) {
        if shift == 0.0 {
            return;
        }
        match self {
            Fitted::Logistic(m) => m.intercept += shift,
            Fitted::Glassbox(m) => m.intercept += shift,
            Fitted::Tree(m) => m.shift_log_odds(shift),
            Fitted::Trees(m) => m.shift_log_odds(shift),
        }
    }

    /// That it takes `n_features` and holds finite numbers: what came from a file may be anything.
    ///
    /// # Errors
    /// [`Error::Artifact`].
    pub fn check(&self, n_features: usize) -> Result<()> {
        let finite = match self {
            Fitted::Logistic(m) => {
                m.intercept.is_finite()
                    && m.coef.iter().all(|b| b.is_finite())
                    // Read beside `coef`, so one for each or none.
                    && (m.std_err.is_empty() || m.std_err.len() == m.coef.len())
            }
            Fitted::Glassbox(m) => {
                m.check()?;
                true
            }
            // A tree checks its nodes whenever it is made, also by deserialising.
            Fitted::Tree(_) => true,
            Fitted::Trees(m) => m.is_finite(),
        };
        if finite && self.n_features() == n_features {
            return Ok(());
        }
        Err(Error::artifact(
            format!(
                "the learner takes {} features, the pipeline makes {n_features}, or a coefficient is not finite or without its error",
                self.n_features()
            ),
            "the file is damaged or was made by hand; save it anew",
        ))
    }

    /// The score of each row of `x` on its scale, into `out`. Does not allocate; the order of operations of a row does not
    /// depend on the number of rows.
    ///
    /// # Errors
    /// [`Error::Internal`] if `x` has other than [`Fitted::n_features`] columns or `out.len()` rows.
    pub fn predict(&self, x: &Block, out: &mut [f64]) -> Result<()> {
        match self {
            Fitted::Logistic(m) => m.predict_block(x, out),
            Fitted::Glassbox(m) => m.predict_block(x, out),
            Fitted::Tree(m) => m.predict_block(x, out),
            Fitted::Trees(m) => m.predict_block(x, out),
        }
    }
}
/// The learner that ranks features for a selection: boosted trees, or logistic regression, L1-penalised where the method is `l1`; `None`
/// for methods that need none.
pub fn ranker(params: &SelectParams) -> Option<Box<dyn Ranker>> {
    match params {
        SelectParams::L1 { c } => Some(Box::new(LogisticParams::default().penalty(Penalty::L1).c(*c))),
        SelectParams::Importance { by: ImportanceBy::Trees, .. } => Some(Box::new(BoostingParams::default())),
        SelectParams::Rfe { .. } | SelectParams::Importance { .. } => Some(Box::new(LogisticParams::default())),
        SelectParams::Variance { .. } | SelectParams::Correlation { .. } | SelectParams::MutualInformation { .. } => {
            None
        }
    }
}

/// A feature weighs what its splits gained.
impl Ranker for BoostingParams {
    fn importances(&self, x: &Design, y: &[u8], w: Option<&[f64]>, seed: Seed, run: &Run) -> Result<Vec<f64>> {
        let trees = TreeLearner::Boosting(self);
        let fitted = trees.fit(trees.bind(x, y, w, seed, run)?, run)?;
        Ok(fitted.importances().into_iter().map(|i| i.gain).collect())
    }
}

/// A feature weighs what a standard deviation of it moves the log-odds by.
impl Ranker for LogisticParams {
    fn importances(&self, x: &Design, y: &[u8], w: Option<&[f64]>, _: Seed, run: &Run) -> Result<Vec<f64>> {
        let fitted = self.fit_design(x, y, w, run)?;
        Ok(fitted.coef.iter().zip(x.deviations(w)).map(|(b, sd)| (b * sd).abs()).collect())
    }
}
