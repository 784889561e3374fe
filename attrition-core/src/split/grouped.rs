//! Rows that belong together stay together.

use super::stratified::enough;
use super::{Fold, check_fraction, check_k, class_counts, from_assignment, same_length};
use crate::error::Place;
use crate::{Error, Result, Seed};

/// `k` folds in which no group (`groups[i]` is the code of row `i`) is on both sides; every row is tested once, every
/// fold tests both classes, and the classes are balanced as well as whole groups allow.
///
/// Groups are dealt greedily, those with the largest share of a class first, each to the fold it unbalances least.
///
/// # Errors
/// [`Error::InvalidParam`] for fewer than 2 folds; [`Error::InvalidData`] for lengths that differ, a label other than
/// 0 and 1, and when fewer than `k` groups hold a row of some class.
pub fn grouped(groups: &[u32], y: &[u8], k: usize, seed: Seed) -> Result<Vec<Fold>> {
    check_k(k, y.len())?;
    let fold_of = deal(groups, y, &vec![1.0; k], "split", seed)?;
    Ok(from_assignment(k, fold_of.iter().map(|&f| Some(f))))
}

/// One split that tests about `fraction` of each class, in whole groups.
///
/// # Errors
/// As [`grouped`] with two folds; [`Error::InvalidParam`] unless `0 < fraction < 1`.
pub fn holdout_grouped(groups: &[u32], y: &[u8], fraction: f64, seed: Seed) -> Result<Fold> {
    check_fraction(fraction)?;
    let side = deal(groups, y, &[fraction, 1.0 - fraction], "holdout", seed)?;
    let (test, train) = (0..y.len()).partition(|&row| side[row] == 0);
    Ok(Fold { train, test })
}

struct Group {
    rows: Vec<usize>,
    counts: [usize; 2],
}

/// The fold of every row: whole groups, so that fold `f` gets about `shares[f]` (relative) of each class.
///
/// Minimises Σ over folds f and classes c of (rows of c in f / rows of c)² / share f, greedily.
fn deal(groups: &[u32], y: &[u8], shares: &[f64], purpose: &str, seed: Seed) -> Result<Vec<usize>> {
    same_length("groups", groups.len(), y.len())?;
    let totals = class_counts(y)?;
    let mut all = gather(groups, y);
    let holding = [0, 1].map(|class| all.iter().filter(|g| g.counts[class] > 0).count());
    enough("group with a row", holding, shares.len())?;

    let share_of = |group: &Group, class: usize| group.counts[class] as f64 / totals[class] as f64;
    let weight = |group: &Group| share_of(group, 0).max(share_of(group, 1));
    // Shuffled, then sorted stably: equal groups come in the seed's order.
    seed.stream(purpose, 2).shuffle(&mut all);
    all.sort_by(|a, b| weight(b).total_cmp(&weight(a)));

    let mut filled = vec![[0usize; 2]; shares.len()];
    let mut fold_of = vec![0usize; y.len()];
    for group in &all {
        let lacks = |fold: usize, class: usize| group.counts[class] > 0 && filled[fold][class] == 0;
        // A fold without one of the classes cannot be judged: such folds are served first.
        let wanting = [1, 0].into_iter().find(|&class| (0..shares.len()).any(|fold| lacks(fold, class)));
        let mut best: Option<(f64, usize, usize)> = None;
        for fold in (0..shares.len()).filter(|&fold| wanting.is_none_or(|class| lacks(fold, class))) {
            let cost = [0, 1].map(|class| {
                let (held, added) = (filled[fold][class] as f64 / totals[class] as f64, share_of(group, class));
                (2.0 * held + added) * added
            });
            let candidate = ((cost[0] + cost[1]) / shares[fold], filled[fold][0] + filled[fold][1], fold);
            if best.is_none_or(|b| candidate.0.total_cmp(&b.0).then(candidate.1.cmp(&b.1)).is_lt()) {
                best = Some(candidate);
            }
        }
        let fold = best.map_or(0, |b| b.2);
        for class in [0, 1] {
            filled[fold][class] += group.counts[class];
        }
        group.rows.iter().for_each(|&row| fold_of[row] = fold);
    }
    match filled.iter().position(|counts| counts.contains(&0)) {
        None => Ok(fold_of),
        Some(fold) => Err(Error::data(
            Place::none(),
            format!("groups so uneven that fold {fold} would hold one class only"),
            "rows of both classes in every fold",
            "use fewer folds",
        )),
    }
}

/// The groups in ascending order of their codes.
fn gather(groups: &[u32], y: &[u8]) -> Vec<Group> {
    let mut rows: Vec<usize> = (0..groups.len()).collect();
    rows.sort_by_key(|&row| groups[row]);
    rows.chunk_by(|&a, &b| groups[a] == groups[b])
        .map(|rows| {
            let positive = rows.iter().filter(|&&row| y[row] == 1).count();
            Group { rows: rows.to_vec(), counts: [rows.len() - positive, positive] }
        })
        .collect()
}
