//! A Gaussian process over the space, and the logarithm of the expected improvement.
//!
//! Notation: `n` points with `d` coordinates, `θⱼ = 1/ℓⱼ²` the inverse squared length scales, `σ²` the signal's variance, `τ²` the noise's.
//! `r² = Σⱼ θⱼ·δⱼ²`, where `δⱼ` is the difference of two numbers, and 1 for two different options of an unordered choice (0 for equal
//! ones). `k = σ²·(1 + √5·r + 5/3·r²)·e^(−√5·r)` (Matérn 5/2), `K = k(X, X) + τ²·I`. Values are standardised. A parameter that is not
//! active stands in the middle of its range, an unordered one as an option of its own.
//!
//! # Reference
//! Rasmussen, Williams: Gaussian Processes for Machine Learning, 2006, chapters 2, 4 and 5. Length-scale prior that grows with √d: Hvarfner,
//! Hellsten, Nardi: Vanilla Bayesian optimization performs great in high dimensions. ICML 2024, <https://doi.org/10.48550/arXiv.2402.02229>.
//! Log-EI: Ament, Daulton, Eriksson, Balandat, Bakshy: Unexpected improvements to expected improvement for Bayesian optimization. NeurIPS 2023,
//! <https://doi.org/10.48550/arXiv.2310.20708>. Fantasies: Ginsbourger, Le Riche, Carraro: Kriging is well-suited to parallelize optimization,
//! 2010, <https://doi.org/10.1007/978-3-642-10701-6_6>.

use super::sampler::{Score, View};
use super::space::Scale;
use crate::num::float;
use crate::num::linalg::{Cholesky, Dependent, dot};
use crate::num::minimize::bounded;
use crate::rng::Rng;

const SQRT_5: f64 = 2.236_067_977_499_79;

/// A Gaussian process with a Matérn-5/2 kernel and one length scale a dimension, conditioned on values.
///
/// # Example
/// ```
/// use attrition_core::tune::GaussianProcess;
/// let x = vec![vec![0.0], vec![0.5], vec![1.0]];
/// let gp = GaussianProcess::new(x, &[0.0, 1.0, 0.0], &[0.3], 1.0, 1e-6).unwrap();
/// let (mean, variance) = gp.predict(&[0.5]);
/// assert!((mean - 1.0).abs() < 1e-4 && variance < 1e-4);
/// ```
#[derive(Debug, Clone)]
pub struct GaussianProcess {
    /// `(n, d)`.
    x: Vec<Vec<f64>>,
    /// By dimension, whether it is an unordered choice.
    options: Vec<bool>,
    theta: Vec<f64>,
    variance: f64,
    factor: Cholesky,
    /// `K⁻¹·y`.
    alpha: Vec<f64>,
}

impl GaussianProcess {
    /// Conditioned on `y` at the points `x`, `(n_points, n_dimensions)`, with mean 0; `noise` is `τ²`.
    ///
    /// `None` where shapes do not agree, a number is not finite, a length scale or a variance is not positive, or the covariance cannot
    /// be factored.
    pub fn new(
        x: Vec<Vec<f64>>,
        y: &[f64],
        length_scales: &[f64],
        variance: f64,
        noise: f64,
    ) -> Option<GaussianProcess> {
        let d = length_scales.len();
        let finite = |v: &[f64]| v.iter().all(|v| v.is_finite());
        let fits = x.len() == y.len() && x.iter().all(|p| p.len() == d && finite(p)) && finite(y);
        let positive = length_scales.iter().chain([&variance]).all(|v| v.is_finite() && *v > 0.0);
        if !fits || !positive || !noise.is_finite() || noise < 0.0 {
            return None;
        }
        let theta = length_scales.iter().map(|l| 1.0 / (l * l)).collect();
        GaussianProcess::conditioned(x, y, vec![false; d], theta, variance, noise)
    }

    fn conditioned(
        x: Vec<Vec<f64>>,
        y: &[f64],
        options: Vec<bool>,
        theta: Vec<f64>,
        variance: f64,
        noise: f64,
    ) -> Option<GaussianProcess> {
        let n = x.len();
        let mut k = vec![0.0; n * n];
        for i in 0..n {
            for j in 0..i {
                k[i * n + j] = variance * matern(distance(&options, &theta, &x[i], &x[j])).0;
            }
            k[i * n + i] = variance + noise;
        }
        let factor = Cholesky::factor(&k, n, Dependent::Ridge)?;
        let alpha = factor.solve(y);
        Some(GaussianProcess { x, options, theta, variance, factor, alpha })
    }

    /// Posterior mean and variance (of the signal, without noise) at a point. NaN for a point of another dimension.
    pub fn predict(&self, point: &[f64]) -> (f64, f64) {
        if point.len() != self.theta.len() {
            return (f64::NAN, f64::NAN);
        }
        let mut k: Vec<f64> = self.x.iter().map(|x| self.covariance(x, point)).collect();
        let mean = dot(&k, &self.alpha);
        self.factor.half_solve(&mut k);
        (mean, (self.variance - dot(&k, &k)).max(0.0))
    }

    fn covariance(&self, a: &[f64], b: &[f64]) -> f64 {
        self.variance * matern(distance(&self.options, &self.theta, a, b)).0
    }

    /// [`GaussianProcess::predict`], and the gradients of both along the numbers.
    fn predict_gradient(&self, point: &[f64]) -> (f64, f64, Vec<f64>, Vec<f64>) {
        let n = self.x.len();
        let (mut k, mut slope) = (vec![0.0; n], vec![0.0; n]);
        for (i, x) in self.x.iter().enumerate() {
            let (value, by_r2) = matern(distance(&self.options, &self.theta, x, point));
            (k[i], slope[i]) = (self.variance * value, self.variance * by_r2);
        }
        let weights = self.factor.solve(&k);
        let (mean, variance) = (dot(&k, &self.alpha), (self.variance - dot(&k, &weights)).max(0.0));
        let (mut of_mean, mut of_variance) = (vec![0.0; point.len()], vec![0.0; point.len()]);
        for (i, x) in self.x.iter().enumerate() {
            let (a, b) = (2.0 * self.alpha[i] * slope[i], -4.0 * weights[i] * slope[i]);
            let steps = self.theta.iter().zip(point).zip(x).map(|((t, u), x)| t * (u - x));
            for (step, (mean, variance)) in steps.zip(of_mean.iter_mut().zip(&mut of_variance)) {
                *mean += a * step;
                *variance += b * step;
            }
        }
        (mean, variance, of_mean, of_variance)
    }
}

fn distance(options: &[bool], theta: &[f64], a: &[f64], b: &[f64]) -> f64 {
    let pairs = a.iter().zip(b).zip(options);
    pairs.zip(theta).map(|((pair, is_option), t)| t * squared(pair, *is_option)).sum()
}

/// The squared difference of two coordinates.
fn squared((a, b): (&f64, &f64), is_option: bool) -> f64 {
    if is_option { f64::from(u8::from(a != b)) } else { (a - b) * (a - b) }
}

/// The kernel at σ² = 1 and its derivative by `r²`.
fn matern(r2: f64) -> (f64, f64) {
    let s = SQRT_5 * r2.sqrt();
    let e = float::exp(-s);
    ((1.0 + s + s * s / 3.0) * e, -5.0 / 6.0 * (1.0 + s) * e)
}

/// Hyperparameters as their logarithms: `θ` by dimension, then `σ²`, then `τ²`.
struct Hyper(Vec<f64>);

/// The negative logarithm of marginal likelihood and prior, with its gradient.
struct Objective<'a> {
    n: usize,
    d: usize,
    /// By dimension, squared differences of the pairs `i > j`, row by row.
    delta2: Vec<Vec<f64>>,
    y: &'a [f64],
}

impl<'a> Objective<'a> {
    fn new(x: &[Vec<f64>], y: &'a [f64], options: &[bool]) -> Objective<'a> {
        let (n, d) = (x.len(), options.len());
        let delta2 = (0..d)
            .map(|j| {
                let mut pairs = Vec::with_capacity(n * (n.max(1) - 1) / 2);
                for a in 1..n {
                    pairs.extend((0..a).map(|b| squared((&x[a][j], &x[b][j]), options[j])));
                }
                pairs
            })
            .collect();
        Objective { n, d, delta2, y }
    }

    fn value(&self, h: &[f64], gradient: &mut [f64]) -> f64 {
        let (n, d) = (self.n, self.d);
        let (variance, noise) = (float::exp(h[d]), float::exp(h[d + 1]));
        let theta: Vec<f64> = h[..d].iter().map(|v| float::exp(*v)).collect();
        let pairs = n * (n.max(1) - 1) / 2;
        let mut r2 = vec![0.0; pairs];
        for (column, t) in self.delta2.iter().zip(&theta) {
            r2.iter_mut().zip(column).for_each(|(r, v)| *r += t * v);
        }
        let mut k = vec![0.0; n * n];
        // From here on the derivative of k by r².
        let slope = &mut r2;
        let mut at = 0;
        for a in 0..n {
            for b in 0..a {
                let (value, by_r2) = matern(slope[at]);
                k[a * n + b] = variance * value;
                slope[at] = variance * by_r2;
                at += 1;
            }
            k[a * n + a] = variance + noise;
        }
        let Some(factor) = Cholesky::factor(&k, n, Dependent::Ridge) else { return f64::INFINITY };
        let alpha = factor.solve(self.y);
        let inverse = factor.inverse();
        let mut value = 0.5 * dot(self.y, &alpha) + 0.5 * factor.ln_det();
        // ∂/∂K of the likelihood's part is W/2 with W = K⁻¹ − α·αᵀ.
        let (mut by_variance, mut trace) = (0.0, 0.0);
        let mut at = 0;
        for a in 0..n {
            for b in 0..a {
                let w = inverse[a * n + b] - alpha[a] * alpha[b];
                by_variance += w * k[a * n + b];
                slope[at] *= w;
                at += 1;
            }
            let w = inverse[a * n + a] - alpha[a] * alpha[a];
            by_variance += 0.5 * w * variance;
            trace += w;
        }
        for ((g, t), column) in gradient.iter_mut().zip(&theta).zip(&self.delta2) {
            *g = t * dot(slope, column);
        }
        gradient[d] = by_variance;
        gradient[d + 1] = 0.5 * noise * trace;
        for (j, (mean, deviation)) in (0..d + 2).map(|j| (j, prior(j, d))) {
            let z = (h[j] - mean) / deviation;
            value += 0.5 * z * z;
            gradient[j] += z / deviation;
        }
        value
    }
}

/// Mean and deviation of the normal prior of hyperparameter `j`'s logarithm.
fn prior(j: usize, d: usize) -> (f64, f64) {
    if j < d {
        // ln θ = −2·ln ℓ; the log-normal prior of ℓ with location √2 + ln(d)/2 and scale √3 has its mode at ln ℓ = √2 − 3 + ln(d)/2.
        let ln_scale = std::f64::consts::SQRT_2 - 3.0 + 0.5 * float::ln(d as f64);
        (-2.0 * ln_scale, 2.0 * 3.0_f64.sqrt())
    } else if j == d {
        (0.0, 1.0)
    } else {
        (float::ln(1e-4), 3.0)
    }
}

fn bounds(d: usize) -> Vec<(f64, f64)> {
    let ln = |low: f64, high: f64| (float::ln(low), float::ln(high));
    (0..d + 2)
        .map(|j| {
            if j < d {
                ln(1e-5, 1e4)
            } else if j == d {
                ln(0.02, 50.0)
            } else {
                ln(1e-7, 2.0)
            }
        })
        .collect()
}

/// Most points that the hyperparameters are sought on before all are looked at.
const COARSE: usize = 80;

fn fit(x: &[Vec<f64>], y: &[f64], options: &[bool]) -> Hyper {
    let d = options.len();
    let start: Vec<f64> = (0..d + 2).map(|j| prior(j, d).0).collect();
    let bounds = bounds(d);
    let search = |rows: Option<Vec<usize>>, start: &[f64], steps: usize| {
        let (few_x, few_y): (Vec<Vec<f64>>, Vec<f64>) = match &rows {
            Some(rows) => rows.iter().map(|&i| (x[i].clone(), y[i])).unzip(),
            None => (x.to_vec(), y.to_vec()),
        };
        let objective = Objective::new(&few_x, &few_y, options);
        bounded(|h, g| objective.value(h, g), start, &bounds, steps, 1e-3)
    };
    if x.len() <= COARSE {
        let first = search(None, &start, 40);
        // A second start, with a signal of half the length and more noise.
        let other: Vec<f64> = (0..d + 2)
            .map(|j| {
                start[j]
                    + if j < d {
                        1.4
                    } else if j == d {
                        0.0
                    } else {
                        5.0
                    }
            })
            .collect();
        let second = search(None, &other, 40);
        return Hyper(if second.value < first.value { second.x } else { first.x });
    }
    // The best points, where the model has to be right, and the last ones.
    let mut order: Vec<usize> = (0..x.len()).collect();
    order.sort_by(|a, b| y[*a].total_cmp(&y[*b]).then(a.cmp(b)));
    let mut rows: Vec<usize> = order[..COARSE / 2].to_vec();
    rows.extend(order[COARSE / 2..].iter().step_by((x.len() - COARSE / 2).div_ceil(COARSE / 2)));
    let coarse = search(Some(rows), &start, 40);
    Hyper(search(None, &coarse.x, 5).x)
}

/// ln(φ(z) + z·Φ(z)).
fn ln_improvement(z: f64) -> f64 {
    const LN_SQRT_TAU: f64 = 0.918_938_533_204_672_7;
    let ln_density = -0.5 * z * z - LN_SQRT_TAU;
    if z > -1.0 {
        float::ln(float::exp(ln_density) + z * float::normal_cdf(z))
    } else if z > -25.0 {
        ln_density + float::ln_1p(z * float::normal_cdf(z) / float::exp(ln_density))
    } else {
        let w = 1.0 / (z * z);
        ln_density + float::ln(w) + float::ln_1p(-3.0 * w + 15.0 * w * w)
    }
}

/// Trials before the first model.
const N_STARTUP: usize = 10;
/// Most points of a model: beyond, the best and the last ones.
const MAX_POINTS: usize = 400;
/// Points at which the acquisition is looked at before the best of them are improved.
const N_RANDOM: usize = 512;
const N_LOCAL: usize = 192;
const N_STARTS: usize = 5;

struct Acquisition<'a> {
    gp: GaussianProcess,
    best: f64,
    view: &'a View<'a>,
}

impl Acquisition<'_> {
    /// ln EI at a settled point; −∞ where it is not allowed.
    fn at(&self, point: &[f64]) -> f64 {
        if !self.view.space.is_feasible(point) {
            return f64::NEG_INFINITY;
        }
        let (mean, variance) = self.gp.predict(&embedded(self.view, point));
        let deviation = variance.sqrt().max(1e-9);
        float::ln(deviation) + ln_improvement((self.best - mean) / deviation)
    }

    /// −ln EI with its gradient, at an embedded point.
    fn gradient(&self, x: &[f64], gradient: &mut [f64]) -> f64 {
        const LN_SQRT_TAU: f64 = 0.918_938_533_204_672_7;
        let (mean, variance, of_mean, of_variance) = self.gp.predict_gradient(x);
        let deviation = variance.sqrt().max(1e-9);
        let z = (self.best - mean) / deviation;
        let ln_gain = ln_improvement(z);
        let (by_mean, by_deviation) = if z > -25.0 {
            let density = float::exp(-0.5 * z * z - LN_SQRT_TAU - ln_gain);
            (float::normal_cdf(z) * float::exp(-ln_gain), density)
        } else {
            (-z, z * z)
        };
        for (g, (mean, variance)) in gradient.iter_mut().zip(of_mean.iter().zip(&of_variance)) {
            *g = -(by_deviation * 0.5 * variance / deviation - by_mean * mean) / deviation;
        }
        -(float::ln(deviation) + ln_gain)
    }
}

/// A point as the kernel sees it.
fn embedded(view: &View<'_>, point: &[f64]) -> Vec<f64> {
    let scales = view.space.scales();
    let place = |(u, scale): (&f64, &Scale)| match scale {
        _ if !u.is_nan() => *u,
        Scale::Options(_) => -1.0,
        _ => 0.5,
    };
    point.iter().zip(scales).map(place).collect()
}

/// Values for the model: what failed counts as the worst, what was pruned as no better than the median.
fn targets(view: &View<'_>) -> Vec<Option<f64>> {
    let mut known: Vec<f64> =
        view.seen.iter().filter_map(|(_, s)| if let Score::Complete(v) = s { Some(*v) } else { None }).collect();
    known.sort_by(f64::total_cmp);
    let (Some(&worst), Some(&median)) = (known.last(), known.get(known.len() / 2)) else {
        return vec![None; view.seen.len()];
    };
    let target = |s: &Score| match s {
        Score::Complete(v) => Some(*v),
        Score::Pruned(v) => Some(v.map_or(median, |v| v.max(median).min(worst))),
        Score::Failed => Some(worst),
        Score::Pending => None,
    };
    view.seen.iter().map(|(_, s)| target(s)).collect()
}

/// Values with mean 0 and deviation 1, the bad ones drawn in: beyond the median by `t` medians' distances to the best becomes `ln(1 + t)`, so
/// that a few very bad values do not flatten what matters.
fn standardized(values: &[f64]) -> Vec<f64> {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let best = sorted.first().copied().unwrap_or(0.0);
    let median = sorted.get(sorted.len() / 2).copied().unwrap_or(0.0);
    let scale = median - best;
    let drawn = |v: f64| {
        if scale > 0.0 && scale.is_finite() {
            let t = (v - median) / scale;
            if t > 0.0 { float::ln_1p(t) } else { t }
        } else {
            f64::from(u8::from(v > median))
        }
    };
    let y: Vec<f64> = values.iter().map(|v| drawn(*v)).collect();
    let n = y.len().max(1) as f64;
    let mean = y.iter().sum::<f64>() / n;
    let deviation = (y.iter().map(|v| (v - mean) * (v - mean)).sum::<f64>() / n).sqrt();
    y.iter().map(|v| if deviation > 0.0 { (v - mean) / deviation } else { 0.0 }).collect()
}

/// The point of largest expected improvement found, settled; `None` to draw at random.
pub(super) fn suggest(view: &View<'_>) -> Option<Vec<f64>> {
    let targets = targets(view);
    let n_complete = view.seen.iter().filter(|(_, s)| matches!(s, Score::Complete(_))).count();
    if n_complete < 2 || view.n_finished() < N_STARTUP {
        return Some(view.sobol());
    }
    let options: Vec<bool> = view.space.scales().iter().map(|s| matches!(s, Scale::Options(_))).collect();
    let rows = chosen(&targets);
    let x: Vec<Vec<f64>> = rows.iter().map(|&i| embedded(view, view.seen[i].0)).collect();
    let y = standardized(&rows.iter().filter_map(|&i| targets[i]).collect::<Vec<f64>>());
    let Hyper(h) = fit(&x, &y, &options);
    let d = options.len();
    let theta: Vec<f64> = h[..d].iter().map(|v| float::exp(*v)).collect();
    let (variance, noise) = (float::exp(h[d]), float::exp(h[d + 1]));
    let condition = |x: Vec<Vec<f64>>, y: &[f64]| {
        GaussianProcess::conditioned(x, y, options.clone(), theta.clone(), variance, noise)
    };
    let mut gp = condition(x.clone(), &y)?;
    let means: Vec<f64> = x.iter().map(|p| gp.predict(p).0).collect();
    // With noise the best value seen is a lucky one: the best mean is what is to be improved upon.
    let best = means.iter().copied().fold(f64::INFINITY, f64::min);
    // What others are working at counts as told its mean.
    let pending: Vec<Vec<f64>> =
        view.seen.iter().filter(|(_, s)| *s == Score::Pending).map(|(p, _)| embedded(view, p)).collect();
    if !pending.is_empty() {
        let fantasies: Vec<f64> = pending.iter().map(|p| gp.predict(p).0).collect();
        gp = condition([x, pending].concat(), &[y, fantasies].concat())?;
    }
    let mut order: Vec<usize> = (0..rows.len()).collect();
    order.sort_by(|a, b| means[*a].total_cmp(&means[*b]).then(a.cmp(b)));
    let incumbents: Vec<&[f64]> = order.iter().take(4).map(|&k| view.seen[rows[k]].0).collect();
    maximum(&Acquisition { gp, best, view }, &incumbents)
}

/// The trials of a model: all with a target, or the best and the last ones.
fn chosen(targets: &[Option<f64>]) -> Vec<usize> {
    let mut rows: Vec<usize> = (0..targets.len()).filter(|&i| targets[i].is_some()).collect();
    if rows.len() > MAX_POINTS {
        let value = |i: usize| targets[i].unwrap_or(f64::INFINITY);
        let mut order = rows.clone();
        order.sort_by(|a, b| value(*a).total_cmp(&value(*b)).then(a.cmp(b)));
        let (best, rest) = order.split_at(MAX_POINTS / 2);
        let mut rest = rest.to_vec();
        rest.sort_unstable();
        rows = [best, &rest[rest.len() - MAX_POINTS / 2..]].concat();
        rows.sort_unstable();
    }
    rows
}

fn maximum(acquisition: &Acquisition<'_>, incumbents: &[&[f64]]) -> Option<Vec<f64>> {
    let view = acquisition.view;
    let mut rng = view.stream("tune gp");
    let mut candidates: Vec<Vec<f64>> = (0..N_RANDOM).map(|_| view.random(&mut rng)).collect();
    for i in 0..N_LOCAL {
        candidates.push(neighbour(view, incumbents[i % incumbents.len()], &mut rng));
    }
    let mut scored: Vec<(f64, Vec<f64>)> = candidates.into_iter().map(|p| (acquisition.at(&p), p)).collect();
    scored.sort_by(|a, b| b.0.total_cmp(&a.0));
    scored.truncate(4 * N_STARTS);
    // Starts that stand apart, so that they do not all climb the same hill.
    let mut starts: Vec<(f64, Vec<f64>)> = Vec::new();
    for (value, point) in &scored {
        let apart = |other: &[f64]| {
            point
                .iter()
                .zip(other)
                .map(|(a, b)| if a.is_nan() || b.is_nan() { 0.0 } else { (a - b).abs() })
                .sum::<f64>()
        };
        if value.is_finite() && starts.iter().all(|(_, s)| apart(s) > 0.1) {
            starts.push((*value, point.clone()));
        }
        if starts.len() == N_STARTS {
            break;
        }
    }
    let mut found: Vec<(f64, Vec<f64>)> =
        starts.into_iter().map(|(value, point)| climbed(acquisition, value, point, &mut rng)).collect();
    found.extend(scored);
    found.sort_by(|a, b| b.0.total_cmp(&a.0));
    found.into_iter().map(|(_, p)| p).find(|p| view.is_new(p))
}

/// A point near another one: some coordinates moved, at a scale of its own.
fn neighbour(view: &View<'_>, point: &[f64], rng: &mut Rng) -> Vec<f64> {
    let d = point.len();
    let width = float::pow(10.0, -2.5 * rng.uniform()) * 0.5;
    let share = if rng.uniform() < 0.5 { 1.0 } else { (2.0 / d as f64).min(1.0) };
    let mut moved: Vec<f64> = point
        .iter()
        .zip(view.space.scales())
        .map(|(u, scale)| {
            let (any, z) = (rng.uniform(), rng.normal());
            match scale {
                // What was not active may become so.
                _ if u.is_nan() => any,
                Scale::Options(_) if rng.uniform() < (1.5 / d as f64).min(0.5) => any,
                Scale::Options(_) => *u,
                _ if rng.uniform() >= share => *u,
                Scale::Cells(n) => (u + z * width.max(0.7 / n)).clamp(0.0, 1.0),
                Scale::Line => (u + z * width).clamp(0.0, 1.0),
            }
        })
        .collect();
    view.space.settle(&mut moved);
    moved
}

/// Cells up to which a grid is climbed cell by cell, not as a line.
const MAX_CELLS: f64 = 12.0;

/// Gradient steps along the numbers and changes of single options in turn, until neither helps.
fn climbed(acquisition: &Acquisition<'_>, mut value: f64, mut point: Vec<f64>, rng: &mut Rng) -> (f64, Vec<f64>) {
    let view = acquisition.view;
    let scales = view.space.scales();
    for _ in 0..4 {
        let before = value;
        let lines: Vec<usize> = (0..point.len())
            .filter(|&j| !point[j].is_nan())
            .filter(|&j| matches!(scales[j], Scale::Line) || matches!(scales[j], Scale::Cells(n) if n > MAX_CELLS))
            .collect();
        if !lines.is_empty() {
            let base = embedded(view, &point);
            let mut whole = base.clone();
            let mut slopes = vec![0.0; base.len()];
            let start: Vec<f64> = lines.iter().map(|&j| base[j]).collect();
            let along = |x: &[f64], g: &mut [f64]| {
                for (&j, v) in lines.iter().zip(x) {
                    whole[j] = *v;
                }
                let value = acquisition.gradient(&whole, &mut slopes);
                for (g, &j) in g.iter_mut().zip(&lines) {
                    *g = slopes[j];
                }
                value
            };
            let least = bounded(along, &start, &vec![(0.0, 1.0); start.len()], 40, 1e-5);
            let mut moved = point.clone();
            for (&j, v) in lines.iter().zip(&least.x) {
                moved[j] = *v;
            }
            view.space.settle(&mut moved);
            let at = acquisition.at(&moved);
            if at > value {
                (value, point) = (at, moved);
            }
        }
        let mut any = false;
        for (j, scale) in scales.iter().enumerate() {
            let n = match scale {
                Scale::Options(n) => *n as f64,
                Scale::Cells(n) if *n > 1.0 => *n,
                _ => continue,
            };
            if point[j].is_nan() {
                continue;
            }
            let here = (point[j] * n).floor();
            let others: Vec<f64> = if n <= MAX_CELLS {
                (0..n as usize).map(|c| c as f64).filter(|c| *c != here).collect()
            } else {
                [here - 1.0, here + 1.0, (rng.uniform() * n).floor()]
                    .into_iter()
                    .filter(|c| (0.0..n).contains(c))
                    .collect()
            };
            for cell in others {
                let mut moved = point.clone();
                moved[j] = (cell + 0.5) / n;
                // A parameter that becomes active begins in the middle.
                moved.iter_mut().for_each(|u| *u = if u.is_nan() { 0.5 } else { *u });
                view.space.settle(&mut moved);
                let at = acquisition.at(&moved);
                if at > value + 1e-9 {
                    (value, point, any) = (at, moved, true);
                }
            }
        }
        if !any && value <= before + 1e-3 {
            break;
        }
    }
    (value, point)
}
