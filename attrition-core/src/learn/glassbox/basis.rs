//! From a column of the design to bins and a basis over them.
//!
//! Notation: a column has `m` bins and `k` basis functions; the raw basis is `m × k`. The basis the fit sees is
//! `(raw − mean)·D⁻¹·V`: centred over the training rows, scaled by `D`, and turned by the
//! eigenvectors `V` of `D⁻¹·S·D⁻¹`, where `βᵀSβ` is the curvature. `Dᵢ = √(sᵢ·s̄)`, where `sᵢ` is the standard
//! deviation of raw column `i` and `s̄ = Σ sᵢ² / Σ sᵢ`: midway between columns of unit variance, which leave the effect of a rare level
//! nearly free, and columns as they are. In these coordinates the ridge is the identity and the
//! curvature is diagonal (`eigen`).

use super::term::Axis;
use crate::num::linalg::symmetric_eigen;
use crate::num::quantile::Sorted;
use crate::num::spline::{BSpline, Extrapolation};
use crate::preprocess::{Design, DesignColumn};
use crate::{Result, Run};

/// A number with at most so many different values has an effect by value instead of a spline.
pub(super) const FEW_VALUES: usize = 6;

/// For the fit, a number with more different values is cut into bins, in which each row stands at their mean; of more levels than
/// this a category keeps the `MAX_BINS - 1` heaviest apart, and the others share one effect.
const MAX_BINS: usize = 64;

/// Most bins of a column that is boosted, that of gaps aside.
const MAX_FINE_BINS: usize = 254;

/// Bins end at so many quantiles, at the knots and midway between them.
const QUANTILES: usize = 48;

/// Splines are cubic.
const DEGREE: usize = 3;

/// An interval between knots counts as at least this share of the range in the curvature.
const NARROWEST: f64 = 0.01;

/// A basis column's standard deviation counts as at least this share of the middling one of its term.
const RAREST: f64 = 1e-3;

/// Points a table shows in each interval between knots, one end included.
const POINTS_PER_INTERVAL: usize = 4;

/// What a column's values mean.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Kind {
    /// Points of the table of a number, a spline between or not.
    Number { at: Vec<f64> },
    /// Codes of levels, and whether the rare ones share one more.
    Levels { codes: Vec<u32>, has_other: bool },
    /// The cells of two features' grid that have weight.
    Pair { features: [usize; 2], axes: [Axis; 2], cells: Vec<usize> },
}

/// One feature, ready for the fit.
#[derive(Debug, Clone)]
pub(super) struct Column {
    pub(super) kind: Kind,
    /// Whether the last bin is that of gaps.
    pub(super) has_missing: bool,
    /// The bin of each row.
    pub(super) codes: Vec<u8>,
    /// Of a number: the lower ends of its bins but the first.
    pub(super) ends: Vec<f64>,
    pub(super) n_bins: usize,
    /// Coefficients; 0 for a column that is the same everywhere.
    pub(super) k: usize,
    /// `n_bins × k`.
    pub(super) basis: Vec<f64>,
    /// The basis at each entry of the table: points or levels, then the rare levels', then that of a gap.
    pub(super) shown: Vec<f64>,
    /// Curvature of each coefficient.
    pub(super) eigen: Vec<f64>,
    /// A middling strength for the curvature: 1 / median of the eigenvalues that are not 0; 0 without curvature.
    pub(super) unit: f64,
    /// Back to raw coefficients: `β = D⁻¹·V·b`, `k × k`.
    pub(super) to_raw: Vec<f64>,
    /// And from them: `b = Vᵀ·D·β`.
    pub(super) from_raw: Vec<f64>,
}

/// Bins and raw bases of a column, before centring and turning.
struct Raw {
    kind: Kind,
    has_missing: bool,
    codes: Vec<u8>,
    ends: Vec<f64>,
    n_bins: usize,
    k: usize,
    basis: Vec<f64>,
    shown: Vec<f64>,
    /// `k × k`, or empty.
    curvature: Vec<f64>,
}

/// Every feature of a design, ready for the spline fit.
pub(super) fn columns(x: &Design, w: Option<&[f64]>, n_knots: usize, run: &Run) -> Result<Vec<Column>> {
    let weight = |row: usize| w.map_or(1.0, |w| w[row]);
    each(x, w, MAX_BINS, run, |values| number(values, w, n_knots), |raw| raw.turned(weight))
}

/// Every feature of a design in bins alone, as boosting wants it: a bin for each value or level of at most
/// [`MAX_FINE_BINS`], else as many quantiles or the heaviest levels.
pub(super) fn bins(x: &Design, w: Option<&[f64]>, run: &Run) -> Result<Vec<Column>> {
    each(x, w, MAX_FINE_BINS, run, |values| fine(values, w), Raw::binned)
}

fn each(
    x: &Design,
    w: Option<&[f64]>,
    max_levels: usize,
    run: &Run,
    number: impl Fn(&[f64]) -> Raw + Sync,
    finish: impl Fn(Raw) -> Column + Sync,
) -> Result<Vec<Column>> {
    // (column of the design, level of a group of indicators) of each feature.
    let features: Vec<(usize, usize)> =
        x.columns.iter().enumerate().flat_map(|(c, column)| (0..column.n_features()).map(move |l| (c, l))).collect();
    run.map(features.len(), |j| {
        let (c, level) = features.get(j).copied().unwrap_or_default();
        Ok(finish(match x.columns.get(c) {
            Some(DesignColumn::Dense(values)) => number(values),
            Some(DesignColumn::Indicators { codes, .. }) => {
                let values: Vec<f64> = codes.iter().map(|&c| f64::from(u8::from(c as usize == level))).collect();
                number(&values)
            }
            Some(DesignColumn::Levels { codes, n_levels }) => levels(codes, *n_levels, w, max_levels),
            None => levels(&[], 0, None, max_levels),
        }))
    })
}

/// `n × n`.
fn identity(n: usize) -> Vec<f64> {
    let mut out = vec![0.0; n * n];
    out.iter_mut().step_by(n + 1).for_each(|v| *v = 1.0);
    out
}

/// Of more than `most` levels the `most - 1` heaviest have a bin of their own.
fn levels(codes: &[u32], n_levels: usize, w: Option<&[f64]>, most: usize) -> Raw {
    let weight = |row: usize| w.map_or(1.0, |w| w[row]);
    let mut weights = vec![0.0; n_levels];
    let mut missing = 0.0;
    for (row, &code) in codes.iter().enumerate() {
        *weights.get_mut(code as usize).unwrap_or(&mut missing) += weight(row);
    }
    let mut by_weight: Vec<u32> = (0..n_levels as u32).filter(|&c| weights[c as usize] > 0.0).collect();
    let has_other = by_weight.len() > most;
    if has_other {
        by_weight.sort_by(|a, b| weights[*b as usize].total_cmp(&weights[*a as usize]));
        by_weight.truncate(most - 1);
        by_weight.sort_unstable();
    }
    let has_missing = missing > 0.0;
    let k = by_weight.len() + usize::from(has_other) + usize::from(has_missing);
    let last = k.saturating_sub(1) as u8;
    let other = by_weight.len() as u8;
    let mut bin_of = vec![if has_other { other } else { last }; n_levels];
    for (bin, &code) in by_weight.iter().enumerate() {
        bin_of[code as usize] = bin as u8;
    }
    Raw {
        kind: Kind::Levels { codes: by_weight, has_other },
        has_missing,
        // A row of weight 0 may lie anywhere.
        codes: codes.iter().map(|&c| bin_of.get(c as usize).copied().unwrap_or(last)).collect(),
        ends: Vec::new(),
        n_bins: k,
        k,
        basis: identity(k),
        shown: identity(k),
        curvature: Vec::new(),
    }
}

/// The bin of each value, `gap` that of gaps.
fn codes_of(values: &[f64], ends: &[f64], gap: usize) -> Vec<u8> {
    let code = |v: f64| if v.is_nan() { gap } else { ends.partition_point(|e| *e <= v) };
    values.iter().map(|&v| code(v) as u8).collect()
}

/// A number in at most [`MAX_FINE_BINS`] bins, that of gaps aside.
fn fine(values: &[f64], w: Option<&[f64]>) -> Raw {
    let sorted = Sorted::new(values, w);
    let mut different = sorted.values().to_vec();
    different.dedup();
    let ends: Vec<f64> = if different.len() <= MAX_FINE_BINS {
        // Midway, so that a value that training has not seen goes with the nearest; neighbours may have nothing between them.
        let midway = |v: &[f64]| {
            let mid = v[0] / 2.0 + v[1] / 2.0;
            if mid > v[0] && mid <= v[1] { mid } else { v[1] }
        };
        different.windows(2).map(midway).collect()
    } else {
        let level = |i: usize| i as f64 / MAX_FINE_BINS as f64;
        let mut ends = sorted.quantiles(&(1..MAX_FINE_BINS).map(level).collect::<Vec<f64>>());
        ends.dedup();
        ends
    };
    let gap = if different.is_empty() { 0 } else { ends.len() + 1 };
    let has_missing = values.iter().enumerate().any(|(row, v)| v.is_nan() && w.is_none_or(|w| w[row] > 0.0));
    Raw {
        kind: Kind::Number { at: Vec::new() },
        has_missing,
        codes: codes_of(values, &ends, gap),
        n_bins: gap + usize::from(has_missing),
        ends,
        k: 0,
        basis: Vec::new(),
        shown: Vec::new(),
        curvature: Vec::new(),
    }
}

fn number(values: &[f64], w: Option<&[f64]>, n_knots: usize) -> Raw {
    let sorted = Sorted::new(values, w);
    let weight = |row: usize| w.map_or(1.0, |w| w[row]);
    let has_missing = values.iter().enumerate().any(|(row, v)| v.is_nan() && weight(row) > 0.0);
    let mut different = sorted.values().to_vec();
    different.dedup();
    let few = different.len() <= FEW_VALUES;
    let knots = if few { Vec::new() } else { knots(&sorted, n_knots) };
    // The lower ends of all bins but the first.
    let ends: Vec<f64> = if different.len() <= MAX_BINS {
        different.iter().skip(1).copied().collect()
    } else {
        let level = |i: usize| i as f64 / QUANTILES as f64;
        let mut ends = sorted.quantiles(&(1..QUANTILES).map(level).collect::<Vec<f64>>());
        ends.extend(knots.iter().skip(1));
        ends.extend(knots.windows(2).map(|k| k[0] / 2.0 + k[1] / 2.0));
        ends.sort_by(f64::total_cmp);
        ends.dedup();
        ends
    };
    let gap = if different.is_empty() { 0 } else { ends.len() + 1 };
    let codes = codes_of(values, &ends, gap);
    let n_bins = gap + usize::from(has_missing);
    if few {
        return Raw {
            kind: Kind::Number { at: different },
            has_missing,
            codes,
            ends,
            n_bins,
            k: n_bins,
            basis: identity(n_bins),
            shown: identity(n_bins),
            curvature: Vec::new(),
        };
    }
    let (low, high) = (knots.first().copied().unwrap_or(0.0), knots.last().copied().unwrap_or(1.0));
    let unit = |x: f64| {
        let width = high - low;
        if width.is_finite() { (x - low) / width } else { (x / 2.0 - low / 2.0) / (high / 2.0 - low / 2.0) }
    };
    // Where the rows of a bin stand: at their value, or at their mean.
    let stand: Vec<f64> = if different.len() <= MAX_BINS {
        different.iter().map(|&v| unit(v)).collect()
    } else {
        let mut sums = vec![[0.0; 2]; gap];
        for (row, (&v, &code)) in values.iter().zip(&codes).enumerate() {
            let w = weight(row);
            if let Some(s) = sums.get_mut(usize::from(code)).filter(|_| w > 0.0) {
                s[0] += w;
                s[1] += w * unit(v);
            }
        }
        sums.into_iter().map(|[w, u]| if w > 0.0 { u / w } else { 0.0 }).collect()
    };
    let mut inner: Vec<f64> = knots.iter().map(|&k| unit(k)).collect();
    inner.dedup();
    let mut at: Vec<f64> = Vec::with_capacity(knots.len() * POINTS_PER_INTERVAL);
    for pair in knots.windows(2) {
        let share = |i: usize| i as f64 / POINTS_PER_INTERVAL as f64;
        at.extend((0..POINTS_PER_INTERVAL).map(|i| pair[0] * (1.0 - share(i)) + pair[1] * share(i)));
    }
    at.push(high);
    at.dedup_by(|later, earlier| *later <= *earlier);
    // Rising numbers from 0 to 1 are always knots. Should they not be, the column is left out.
    let Ok(spline) = BSpline::new(inner.clone(), DEGREE, Extrapolation::Constant) else {
        return Raw { codes: vec![0; values.len()], ..levels(&[], 0, None, MAX_BINS) };
    };
    let functions = spline.n_basis();
    let k = functions + usize::from(has_missing);
    let rows = |points: &mut dyn Iterator<Item = f64>| {
        let mut out = Vec::new();
        let mut row = vec![0.0; k];
        for u in points {
            row.fill(0.0);
            spline.basis(u, &mut row[..functions]);
            out.extend_from_slice(&row);
        }
        if has_missing {
            row.fill(0.0);
            row[functions] = 1.0;
            out.extend_from_slice(&row);
        }
        out
    };
    Raw {
        has_missing,
        codes,
        ends,
        n_bins,
        k,
        basis: rows(&mut stand.into_iter()),
        shown: rows(&mut at.iter().map(|&x| unit(x))),
        curvature: curvature(&spline, &inner, k),
        kind: Kind::Number { at },
    }
}

/// At most `n_knots` knots, the ends among them: every value that holds more than its share of the weight, and quantiles of the
/// other values.
fn knots(sorted: &Sorted, n_knots: usize) -> Vec<f64> {
    let level = |i: usize| i as f64 / (n_knots - 1) as f64;
    let mut knots = sorted.quantiles(&(0..n_knots).map(level).collect::<Vec<f64>>());
    let mut heavy: Vec<f64> = knots.windows(2).filter(|k| k[0] == k[1]).map(|k| k[0]).collect();
    heavy.dedup();
    if !heavy.is_empty() {
        let (low, high) = (sorted.quantile(0.0), sorted.quantile(1.0));
        let rest = sorted.without(&heavy);
        knots = heavy;
        knots.extend([low, high]);
        knots.sort_by(f64::total_cmp);
        knots.dedup();
        let places = n_knots.saturating_sub(knots.len());
        let level = |i: usize| (i as f64 + 0.5) / places as f64;
        knots.extend(rest.quantiles(&(0..places).map(level).collect::<Vec<f64>>()));
        knots.retain(|k| k.is_finite());
        knots.sort_by(f64::total_cmp);
    }
    knots.dedup();
    knots
}

/// `S` with `βᵀSβ = Σᵢ min(1/hᵢ, 1/NARROWEST)³ · hᵢ³·∫ f″²` over the intervals between knots, of width `hᵢ`: the integral of the squared second
/// derivative, but for intervals narrower than [`NARROWEST`].
fn curvature(spline: &BSpline, knots: &[f64], k: usize) -> Vec<f64> {
    let mut s = vec![0.0; k * k];
    let n = spline.n_basis();
    let (mut left, mut mid, mut right) = (vec![0.0; n], vec![0.0; n], vec![0.0; n]);
    for pair in knots.windows(2) {
        let h = pair[1] - pair[0];
        spline.derivative(pair[0], &mut left);
        spline.derivative(pair[0] + h / 2.0, &mut mid);
        spline.derivative(pair[1], &mut right);
        let weight = {
            let wide = (1.0 / h).min(1.0 / NARROWEST);
            wide * wide * wide
        };
        // h²·f″ a quarter and three quarters on; f″ is a straight line between knots.
        let bends: Vec<[f64; 2]> = left
            .iter()
            .zip(&mid)
            .zip(&right)
            .map(|((l, m), r)| {
                let (one, two) = (2.0 * h * (m - l), 2.0 * h * (r - m));
                let bend = [(one + two) / 2.0, two - one];
                if bend.iter().all(|b| b.is_finite()) { bend } else { [0.0; 2] }
            })
            .collect();
        for (a, x) in bends.iter().enumerate() {
            for (b, y) in bends.iter().enumerate() {
                s[a * k + b] += weight * (x[0] * y[0] + x[1] * y[1] / 3.0);
            }
        }
    }
    s
}

impl Column {
    /// A column with an effect for each of `n` groups.
    pub(super) fn of_groups(kind: Kind, codes: Vec<u8>, n: usize, w: Option<&[f64]>) -> Column {
        let (basis, shown) = (identity(n), identity(n));
        let raw = Raw {
            kind,
            has_missing: false,
            codes,
            ends: Vec::new(),
            n_bins: n,
            k: n,
            basis,
            shown,
            curvature: Vec::new(),
        };
        raw.turned(|row| w.map_or(1.0, |w| w[row]))
    }
}

impl Raw {
    /// Without a basis: `k` is the number of bins, 0 where there is nothing to choose between.
    fn binned(self) -> Column {
        Column {
            k: if self.n_bins < 2 { 0 } else { self.n_bins },
            kind: self.kind,
            has_missing: self.has_missing,
            codes: self.codes,
            ends: self.ends,
            n_bins: self.n_bins,
            basis: Vec::new(),
            shown: Vec::new(),
            eigen: Vec::new(),
            unit: 0.0,
            to_raw: Vec::new(),
            from_raw: Vec::new(),
        }
    }

    fn turned(mut self, weight: impl Fn(usize) -> f64) -> Column {
        let k = self.k;
        let mut mass = vec![0.0; self.n_bins];
        for (row, &code) in self.codes.iter().enumerate() {
            if let Some(m) = mass.get_mut(usize::from(code)) {
                *m += weight(row);
            }
        }
        let total: f64 = mass.iter().sum();
        if self.n_bins < 2 || !(total > 0.0 && total.is_finite()) {
            return Column {
                kind: self.kind,
                has_missing: self.has_missing,
                codes: self.codes,
                ends: self.ends,
                n_bins: self.n_bins,
                k: 0,
                basis: Vec::new(),
                shown: Vec::new(),
                eigen: Vec::new(),
                unit: 0.0,
                to_raw: Vec::new(),
                from_raw: Vec::new(),
            };
        }
        let mut mean = vec![0.0; k];
        let mut variance = vec![0.0; k];
        for (row, m) in self.basis.chunks_exact(k).zip(&mass) {
            mean.iter_mut().zip(row).for_each(|(a, b)| *a += m / total * b);
        }
        for (row, m) in self.basis.chunks_exact(k).zip(&mass) {
            for ((v, b), a) in variance.iter_mut().zip(row).zip(&mean) {
                *v += m / total * (b - a) * (b - a);
            }
        }
        let deviation: Vec<f64> = variance.iter().map(|v| v.sqrt()).collect();
        let middling = variance.iter().sum::<f64>() / deviation.iter().sum::<f64>().max(f64::MIN_POSITIVE);
        let spread: Vec<f64> = deviation.iter().map(|s| (s.max(RAREST * middling) * middling).sqrt()).collect();
        let (eigen, turn) = if self.curvature.is_empty() {
            (vec![0.0; k], identity(k))
        } else {
            for (i, line) in self.curvature.chunks_exact_mut(k).enumerate() {
                line.iter_mut().zip(&spread).for_each(|(v, s)| *v /= spread[i] * s);
            }
            let (mut eigen, turn) = symmetric_eigen(&self.curvature, k);
            // Straight lines, among them constants, and the gap's own coefficient have no curvature: what is left there is rounding.
            let free = (2 + usize::from(self.has_missing)).min(k);
            eigen.iter_mut().for_each(|e| *e = e.max(0.0));
            eigen[..free].fill(0.0);
            (eigen, turn)
        };
        let bent: Vec<f64> = eigen.iter().copied().filter(|e| *e > 0.0).collect();
        let unit = bent.get(bent.len() / 2).map_or(0.0, |e| 1.0 / e);
        let turned = |rows: &[f64]| {
            let mut out = Vec::with_capacity(rows.len());
            for row in rows.chunks_exact(k) {
                for c in 0..k {
                    out.push((0..k).map(|i| (row[i] - mean[i]) / spread[i] * turn[i * k + c]).sum::<f64>());
                }
            }
            out
        };
        let (basis, shown) = (turned(&self.basis), turned(&self.shown));
        let to_raw = (0..k * k).map(|i| turn[i] / spread[i / k]).collect();
        let from_raw = (0..k * k).map(|i| turn[(i % k) * k + i / k] * spread[i % k]).collect();
        Column {
            kind: self.kind,
            has_missing: self.has_missing,
            codes: self.codes,
            ends: self.ends,
            n_bins: self.n_bins,
            k,
            basis,
            shown,
            eigen,
            unit,
            to_raw,
            from_raw,
        }
    }
}
