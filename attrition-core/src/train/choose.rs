//! Choosing among learners by folds: on all rows, or for a large table on a sample of them.

use super::blend::Mix;
use super::cross_validate::{Choice, OutOfFold, Rows};
use super::data::Supervision;
use super::trainer::Trainer;
use crate::model::{BLEND, CandidateFact, blend_params};
use crate::run::Run;
use crate::split::{self, Fold};
use crate::{Result, Seed};

/// Up to so many numbers, sum of weights × features, `auto` tries its candidates on all rows.
pub(super) const CANDIDATE_CELLS: f64 = 4e6;
/// A sample is so large that each label has at least so many rows, or all.
const SAMPLE_LABEL_ROWS: f64 = 1000.0;

/// What folds chose, and the out-of-fold scores of all rows by what was chosen.
pub(super) struct Chosen<'a> {
    pub(super) oof: OutOfFold<'a>,
    /// One for each fold that was to be left out, or for none.
    pub(super) choices: Vec<Choice>,
    /// Every candidate and the blend tried, best first; none is marked as chosen.
    pub(super) leaderboard: Vec<CandidateFact>,
    /// Rows the candidates were tried on, where it was a sample.
    pub(super) n_sampled: Option<usize>,
}

impl Trainer {
    /// Try the learners, and choose by the folds but each of `withouts`.
    pub(super) fn choose<'a>(
        &'a self,
        rows: Rows<'a>,
        folds: &'a [Fold],
        withouts: &[Option<usize>],
        run: &'a Run,
    ) -> Result<Chosen<'a>> {
        let all: Vec<usize> = (0..self.learners.len()).collect();
        let sample = if self.may_blend() && all.len() > 1 { sample(rows, folds, self.stream_seed()) } else { None };
        let decide = |oof: &mut OutOfFold<'_>| -> Result<_> {
            let choices = withouts.iter().map(|&k| oof.choose(k)).collect::<Result<Vec<_>>>()?;
            Ok((choices, self.leaderboard(oof)?))
        };
        let Some(sample) = sample else {
            let mut oof = OutOfFold::run(self, all, rows, folds, "cross_validate", run)?;
            let (choices, leaderboard) = decide(&mut oof)?;
            return Ok(Chosen { oof, choices, leaderboard, n_sampled: None });
        };
        let mut tried = OutOfFold::run(self, all.clone(), rows, &sample, "choose", run)?;
        let (mut choices, leaderboard) = decide(&mut tried)?;
        // All rows for what was chosen: a lone learner, or the members of a blend.
        let mut wanted = vec![false; all.len()];
        for (choice, without) in choices.iter().zip(withouts) {
            let without: Vec<usize> = without.iter().copied().collect();
            tried.mix(choice, &without)?.members().iter().for_each(|&(c, _)| wanted[c] = true);
        }
        // A lone learner is looked up among those that were kept.
        let kept: Vec<usize> = all.into_iter().filter(|&c| wanted[c]).collect();
        for choice in &mut choices {
            choice.best = kept.iter().position(|&c| c == choice.best).unwrap_or(0);
        }
        let n_sampled = Some(sample.iter().map(|f| f.test.len()).sum());
        let oof = OutOfFold::run(self, kept, rows, folds, "cross_validate", run)?;
        Ok(Chosen { oof, choices, leaderboard, n_sampled })
    }

    /// A mix of candidates as a mix of the trainer's learners' names and parameters.
    pub(super) fn fact(&self, oof: &OutOfFold<'_>, mix: &Mix, score: Option<f64>) -> CandidateFact {
        let members: Vec<_> =
            mix.members().iter().map(|&(c, weight)| (&self.learners[oof.candidates[c]], weight)).collect();
        let (learner, params) = match members[..] {
            [(lone, _)] => (lone.name(), lone.params_json()),
            _ => (BLEND, blend_params(members)),
        };
        CandidateFact { learner: learner.to_owned(), params, score, is_chosen: false }
    }

    /// The candidates, and the blend that all folds choose as other folds than the judging one choose it.
    fn leaderboard(&self, oof: &mut OutOfFold<'_>) -> Result<Vec<CandidateFact>> {
        let n_folds = oof.n_folds();
        let mut facts = Vec::new();
        for candidate in 0..oof.candidates.len() {
            let mix = Mix::lone(candidate);
            let score = oof.score(&vec![mix.clone(); n_folds])?;
            facts.push(self.fact(oof, &mix, score));
        }
        if self.may_blend() && facts.len() > 1 && n_folds > 1 {
            let mix = oof.blend(&[])?;
            if mix.is_blend() {
                let by_fold = (0..n_folds).map(|k| oof.blend(&[k])).collect::<Result<Vec<_>>>()?;
                let score = oof.score(&by_fold)?;
                facts.push(self.fact(oof, &mix, score));
            }
        }
        let sign = if self.chosen_metric().greater_is_better() { -1.0 } else { 1.0 };
        facts.sort_by(|a, b| {
            let worth = |f: &CandidateFact| f.score.map_or(f64::INFINITY, |s| sign * s);
            worth(a).total_cmp(&worth(b))
        });
        Ok(facts)
    }
}

/// The folds over a seeded sample of the rows, the same share of each label, where sum of weights × features is above
/// [`CANDIDATE_CELLS`]: as many rows as stay below, or more where a label would have less than [`SAMPLE_LABEL_ROWS`].
/// `None` where all rows are few enough or needed, and where a fold would be left without rows to learn from or to test.
/// Rows of weight 0 are never in it.
fn sample(Rows { schema, data, .. }: Rows<'_>, folds: &[Fold], seed: Seed) -> Option<Vec<Fold>> {
    let mut present = vec![false; data.y.len()];
    for fold in folds {
        fold.train.iter().chain(&fold.test).for_each(|&row| present[row] = data.weight(row) > 0.0);
    }
    let rows: Vec<usize> = (0..present.len()).filter(|&r| present[r]).collect();
    let size = rows.iter().map(|&r| data.weight(r)).sum::<f64>() * schema.features().count() as f64;
    // Not above, also where it is no number.
    if size.partial_cmp(&CANDIDATE_CELLS) != Some(std::cmp::Ordering::Greater) {
        return None;
    }
    let (mut ones, mut zeros): (Vec<usize>, Vec<usize>) = rows.iter().partition(|&&r| data.y[r] == 1);
    let share = (CANDIDATE_CELLS / size).max(SAMPLE_LABEL_ROWS / ones.len().min(zeros.len()) as f64);
    if share >= 1.0 {
        return None;
    }
    let mut kept = vec![false; present.len()];
    for (label, of_label) in [&mut zeros, &mut ones].into_iter().enumerate() {
        seed.stream("auto", label as u64).shuffle(of_label);
        let n = (of_label.len() as f64 * share).ceil() as usize;
        of_label.iter().take(n).for_each(|&r| kept[r] = true);
    }
    let keep = |rows: &[usize]| rows.iter().copied().filter(|&r| kept[r]).collect::<Vec<_>>();
    let sampled: Vec<Fold> = folds.iter().map(|f| Fold { train: keep(&f.train), test: keep(&f.test) }).collect();
    let is_whole = sampled.iter().all(|f| !f.test.is_empty()) && split::check_trainable(&sampled, &data.y).is_ok();
    is_whole.then_some(sampled)
}

impl Supervision {
    fn weight(&self, row: usize) -> f64 {
        self.w.as_ref().map_or(1.0, |w| w[row])
    }
}
