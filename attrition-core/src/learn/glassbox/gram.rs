//! Loss, gradient and Hessian of the additive model over columns in bins.
//!
//! Notation: column `j` has `mⱼ` bins and `kⱼ` coefficients; row `i` lies in its bin `cᵢⱼ`; `Bⱼ` is the `mⱼ × kⱼ` matrix of the basis by bin. With
//! `gᵢ = wᵢ·(πᵢ − yᵢ)` and `hᵢ = wᵢ·πᵢ·(1 − πᵢ)` the block of the gradient is `Bⱼᵀ·g̃` with g̃ the sums of `g` by bin, and that of the Hessian
//! `Bᵢᵀ·W·Bⱼ` with `W` the `mᵢ × mⱼ` sums of `h` by pair of bins: a pass over the rows adds one number per pair of columns,
//! however many coefficients they have. Pairs of columns are worked on in parallel, each over all rows in order: the same bits
//! for any thread count.
//!
//! # Reference
//! Wood, Li, Shaddick, Augustin: Generalized additive models for gigadata. Journal of the American Statistical Association 112
//! (2017), <https://doi.org/10.1080/01621459.2016.1195744>.

use std::ops::Range;

use super::basis::Column;
use crate::num::float;
use crate::run::CHUNK_ROWS;
use crate::{Result, Run};

/// Below so many additions threads cost more than they save.
const SMALL: usize = 1 << 20;

/// What every row contributes, in pieces of [`CHUNK_ROWS`].
pub(super) struct Pass {
    /// Σ wᵢ·lossᵢ.
    pub(super) loss: f64,
    pieces: Vec<Piece>,
}

struct Piece {
    loss: f64,
    g: Vec<f64>,
    h: Vec<f64>,
}

/// Rows, labels and weights of one fit.
#[derive(Clone, Copy)]
pub(super) struct Rows<'a> {
    pub(super) y: &'a [u8],
    pub(super) weights: Option<&'a [f64]>,
    pub(super) columns: &'a [Column],
    pub(super) run: &'a Run,
}

/// Loss, gradient and Hessian at a point; parameter 0 is the intercept, then the coefficients of the columns in use.
pub(super) struct Sums {
    pub(super) gradient: Vec<f64>,
    /// Both triangles.
    pub(super) hessian: Vec<f64>,
}

/// `Σₐ basis[a]·v[a]`: the sums by bin as sums by coefficient.
fn gather(basis: &[f64], k: usize, v: &[f64]) -> Vec<f64> {
    let mut out = vec![0.0; k];
    for (row, v) in basis.chunks_exact(k.max(1)).zip(v) {
        for (o, b) in out.iter_mut().zip(row) {
            *o += v * b;
        }
    }
    out
}

impl Rows<'_> {
    /// The effect of each bin of a column.
    pub(super) fn by_bin(column: &Column, beta: &[f64]) -> Vec<f64> {
        let rows = column.basis.chunks_exact(column.k.max(1));
        rows.map(|row| row.iter().zip(beta).map(|(r, b)| r * b).sum()).collect()
    }

    fn scores_of(&self, intercept: f64, effects: &[(usize, Vec<f64>)], rows: Range<usize>) -> Vec<f64> {
        let mut z = vec![intercept; rows.len()];
        for (j, by_bin) in effects {
            if let Some(codes) = self.columns.get(*j).and_then(|c| c.codes.get(rows.clone())) {
                for (z, &code) in z.iter_mut().zip(codes) {
                    *z += by_bin.get(usize::from(code)).copied().unwrap_or(0.0);
                }
            }
        }
        z
    }

    /// The score of every row, given the intercept and the effects by bin of the columns in use.
    pub(super) fn scores(&self, intercept: f64, effects: &[(usize, Vec<f64>)]) -> Result<Vec<f64>> {
        let score = |rows| Ok(self.scores_of(intercept, effects, rows));
        Ok(self.run.map_chunks(self.y.len(), CHUNK_ROWS, score)?.concat())
    }

    /// Loss, g and h of every row, given the intercept and the effects by bin of the columns in use.
    pub(super) fn pass(&self, intercept: f64, effects: &[(usize, Vec<f64>)]) -> Result<Pass> {
        let pieces = self.run.map_chunks(self.y.len(), CHUNK_ROWS, |rows| {
            let z = self.scores_of(intercept, effects, rows.clone());
            let mut piece = Piece { loss: 0.0, g: vec![0.0; rows.len()], h: vec![0.0; rows.len()] };
            for (i, (&z, row)) in z.iter().zip(rows).enumerate() {
                let positive = self.y[row] != 0;
                let w = self.weights.map_or(1.0, |w| w[row]);
                // The margin: the row's loss is ln(1 + e⁻ᵐ).
                let m = if positive { z } else { -z };
                let e = float::exp(-m.abs());
                let tail = e / (1.0 + e);
                let wrong = if m >= 0.0 { tail } else { 1.0 / (1.0 + e) };
                piece.loss += w * (float::ln_1p(e) + (-m).max(0.0));
                piece.g[i] = if positive { -w * wrong } else { w * wrong };
                piece.h[i] = w * (tail / (1.0 + e));
            }
            Ok(piece)
        })?;
        Ok(Pass { loss: pieces.iter().map(|p| p.loss).sum(), pieces })
    }

    /// Gradient and Hessian for the columns `used`, whose coefficients begin at `offsets`.
    pub(super) fn sums(&self, pass: &Pass, used: &[usize], offsets: &[usize], n: usize) -> Result<Sums> {
        let pairs: Vec<(usize, usize)> = (0..used.len()).flat_map(|a| (0..=a).map(move |b| (a, b))).collect();
        let single = self.run.single();
        let run = if self.y.len() * pairs.len() < SMALL { &single } else { self.run };
        let column = |a: usize| used.get(a).and_then(|j| self.columns.get(*j));
        let blocks = run.map(pairs.len(), |t| {
            let (a, b) = pairs.get(t).copied().unwrap_or_default();
            Ok(match (column(a), column(b)) {
                (Some(one), Some(_)) if a == b => self.own_block(pass, one),
                (Some(one), Some(other)) => (self.cross_block(pass, one, other)?, Vec::new(), Vec::new()),
                _ => (Vec::new(), Vec::new(), Vec::new()),
            })
        })?;
        let mut sums = Sums { gradient: vec![0.0; n], hessian: vec![0.0; n * n] };
        for piece in &pass.pieces {
            sums.gradient[0] += piece.g.iter().sum::<f64>();
            sums.hessian[0] += piece.h.iter().sum::<f64>();
        }
        for ((a, b), (block, first, gradient)) in pairs.into_iter().zip(blocks) {
            let (Some(one), Some(other)) = (column(a), column(b)) else { continue };
            let (at, to) = (offsets[a], offsets[b]);
            for (r, row) in block.chunks_exact(other.k.max(1)).enumerate().take(one.k) {
                for (c, v) in row.iter().enumerate() {
                    sums.hessian[(at + r) * n + to + c] = *v;
                    sums.hessian[(to + c) * n + at + r] = *v;
                }
            }
            for (r, (v, g)) in first.iter().zip(&gradient).enumerate() {
                sums.hessian[at + r] = *v;
                sums.hessian[(at + r) * n] = *v;
                sums.gradient[at + r] = *g;
            }
        }
        Ok(sums)
    }

    /// `f` for every row of a column: its code, g and h.
    fn each(pass: &Pass, column: &Column, mut f: impl FnMut(usize, f64, f64)) {
        for (piece, codes) in pass.pieces.iter().zip(column.codes.chunks(CHUNK_ROWS)) {
            for ((&code, &g), &h) in codes.iter().zip(&piece.g).zip(&piece.h) {
                f(usize::from(code), g, h);
            }
        }
    }

    /// Block of the Hessian on the diagonal, its block beside the intercept, gradient.
    fn own_block(&self, pass: &Pass, column: &Column) -> (Vec<f64>, Vec<f64>, Vec<f64>) {
        let k = column.k;
        let mut sums = vec![[0.0; 2]; column.n_bins];
        Self::each(pass, column, |code, g, h| {
            if let Some(s) = sums.get_mut(code) {
                s[0] += g;
                s[1] += h;
            }
        });
        let (g, h): (Vec<f64>, Vec<f64>) = sums.into_iter().map(|s| (s[0], s[1])).unzip();
        let mut block = vec![0.0; k * k];
        for (row, h) in column.basis.chunks_exact(k.max(1)).zip(&h) {
            for (line, r) in block.chunks_exact_mut(k.max(1)).zip(row) {
                let hr = h * r;
                for (o, c) in line.iter_mut().zip(row) {
                    *o += hr * c;
                }
            }
        }
        (block, gather(&column.basis, k, &h), gather(&column.basis, k, &g))
    }

    fn cross_block(&self, pass: &Pass, one: &Column, other: &Column) -> Result<Vec<f64>> {
        let width = other.n_bins;
        let mut table = vec![0.0; one.n_bins * width];
        let pieces = pass.pieces.iter().zip(one.codes.chunks(CHUNK_ROWS)).zip(other.codes.chunks(CHUNK_ROWS));
        for ((piece, a), b) in pieces {
            self.run.check()?;
            for ((&a, &b), h) in a.iter().zip(b).zip(&piece.h) {
                if let Some(s) = table.get_mut(usize::from(a) * width + usize::from(b)) {
                    *s += h;
                }
            }
        }
        let mut block = vec![0.0; one.k * other.k];
        let mut line = vec![0.0; other.k];
        for (row, weights) in one.basis.chunks_exact(one.k.max(1)).zip(table.chunks_exact(width.max(1))) {
            line.fill(0.0);
            for (w, basis) in weights.iter().zip(other.basis.chunks_exact(other.k.max(1))) {
                if *w != 0.0 {
                    for (l, b) in line.iter_mut().zip(basis) {
                        *l += w * b;
                    }
                }
            }
            for (out, r) in block.chunks_exact_mut(other.k.max(1)).zip(row) {
                for (o, l) in out.iter_mut().zip(&line) {
                    *o += r * l;
                }
            }
        }
        Ok(block)
    }
}
