//! More rows of the rarer label, or fewer of the other, for the learner alone.

use serde::{Deserialize, Serialize};

use crate::error::Place;
use crate::num::quantile::median;
use crate::rng::Rng;
use crate::{Error, Result, Run, Seed};

/// Neighbours are sought among at most so many rows, drawn by the seed where there are more.
const MAX_CANDIDATES: usize = 16_384;
/// Synthetic rows made at a time.
const CHUNK: usize = 256;

/// How training rows are resampled. Rows that are tested or predicted never are.
///
/// `ratio`, in (0, 1], is the weight of the rarer label's rows over that of the other's afterwards; where it is reached
/// already, nothing is done.
///
/// | `method` | does |
/// |---|---|
/// | `over` | repeats rows of the rarer label, drawn by their weight |
/// | `under` | leaves out rows of the other label |
/// | `smote_nc` | makes new rows between a row of the rarer label and one of its `k_neighbors` nearest of the same label |
///
/// SMOTE-NC: the squared distance of two rows is that of their standardised numbers, and for each category or truth value in
/// which they differ the square of the median standard deviation of these numbers among the rarer label's rows. A new
/// number lies at a random place between the two rows' numbers; a new category is the most frequent one among the
/// neighbours (of equals the row's own, else the first). A gap in a number counts as the middle in distances; the new row has a
/// gap where the row it started from has one. Neighbours are sought among at most 16,384 rows.
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
/// [`Error::InvalidData`] for rows of one label, or a single row of the rarer one under SMOTE-NC; [`Error::Cancelled`].
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
    let wanted = ((target - weights[rare]) / out.synthetic_weight).round() as usize;
    match params {
        ResampleParams::Over { .. } => {
            let draw = Draw::new(rows, &weight);
            let mut rng = seed.stream("over_sampling", 0);
            out.rows.extend((0..wanted).filter_map(|_| rows.get(draw.one(&mut rng))));
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
            let space = Space::new(columns, rows, y.len(), *k_neighbors, seed);
            let draw = Draw::new(rows, &weight);
            let made = run.map_chunks(wanted, CHUNK, |range| {
                run.check()?;
                let n = range.len();
                let mut values = Vec::with_capacity(n * columns.len());
                for i in range {
                    // One stream a row: no thread count shows.
                    let mut rng = seed.stream("smote", i as u64);
                    let base = draw.one(&mut rng);
                    space.make(columns, base, &mut rng, &mut values);
                }
                Ok(values)
            })?;
            out.n_synthetic = wanted;
            for row in made.iter().flat_map(|chunk| chunk.chunks(columns.len().max(1))) {
                for (column, &x) in out.synthetic.iter_mut().zip(row) {
                    column.push(x);
                }
            }
        }
    }
    Ok(out)
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

/// The rarer label's rows as points.
struct Space {
    rows: Vec<usize>,
    /// Row-major: standardised numbers of each row.
    numbers: Vec<f64>,
    n_numbers: usize,
    /// Row-major: nominal values of each row, as bits.
    nominal: Vec<u64>,
    n_nominal: usize,
    /// What a differing nominal value adds.
    penalty: f64,
    /// Places among which neighbours are sought, ascending.
    candidates: Vec<usize>,
    k: usize,
}

impl Space {
    fn new(columns: &[SlotColumn<'_>], rows: &[usize], n: usize, k: usize, seed: Seed) -> Space {
        let mut spreads = Vec::new();
        let mut scaled: Vec<Vec<f64>> = Vec::new();
        for c in columns.iter().filter(|c| !c.nominal) {
            let there = || (0..n).map(|i| c.values[i]).filter(|x| !x.is_nan());
            let count = there().count().max(1) as f64;
            let mean = there().sum::<f64>() / count;
            let sd = (there().map(|x| (x - mean) * (x - mean)).sum::<f64>() / count).sqrt();
            let sd = if sd > 0.0 && sd.is_finite() { sd } else { 1.0 };
            let middle = median(c.values, None);
            let column: Vec<f64> = rows
                .iter()
                .map(|&i| if c.values[i].is_nan() { middle } else { c.values[i] })
                .map(|x| (x - mean) / sd)
                .collect();
            let m = column.iter().sum::<f64>() / column.len() as f64;
            spreads.push((column.iter().map(|x| (x - m) * (x - m)).sum::<f64>() / column.len() as f64).sqrt());
            scaled.push(column);
        }
        let nominal: Vec<&SlotColumn<'_>> = columns.iter().filter(|c| c.nominal).collect();
        let mut numbers = Vec::with_capacity(rows.len() * scaled.len());
        let mut codes = Vec::with_capacity(rows.len() * nominal.len());
        for (place, &row) in rows.iter().enumerate() {
            numbers.extend(scaled.iter().map(|c| c[place]));
            // All gaps are one value; so are both zeros.
            codes.extend(
                nominal.iter().map(|c| if c.values[row].is_nan() { u64::MAX } else { (c.values[row] + 0.0).to_bits() }),
            );
        }
        let spread = if spreads.is_empty() { 1.0 } else { median(&spreads, None) };
        let mut candidates: Vec<usize> = (0..rows.len()).collect();
        if rows.len() > MAX_CANDIDATES {
            seed.stream("smote_candidates", 0).shuffle(&mut candidates);
            candidates.truncate(MAX_CANDIDATES);
            candidates.sort_unstable();
        }
        Space {
            rows: rows.to_vec(),
            numbers,
            n_numbers: scaled.len(),
            nominal: codes,
            n_nominal: nominal.len(),
            penalty: spread * spread,
            candidates,
            k,
        }
    }

    fn distance(&self, a: usize, b: usize) -> f64 {
        let (x, y) = (&self.numbers[a * self.n_numbers..], &self.numbers[b * self.n_numbers..]);
        let mut sum = 0.0;
        for (x, y) in x[..self.n_numbers].iter().zip(&y[..self.n_numbers]) {
            sum += (x - y) * (x - y);
        }
        let (x, y) = (&self.nominal[a * self.n_nominal..], &self.nominal[b * self.n_nominal..]);
        let differ = x[..self.n_nominal].iter().zip(&y[..self.n_nominal]).filter(|(x, y)| x != y).count();
        sum + self.penalty * differ as f64
    }

    /// The places of the nearest others, nearest first; of equals the first.
    fn neighbours(&self, place: usize) -> Vec<usize> {
        let mut nearest: Vec<(f64, usize)> = Vec::with_capacity(self.k + 1);
        for &other in self.candidates.iter().filter(|o| **o != place) {
            let d = self.distance(place, other);
            if nearest.len() == self.k && nearest.last().is_some_and(|worst| d >= worst.0) {
                continue;
            }
            let at = nearest.partition_point(|n| n.0 <= d);
            nearest.insert(at, (d, other));
            nearest.truncate(self.k);
        }
        nearest.into_iter().map(|n| n.1).collect()
    }

    /// Append one new row.
    fn make(&self, columns: &[SlotColumn<'_>], base: usize, rng: &mut Rng, out: &mut Vec<f64>) {
        let neighbours = self.neighbours(base);
        let chosen = neighbours.get(rng.below(neighbours.len().max(1))).copied().unwrap_or(base);
        let u = rng.uniform();
        for c in columns {
            let own = c.values[self.rows[base]];
            let other = c.values[self.rows[chosen]];
            out.push(if c.nominal {
                most_frequent(own, neighbours.iter().map(|&p| c.values[self.rows[p]]))
            } else if own.is_nan() || other.is_nan() {
                own
            } else {
                own + u * (other - own)
            });
        }
    }
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
        assert!((sum(1) / sum(0) - 1.0).abs() < 0.1);
        assert!(over.rows[600..].iter().all(|&i| w[i] > 0.0));
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
        // imbalanced-learn's distance on standardised numbers: differing categories cost the median deviation, squared.
        let number = [0.0, 1.0, 2.0, 10.0, 0.5];
        let category = [0.0, 0.0, 1.0, 0.0, 1.0];
        let columns = [SlotColumn { nominal: false, values: &number }, SlotColumn { nominal: true, values: &category }];
        let space = Space::new(&columns, &[0, 1, 2, 3, 4], 5, 2, Seed(0));
        assert!((space.penalty - 1.0).abs() < 1e-12);
        assert_eq!(space.neighbours(0), [1, 4]);
        assert_eq!(space.neighbours(2), [4, 1]);
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
                    let bits: Vec<u64> = new.synthetic.iter().flatten().map(|x| x.to_bits()).collect();
                    (new.rows, bits)
                };
                prop_assert_eq!(bits(1), bits(3));
            }
        }
    }
}
