//! Only the past trains.

use super::{Fold, check_fraction, check_k};
use crate::error::Place;
use crate::{Error, Result};

/// `k` folds over `k + 1` consecutive blocks of about equal size: fold `j` tests block `j + 1` and trains on every
/// row before it. The first block is never tested; rows of one time are never in two blocks.
///
/// # Errors
/// [`Error::InvalidParam`] for fewer than 2 folds; [`Error::InvalidData`] for fewer than `k + 1` distinct times.
pub fn time_forward(times: &[i64], k: usize) -> Result<Vec<Fold>> {
    check_k(k, times.len())?;
    let cuts: Vec<f64> = (1..=k).map(|j| j as f64 / (k + 1) as f64).collect();
    let blocks = blocks(times, &cuts, &format!("use fewer folds than times (cv < {})", distinct(times).max(3)))?;
    Ok((1..blocks.len())
        .map(|j| Fold { train: sorted(blocks[..j].concat()), test: sorted(blocks[j].clone()) })
        .collect())
}

/// One split that tests the latest rows, about `fraction` of them; rows of one time are on one side.
///
/// # Errors
/// [`Error::InvalidParam`] unless `0 < fraction < 1`; [`Error::InvalidData`] for fewer than 2 distinct times.
pub fn holdout_latest(times: &[i64], fraction: f64) -> Result<Fold> {
    check_fraction(fraction)?;
    let mut blocks = blocks(times, &[1.0 - fraction], "use no hold-out, or one that is not by time")?;
    let test = sorted(blocks.pop().unwrap_or_default());
    Ok(Fold { train: sorted(blocks.concat()), test })
}

fn distinct(times: &[i64]) -> usize {
    let mut times = times.to_vec();
    times.sort_unstable();
    times.dedup();
    times.len()
}

fn sorted(mut rows: Vec<usize>) -> Vec<usize> {
    rows.sort_unstable();
    rows
}

/// The rows in time's order, cut near the given ascending fractions: `cuts.len() + 1` blocks, none empty, none
/// sharing a time with another.
fn blocks(times: &[i64], cuts: &[f64], hint: &str) -> Result<Vec<Vec<usize>>> {
    let mut rows: Vec<usize> = (0..times.len()).collect();
    rows.sort_by_key(|&row| times[row]);
    // ends[i]: how many rows have one of the first i + 1 times.
    let mut ends: Vec<usize> = rows.chunk_by(|&a, &b| times[a] == times[b]).map(<[usize]>::len).collect();
    let mut end = 0;
    ends.iter_mut().for_each(|e| {
        end += *e;
        *e = end;
    });
    if ends.len() <= cuts.len() {
        return Err(Error::data(
            Place::none(),
            format!("{} distinct times in {} rows", ends.len(), times.len()),
            format!("at least {}", cuts.len() + 1),
            hint,
        ));
    }
    let mut blocks = Vec::with_capacity(cuts.len() + 1);
    let (mut first, mut start) = (0, 0);
    for (done, cut) in cuts.iter().enumerate() {
        let target = cut * times.len() as f64;
        // Every later block needs a time of its own.
        let last = ends.len() - (cuts.len() - done) - 1;
        let above = ends.partition_point(|&e| (e as f64) < target).clamp(first, last);
        let below = above.saturating_sub(1).max(first);
        let nearer_below = target - ends[below] as f64 <= ends[above] as f64 - target;
        let at = if nearer_below { below } else { above };
        blocks.push(rows[start..ends[at]].to_vec());
        (first, start) = (at + 1, ends[at]);
    }
    blocks.push(rows[start..].to_vec());
    Ok(blocks)
}
