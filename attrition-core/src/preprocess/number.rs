//! What is fitted on one column of numbers and applied to a number at a time.
//!
//! Weights count rows: 2 is the row twice, 0 is no row. Every step takes finite numbers to finite numbers: results are
//! held within ±10¹⁵⁰, which no score can tell apart.

use serde::{Deserialize, Serialize};

use crate::error::Place;
use crate::num::float;
use crate::num::minimize::brent;
use crate::num::quantile::{Sorted, quantiles};
use crate::{Error, Result};

/// Largest size of a result.
const LIMIT: f64 = 1e150;
/// Landmarks of the quantile transform.
const MAX_LANDMARKS: usize = 1000;
/// How near the quantile transform comes to 0 and 1, as scikit-learn's.
const EDGE: f64 = 1e-7;

/// How near λ is searched.
const TOLERANCE: f64 = 3e-8;

/// How a number is bent before it is scaled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Transform {
    /// As it is.
    #[default]
    None,
    /// `ln(1 + x)`, for numbers above −1.
    Log1p,
    /// Box and Cox's power, for positive numbers.
    BoxCox,
    /// Yeo and Johnson's power, for all numbers.
    YeoJohnson,
    /// To the normal quantile of its rank.
    QuantileNormal,
}

/// How a number is scaled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Scaling {
    /// Mean 0, variance 1.
    #[default]
    Standard,
    /// Lowest 0, highest 1.
    MinMax,
    /// Median 0, interquartile range 1.
    Robust,
    /// As it is.
    None,
}

/// One fitted step.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case", deny_unknown_fields)]
pub(super) enum NumberStep {
    /// Into `[low, high]`.
    Clip { low: f64, high: f64 },
    /// `ln(1 + x)`; lower numbers count as the lowest of training.
    Log1p { low: f64 },
    /// `(x^λ − 1) / λ`, `ln x` for λ = 0; lower numbers count as the lowest of training.
    BoxCox { lambda: f64, low: f64 },
    /// `((x + 1)^λ − 1) / λ` for x ≥ 0, `−((1 − x)^(2 − λ) − 1) / (2 − λ)` below; logarithms where a power is 0.
    YeoJohnson { lambda: f64 },
    /// To the normal quantile of the share of training rows below.
    QuantileNormal { values: Vec<f64> },
    /// `(x − center) / scale`.
    Scale { center: f64, scale: f64 },
}

/// `(e^(λl) − 1) / λ`, and its limit `l`: a power of `e^l`.
fn power(lambda: f64, l: f64) -> f64 {
    if lambda.abs() < 1e-12 { l } else { float::exp_m1(lambda * l) / lambda }
}

fn yeo_johnson(lambda: f64, x: f64) -> f64 {
    if x >= 0.0 { power(lambda, float::ln_1p(x)) } else { -power(2.0 - lambda, float::ln_1p(-x)) }
}

/// The share of the landmarks' rows below `x`, the middle of it where several landmarks are equal to it.
fn share_below(values: &[f64], x: f64) -> f64 {
    let last = values.len().saturating_sub(1).max(1) as f64;
    let up_to = values.partition_point(|&v| v <= x);
    let Some((&a, before)) = values.get(..up_to).and_then(<[f64]>::split_last) else { return 0.0 };
    if a == x {
        let below = before.partition_point(|&v| v < x);
        return (below as f64 + before.len() as f64) / 2.0 / last;
    }
    let Some(&b) = values.get(up_to) else { return 1.0 };
    let width = b - a;
    let on = if width.is_finite() { (x - a) / width } else { (x / 2.0 - a / 2.0) / (b / 2.0 - a / 2.0) };
    (before.len() as f64 + on) / last
}

impl NumberStep {
    /// To every number, in place.
    pub(super) fn apply(&self, x: &mut [f64]) {
        match self {
            NumberStep::Clip { low, high } => x.iter_mut().for_each(|x| *x = x.max(*low).min(*high)),
            NumberStep::Log1p { low } => x.iter_mut().for_each(|x| *x = float::ln_1p(x.max(*low))),
            NumberStep::BoxCox { lambda, low } => {
                x.iter_mut().for_each(|x| *x = power(*lambda, float::ln(x.max(*low))).clamp(-LIMIT, LIMIT));
            }
            NumberStep::YeoJohnson { lambda } => {
                x.iter_mut().for_each(|x| *x = yeo_johnson(*lambda, *x).clamp(-LIMIT, LIMIT));
            }
            NumberStep::QuantileNormal { values } => {
                let (low, high) = (values.first().copied().unwrap_or(0.0), values.last().copied().unwrap_or(0.0));
                for x in x {
                    // Ends count as beyond the last row, as scikit-learn's.
                    let share = if *x - EDGE < low {
                        0.0
                    } else if *x + EDGE > high {
                        1.0
                    } else {
                        share_below(values, *x)
                    };
                    *x = float::normal_quantile(share.clamp(EDGE, 1.0 - EDGE));
                }
            }
            NumberStep::Scale { center, scale } => {
                x.iter_mut().for_each(|x| *x = ((*x - center) / scale).clamp(-LIMIT, LIMIT));
            }
        }
    }

    /// What keeps it from being applied, if anything does: what came from a file may be anything.
    pub(super) fn check(&self) -> std::result::Result<(), String> {
        let fits = match self {
            NumberStep::Clip { low, high } => low.is_finite() && high.is_finite() && low <= high,
            NumberStep::Log1p { low } => low.is_finite() && *low > -1.0,
            NumberStep::BoxCox { lambda, low } => lambda.is_finite() && low.is_finite() && *low > 0.0,
            NumberStep::YeoJohnson { lambda } => lambda.is_finite(),
            NumberStep::QuantileNormal { values } => {
                !values.is_empty() && values.iter().all(|v| v.is_finite()) && values.windows(2).all(|v| v[0] <= v[1])
            }
            NumberStep::Scale { center, scale } => center.is_finite() && scale.is_finite() && *scale > 0.0,
        };
        if fits { Ok(()) } else { Err(format!("has a step `{}` with a number that is not possible", self.name())) }
    }

    /// As it is called in parameters.
    pub(super) fn name(&self) -> &'static str {
        match self {
            NumberStep::Clip { .. } => "clip",
            NumberStep::Log1p { .. } => "log1p",
            NumberStep::BoxCox { .. } => "box_cox",
            NumberStep::YeoJohnson { .. } => "yeo_johnson",
            NumberStep::QuantileNormal { .. } => "quantile_normal",
            NumberStep::Scale { .. } => "scale",
        }
    }
}

fn weight(w: Option<&[f64]>, i: usize) -> f64 {
    w.map_or(1.0, |w| w[i])
}

/// `Σ wᵢ·f(xᵢ)` of `K` functions at once; a row of weight 0 adds nothing, whatever its value. In eight lanes, whose order
/// does not depend on the machine.
fn sums<const K: usize>(values: &[f64], w: Option<&[f64]>, f: impl Fn(f64) -> [f64; K]) -> [f64; K] {
    const LANES: usize = 8;
    let mut lanes = [[0.0; LANES]; K];
    let mut add = |lane: usize, x: f64, w: f64| {
        let y = f(x);
        for k in 0..K {
            lanes[k][lane] += if w > 0.0 { w * y[k] } else { 0.0 };
        }
    };
    let (chunks, rest) = values.as_chunks::<LANES>();
    match w {
        None => {
            chunks.iter().for_each(|x| (0..LANES).for_each(|l| add(l, x[l], 1.0)));
            rest.iter().enumerate().for_each(|(l, x)| add(l, *x, 1.0));
        }
        Some(w) => {
            let (w_chunks, w_rest) = w.as_chunks::<LANES>();
            chunks.iter().zip(w_chunks).for_each(|(x, w)| (0..LANES).for_each(|l| add(l, x[l], w[l])));
            rest.iter().zip(w_rest).enumerate().for_each(|(l, (x, w))| add(l, *x, *w));
        }
    }
    lanes.map(|lane| lane.iter().sum())
}

/// Weighted mean and population variance, of equal values that value and 0 exactly; `(0, 0)` without any row.
///
/// # Reference
/// Chan, Golub, LeVeque: Algorithms for computing the sample variance. The American Statistician 37 (1983),
/// <https://doi.org/10.1080/00031305.1983.10483115>: two passes, corrected by what rounding left in the first.
fn moments(values: &[f64], w: Option<&[f64]>) -> (f64, f64) {
    let Some(first) = (0..values.len()).find(|&i| weight(w, i) > 0.0).map(|i| values[i]) else { return (0.0, 0.0) };
    let [total, sum] = sums(values, w, |x| [1.0, x - first]);
    let rough = first + sum / total;
    let [rest, squares] = sums(values, w, |x| [x - rough, (x - rough) * (x - rough)]);
    (rough + rest / total, ((squares - rest * rest / total) / total).max(0.0))
}

/// Weighted skewness `m₃ / m₂^1.5` (population form, biased); 0 for a constant column, and for one whose squares no float holds.
pub(super) fn skewness(values: &[f64], w: Option<&[f64]>) -> f64 {
    let (mean, variance) = moments(values, w);
    if !(variance > 0.0 && variance.is_finite()) {
        return 0.0;
    }
    let deviation = variance.sqrt();
    let cube = |x: f64| {
        let z = (x - mean) / deviation;
        z * z * z
    };
    let [total, cubes] = sums(values, w, |x| [1.0, cube(x)]);
    cubes / total
}

/// Clip to the quantiles at two levels.
pub(super) fn fit_clip(values: &[f64], w: Option<&[f64]>, levels: [f64; 2]) -> NumberStep {
    let ends = quantiles(values, w, &levels);
    let end = |i: usize| ends.get(i).copied().filter(|x| x.is_finite()).unwrap_or(0.0);
    NumberStep::Clip { low: end(0), high: end(1) }
}

/// The transform of a column; `None` for none, where the skewness is within the limit, and where it could not tell the
/// values apart better than they are: of two values a power makes two values, and one so strong that rounding eats the
/// differences makes none.
pub(super) fn fit_transform(
    column: &str,
    transform: Transform,
    skew_limit: Option<f64>,
    values: &[f64],
    w: Option<&[f64]>,
) -> Result<Option<NumberStep>> {
    let counts = |i: usize| weight(w, i) > 0.0;
    if transform == Transform::None
        || skew_limit.is_some_and(|limit| skewness(values, w).abs() <= limit)
        || !(0..values.len()).any(counts)
    {
        return Ok(None);
    }
    // The lowest number that the transform takes is above this.
    let above = match transform {
        Transform::BoxCox => 0.0,
        Transform::Log1p => -1.0,
        _ => f64::NEG_INFINITY,
    };
    if let Some(row) = (0..values.len()).find(|&i| counts(i) && values[i] <= above) {
        let (name, rule) = if transform == Transform::BoxCox { ("box_cox", "> 0") } else { ("log1p", "> −1") };
        return Err(Error::data(
            Place::cell(row, column),
            format!("the number {}", values[row]),
            format!("numbers {rule} for the transform `{name}`"),
            "use transform=\"yeo_johnson\", which takes every number",
        ));
    }
    let counted = || (0..values.len()).filter(|&i| counts(i)).map(|i| values[i]);
    let low = counted().fold(f64::INFINITY, f64::min);
    let first = counted().next().unwrap_or(0.0);
    let second = counted().find(|x| *x != first).unwrap_or(first);
    if counted().all(|x| x == first || x == second) {
        return Ok(None);
    }
    let step = match transform {
        Transform::None => return Ok(None),
        Transform::Log1p => NumberStep::Log1p { low },
        Transform::BoxCox => NumberStep::BoxCox { lambda: box_cox_lambda(values, w), low },
        Transform::YeoJohnson => NumberStep::YeoJohnson { lambda: yeo_johnson_lambda(values, w) },
        Transform::QuantileNormal => {
            let sorted = Sorted::new(values, w);
            let n = (sorted.total() as usize).clamp(1, MAX_LANDMARKS);
            let step = 1.0 / (n - 1).max(1) as f64;
            // Rounded as scikit-learn's levels are: where values repeat, a last bit decides which landmarks equal them.
            let level = |i: usize| if i > 0 && i == n - 1 { 1.0 } else { i as f64 * step * 100.0 / 100.0 };
            let mut landmarks = sorted.quantiles(&(0..n).map(level).collect::<Vec<f64>>());
            // Rounding must not let them fall.
            for i in 1..landmarks.len() {
                landmarks[i] = landmarks[i].max(landmarks[i - 1]);
            }
            return Ok(Some(NumberStep::QuantileNormal { values: landmarks }));
        }
    };
    let mut bent = values.to_vec();
    step.apply(&mut bent);
    let (mean, variance) = moments(&bent, w);
    Ok((variance.sqrt() > 1e-8 * mean.abs()).then_some(step))
}

/// What the search for λ needs of a column: a logarithm of each row that counts, and its weight.
struct Logs {
    logs: Vec<f64>,
    w: Option<Vec<f64>>,
}

impl Logs {
    fn new(values: &[f64], w: Option<&[f64]>, log: impl Fn(f64) -> f64) -> Logs {
        let Some(w) = w else { return Logs { logs: values.iter().map(|&x| log(x)).collect(), w: None } };
        let (logs, w) = values.iter().zip(w).filter(|(_, w)| **w > 0.0).map(|(&x, &w)| (log(x), w)).unzip();
        Logs { logs, w: Some(w) }
    }

    /// The λ of greatest likelihood, `−W/2·ln var(y(λ)) + (λ − 1)·Σ wᵢ·lᵢ`, by Brent's method.
    ///
    /// `y` fills in the bent column up to a shift and a factor, whose logarithm it returns.
    fn best_lambda(&self, y: impl Fn(f64, &[f64], &mut Vec<f64>) -> f64) -> f64 {
        /// Rows that show about where the likelihood is highest.
        const FEW: usize = 4096;
        let stride = self.logs.len().div_ceil(FEW);
        if stride > 1 {
            let few = |x: &Vec<f64>| x.iter().copied().step_by(stride).collect::<Vec<f64>>();
            let few = Logs { logs: few(&self.logs), w: self.w.as_ref().map(few) };
            let (_, variance) = moments(&few.logs, few.w.as_deref());
            // About eight standard errors of what a few rows show.
            let near = 0.1 / variance.sqrt();
            if let (Some(start), true) = (few.search(&y), near.is_finite()) {
                let best = brent(self.loss(&y), start - near, start + near, TOLERANCE);
                if (best - start).abs() < 0.9 * near {
                    return best;
                }
            }
        }
        // Without a highest point that floats could use, the column is (nearly) constant: it stays as it is.
        self.search(&y).unwrap_or(1.0)
    }

    /// From [−2, 2] on, wider as long as an end is best; `None` where that leads to powers beyond all floats.
    fn search(&self, y: &impl Fn(f64, &[f64], &mut Vec<f64>) -> f64) -> Option<f64> {
        let largest = self.logs.iter().fold(0.0f64, |a, l| a.max(l.abs()));
        let (mut low, mut high) = (-2.0, 2.0);
        loop {
            let best = brent(self.loss(y), low, high, TOLERANCE);
            let margin = 0.01 * (high - low);
            if best - low >= margin && high - best >= margin {
                return Some(best);
            }
            if (high - low) * largest > 1400.0 {
                return None;
            }
            if best - low < margin {
                low -= 2.0 * (high - low);
            } else {
                high += 2.0 * (high - low);
            }
        }
    }

    /// The likelihood of a λ as something to be least: its negative logarithm for a row, but for a constant.
    fn loss(&self, y: &impl Fn(f64, &[f64], &mut Vec<f64>) -> f64) -> impl FnMut(f64) -> f64 {
        let w = self.w.as_deref();
        let [total, jacobian] = sums(&self.logs, w, |l| [1.0, l]);
        let mut column = Vec::with_capacity(self.logs.len());
        move |lambda| {
            let log_factor = y(lambda, &self.logs, &mut column);
            let (_, variance) = moments(&column, w);
            if variance <= 0.0 {
                return f64::INFINITY;
            }
            (float::ln(variance) / 2.0 + log_factor) - (lambda - 1.0) * jacobian / total
        }
    }
}
/// # Reference
/// Box, Cox: An analysis of transformations. Journal of the Royal Statistical Society B 26 (1964),
/// <https://doi.org/10.1111/j.2517-6161.1964.tb00553.x>.
fn box_cox_lambda(values: &[f64], w: Option<&[f64]>) -> f64 {
    let logs = Logs::new(values, w, float::ln);
    let low = logs.logs.iter().copied().fold(f64::INFINITY, f64::min);
    let high = logs.logs.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    logs.best_lambda(|lambda, logs, y| {
        // Relative to the largest power, so that none overflows: x^λ/λ = e^(λc)·e^(λ(l − c))/λ.
        let center = if lambda >= 0.0 { high } else { low };
        y.clear();
        y.extend(logs.iter().map(|l| power(lambda, l - center)));
        lambda * center
    })
}

/// # Reference
/// Yeo, Johnson: A new family of power transformations to improve normality or symmetry. Biometrika 87 (2000),
/// <https://doi.org/10.1093/biomet/87.4.954>.
fn yeo_johnson_lambda(values: &[f64], w: Option<&[f64]>) -> f64 {
    Logs::new(values, w, |x| float::ln_1p(x.abs()).copysign(x)).best_lambda(|lambda, logs, y| {
        y.clear();
        let signed = |l: f64| if l >= 0.0 { power(lambda, l) } else { -power(2.0 - lambda, -l) };
        y.extend(logs.iter().map(|&l| signed(l)));
        0.0
    })
}

/// The scaling of a column; `None` for none. A constant column is centred and keeps its scale.
pub(super) fn fit_scaling(scaling: Scaling, values: &[f64], w: Option<&[f64]>) -> Option<NumberStep> {
    let (center, scale) = match scaling {
        Scaling::None => return None,
        Scaling::Standard => {
            let (mean, variance) = moments(values, w);
            // What rounding leaves of a constant column's variance is no spread.
            let noise = 10.0 * f64::EPSILON * mean.abs().max(f64::MIN_POSITIVE);
            (mean, if variance.sqrt() > noise { variance.sqrt() } else { 0.0 })
        }
        Scaling::MinMax => {
            let counted = || (0..values.len()).filter(|&i| weight(w, i) > 0.0).map(|i| values[i]);
            let (low, high) = (counted().fold(f64::INFINITY, f64::min), counted().fold(f64::NEG_INFINITY, f64::max));
            if low <= high { (low, high - low) } else { (0.0, 0.0) }
        }
        Scaling::Robust => {
            let quartiles = quantiles(values, w, &[0.25, 0.5, 0.75]);
            let [low, center, high] = [0, 1, 2].map(|i| quartiles.get(i).copied().unwrap_or(f64::NAN));
            (center, high - low)
        }
    };
    let center = if center.is_finite() { center } else { 0.0 };
    let scale = if scale.is_finite() && scale > 0.0 { scale } else { 1.0 };
    Some(NumberStep::Scale { center, scale })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn transformed(transform: Transform, values: &[f64]) -> (NumberStep, Vec<f64>) {
        let step = fit_transform("x", transform, None, values, None).unwrap().unwrap();
        let mut out = values.to_vec();
        step.apply(&mut out);
        (step, out)
    }

    #[test]
    fn transforms_and_scales_are_those_of_the_reference() {
        let Some(reference) = crate::testing::shared("reference/preprocessing.json") else { return };
        let list = crate::testing::numbers;
        let (x, z, expected) = (list(&reference["x"]), list(&reference["z"]), &reference["expected"]);
        let near = |a: f64, b: f64, tol: f64| assert!((a - b).abs() <= tol * b.abs().max(1.0), "{a} and {b}");
        near(skewness(&x, None), expected["skew_biased"].as_f64().unwrap(), 1e-10);
        let (step, y) = transformed(Transform::BoxCox, &x);
        let NumberStep::BoxCox { lambda, .. } = step else { panic!("{step:?}") };
        near(lambda, expected["boxcox"]["lambda"].as_f64().unwrap(), 1e-6);
        for (a, b) in y.iter().zip(list(&expected["boxcox"]["values"])) {
            near(*a, b, 1e-5);
        }
        let (step, y) = transformed(Transform::YeoJohnson, &z);
        let NumberStep::YeoJohnson { lambda } = step else { panic!("{step:?}") };
        near(lambda, expected["yeojohnson"]["lambda"].as_f64().unwrap(), 1e-6);
        for (a, b) in y.iter().zip(list(&expected["yeojohnson"]["values"])) {
            near(*a, b, 1e-5);
        }
        for (scaling, name, center) in [(Scaling::Standard, "standard", "mean"), (Scaling::Robust, "robust", "center")]
        {
            let Some(NumberStep::Scale { center: c, scale }) = fit_scaling(scaling, &x, None) else { panic!("{name}") };
            near(c, expected[name][center].as_f64().unwrap(), 1e-10);
            near(scale, expected[name]["scale"].as_f64().unwrap(), 1e-10);
        }
        let sorted = Sorted::new(&x, None);
        for (level, value) in expected["quantiles_linear"].as_object().unwrap() {
            near(sorted.quantile(level.parse().unwrap()), value.as_f64().unwrap(), 1e-12);
        }
    }

    struct Case {
        name: String,
        values: Vec<f64>,
        w: Option<Vec<f64>>,
        expected: serde_json::Value,
        input: serde_json::Value,
        tolerance: f64,
    }

    /// `tests/vectors/preprocessing.json`, made by scikit-learn and SciPy.
    fn cases(step: &str) -> Vec<Case> {
        let list = crate::testing::numbers;
        let cases = crate::testing::preprocessing_vectors(step).into_iter().map(|mut c| Case {
            name: format!("{step}, {}", c["name"]),
            values: list(&c["input"]["values"]),
            w: (!c["input"]["weights"].is_null()).then(|| list(&c["input"]["weights"])),
            tolerance: c["tolerance"]["relative"].as_f64().unwrap(),
            expected: c["expected"].take(),
            input: c["input"].take(),
        });
        cases.collect()
    }

    fn assert_close(got: &[f64], expected: &[f64], tolerance: f64, name: &str) {
        assert_eq!(got.len(), expected.len(), "{name}");
        for (g, e) in got.iter().zip(expected) {
            assert!(crate::testing::close(*g, *e, tolerance, tolerance), "{name}: {g} and {e}");
        }
    }

    #[test]
    fn scales_are_those_of_scikit_learn() {
        let list = crate::testing::numbers;
        for (scaling, step) in
            [(Scaling::Standard, "standard"), (Scaling::MinMax, "min_max"), (Scaling::Robust, "robust")]
        {
            for case in cases(step) {
                let mut got = case.values.clone();
                fit_scaling(scaling, &case.values, case.w.as_deref()).unwrap().apply(&mut got);
                assert_close(&got, &list(&case.expected), case.tolerance, &case.name);
            }
        }
    }

    #[test]
    fn the_quantile_transform_is_that_of_scikit_learn() {
        for case in cases("quantile_normal") {
            let step =
                fit_transform("x", Transform::QuantileNormal, None, &case.values, case.w.as_deref()).unwrap().unwrap();
            let mut got = crate::testing::numbers(&case.input["x"]);
            step.apply(&mut got);
            assert_close(&got, &crate::testing::numbers(&case.expected), case.tolerance, &case.name);
        }
    }

    #[test]
    fn powers_are_those_of_scipy() {
        for (transform, step) in [(Transform::BoxCox, "box_cox"), (Transform::YeoJohnson, "yeo_johnson")] {
            for case in cases(step) {
                let expected = case.expected["lambda"].as_f64().unwrap();
                let fitted = fit_transform("x", transform, None, &case.values, case.w.as_deref()).unwrap().unwrap();
                let (mut step, lambda) = (fitted.clone(), &mut 0.0);
                if let NumberStep::BoxCox { lambda: l, .. } | NumberStep::YeoJohnson { lambda: l } = &mut step {
                    (*lambda, *l) = (*l, expected);
                }
                assert_close(&[*lambda], &[expected], case.tolerance, &case.name);
                // At the very lambda of the oracle, so that its search's tolerance is not in the comparison.
                let mut got = case.values.clone();
                if let NumberStep::BoxCox { low, .. } = &mut step {
                    *low = f64::MIN_POSITIVE;
                }
                step.apply(&mut got);
                assert_close(&got, &crate::testing::numbers(&case.expected["values"]), 1e-10, &case.name);
                let skewness = skewness(&case.values, case.w.as_deref());
                assert_close(&[skewness], &[case.expected["skewness"].as_f64().unwrap()], 1e-10, &case.name);
            }
        }
    }

    #[test]
    fn a_long_constant_column_has_no_spread() {
        for value in [0.1, 1e6 + 0.3, -1e-9, 1e300] {
            let column = vec![value; 300_001];
            let w: Vec<f64> = (0..column.len()).map(|i| (i % 3) as f64).collect();
            for w in [None, Some(&w[..])] {
                for scaling in [Scaling::Standard, Scaling::MinMax, Scaling::Robust] {
                    let step = fit_scaling(scaling, &column, w).unwrap();
                    assert_eq!(step, NumberStep::Scale { center: value, scale: 1.0 }, "{scaling:?}");
                }
                assert_eq!(skewness(&column, w), 0.0);
            }
        }
    }

    #[test]
    fn columns_of_the_largest_floats_give_finite_steps() {
        let values = [-f64::MAX, -f64::MAX, 1.0, f64::MAX, f64::MAX, 1e308, -3e307];
        let mut steps = vec![fit_clip(&values, None, [0.1, 0.8])];
        for t in [Transform::YeoJohnson, Transform::QuantileNormal] {
            steps.extend(fit_transform("x", t, None, &values, None).unwrap());
        }
        let scalings = [Scaling::Standard, Scaling::MinMax, Scaling::Robust];
        steps.extend(scalings.iter().filter_map(|s| fit_scaling(*s, &values, None)));
        for step in steps {
            assert!(step.check().is_ok(), "{step:?}");
            let mut x = vec![-f64::MAX, -1e308, -1.0, 0.0, 5e-324, 1.0, 1e308, f64::MAX];
            step.apply(&mut x);
            assert!(x.iter().all(|x| x.is_finite()) && x.is_sorted() && x[0] < x[7], "{step:?} {x:?}");
        }
    }

    #[test]
    fn hostile_steps_are_refused() {
        for text in [
            r#"{"type":"clip","low":2.0,"high":1.0}"#,
            r#"{"type":"log1p","low":-1.0}"#,
            r#"{"type":"box_cox","lambda":0.5,"low":0.0}"#,
            r#"{"type":"yeo_johnson","lambda":1e999}"#,
            r#"{"type":"yeo_johnson","lambda":null}"#,
            r#"{"type":"quantile_normal","values":[]}"#,
            r#"{"type":"quantile_normal","values":[1.0,0.0]}"#,
            r#"{"type":"scale","center":0.0,"scale":0.0}"#,
            r#"{"type":"scale","center":0.0,"scale":-1.0}"#,
            r#"{"type":"scale","center":0.0,"scale":1.0,"power":2.0}"#,
            r#"{"type":"twist"}"#,
        ] {
            let step = serde_json::from_str::<NumberStep>(text);
            assert!(step.is_err() || step.is_ok_and(|s| s.check().is_err()), "{text}");
        }
        // Possible, if extreme: it is applied without a number that is none.
        for lambda in [-1e308, -700.0, 0.0, 2.0, 1e308] {
            let mut x = [-f64::MAX, -1.0, 0.0, 5e-324, 1.0, f64::MAX];
            NumberStep::YeoJohnson { lambda }.apply(&mut x);
            assert!(x.iter().all(|x| x.is_finite()) && x.is_sorted(), "{lambda}: {x:?}");
        }
    }

    /// More rows than show about where λ is: found from them, and the same as from all.
    #[test]
    fn lambda_of_many_rows_is_that_of_all_of_them() {
        let mut rng = crate::Seed(3).stream("lambda", 0);
        let drawn: Vec<f64> = (0..20_000).map(|_| float::exp(rng.normal()) - 0.5).collect();
        // The few rows that are looked at first, each 5th, tell another story here.
        let misled = (0..20_000).map(|i| if i % 5 == 0 { 2.0 } else { drawn[i] }).collect();
        for values in [drawn.clone(), misled] {
            let logs = Logs::new(&values, None, |x| float::ln_1p(x.abs()).copysign(x));
            let bend = |lambda: f64, logs: &[f64], y: &mut Vec<f64>| {
                y.clear();
                y.extend(logs.iter().map(|&l| if l >= 0.0 { power(lambda, l) } else { -power(2.0 - lambda, -l) }));
                0.0
            };
            let (got, all) = (yeo_johnson_lambda(&values, None), logs.search(&bend).unwrap());
            assert!((got - all).abs() < 1e-6, "{got} and {all}");
        }
    }

    #[test]
    fn what_a_transform_cannot_take_is_named_with_its_row() {
        for (transform, values, row) in
            [(Transform::BoxCox, [1.0, 0.0, 2.0], 1), (Transform::Log1p, [1.0, 2.0, -1.0], 2)]
        {
            let e = fit_transform("pay", transform, None, &values, None).unwrap_err().to_string();
            assert!(
                e.contains("column `pay`") && e.contains(&format!("row {row}")) && e.contains("yeo_johnson"),
                "{e}"
            );
            let mut w = [1.0; 3];
            w[row] = 0.0;
            assert!(fit_transform("pay", transform, None, &values, Some(&w)).is_ok());
        }
        // Little skew, no transform.
        assert_eq!(fit_transform("x", Transform::Log1p, Some(1.0), &[1.0, 2.0, 3.0], None).unwrap(), None);
    }

    #[test]
    fn constant_columns_are_harmless() {
        let five = [5.0; 6];
        for transform in [Transform::Log1p, Transform::BoxCox, Transform::YeoJohnson, Transform::QuantileNormal] {
            assert_eq!(fit_transform("x", transform, None, &five, None).unwrap(), None);
            assert_eq!(fit_transform("x", transform, None, &[3.0, 4.0, 3.0, 3.0], None).unwrap(), None);
        }
        // The likelihood is the higher the more these are pressed together: no power is better than such a one.
        let pressed = [1e9, 1e9, 1e9, 1e9, 1e9 + 1.0, 1e9 + 2.0];
        assert_eq!(fit_transform("x", Transform::YeoJohnson, None, &pressed, None).unwrap(), None);
        for scaling in [Scaling::Standard, Scaling::MinMax, Scaling::Robust] {
            assert_eq!(fit_scaling(scaling, &five, None), Some(NumberStep::Scale { center: 5.0, scale: 1.0 }));
        }
    }

    proptest! {
        #[test]
        fn steps_are_finite_monotone_and_row_wise(
            values in prop::collection::vec(prop_oneof![-1e3..1e3f64, -1e300..1e300f64, Just(0.0)], 3..40),
            fresh in prop::collection::vec(prop_oneof![-1e4..1e4f64, Just(f64::MAX), Just(-f64::MAX), Just(5e-324)], 2..10),
        ) {
            let positive: Vec<f64> = values.iter().map(|v| v.abs() + 1e-3).collect();
            let mut steps = vec![fit_clip(&values, None, [0.1, 0.9])];
            for t in [Transform::YeoJohnson, Transform::QuantileNormal] {
                steps.extend(fit_transform("x", t, None, &values, None).unwrap());
            }
            for t in [Transform::BoxCox, Transform::Log1p] {
                steps.extend(fit_transform("x", t, None, &positive, None).unwrap());
            }
            steps.extend([Scaling::Standard, Scaling::MinMax, Scaling::Robust].iter().filter_map(|s| fit_scaling(*s, &values, None)));
            let mut fresh = fresh;
            fresh.sort_by(f64::total_cmp);
            for step in steps {
                prop_assert!(step.check().is_ok(), "{:?}", step);
                let mut out = fresh.clone();
                step.apply(&mut out);
                prop_assert!(out.iter().all(|x| x.is_finite()), "{:?} {:?}", step, out);
                prop_assert!(out.windows(2).all(|w| w[0] <= w[1] + 1e-9 * w[0].abs()), "{:?} {:?}", step, out);
                let mut lone = [fresh[1]];
                step.apply(&mut lone);
                prop_assert_eq!(lone[0].to_bits(), out[1].to_bits());
                let text = serde_json::to_string(&step).unwrap();
                prop_assert_eq!(serde_json::from_str::<NumberStep>(&text).unwrap(), step);
            }
        }

        #[test]
        fn weights_are_repeated_rows(rows in prop::collection::vec((1i32..60, 0u32..4), 6..30)) {
            let values: Vec<f64> = rows.iter().map(|r| f64::from(r.0) / 7.0).collect();
            let w: Vec<f64> = rows.iter().map(|r| f64::from(r.1)).collect();
            let repeated: Vec<f64> =
                rows.iter().flat_map(|r| std::iter::repeat_n(f64::from(r.0) / 7.0, r.1 as usize)).collect();
            prop_assume!(repeated.len() > 3 && moments(&repeated, None).1 > 1e-3);
            let numbers = |s: &NumberStep| match s {
                NumberStep::Clip { low, high } => vec![*low, *high],
                NumberStep::Log1p { low } => vec![*low],
                NumberStep::BoxCox { lambda, low } => vec![*lambda, *low],
                NumberStep::YeoJohnson { lambda } => vec![*lambda],
                NumberStep::QuantileNormal { values } => values.clone(),
                NumberStep::Scale { center, scale } => vec![*center, *scale],
            };
            let mut pairs = vec![(fit_clip(&values, Some(&w), [0.2, 0.9]), fit_clip(&repeated, None, [0.2, 0.9]))];
            for t in [Transform::BoxCox, Transform::Log1p, Transform::YeoJohnson, Transform::QuantileNormal] {
                let fit = |v: &[f64], w: Option<&[f64]>| fit_transform("x", t, None, v, w).unwrap();
                let (a, b) = (fit(&values, Some(&w)), fit(&repeated, None));
                prop_assert_eq!(a.is_some(), b.is_some());
                pairs.extend(a.zip(b));
            }
            for s in [Scaling::Standard, Scaling::MinMax, Scaling::Robust] {
                pairs.push((fit_scaling(s, &values, Some(&w)).unwrap(), fit_scaling(s, &repeated, None).unwrap()));
            }
            for (a, b) in pairs {
                let (a, b) = (numbers(&a), numbers(&b));
                prop_assert!(a.len() == b.len() && a.iter().zip(&b).all(|(a, b)| (a - b).abs() <= 1e-5 * b.abs().max(1.0)), "{:?} {:?}", a, b);
            }
        }
    }
}
