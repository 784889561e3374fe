//! Which learners a blend is made of, and in what shares: greedy selection from a library of candidates.
//!
//! Notation: `n_c` is how often candidate `c` was taken; its weight is `n_c / Σ n`. A candidate may be taken again. Worth
//! is a metric of the blend's out-of-fold scores, higher is better, NaN where it is not defined.
//!
//! # Reference
//! R. Caruana, A. Niculescu-Mizil, G. Crew, A. Ksikes (2004): Ensemble selection from libraries of models, ICML.
//! <https://doi.org/10.1145/1015330.1015432>

use crate::Result;

/// Candidates are taken so often after the start; a weight is a multiple of 1 / (this + the candidates of the start).
const ROUNDS: usize = 20;

/// Candidates with their weights: above 0, their sum 1, heaviest first. One of weight 1 is a lone learner.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Mix(Vec<(usize, f64)>);

impl Mix {
    pub(super) fn lone(candidate: usize) -> Mix {
        Mix(vec![(candidate, 1.0)])
    }

    fn of(counts: &[u32]) -> Mix {
        let total: f64 = counts.iter().map(|&n| f64::from(n)).sum();
        let mut members: Vec<(usize, u32)> = counts.iter().copied().enumerate().filter(|&(_, n)| n > 0).collect();
        members.sort_by_key(|&(c, n)| (std::cmp::Reverse(n), c));
        Mix(members.into_iter().map(|(c, n)| (c, f64::from(n) / total)).collect())
    }

    /// Candidates and weights, in the order in which log-odds are summed.
    pub(super) fn members(&self) -> &[(usize, f64)] {
        &self.0
    }

    pub(super) fn is_blend(&self) -> bool {
        self.0.len() > 1
    }
}

/// The blend that greedy selection finds among `n` candidates. `worth` tells that of several mixes at once.
///
/// It begins with the best candidates, as many of them, best first, as are worth most together, each once
/// (*sorted initialisation*). Then, [`ROUNDS`] times, the candidate is taken that is worth most when it is added; of all
/// blends on the way the one worth most is the answer, and of equals the first, so that a lone candidate stays alone
/// unless a blend is worth more.
///
/// # Errors
/// Those of `worth`.
pub(super) fn greedy(n: usize, mut worth: impl FnMut(&[Mix]) -> Result<Vec<f64>>) -> Result<Mix> {
    let unit = |c: usize| (0..n).map(|i| u32::from(i == c)).collect::<Vec<u32>>();
    let alone = worth(&(0..n).map(Mix::lone).collect::<Vec<_>>())?;
    // A candidate without a worth is not taken.
    let mut order: Vec<usize> = (0..n).filter(|&c| !alone[c].is_nan()).collect();
    order.sort_by(|&a, &b| alone[b].total_cmp(&alone[a]));
    let Some(&first) = order.first() else { return Ok(Mix::lone(0)) };

    let mut evaluate = |options: &[Vec<u32>]| worth(&options.iter().map(|o| Mix::of(o)).collect::<Vec<_>>());
    let mut best = (unit(first), alone[first]);
    let mut starts = vec![unit(first)];
    for &c in &order[1..] {
        let mut more = starts[starts.len() - 1].clone();
        more[c] += 1;
        starts.push(more);
    }
    let worths = evaluate(&starts[1..])?;
    for (start, worth) in starts.into_iter().skip(1).zip(worths) {
        if worth > best.1 {
            best = (start, worth);
        }
    }
    let mut counts = best.0.clone();
    for _ in 0..ROUNDS {
        let options: Vec<Vec<u32>> = order
            .iter()
            .map(|&c| {
                let mut more = counts.clone();
                more[c] += 1;
                more
            })
            .collect();
        let worths = evaluate(&options)?;
        let mut next = (0, f64::NEG_INFINITY);
        for (i, &worth) in worths.iter().enumerate() {
            if worth > next.1 {
                next = (i, worth);
            }
        }
        counts.clone_from(&options[next.0]);
        if next.1 > best.1 {
            best = (counts.clone(), next.1);
        }
    }
    Ok(Mix::of(&best.0))
}

/// Whether gains, one a fold, are above their noise: at least [`MIN_FOLDS`] of them, and their mean above
/// [`STANDARD_ERRORS`] standard errors of it. Mean and standard error; `None` for too few.
pub(super) fn gain(differences: &[f64]) -> Option<(f64, f64)> {
    let n = differences.len() as f64;
    if differences.len() < MIN_FOLDS {
        return None;
    }
    let mean = differences.iter().sum::<f64>() / n;
    let squares: f64 = differences.iter().map(|d| (d - mean) * (d - mean)).sum();
    Some((mean, (squares / (n - 1.0) / n).sqrt()))
}

/// With fewer folds the spread of a gain is not known well enough to take a blend.
const MIN_FOLDS: usize = 3;
/// A blend's mean gain is to be above so many standard errors of it.
pub(super) const STANDARD_ERRORS: f64 = 1.0;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Seed;
    use crate::metrics::Metric;

    /// Candidates' log-odds of the same rows, and the labels.
    fn scores(seed: u64, n: usize, noise: &[f64]) -> (Vec<Vec<f64>>, Vec<u8>) {
        let mut r = Seed(seed).stream("blend", 0);
        let truth: Vec<f64> = (0..n).map(|_| r.normal()).collect();
        let y = truth.iter().map(|z| u8::from(r.uniform() < crate::num::float::sigmoid(2.0 * z))).collect();
        let scores = noise.iter().map(|sd| truth.iter().map(|z| z + sd * r.normal()).collect()).collect();
        (scores, y)
    }

    fn worth(scores: &[Vec<f64>], y: &[u8], members: &[(usize, f64)]) -> f64 {
        let z: Vec<f64> = (0..y.len()).map(|i| members.iter().map(|&(c, w)| w * scores[c][i]).sum()).collect();
        Metric::RocAuc.value(y, &z, None, 0.5).unwrap()
    }

    fn found(scores: &[Vec<f64>], y: &[u8]) -> Mix {
        greedy(scores.len(), |mixes| Ok(mixes.iter().map(|m| worth(scores, y, m.members())).collect())).unwrap()
    }

    /// Every blend of three candidates with weights that are multiples of 1 / 24.
    fn best_of_all(scores: &[Vec<f64>], y: &[u8]) -> f64 {
        let mut best = f64::NEG_INFINITY;
        for a in 0..=24u32 {
            for b in 0..=24 - a {
                best = best.max(worth(scores, y, Mix::of(&[a, b, 24 - a - b]).members()));
            }
        }
        best
    }

    #[test]
    fn greedy_selection_comes_close_to_every_blend_there_is() {
        for seed in 0..8 {
            let (scores, y) = scores(seed, 300, &[0.8, 1.0, 1.6]);
            let mix = found(&scores, &y);
            let (own, best) = (worth(&scores, &y, mix.members()), best_of_all(&scores, &y));
            let alone = (0..3).map(|c| worth(&scores, &y, &[(c, 1.0)])).fold(0.0, f64::max);
            assert!(own > alone && own <= best + 2e-3 && own > best - 1e-3, "{own} {best} {alone} {mix:?}");
            assert!((mix.members().iter().map(|m| m.1).sum::<f64>() - 1.0).abs() < 1e-12);
            assert!(mix.members().windows(2).all(|m| m[0].1 >= m[1].1));
        }
    }

    /// The steps written out anew, for a worth that has no noise: the distance to known weights.
    #[test]
    fn the_path_is_that_of_the_paper() {
        let target = [0.5, 0.3, 0.2, 0.0];
        let worth = |members: &[(usize, f64)]| {
            let weight = |c: usize| members.iter().find(|m| m.0 == c).map_or(0.0, |m| m.1);
            -(0..4).map(|c| (weight(c) - target[c]) * (weight(c) - target[c])).sum::<f64>()
        };
        let mix = greedy(4, |mixes| Ok(mixes.iter().map(|m| worth(m.members())).collect())).unwrap();
        // Twenty picks and three at the start: 10 : 6 : 4 is on the way.
        assert_eq!(mix.members(), [(0, 0.5), (1, 0.3), (2, 0.2)]);
    }

    #[test]
    fn a_candidate_stays_alone_where_no_blend_is_worth_more() {
        let (scores, y) = scores(3, 200, &[0.5]);
        let same = vec![scores[0].clone(), scores[0].clone(), scores[0].clone()];
        assert_eq!(found(&same, &y), Mix::lone(0));
        assert_eq!(greedy(3, |mixes| Ok(vec![f64::NAN; mixes.len()])).unwrap(), Mix::lone(0));
        // One candidate has no worth, and is never taken.
        let mix = greedy(2, |mixes| {
            Ok(mixes.iter().map(|m| if m.members().iter().any(|m| m.0 == 0) { f64::NAN } else { 0.5 }).collect())
        });
        assert_eq!(mix.unwrap(), Mix::lone(1));
    }

    #[test]
    fn a_gain_is_told_with_its_noise() {
        assert_eq!(gain(&[0.1, 0.2]), None);
        let (mean, noise) = gain(&[0.1, 0.2, 0.3]).unwrap();
        assert!((mean - 0.2).abs() < 1e-15 && (noise - 0.1 / 3f64.sqrt()).abs() < 1e-15);
        assert_eq!(gain(&[0.0; 5]), Some((0.0, 0.0)));
    }
}
