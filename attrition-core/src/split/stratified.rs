//! Independent rows: every class spread evenly.

use super::{Fold, check_fraction, check_k, class_counts, from_assignment};
use crate::error::Place;
use crate::{Error, Result, Seed};

const CLASSES: [&str; 2] = ["negative", "positive"];

/// `k` folds; every row is tested once, and both the sizes of the folds and the number of rows of each class in them
/// differ by at most one.
///
/// # Errors
/// [`Error::InvalidParam`] for fewer than 2 folds; [`Error::InvalidData`] for a label other than 0 and 1, and when a
/// class has fewer rows than there are folds.
///
/// # Example
/// ```
/// use attrition_core::{Seed, split};
/// let y = [0, 1, 0, 0, 1, 0];
/// let folds = split::stratified(&y, 2, Seed(0))?;
/// assert!(folds.iter().all(|f| f.test.len() == 3 && f.test.iter().filter(|&&r| y[r] == 1).count() == 1));
/// # Ok::<(), attrition_core::Error>(())
/// ```
pub fn stratified(y: &[u8], k: usize, seed: Seed) -> Result<Vec<Fold>> {
    check_k(k, y.len())?;
    enough("row", class_counts(y)?, k)?;
    let mut fold_of = vec![0usize; y.len()];
    // Dealing goes on where the other class stopped, so that the folds' sizes stay even too.
    let mut next = 0;
    for class in [1u8, 0] {
        for row in shuffled(y, class, "split", seed) {
            fold_of[row] = next;
            next = (next + 1) % k;
        }
    }
    Ok(from_assignment(k, fold_of.iter().map(|&f| Some(f))))
}

/// One split that tests `fraction` of the rows of each class, rounded, but at least one row and never all.
///
/// # Errors
/// [`Error::InvalidParam`] unless `0 < fraction < 1`; [`Error::InvalidData`] for a label other than 0 and 1, and for a
/// class with fewer than 2 rows.
///
/// # Example
/// ```
/// use attrition_core::{Seed, split};
/// let fold = split::holdout(&[0, 1, 0, 0, 1, 0, 0, 0, 0, 0], 0.3, Seed(0))?;
/// assert_eq!((fold.train.len(), fold.test.len()), (7, 3));
/// # Ok::<(), attrition_core::Error>(())
/// ```
pub fn holdout(y: &[u8], fraction: f64, seed: Seed) -> Result<Fold> {
    check_fraction(fraction)?;
    for (count, class) in class_counts(y)?.into_iter().zip(CLASSES) {
        if count < 2 {
            return Err(Error::data(
                Place::none(),
                format!("{count} rows of the {class} class"),
                "at least 2, one to learn from and one to judge on",
                "use more rows, or no hold-out",
            ));
        }
    }
    let mut fold = Fold { train: Vec::new(), test: Vec::new() };
    for class in [1u8, 0] {
        let mut train = shuffled(y, class, "holdout", seed);
        let n_test = (train.len() as f64 * fraction).round() as usize;
        fold.test.extend(train.drain(..n_test.clamp(1, train.len() - 1)));
        fold.train.append(&mut train);
    }
    fold.train.sort_unstable();
    fold.test.sort_unstable();
    Ok(fold)
}

fn shuffled(y: &[u8], class: u8, purpose: &str, seed: Seed) -> Vec<usize> {
    let mut rows: Vec<usize> = (0..y.len()).filter(|&row| y[row] == class).collect();
    seed.stream(purpose, u64::from(class)).shuffle(&mut rows);
    rows
}

/// At least `k` of `what` ("row", "group with a row") in each class.
pub(super) fn enough(what: &str, counts: [usize; 2], k: usize) -> Result<()> {
    for class in [1, 0] {
        let count = counts[class];
        if count >= k {
            continue;
        }
        let hint = if count >= 2 {
            format!("use at most {count} folds (cv={count}), or more data")
        } else {
            "with fewer than 2 no cross-validation is possible: get more data, or train without folds".to_owned()
        };
        let name = if what == "row" { "rows" } else { "groups with a row" };
        return Err(Error::data(
            Place::none(),
            format!("{count} {} of the {} class", if count == 1 { what } else { name }, CLASSES[class]),
            format!("at least {k}, one for each fold"),
            hint,
        ));
    }
    Ok(())
}
