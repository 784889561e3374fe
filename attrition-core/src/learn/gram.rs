//! Loss, gradient and Hessian of a logistic model over a [`Design`], in one pass over the rows.
//!
//! Notation: `n` rows, `p` features; parameter 0 is the intercept, parameter `1 + j` the coefficient of feature `j`.
//! `zᵢ = b + Σⱼ βⱼ·xᵢⱼ`, `πᵢ = 1/(1 + e^−zᵢ)`, row weight `wᵢ`:
//! loss `Σ wᵢ·(ln(1 + e^zᵢ) − yᵢ·zᵢ)`, gradient `Σ gᵢ·xᵢ` with `gᵢ = wᵢ·(πᵢ − yᵢ)`, Hessian `Σ hᵢ·xᵢ·xᵢᵀ` with
//! `hᵢ = wᵢ·πᵢ·(1 − πᵢ)`.
//!
//! The Hessian uses what a design is: dense × dense by a blocked product of columns, dense × indicator by adding
//! a row of weighted values to the row of its code, indicator × indicator as a weighted table of counts. Nothing of
//! the size of `n` is allocated. Rows are cut into chunks whose number depends on `n` and `p` alone, and partial sums
//! are added in chunk order: the same bits for any thread count.

use std::ops::Range;

use crate::num::float;
use crate::num::linalg::dot;
use crate::preprocess::{Design, DesignColumn};
use crate::run::CHUNK_ROWS;
use crate::{Result, Run};

/// Rows worked on at a time: the weighted dense columns of so many rows stay in a core's cache.
const TILE: usize = 256;

/// What is asked of a pass over the rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ask {
    Loss,
    Gradient,
    Hessian,
}

/// Where each column of the design is found in the sums.
pub(super) struct Layout {
    /// (column of the design, parameter) of each dense column.
    dense: Vec<(usize, usize)>,
    /// (column of the design, first parameter, levels, first row of the cross table) of each group.
    groups: Vec<(usize, usize, usize, usize)>,
    /// Indicator features in all.
    n_indicators: usize,
    /// Parameters: 1 + p.
    pub(super) n_params: usize,
}

/// The sums at one parameter vector.
pub(super) struct Sums {
    /// Σ wᵢ·lossᵢ.
    pub(super) loss: f64,
    /// The smallest (2yᵢ − 1)·zᵢ of a row with weight.
    pub(super) min_margin: f64,
    /// Gradient, `1 + p`; empty if not asked for.
    pub(super) gradient: Vec<f64>,
    /// Hessian, `(1 + p) × (1 + p)`, both triangles; empty if not asked for.
    pub(super) hessian: Vec<f64>,
}

/// Rows, labels and weights of one fit.
pub(super) struct Problem<'a> {
    pub(super) x: &'a Design,
    pub(super) y: &'a [u8],
    pub(super) weights: Option<&'a [f64]>,
    /// Factor of the weight of negative and positive rows.
    pub(super) class_weight: [f64; 2],
    /// 1: every row. k: every k-th tile, a sample that serves to find a starting point.
    pub(super) tile_step: usize,
}

/// What one chunk adds up. `sums` holds the gradient in parameter order, or, for the Hessian, `[Σh, Σg, Σg·x, Σh·x, Σh·x·xᵀ]` of the
/// dense columns, then the cross table (a row per indicator: dense columns, h, g), then the pairs of indicators.
struct Chunk {
    loss: f64,
    min_margin: f64,
    sums: Vec<f64>,
}

impl Layout {
    pub(super) fn of(x: &Design) -> Layout {
        let mut layout = Layout { dense: Vec::new(), groups: Vec::new(), n_indicators: 0, n_params: 1 };
        for (c, column) in x.columns.iter().enumerate() {
            match column {
                DesignColumn::Dense(_) => layout.dense.push((c, layout.n_params)),
                DesignColumn::Indicators { n_levels, .. } => {
                    layout.groups.push((c, layout.n_params, *n_levels, layout.n_indicators));
                    layout.n_indicators += n_levels;
                }
                // Refused before: see `check_data`.
                DesignColumn::Levels { .. } => {}
            }
            layout.n_params += column.n_features();
        }
        layout
    }

    /// A row of the cross table: the dense columns, then h, then g.
    fn cross_width(&self) -> usize {
        self.dense.len() + 2
    }
    fn cross_start(&self) -> usize {
        let d = self.dense.len();
        2 + 2 * d + d * d
    }
    fn pairs_start(&self) -> usize {
        self.cross_start() + self.n_indicators * self.cross_width()
    }
    fn n_sums(&self, ask: Ask) -> usize {
        match ask {
            Ask::Loss => 0,
            Ask::Gradient => self.n_params,
            Ask::Hessian => self.pairs_start() + self.n_indicators * self.n_indicators,
        }
    }
}

impl Chunk {
    fn zero(layout: &Layout, ask: Ask) -> Chunk {
        Chunk { loss: 0.0, min_margin: f64::INFINITY, sums: vec![0.0; layout.n_sums(ask)] }
    }
}

impl Problem<'_> {
    /// Rows per chunk: a multiple of [`CHUNK_ROWS`], at most 64 chunks, and fewer where a partial sum is large
    /// (about 128 MB of them in all).
    fn chunk_rows(&self, layout: &Layout) -> usize {
        let chunks = ((16 << 20) / layout.n_sums(Ask::Hessian).max(1)).clamp(2, 64);
        self.x.n_rows.div_ceil(chunks).div_ceil(CHUNK_ROWS).max(1) * CHUNK_ROWS
    }

    /// The sum of weights of negative and positive rows among those looked at.
    pub(super) fn weight_by_label(&self) -> [f64; 2] {
        let mut sums = [0.0; 2];
        for start in (0..self.x.n_rows).step_by(TILE * self.tile_step.max(1)) {
            for row in start..(start + TILE).min(self.x.n_rows) {
                let label = usize::from(self.y[row] != 0);
                sums[label] += self.weights.map_or(1.0, |w| w[row]) * self.class_weight[label];
            }
        }
        sums
    }

    /// Loss, gradient and Hessian, as far as asked for.
    ///
    /// # Errors
    /// Cancellation.
    pub(super) fn sums(&self, layout: &Layout, beta: &[f64], ask: Ask, run: &Run) -> Result<Sums> {
        let chunk_rows = self.chunk_rows(layout);
        let chunks = run.map_chunks(self.x.n_rows, chunk_rows, |rows| self.chunk(layout, beta, ask, rows, run))?;
        let mut total = Chunk::zero(layout, ask);
        for chunk in chunks {
            total.loss += chunk.loss;
            total.min_margin = total.min_margin.min(chunk.min_margin);
            for (t, v) in total.sums.iter_mut().zip(&chunk.sums) {
                *t += v;
            }
        }
        Ok(match ask {
            Ask::Hessian => total.assemble(layout),
            _ => Sums { loss: total.loss, min_margin: total.min_margin, gradient: total.sums, hessian: Vec::new() },
        })
    }

    fn chunk(&self, layout: &Layout, beta: &[f64], ask: Ask, rows: Range<usize>, run: &Run) -> Result<Chunk> {
        let d = layout.dense.len();
        let mut out = Chunk::zero(layout, ask);
        let mut z = [0.0; TILE];
        let mut g = [0.0; TILE];
        let mut h = [0.0; TILE];
        let mut weighted = vec![0.0; if ask == Ask::Hessian { d * TILE } else { 0 }];
        let by_row = ask == Ask::Hessian && !layout.groups.is_empty();
        let mut by_row = vec![0.0; if by_row { layout.cross_width() * TILE } else { 0 }];
        // A chunk starts at a multiple of CHUNK_ROWS, and so of TILE.
        for start in rows.clone().step_by(TILE).filter(|s| (s / TILE).is_multiple_of(self.tile_step.max(1))) {
            run.check()?;
            let tile = start..(start + TILE).min(rows.end);
            let t = tile.len();
            self.scores(layout, beta, &tile, &mut z[..t]);
            self.row_terms(&tile, &z[..t], &mut g[..t], &mut h[..t], &mut out);
            match ask {
                Ask::Loss => {}
                Ask::Gradient => self.gradient(layout, &tile, &g[..t], &mut out.sums),
                Ask::Hessian => {
                    self.dense_sums(layout, &tile, &g[..t], &h[..t], &mut weighted, &mut out.sums);
                    if !layout.groups.is_empty() {
                        self.indicator_sums(layout, &tile, &g[..t], &h[..t], &weighted, &mut by_row, &mut out.sums);
                    }
                }
            }
        }
        Ok(out)
    }

    fn gradient(&self, layout: &Layout, tile: &Range<usize>, g: &[f64], gradient: &mut [f64]) {
        gradient[0] += g.iter().sum::<f64>();
        for &(c, parameter) in &layout.dense {
            if let DesignColumn::Dense(x) = &self.x.columns[c] {
                gradient[parameter] += dot(g, &x[tile.clone()]);
            }
        }
        for &(c, first, levels, _) in &layout.groups {
            if let DesignColumn::Indicators { codes, .. } = &self.x.columns[c] {
                let sums = &mut gradient[first..first + levels];
                for (g, &code) in g.iter().zip(&codes[tile.clone()]) {
                    if let Some(s) = sums.get_mut(code as usize) {
                        *s += g;
                    }
                }
            }
        }
    }

    fn scores(&self, layout: &Layout, beta: &[f64], tile: &Range<usize>, z: &mut [f64]) {
        z.fill(beta[0]);
        for &(c, parameter) in &layout.dense {
            if let DesignColumn::Dense(x) = &self.x.columns[c] {
                let b = beta[parameter];
                for (z, x) in z.iter_mut().zip(&x[tile.clone()]) {
                    *z += b * x;
                }
            }
        }
        for &(c, first, levels, _) in &layout.groups {
            if let DesignColumn::Indicators { codes, .. } = &self.x.columns[c] {
                let b = &beta[first..first + levels];
                for (z, &code) in z.iter_mut().zip(&codes[tile.clone()]) {
                    *z += b.get(code as usize).copied().unwrap_or(0.0);
                }
            }
        }
    }

    fn row_terms(&self, tile: &Range<usize>, z: &[f64], g: &mut [f64], h: &mut [f64], out: &mut Chunk) {
        let y = &self.y[tile.clone()];
        let weights = self.weights.map(|w| &w[tile.clone()]);
        let mut loss = 0.0;
        for (i, (&z, &y)) in z.iter().zip(y).enumerate() {
            let w = weights.map_or(1.0, |w| w[i]) * self.class_weight[usize::from(y != 0)];
            // m is the margin: z for a positive row, −z for a negative one; the row's loss is ln(1 + e⁻ᵐ).
            let m = if y != 0 { z } else { -z };
            let e = float::exp(-m.abs());
            let tail = e / (1.0 + e);
            // The probability of the label the row has not.
            let wrong = if m >= 0.0 { tail } else { 1.0 / (1.0 + e) };
            loss += w * (float::ln_1p(e) + (-m).max(0.0));
            g[i] = if y != 0 { -w * wrong } else { w * wrong };
            h[i] = w * (tail / (1.0 + e));
            if w > 0.0 {
                out.min_margin = out.min_margin.min(m);
            }
        }
        out.loss += loss;
    }

    /// Σh, Σg, Σg·x, Σh·x and Σh·x·xᵀ of the dense columns; leaves h·x in `weighted`, column after column.
    fn dense_sums(
        &self,
        layout: &Layout,
        tile: &Range<usize>,
        g: &[f64],
        h: &[f64],
        weighted: &mut [f64],
        sums: &mut [f64],
    ) {
        let d = layout.dense.len();
        let t = tile.len();
        sums[0] += h.iter().sum::<f64>();
        sums[1] += g.iter().sum::<f64>();
        let mut columns: Vec<&[f64]> = Vec::with_capacity(d);
        for &(c, _) in &layout.dense {
            if let DesignColumn::Dense(x) = &self.x.columns[c] {
                columns.push(&x[tile.clone()]);
            }
        }
        for (i, x) in columns.iter().enumerate() {
            let hx = &mut weighted[i * TILE..i * TILE + t];
            for ((hx, x), h) in hx.iter_mut().zip(*x).zip(h) {
                *hx = h * x;
            }
            sums[2 + i] += dot(g, x);
            sums[2 + d + i] += hx.iter().sum::<f64>();
        }
        let products = &mut sums[2 + 2 * d..2 + 2 * d + d * d];
        // Lower triangle, two rows by two columns at a time.
        let mut i = 0;
        while i < d {
            let hx0 = &weighted[i * TILE..i * TILE + t];
            if i + 1 == d {
                for (j, x) in columns[..=i].iter().enumerate() {
                    products[i * d + j] += dot(hx0, x);
                }
                break;
            }
            let hx1 = &weighted[(i + 1) * TILE..(i + 1) * TILE + t];
            for j in (0..=i).step_by(2) {
                let s = dot_2x2(hx0, hx1, columns[j], columns[j + 1]);
                // Where the block lies on the diagonal this also adds element (i, i + 1), in the upper triangle,
                // which `assemble` does not read.
                products[i * d + j] += s[0];
                products[i * d + j + 1] += s[1];
                products[(i + 1) * d + j] += s[2];
                products[(i + 1) * d + j + 1] += s[3];
            }
            i += 2;
        }
    }

    #[allow(clippy::too_many_arguments, reason = "one tile of one pass: all of it is in use")]
    fn indicator_sums(
        &self,
        layout: &Layout,
        tile: &Range<usize>,
        g: &[f64],
        h: &[f64],
        weighted: &[f64],
        by_row: &mut [f64],
        sums: &mut [f64],
    ) {
        let d = layout.dense.len();
        let t = tile.len();
        let width = layout.cross_width();
        for i in 0..d {
            for (r, v) in weighted[i * TILE..i * TILE + t].iter().enumerate() {
                by_row[r * width + i] = *v;
            }
        }
        for r in 0..t {
            by_row[r * width + d] = h[r];
            by_row[r * width + d + 1] = g[r];
        }
        let (head, pairs) = sums.split_at_mut(layout.pairs_start());
        let cross = &mut head[layout.cross_start()..];
        let mut groups: Vec<(&[u32], usize, usize)> = Vec::with_capacity(layout.groups.len());
        for &(c, _, levels, first) in &layout.groups {
            if let DesignColumn::Indicators { codes, .. } = &self.x.columns[c] {
                groups.push((&codes[tile.clone()], levels, first));
            }
        }
        for &(codes, levels, first) in &groups {
            for (row, &code) in by_row.chunks_exact(width).zip(codes) {
                if (code as usize) < levels {
                    let at = (first + code as usize) * width;
                    for (s, v) in cross[at..at + width].iter_mut().zip(row) {
                        *s += v;
                    }
                }
            }
        }
        for (a, &(codes_a, levels_a, first_a)) in groups.iter().enumerate() {
            for &(codes_b, levels_b, first_b) in &groups[..a] {
                for ((&ca, &cb), h) in codes_a.iter().zip(codes_b).zip(h) {
                    if (ca as usize) < levels_a && (cb as usize) < levels_b {
                        pairs[(first_a + ca as usize) * layout.n_indicators + first_b + cb as usize] += h;
                    }
                }
            }
        }
    }
}

/// The four products of two columns with two columns, each in two partial sums.
fn dot_2x2(a0: &[f64], a1: &[f64], b0: &[f64], b1: &[f64]) -> [f64; 4] {
    const LANES: usize = 4;
    let (a0c, a0r) = a0.as_chunks::<LANES>();
    let (a1c, a1r) = a1.as_chunks::<LANES>();
    let (b0c, b0r) = b0.as_chunks::<LANES>();
    let (b1c, b1r) = b1.as_chunks::<LANES>();
    let mut s = [[0.0; LANES]; 4];
    for (((p, q), u), v) in a0c.iter().zip(a1c).zip(b0c).zip(b1c) {
        for k in 0..LANES {
            s[0][k] += p[k] * u[k];
            s[1][k] += p[k] * v[k];
            s[2][k] += q[k] * u[k];
            s[3][k] += q[k] * v[k];
        }
    }
    let mut out = s.map(|s| (s[0] + s[1]) + (s[2] + s[3]));
    for (((p, q), u), v) in a0r.iter().zip(a1r).zip(b0r).zip(b1r) {
        out[0] += p * u;
        out[1] += p * v;
        out[2] += q * u;
        out[3] += q * v;
    }
    out
}

impl Chunk {
    /// The sums in parameter order.
    fn assemble(self, layout: &Layout) -> Sums {
        let n = layout.n_params;
        let d = layout.dense.len();
        let k = layout.n_indicators;
        let s = &self.sums;
        let mut gradient = vec![0.0; n];
        let mut hessian = vec![0.0; n * n];
        let mut put = |i: usize, j: usize, v: f64| {
            hessian[i * n + j] = v;
            hessian[j * n + i] = v;
        };
        put(0, 0, s[0]);
        gradient[0] = s[1];
        for (i, &(_, pi)) in layout.dense.iter().enumerate() {
            gradient[pi] = s[2 + i];
            put(pi, 0, s[2 + d + i]);
            for (j, &(_, pj)) in layout.dense[..=i].iter().enumerate() {
                put(pi, pj, s[2 + 2 * d + i * d + j]);
            }
        }
        // Indicator feature → parameter.
        let parameter: Vec<usize> =
            layout.groups.iter().flat_map(|&(_, first, levels, _)| first..first + levels).collect();
        let cross = &s[layout.cross_start()..layout.pairs_start()];
        let pairs = &s[layout.pairs_start()..];
        for (f, &pf) in parameter.iter().enumerate() {
            let row = &cross[f * layout.cross_width()..(f + 1) * layout.cross_width()];
            for (i, &(_, pi)) in layout.dense.iter().enumerate() {
                put(pf, pi, row[i]);
            }
            put(pf, 0, row[d]);
            put(pf, pf, row[d]);
            gradient[pf] = row[d + 1];
        }
        for &(_, _, levels, first) in &layout.groups {
            for a in first..first + levels {
                for b in 0..first {
                    put(parameter[a], parameter[b], pairs[a * k + b]);
                }
            }
        }
        Sums { loss: self.loss, min_margin: self.min_margin, gradient, hessian }
    }
}
