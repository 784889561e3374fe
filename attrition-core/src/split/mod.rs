//! Which rows train and which rows test.
//!
//! Rows are counted from 0; every row list is ascending. A split depends on its arguments and the seed alone, never
//! on the thread count or on the rows' values.
//!
//! | function | folds | hold-out |
//! |---|---|---|
//! | rows are independent | [`stratified`] | [`holdout`] |
//! | several rows of one employee | [`grouped`] | [`holdout_grouped`] |
//! | the future must not train | [`time_forward`] | [`holdout_latest`] |
//! | the caller knows | [`given`] | |
//!
//! [`Splitter`] is the first three as one value.

mod given;
mod grouped;
mod stratified;
mod time;

pub use given::given;
pub use grouped::{grouped, holdout_grouped};
pub use stratified::{holdout, stratified};
pub use time::{holdout_latest, time_forward};

use crate::error::Place;
use crate::{Error, Result, Seed};

/// One split: the rows to learn from and the rows to judge on. Both lists ascend, share no row and are not empty.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Fold {
    /// Rows to learn from.
    pub train: Vec<usize>,
    /// Rows to judge on.
    pub test: Vec<usize>,
}

/// How rows may be separated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Splitter<'a> {
    /// Rows are independent: every class spread evenly over the folds.
    Stratified,
    /// Rows of one group stay together: the group's code per row.
    Grouped(&'a [u32]),
    /// Only the past trains: the time per row.
    TimeForward(&'a [i64]),
}

impl Splitter<'_> {
    /// `k` folds over the rows of `y`, each with both classes among its training rows.
    ///
    /// # Errors
    /// As [`stratified`], [`grouped`], [`time_forward`] and [`check_trainable`].
    pub fn folds(self, y: &[u8], k: usize, seed: Seed) -> Result<Vec<Fold>> {
        let folds = match self {
            Splitter::Stratified => stratified(y, k, seed),
            Splitter::Grouped(groups) => grouped(groups, y, k, seed),
            Splitter::TimeForward(times) => same_length("times", times.len(), y.len()).and(time_forward(times, k)),
        }?;
        check_trainable(&folds, y)?;
        Ok(folds)
    }

    /// A hold-out of about `fraction` of the rows, with both classes among the training rows.
    ///
    /// # Errors
    /// As [`holdout`], [`holdout_grouped`], [`holdout_latest`] and [`check_trainable`].
    pub fn holdout(self, y: &[u8], fraction: f64, seed: Seed) -> Result<Fold> {
        let fold = match self {
            Splitter::Stratified => holdout(y, fraction, seed),
            Splitter::Grouped(groups) => holdout_grouped(groups, y, fraction, seed),
            Splitter::TimeForward(times) => {
                same_length("times", times.len(), y.len()).and(holdout_latest(times, fraction))
            }
        }?;
        check_trainable(std::slice::from_ref(&fold), y)?;
        Ok(fold)
    }
}

/// Whether every fold can be learned from: both classes among its training rows.
///
/// # Errors
/// [`Error::InvalidData`] naming the first fold (from 0) whose training rows hold one class only, a row outside `y`,
/// or a label other than 0 and 1.
pub fn check_trainable(folds: &[Fold], y: &[u8]) -> Result<()> {
    class_counts(y)?;
    for (number, fold) in folds.iter().enumerate() {
        let mut counts = [0usize; 2];
        for &row in &fold.train {
            match y.get(row) {
                Some(&label) => counts[usize::from(label == 1)] += 1,
                None => {
                    return Err(Error::data(
                        Place::row(row),
                        format!("a row of fold {number} beyond the last of {} labels", y.len()),
                        "rows of the labels",
                        "make the folds from the same table as the labels",
                    ));
                }
            }
        }
        if counts.contains(&0) {
            return Err(Error::data(
                Place::none(),
                format!("fold {number} with {} negative and {} positive training rows", counts[0], counts[1]),
                "both classes among the training rows of every fold",
                "use fewer folds, another split, or more rows",
            ));
        }
    }
    Ok(())
}

/// Rows of class 0 and of class 1.
fn class_counts(y: &[u8]) -> Result<[usize; 2]> {
    let mut counts = [0usize; 2];
    for (row, &label) in y.iter().enumerate() {
        match counts.get_mut(usize::from(label)) {
            Some(count) => *count += 1,
            None => {
                return Err(Error::data(
                    Place::row(row),
                    format!("label {label}"),
                    "a label of 0 or 1",
                    "code the positive class as 1 and the other as 0",
                ));
            }
        }
    }
    Ok(counts)
}

/// Rows that all folds together may list: 2 GB of row numbers.
const MAX_LISTED_ROWS: usize = 1 << 28;

fn check_k(k: usize, n: usize) -> Result<()> {
    if k < 2 {
        return Err(Error::param("cv", k, "at least 2 folds", "use cv=5, or no cross-validation at all"));
    }
    if k.saturating_mul(n) > MAX_LISTED_ROWS {
        return Err(Error::param(
            "cv",
            k,
            format!("at most {} folds of {n} rows", MAX_LISTED_ROWS / n.max(1)),
            "use fewer folds",
        ));
    }
    Ok(())
}

fn check_fraction(fraction: f64) -> Result<()> {
    if fraction > 0.0 && fraction < 1.0 {
        return Ok(());
    }
    Err(Error::param(
        "holdout",
        fraction,
        "a fraction strictly between 0 and 1",
        "use 0.2 for a fifth of the rows, or no hold-out at all",
    ))
}

fn same_length(what: &str, got: usize, rows: usize) -> Result<()> {
    if got == rows {
        return Ok(());
    }
    Err(Error::data(
        Place::none(),
        format!("{got} {what} for {rows} labels"),
        "one for every row",
        "pass arrays of the same table",
    ))
}

/// Folds from the number of the test fold of every row, `None` for a row that always trains.
fn from_assignment(k: usize, fold_of: impl Iterator<Item = Option<usize>> + Clone) -> Vec<Fold> {
    (0..k)
        .map(|number| {
            let mut fold = Fold { train: Vec::new(), test: Vec::new() };
            for (row, of) in fold_of.clone().enumerate() {
                if of == Some(number) { fold.test.push(row) } else { fold.train.push(row) }
            }
            fold
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn ascending(rows: &[usize]) -> bool {
        rows.windows(2).all(|w| w[0] < w[1])
    }

    /// The laws of every split: no row on both sides, lists ascend, none is empty.
    fn lawful(fold: &Fold, n: usize) -> bool {
        let mut seen = vec![0u8; n];
        for &row in fold.train.iter().chain(&fold.test) {
            seen[row] += 1;
        }
        seen.iter().all(|&s| s <= 1)
            && ascending(&fold.train)
            && ascending(&fold.test)
            && !fold.train.is_empty()
            && !fold.test.is_empty()
    }

    fn is_partition(folds: &[Fold], n: usize) -> bool {
        let mut tested = vec![0usize; n];
        for fold in folds {
            fold.test.iter().for_each(|&row| tested[row] += 1);
        }
        tested.iter().all(|&t| t == 1) && folds.iter().all(|f| f.train.len() + f.test.len() == n)
    }

    fn positives(rows: &[usize], y: &[u8]) -> usize {
        rows.iter().filter(|&&r| y[r] == 1).count()
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn stratified_folds_partition_and_balance(y in prop::collection::vec(0u8..2, 20..200), k in 2usize..8, seed: u64) {
            match stratified(&y, k, Seed(seed)) {
                Ok(folds) => {
                    prop_assert!(is_partition(&folds, y.len()) && folds.iter().all(|f| lawful(f, y.len())));
                    let spread = |count: &dyn Fn(&Fold) -> usize| {
                        let c: Vec<usize> = folds.iter().map(count).collect();
                        c.iter().max().unwrap() - c.iter().min().unwrap()
                    };
                    prop_assert!(spread(&|f| f.test.len()) <= 1);
                    prop_assert!(spread(&|f| positives(&f.test, &y)) <= 1);
                    prop_assert!(spread(&|f| f.test.len() - positives(&f.test, &y)) <= 1);
                    prop_assert_eq!(&folds, &stratified(&y, k, Seed(seed)).unwrap());
                }
                Err(_) => {
                    let p = y.iter().filter(|&&l| l == 1).count();
                    prop_assert!(p < k || y.len() - p < k);
                }
            }
        }

        #[test]
        fn groups_never_straddle(rows in prop::collection::vec((0u32..40, 0u8..2), 80..300), k in 2usize..6, seed: u64) {
            let (groups, y): (Vec<u32>, Vec<u8>) = rows.into_iter().unzip();
            let folds = grouped(&groups, &y, k, Seed(seed)).unwrap();
            prop_assert!(is_partition(&folds, y.len()) && folds.iter().all(|f| lawful(f, y.len())));
            let mut held = vec![holdout_grouped(&groups, &y, 0.25, Seed(seed)).unwrap()];
            prop_assert!(lawful(&held[0], y.len()) && held[0].train.len() + held[0].test.len() == y.len());
            held.extend(folds.iter().cloned());
            for fold in &held {
                let test: std::collections::BTreeSet<u32> = fold.test.iter().map(|&r| groups[r]).collect();
                prop_assert!(fold.train.iter().all(|&r| !test.contains(&groups[r])));
                prop_assert!(positives(&fold.test, &y) > 0 && positives(&fold.test, &y) < fold.test.len());
            }
            prop_assert_eq!(&folds, &grouped(&groups, &y, k, Seed(seed)).unwrap());
        }

        #[test]
        fn only_the_past_trains(times in prop::collection::vec(-20i64..20, 60..200), k in 1usize..6, fraction in 0.05f64..0.95) {
            let folds = time_forward(&times, k.max(2)).unwrap();
            for fold in folds.iter().chain([&holdout_latest(&times, fraction).unwrap()]) {
                prop_assert!(lawful(fold, times.len()));
                let first = fold.test.iter().map(|&r| times[r]).min().unwrap();
                let last = fold.test.iter().map(|&r| times[r]).max().unwrap();
                prop_assert!(fold.train.iter().all(|&r| times[r] < first));
                // Nothing is left out: what does not train lies in the test block or after it.
                let used = fold.train.len() + fold.test.len();
                prop_assert_eq!(used, times.iter().filter(|&&t| t <= last).count());
            }
        }

        #[test]
        fn a_holdout_keeps_the_rate(y in prop::collection::vec(0u8..2, 40..300), fraction in 0.1f64..0.9, seed: u64) {
            let p = y.iter().filter(|&&l| l == 1).count();
            prop_assume!(p >= 2 && y.len() - p >= 2);
            let fold = holdout(&y, fraction, Seed(seed)).unwrap();
            prop_assert!(lawful(&fold, y.len()) && fold.train.len() + fold.test.len() == y.len());
            prop_assert!((positives(&fold.test, &y) as f64 - p as f64 * fraction).abs() <= 1.0);
            prop_assert!((fold.test.len() as f64 - y.len() as f64 * fraction).abs() <= 2.0);
        }
    }

    #[test]
    fn equal_groups_are_spread_evenly() {
        // 60 employees with 12 snapshots each, one in six leaves at the last.
        let groups: Vec<u32> = (0..720).map(|i| i / 12).collect();
        let y: Vec<u8> = (0..720).map(|i| u8::from(i % 12 == 11 && (i / 12) % 6 == 0)).collect();
        for fold in grouped(&groups, &y, 5, Seed(1)).unwrap() {
            assert_eq!((fold.test.len(), positives(&fold.test, &y)), (144, 2));
        }
        let fold = holdout_grouped(&groups, &y, 0.2, Seed(1)).unwrap();
        assert_eq!((fold.test.len(), positives(&fold.test, &y)), (144, 2));
    }

    #[test]
    fn seeds_matter() {
        let y: Vec<u8> = (0..100).map(|i| u8::from(i % 4 == 0)).collect();
        assert_ne!(stratified(&y, 5, Seed(0)).unwrap(), stratified(&y, 5, Seed(1)).unwrap());
        assert_ne!(holdout(&y, 0.2, Seed(0)).unwrap(), holdout(&y, 0.2, Seed(1)).unwrap());
    }

    #[test]
    fn time_blocks_are_of_equal_size_where_times_allow() {
        let times: Vec<i64> = (0..60).rev().collect();
        let folds = time_forward(&times, 5).unwrap();
        let sizes: Vec<(usize, usize)> = folds.iter().map(|f| (f.train.len(), f.test.len())).collect();
        assert_eq!(sizes, [(10, 10), (20, 10), (30, 10), (40, 10), (50, 10)]);
        assert_eq!(holdout_latest(&times, 0.25).unwrap().test, (0..15).collect::<Vec<_>>());
    }

    #[test]
    fn given_folds_are_taken_as_they_are() {
        let folds = given(&[7, -1, 3, 7, -5, 3]).unwrap();
        assert_eq!(folds[0], Fold { train: vec![0, 1, 3, 4], test: vec![2, 5] });
        assert_eq!(folds[1], Fold { train: vec![1, 2, 4, 5], test: vec![0, 3] });
        assert_eq!(given(&[-1, 0]).unwrap(), [Fold { train: vec![0], test: vec![1] }]);
        for bad in [&[][..], &[-1, -1], &[2, 2]] {
            assert_eq!(given(bad).unwrap_err().kind(), crate::ErrorKind::InvalidData);
        }
    }

    #[test]
    fn errors_say_how_many_and_what_to_do() {
        let y = [1, 1, 1, 0, 0, 0, 0, 0];
        let e = stratified(&y, 5, Seed(0)).unwrap_err().to_string();
        assert!(e.contains("3 rows of the positive class") && e.contains("cv=3"), "{e}");
        let e = stratified(&[1, 0, 0, 0], 2, Seed(0)).unwrap_err().to_string();
        assert!(e.contains("1 row of the positive class") && e.contains("no cross-validation"), "{e}");
        let e = grouped(&[0, 0, 0, 1, 1, 2, 3, 4], &y, 3, Seed(0)).unwrap_err().to_string();
        assert!(e.contains("1 group with a row of the positive class"), "{e}");
        let e = time_forward(&[1, 1, 2, 2], 2).unwrap_err().to_string();
        assert!(e.contains("2 distinct times") && e.contains("at least 3"), "{e}");
        for e in [
            stratified(&y, 1, Seed(0)).unwrap_err(),
            stratified(&[0, 1].repeat(1000), 1 << 40, Seed(0)).unwrap_err(),
            time_forward(&[1, 2, 3], 0).unwrap_err(),
            holdout(&y, 1.0, Seed(0)).unwrap_err(),
            holdout(&y, f64::NAN, Seed(0)).unwrap_err(),
            holdout_latest(&[1, 2], -0.1).unwrap_err(),
        ] {
            assert_eq!(e.kind(), crate::ErrorKind::InvalidParam, "{e}");
        }
        for e in [
            stratified(&[], 2, Seed(0)).unwrap_err(),
            stratified(&[0, 1, 2, 1], 2, Seed(0)).unwrap_err(),
            holdout(&[1, 0, 0], 0.5, Seed(0)).unwrap_err(),
            holdout_latest(&[4, 4, 4], 0.5).unwrap_err(),
            holdout_latest(&[], 0.5).unwrap_err(),
            grouped(&[1], &y, 2, Seed(0)).unwrap_err(),
            holdout_grouped(&[1; 8], &y, 0.5, Seed(0)).unwrap_err(),
            Splitter::TimeForward(&[1, 2, 3]).folds(&y, 2, Seed(0)).unwrap_err(),
            Splitter::TimeForward(&[1, 2, 3, 4, 5, 6, 7, 8]).folds(&y, 7, Seed(0)).unwrap_err(),
            check_trainable(&[Fold { train: vec![99], test: vec![0] }], &y).unwrap_err(),
        ] {
            assert_eq!(e.kind(), crate::ErrorKind::InvalidData, "{e}");
        }
    }
}
