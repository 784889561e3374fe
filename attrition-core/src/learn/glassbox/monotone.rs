//! Newton steps under bounds: how a monotone term is held monotone.
//!
//! A spline whose raw coefficients rise is rising. In increments `β₀ = d·δ₀`, `βᵢ = βᵢ₋₁ + d·δᵢ` (`d` = ±1) that is `δᵢ ≥ 0` for `i ≥ 1`.

use super::basis::Column;
use crate::num::linalg::{Cholesky, Dependent, dot};
use crate::{Result, Run};

/// The coordinates in which some columns are increments, the others as they are.
pub(super) struct Increments {
    /// First parameter and `k × k` matrix `A` with `b = A·δ` of each monotone column, and `A⁻¹`.
    blocks: Vec<(usize, usize, Vec<f64>, Vec<f64>)>,
    /// Which parameters must not be negative.
    pub(super) bounded: Vec<bool>,
}

impl Increments {
    /// For `n` parameters; the columns that have a direction with their first parameters.
    pub(super) fn new(n: usize, columns: &[(usize, &Column, f64)]) -> Increments {
        let mut bounded = vec![false; n];
        let mut blocks = Vec::with_capacity(columns.len());
        for &(at, column, direction) in columns {
            let k = column.k;
            let functions = k - usize::from(column.has_missing && k > 0);
            // β = C·δ and δ = C⁻¹·β.
            let mut sums = vec![0.0; k * k];
            let mut differences = vec![0.0; k * k];
            for i in 0..k {
                if i >= functions {
                    sums[i * k + i] = 1.0;
                    differences[i * k + i] = 1.0;
                    continue;
                }
                sums[i * k..=i * k + i].fill(direction);
                differences[i * k + i] = direction;
                if i > 0 {
                    differences[i * k + i - 1] = -direction;
                    bounded[at + i] = true;
                }
            }
            blocks.push((at, k, product(&column.from_raw, &sums, k), product(&differences, &column.to_raw, k)));
        }
        Increments { blocks, bounded }
    }

    /// δ of coefficients, moved to the nearest that is allowed, bound by bound.
    pub(super) fn of(&self, beta: &[f64]) -> Vec<f64> {
        let mut delta = beta.to_vec();
        for (at, k, _, inverse) in &self.blocks {
            for i in 0..*k {
                delta[at + i] = dot(&inverse[i * k..(i + 1) * k], &beta[*at..at + k]);
            }
        }
        for (d, bounded) in delta.iter_mut().zip(&self.bounded) {
            if *bounded {
                *d = d.max(0.0);
            }
        }
        delta
    }

    /// Coefficients of δ.
    pub(super) fn back(&self, delta: &[f64]) -> Vec<f64> {
        let mut beta = delta.to_vec();
        for (at, k, matrix, _) in &self.blocks {
            for i in 0..*k {
                beta[at + i] = dot(&matrix[i * k..(i + 1) * k], &delta[*at..at + k]);
            }
        }
        beta
    }

    /// `Aᵀ·g`.
    pub(super) fn gradient(&self, g: &[f64]) -> Vec<f64> {
        let mut out = g.to_vec();
        for (at, k, matrix, _) in &self.blocks {
            for c in 0..*k {
                out[at + c] = (0..*k).map(|i| matrix[i * k + c] * g[at + i]).sum();
            }
        }
        out
    }

    /// `Aᵀ·H·A`.
    pub(super) fn hessian(&self, h: &[f64], n: usize) -> Vec<f64> {
        let mut out = h.to_vec();
        for (at, k, matrix, _) in &self.blocks {
            let mut line = vec![0.0; *k];
            for row in out.chunks_exact_mut(n) {
                for (c, l) in line.iter_mut().enumerate() {
                    *l = (0..*k).map(|i| row[at + i] * matrix[i * k + c]).sum();
                }
                row[*at..at + k].copy_from_slice(&line);
            }
            for column in 0..n {
                for (c, l) in line.iter_mut().enumerate() {
                    *l = (0..*k).map(|i| out[(at + i) * n + column] * matrix[i * k + c]).sum();
                }
                for (i, l) in line.iter().enumerate() {
                    out[(at + i) * n + column] = *l;
                }
            }
        }
        out
    }
}

fn product(a: &[f64], b: &[f64], k: usize) -> Vec<f64> {
    let mut out = vec![0.0; k * k];
    for i in 0..k {
        for l in 0..k {
            for c in 0..k {
                out[i * k + c] += a[i * k + l] * b[l * k + c];
            }
        }
    }
    out
}

/// The minimum of `gᵀ(u − x) + ½(u − x)ᵀH(u − x)` over `u` with `uᵢ ≥ 0` where `bounded`, from an allowed `x`, by a primal active-set method.
///
/// # Reference
/// Nocedal, Wright: Numerical Optimization, 2nd ed., chapter 16, <https://doi.org/10.1007/978-0-387-40065-5>.
pub(super) fn minimise(h: &[f64], g: &[f64], x: &[f64], bounded: &[bool], run: &Run) -> Result<Vec<f64>> {
    let n = x.len();
    let mut held: Vec<bool> = (0..n).map(|i| bounded[i] && x[i] <= 0.0).collect();
    let mut u = x.to_vec();
    for _ in 0..10 * n + 10 {
        run.check()?;
        let free: Vec<usize> = (0..n).filter(|&i| !held[i]).collect();
        let matrix: Vec<f64> = free.iter().flat_map(|&i| free.iter().map(move |&j| h[i * n + j])).collect();
        // The gradient at u: what the free parameters have to undo.
        let slope: Vec<f64> = {
            let step: Vec<f64> = u.iter().zip(x).map(|(u, x)| u - x).collect();
            (0..n).map(|i| g[i] + dot(&h[i * n..(i + 1) * n], &step)).collect()
        };
        let right: Vec<f64> = free.iter().map(|&i| -slope[i]).collect();
        let Some(factor) = Cholesky::factor(&matrix, free.len(), Dependent::Ridge) else { break };
        let mut target = u.clone();
        for (&i, s) in free.iter().zip(factor.solve_refined(&matrix, &right)) {
            target[i] += s;
        }
        // How far until the first bound.
        let mut share = 1.0_f64;
        for &i in free.iter().filter(|&&i| bounded[i] && target[i] < 0.0) {
            share = share.min(u[i] / (u[i] - target[i]));
        }
        if share < 1.0 {
            for &i in &free {
                let hits = bounded[i] && target[i] < 0.0 && u[i] <= share * (u[i] - target[i]);
                u[i] = if hits { 0.0 } else { u[i] + share * (target[i] - u[i]) };
                held[i] = hits;
            }
            continue;
        }
        u = target;
        let step: Vec<f64> = u.iter().zip(x).map(|(u, x)| u - x).collect();
        // In units in which every parameter has the same curvature.
        let pull = |i: usize| (g[i] + dot(&h[i * n..(i + 1) * n], &step)) / h[i * n + i].sqrt().max(f64::MIN_POSITIVE);
        let release = (0..n).filter(|&i| held[i]).map(|i| (i, pull(i))).min_by(|a, b| a.1.total_cmp(&b.1));
        match release {
            Some((i, pull)) if pull < -1e-9 => held[i] = false,
            _ => break,
        }
    }
    Ok(u)
}
