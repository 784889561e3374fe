//! How much each parameter matters: the variance that it alone explains, by the functional analysis of variance of a forest.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::space::{Scale, SearchSpace};
use crate::rng::Rng;
use crate::{Error, Result, Seed};

/// Share of the variance over the whole space that each parameter explains alone, and what is left for interactions.
///
/// A forest of regression trees is fitted to the complete trials; a tree is constant on boxes, so that the variance of its mean along one
/// parameter over all others is exact. The figures are means over the trees, in [0, 1]; they are about the whole space,
/// not about the neighbourhood of the best trial. A parameter that is not active stands in the middle of its range.
///
/// # Reference
/// Hutter, Hoos, Leyton-Brown: An efficient approach for assessing hyperparameter importance. ICML 2014,
/// <https://proceedings.mlr.press/v32/hutter14.html>.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Importance {
    /// By parameter.
    pub params: BTreeMap<String, f64>,
    /// What no parameter explains alone.
    pub interactions: f64,
}

const N_TREES: u64 = 64;
const MIN_LEAF: usize = 2;
const MAX_DEPTH: usize = 24;
/// Fewest complete trials.
const MIN_ROWS: usize = 4;

/// A leaf: its box, by dimension, and its mean.
struct Leaf {
    sides: Vec<(f64, f64)>,
    value: f64,
}

pub(super) fn importance(space: &SearchSpace, rows: &[(&[f64], f64)], seed: Seed) -> Result<Importance> {
    if rows.len() < MIN_ROWS {
        return Err(Error::data(
            crate::error::Place::none(),
            format!("{} complete trials", rows.len()),
            format!("at least {MIN_ROWS}"),
            "run more trials",
        ));
    }
    let d = space.len();
    let mut x: Vec<Vec<f64>> =
        rows.iter().map(|(p, _)| p.iter().map(|u| if u.is_nan() { 0.5 } else { *u }).collect()).collect();
    for (j, scale) in space.scales().iter().enumerate() {
        if let Scale::Options(n) = scale {
            by_mean(&mut x, j, *n, rows);
        }
    }
    // To a range of 1, so that sums of squares neither overflow nor vanish.
    let (low, high) = rows.iter().fold((f64::INFINITY, f64::NEG_INFINITY), |(l, h), (_, v)| (l.min(*v), h.max(*v)));
    let range = 0.5 * high - 0.5 * low;
    let y: Vec<f64> = rows.iter().map(|(_, v)| if range > 0.0 { (0.5 * v - 0.5 * low) / range } else { 0.0 }).collect();
    let mut shares = vec![0.0; d];
    let mut trees = 0.0;
    for tree in 0..N_TREES {
        let mut rng = seed.stream("tune importance", tree);
        let sample: Vec<usize> = (0..x.len()).map(|_| rng.below(x.len())).collect();
        let mut leaves = Vec::new();
        grow(space.scales(), &x, &y, sample, vec![(0.0, 1.0); d], 0, &mut rng, &mut leaves);
        let volume = |l: &Leaf| l.sides.iter().map(|(a, b)| b - a).product::<f64>();
        let mean: f64 = leaves.iter().map(|l| volume(l) * l.value).sum();
        let variance: f64 = leaves.iter().map(|l| volume(l) * (l.value - mean) * (l.value - mean)).sum();
        if variance <= 0.0 {
            continue;
        }
        trees += 1.0;
        for (j, share) in shares.iter_mut().enumerate() {
            let mut cuts: Vec<f64> = leaves.iter().flat_map(|l| [l.sides[j].0, l.sides[j].1]).collect();
            cuts.sort_by(f64::total_cmp);
            cuts.dedup();
            let along: f64 = cuts
                .windows(2)
                .map(|w| {
                    let middle = 0.5 * (w[0] + w[1]);
                    let hit = leaves.iter().filter(|l| l.sides[j].0 < middle && middle < l.sides[j].1);
                    let marginal: f64 = hit.map(|l| volume(l) / (l.sides[j].1 - l.sides[j].0) * l.value).sum();
                    (w[1] - w[0]) * (marginal - mean) * (marginal - mean)
                })
                .sum();
            *share += along / variance;
        }
    }
    let share = |s: &f64| if trees > 0.0 { (s / trees).clamp(0.0, 1.0) } else { 0.0 };
    let params: BTreeMap<String, f64> = space.names().map(str::to_owned).zip(shares.iter().map(share)).collect();
    let interactions = if trees > 0.0 { (1.0 - params.values().sum::<f64>()).max(0.0) } else { 0.0 };
    Ok(Importance { params, interactions })
}

/// Puts the options of dimension `j` in the order of their mean values, so that a cut parts the better from the worse.
fn by_mean(x: &mut [Vec<f64>], j: usize, n: usize, rows: &[(&[f64], f64)]) {
    let cell = |u: f64| ((u * n as f64) as usize).min(n - 1);
    let mut sums = vec![(0.0, 0.0); n];
    for (p, (_, value)) in x.iter().zip(rows) {
        let (sum, count) = &mut sums[cell(p[j])];
        *sum += value / rows.len() as f64;
        *count += 1.0;
    }
    let mean = |c: usize| if sums[c].1 > 0.0 { sums[c].0 / sums[c].1 } else { 0.0 };
    let mut order: Vec<usize> = (0..n).collect();
    order.sort_by(|a, b| mean(*a).total_cmp(&mean(*b)).then(a.cmp(b)));
    let mut place = vec![0.0; n];
    for (rank, &c) in order.iter().enumerate() {
        place[c] = (rank as f64 + 0.5) / n as f64;
    }
    for p in x {
        p[j] = place[cell(p[j])];
    }
}

/// Splits by the greatest fall of the sum of squares over a random two thirds of the dimensions.
#[expect(clippy::too_many_arguments, reason = "the state of one recursion")]
fn grow(
    scales: &[Scale],
    x: &[Vec<f64>],
    y: &[f64],
    rows: Vec<usize>,
    sides: Vec<(f64, f64)>,
    depth: usize,
    rng: &mut Rng,
    leaves: &mut Vec<Leaf>,
) {
    let n = rows.len() as f64;
    let sum: f64 = rows.iter().map(|&i| y[i]).sum();
    let mut best: Option<(f64, usize, f64)> = None;
    if rows.len() >= 2 * MIN_LEAF && depth < MAX_DEPTH {
        let mut dims: Vec<usize> = (0..scales.len()).collect();
        rng.shuffle(&mut dims);
        dims.truncate((2 * scales.len()).div_ceil(3));
        for j in dims {
            let mut order: Vec<(f64, f64)> = rows.iter().map(|&i| (x[i][j], y[i])).collect();
            order.sort_by(|a, b| a.0.total_cmp(&b.0));
            let mut left = 0.0;
            for k in 1..order.len() {
                left += order[k - 1].1;
                let (a, b) = (order[k - 1].0, order[k].0);
                if a == b || k < MIN_LEAF || order.len() - k < MIN_LEAF {
                    continue;
                }
                let (nl, nr) = (k as f64, n - k as f64);
                let gain = left * left / nl + (sum - left) * (sum - left) / nr - sum * sum / n;
                // Between the cells of a grid, and anywhere between two numbers.
                let cut = match scales[j] {
                    Scale::Line => a + (0.25 + 0.5 * rng.uniform()) * (b - a),
                    Scale::Cells(_) | Scale::Options(_) => 0.5 * (a + b),
                };
                if gain > 1e-12 && best.is_none_or(|(g, ..)| gain > g) && sides[j].0 < cut && cut < sides[j].1 {
                    best = Some((gain, j, cut));
                }
            }
        }
    }
    let Some((_, j, cut)) = best else {
        leaves.push(Leaf { sides, value: sum / n });
        return;
    };
    let (left, right): (Vec<usize>, Vec<usize>) = rows.into_iter().partition(|&i| x[i][j] < cut);
    let (mut low, mut high) = (sides.clone(), sides);
    low[j].1 = cut;
    high[j].0 = cut;
    grow(scales, x, y, left, low, depth + 1, rng, leaves);
    grow(scales, x, y, right, high, depth + 1, rng, leaves);
}
