//! Closed-form 95 % intervals. The sources are in the [module](super)'s docs.

use crate::num::float;

/// The standard normal's 0.975 quantile.
pub(super) const Z: f64 = 1.959_963_984_540_054;

/// A value with its 95 % interval. An end is `None` where the interval is not defined; no part is ever NaN.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Estimate {
    /// The point estimate.
    pub value: f64,
    /// The lower end, within the metric's range and not above the value.
    pub low: Option<f64>,
    /// The upper end, within the metric's range and not below the value.
    pub high: Option<f64>,
}

impl Estimate {
    /// The value and the interval, clipped to `range` and widened to hold the value if rounding left it outside.
    pub(super) fn new(value: f64, interval: Option<(f64, f64)>, range: (f64, f64)) -> Estimate {
        let ends = interval.filter(|(low, high)| low.is_finite() && high.is_finite());
        Estimate {
            value,
            low: ends.map(|(low, _)| low.max(range.0).min(value)),
            high: ends.map(|(_, high)| high.min(range.1).max(value)),
        }
    }
}

/// Kish's effective number of rows, (Σw)² / Σw², which is at least 1 but for rounding.
pub(super) fn effective(sum: f64, squares: f64) -> f64 {
    if squares > 0.0 { (sum / squares * sum).max(1.0) } else { 0.0 }
}

/// Weighted mean of `value` over rows `0..n` and the variance of that mean; none from one (effective) row.
pub(crate) fn mean(n: usize, weight: impl Fn(usize) -> f64, value: impl Fn(usize) -> f64) -> (f64, Option<f64>) {
    let (mut sum, mut total, mut squares) = (0.0, 0.0, 0.0);
    for row in 0..n {
        let w = weight(row);
        sum += w * value(row);
        total += w;
        squares += w * w;
    }
    let mean = sum / total;
    let mut spread = 0.0;
    for row in 0..n {
        let deviation = weight(row) * (value(row) - mean);
        spread += deviation * deviation;
    }
    let rows = effective(total, squares);
    (mean, has_spread(rows).then(|| spread / total / total * rows / (rows - 1.0)))
}

/// Whether there is more than one effective row, so that they can differ; one row may round to a little more.
pub(super) fn has_spread(n: f64) -> bool {
    n > 1.0 + 1e-9
}

/// value ± z·√variance.
pub(super) fn wald(value: f64, variance: f64) -> Option<(f64, f64)> {
    let half = Z * variance.sqrt();
    Some((value - half, value + half))
}

/// Wilson's score interval of a rate over `n` (effective) rows.
pub(super) fn wilson(rate: f64, n: f64) -> Option<(f64, f64)> {
    if n <= 0.0 {
        return None;
    }
    let (z2, scale) = (Z * Z, 1.0 + Z * Z / n);
    let centre = (rate + z2 / (2.0 * n)) / scale;
    let half = Z / scale * (rate * (1.0 - rate) / n + z2 / (4.0 * n * n)).sqrt();
    Some((centre - half, centre + half))
}

/// Wilson's form for any value in `range` with a known variance: the effective number of rows is the one at which a
/// rate would have that variance. At the ends of the range the variance is 0 and `n_at_end` is that number's limit.
pub(super) fn wilson_form(value: f64, variance: f64, range: (f64, f64), n_at_end: f64) -> Option<(f64, f64)> {
    let width = range.1 - range.0;
    let share = (value - range.0) / width;
    let n = if variance > 0.0 { share * (1.0 - share) * width * width / variance } else { n_at_end };
    wilson(share, n).map(|(low, high)| (range.0 + low * width, range.0 + high * width))
}

/// ±z on the logit scale, where a rate over `n` rows has the standard error 1 / √(n·rate·(1 − rate)); Wilson's at the
/// ends, where the logit does not exist.
pub(super) fn logit_normal(rate: f64, n: f64) -> Option<(f64, f64)> {
    if n <= 0.0 {
        return None;
    }
    if rate <= 0.0 || rate >= 1.0 {
        return wilson(rate, n);
    }
    let (centre, half) = (float::logit(rate), Z / (n * rate * (1.0 - rate)).sqrt());
    Some((float::sigmoid(centre - half), float::sigmoid(centre + half)))
}

/// The interval of the mean of two independent rates from the interval of each.
pub(super) fn mean_of_rates(a: f64, b: f64, of_a: (f64, f64), of_b: (f64, f64)) -> (f64, f64) {
    let reach = |x: f64, y: f64| 0.5 * (x * x + y * y).sqrt();
    let mean = 0.5 * (a + b);
    (mean - reach(a - of_a.0, b - of_b.0), mean + reach(of_a.1 - a, of_b.1 - b))
}

/// Newcombe's method 5 for an area of 1 or 0 between samples of `m` and `n` (effective) rows: the areas θ with
/// (θ − area)² ≤ z²·θ(1 − θ)·(1 + (mean(m, n) − 1)·((1 − θ)/(2 − θ) + θ/(1 + θ))) / (m·n).
pub(super) fn separated(area: f64, m: f64, n: f64) -> Option<(f64, f64)> {
    if m <= 0.0 || n <= 0.0 {
        return None;
    }
    let outside = |theta: f64| {
        let spread = 1.0 + (0.5 * (m + n) - 1.0) * ((1.0 - theta) / (2.0 - theta) + theta / (1.0 + theta));
        let variance = theta * (1.0 - theta) * spread / (m * n);
        (theta - area) * (theta - area) > Z * Z * variance
    };
    // The far end of the range is outside, the area itself inside: the bound lies between, found by halving.
    let (mut far, mut near) = (1.0 - area, area);
    for _ in 0..60 {
        let middle = 0.5 * (far + near);
        if outside(middle) { far = middle } else { near = middle }
    }
    Some((near.min(area), near.max(area)))
}
