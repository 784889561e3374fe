//! What is fitted on one column of numbers and applied to a number at a time.
//!
//! Weights count rows: 2 is the row twice, 0 is no row. Every step takes finite numbers to finite numbers: results are
//! held within ±10¹⁵⁰, which no score can tell apart.

use serde::{Deserialize, Serialize};

use crate::error::Place;
use crate::num::float;
use crate::num::minimize::brent;
use crate::num::quantile::Sorted;
use crate::{Error, Result};

/// Largest size of a result.
const LIMIT: f64 = 1e150;
/// Landmarks of the quantile transform.
const MAX_LANDMARKS: usize = 1000;
/// How near the quantile transform comes to 0 and 1, as scikit-learn's.
const EDGE: f64 = 1e-7;

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
    let (below, up_to) = (values.partition_point(|&v| v < x), values.partition_point(|&v| v <= x));
    if up_to > below {
        return (below as f64 + (up_to - 1) as f64) / 2.0 / last;
    }
    match (below.checked_sub(1).and_then(|i| values.get(i)), values.get(below)) {
        (Some(a), Some(b)) => ((below - 1) as f64 + (x - a) / (b - a)) / last,
        (None, _) => 0.0,
        (_, None) => 1.0,
    }
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
                x.iter_mut().for_each(|x| *x = ((*x - center) / scale).max(-LIMIT).min(LIMIT));
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

/// Weighted mean and population variance; `(0, 0)` without any row.
fn moments(values: &[f64], w: Option<&[f64]>) -> (f64, f64) {
    let (mut total, mut sum) = (0.0, 0.0);
    for (i, &x) in values.iter().enumerate() {
        total += weight(w, i);
        sum += weight(w, i) * x;
    }
    if total <= 0.0 {
        return (0.0, 0.0);
    }
    let mean = sum / total;
    let squares: f64 = values.iter().enumerate().map(|(i, &x)| weight(w, i) * (x - mean) * (x - mean)).sum();
    (mean, squares / total)
}

/// Weighted skewness `m₃ / m₂^1.5` (population form, biased); 0 for a constant column.
pub(super) fn skewness(values: &[f64], w: Option<&[f64]>) -> f64 {
    let (mean, variance) = moments(values, w);
    if variance <= 0.0 {
        return 0.0;
    }
    let (mut total, mut cubes) = (0.0, 0.0);
    for (i, &x) in values.iter().enumerate() {
        let z = (x - mean) / variance.sqrt();
        total += weight(w, i);
        cubes += weight(w, i) * z * z * z;
    }
    cubes / total
}

/// Clip to the quantiles at two levels.
pub(super) fn fit_clip(values: &[f64], w: Option<&[f64]>, [low, high]: [f64; 2]) -> NumberStep {
    let sorted = Sorted::new(values, w);
    let or_zero = |x: f64| if x.is_finite() { x } else { 0.0 };
    NumberStep::Clip { low: or_zero(sorted.quantile(low)), high: or_zero(sorted.quantile(high)) }
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
            let last = (n - 1).max(1) as f64;
            let mut landmarks = sorted.quantiles(&(0..n).map(|i| i as f64 / last).collect::<Vec<f64>>());
            // Rounding must not let them fall.
            for i in 1..landmarks.len() {
                landmarks[i] = landmarks[i].max(landmarks[i - 1]);
            }
            NumberStep::QuantileNormal { values: landmarks }
        }
    };
    let mut bent = values.to_vec();
    step.apply(&mut bent);
    let (mean, variance) = moments(&bent, w);
    Ok((variance.sqrt() > 1e-8 * mean.abs()).then_some(step))
}

/// The λ of greatest likelihood, `−W/2·ln var(y(λ)) + (λ − 1)·Σ wᵢ·jᵢ`; searched where `[low, high]` leads.
///
/// `y` gives the transformed column up to a factor, whose logarithm it returns.
fn best_lambda(jacobian: f64, total: f64, w: Option<&[f64]>, mut y: impl FnMut(f64, &mut Vec<f64>) -> f64) -> f64 {
    let mut column = Vec::new();
    let mut loss = |lambda: f64| {
        let log_factor = y(lambda, &mut column);
        let (_, variance) = moments(&column, w);
        if variance <= 0.0 {
            return f64::INFINITY;
        }
        total / 2.0 * (float::ln(variance) + 2.0 * log_factor) - (lambda - 1.0) * jacobian
    };
    // Wider as long as the best end beats the middle.
    let (mut low, mut high) = (-2.0, 2.0);
    while high - low < 200.0 {
        let best = brent(&mut loss, low, high, 1e-9);
        let margin = 0.01 * (high - low);
        if best - low < margin {
            low -= 2.0 * (high - low);
        } else if high - best < margin {
            high += 2.0 * (high - low);
        } else {
            return best;
        }
    }
    // The likelihood has no highest point that a float could use: the column is (nearly) constant.
    1.0
}

/// # Reference
/// Box, Cox: An analysis of transformations. Journal of the Royal Statistical Society B 26 (1964),
/// <https://doi.org/10.1111/j.2517-6161.1964.tb00553.x>.
fn box_cox_lambda(values: &[f64], w: Option<&[f64]>) -> f64 {
    let counted: Vec<(f64, f64)> =
        (0..values.len()).filter(|&i| weight(w, i) > 0.0).map(|i| (float::ln(values[i]), weight(w, i))).collect();
    let (logs, w): (Vec<f64>, Vec<f64>) = counted.into_iter().unzip();
    let total: f64 = w.iter().sum();
    let jacobian: f64 = logs.iter().zip(&w).map(|(l, w)| l * w).sum();
    let low = logs.iter().copied().fold(f64::INFINITY, f64::min);
    let high = logs.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    best_lambda(jacobian, total, Some(&w), |lambda, y| {
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
    let counted: Vec<(f64, f64)> = (0..values.len())
        .filter(|&i| weight(w, i) > 0.0)
        .map(|i| (float::ln_1p(values[i].abs()).copysign(values[i]), weight(w, i)))
        .collect();
    let (logs, w): (Vec<f64>, Vec<f64>) = counted.into_iter().unzip();
    let total: f64 = w.iter().sum();
    let jacobian: f64 = logs.iter().zip(&w).map(|(l, w)| l * w).sum();
    best_lambda(jacobian, total, Some(&w), |lambda, y| {
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
            let sorted = Sorted::new(values, w);
            let center = sorted.quantile(0.5);
            if center.is_nan() { (0.0, 0.0) } else { (center, sorted.quantile(0.75) - sorted.quantile(0.25)) }
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
