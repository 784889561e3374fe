//! Logistic regression: L2, L1, elastic net or no penalty; sample and class weights.
//!
//! Notation: `n` rows, `p` features; parameter 0 is the intercept, parameter `1 + j` the coefficient of feature `j`.
//! With `W = Σ wᵢ` the solver works on the objective divided by `C·W`:
//! `f(β) = 1/W · Σ wᵢ·lossᵢ + l2/2 · ‖β‖₂² + l1 · ‖β‖₁`, which has the same minimum.

use serde::{Deserialize, Serialize};

use super::gram::{Ask, Layout, Problem, Sums};
use super::params::{ParamSpec, Range, check_struct};
use crate::error::Place;
use crate::num::float;
use crate::num::linalg::{Cholesky, Dependent, dot};
use crate::preprocess::{Block, Design, DesignColumn};
use crate::{Error, Result, Run};

/// What large coefficients cost.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Penalty {
    /// ½·‖β‖₂².
    #[default]
    L2,
    /// ‖β‖₁: some coefficients are exactly 0.
    L1,
    /// `l1_ratio`·‖β‖₁ + (1 − `l1_ratio`)/2·‖β‖₂².
    Elasticnet,
    /// Nothing.
    None,
}

/// Factors of the row weights by label.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[serde(try_from = "Option<ClassWeightForm>", into = "Option<ClassWeightForm>")]
pub enum ClassWeight {
    /// Both labels count 1. JSON `null`.
    #[default]
    None,
    /// Each label counts `W / (2·W_label)`: both weigh the same in sum. JSON `"balanced"`.
    Balanced,
    /// JSON `{"negative": …, "positive": …}`.
    Given {
        /// Factor of negative rows, ≥ 0.
        negative: f64,
        /// Factor of positive rows, ≥ 0.
        positive: f64,
    },
}

#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum ClassWeightForm {
    Word(String),
    Given(GivenClassWeight),
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct GivenClassWeight {
    negative: f64,
    positive: f64,
}

impl TryFrom<Option<ClassWeightForm>> for ClassWeight {
    type Error = String;
    fn try_from(form: Option<ClassWeightForm>) -> Result<ClassWeight, String> {
        match form {
            None => Ok(ClassWeight::None),
            Some(ClassWeightForm::Word(word)) if word == "balanced" => Ok(ClassWeight::Balanced),
            Some(ClassWeightForm::Word(word)) => Err(format!("class_weight: got \"{word}\", expected \"balanced\"")),
            Some(ClassWeightForm::Given(GivenClassWeight { negative, positive })) => {
                Ok(ClassWeight::Given { negative, positive })
            }
        }
    }
}

impl From<ClassWeight> for Option<ClassWeightForm> {
    fn from(weight: ClassWeight) -> Option<ClassWeightForm> {
        match weight {
            ClassWeight::None => None,
            ClassWeight::Balanced => Some(ClassWeightForm::Word("balanced".to_owned())),
            ClassWeight::Given { negative, positive } => {
                Some(ClassWeightForm::Given(GivenClassWeight { negative, positive }))
            }
        }
    }
}

/// Parameters of logistic regression.
///
/// The objective is scikit-learn's: `C·Σ wᵢ·lossᵢ + penalty(β)`, where `lossᵢ = ln(1 + e^zᵢ) − yᵢ·zᵢ` and
/// `zᵢ = intercept + Σⱼ βⱼ·xᵢⱼ`; the intercept is not penalised; `wᵢ` is the row's weight times its label's.
///
/// L2 and none are solved by Newton's method (Cholesky, line search); L1 and elastic net by proximal Newton steps
/// whose quadratic models are solved by coordinate descent. The parameters and their ranges: [`LogisticParams::SPECS`].
///
/// # Reference
/// Friedman, Hastie, Tibshirani: Regularization paths for generalized linear models via coordinate descent. Journal of
/// Statistical Software 33 (2010), <https://doi.org/10.18637/jss.v033.i01>;
/// Lee, Sun, Saunders: Proximal Newton-type methods for minimizing composite functions. SIAM Journal on Optimization 24
/// (2014), <https://doi.org/10.1137/130921428>.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct LogisticParams {
    /// The penalty.
    pub penalty: Penalty,
    /// Inverse strength of the penalty.
    pub c: f64,
    /// Share of L1 in the elastic net; not looked at for other penalties.
    pub l1_ratio: f64,
    /// Factors of the row weights by label.
    pub class_weight: ClassWeight,
    /// Most Newton steps.
    pub max_iter: u32,
    /// When to stop, see [`LogisticParams::SPECS`].
    pub tol: f64,
}

impl Default for LogisticParams {
    fn default() -> LogisticParams {
        LogisticParams {
            penalty: Penalty::L2,
            c: 1.0,
            l1_ratio: 0.5,
            class_weight: ClassWeight::None,
            max_iter: 100,
            tol: 1e-8,
        }
    }
}

impl LogisticParams {
    /// The table of parameters.
    pub const SPECS: &'static [ParamSpec] = &[
        ParamSpec {
            name: "penalty",
            default: "\"l2\"",
            range: Range::Choice { options: &["l2", "l1", "elasticnet", "none"] },
            log: false,
            meaning: "what large coefficients cost: half the sum of squares, the sum of absolute values, a mixture, nothing",
        },
        ParamSpec {
            name: "c",
            default: "1.0",
            range: Range::Number { low: 0.0, above: true, high: f64::INFINITY },
            log: true,
            meaning: "inverse strength of the penalty: small is strong",
        },
        ParamSpec {
            name: "l1_ratio",
            default: "0.5",
            range: Range::Number { low: 0.0, above: false, high: 1.0 },
            log: false,
            meaning: "share of L1 in the elastic net; other penalties do not look at it",
        },
        ParamSpec {
            name: "class_weight",
            default: "null",
            range: Range::ClassWeight,
            log: false,
            meaning: "factors of the row weights by label; \"balanced\" gives both labels the same sum of weights",
        },
        ParamSpec {
            name: "max_iter",
            default: "100",
            range: Range::Integer { low: 1, high: 1_000_000 },
            log: true,
            meaning: "most Newton steps; if they do not suffice, the fitted `converged` is false",
        },
        ParamSpec {
            name: "tol",
            default: "1e-8",
            range: Range::Number { low: 0.0, above: true, high: 1e-3 },
            log: true,
            meaning: "stop when the Newton decrement of the mean objective is at most this; does not depend on the units of the columns; convergence is quadratic, and the last step is taken",
        },
    ];

    /// With this penalty.
    pub fn penalty(mut self, penalty: Penalty) -> LogisticParams {
        self.penalty = penalty;
        self
    }
    /// With this inverse strength of the penalty.
    pub fn c(mut self, c: f64) -> LogisticParams {
        self.c = c;
        self
    }
    /// With this share of L1 in the elastic net.
    pub fn l1_ratio(mut self, l1_ratio: f64) -> LogisticParams {
        self.l1_ratio = l1_ratio;
        self
    }
    /// With these factors by label.
    pub fn class_weight(mut self, class_weight: ClassWeight) -> LogisticParams {
        self.class_weight = class_weight;
        self
    }
    /// With at most so many steps.
    pub fn max_iter(mut self, max_iter: u32) -> LogisticParams {
        self.max_iter = max_iter;
        self
    }
    /// With this tolerance.
    pub fn tol(mut self, tol: f64) -> LogisticParams {
        self.tol = tol;
        self
    }

    /// Check every parameter against its range.
    ///
    /// # Errors
    /// [`Error::InvalidParam`].
    pub fn check(&self) -> Result<()> {
        check_struct("logistic", Self::SPECS, self)
    }
}

/// A fitted logistic regression.
///
/// Its score is `intercept + Σⱼ coefⱼ·xⱼ`, the log-odds of the positive label, summed in feature order.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Logistic {
    /// Coefficients, one per feature.
    pub coef: Vec<f64>,
    /// Intercept.
    pub intercept: f64,
    /// Standard deviation of each coefficient; empty where there are more than [`MAX_STD_ERR_FEATURES`] features or the
    /// learner does not give it.
    ///
    /// From the inverse Hessian at the solution, weights taken as numbers of rows: without a penalty the classical standard
    /// error; with L2 the posterior standard deviation under the normal prior that the penalty is (Laplace's approximation);
    /// with L1 and elastic net given the coefficients that are not 0, too narrow because it ignores their selection.
    /// 0 for a coefficient held at 0.
    pub std_err: Vec<f64>,
    /// Standard deviation of the intercept, likewise; 0 where `std_err` is empty.
    pub intercept_std_err: f64,
    /// Newton steps taken.
    pub n_iter: u32,
    /// Whether the tolerance was reached.
    pub converged: bool,
    /// Features left out (coefficient 0) because those before them span them; only without a penalty.
    pub aliased: Vec<usize>,
}

/// Up to so many features the standard deviations of the coefficients are computed.
pub const MAX_STD_ERR_FEATURES: usize = 512;

/// The Hessian of more features would not fit in memory.
pub const MAX_FEATURES: usize = 5000;

impl Logistic {
    /// The log-odds of each row of `x`, into `out`.
    ///
    /// The order of operations of a row does not depend on the number of rows.
    ///
    /// # Errors
    /// [`Error::Internal`] if the shapes do not agree.
    pub fn predict_block(&self, x: &Block, out: &mut [f64]) -> Result<()> {
        check_shape(self.coef.len(), x, out)?;
        out.fill(self.intercept);
        for (j, b) in self.coef.iter().enumerate() {
            for (o, v) in out.iter_mut().zip(x.column(j)) {
                *o += b * v;
            }
        }
        Ok(())
    }
}

pub(super) fn check_shape(n_features: usize, x: &Block, out: &[f64]) -> Result<()> {
    if x.n_columns() == n_features && x.n_rows() == out.len() {
        return Ok(());
    }
    Err(Error::Internal(format!(
        "a block of {} columns and {} rows met a learner of {n_features} features and {} outputs",
        x.n_columns(),
        x.n_rows(),
        out.len()
    )))
}

/// Check what every learner needs of its training data; the sum of weights of negative and positive rows.
pub(super) fn check_data(x: &Design, y: &[u8], weights: Option<&[f64]>) -> Result<[f64; 2]> {
    let n = x.n_rows;
    if x.columns.iter().any(|c| c.n_rows() != n) {
        return Err(Error::Internal(format!("a design of {n} rows has columns of another length")));
    }
    let mut feature = 0;
    for column in &x.columns {
        if let DesignColumn::Levels { .. } = column {
            return Err(Error::data(
                Place::column(x.names.get(feature).map_or("", String::as_str)),
                "levels",
                "numbers or indicators",
                "encode the category, or use a learner that knows levels",
            ));
        }
        if let DesignColumn::Dense(v) = column
            && let Some(row) = v.iter().position(|v| !v.is_finite())
        {
            let name = x.names.get(feature).cloned().unwrap_or_else(|| format!("feature {feature}"));
            return Err(Error::data(
                Place::cell(row, name),
                v.get(row).copied().unwrap_or(f64::NAN),
                "a finite number",
                "impute gaps and remove infinite values before fitting",
            ));
        }
        feature += column.n_features();
    }
    check_labels(n, y, weights)
}

/// Check labels and weights of `n` rows; the sum of weights of negative and positive rows, neither of them 0.
pub(super) fn check_labels(n: usize, y: &[u8], weights: Option<&[f64]>) -> Result<[f64; 2]> {
    if y.len() != n || weights.is_some_and(|w| w.len() != n) {
        return Err(Error::Internal(format!("{n} rows have labels or weights of another number")));
    }
    let mut sums = [0.0; 2];
    for (row, &label) in y.iter().enumerate() {
        let w = weights.map_or(1.0, |w| w[row]);
        if !(w.is_finite() && w >= 0.0) {
            return Err(Error::data(
                Place::row(row),
                format!("the weight {w}"),
                "a finite number >= 0",
                "use 0 to leave a row out",
            ));
        }
        match label {
            0 | 1 => sums[usize::from(label)] += w,
            other => {
                return Err(Error::data(
                    Place::row(row),
                    format!("the label {other}"),
                    "0 or 1",
                    "code the labels first",
                ));
            }
        }
    }
    if !(sums[0] > 0.0 && sums[1] > 0.0 && (sums[0] + sums[1]).is_finite()) {
        let got = if sums[0] > 0.0 {
            "only negative rows"
        } else if sums[1] > 0.0 {
            "only positive rows"
        } else {
            "no row with a weight"
        };
        return Err(Error::data(
            Place::none(),
            got,
            "at least one row of each label with a weight > 0",
            "check the target, the positive label and the split",
        ));
    }
    Ok(sums)
}

/// The penalised mean objective.
struct Objective<'a> {
    problem: Problem<'a>,
    layout: Layout,
    /// W.
    total_weight: f64,
    l1: f64,
    l2: f64,
    run: &'a Run,
}

/// Value and derivatives of the smooth part at one point.
struct Point {
    beta: Vec<f64>,
    /// The whole objective, L1 included.
    value: f64,
    gradient: Vec<f64>,
    hessian: Vec<f64>,
    min_margin: f64,
}

impl Objective<'_> {
    fn n(&self) -> usize {
        self.layout.n_params
    }

    /// The fit to a sample is silent, so that progress never goes back.
    fn progress(&self, done: u32, total: u32) {
        if self.problem.tile_step == 1 {
            self.run.progress("fit", done as usize, total as usize);
        }
    }

    fn at(&self, beta: Vec<f64>, ask: Ask) -> Result<Point> {
        let Sums { loss, min_margin, mut gradient, mut hessian } =
            self.problem.sums(&self.layout, &beta, ask, self.run)?;
        let n = self.n();
        let coef = &beta[1..];
        let value = loss / self.total_weight + 0.5 * self.l2 * dot(coef, coef) + self.l1 * absolute_sum(coef);
        for v in gradient.iter_mut().chain(hessian.iter_mut()) {
            *v /= self.total_weight;
        }
        for (g, b) in gradient.iter_mut().zip(&beta).skip(1) {
            *g += self.l2 * b;
        }
        for h in hessian.iter_mut().step_by(n + 1).skip(1) {
            *h += self.l2;
        }
        Ok(Point { beta, value, gradient, hessian, min_margin })
    }

    /// The next point on the way from `from` to `target`, or `None` if no step lowers the objective;
    /// `decrease > 0` is what the local model promises of the full step.
    fn line_search(&self, from: &Point, target: &[f64], decrease: f64) -> Result<Option<Point>> {
        // Rounding of the sum over the rows: below this two values cannot be told apart.
        let slack = 1e-13 * (1.0 + from.value.abs());
        let full = self.at(target.to_vec(), Ask::Hessian)?;
        if full.value <= from.value - 1e-4 * decrease + slack {
            return Ok(Some(full));
        }
        let mut t = 0.5;
        for _ in 0..40 {
            let beta: Vec<f64> = from.beta.iter().zip(target).map(|(b, u)| b + t * (u - b)).collect();
            let point = self.at(beta, Ask::Loss)?;
            if point.value <= from.value - 1e-4 * t * decrease + slack {
                return self.at(point.beta, Ask::Hessian).map(Some);
            }
            t *= 0.5;
        }
        Ok(None)
    }
}

fn absolute_sum(v: &[f64]) -> f64 {
    v.iter().map(|v| v.abs()).sum()
}

/// A step that promises less than this and still cannot lower the objective has met the rounding of the sums.
const ROUNDING: f64 = 1e-6;

/// From so many rows on, passes over the rows are saved: the start is found on a sample, and the last step re-uses a Hessian.
const LARGE: usize = 1 << 16;

/// A Newton decrement at which the Hessian may be re-used for one more step, which then gains this factor again. The standard
/// deviations inherit a relative error of this order.
const CHORD: f64 = 1e-4;

/// Without a penalty a column whose weighted variance, given the others, fell by this factor from start to end is on its
/// way to an infinite coefficient.
const VANISHED: f64 = 1e-10;

impl LogisticParams {
    /// Fit to the `n` rows of a design; see [`Learner::fit`](super::Learner::fit).
    ///
    /// # Errors
    /// [`Error::InvalidParam`]; [`Error::InvalidData`] for one label only, a number that is not finite, a bad weight;
    /// [`Error::Unsupported`] for more than [`MAX_FEATURES`] features; [`Error::Numeric`] without a penalty if the labels are
    /// separated by the features, because then no finite coefficients are best; [`Error::Cancelled`].
    pub fn fit_design(&self, x: &Design, y: &[u8], weights: Option<&[f64]>, run: &Run) -> Result<Logistic> {
        self.check()?;
        let by_label = check_data(x, y, weights)?;
        let p = x.n_features();
        if p > MAX_FEATURES {
            return Err(Error::Unsupported {
                what: format!("`logistic` with {p} features"),
                why: format!("its Hessian is limited to {MAX_FEATURES} features"),
                hint: "group rare categories, or leave out columns with very many categories".to_owned(),
            });
        }
        let class_weight = match self.class_weight {
            ClassWeight::None => [1.0, 1.0],
            ClassWeight::Balanced => by_label.map(|w| (by_label[0] + by_label[1]) / (2.0 * w)),
            ClassWeight::Given { negative, positive } => [negative, positive],
        };
        let [negative, positive] = [by_label[0] * class_weight[0], by_label[1] * class_weight[1]];
        if !(negative > 0.0 && positive > 0.0) {
            return Err(Error::param(
                "class_weight",
                format!("{{\"negative\": {}, \"positive\": {}}}", class_weight[0], class_weight[1]),
                "two numbers > 0",
                "a label of weight 0 leaves nothing to tell apart",
            ));
        }
        let strength = if self.penalty == Penalty::None { 0.0 } else { 1.0 / (self.c * (negative + positive)) };
        let l1_share = match self.penalty {
            Penalty::L2 | Penalty::None => 0.0,
            Penalty::L1 => 1.0,
            Penalty::Elasticnet => self.l1_ratio,
        };
        let objective = |tile_step: usize| {
            let problem = Problem { x, y, weights, class_weight, tile_step };
            let by_label = problem.weight_by_label();
            let objective = Objective {
                problem,
                layout: Layout::of(x),
                total_weight: by_label[0] + by_label[1],
                l1: l1_share * strength,
                l2: (1.0 - l1_share) * strength,
                run,
            };
            (objective, by_label)
        };
        let base_rate = |by_label: [f64; 2]| {
            let mut beta = vec![0.0; p + 1];
            beta[0] = float::ln(by_label[1] / by_label[0]);
            beta
        };
        let (whole, by_label) = objective(1);
        let mut start = base_rate(by_label);
        if x.n_rows >= LARGE && self.penalty != Penalty::None {
            // Most of the way is walked on a sixteenth of the rows.
            let (sample, by_label) = objective(16);
            if by_label[0] > 0.0 && by_label[1] > 0.0 {
                let at = sample.at(base_rate(by_label), Ask::Hessian)?;
                let rough = LogisticParams { tol: 1e-3, ..self.clone() };
                start =
                    if sample.l1 > 0.0 { rough.sparse(&sample, at)?.at } else { rough.newton(&sample, at)?.at }.beta;
            }
        }
        let at = whole.at(start, Ask::Hessian)?;
        if whole.l1 > 0.0 { self.fit_sparse(&whole, at) } else { self.fit_smooth(&whole, at) }
    }

    fn fit_smooth(&self, objective: &Objective<'_>, at: Point) -> Result<Logistic> {
        let n = objective.n();
        let Solved { at, n_iter, converged, aliased, first_pivots } = self.newton(objective, at)?;
        if self.penalty == Penalty::None {
            let pivots = factor(&at.hessian, n, Dependent::Ridge)?;
            let vanished = |j: &usize| !aliased[*j] && pivots.pivots()[*j] < VANISHED * first_pivots[*j];
            if let Some(j) = (0..n).find(vanished) {
                let name = match j.checked_sub(1).and_then(|j| objective.problem.x.names.get(j)) {
                    Some(name) => format!("the coefficient of `{name}`"),
                    None => "a coefficient".to_owned(),
                };
                return Err(separated(&format!("{name} grows without limit (some rows are told apart without error)")));
            }
        }
        objective.progress(self.max_iter, self.max_iter);
        Ok(self.fitted(objective, &at, n_iter, converged, &aliased))
    }

    /// Newton's method.
    fn newton(&self, objective: &Objective<'_>, mut at: Point) -> Result<Solved> {
        let n = objective.n();
        let free = self.penalty == Penalty::None;
        // A loose stop could not be told from a separation.
        let tol = if free { self.tol.min(1e-8) } else { self.tol };
        let mut aliased = vec![false; n];
        let mut first_pivots = Vec::new();
        if free {
            let factor = factor(&at.hessian, n, Dependent::Drop)?;
            aliased.copy_from_slice(factor.dropped());
            first_pivots = factor.pivots().to_vec();
        }
        let hold = |at: &mut Point| {
            for j in (0..n).filter(|&j| aliased[j]) {
                at.gradient[j] = 0.0;
                for k in 0..n {
                    at.hessian[j * n + k] = 0.0;
                    at.hessian[k * n + j] = 0.0;
                }
            }
        };
        let mut n_iter = 0;
        let mut converged = false;
        while n_iter < self.max_iter && !converged {
            objective.progress(n_iter, self.max_iter);
            hold(&mut at);
            let factor = factor(&at.hessian, n, Dependent::Ridge)?;
            let (target, decrease) = newton_step(&factor, &at);
            let decrement = decrease.max(0.0).sqrt();
            n_iter += 1;
            if decrement <= tol {
                at.beta = target;
                converged = true;
                break;
            }
            if decrement <= CHORD && objective.problem.x.n_rows >= LARGE && n_iter < self.max_iter {
                // So near the minimum the Hessian hardly changes: the next step takes it as it is.
                let mut next = objective.at(target.clone(), Ask::Gradient)?;
                next.hessian = std::mem::take(&mut at.hessian);
                hold(&mut next);
                let (last, decrease) = newton_step(&factor, &next);
                if decrease.max(0.0).sqrt() <= tol {
                    n_iter += 1;
                    next.beta = last;
                    at = next;
                    converged = true;
                    break;
                }
                at.hessian = next.hessian;
            }
            if let Some(next) = objective.line_search(&at, &target, decrease)? {
                at = next;
            } else {
                converged = decrement <= ROUNDING;
                break;
            }
            if free && at.min_margin > 0.0 {
                return Err(separated("every training row is on the right side of a plane"));
            }
        }
        Ok(Solved { at, n_iter, converged, aliased, first_pivots })
    }

    fn fit_sparse(&self, objective: &Objective<'_>, at: Point) -> Result<Logistic> {
        let Solved { at, n_iter, converged, .. } = self.sparse(objective, at)?;
        objective.progress(self.max_iter, self.max_iter);
        let held: Vec<bool> = at.beta.iter().enumerate().map(|(j, b)| j > 0 && *b == 0.0).collect();
        let mut fitted = self.fitted(objective, &at, n_iter, converged, &held);
        fitted.aliased = Vec::new();
        Ok(fitted)
    }

    /// Proximal Newton.
    fn sparse(&self, objective: &Objective<'_>, mut at: Point) -> Result<Solved> {
        let mut n_iter = 0;
        let mut converged = false;
        while n_iter < self.max_iter && !converged {
            objective.progress(n_iter, self.max_iter);
            let target = minimise_model(&at, objective.l1, objective.run)?;
            let step: Vec<f64> = target.iter().zip(&at.beta).map(|(u, b)| u - b).collect();
            let decrease =
                objective.l1 * (absolute_sum(&at.beta[1..]) - absolute_sum(&target[1..])) - dot(&at.gradient, &step);
            let decrement = decrease.max(0.0).sqrt();
            n_iter += 1;
            if decrement <= self.tol {
                at.beta = target;
                converged = true;
            } else if let Some(next) = objective.line_search(&at, &target, decrease)? {
                at = next;
            } else {
                converged = decrement <= ROUNDING;
                break;
            }
        }
        Ok(Solved { at, n_iter, converged, aliased: Vec::new(), first_pivots: Vec::new() })
    }

    fn fitted(&self, objective: &Objective<'_>, at: &Point, n_iter: u32, converged: bool, held: &[bool]) -> Logistic {
        let n = objective.n();
        let mut std_err = Vec::new();
        let mut intercept_std_err = 0.0;
        if n <= MAX_STD_ERR_FEATURES + 1 {
            let free: Vec<usize> = (0..n).filter(|&j| !held[j]).collect();
            let hessian: Vec<f64> =
                free.iter().flat_map(|&i| free.iter().map(move |&j| at.hessian[i * n + j])).collect();
            if let Some(factor) = Cholesky::factor(&hessian, free.len(), Dependent::Ridge) {
                std_err = vec![0.0; n];
                for (&j, v) in free.iter().zip(factor.inverse_diagonal()) {
                    std_err[j] = (v / objective.total_weight).sqrt();
                }
                intercept_std_err = std_err.remove(0);
            }
        }
        Logistic {
            coef: at.beta[1..].to_vec(),
            intercept: at.beta[0],
            std_err,
            intercept_std_err,
            n_iter,
            converged,
            aliased: (1..n).filter(|&j| held[j]).map(|j| j - 1).collect(),
        }
    }
}

/// Where a solver ended.
struct Solved {
    at: Point,
    n_iter: u32,
    converged: bool,
    /// Parameters held at 0.
    aliased: Vec<bool>,
    /// Pivots of the first Hessian; without a penalty only.
    first_pivots: Vec<f64>,
}

/// The point of Newton's step, and the decrease of the objective that the local model promises (twice).
fn newton_step(factor: &Cholesky, at: &Point) -> (Vec<f64>, f64) {
    let step = factor.solve_refined(&at.hessian, &at.gradient);
    let decrease = dot(&at.gradient, &step);
    (at.beta.iter().zip(&step).map(|(b, s)| b - s).collect(), decrease)
}

fn factor(hessian: &[f64], n: usize, dependent: Dependent) -> Result<Cholesky> {
    Cholesky::factor(hessian, n, dependent).ok_or_else(|| Error::Numeric {
        what: "the Newton step of `logistic`",
        why: "the Hessian is not finite".to_owned(),
        hint: "standardise the features: some are too large to square".to_owned(),
    })
}

fn separated(why: &str) -> Error {
    Error::Numeric {
        what: "`logistic` without a penalty",
        why: format!("the features separate the labels: {why}, so no finite coefficients are best"),
        hint: "use penalty \"l2\", or leave out a feature that gives the label away".to_owned(),
    }
}

/// The minimum of `gᵀ(u − β) + ½(u − β)ᵀH(u − β) + l1·‖u‖₁` over `u` (parameter 0 without L1): coordinate descent until the set
/// of coefficients that are not 0 settles, then one exact solve on that set, kept if it satisfies the optimality conditions.
fn minimise_model(at: &Point, l1: f64, run: &Run) -> Result<Vec<f64>> {
    const SWEEPS: usize = 20_000;
    let n = at.beta.len();
    let mut u = at.beta.clone();
    // Gradient of the smooth part at u.
    let mut r = at.gradient.clone();
    let mut last_support: Vec<bool> = Vec::new();
    for sweep in 1..=SWEEPS {
        run.check()?;
        let mut largest = 0.0_f64;
        for j in 0..n {
            let h = at.hessian[j * n + j];
            if h <= 0.0 {
                continue;
            }
            let z = u[j] - r[j] / h;
            let next = if j == 0 { z } else { soft_threshold(z, l1 / h) };
            let d = next - u[j];
            if d != 0.0 {
                for (r, h) in r.iter_mut().zip(&at.hessian[j * n..(j + 1) * n]) {
                    *r += d * h;
                }
                u[j] = next;
                largest = largest.max(d.abs() * h.sqrt());
            }
        }
        if largest <= 1e-14 {
            break;
        }
        if sweep % 5 == 0 {
            let support: Vec<bool> = u.iter().enumerate().map(|(j, u)| j == 0 || *u != 0.0).collect();
            if support == last_support
                && let Some(exact) = solve_on_support(at, l1, &u, &support)
            {
                return Ok(exact);
            }
            last_support = support;
        }
    }
    Ok(u)
}

fn soft_threshold(z: f64, by: f64) -> f64 {
    if z > by {
        z - by
    } else if z < -by {
        z + by
    } else {
        0.0
    }
}

/// The minimum with the signs of `u` on `support` and 0 elsewhere, if it is the minimum of the whole model.
fn solve_on_support(at: &Point, l1: f64, u: &[f64], support: &[bool]) -> Option<Vec<f64>> {
    let n = at.beta.len();
    let on: Vec<usize> = (0..n).filter(|&j| support[j]).collect();
    let sign = |j: usize| if j == 0 { 0.0 } else { u[j].signum() };
    // The step is known off the support: there the target is 0.
    let mut step: Vec<f64> = (0..n).map(|j| if support[j] { 0.0 } else { -at.beta[j] }).collect();
    let right: Vec<f64> =
        on.iter().map(|&j| -(at.gradient[j] + l1 * sign(j) + dot(&at.hessian[j * n..(j + 1) * n], &step))).collect();
    let matrix: Vec<f64> = on.iter().flat_map(|&i| on.iter().map(move |&j| at.hessian[i * n + j])).collect();
    let factor = Cholesky::factor(&matrix, on.len(), Dependent::Drop)?;
    // Columns that depend on each other have no single solution: descent decides between them.
    if factor.dropped().contains(&true) {
        return None;
    }
    for (&j, v) in on.iter().zip(factor.solve_refined(&matrix, &right)) {
        step[j] = v;
    }
    let target: Vec<f64> = (0..n).map(|j| if support[j] { at.beta[j] + step[j] } else { 0.0 }).collect();
    for j in 0..n {
        if support[j] {
            if j > 0 && target[j] * sign(j) <= 0.0 {
                return None;
            }
        } else {
            let r = at.gradient[j] + dot(&at.hessian[j * n..(j + 1) * n], &step);
            if r.abs() > l1 * (1.0 + 1e-9) {
                return None;
            }
        }
    }
    Some(target)
}
