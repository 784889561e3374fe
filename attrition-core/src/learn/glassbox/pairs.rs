//! Which pairs of features matter beyond the sum of their terms.
//!
//! Both features are cut into at most [`GROUPS`] groups; a pair's effect is one number for each cell of the grid. Pairs are ranked by what their
//! cells would gain, at the fitted sum of terms, over chance: `Σ (G² − H)/(H + ρ)`, with `G` and `H` the sums of gradient and Hessian over a cell.
//! The first few are tried: on each of [`FOLDS`] parts of the rows the cells fitted to the other parts, on top of terms fitted to the other
//! parts, must lower the loss by more than [`EARNED`] standard errors in all. Rows with the same bins in every column lie in the same part, so a row of weight 2
//! is two rows, and duplicates do not vouch for each other. (In a table of so few values that whole cells lie in one part, no pair is found.)
//!
//! # Reference
//! Lou, Caruana, Gehrke, Hooker: Accurate intelligible models with pairwise interactions. KDD 2013,
//! <https://doi.org/10.1145/2487575.2487579>.

use super::basis::{Column, Kind};
use super::term::Axis;
use crate::num::float;
use crate::run::CHUNK_ROWS;
use crate::{Result, Run};

/// Groups of a feature, those of gaps and of other levels aside.
pub(super) const GROUPS: usize = 8;
/// Parts of the rows.
pub(super) const FOLDS: usize = 3;
/// Standard errors by which a pair must lower the held-out loss. The ranking has seen all rows, so this is as strict as for the best of
/// several hundred pairs.
const EARNED: f64 = 4.0;
/// Newton steps on the cells of one pair.
const STEPS: usize = 4;

/// A feature in groups.
pub(super) struct Grouped {
    pub(super) feature: usize,
    pub(super) axis: Axis,
    /// The group of each bin of its column.
    pub(super) of_bin: Vec<u8>,
}

/// Labels, weights and columns of the fit.
pub(super) struct Grid<'a> {
    pub(super) y: &'a [u8],
    pub(super) weights: Option<&'a [f64]>,
    pub(super) columns: &'a [Column],
    pub(super) grouped: Vec<Grouped>,
    pub(super) run: &'a Run,
}

impl Grouped {
    /// At most `most` groups of a column: of a number by weight, of a category its heaviest levels and the rest.
    pub(super) fn of(feature: usize, column: &Column, weights: Option<&[f64]>, most: usize) -> Grouped {
        let mut mass = vec![0.0; column.n_bins];
        for (row, &code) in column.codes.iter().enumerate() {
            if let Some(m) = mass.get_mut(usize::from(code)) {
                *m += weights.map_or(1.0, |w| w[row]);
            }
        }
        let filled = column.n_bins - usize::from(column.has_missing && column.n_bins > 0);
        let mut of_bin = Vec::with_capacity(column.n_bins);
        let axis = match &column.kind {
            Kind::Levels { codes, .. } => {
                let mut heavy: Vec<usize> = (0..codes.len()).collect();
                heavy.sort_by(|a, b| mass[*b].total_cmp(&mass[*a]));
                heavy.truncate(most);
                heavy.sort_unstable();
                let rest = heavy.len() as u8;
                of_bin.extend((0..filled).map(|bin| heavy.binary_search(&bin).map_or(rest, |g| g as u8)));
                Axis::Levels { codes: heavy.iter().filter_map(|&bin| codes.get(bin).copied()).collect() }
            }
            Kind::Number { .. } | Kind::Pair { .. } => {
                let total: f64 = mass.iter().take(filled).sum();
                let mut cuts: Vec<f64> = Vec::new();
                let mut below = 0.0;
                for (bin, mass) in mass.iter().enumerate().take(filled) {
                    let next_cut = (cuts.len() + 1) as f64 * total / most as f64;
                    if bin > 0 && cuts.len() + 1 < most && (below >= next_cut || filled <= most) {
                        cuts.extend(column.ends.get(bin - 1));
                    }
                    of_bin.push(cuts.len() as u8);
                    below += mass;
                }
                Axis::Cuts { cuts }
            }
        };
        of_bin.resize(column.n_bins, (axis.n_groups() - 1) as u8);
        Grouped { feature, axis, of_bin }
    }
}

impl Grid<'_> {
    fn weight(&self, row: usize) -> f64 {
        self.weights.map_or(1.0, |w| w[row])
    }

    fn codes(&self, g: &Grouped) -> &[u8] {
        self.columns.get(g.feature).map_or(&[], |c| &c.codes)
    }

    /// The cell of each row of a pair.
    fn cells(&self, a: &Grouped, b: &Grouped) -> Vec<u8> {
        let width = b.axis.n_groups();
        let group = |g: &Grouped, code: u8| g.of_bin.get(usize::from(code)).copied().map_or(0, usize::from);
        let rows = self.codes(a).iter().zip(self.codes(b));
        rows.map(|(&x, &y)| (group(a, x) * width + group(b, y)) as u8).collect()
    }

    /// The part of each row.
    pub(super) fn parts(&self) -> Vec<u8> {
        hashes(self.columns, self.y.len()).into_iter().map(|h| (h % FOLDS as u64) as u8).collect()
    }

    /// Gradient and Hessian of a row's loss in its score, by weight.
    fn slope(&self, row: usize, z: f64) -> (f64, f64) {
        let p = float::sigmoid(z);
        let y = if self.y[row] != 0 { 1.0 } else { 0.0 };
        (self.weight(row) * (p - y), self.weight(row) * p * (1.0 - p))
    }

    /// The `limit` pairs that promise most, best first, as places in `grouped`. `z` are the scores of the whole fit.
    pub(super) fn ranked(&self, z: &[f64], limit: usize) -> Result<Vec<(usize, usize)>> {
        let slopes: Vec<(f64, f64)> = self
            .run
            .map_chunks(z.len(), CHUNK_ROWS, |rows| Ok(rows.map(|row| self.slope(row, z[row])).collect::<Vec<_>>()))?
            .concat();
        let n = self.grouped.len();
        let pairs: Vec<(usize, usize)> = (0..n).flat_map(|a| (a + 1..n).map(move |b| (a, b))).collect();
        let gains = self.run.map(pairs.len(), |t| {
            let (a, b) = (&self.grouped[pairs[t].0], &self.grouped[pairs[t].1]);
            let mut sums = [(0.0, 0.0); 256];
            for (cell, s) in self.cells(a, b).into_iter().zip(&slopes) {
                let sum = &mut sums[usize::from(cell)];
                sum.0 += s.0;
                sum.1 += s.1;
            }
            let (_, ridge) = shrink(&sums);
            Ok(sums.iter().map(|(g, h)| (g * g - h) / (h + ridge)).sum::<f64>())
        })?;
        let mut order: Vec<usize> = (0..pairs.len()).filter(|t| gains[*t] > 0.0).collect();
        order.sort_by(|a, b| gains[*b].total_cmp(&gains[*a]));
        Ok(order.into_iter().take(limit).map(|t| pairs[t]).collect())
    }

    /// Those of `candidates` that earn their place, given the scores of every row under the terms of each part's other parts.
    pub(super) fn earned(
        &self,
        candidates: &[(usize, usize)],
        parts: &[u8],
        mut folds: Vec<Vec<f64>>,
    ) -> Result<Vec<(usize, usize)>> {
        let mut kept = Vec::new();
        for &(a, b) in candidates {
            let cells = self.cells(&self.grouped[a], &self.grouped[b]);
            let tried = self.run.map(folds.len(), |k| {
                let z = &folds[k];
                let effect = self.fit_cells(&cells, z, |row| usize::from(parts[row]) != k)?;
                let mut sums = [0.0; 3];
                for row in (0..z.len()).filter(|&row| usize::from(parts[row]) == k) {
                    let w = self.weight(row);
                    let sign = if self.y[row] != 0 { -1.0 } else { 1.0 };
                    let better = float::softplus(sign * z[row])
                        - float::softplus(sign * (z[row] + effect[usize::from(cells[row])]));
                    sums[0] += w;
                    sums[1] += w * better;
                    sums[2] += w * better * better;
                }
                Ok((effect, sums))
            })?;
            let [n, gain, squares] = tried.iter().fold([0.0; 3], |s, (_, t)| [s[0] + t[0], s[1] + t[1], s[2] + t[2]]);
            let error = (squares - gain * gain / n.max(f64::MIN_POSITIVE)).max(0.0).sqrt();
            let better = tried.iter().filter(|(_, t)| t[1] > 0.0).count();
            if gain > EARNED * error && 4 * better >= 3 * tried.len() {
                kept.push((a, b));
                for (fold, (effect, _)) in folds.iter_mut().zip(&tried) {
                    for (z, &cell) in fold.iter_mut().zip(&cells) {
                        *z += effect[usize::from(cell)];
                    }
                }
            }
        }
        Ok(kept)
    }

    /// The effect of each cell on top of the scores `z`, shrunken, from the rows that `take` takes.
    fn fit_cells(&self, cells: &[u8], z: &[f64], take: impl Fn(usize) -> bool) -> Result<[f64; 256]> {
        let mut effect = [0.0; 256];
        let mut ridge = 0.0;
        for step in 0..STEPS {
            self.run.check()?;
            let mut sums = [(0.0, 0.0); 256];
            for (row, (&cell, &z)) in cells.iter().zip(z).enumerate().filter(|(row, _)| take(*row)) {
                let (g, h) = self.slope(row, z + effect[usize::from(cell)]);
                sums[usize::from(cell)].0 += g;
                sums[usize::from(cell)].1 += h;
            }
            if step == 0 {
                // Of the effects themselves, as the scores are without them.
                ridge = shrink(&sums).1;
            }
            for (e, (g, h)) in effect.iter_mut().zip(&sums) {
                if *h > 0.0 {
                    *e -= (g + ridge * *e) / (h + ridge);
                    // A cell of one label has no finite optimum near a weak ridge.
                    *e = e.clamp(-5.0, 5.0);
                }
            }
        }
        Ok(effect)
    }

    /// A pair as a column of the fit: a bin for each cell that has weight.
    pub(super) fn column(&self, (a, b): (usize, usize)) -> Column {
        let (a, b) = (&self.grouped[a], &self.grouped[b]);
        let cells = self.cells(a, b);
        let mut filled = [false; 256];
        for (row, &cell) in cells.iter().enumerate() {
            filled[usize::from(cell)] |= self.weight(row) > 0.0;
        }
        let places: Vec<u8> = (0..=u8::MAX).filter(|c| filled[usize::from(*c)]).collect();
        let mut bin = [0u8; 256];
        for (i, &cell) in places.iter().enumerate() {
            bin[usize::from(cell)] = i as u8;
        }
        let kind = Kind::Pair {
            features: [a.feature, b.feature],
            axes: [a.axis.clone(), b.axis.clone()],
            cells: places.iter().map(|c| usize::from(*c)).collect(),
        };
        let codes = cells.into_iter().map(|c| bin[usize::from(c)]).collect();
        Column::of_groups(kind, codes, places.len(), self.weights)
    }
}

/// A number for each row, the same for rows with the same bins: the part it lies in.
pub(super) fn hashes(columns: &[Column], n: usize) -> Vec<u64> {
    // Not of the label: rows of one label in a place of the grid would lie in the same part, and be missed by the others.
    let mut hash = vec![0u64; n];
    for column in columns.iter().filter(|c| c.k > 0) {
        for (h, &code) in hash.iter_mut().zip(&column.codes) {
            // splitmix64's mixing of what came before and the bin.
            let mut z = (*h ^ u64::from(code)).wrapping_add(0x9E37_79B9_7F4A_7C15);
            z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
            z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
            *h = z ^ (z >> 31);
        }
    }
    hash
}

/// The effects `−G/(H + ρ)` of cells with a ridge ρ of their own: where the effects are as large as ρ expects (Fellner–Schall).
fn shrink(sums: &[(f64, f64); 256]) -> ([f64; 256], f64) {
    const ROUNDS: usize = 20;
    let mut ridge = 10.0;
    let mut effect = [0.0; 256];
    for _ in 0..ROUNDS {
        let (mut worth, mut size) = (0.0, 0.0);
        for (e, (g, h)) in effect.iter_mut().zip(sums).filter(|(_, (_, h))| *h > 0.0) {
            *e = -g / (h + ridge);
            worth += h / (h + ridge);
            size += *e * *e;
        }
        let next = if size > 0.0 { worth / size } else { 1e6 };
        ridge = next.clamp(1e-1, 1e6);
    }
    (effect, ridge)
}
