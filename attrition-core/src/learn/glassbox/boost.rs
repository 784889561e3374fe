//! The fit by cyclic boosting: feature after feature, a little at a time.
//!
//! Notation: a part `k` of the rows is left out of bag `k` of [`PARTS`]. In a bag every feature has a table of effects by bin, at first 0. A round goes
//! through the features; each gets a small tree over its bins, fitted to the sums `G`, `H` of gradient and Hessian by bin, with leaves
//! `−η·G/(H + λ)`, and the gradients move on by `gᵢ += hᵢ·δᵢ` before the next (the Hessian stays as it is for a round). A bag ends when [`PATIENCE`]
//! rounds have not lowered the loss of the part left out, and goes back to its best. A term is the mean over the bags; its standard
//! deviation is that of the delete-a-group jackknife, `√((K − 1)/K · Σₖ (fₖ − f̄)²)`. Pairs that earn a place (`pairs`) are boosted in
//! the same way on top of all terms, by cutting their grid into quadrants; what a pair says about one of its features alone is moved to
//! that feature's term.
//!
//! Gradients, Hessians and losses are whole numbers, so that sums are exact: in any order, and for a weight of 2 or two rows.
//! Rows with the same bins lie in the same part, as for pairs; those of a heavy cell (see [`HEAVY`]) are in every bag, and judge in each.
//!
//! # Reference
//! Lou, Caruana, Gehrke: Intelligible models for classification and regression. KDD 2012, <https://doi.org/10.1145/2339530.2339556>;
//! Nori, Jenkins, Koch, Caruana: InterpretML: a unified framework for machine learning interpretability. 2019,
//! <https://doi.org/10.48550/arXiv.1909.09223>;
//! Efron, Stein: The jackknife estimate of variance. The Annals of Statistics 9 (1981), <https://doi.org/10.1214/aos/1176345462>.

use super::basis::{Column, Kind, bins};
use super::fit::{FEWEST, check_values};
use super::pairs::{Grid, Grouped, hashes};
use super::term::Axis;
use super::{Effect, Glassbox, GlassboxParams, Levels, Pair, Shape, Steps, Term};
use crate::learn::logistic::check_labels;
use crate::num::float;
use crate::preprocess::Design;
use crate::{Result, Run};

/// Parts of the rows, hence bags.
pub(super) const PARTS: usize = 8;
/// η.
const RATE: f64 = 0.2;
/// λ, in weight.
const SHRINK: f64 = 5.0;
/// Most leaves of a tree over one feature: 2, and 3 from this weight of all rows on.
const LARGE: f64 = 5000.0;
/// Least weight of a leaf's rows.
const MIN_LEAF: f64 = 5.0;
/// Rounds without a lower loss after which a bag ends.
const PATIENCE: u32 = 50;
/// Most rounds.
const MAX_ROUNDS: u32 = 5000;
/// Most groups of a feature of a pair, those of gaps and of other levels aside.
const FINE_GROUPS: usize = 16;
/// Rows with the same bins are heavy from this weight on, …
const HEAVY: f64 = 10.0;
/// … and from this share of all rows on.
const HEAVY_SHARE: f64 = 1.0 / 64.0;
/// Whole numbers of one unit of gradient, of Hessian, and of loss.
const UNIT: f64 = (1u32 << 24) as f64;
/// Rounds of moving what a pair says about one feature to that feature.
const PURIFYING: usize = 20;

/// Sums of gradient and Hessian of each bin.
type Sums = [[i64; 2]];

/// Rows with labels, weights as whole numbers, and the part of each.
struct Labels<'a> {
    y: &'a [u8],
    w: Vec<i64>,
    /// What a unit of weight is in whole numbers.
    scale: f64,
    parts: Vec<u8>,
    /// Whether a row is in every bag.
    heavy: Vec<bool>,
    /// Of a tree over one feature.
    max_leaves: usize,
}

impl<'a> Labels<'a> {
    fn of(columns: &[Column], y: &'a [u8], weights: Option<&[f64]>) -> Labels<'a> {
        let weight = |row: usize| weights.map_or(1.0, |w| w[row]);
        let total: f64 = (0..y.len()).map(weight).sum();
        // Sums of weight × 2²⁴ fit 63 bits. A power of two: whole weights stay exact.
        let mut scale = 65_536.0;
        while total * scale > (1u64 << 37) as f64 {
            scale *= 0.5;
        }
        let w: Vec<i64> = (0..y.len()).map(|row| (weight(row) * scale).round() as i64).collect();
        let hashes = hashes(columns, y.len());
        let mut order: Vec<usize> = (0..y.len()).filter(|&row| w[row] > 0).collect();
        order.sort_by_key(|&row| hashes[row]);
        let mut heavy = vec![false; y.len()];
        for cell in order.chunk_by(|a, b| hashes[*a] == hashes[*b]) {
            let mass: i64 = cell.iter().map(|&row| w[row]).sum();
            if mass as f64 >= HEAVY * scale && mass as f64 >= HEAVY_SHARE * total * scale {
                cell.iter().for_each(|&row| heavy[row] = true);
            }
        }
        let parts = hashes.into_iter().map(|h| (h % PARTS as u64) as u8).collect();
        Labels { y, w, scale, parts, heavy, max_leaves: if total < LARGE { 2 } else { 3 } }
    }

    /// Weight of a row in a bag.
    fn in_bag(&self, row: usize, bag: usize) -> i64 {
        if usize::from(self.parts[row]) == bag && !self.heavy[row] { 0 } else { self.w[row] }
    }

    /// Weight of a row among those that judge a bag: a heavy row judges all of them, so in each it counts for a share.
    fn judges(&self, row: usize, bag: usize) -> i64 {
        match (self.heavy[row], usize::from(self.parts[row]) == bag) {
            (true, _) => self.w[row],
            (false, true) => self.w[row] * PARTS as i64,
            (false, false) => 0,
        }
    }

    /// A bag's first score: the log-odds of its rows. `None` where there are rows of one label only, or none to judge.
    fn base(&self, bag: usize) -> Option<f64> {
        let mut sums = [0i64; 2];
        let mut judges = false;
        for (row, &y) in self.y.iter().enumerate() {
            sums[usize::from(y != 0)] += self.in_bag(row, bag);
            judges |= self.judges(row, bag) > 0;
        }
        (judges && sums.iter().all(|s| *s > 0)).then(|| float::ln(sums[1] as f64 / sums[0] as f64))
    }
}

/// What is boosted: a feature or a pair of them.
struct Unit<'a, C> {
    /// The bin or cell of each row.
    codes: &'a [C],
    n: usize,
    form: Form,
}

enum Form {
    /// Bins in order, from the first to the last that is not of gaps; and the direction, if any.
    Line { filled: usize, direction: f64 },
    /// Levels.
    Set,
    /// Rows and columns of a grid, each in the order in which they are cut.
    Grid([Vec<usize>; 2]),
}

/// Where a bag stands.
struct Bag {
    base: f64,
    /// By unit and bin.
    effects: Vec<Vec<f64>>,
    rounds: u32,
    settled: bool,
}

fn score(g: f64, h: f64) -> f64 {
    g * g / (h + SHRINK)
}

fn leaf(g: f64, h: f64) -> f64 {
    -RATE * g / (h + SHRINK)
}

/// Sums over the first so many bins of an order: gradient, Hessian, weight.
fn cumulated(order: impl Iterator<Item = usize>, sums: &[[f64; 3]]) -> Vec<[f64; 3]> {
    let mut total = [0.0; 3];
    std::iter::once(total)
        .chain(order.map(|bin| {
            for (t, s) in total.iter_mut().zip(&sums[bin]) {
                *t += s;
            }
            total
        }))
        .collect()
}

/// A tree over bins in an order: what each adds, into `out`.
fn cut_line(order: &[usize], max_leaves: usize, direction: f64, sums: &[[f64; 3]], out: &mut [f64]) {
    let upto = cumulated(order.iter().copied(), sums);
    let within = |from: usize, to: usize| {
        let ([a, b, c], [d, e, f]) = (upto[from], upto[to]);
        (d - a, e - b, f - c)
    };
    let mut cuts = vec![0, order.len()];
    while cuts.len() <= max_leaves {
        let mut best = (0.0, 0, 0);
        for (place, ends) in cuts.windows(2).enumerate() {
            let (from, to) = (ends[0], ends[1]);
            let (g, h, m) = within(from, to);
            if m < 2.0 * MIN_LEAF {
                continue;
            }
            let whole = score(g, h);
            let value = |from: usize, to: usize| {
                let (g, h, _) = within(from, to);
                leaf(g, h)
            };
            let left_value = place.checked_sub(1).map(|p| value(cuts[p], from));
            let right_value = cuts.get(place + 2).map(|&end| value(to, end));
            for at in from + 1..to {
                let ((gl, hl, ml), (gr, hr, mr)) = (within(from, at), within(at, to));
                if ml < MIN_LEAF || mr < MIN_LEAF {
                    continue;
                }
                let gain = score(gl, hl) + score(gr, hr) - whole;
                if gain <= best.0 {
                    continue;
                }
                if direction != 0.0 {
                    let (l, r) = (direction * leaf(gl, hl), direction * leaf(gr, hr));
                    let rises = l <= r
                        && left_value.is_none_or(|v| direction * v <= l)
                        && right_value.is_none_or(|v| r <= direction * v);
                    if !rises {
                        continue;
                    }
                }
                best = (gain, place, at);
            }
        }
        if best.0 <= 0.0 {
            break;
        }
        cuts.insert(best.1 + 1, best.2);
    }
    if cuts.len() < 3 {
        return;
    }
    for ends in cuts.windows(2) {
        let (g, h, _) = within(ends[0], ends[1]);
        let value = leaf(g, h);
        order[ends[0]..ends[1]].iter().for_each(|&bin| out[bin] = value);
    }
}

/// A grid cut once along each side: what each cell adds, into `out`.
fn cut_grid([rows, columns]: &[Vec<usize>; 2], sums: &[[f64; 3]], out: &mut [f64]) {
    let (height, width) = (rows.len(), columns.len());
    // Sums over the first so many rows and columns.
    let mut upto = vec![[0.0; 3]; (height + 1) * (width + 1)];
    for (r, &row) in rows.iter().enumerate() {
        let mut line = [0.0; 3];
        for (c, &column) in columns.iter().enumerate() {
            let above = upto[r * (width + 1) + c + 1];
            let at = &mut upto[(r + 1) * (width + 1) + c + 1];
            for (((line, sum), above), at) in line.iter_mut().zip(&sums[row * width + column]).zip(above).zip(at) {
                *line += sum;
                *at = above + *line;
            }
        }
    }
    let quadrants = |r: usize, c: usize| {
        let at = |r: usize, c: usize| upto[r * (width + 1) + c];
        let (whole, top, left, corner) = (at(height, width), at(r, width), at(height, c), at(r, c));
        let of = |f: &dyn Fn(usize) -> f64| [f(0), f(1), f(2)];
        [
            corner,
            of(&|i| top[i] - corner[i]),
            of(&|i| left[i] - corner[i]),
            of(&|i| whole[i] - top[i] - left[i] + corner[i]),
        ]
    };
    let heavy = |q: &&[f64; 3]| q[2] >= MIN_LEAF;
    let mut best = (0.0, 0, 0);
    for r in 1..height {
        for c in 1..width {
            let gain = quadrants(r, c).iter().filter(heavy).map(|q| score(q[0], q[1])).sum::<f64>();
            if gain > best.0 {
                best = (gain, r, c);
            }
        }
    }
    if best.0 <= 0.0 {
        return;
    }
    let values = quadrants(best.1, best.2).map(|q| if q[2] >= MIN_LEAF { leaf(q[0], q[1]) } else { 0.0 });
    for (r, &row) in rows.iter().enumerate() {
        for (c, &column) in columns.iter().enumerate() {
            out[row * width + column] = values[2 * usize::from(r >= best.1) + usize::from(c >= best.2)];
        }
    }
}

impl<C: Copy + Into<usize>> Unit<'_, C> {
    /// What each bin adds in this round.
    fn step(&self, max_leaves: usize, sums: &Sums, mass: &[f64], unit: f64, out: &mut [f64]) {
        out.fill(0.0);
        let sums: Vec<[f64; 3]> =
            sums.iter().zip(mass).map(|([g, h], m)| [*g as f64 * unit, *h as f64 * unit, *m]).collect();
        match &self.form {
            Form::Line { filled, direction } => {
                let order: Vec<usize> = (0..*filled).collect();
                cut_line(&order, max_leaves, *direction, &sums, out);
                if let (Some(o), Some([g, h, m])) = (out.get_mut(*filled), sums.get(*filled))
                    && *m >= MIN_LEAF
                {
                    *o = leaf(*g, *h);
                }
            }
            Form::Set => {
                let slope = |bin: usize| sums[bin][0] / (sums[bin][1] + SHRINK);
                let mut order: Vec<usize> = (0..self.n).collect();
                order.sort_by(|a, b| slope(*b).total_cmp(&slope(*a)));
                cut_line(&order, max_leaves, 0.0, &sums, out);
            }
            Form::Grid(axes) => cut_grid(axes, &sums, out),
        }
    }
}

/// Boost units in one bag from the scores `z` on.
fn boost<C: Copy + Into<usize>>(
    labels: &Labels<'_>,
    bag: usize,
    z: &mut [f64],
    units: &[Unit<'_, C>],
    run: &Run,
) -> Result<(Vec<Vec<f64>>, u32, bool)> {
    let n = labels.y.len();
    let w: Vec<i64> = (0..n).map(|row| labels.in_bag(row, bag)).collect();
    let judges: Vec<usize> = (0..n).filter(|&row| labels.judges(row, bag) > 0).collect();
    let mass: Vec<Vec<f64>> = units
        .iter()
        .map(|unit| {
            let mut mass = vec![0i64; unit.n];
            unit.codes.iter().zip(&w).for_each(|(&code, w)| mass[code.into()] += w);
            mass.into_iter().map(|m| m as f64 / labels.scale).collect()
        })
        .collect();
    let loss = |z: &[f64]| -> i128 {
        let of = |&row: &usize| {
            let margin = if labels.y[row] != 0 { z[row] } else { -z[row] };
            i128::from((float::softplus(-margin) * UNIT) as i64) * i128::from(labels.judges(row, bag))
        };
        judges.iter().map(of).sum()
    };
    let unit_of_sums = 1.0 / (UNIT * labels.scale);
    let mut effects: Vec<Vec<f64>> = units.iter().map(|u| vec![0.0; u.n]).collect();
    let mut steps = effects.clone();
    let mut best = effects.clone();
    let (mut best_loss, mut best_round) = (loss(z), 0);
    let (mut g, mut h) = (vec![0.0; n], vec![0.0; n]);
    let mut weighted_h = vec![0i64; n];
    let mut sums: Vec<[i64; 2]> = Vec::new();
    for round in 1..=MAX_ROUNDS {
        let slopes = g.iter_mut().zip(&mut h).zip(&mut weighted_h);
        for ((((g, h), weighted), z), (y, w)) in slopes.zip(z.iter()).zip(labels.y.iter().zip(&w)) {
            let p = float::sigmoid(*z);
            *g = if *y != 0 { p - 1.0 } else { p };
            *h = p * (1.0 - p);
            *weighted = (*h * UNIT) as i64 * w;
        }
        for (u, unit) in units.iter().enumerate() {
            run.check()?;
            sums.clear();
            sums.resize(unit.n, [0; 2]);
            // What the unit before this added is taken along in the same pass.
            match u.checked_sub(1).map(|before| (&units[before], &steps[before])) {
                None => {
                    for (row, &code) in unit.codes.iter().enumerate() {
                        let sum = &mut sums[code.into()];
                        sum[0] += (g[row] * UNIT) as i64 * w[row];
                        sum[1] += weighted_h[row];
                    }
                }
                Some((before, step)) => {
                    for (row, (&code, &old)) in unit.codes.iter().zip(before.codes).enumerate() {
                        let d: f64 = step[old.into()];
                        z[row] += d;
                        g[row] += h[row] * d;
                        let sum = &mut sums[code.into()];
                        sum[0] += (g[row] * UNIT) as i64 * w[row];
                        sum[1] += weighted_h[row];
                    }
                }
            }
            unit.step(labels.max_leaves, &sums, &mass[u], unit_of_sums, &mut steps[u]);
            effects[u].iter_mut().zip(&steps[u]).for_each(|(e, s)| *e += s);
        }
        if let (Some(unit), Some(step)) = (units.last(), steps.last()) {
            z.iter_mut().zip(unit.codes).for_each(|(z, &code)| *z += step[code.into()]);
        }
        let now = loss(z);
        if now < best_loss {
            (best_loss, best_round) = (now, round);
            best.iter_mut().zip(&effects).for_each(|(b, e)| b.copy_from_slice(e));
        } else if round >= best_round + PATIENCE {
            return Ok((best, best_round, true));
        }
    }
    Ok((best, best_round, false))
}

/// The scores of the rows by the tables of a bag.
fn scores<C: Copy + Into<usize>>(from: &mut [f64], units: &[Unit<'_, C>], effects: &[Vec<f64>]) {
    for (unit, effect) in units.iter().zip(effects) {
        from.iter_mut().zip(unit.codes).for_each(|(z, &code)| *z += effect[code.into()]);
    }
}

/// A pair of features on its grid.
struct Crossed<'a> {
    sides: [&'a Grouped; 2],
    /// The cell of each row.
    cells: Vec<u16>,
    /// Weight of each cell.
    mass: Vec<f64>,
}

impl<'a> Crossed<'a> {
    fn of(sides: [&'a Grouped; 2], columns: &[Column], labels: &Labels<'_>) -> Crossed<'a> {
        let width = sides[1].axis.n_groups();
        let [a, b] = sides.map(|s| &columns[s.feature].codes);
        let group = |side: &Grouped, code: u8| usize::from(side.of_bin[usize::from(code)]);
        let cells: Vec<u16> =
            a.iter().zip(b).map(|(&p, &q)| (group(sides[0], p) * width + group(sides[1], q)) as u16).collect();
        let mut mass = vec![0i64; sides[0].axis.n_groups() * width];
        cells.iter().zip(&labels.w).for_each(|(&cell, w)| mass[usize::from(cell)] += w);
        Crossed { sides, cells, mass: mass.into_iter().map(|m| m as f64).collect() }
    }

    fn width(&self) -> usize {
        self.sides[1].axis.n_groups()
    }

    /// Move what the table says about one side alone to the terms of the sides.
    fn purify(&self, table: &mut [f64], terms: [usize; 2], effects: &mut [Vec<f64>]) {
        let width = self.width();
        let height = self.sides[0].axis.n_groups();
        for _ in 0..PURIFYING {
            for (side, (n, m)) in [(height, width), (width, height)].into_iter().enumerate() {
                let mut means = vec![0.0; n];
                for (i, mean) in means.iter_mut().enumerate() {
                    let cell = |j: usize| if side == 0 { i * width + j } else { j * width + i };
                    let total: f64 = (0..m).map(|j| self.mass[cell(j)]).sum();
                    if total > 0.0 {
                        *mean = (0..m).map(|j| self.mass[cell(j)] * table[cell(j)]).sum::<f64>() / total;
                        (0..m).for_each(|j| table[cell(j)] -= *mean);
                    }
                }
                for (effect, group) in effects[terms[side]].iter_mut().zip(&self.sides[side].of_bin) {
                    *effect += means[usize::from(*group)];
                }
            }
        }
    }
}

/// The mean over the bags and the jackknife's standard deviation.
fn mean(of_bags: &[f64]) -> Effect {
    let n = of_bags.len() as f64;
    let effect = of_bags.iter().sum::<f64>() / n;
    let squares: f64 = of_bags.iter().map(|e| (e - effect) * (e - effect)).sum();
    Effect { effect, std_err: ((n - 1.0) / n * squares).sqrt() }
}

fn means(bags: &[Bag], unit: usize, n: usize) -> Vec<Effect> {
    (0..n).map(|bin| mean(&bags.iter().map(|b| b.effects[unit][bin]).collect::<Vec<f64>>())).collect()
}

/// Take the mean over the rows out of every effect, and return it.
fn centre(effects: &mut [Effect], mass: &[f64]) -> f64 {
    let total: f64 = mass.iter().sum();
    let mean = effects.iter().zip(mass).map(|(e, m)| e.effect * m).sum::<f64>() / total.max(f64::MIN_POSITIVE);
    effects.iter_mut().for_each(|e| e.effect -= mean);
    mean
}

fn term(column: &Column, effects: &[Effect]) -> Term {
    let filled = column.n_bins - usize::from(column.has_missing);
    let (of_values, rest) = effects.split_at(filled);
    let missing = rest.first().copied().unwrap_or_default();
    let mut different = usize::from(column.has_missing);
    let shape = match &column.kind {
        Kind::Levels { codes, has_other } => {
            let (of_levels, others) = of_values.split_at(codes.len());
            let other = if *has_other { others.first().copied().unwrap_or_default() } else { Effect::default() };
            different += of_values.len();
            let (effect, std_err) = of_levels.iter().map(|e| (e.effect, e.std_err)).unzip();
            Shape::Levels(Levels { codes: codes.clone(), effect, std_err, other })
        }
        Kind::Number { .. } | Kind::Pair { .. } => {
            let mut steps = Steps::default();
            for (bin, e) in of_values.iter().enumerate() {
                if bin > 0 {
                    if of_values[bin - 1] == *e {
                        continue;
                    }
                    steps.cuts.extend(column.ends.get(bin - 1));
                }
                steps.effect.push(e.effect);
                steps.std_err.push(e.std_err);
            }
            if steps.effect.is_empty() {
                // Gaps alone.
                (steps.effect, steps.std_err) = (vec![0.0], vec![0.0]);
            }
            different += steps.effect.len();
            Shape::Steps(steps)
        }
    };
    Term { shape, missing, edf: different.saturating_sub(1) as f64, smoothness: 0.0 }
}

impl GlassboxParams {
    /// The fit by boosting; see [`GlassboxParams::fit_design`].
    pub(super) fn boost(&self, x: &Design, y: &[u8], weights: Option<&[f64]>, run: &Run) -> Result<Glassbox> {
        check_values(x)?;
        let [negative, positive] = check_labels(x.n_rows, y, weights)?;
        let columns = bins(x, weights, run)?;
        let directions = self.directions(x, &columns)?;
        let used: Vec<usize> = (0..columns.len()).filter(|&j| columns[j].k > 0).collect();
        let labels = Labels::of(&columns, y, weights);
        let units: Vec<Unit<'_, u8>> = used
            .iter()
            .map(|&j| {
                let column = &columns[j];
                let form = match column.kind {
                    Kind::Levels { .. } => Form::Set,
                    _ => {
                        Form::Line { filled: column.n_bins - usize::from(column.has_missing), direction: directions[j] }
                    }
                };
                Unit { codes: &column.codes, n: column.n_bins, form }
            })
            .collect();
        let bases: Vec<(usize, f64)> = (0..PARTS).filter_map(|k| Some((k, labels.base(k)?))).collect();
        let mut fitted = Glassbox {
            intercept: float::ln(positive / negative),
            terms: vec![Term::zero(); columns.len()],
            pairs: Vec::new(),
            ridge: 0.0,
            n_iter: 0,
            converged: true,
        };
        if bases.is_empty() {
            return Ok(fitted);
        }
        let mut bags = run.map(bases.len(), |b| {
            let (bag, base) = bases[b];
            let (effects, rounds, settled) = boost(&labels, bag, &mut vec![base; y.len()], &units, run)?;
            Ok(Bag { base, effects, rounds, settled })
        })?;
        let tried = if negative.min(positive) < FEWEST { 0 } else { self.interactions.or(0) as usize };
        let free: Vec<usize> = used.iter().copied().filter(|&j| directions[j] == 0.0).collect();
        let grouped =
            |most: usize| free.iter().map(|&j| Grouped::of(j, &columns[j], weights, most)).collect::<Vec<_>>();
        let sides = grouped(FINE_GROUPS);
        let mut crossed: Vec<Crossed<'_>> = Vec::new();
        if tried > 0 && free.len() > 1 {
            let z: Vec<Vec<f64>> = run.map(bags.len(), |b| {
                let mut z = vec![bags[b].base; y.len()];
                scores(&mut z, &units, &bags[b].effects);
                Ok(z)
            })?;
            let grid = Grid { y, weights, columns: &columns, grouped: grouped(super::pairs::GROUPS), run };
            let all: Vec<f64> =
                (0..y.len()).map(|row| z.iter().map(|z| z[row]).sum::<f64>() / z.len() as f64).collect();
            let candidates = grid.ranked(&all, tried)?;
            let kept = grid.earned(&candidates, &labels.parts, z.clone())?;
            crossed = kept.into_iter().map(|(a, b)| Crossed::of([&sides[a], &sides[b]], &columns, &labels)).collect();
            let axis = |side: &Grouped| -> Vec<usize> {
                let mut order: Vec<usize> = (0..side.axis.n_groups()).collect();
                if let (Axis::Levels { .. }, Some(unit)) = (&side.axis, used.iter().position(|&j| j == side.feature)) {
                    let mut sums = vec![[0.0; 2]; order.len()];
                    let means = means(&bags, unit, columns[side.feature].n_bins);
                    for (group, effect) in side.of_bin.iter().zip(means) {
                        sums[usize::from(*group)][0] += 1.0;
                        sums[usize::from(*group)][1] += effect.effect;
                    }
                    let size = |g: usize| if sums[g][0] > 0.0 { sums[g][1] / sums[g][0] } else { 0.0 };
                    order.sort_by(|a, b| size(*a).total_cmp(&size(*b)));
                }
                order
            };
            let grids: Vec<Unit<'_, u16>> = crossed
                .iter()
                .map(|c| Unit { codes: &c.cells, n: c.mass.len(), form: Form::Grid(c.sides.map(axis)) })
                .collect();
            if !grids.is_empty() {
                let more = run.map(bags.len(), |b| {
                    let (bag, _) = bases[b];
                    boost(&labels, bag, &mut z[b].clone(), &grids, run)
                })?;
                for (bag, (tables, rounds, settled)) in bags.iter_mut().zip(more) {
                    bag.rounds += rounds;
                    bag.settled &= settled;
                    for (mut table, c) in tables.into_iter().zip(&crossed) {
                        let place = |side: &Grouped| used.iter().position(|&j| j == side.feature).unwrap_or(0);
                        c.purify(&mut table, c.sides.map(place), &mut bag.effects);
                        bag.effects.push(table);
                    }
                }
            }
        }
        fitted.intercept = mean(&bags.iter().map(|b| b.base).collect::<Vec<f64>>()).effect;
        for (unit, &j) in used.iter().enumerate() {
            let column = &columns[j];
            let mut mass = vec![0i64; column.n_bins];
            column.codes.iter().zip(&labels.w).for_each(|(&code, w)| mass[usize::from(code)] += w);
            let mass: Vec<f64> = mass.into_iter().map(|m| m as f64).collect();
            let mut effects = means(&bags, unit, column.n_bins);
            fitted.intercept += centre(&mut effects, &mass);
            fitted.terms[j] = term(column, &effects);
        }
        for (i, c) in crossed.iter().enumerate() {
            let mut effects = means(&bags, used.len() + i, c.mass.len());
            fitted.intercept += centre(&mut effects, &c.mass);
            let (effect, std_err) = effects.into_iter().map(|e| (e.effect, e.std_err)).unzip();
            fitted.pairs.push(Pair {
                features: c.sides.map(|s| s.feature),
                axes: c.sides.map(|s| s.axis.clone()),
                effect,
                std_err,
                edf: c.mass.iter().filter(|m| **m > 0.0).count().saturating_sub(1) as f64,
            });
        }
        fitted.n_iter = bags.iter().map(|b| b.rounds).max().unwrap_or(0);
        fitted.converged = bags.iter().all(|b| b.settled);
        Ok(fitted)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::Seed;

    fn draw(n: usize, seed: u64) -> Vec<[f64; 3]> {
        let mut r = Seed(seed).stream("sums", 0);
        (0..n).map(|_| [10.0 * r.normal(), 5.0 * r.uniform(), r.below(12) as f64]).collect()
    }

    fn total<'a>(of: impl Iterator<Item = &'a [f64; 3]>) -> [f64; 3] {
        of.fold([0.0; 3], |t, s| [t[0] + s[0], t[1] + s[1], t[2] + s[2]])
    }

    #[test]
    fn the_cut_of_a_line_is_the_best_there_is() {
        for seed in 0..50 {
            let sums = draw(9, seed);
            let order: Vec<usize> = vec![4, 0, 8, 1, 7, 2, 6, 3, 5];
            let gain = |at: usize| {
                let [l, r] = [&order[..at], &order[at..]].map(|side| total(side.iter().map(|&b| &sums[b])));
                let [gl, gr] = [l, r].map(|[g, h, _]| g * g / (h + SHRINK));
                if l[2] >= MIN_LEAF && r[2] >= MIN_LEAF { gl + gr } else { f64::NEG_INFINITY }
            };
            let best = (1..9).max_by(|a, b| gain(*a).total_cmp(&gain(*b))).unwrap();
            let mut out = vec![0.0; 9];
            cut_line(&order, 2, 0.0, &sums, &mut out);
            let [g, h, _] = total(sums.iter());
            if gain(best) <= score(g, h) {
                assert!(out.iter().all(|v| *v == 0.0), "{seed}: a cut that gains nothing");
                continue;
            }
            for (place, &bin) in order.iter().enumerate() {
                let side = if place < best { &order[..best] } else { &order[best..] };
                let [g, h, _] = total(side.iter().map(|&b| &sums[b]));
                assert!((out[bin] + RATE * g / (h + SHRINK)).abs() < 1e-12, "{seed} {bin}");
            }
            // A third leaf is a cut of one of the two.
            cut_line(&order, 3, 0.0, &sums, &mut out);
            let mut different: Vec<u64> = order.iter().map(|&b| out[b].to_bits()).collect();
            different.dedup();
            assert!(different.len() <= 3 && (best == 0 || out[order[best - 1]] != out[order[best]]));
            // With a direction the leaves rise.
            let mut out = vec![0.0; 9];
            cut_line(&order, 3, 1.0, &sums, &mut out);
            assert!(order.windows(2).all(|b| out[b[0]] <= out[b[1]]), "{seed}");
        }
    }

    #[test]
    fn the_quadrants_of_a_grid_are_the_best_there_are() {
        for seed in 0..30 {
            let sums = draw(20, seed);
            let cells = &sums;
            let axes = [vec![2, 0, 3, 1], vec![0, 4, 2, 1, 3]];
            let quadrant = |r: usize, c: usize, q: usize| {
                let rows = if q < 2 { &axes[0][..r] } else { &axes[0][r..] };
                let columns = if q.is_multiple_of(2) { &axes[1][..c] } else { &axes[1][c..] };
                total(rows.iter().flat_map(|row| columns.iter().map(move |column| &cells[row * 5 + column])))
            };
            let gain = |(r, c): (usize, usize)| -> f64 {
                (0..4).map(|q| quadrant(r, c, q)).filter(|q| q[2] >= MIN_LEAF).map(|q| score(q[0], q[1])).sum()
            };
            let cuts = (1..4).flat_map(|r| (1..5).map(move |c| (r, c)));
            let best = cuts.max_by(|a, b| gain(*a).total_cmp(&gain(*b))).unwrap();
            let mut out = vec![0.0; 20];
            cut_grid(&axes, &sums, &mut out);
            for (i, row) in axes[0].iter().enumerate() {
                for (j, column) in axes[1].iter().enumerate() {
                    let q = quadrant(best.0, best.1, 2 * usize::from(i >= best.0) + usize::from(j >= best.1));
                    let want = if q[2] >= MIN_LEAF { leaf(q[0], q[1]) } else { 0.0 };
                    assert!((out[row * 5 + column] - want).abs() < 1e-12, "{seed}");
                }
            }
        }
    }

    #[test]
    fn a_purified_pair_says_nothing_about_one_feature_and_the_sum_stays() {
        let mut r = Seed(3).stream("purify", 0);
        let sides = [4, 3].map(|n| Grouped {
            feature: 0,
            axis: Axis::Cuts { cuts: (0..n - 2).map(f64::from).collect() },
            of_bin: (0..n as u8).chain(0..n as u8).collect(),
        });
        let mass: Vec<f64> = (0..12).map(|i| if i == 5 { 0.0 } else { r.uniform() }).collect();
        let crossed = Crossed { sides: [&sides[0], &sides[1]], cells: Vec::new(), mass: mass.clone() };
        let table: Vec<f64> = (0..12).map(|_| r.normal()).collect();
        let mut pure = table.clone();
        let mut effects = vec![vec![0.0; 8], vec![0.0; 6]];
        crossed.purify(&mut pure, [0, 1], &mut effects);
        for row in 0..4 {
            let mean: f64 = (0..3).map(|c| mass[row * 3 + c] * pure[row * 3 + c]).sum();
            assert!(mean.abs() < 1e-6, "{row} {mean}");
            for column in 0..3 {
                let sum = pure[row * 3 + column] + effects[0][row + 4] + effects[1][column];
                assert!((sum - table[row * 3 + column]).abs() < 1e-12);
            }
        }
    }
}
