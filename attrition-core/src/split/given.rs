//! Folds the caller has made.

use super::{Fold, MAX_LISTED_ROWS, from_assignment};
use crate::error::Place;
use crate::{Error, Result};

/// Folds from the id of the test fold of every row: one fold for each distinct id, in ascending order. A row with a
/// negative id is never tested and always trains. One fold alone is a hold-out.
///
/// # Errors
/// [`Error::InvalidData`] when no id is 0 or more, when a fold has no training rows, and when the folds are so many
/// that together they would list more than 2²⁸ rows.
///
/// # Example
/// ```
/// use attrition_core::split;
/// let folds = split::given(&[1, 0, -1, 1])?;
/// assert_eq!((folds[0].test.as_slice(), folds[0].train.as_slice()), (&[1][..], &[0, 2, 3][..]));
/// assert_eq!((folds[1].test.as_slice(), folds[1].train.as_slice()), (&[0, 3][..], &[1, 2][..]));
/// # Ok::<(), attrition_core::Error>(())
/// ```
pub fn given(ids: &[i64]) -> Result<Vec<Fold>> {
    let refuse = |got: String, expected: &str, hint: &str| Err(Error::data(Place::none(), got, expected, hint));
    let mut distinct: Vec<i64> = ids.iter().copied().filter(|&id| id >= 0).collect();
    distinct.sort_unstable();
    distinct.dedup();
    if distinct.is_empty() {
        return refuse(
            format!("{} fold ids, none of them 0 or more", ids.len()),
            "at least one row in a test fold",
            "number the test folds from 0 and use a negative id only for rows that are never tested",
        );
    }
    if distinct.len() == 1 && ids.iter().all(|&id| id >= 0) {
        return refuse(
            format!("every row in test fold {}", distinct[0]),
            "training rows for every fold",
            "use two or more folds, or a negative id for rows that only train",
        );
    }
    if distinct.len().saturating_mul(ids.len()) > MAX_LISTED_ROWS {
        return refuse(
            format!("{} folds of {} rows", distinct.len(), ids.len()),
            "folds that list at most 2^28 rows together",
            "use fewer folds",
        );
    }
    let fold_of: Vec<Option<usize>> = ids.iter().map(|id| distinct.binary_search(id).ok()).collect();
    Ok(from_assignment(distinct.len(), fold_of.iter().copied()))
}
