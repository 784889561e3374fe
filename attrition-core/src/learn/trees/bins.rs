//! From features to bins: one byte a value.
//!
//! A number has up to 255 ordered bins and one more for gaps. Bin `b` holds the values `x` with
//! `edges[b − 1] < x ≤ edges[b]`, so that a split after bin `b` is the question `x ≤ edges[b]`: what is learned on bins
//! holds for the numbers themselves, to the last bit.
//!
//! A category is seen in up to two ways. By its *statistic*, a number: the smoothed rate of positives of its level, for
//! a training row taken over the rows of the other nine of ten seeded folds, so that its own label is not in it; in
//! predicting over all training rows. And, where it has few levels, by *one against the rest*. The statistic's edges lie
//! between the levels' own values: a fold's deviation from them moves a row into another bin only where levels are as
//! good as equal. (Taken over the rows before a row in a seeded order, as Prokhorenkova et al., CatBoost, NeurIPS 2018,
//! <https://doi.org/10.48550/arXiv.1706.09516>, do, every row has another value, and trees learn the noise:
//! `docs/decisions/0011`.)

use serde::{Deserialize, Serialize};

use crate::Seed;
use crate::preprocess::DesignColumn;

/// The bin of a gap in an ordered column.
pub(super) const GAP: u8 = 255;
/// Most ordered bins.
pub(super) const MAX_BINS: usize = 255;
/// The bin of no level, or of none of the column's, where levels are asked for one by one.
pub(super) const NONE: u8 = 255;
/// Levels asked for one by one in one column.
const LEVELS_A_COLUMN: usize = 254;
/// A category of at most so many levels is also split one against the rest; the second number is for more than
/// [`MANY_ROWS`] rows, where a further column costs much and a single level's rows are many enough for the statistic.
const ONE_VS_REST: [usize; 2] = [16, 7];
const MANY_ROWS: usize = 200_000;
/// A category of at most so many levels has no statistic: one against the rest says all there is.
const NO_STATISTIC: usize = 2;
/// Rows looked at for the edges of a column; all of them up to this many.
const SAMPLE_ROWS: usize = 100_000;
/// Folds of the statistics of training rows.
const FOLDS: usize = 10;
/// Rows of the overall rate that are mixed into a level's.
const PRIOR_ROWS: f64 = 10.0;

/// What a column's bins are asked.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case", deny_unknown_fields)]
pub(super) enum Test {
    /// Whether the number is at most an edge.
    Number {
        /// Rising, finite.
        edges: Vec<f64>,
    },
    /// Whether the statistic of the level is at most an edge.
    Statistic {
        /// Rising, finite.
        edges: Vec<f64>,
        /// The statistic of each level.
        values: Vec<f64>,
        /// That of a gap, where training had none.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        gap: Option<f64>,
    },
    /// Whether it is a level: the bin is the level's place.
    Level {
        /// How many levels there are.
        n_levels: usize,
    },
    /// Whether it is a level, given as indicators: the features `feature + first …`.
    Indicators {
        /// The first level of this column.
        first: usize,
        /// How many levels the column has.
        n_levels: usize,
    },
}

/// A column of the engine.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Column {
    /// The design feature it comes from; the group's first for indicators.
    pub(super) feature: usize,
    pub(super) test: Test,
}

impl Column {
    /// How many bins it has, that of gaps not among them.
    pub(super) fn n_bins(&self) -> usize {
        match &self.test {
            Test::Number { edges } | Test::Statistic { edges, .. } => edges.len() + 1,
            Test::Level { n_levels } | Test::Indicators { n_levels, .. } => *n_levels,
        }
    }

    /// Whether its bins have an order.
    pub(super) fn is_ordered(&self) -> bool {
        matches!(self.test, Test::Number { .. } | Test::Statistic { .. })
    }
}

fn add_row(sums: &mut [f64; 2], w: f64, y: u8) {
    sums[0] += w;
    sums[1] += w * f64::from(y);
}

/// Rate of positives of rows `[weight, positive weight]`, with [`PRIOR_ROWS`] rows of the overall one.
fn smoothed(s: [f64; 2], prior: f64) -> f64 {
    (s[1] + PRIOR_ROWS * prior) / (s[0] + PRIOR_ROWS)
}

/// The bin of a value; a gap's is [`GAP`].
pub(super) fn bin_of(edges: &[f64], x: f64) -> u8 {
    if x.is_nan() { GAP } else { edges.partition_point(|e| *e < x) as u8 }
}

/// A column with the bins of the training rows.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Binned {
    pub(super) column: Column,
    pub(super) bins: Vec<u8>,
}

/// What binning needs to know of the rows.
pub(super) struct Rows<'a> {
    pub(super) y: &'a [u8],
    pub(super) w: Option<&'a [f64]>,
    pub(super) max_bins: usize,
    pub(super) seed: Seed,
    /// The folds of the statistics; made when the first category asks.
    folds: std::sync::OnceLock<Vec<u8>>,
}

impl<'a> Rows<'a> {
    pub(super) fn new(y: &'a [u8], w: Option<&'a [f64]>, max_bins: usize, seed: Seed) -> Rows<'a> {
        Rows { y, w, max_bins, seed, folds: std::sync::OnceLock::new() }
    }

    fn weight(&self, row: usize) -> f64 {
        self.w.map_or(1.0, |w| w.get(row).copied().unwrap_or(0.0))
    }

    /// The columns of the engine for one column of the design; `feature` counts from the design column's own first.
    pub(super) fn bin(&self, column: &DesignColumn) -> Vec<Binned> {
        match column {
            DesignColumn::Dense(values) => {
                let edges = self.edges(values);
                let bins = values.iter().map(|&x| bin_of(&edges, x)).collect();
                vec![Binned { column: Column { feature: 0, test: Test::Number { edges } }, bins }]
            }
            &DesignColumn::Levels { ref codes, n_levels } => {
                let mut out = Vec::new();
                if n_levels > NO_STATISTIC {
                    out.push(self.statistic(codes, n_levels));
                }
                if n_levels <= ONE_VS_REST[usize::from(codes.len() > MANY_ROWS)] || n_levels <= NO_STATISTIC {
                    let column = Column { feature: 0, test: Test::Level { n_levels } };
                    let bins = codes.iter().map(|&c| if (c as usize) < n_levels { c as u8 } else { NONE }).collect();
                    out.push(Binned { column, bins });
                }
                out
            }
            &DesignColumn::Indicators { ref codes, n_levels } => (0..n_levels)
                .step_by(LEVELS_A_COLUMN)
                .map(|first| {
                    let n = LEVELS_A_COLUMN.min(n_levels - first);
                    let place = |c: u32| (c as usize).checked_sub(first).filter(|&p| p < n).map_or(NONE, |p| p as u8);
                    Binned {
                        column: Column { feature: 0, test: Test::Indicators { first, n_levels: n } },
                        bins: codes.iter().map(|&c| place(c)).collect(),
                    }
                })
                .collect(),
        }
    }

    /// The statistic of a category, in predicting and for the training rows.
    fn statistic(&self, codes: &[u32], n_levels: usize) -> Binned {
        let mut sums = vec![[0.0; 2]; n_levels];
        let (mut all, mut any_gap) = ([0.0; 2], false);
        for (row, (&code, &y)) in codes.iter().zip(self.y).enumerate() {
            let w = self.weight(row);
            add_row(&mut all, w, y);
            match sums.get_mut(code as usize) {
                Some(s) => add_row(s, w, y),
                None => any_gap |= w > 0.0,
            }
        }
        let prior = if all[0] > 0.0 { all[1] / all[0] } else { 0.5 };
        let values: Vec<f64> = sums.iter().map(|&s| smoothed(s, prior)).collect();
        let mut levels: Vec<(f64, f64)> = values.iter().zip(&sums).map(|(v, s)| (*v, s[0])).collect();
        let edges = self.edges_between(&mut levels);
        let bins = self.out_of_fold(codes, &sums, prior, &edges);
        let gap = (!any_gap).then_some(prior);
        Binned { column: Column { feature: 0, test: Test::Statistic { edges, values, gap } }, bins }
    }

    /// For each row the bin of its level's rate among the rows of the other folds.
    fn out_of_fold(&self, codes: &[u32], all: &[[f64; 2]], prior: f64, edges: &[f64]) -> Vec<u8> {
        let folds = self.folds.get_or_init(|| {
            let mut folds: Vec<u8> = (0..codes.len()).map(|i| (i % FOLDS) as u8).collect();
            self.seed.stream("trees_statistic", 0).shuffle(&mut folds);
            folds
        });
        let mut own = vec![[[0.0; 2]; FOLDS]; all.len()];
        for (row, (&code, &fold)) in codes.iter().zip(folds).enumerate() {
            if let Some(s) = own.get_mut(code as usize) {
                add_row(&mut s[usize::from(fold)], self.weight(row), self.y[row]);
            }
        }
        let rate = |all: &[f64; 2], own: &[f64; 2]| smoothed([all[0] - own[0], all[1] - own[1]], prior);
        let of_fold: Vec<[u8; FOLDS]> =
            all.iter().zip(&own).map(|(all, own)| std::array::from_fn(|f| bin_of(edges, rate(all, &own[f])))).collect();
        let bin = |(&code, &fold): (&u32, &u8)| of_fold.get(code as usize).map_or(GAP, |b| b[usize::from(fold)]);
        codes.iter().zip(folds).map(bin).collect()
    }

    /// Edges of up to `max_bins` bins of about equal weight; values that are equal share a bin, and few different values
    /// get a bin each. Past [`SAMPLE_ROWS`] rows a seeded sample of them speaks for all.
    fn edges(&self, values: &[f64]) -> Vec<f64> {
        let n = values.len();
        let mut seen: Vec<(f64, f64)> = Vec::with_capacity(n.min(SAMPLE_ROWS));
        let mut look = |row: usize| {
            let (x, w) = (values.get(row).copied().unwrap_or(f64::NAN), self.weight(row));
            if !x.is_nan() && w > 0.0 {
                // −0.0 and 0.0 are one value.
                seen.push((x + 0.0, w));
            }
        };
        if n <= SAMPLE_ROWS {
            (0..n).for_each(&mut look);
        } else {
            // One row of each stretch.
            let mut rng = self.seed.stream("trees_edges", 0);
            let at = |i: usize| (i as u128 * n as u128 / SAMPLE_ROWS as u128) as usize;
            (0..SAMPLE_ROWS).for_each(|i| look(at(i) + rng.below(at(i + 1) - at(i))));
        }
        self.edges_between(&mut seen)
    }

    /// As [`Rows::edges`], of values with their weights.
    fn edges_between(&self, seen: &mut Vec<(f64, f64)>) -> Vec<f64> {
        seen.retain(|(_, w)| *w > 0.0);
        seen.sort_unstable_by(|a, b| a.0.total_cmp(&b.0));
        let mut distinct: Vec<(f64, f64)> = Vec::new();
        for &mut (x, w) in seen {
            match distinct.last_mut() {
                Some(last) if last.0 == x => last.1 += w,
                _ => distinct.push((x, w)),
            }
        }
        let max_bins = self.max_bins.clamp(2, MAX_BINS);
        let pairs = distinct.windows(2).filter_map(|d| Some((d.first()?, d.last()?)));
        if distinct.len() <= max_bins {
            return pairs.map(|(a, b)| between(a.0, b.0)).collect();
        }
        let mut left: f64 = distinct.iter().map(|d| d.1).sum();
        let mut bins = max_bins as f64;
        let (mut edges, mut filled) = (Vec::with_capacity(max_bins - 1), 0.0);
        for (a, b) in pairs {
            filled += a.1;
            let fair = left / bins;
            // A bin is closed where it is full, and before a value that would fill more than half of it beyond its share.
            if filled >= fair || (filled + b.1 > fair && filled + b.1 - fair > fair - filled) {
                edges.push(between(a.0, b.0));
                left -= filled;
                filled = 0.0;
                bins -= 1.0;
                if bins < 2.0 {
                    break;
                }
            }
        }
        edges
    }
}

/// A number `e` with `a ≤ e < b`, in the middle as far as there is one.
fn between(a: f64, b: f64) -> f64 {
    let middle = 0.5 * a + 0.5 * b;
    if middle >= a && middle < b { middle } else { a }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn rows(y: &[u8]) -> Rows<'_> {
        Rows::new(y, None, 255, Seed(1))
    }

    #[test]
    fn edges_lie_between_values_and_share_the_rows_fairly() {
        let y = vec![0; 10_000];
        let x: Vec<f64> = (0..10_000).map(|i| f64::from(i % 1000)).collect();
        let edges = Rows { max_bins: 100, ..rows(&y) }.edges(&x);
        assert_eq!(edges.len(), 99);
        let mut counts = [0; 100];
        x.iter().for_each(|&x| counts[usize::from(bin_of(&edges, x))] += 1);
        assert!(counts.iter().all(|&c| c == 100), "{counts:?}");
        // A heavy value has a bin of its own, and the rest shares the others.
        let x: Vec<f64> = (0..10_000).map(|i| if i < 5000 { 500.5 } else { f64::from(i % 1000) }).collect();
        let edges = Rows { max_bins: 51, ..rows(&y) }.edges(&x);
        let mut counts = [0; 51];
        x.iter().for_each(|&x| counts[usize::from(bin_of(&edges, x))] += 1);
        assert_eq!(counts.iter().filter(|&&c| c >= 5000).count(), 1);
        assert!(counts.iter().all(|&c| c <= 5000 && (c >= 50 || c == 0)), "{counts:?}");
    }

    #[test]
    fn extreme_values_have_edges_that_part_them() {
        let x = [f64::MIN, -1e308, -5e-324, -0.0, 0.0, 5e-324, 1.0, 1.0 + f64::EPSILON, 1e308, f64::MAX];
        let edges = rows(&[0; 10]).edges(&x);
        assert_eq!(edges.len(), 8);
        for (i, a) in x.iter().enumerate() {
            for b in &x[i + 1..] {
                assert_eq!(bin_of(&edges, *a) == bin_of(&edges, *b), a == b, "{a} {b}");
            }
        }
    }

    #[test]
    fn a_rows_own_label_is_not_in_its_statistic() {
        let codes: Vec<u32> = (0..300).map(|i| i % 3).collect();
        let y: Vec<u8> = (0..300).map(|i| u8::from(i % 7 == 0)).collect();
        let edges: Vec<f64> = (1..255).map(|i| f64::from(i) / 1000.0).collect();
        let of = |y: &[u8]| {
            let sums = |level: u32| {
                let rows = || (0..300).filter(move |&r| r as u32 % 3 == level);
                [rows().count() as f64, rows().map(|r| f64::from(y[r])).sum()]
            };
            rows(y).out_of_fold(&codes, &[sums(0), sums(1), sums(2)], 0.2, &edges)
        };
        let before = of(&y);
        for row in 0..300 {
            let mut other = y.clone();
            other[row] = 1 - y[row];
            let after = of(&other);
            assert_eq!(before[row], after[row]);
            let moved: Vec<usize> = (0..300).filter(|&r| before[r] != after[r]).collect();
            assert!(moved.len() > 50 && moved.iter().all(|&r| codes[r] == codes[row]));
        }
        // In predicting: all rows of the level, and some of the overall rate.
        let Test::Statistic { values, .. } = rows(&y).statistic(&codes, 3).column.test else { panic!() };
        let of_first = (0..300).filter(|r| r % 3 == 0 && y[*r] == 1).count() as f64;
        let prior = y.iter().map(|y| f64::from(*y)).sum::<f64>() / 300.0;
        assert!((values[0] - (of_first + PRIOR_ROWS * prior) / (100.0 + PRIOR_ROWS)).abs() < 1e-12);
    }

    #[test]
    fn levels_in_every_form() {
        let y = vec![0, 1, 0, 1, 0, 1];
        let out = rows(&y).bin(&DesignColumn::Levels { codes: vec![0, 1, 2, 2, u32::MAX, 0], n_levels: 3 });
        assert_eq!(out.len(), 2);
        assert_eq!(out[1].bins, [0, 1, 2, 2, NONE, 0]);
        assert_eq!(out[0].bins[4], GAP);
        let codes: Vec<u32> = (0..6).map(|i| i * 100).collect();
        let out = rows(&y).bin(&DesignColumn::Indicators { codes, n_levels: 600 });
        assert_eq!(out.iter().map(|b| b.column.n_bins()).collect::<Vec<_>>(), [254, 254, 92]);
        assert_eq!(out[1].bins, [NONE, NONE, NONE, 46, 146, 246]);
    }

    proptest! {
        #[test]
        fn bins_keep_the_order_of_values(
            x in prop::collection::vec(prop_oneof![any::<f64>(), (-5i32..5).prop_map(f64::from)], 1..300), max in 2usize..40,
        ) {
            let y = vec![0; x.len()];
            let edges = Rows { max_bins: max, ..rows(&y) }.edges(&x);
            prop_assert!(edges.len() < max && edges.iter().all(|e| !e.is_nan()));
            prop_assert!(edges.windows(2).all(|e| e[0] < e[1]), "{edges:?}");
        }

        #[test]
        fn weight_two_is_the_row_twice(x in prop::collection::vec((-20i32..20, 0u8..4), 1..200), max in 2usize..20) {
            let values: Vec<f64> = x.iter().map(|v| f64::from(v.0)).collect();
            let w: Vec<f64> = x.iter().map(|v| f64::from(v.1)).collect();
            let twice: Vec<f64> = x.iter().flat_map(|v| std::iter::repeat_n(f64::from(v.0), usize::from(v.1))).collect();
            let (y, y2) = (vec![0; values.len()], vec![0; twice.len()]);
            let weighted = Rows { max_bins: max, w: Some(&w), ..rows(&y) }.edges(&values);
            prop_assert_eq!(weighted, Rows { max_bins: max, ..rows(&y2) }.edges(&twice));
        }
    }
}
