//! Rules that stop a trial after what it has reported. They know no learner: a report is a number at a step.

use serde::{Deserialize, Serialize};

use super::study::Direction;
use super::trial::{Trial, TrialState};
use crate::num::rank::{Alternative, wilcoxon};
use crate::{Error, Result};

/// When a trial is stopped early.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case", deny_unknown_fields)]
pub enum Pruner {
    /// Steps are folds (or seeds): comparable problems. A trial is stopped once a one-sided Wilcoxon signed-rank test over the
    /// folds that it shares with the best trial finds it worse; never while its mean over them is the better one.
    ///
    /// # Reference
    /// Optuna's `WilcoxonPruner`; Wilcoxon: Individual comparisons by ranking methods. Biometrics Bulletin 1 (1945),
    /// <https://doi.org/10.2307/3001968>.
    Wilcoxon {
        /// Largest p-value that stops; in (0, 1).
        #[serde(default = "p_value")]
        p_value: f64,
        /// Folds that are run in any case.
        #[serde(default = "min_folds")]
        min_steps: u64,
    },
    /// Steps are amounts of resource (trees, rows, epochs). At `min_resource·factorᵏ` a trial goes on only if its report is in the best
    /// `1 / factor` of the reports that trials had at that rung, itself included: asynchronous successive halving.
    ///
    /// # Reference
    /// Li, Jamieson, Rostamizadeh, Gonina, Hardt, Recht, Talwalkar: A system for massively parallel hyperparameter tuning. MLSys 2020,
    /// <https://doi.org/10.48550/arXiv.1810.05934>.
    SuccessiveHalving {
        /// The first rung.
        min_resource: u64,
        /// Between rungs, and the share that goes on; at least 2.
        #[serde(default = "factor")]
        factor: u64,
    },
}

fn p_value() -> f64 {
    0.1
}
fn min_folds() -> u64 {
    2
}
fn factor() -> u64 {
    3
}

impl Pruner {
    /// Wilcoxon's test at 0.1 from the third fold on.
    pub fn wilcoxon() -> Pruner {
        Pruner::Wilcoxon { p_value: p_value(), min_steps: min_folds() }
    }

    /// Check the parameters.
    ///
    /// # Errors
    /// [`Error::InvalidParam`].
    pub fn check(&self) -> Result<()> {
        match self {
            Pruner::Wilcoxon { p_value, .. } if !(*p_value > 0.0 && *p_value < 1.0) => {
                Err(Error::param("p_value", p_value, "a number > 0 and < 1", "the default is 0.1"))
            }
            Pruner::SuccessiveHalving { min_resource: 0, .. } => {
                Err(Error::param("min_resource", 0, "a whole number >= 1", "name the first rung's step"))
            }
            Pruner::SuccessiveHalving { factor: factor @ (0 | 1), .. } => {
                Err(Error::param("factor", factor, "a whole number >= 2", "the default is 3"))
            }
            _ => Ok(()),
        }
    }

    /// Whether `trial` should stop, given all trials of its study.
    pub(super) fn should_prune(&self, trial: &Trial, trials: &[Trial], direction: Direction) -> bool {
        match self {
            Pruner::Wilcoxon { p_value, min_steps } => {
                let cost = |t: &Trial| t.value().map_or(f64::INFINITY, |v| direction.cost(v));
                let complete = trials.iter().filter(|t| t.state == TrialState::Complete && !t.reports.is_empty());
                let Some(best) = complete.min_by(|a, b| cost(a).total_cmp(&cost(b))) else { return false };
                let worse: Vec<f64> = trial
                    .reports
                    .iter()
                    .filter_map(|(step, v)| Some(direction.cost(*v) - direction.cost(*best.reports.get(step)?)))
                    .collect();
                if (worse.len() as u64) < (*min_steps).max(2) || worse.iter().sum::<f64>() <= 0.0 {
                    return false;
                }
                wilcoxon(&worse, Alternative::Greater).is_some_and(|p| p < *p_value)
            }
            Pruner::SuccessiveHalving { min_resource, factor } => {
                let mut rung = *min_resource;
                while let Some((step, own)) = trial.reports.range(..=rung).next_back() {
                    // The rung counts once it is reached: by a report at it, or by one beyond.
                    if *step != rung && trial.reports.range(rung..).next().is_none() {
                        return false;
                    }
                    let own = direction.cost(*own);
                    let reached = |t: &&Trial| t.number != trial.number && t.reports.range(rung..).next().is_some();
                    let at_rung = |t: &Trial| t.reports.range(..=rung).next_back().map(|(_, v)| direction.cost(*v));
                    let others: Vec<f64> = trials.iter().filter(reached).filter_map(at_rung).collect();
                    let better = others.iter().filter(|v| **v < own).count() as u64;
                    let go_on = ((others.len() as u64 + 1) / factor).max(1);
                    // The first trials of a rung have nobody to be compared with.
                    if others.len() as u64 + 1 >= *factor && better >= go_on {
                        return true;
                    }
                    let Some(next) = rung.checked_mul(*factor) else { return false };
                    rung = next;
                }
                false
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    fn trial(number: u64, state: TrialState, value: f64, reports: &[(u64, f64)]) -> Trial {
        let mut t = Trial::waiting(number, BTreeMap::new());
        t.state = state;
        t.reports = reports.iter().copied().collect();
        if state == TrialState::Complete {
            t.values = vec![value];
        }
        t
    }

    #[test]
    fn a_trial_that_is_worse_on_every_fold_stops_and_one_that_is_better_on_average_does_not() {
        let pruner = Pruner::wilcoxon();
        let folds = |shift: &[f64]| shift.iter().enumerate().map(|(i, s)| (i as u64, 0.5 + s)).collect::<Vec<_>>();
        let best = trial(0, TrialState::Complete, 0.5, &folds(&[0.0; 5]));
        let all = |t: &Trial| vec![best.clone(), t.clone()];
        let check = |shift: &[f64], direction| {
            let t = trial(1, TrialState::Running, 0.0, &folds(shift));
            pruner.should_prune(&t, &all(&t), direction)
        };
        // p = 1/8 with three folds, 1/16 with four.
        assert!(!check(&[0.1, 0.2, 0.3], Direction::Minimize));
        assert!(check(&[0.1, 0.2, 0.3, 0.25], Direction::Minimize));
        assert!(!check(&[0.1, 0.2, 0.3, 0.25], Direction::Maximize));
        assert!(check(&[-0.1, -0.2, -0.3, -0.25], Direction::Maximize));
        assert!(!check(&[0.1, 0.2, 0.3, 0.25, -2.0], Direction::Minimize));
        let t = trial(1, TrialState::Running, 0.0, &folds(&[9.0; 5]));
        assert!(!pruner.should_prune(&t, std::slice::from_ref(&t), Direction::Minimize));
    }

    #[test]
    fn halving_keeps_the_best_third_of_a_rung() {
        let pruner = Pruner::SuccessiveHalving { min_resource: 10, factor: 3 };
        let mut trials: Vec<Trial> = (0..8).map(|i| trial(i, TrialState::Pruned, 0.0, &[(10, i as f64)])).collect();
        let verdict = |trials: &mut Vec<Trial>, reports: &[(u64, f64)]| {
            let t = trial(8, TrialState::Running, 0.0, reports);
            trials.truncate(8);
            trials.push(t.clone());
            pruner.should_prune(&t, trials, Direction::Minimize)
        };
        assert!(!verdict(&mut trials, &[(10, 2.5)].map(|(s, v)| (s, v - 1.0))));
        assert!(!verdict(&mut trials, &[(5, 99.0)]));
        assert!(verdict(&mut trials, &[(10, 2.5)]));
        // Good at 10; at 30 nobody else has been.
        assert!(!verdict(&mut trials, &[(10, 0.5), (20, 99.0), (30, 99.0)]));
        // A report beyond the rung counts by the last one up to it.
        assert!(verdict(&mut trials, &[(9, 5.0), (11, 0.0)]));
    }

    #[test]
    fn parameters_are_checked() {
        assert!(Pruner::Wilcoxon { p_value: 1.0, min_steps: 2 }.check().is_err());
        assert!(Pruner::SuccessiveHalving { min_resource: 0, factor: 3 }.check().is_err());
        assert!(Pruner::SuccessiveHalving { min_resource: 1, factor: 1 }.check().is_err());
        let read: Pruner = serde_json::from_str(r#"{"type": "wilcoxon"}"#).unwrap();
        assert_eq!(read, Pruner::wilcoxon());
    }
}
