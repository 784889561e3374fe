//! Quantiles of weighted values.

/// The order of floats as that of integers, and back: integers sort several times faster.
fn key(x: f64) -> i64 {
    let bits = x.to_bits() as i64;
    bits ^ (((bits >> 63) as u64) >> 1) as i64
}

fn from_key(key: i64) -> f64 {
    f64::from_bits((key ^ (((key >> 63) as u64) >> 1) as i64) as u64)
}

fn weight(w: Option<&[f64]>, i: usize) -> f64 {
    w.and_then(|w| w.get(i)).copied().unwrap_or(1.0)
}

/// Values in ascending order with their weights: what quantiles are read from. NaN and rows of weight 0 are left out.
#[derive(Debug, Clone, PartialEq)]
pub struct Sorted {
    values: Vec<f64>,
    /// Sum of the weights up to and with each value; empty where all weights are 1.
    cumulated: Vec<f64>,
}

impl Sorted {
    /// Of `values`, `(n,)`, each counted by its weight.
    pub fn new(values: &[f64], w: Option<&[f64]>) -> Sorted {
        if w.is_none() {
            let mut keys: Vec<i64> = values.iter().filter(|x| !x.is_nan()).map(|&x| key(x)).collect();
            keys.sort_unstable();
            return Sorted { values: keys.into_iter().map(from_key).collect(), cumulated: Vec::new() };
        }
        let mut pairs: Vec<(i64, f64)> = values
            .iter()
            .enumerate()
            .filter(|(i, x)| !x.is_nan() && weight(w, *i) > 0.0)
            .map(|(i, &x)| (key(x), weight(w, i)))
            .collect();
        // Stable: equal values keep the rows' order, so that sums of weights have one order.
        pairs.sort_by_key(|p| p.0);
        let mut total = 0.0;
        let mut cumulated = Vec::with_capacity(pairs.len());
        for p in &pairs {
            total += p.1;
            cumulated.push(total);
        }
        Sorted { values: pairs.into_iter().map(|p| from_key(p.0)).collect(), cumulated }
    }

    /// Sum of the weights.
    pub fn total(&self) -> f64 {
        self.cumulated.last().copied().unwrap_or(self.values.len() as f64)
    }

    /// The values, ascending.
    pub fn values(&self) -> &[f64] {
        &self.values
    }

    /// Those of other values than `left_out`.
    pub fn without(&self, left_out: &[f64]) -> Sorted {
        let mut out = Sorted { values: Vec::new(), cumulated: Vec::new() };
        let (mut before, mut total) = (0.0, 0.0);
        for (i, &x) in self.values.iter().enumerate() {
            let upto = self.cumulated.get(i).copied().unwrap_or(0.0);
            if !left_out.contains(&x) {
                out.values.push(x);
                if !self.cumulated.is_empty() {
                    total += upto - before;
                    out.cumulated.push(total);
                }
            }
            before = upto;
        }
        out
    }

    /// The value that covers rank `r` among the repeated rows, counted from 0.
    fn at(&self, r: f64) -> f64 {
        let last = self.values.len().saturating_sub(1);
        let i = if self.cumulated.is_empty() { r as usize } else { self.cumulated.partition_point(|&c| c <= r) };
        self.values.get(i.min(last)).copied().unwrap_or(f64::NAN)
    }

    /// The quantile at level `q` in [0, 1]: type 7 of Hyndman and Fan, numpy's `linear`. With the sum of weights `W`, the rank is
    /// `h = q·(W − 1)`, and the quantile lies between the values that cover the ranks `⌊h⌋` and `⌊h⌋ + 1`; whole weights
    /// are repeated rows. NaN without values.
    ///
    /// # Reference
    /// Hyndman, Fan: Sample quantiles in statistical packages. The American Statistician 50 (1996),
    /// <https://doi.org/10.1080/00031305.1996.10473566>.
    ///
    /// # Example
    /// ```
    /// use attrition_core::num::quantile::Sorted;
    /// assert_eq!(Sorted::new(&[4.0, 1.0, 3.0, 2.0], None).quantile(0.25), 1.75);
    /// assert_eq!(Sorted::new(&[1.0, 5.0], Some(&[3.0, 1.0])).quantile(0.5), 1.0);
    /// ```
    pub fn quantile(&self, q: f64) -> f64 {
        interpolated(q, self.total(), |r| self.at(r))
    }

    /// [`Sorted::quantile`] at each level.
    pub fn quantiles(&self, levels: &[f64]) -> Vec<f64> {
        levels.iter().map(|&q| self.quantile(q)).collect()
    }
}

/// Where level `q` lies among ranks that count from 0 and sum to `total`: a rank, and how far on to the next.
fn place(q: f64, total: f64) -> (f64, f64) {
    let h = (q * (total - 1.0)).max(0.0);
    (h.floor(), h - h.floor())
}

fn interpolated(q: f64, total: f64, at: impl Fn(f64) -> f64) -> f64 {
    let (low, t) = place(q, total);
    let (a, b) = (at(low), at((low + 1.0).min((total - 1.0).max(0.0))));
    let width = b - a;
    if !width.is_finite() {
        return a * (1.0 - t) + b * t;
    }
    // As numpy interpolates: exact at both ends, and from the nearer one.
    if t >= 0.5 { b - width * (1.0 - t) } else { a + width * t }
}

/// The same as [`Sorted::quantiles`] of [`Sorted::new`], and for a few levels of values without weights several times faster:
/// nothing is sorted but what the levels need.
///
/// # Example
/// ```
/// use attrition_core::num::quantile::quantiles;
/// assert_eq!(quantiles(&[4.0, 1.0, 3.0, 2.0], None, &[0.25, 1.0]), [1.75, 4.0]);
/// ```
pub fn quantiles(values: &[f64], w: Option<&[f64]>, levels: &[f64]) -> Vec<f64> {
    if w.is_some() {
        return Sorted::new(values, w).quantiles(levels);
    }
    let mut keys: Vec<i64> = values.iter().filter(|x| !x.is_nan()).map(|&x| key(x)).collect();
    let (total, last) = (keys.len() as f64, keys.len().saturating_sub(1));
    let mut ranks: Vec<usize> = levels.iter().map(|&q| place(q, total).0 as usize).collect();
    ranks.extend(ranks.clone().into_iter().map(|r| r + 1));
    ranks.iter_mut().for_each(|r| *r = (*r).min(last));
    ranks.sort_unstable();
    ranks.dedup();
    put_in_place(&mut keys, 0, &ranks);
    let at = |r: f64| keys.get((r as usize).min(last)).map_or(f64::NAN, |&k| from_key(k));
    levels.iter().map(|&q| interpolated(q, total, at)).collect()
}

/// Move the keys of rising ranks to where sorting would put them; the first key has rank `first`.
fn put_in_place(keys: &mut [i64], first: usize, ranks: &[usize]) {
    let middle = ranks.len() / 2;
    let Some(&rank) = ranks.get(middle).filter(|r| **r < first + keys.len()) else { return };
    let (below, _, above) = keys.select_nth_unstable(rank - first);
    put_in_place(below, first, &ranks[..middle]);
    put_in_place(above, rank + 1, &ranks[middle + 1..]);
}

/// The median of the values of positive weight, each counted by its weight: the mean of the lower and the upper median;
/// 0 without any. NaN is left out.
///
/// # Example
/// ```
/// use attrition_core::num::quantile::median;
/// assert_eq!(median(&[4.0, f64::NAN, 1.0, 3.0, 2.0], None), 2.5);
/// assert_eq!(median(&[1.0, 5.0], Some(&[3.0, 1.0])), 1.0);
/// ```
pub fn median(values: &[f64], w: Option<&[f64]>) -> f64 {
    if w.is_some() {
        let sorted = Sorted::new(values, w);
        let half = sorted.total() / 2.0;
        let lower = sorted.cumulated.partition_point(|&c| c < half);
        let upper = sorted.cumulated.partition_point(|&c| c <= half);
        let last = sorted.values.len().saturating_sub(1);
        let value = |i: usize| sorted.values.get(i.min(last)).copied().unwrap_or(0.0);
        return value(lower) / 2.0 + value(upper) / 2.0;
    }
    let mut keys: Vec<i64> = values.iter().filter(|x| !x.is_nan()).map(|&x| key(x)).collect();
    if keys.is_empty() {
        return 0.0;
    }
    let middle = keys.len() / 2;
    let even = keys.len().is_multiple_of(2);
    let (below, upper, _) = keys.select_nth_unstable(middle);
    let upper = from_key(*upper);
    let lower = if even { below.iter().copied().max().map_or(upper, from_key) } else { upper };
    lower / 2.0 + upper / 2.0
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn quantiles_are_numpys() {
        // numpy.quantile([3, 1, 4, 1, 5, 9, 2, 6], [0, .1, .3, .5, .77, 1])
        let sorted = Sorted::new(&[3.0, 1.0, 4.0, 1.0, 5.0, 9.0, f64::NAN, 2.0, 6.0], None);
        let got = sorted.quantiles(&[0.0, 0.1, 0.3, 0.5, 0.77, 1.0]);
        for (a, b) in got.iter().zip([1.0, 1.0, 2.1, 3.5, 5.39, 9.0]) {
            assert!((a - b).abs() < 1e-14, "{got:?}");
        }
        assert!(Sorted::new(&[], None).quantile(0.5).is_nan());
    }

    /// `tests/vectors/preprocessing.json`, made by NumPy.
    #[test]
    fn quantiles_are_numpys_to_the_last_bit() {
        for case in crate::testing::preprocessing_vectors("quantiles") {
            let input = &case["input"];
            let (values, levels) =
                (crate::testing::numbers(&input["values"]), crate::testing::numbers(&input["levels"]));
            let w = (!input["weights"].is_null()).then(|| crate::testing::numbers(&input["weights"]));
            let got = Sorted::new(&values, w.as_deref()).quantiles(&levels);
            let bits = |list: &[f64]| -> Vec<String> { list.iter().map(|x| format!("{:016x}", x.to_bits())).collect() };
            assert_eq!(serde_json::json!(bits(&got)), case["expected"], "{}", case["name"]);
            assert_eq!(bits(&got), bits(&quantiles(&values, w.as_deref(), &levels)), "{}", case["name"]);
        }
    }

    #[test]
    fn quantiles_between_the_largest_floats_are_finite() {
        let sorted = Sorted::new(&[-f64::MAX, f64::MAX], None);
        assert_eq!(sorted.quantiles(&[0.0, 0.5, 1.0]), [-f64::MAX, 0.0, f64::MAX]);
    }

    #[test]
    fn medians_of_few_values() {
        assert_eq!(median(&[], None), 0.0);
        assert_eq!(median(&[f64::NAN], Some(&[1.0])), 0.0);
        assert_eq!(median(&[5.0, 1.0, 3.0], None), 3.0);
        assert_eq!(median(&[5.0, 1.0, 3.0], Some(&[0.5, 0.5, 0.5])), 3.0);
        assert_eq!(median(&[f64::MAX, f64::MAX], None), f64::MAX);
    }

    proptest! {
        #[test]
        fn whole_weights_are_repeated_rows(
            rows in prop::collection::vec((-5i32..5, 0u32..4), 1..30), q in 0.0..=1.0f64,
        ) {
            let values: Vec<f64> = rows.iter().map(|r| f64::from(r.0) / 3.0).collect();
            let w: Vec<f64> = rows.iter().map(|r| f64::from(r.1)).collect();
            let repeated: Vec<f64> =
                rows.iter().flat_map(|r| std::iter::repeat_n(f64::from(r.0) / 3.0, r.1 as usize)).collect();
            let (a, b) = (Sorted::new(&values, Some(&w)), Sorted::new(&repeated, None));
            prop_assert_eq!(a.quantile(q).to_bits(), b.quantile(q).to_bits());
            prop_assert_eq!(median(&values, Some(&w)).to_bits(), median(&repeated, None).to_bits());
            if !repeated.is_empty() {
                let mut sorted = repeated.clone();
                sorted.sort_by(f64::total_cmp);
                let n = sorted.len();
                let middle = (sorted[(n - 1) / 2] + sorted[n / 2]) / 2.0;
                prop_assert!((median(&repeated, None) - middle).abs() < 1e-15);
            }
        }

        #[test]
        fn selecting_is_sorting(
            values in prop::collection::vec(prop_oneof![-9.0..9.0f64, Just(1.0), Just(-0.0), Just(f64::NAN)], 0..60),
            levels in prop::collection::vec(0.0..=1.0f64, 0..9),
        ) {
            let bits = |list: Vec<f64>| list.into_iter().map(f64::to_bits).collect::<Vec<u64>>();
            prop_assert_eq!(bits(quantiles(&values, None, &levels)), bits(Sorted::new(&values, None).quantiles(&levels)));
        }

        #[test]
        fn keys_keep_the_order_and_turn_back(x in prop::num::f64::ANY, y in prop::num::f64::ANY) {
            prop_assert_eq!(from_key(key(x)).to_bits(), x.to_bits());
            prop_assert_eq!(key(x).cmp(&key(y)), x.total_cmp(&y));
        }
    }
}
