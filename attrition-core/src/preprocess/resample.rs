//! More rows of the rarer label, or fewer of the other, for the learner alone.

use serde::{Deserialize, Serialize};

use crate::error::Place;
use crate::num::quantile::median;
use crate::rng::Rng;
use crate::{Error, Result, Run, Seed};

/// Neighbours are sought among at most so many rows, drawn by the seed where there are more.
const MAX_CANDIDATES: usize = 16_384;
/// Rows whose neighbours are sought at a time.
const CHUNK: usize = 64;
/// Candidates whose distances are found at a time.
const BLOCK: usize = 512;
/// At most so many new rows for each row there is: weights far apart could ask for any number.
const MAX_GROWTH: usize = 100;

/// How training rows are resampled. Rows that are tested or predicted never are.
///
/// `ratio`, in (0, 1], is the weight of the rarer label's rows over that of the other's afterwards; where it is reached
/// already, nothing is done.
///
/// | `method` | does |
/// |---|---|
/// | `over` | repeats rows of the rarer label, each as likely as another, with the weight it has |
/// | `under` | leaves out rows of the other label, each as likely as another |
/// | `smote_nc` | makes new rows between a row of the rarer label, drawn by its weight, and one of its `k_neighbors` nearest of the same label (all others where there are fewer); each has the mean weight of the rarer label's rows |
///
/// Where weights differ, `over` meets the ratio on average, `under` as nearly as whole rows can. Rows of weight 0 take no part.
///
/// SMOTE-NC: the squared distance of two rows is that of their standardised numbers, and for each category or truth value in
/// which they differ the square of the median standard deviation of these numbers among the rarer label's rows. A new
/// number lies at a random place between the two rows' numbers, the same for all of them; a new category is the most frequent
/// one among the neighbours (of equals the row's own, else that of the nearest), so none is ever between two. A gap in a number
/// counts as the median in distances; where either row has a gap, the new number is that of the row it started from, gap included.
/// Without numbers a differing category counts 1. Neighbours are exact among up to 16,384 rows of the rarer label, and among as
/// many of them, drawn by the seed, where there are more.
///
/// # Reference
/// Chawla, Bowyer, Hall, Kegelmeyer: SMOTE: Synthetic minority over-sampling technique. Journal of Artificial Intelligence
/// Research 16 (2002), <https://doi.org/10.1613/jair.953>, section 6.1.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "method", rename_all = "snake_case", deny_unknown_fields)]
#[allow(missing_docs, reason = "the table above says each")]
pub enum ResampleParams {
    Over {
        #[serde(default = "one")]
        ratio: f64,
    },
    Under {
        #[serde(default = "one")]
        ratio: f64,
    },
    SmoteNc {
        #[serde(default = "one")]
        ratio: f64,
        #[serde(default = "five")]
        k_neighbors: usize,
    },
}

fn one() -> f64 {
    1.0
}
fn five() -> usize {
    5
}

impl ResampleParams {
    fn ratio(&self) -> f64 {
        match self {
            ResampleParams::Over { ratio }
            | ResampleParams::Under { ratio }
            | ResampleParams::SmoteNc { ratio, .. } => *ratio,
        }
    }

    /// That every parameter is in its range.
    ///
    /// # Errors
    /// [`Error::InvalidParam`].
    pub fn check(&self) -> Result<()> {
        if !(self.ratio() > 0.0 && self.ratio() <= 1.0) {
            let hint = "1 makes both labels weigh the same";
            return Err(Error::param("preprocess.resample.ratio", self.ratio(), "a number in (0, 1]", hint));
        }
        if let ResampleParams::SmoteNc { k_neighbors, .. } = self
            && !(1..=100).contains(k_neighbors)
        {
            let hint = "5 is the usual number";
            return Err(Error::param(
                "preprocess.resample.k_neighbors",
                k_neighbors,
                "a whole number in 1..=100",
                hint,
            ));
        }
        Ok(())
    }
}

/// One column of the rows, as slots.
#[derive(Debug, Clone, Copy)]
pub(super) struct SlotColumn<'a> {
    /// A category or a truth value: its values are never mixed.
    pub(super) nominal: bool,
    /// `n` slots; NaN is a gap.
    pub(super) values: &'a [f64],
}

/// What a learner is fitted on instead.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Resampled {
    /// Positions of the rows that stay, repeated where they count more than once.
    pub(super) rows: Vec<usize>,
    /// New rows: `m` slots a column.
    pub(super) synthetic: Vec<Vec<f64>>,
    /// Their label.
    pub(super) synthetic_label: u8,
    /// The weight of each.
    pub(super) synthetic_weight: f64,
    /// `m`.
    pub(super) n_synthetic: usize,
}

/// Resample `n` rows with labels `y` and weights `w`.
///
/// # Errors
/// [`Error::InvalidData`] for rows of one label, or a single row of the rarer one under SMOTE-NC; [`Error::InvalidParam`] for a ratio
/// that takes more than 100 new rows a row; [`Error::Cancelled`].
pub(super) fn resample(
    params: &ResampleParams,
    columns: &[SlotColumn<'_>],
    y: &[u8],
    w: Option<&[f64]>,
    seed: Seed,
    run: &Run,
) -> Result<Resampled> {
    let weight = |i: usize| w.map_or(1.0, |w| w[i]);
    let mut by_label: [Vec<usize>; 2] = [Vec::new(), Vec::new()];
    let mut weights = [0.0; 2];
    for (i, &label) in y.iter().enumerate().filter(|(i, _)| weight(*i) > 0.0) {
        by_label[usize::from(label != 0)].push(i);
        weights[usize::from(label != 0)] += weight(i);
    }
    if by_label.iter().any(Vec::is_empty) {
        return Err(Error::data(
            Place::none(),
            "training rows of one label",
            "rows of both labels, to resample",
            "add rows of the other outcome",
        ));
    }
    let rare = usize::from(weights[1] <= weights[0]);
    let rows = &by_label[rare];
    let mut out = Resampled {
        rows: (0..y.len()).collect(),
        synthetic: vec![Vec::new(); columns.len()],
        synthetic_label: rare as u8,
        synthetic_weight: weights[rare] / rows.len() as f64,
        n_synthetic: 0,
    };
    let target = params.ratio() * weights[1 - rare];
    if weights[rare] >= target {
        return Ok(out);
    }
    let wanted = ((target - weights[rare]) / out.synthetic_weight).round();
    if !matches!(params, ResampleParams::Under { .. }) && wanted > (y.len() * MAX_GROWTH) as f64 {
        return Err(Error::param(
            "preprocess.resample.ratio",
            format!("{}, which takes {wanted:e} new rows beside {}", params.ratio(), y.len()),
            format!("a ratio that takes at most {MAX_GROWTH} new rows a row"),
            "the weights of the two labels are far apart: lower `ratio`, or weigh by `class_weight`",
        ));
    }
    let wanted = wanted as usize;
    match params {
        ResampleParams::Over { .. } => {
            // A row brings its own weight along: drawing by weight too would square it.
            let mut rng = seed.stream("over_sampling", 0);
            out.rows.extend((0..wanted).filter_map(|_| rows.get(rng.below(rows.len()))));
        }
        ResampleParams::Under { ratio } => {
            let mut others = by_label[1 - rare].clone();
            seed.stream("under_sampling", 0).shuffle(&mut others);
            let enough = weights[rare] / ratio;
            let mut sum = 0.0;
            // As many as come nearest to the ratio.
            let n = others.iter().take_while(|&&i| {
                let fits = sum + weight(i) / 2.0 <= enough;
                sum += weight(i);
                fits
            });
            let n = n.count().max(1);
            others.truncate(n);
            others.extend(rows);
            others.sort_unstable();
            out.rows = others;
        }
        ResampleParams::SmoteNc { k_neighbors, .. } => {
            if rows.len() < 2 {
                return Err(Error::data(
                    Place::none(),
                    "one training row of the rarer label",
                    "at least 2, to make rows between them",
                    "use {\"method\": \"over\"}",
                ));
            }
            let space = Space::new(columns, rows, w, *k_neighbors, seed);
            let draw = Draw::new(&space.rows, &weight);
            // One stream a row: no thread count shows.
            let drawn = (0..wanted).map(|i| {
                let mut rng = seed.stream("smote", i as u64);
                (draw.one(&mut rng), rng)
            });
            let drawn: Vec<(usize, Rng)> = drawn.collect();
            let mut bases: Vec<usize> = drawn.iter().map(|d| d.0).collect();
            bases.sort_unstable();
            bases.dedup();
            let neighbours = run.map_chunks(bases.len(), CHUNK, |range| space.neighbours(&bases[range], run))?.concat();
            let new = drawn.into_iter().map(|(base, mut rng)| {
                let place = bases.partition_point(|&b| b < base);
                let near = neighbours.get(place).map_or(&[][..], Vec::as_slice);
                let other = near.get(rng.below(near.len())).copied().unwrap_or(base);
                New { place, base: space.rows[base], other: space.rows[other], u: rng.uniform() }
            });
            let new: Vec<New> = new.collect();
            out.n_synthetic = wanted;
            out.synthetic = run.map(columns.len(), |j| {
                let c = &columns[j];
                if !c.nominal {
                    return Ok(new.iter().map(|n| between(c.values[n.base], c.values[n.other], n.u)).collect());
                }
                let frequent = bases.iter().zip(&neighbours).map(|(&base, near)| {
                    let others = near.iter().map(|&p| c.values[space.rows[p]]);
                    most_frequent(c.values[space.rows[base]], others)
                });
                let frequent: Vec<f64> = frequent.collect();
                Ok(new.iter().map(|n| frequent[n.place]).collect())
            })?;
        }
    }
    Ok(out)
}

/// A row to be made.
struct New {
    /// Of its base among the bases.
    place: usize,
    base: usize,
    other: usize,
    u: f64,
}

/// The number at `u` in [0, 1) on the way from `own` to `other`; `own` where either is a gap.
fn between(own: f64, other: f64, u: f64) -> f64 {
    let x = own + u * (other - own);
    // Also where the way is too long for a number.
    if x.is_finite() { x.clamp(own.min(other), own.max(other)) } else { own }
}

/// Places in a list of rows, drawn in proportion to their weight.
struct Draw {
    cumulated: Vec<f64>,
}

impl Draw {
    fn new(rows: &[usize], weight: &impl Fn(usize) -> f64) -> Draw {
        let mut sum = 0.0;
        let cumulated = rows.iter().map(|&i| {
            sum += weight(i);
            sum
        });
        Draw { cumulated: cumulated.collect() }
    }
    fn one(&self, rng: &mut Rng) -> usize {
        let at = rng.uniform() * self.cumulated.last().copied().unwrap_or(0.0);
        self.cumulated.partition_point(|&c| c <= at).min(self.cumulated.len().saturating_sub(1))
    }
}

/// The rarer label's rows as points; `m` of them.
struct Space {
    /// The rows; neighbours are sought among the first of them.
    rows: Vec<usize>,
    n_candidates: usize,
    /// Standardised numbers, `m` a column.
    numbers: Vec<Vec<f64>>,
    /// Which of a column's nominal values each row has, `m` a column.
    nominal: Vec<Vec<u32>>,
    /// What a differing nominal value adds.
    penalty: f64,
    k: usize,
}

impl Space {
    fn new(columns: &[SlotColumn<'_>], rows: &[usize], w: Option<&[f64]>, k: usize, seed: Seed) -> Space {
        let mut rows = rows.to_vec();
        let n_candidates = rows.len().min(MAX_CANDIDATES);
        if rows.len() > n_candidates {
            seed.stream("smote_candidates", 0).shuffle(&mut rows);
            rows[..n_candidates].sort_unstable();
        }
        let weight = |i: usize| w.map_or(1.0, |w| w[i]);
        let mut spreads = Vec::new();
        let mut numbers: Vec<Vec<f64>> = Vec::new();
        for c in columns.iter().filter(|c| !c.nominal) {
            let there =
                || c.values.iter().enumerate().map(|(i, &x)| (x, weight(i))).filter(|p| p.1 > 0.0 && !p.0.is_nan());
            let (mean, sd) = mean_and_deviation(there());
            let middle = median(c.values, w);
            let column: Vec<f64> = rows
                .iter()
                .map(|&i| if c.values[i].is_nan() { middle } else { c.values[i] })
                .map(|x| (x - mean) / if sd > 0.0 { sd } else { 1.0 })
                .collect();
            spreads.push(mean_and_deviation(column.iter().copied().zip(rows.iter().map(|&i| weight(i)))).1);
            numbers.push(column);
        }
        let nominal = columns.iter().filter(|c| c.nominal).map(|c| {
            // All gaps are one value; so are both zeros.
            let bits = |i: usize| if c.values[i].is_nan() { u64::MAX } else { (c.values[i] + 0.0).to_bits() };
            let mut levels: Vec<u64> = rows.iter().map(|&i| bits(i)).collect();
            levels.sort_unstable();
            levels.dedup();
            rows.iter().map(|&i| levels.partition_point(|&l| l < bits(i)) as u32).collect()
        });
        let nominal = nominal.collect();
        let spread = if spreads.is_empty() { 1.0 } else { median(&spreads, None) };
        Space { rows, n_candidates, numbers, nominal, penalty: spread * spread, k }
    }

    /// The places of the nearest others of each of some places, nearest first; of equals the first.
    fn neighbours(&self, places: &[usize], run: &Run) -> Result<Vec<Vec<usize>>> {
        let mut nearest: Vec<Vec<(f64, usize)>> = vec![Vec::with_capacity(self.k + 1); places.len()];
        let mut distances = [0.0; BLOCK];
        let mut differ = [0u32; BLOCK];
        // A block of candidates stays in the cache for all places; along it, columns are added up one by one.
        for start in (0..self.n_candidates).step_by(BLOCK) {
            run.check()?;
            let block = start..(start + BLOCK).min(self.n_candidates);
            let (distances, differ) = (&mut distances[..block.len()], &mut differ[..block.len()]);
            for (&place, nearest) in places.iter().zip(&mut nearest) {
                differ.fill(0);
                for column in &self.nominal {
                    let own = column[place];
                    differ.iter_mut().zip(&column[block.clone()]).for_each(|(d, &x)| *d += u32::from(x != own));
                }
                distances.iter_mut().zip(&*differ).for_each(|(d, &n)| *d = self.penalty * f64::from(n));
                for column in &self.numbers {
                    let own = column[place];
                    distances.iter_mut().zip(&column[block.clone()]).for_each(|(d, &x)| *d += (x - own) * (x - own));
                }
                for (other, &d) in block.clone().zip(&*distances) {
                    let near = nearest.len() < self.k || nearest.last().is_some_and(|worst| d < worst.0);
                    if near && other != place {
                        let at = nearest.partition_point(|n| n.0 <= d);
                        nearest.insert(at, (d, other));
                        nearest.truncate(self.k);
                    }
                }
            }
        }
        Ok(nearest.into_iter().map(|of_place| of_place.into_iter().map(|n| n.1).collect()).collect())
    }
}

/// Mean and standard deviation, population form, of values with their weights; (0, 0) of none, and where they overflow.
fn mean_and_deviation(values: impl Iterator<Item = (f64, f64)> + Clone) -> (f64, f64) {
    let total: f64 = values.clone().map(|(_, w)| w).sum();
    let mean = values.clone().map(|(x, w)| w * x).sum::<f64>() / total;
    let sd = (values.map(|(x, w)| w * (x - mean) * (x - mean)).sum::<f64>() / total).sqrt();
    if mean.is_finite() && sd.is_finite() { (mean, sd) } else { (0.0, 0.0) }
}

/// The most frequent value; of equals `own`, else the first.
fn most_frequent(own: f64, values: impl Iterator<Item = f64>) -> f64 {
    let same = |a: f64, b: f64| a == b || (a.is_nan() && b.is_nan());
    let mut counts: Vec<(f64, usize)> = Vec::new();
    for v in values {
        match counts.iter_mut().find(|c| same(c.0, v)) {
            Some(c) => c.1 += 1,
            None => counts.push((v, 1)),
        }
    }
    let most = counts.iter().map(|c| c.1).max().unwrap_or(0);
    let mut tied = counts.iter().filter(|c| c.1 == most);
    if tied.clone().any(|c| same(c.0, own)) { own } else { tied.next().map_or(own, |c| c.0) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{number, numbers};
    use proptest::prelude::*;

    struct Rows {
        number: Vec<f64>,
        gappy: Vec<f64>,
        category: Vec<f64>,
        y: Vec<u8>,
    }

    fn rows(n: usize, seed: u64) -> Rows {
        let mut r = Seed(seed).stream("resample", 0);
        Rows {
            number: (0..n).map(|_| 100.0 * r.normal()).collect(),
            gappy: (0..n).map(|_| if r.below(4) == 0 { f64::NAN } else { r.uniform() }).collect(),
            category: (0..n).map(|_| [0.0, 1.0, 2.0, -1.0, f64::NAN][r.below(5)]).collect(),
            y: (0..n).map(|i| u8::from(i < 2 || (i > 3 && r.below(6) == 0))).collect(),
        }
    }

    impl Rows {
        fn columns(&self) -> [SlotColumn<'_>; 3] {
            let column = |values, nominal| SlotColumn { nominal, values };
            [column(&self.number, false), column(&self.gappy, false), column(&self.category, true)]
        }
        fn resample(&self, params: &ResampleParams, w: Option<&[f64]>, threads: usize) -> Resampled {
            resample(params, &self.columns(), &self.y, w, Seed(7), &Run::new().n_threads(Some(threads))).unwrap()
        }
    }

    #[test]
    fn counts_reach_the_ratio() {
        let r = rows(600, 1);
        let positives = r.y.iter().filter(|&&v| v == 1).count();
        let negatives = 600 - positives;
        let smote = r.resample(&ResampleParams::SmoteNc { ratio: 0.5, k_neighbors: 5 }, None, 1);
        assert_eq!(smote.rows.len(), 600);
        assert_eq!(positives + smote.n_synthetic, (0.5 * negatives as f64).round() as usize);
        let over = r.resample(&ResampleParams::Over { ratio: 1.0 }, None, 1);
        assert_eq!(over.rows.iter().filter(|&&i| r.y[i] == 1).count(), negatives);
        assert_eq!(over.rows[..600], (0..600).collect::<Vec<_>>());
        let under = r.resample(&ResampleParams::Under { ratio: 0.8 }, None, 1);
        let left = under.rows.iter().filter(|&&i| r.y[i] == 0).count();
        assert!((left as f64 - positives as f64 / 0.8).abs() <= 1.0, "{left} beside {positives}");
        assert_eq!(under.rows.iter().filter(|&&i| r.y[i] == 1).count(), positives);
        assert!(under.rows.windows(2).all(|p| p[0] < p[1]));
        // Reached already: nothing is done.
        let same = r.resample(&ResampleParams::Over { ratio: 0.01 }, None, 1);
        assert_eq!((same.rows.len(), same.n_synthetic), (600, 0));
        // By weight: rows of weight 0 are none.
        let w: Vec<f64> = (0..600).map(|i| f64::from(i % 3)).collect();
        let over = r.resample(&ResampleParams::Over { ratio: 1.0 }, Some(&w), 1);
        let sum = |label: u8| over.rows.iter().filter(|&&i| r.y[i] == label).map(|&i| w[i]).sum::<f64>();
        assert!((sum(1) / sum(0) - 1.0).abs() < 0.05, "{}", sum(1) / sum(0));
        assert!(over.rows[600..].iter().all(|&i| w[i] > 0.0));
        // A row of weight 2 is drawn as often as one of weight 1, and counts twice.
        let heavy = over.rows[600..].iter().filter(|&&i| w[i] == 2.0).count() as f64 / (over.rows.len() - 600) as f64;
        let rare: Vec<usize> = (0..600).filter(|&i| r.y[i] == 1 && w[i] > 0.0).collect();
        let share = rare.iter().filter(|&&i| w[i] == 2.0).count() as f64 / rare.len() as f64;
        assert!((heavy - share).abs() < 0.1, "{heavy} {share}");
        let smote = r.resample(&ResampleParams::SmoteNc { ratio: 1.0, k_neighbors: 5 }, Some(&w), 1);
        let made = smote.n_synthetic as f64 * smote.synthetic_weight;
        let before: Vec<f64> = (0..2).map(|label| (0..600).filter(|&i| r.y[i] == label).map(|i| w[i]).sum()).collect();
        assert!((before[1] + made - before[0]).abs() <= smote.synthetic_weight / 2.0 + 1e-9);
    }

    fn bits(new: &Resampled) -> Vec<Vec<u64>> {
        new.synthetic.iter().map(|c| c.iter().map(|x| x.to_bits()).collect()).collect()
    }

    #[test]
    fn weight_zero_is_no_row_and_equal_weights_are_none() {
        let r = rows(300, 6);
        let w: Vec<f64> = (0..300).map(|i| f64::from(u8::from(i % 4 != 1))).collect();
        let left: Vec<usize> = (0..300).filter(|i| w[*i] > 0.0).collect();
        let take = |v: &[f64]| left.iter().map(|&i| v[i]).collect::<Vec<f64>>();
        let fewer = Rows {
            number: take(&r.number),
            gappy: take(&r.gappy),
            category: take(&r.category),
            y: left.iter().map(|&i| r.y[i]).collect(),
        };
        for params in [
            ResampleParams::SmoteNc { ratio: 0.8, k_neighbors: 4 },
            ResampleParams::Over { ratio: 0.8 },
            ResampleParams::Under { ratio: 0.8 },
        ] {
            let (a, b) = (r.resample(&params, Some(&w), 1), fewer.resample(&params, None, 1));
            assert_eq!(bits(&a), bits(&b));
            let heavy: Vec<usize> = a.rows.iter().copied().filter(|&i| w[i] > 0.0).collect();
            assert_eq!(heavy, b.rows.iter().map(|&i| left[i]).collect::<Vec<_>>());
            let (a, b) = (r.resample(&params, None, 1), r.resample(&params, Some(&[2.0; 300]), 1));
            assert_eq!(bits(&a), bits(&b));
            assert_eq!(a.rows, b.rows);
        }
        // Whole weights standardise as repeated rows do.
        let w: Vec<f64> = (0..300).map(|i| f64::from(i % 3)).collect();
        let repeated: Vec<usize> = (0..300).flat_map(|i| std::iter::repeat_n(i, i % 3)).collect();
        let values: Vec<f64> = repeated.iter().map(|&i| r.gappy[i]).collect();
        let rare = |rows: Vec<usize>, label: &dyn Fn(usize) -> u8| -> Vec<usize> {
            rows.into_iter().filter(|&i| label(i) == 1).collect()
        };
        let column = SlotColumn { nominal: false, values: &r.gappy };
        let present = rare((0..300).filter(|&i| w[i] > 0.0).collect(), &|i| r.y[i]);
        let one = Space::new(&[column], &present, Some(&w), 3, Seed(0));
        let column = SlotColumn { nominal: false, values: &values };
        let twin = rare((0..repeated.len()).collect(), &|i| r.y[repeated[i]]);
        let two = Space::new(&[column], &twin, None, 3, Seed(0));
        assert!((one.penalty - two.penalty).abs() < 1e-12, "{} {}", one.penalty, two.penalty);
        let place = |i: usize| two.rows.iter().position(|&row| repeated[row] == i).unwrap();
        for (i, x) in one.rows.iter().zip(&one.numbers[0]) {
            assert!((x - two.numbers[0][place(*i)]).abs() < 1e-12);
        }
    }

    /// `tests/vectors/kept_features.json`.
    #[test]
    fn neighbours_are_those_of_imbalanced_learn() {
        let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/vectors/kept_features.json");
        let vectors: serde_json::Value = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
        let v = &vectors["neighbours"];
        let lists = |name: &str| -> Vec<Vec<f64>> { v[name].as_array().unwrap().iter().map(numbers).collect() };
        let (given, nominal) = (lists("numbers"), lists("nominal"));
        let column = |nominal| move |values| SlotColumn { nominal, values };
        let columns: Vec<SlotColumn<'_>> = given
            .iter()
            .map(Vec::as_slice)
            .map(column(false))
            .chain(nominal.iter().map(Vec::as_slice).map(column(true)))
            .collect();
        let y = numbers(&v["y"]);
        let rare: Vec<usize> = (0..y.len()).filter(|&i| y[i] == 1.0).collect();
        let k = v["k_neighbors"].as_u64().unwrap() as usize;
        let space = Space::new(&columns, &rare, None, k, Seed(0));
        assert!((space.penalty - number(&v["penalty"])).abs() < 1e-9);
        let places: Vec<usize> = (0..rare.len()).collect();
        let got = space.neighbours(&places, &Run::new()).unwrap();
        for (place, expected) in v["expected"].as_array().unwrap().iter().enumerate() {
            assert_eq!(rare[place] as f64, number(&expected[0]));
            let near: Vec<f64> = got[place].iter().map(|&p| rare[p] as f64).collect();
            assert_eq!(near, numbers(&expected[1]), "row {}", rare[place]);
        }
    }

    #[test]
    fn categories_are_those_most_frequent_among_the_neighbours() {
        assert_eq!(most_frequent(3.0, [1.0, 2.0, 2.0].into_iter()), 2.0);
        assert_eq!(most_frequent(2.0, [1.0, 2.0, 1.0, 2.0].into_iter()), 2.0);
        assert_eq!(most_frequent(3.0, [1.0, 2.0, 2.0, 1.0].into_iter()), 1.0);
        assert!(most_frequent(0.0, [f64::NAN, 1.0, f64::NAN].into_iter()).is_nan());
        assert_eq!(most_frequent(4.0, [].into_iter()), 4.0);
        // Only categories; a constant; a column of gaps alone; more neighbours asked for than there are.
        let (a, b) = ([0.0, 1.0, 1.0, 2.0, 0.0, 1.0], [1.0; 6]);
        let y = [1, 1, 1, 0, 0, 0];
        let make = |columns: &[SlotColumn<'_>], y: &[u8]| {
            let params = ResampleParams::SmoteNc { ratio: 1.0, k_neighbors: 50 };
            resample(&params, columns, y, None, Seed(1), &Run::new()).unwrap()
        };
        let nominal = |values| SlotColumn { nominal: true, values };
        let dense = |values| SlotColumn { nominal: false, values };
        let uneven = [1, 1, 0, 0, 0, 0];
        let new = make(&[nominal(&a), nominal(&b)], &uneven);
        assert_eq!(new.n_synthetic, 2);
        assert!(new.synthetic[0].iter().all(|x| [0.0, 1.0].contains(x)) && new.synthetic[1] == [1.0, 1.0]);
        let gaps = [f64::NAN; 6];
        let new = make(&[dense(&b), dense(&gaps), dense(&a)], &uneven);
        assert!(new.synthetic[0] == [1.0, 1.0] && new.synthetic[1].iter().all(|x| x.is_nan()));
        assert!(new.synthetic[2].iter().all(|x| (0.0..=1.0).contains(x)));
        assert_eq!(make(&[dense(&a)], &y).n_synthetic, 0);
        assert_eq!(make(&[], &uneven).synthetic, Vec::<Vec<f64>>::new());
    }

    #[test]
    fn new_rows_lie_between_two_of_the_rarer_label() {
        let r = rows(400, 2);
        let new = r.resample(&ResampleParams::SmoteNc { ratio: 1.0, k_neighbors: 3 }, None, 1);
        let rare: Vec<usize> = (0..400).filter(|&i| r.y[i] == 1).collect();
        for i in 0..new.n_synthetic {
            let (x, c) = (new.synthetic[0][i], new.synthetic[2][i]);
            assert!([0.0, 1.0, 2.0, -1.0].contains(&c) || c.is_nan(), "{c} is no level");
            // On a segment between two rows, at one place in all numbers.
            let between = rare.iter().any(|&a| {
                rare.iter().any(|&b| {
                    let u = (x - r.number[a]) / (r.number[b] - r.number[a]);
                    let own = r.gappy[a];
                    let expected = if own.is_nan() || r.gappy[b].is_nan() { own } else { own + u * (r.gappy[b] - own) };
                    let g = new.synthetic[1][i];
                    (0.0..=1.0).contains(&u) && ((g - expected).abs() < 1e-6 || (g.is_nan() && expected.is_nan()))
                })
            });
            assert!(between, "row {i}");
        }
    }

    #[test]
    fn neighbours_are_the_nearest() {
        // By hand: a differing category costs the median deviation, squared.
        let number = [0.0, 1.0, 2.0, 10.0, 0.5];
        let category = [0.0, 0.0, 1.0, 0.0, 1.0];
        let columns = [SlotColumn { nominal: false, values: &number }, SlotColumn { nominal: true, values: &category }];
        let space = Space::new(&columns, &[0, 1, 2, 3, 4], None, 2, Seed(0));
        assert!((space.penalty - 1.0).abs() < 1e-12);
        assert_eq!(space.neighbours(&[0, 2], &Run::new()).unwrap(), [[1, 4], [4, 1]]);
    }

    #[test]
    fn hostile_parameters_and_rows_are_refused() {
        for (params, name) in [
            (ResampleParams::Over { ratio: 0.0 }, "ratio"),
            (ResampleParams::Under { ratio: 1.5 }, "ratio"),
            (ResampleParams::SmoteNc { ratio: f64::NAN, k_neighbors: 5 }, "ratio"),
            (ResampleParams::SmoteNc { ratio: 1.0, k_neighbors: 0 }, "k_neighbors"),
        ] {
            assert!(params.check().unwrap_err().to_string().contains(name));
        }
        let one = SlotColumn { nominal: false, values: &[1.0, 2.0, 3.0] };
        let smote = ResampleParams::SmoteNc { ratio: 1.0, k_neighbors: 5 };
        let run = Run::new();
        for text in [
            r#"{"method": "smote"}"#,
            r#"{"method": "over", "k_neighbors": 3}"#,
            r#"{"method": "smote_nc", "k_neighbors": -1}"#,
            r#"{"method": "under", "ratio": "half"}"#,
            r#"{"ratio": 1}"#,
        ] {
            assert!(serde_json::from_str::<ResampleParams>(text).is_err(), "{text}");
        }
        let usual: ResampleParams = serde_json::from_str(r#"{"method": "smote_nc"}"#).unwrap();
        assert_eq!(usual, ResampleParams::SmoteNc { ratio: 1.0, k_neighbors: 5 });
        // Weights so far apart that the ratio would take a quintillion rows.
        for params in [ResampleParams::Over { ratio: 1.0 }, usual] {
            let w = [1e-9, 1e-9, 1e9];
            let e = resample(&params, &[one], &[1, 1, 0], Some(&w), Seed(0), &run).unwrap_err().to_string();
            assert!(e.contains("preprocess.resample.ratio") && e.contains("class_weight"), "{e}");
        }
        let token = crate::CancelToken::new();
        token.cancel();
        let e = resample(&smote, &[one], &[1, 1, 0], Some(&[1.0, 1.0, 9.0]), Seed(0), &run.cancel_token(token));
        assert_eq!(e.unwrap_err().kind(), crate::ErrorKind::Cancelled);
        for (y, words) in [([0, 0, 0], "one label"), ([0, 1, 0], "one training row")] {
            let e = resample(&smote, &[one], &y, None, Seed(0), &Run::new()).unwrap_err().to_string();
            assert!(e.contains(words), "{e}");
        }
    }

    proptest! {
        #[test]
        fn same_seed_same_rows_for_any_thread_count(n in 6usize..80, seed in 0u64..50, k in 1usize..8) {
            let r = rows(n, seed);
            for params in [
                ResampleParams::SmoteNc { ratio: 0.9, k_neighbors: k },
                ResampleParams::Over { ratio: 0.9 },
                ResampleParams::Under { ratio: 0.9 },
            ] {
                let bits = |threads| {
                    let new = r.resample(&params, None, threads);
                    (bits(&new), new.rows)
                };
                prop_assert_eq!(bits(1), bits(3));
            }
        }

        #[test]
        fn any_rows_are_resampled_or_refused(
            cells in prop::collection::vec(
                prop_oneof![Just(f64::NAN), Just(1e308), Just(-1e308), Just(5e-324), Just(0.1), -3.0..3.0f64],
                2..60,
            ),
            y in prop::collection::vec(0u8..2, 30),
            w in prop::option::of(prop::collection::vec(prop_oneof![Just(0.0), Just(1e-9), Just(1.0), 0.0..5.0f64], 30)),
            nominal in any::<[bool; 2]>(),
            ratio in 0.01..=1.0f64,
            k in 1usize..40,
        ) {
            let n = cells.len() / 2;
            let columns =
                [0, 1].map(|j| SlotColumn { nominal: nominal[j], values: &cells[j * n..(j + 1) * n] });
            let w = w.as_ref().map(|w| &w[..n]);
            for params in [
                ResampleParams::SmoteNc { ratio, k_neighbors: k },
                ResampleParams::Over { ratio },
                ResampleParams::Under { ratio },
            ] {
                let Ok(new) = resample(&params, &columns, &y[..n], w, Seed(3), &Run::new()) else { continue };
                prop_assert!(new.rows.iter().all(|&i| i < n));
                for (j, (made, given)) in new.synthetic.iter().zip(&columns).enumerate() {
                    prop_assert!(made.is_empty() || made.len() == new.n_synthetic);
                    let (low, high) = given
                        .values
                        .iter()
                        .zip(&y)
                        .filter(|(x, label)| !x.is_nan() && **label == new.synthetic_label)
                        .fold((f64::INFINITY, f64::NEG_INFINITY), |(a, b), (x, _)| (a.min(*x), b.max(*x)));
                    for x in made {
                        prop_assert!(x.is_nan() || (low <= *x && *x <= high));
                        prop_assert!(!nominal[j] || x.is_nan() || given.values.contains(x));
                    }
                }
            }
        }
    }
}
