//! What every sampler is given, what it must give, and what stands around it.
//!
//! A sampler ranks points; this file asks for the best one that has not been tried, that the constraints allow, and that
//! has not failed before.

use serde::{Deserialize, Serialize};

use super::space::SearchSpace;
use super::{gp, sobol, tpe};
use crate::rng::Rng;
use crate::{Error, Result, Seed};

/// How trials are proposed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SamplerKind {
    /// [`SamplerKind::Gp`] for up to 32 parameters and up to 300 finished trials, [`SamplerKind::Tpe`] beyond.
    #[default]
    Auto,
    /// Tree-structured Parzen estimators, of all parameters of one condition together.
    Tpe,
    /// A Gaussian process and the logarithm of the expected improvement.
    Gp,
    /// Independent draws.
    Random,
    /// A scrambled Sobol sequence.
    Sobol,
}

impl SamplerKind {
    /// Every kind.
    pub const ALL: [SamplerKind; 5] =
        [SamplerKind::Auto, SamplerKind::Tpe, SamplerKind::Gp, SamplerKind::Random, SamplerKind::Sobol];
}

/// Where `auto` turns from the Gaussian process to Parzen estimators.
const AUTO_MAX_PARAMS: usize = 32;
const AUTO_MAX_TRIALS: usize = 300;

/// What is known of a trial.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Score {
    /// Its value; less is better.
    Complete(f64),
    /// It was stopped; its last report, less is better, where it is known to be on the values' scale.
    Pruned(Option<f64>),
    Failed,
    /// Asked for, not told.
    Pending,
}

/// What a sampler sees.
pub(super) struct View<'a> {
    pub(super) space: &'a SearchSpace,
    /// Trials whose values lie in the space, in the order of their numbers.
    pub(super) seen: Vec<(&'a [f64], Score)>,
    pub(super) seed: Seed,
    /// Number of the trial that is to be proposed.
    pub(super) number: u64,
}

impl View<'_> {
    /// Random numbers of this trial.
    pub(super) fn stream(&self, purpose: &str) -> Rng {
        self.seed.stream(purpose, self.number)
    }

    pub(super) fn n_finished(&self) -> usize {
        self.seen.iter().filter(|(_, s)| *s != Score::Pending).count()
    }

    /// The point of this trial in the study's Sobol sequence, settled.
    pub(super) fn sobol(&self) -> Vec<f64> {
        let mut point = sobol::point(self.seed, self.number as u32, self.space.len());
        self.space.settle(&mut point);
        point
    }

    /// A settled point drawn uniformly.
    pub(super) fn random(&self, rng: &mut Rng) -> Vec<f64> {
        let mut point: Vec<f64> = (0..self.space.len()).map(|_| rng.uniform()).collect();
        self.space.settle(&mut point);
        point
    }

    /// How often a point was tried, and whether it failed each time.
    fn tried(&self, point: &[f64]) -> (usize, bool) {
        let equal = |p: &[f64]| p.iter().zip(point).all(|(a, b)| a == b || (a.is_nan() && b.is_nan()));
        let mut count = 0;
        let mut failed = true;
        for (_, score) in self.seen.iter().filter(|(p, _)| equal(p)) {
            count += 1;
            failed &= *score == Score::Failed;
        }
        (count, count > 0 && failed)
    }

    /// Whether a settled point is allowed and new.
    pub(super) fn is_new(&self, point: &[f64]) -> bool {
        self.space.is_feasible(point) && self.tried(point).0 == 0
    }
}

/// Random draws for a new point before one that was tried is taken again.
const NEW_DRAWS: usize = 200;
/// Random draws for a point that the constraints allow.
const FEASIBLE_DRAWS: usize = 20_000;
/// A point that failed this often, and never did anything else, is not proposed again.
const MAX_FAILURES: usize = 3;

/// The point of the next trial, settled.
///
/// # Errors
/// [`Error::InvalidParam`]: no point was found that the constraints allow; [`Error::Numeric`]: every point found has failed.
pub(super) fn propose(kind: SamplerKind, view: &View<'_>) -> Result<Vec<f64>> {
    let kind = match kind {
        SamplerKind::Auto if view.space.len() > AUTO_MAX_PARAMS || view.n_finished() > AUTO_MAX_TRIALS => {
            SamplerKind::Tpe
        }
        SamplerKind::Auto => SamplerKind::Gp,
        given => given,
    };
    let best = match kind {
        SamplerKind::Tpe => tpe::suggest(view),
        SamplerKind::Gp | SamplerKind::Auto => gp::suggest(view),
        SamplerKind::Random => Some(view.random(&mut view.stream("tune random"))),
        SamplerKind::Sobol => Some(view.sobol()),
    };
    if let Some(point) = best.filter(|p| view.is_new(p)) {
        return Ok(point);
    }
    let mut rng = view.stream("tune again");
    let mut known: Option<(usize, Vec<f64>)> = None;
    let mut feasible = 0;
    for draw in 0..FEASIBLE_DRAWS {
        let point = view.random(&mut rng);
        if !view.space.is_feasible(&point) {
            continue;
        }
        feasible += 1;
        let (count, failed) = view.tried(&point);
        if count == 0 {
            return Ok(point);
        }
        if !(failed && count >= MAX_FAILURES) && known.as_ref().is_none_or(|(least, _)| count < *least) {
            known = Some((count, point));
        }
        if draw >= NEW_DRAWS && known.is_some() {
            break;
        }
    }
    match known {
        Some((_, point)) => Ok(point),
        None if feasible == 0 => Err(Error::param(
            "constraints",
            format!("no feasible point in {FEASIBLE_DRAWS} draws"),
            "constraints that part of the space fulfils",
            "loosen the constraints, or narrow the ranges so that they hold in a larger part",
        )),
        None => Err(Error::Numeric {
            what: "the search",
            why: format!("every point left in the space failed {MAX_FAILURES} times"),
            hint: "look at the errors of the failed trials, or widen the space".to_owned(),
        }),
    }
}
