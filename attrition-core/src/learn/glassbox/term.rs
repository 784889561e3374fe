//! The fitted form: a table for every term.

use serde::{Deserialize, Serialize};

use crate::learn::logistic::check_shape;
use crate::preprocess::Block;
use crate::{Error, Result};

/// An effect on the log-odds and its standard deviation.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Effect {
    /// Added to the log-odds.
    pub effect: f64,
    /// Its standard deviation: that of the posterior (Laplace's approximation) given the strengths of the penalties.
    pub std_err: f64,
}

/// The effect of a number: straight lines between the points, level beyond them. Without points it is 0.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Curve {
    /// The points, rising.
    pub at: Vec<f64>,
    /// The effect at each point.
    pub effect: Vec<f64>,
    /// Its standard deviation.
    pub std_err: Vec<f64>,
}

/// The effect of a number by intervals: below the first cut, from each cut up to the next, from the last on.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Steps {
    /// Where an interval ends and the next begins, rising; a cut belongs to the interval above it.
    pub cuts: Vec<f64>,
    /// The effect in each interval, one more than there are cuts.
    pub effect: Vec<f64>,
    /// Its standard deviation.
    pub std_err: Vec<f64>,
}

/// The effect of a category.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Levels {
    /// Codes of the levels that have an effect of their own, rising.
    pub codes: Vec<u32>,
    /// The effect of each.
    pub effect: Vec<f64>,
    /// Its standard deviation.
    pub std_err: Vec<f64>,
    /// Of every other level: the common effect of the rare ones, or 0 where there were none.
    pub other: Effect,
}

/// A term's table.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Shape {
    /// Of a number.
    Curve(Curve),
    /// Of a number that was boosted.
    Steps(Steps),
    /// Of a category.
    Levels(Levels),
}

/// One feature's part of the log-odds.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Term {
    /// From value to effect.
    pub shape: Shape,
    /// Of a gap, and of a level that training has not seen; 0 where training had no gap.
    pub missing: Effect,
    /// Effective degrees of freedom: how many free coefficients the penalised ones are worth; of a boosted term its different
    /// effects less one; 0 for a term left out or written by hand.
    pub edf: f64,
    /// λ, what the curvature of its spline costs; 0 for a term without one.
    pub smoothness: f64,
}

/// How a feature's values fall into groups.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum Axis {
    /// Of a number: below the first cut, from each cut up to the next, from the last on; then the group of gaps.
    Cuts {
        /// Rising.
        cuts: Vec<f64>,
    },
    /// Of a category: a group for each of these levels; then that of all other levels, then that of gaps and levels not seen.
    Levels {
        /// Rising.
        codes: Vec<u32>,
    },
}

/// What two features add to the log-odds together, beyond their terms.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Pair {
    /// The two features.
    pub features: [usize; 2],
    /// The groups of each.
    pub axes: [Axis; 2],
    /// The effect of each cell, row-major: groups of the first feature × groups of the second; 0 where training had no row.
    pub effect: Vec<f64>,
    /// Its standard deviation.
    pub std_err: Vec<f64>,
    /// Effective degrees of freedom.
    pub edf: f64,
}

/// A fitted additive model: its score is `intercept + Σⱼ termⱼ(xⱼ) + Σ pair(xⱼ, xₖ)`, the log-odds of the positive label, summed in
/// feature order, then in the order of the pairs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Glassbox {
    /// The log-odds of an average row.
    pub intercept: f64,
    /// One term for each feature.
    pub terms: Vec<Term>,
    /// The pairs that earned a place.
    pub pairs: Vec<Pair>,
    /// ρ, the ridge that the coefficients of all terms share; 0 where they were boosted.
    pub ridge: f64,
    /// Newton steps taken; of boosted terms the most rounds that a part of the rows was boosted for.
    pub n_iter: u32,
    /// Whether coefficients and strengths of penalties settled; of boosted terms whether no further round helped.
    pub converged: bool,
}

/// `from + (to − from)·t` for `x` between two points `t = (x − a)/(b − a)`, whatever the distance of the points.
fn between(x: f64, [a, b]: [f64; 2], [from, to]: [f64; 2]) -> f64 {
    let width = b - a;
    let t = if width.is_finite() { (x - a) / width } else { (x / 2.0 - a / 2.0) / (b / 2.0 - a / 2.0) };
    from + (to - from) * t
}

impl Curve {
    /// Straight lines through `values` over the points.
    fn through(&self, x: f64, values: &[f64]) -> f64 {
        let right = self.at.partition_point(|a| *a <= x);
        match (right.checked_sub(1), self.at.get(right)) {
            (None, _) => values.first().copied().unwrap_or(0.0),
            (Some(_), None) => values.last().copied().unwrap_or(0.0),
            (Some(left), Some(&b)) => match (self.at.get(left), values.get(left), values.get(right)) {
                (Some(&a), Some(&from), Some(&to)) => between(x, [a, b], [from, to]),
                _ => 0.0,
            },
        }
    }
}

impl Steps {
    /// That of `values` in whose interval `x` lies.
    fn within(&self, x: f64, values: &[f64]) -> f64 {
        values.get(self.cuts.partition_point(|c| *c <= x)).copied().unwrap_or(0.0)
    }
}

impl Term {
    /// A term that is 0.
    pub(crate) fn zero() -> Term {
        Term { shape: Shape::Curve(Curve::default()), missing: Effect::default(), edf: 0.0, smoothness: 0.0 }
    }

    /// The effect of a value: a number, or the code of a level; NaN is a gap.
    pub fn effect(&self, x: f64) -> f64 {
        if x.is_nan() {
            return self.missing.effect;
        }
        match &self.shape {
            Shape::Curve(curve) => curve.through(x, &curve.effect),
            Shape::Steps(steps) => steps.within(x, &steps.effect),
            Shape::Levels(levels) => levels.find(x).map_or(levels.other.effect, |i| levels.effect[i]),
        }
    }

    /// The standard deviation of the effect of a value.
    pub fn std_err(&self, x: f64) -> f64 {
        if x.is_nan() {
            return self.missing.std_err;
        }
        match &self.shape {
            Shape::Curve(curve) => curve.through(x, &curve.std_err),
            Shape::Steps(steps) => steps.within(x, &steps.std_err),
            Shape::Levels(levels) => levels.find(x).map_or(levels.other.std_err, |i| levels.std_err[i]),
        }
    }

    /// Every effect of the table.
    pub(super) fn effects_mut(&mut self) -> impl Iterator<Item = &mut f64> {
        let (list, other) = match &mut self.shape {
            Shape::Curve(c) => (&mut c.effect, None),
            Shape::Steps(s) => (&mut s.effect, None),
            Shape::Levels(l) => (&mut l.effect, Some(&mut l.other.effect)),
        };
        list.iter_mut().chain(other).chain([&mut self.missing.effect])
    }

    /// What is wrong with it, if it came from a file.
    fn defect(&self) -> Option<&'static str> {
        let effects = |n: usize, effect: &[f64], std_err: &[f64]| {
            effect.len() == n
                && std_err.len() == n
                && effect.iter().all(|v| v.is_finite())
                && std_err.iter().all(|v| *v >= 0.0 && v.is_finite())
        };
        let one = |e: &Effect| e.effect.is_finite() && e.std_err.is_finite() && e.std_err >= 0.0;
        let (sizes, order, others) = match &self.shape {
            Shape::Curve(c) => (
                effects(c.at.len(), &c.effect, &c.std_err),
                c.at.windows(2).all(|a| a[0] < a[1]) && c.at.iter().all(|a| a.is_finite()),
                true,
            ),
            Shape::Steps(s) => (
                effects(s.cuts.len() + 1, &s.effect, &s.std_err),
                s.cuts.windows(2).all(|c| c[0] < c[1]) && s.cuts.iter().all(|c| c.is_finite()),
                true,
            ),
            Shape::Levels(l) => {
                (effects(l.codes.len(), &l.effect, &l.std_err), l.codes.windows(2).all(|c| c[0] < c[1]), one(&l.other))
            }
        };
        let freedom = self.edf >= 0.0 && self.smoothness >= 0.0 && (self.edf + self.smoothness).is_finite();
        if !(sizes && others && freedom && one(&self.missing)) {
            return Some("an effect is not finite, or there is not one for each value");
        }
        (!order).then_some("the values do not rise")
    }
}

impl Axis {
    /// How many groups there are, that of gaps among them.
    pub fn n_groups(&self) -> usize {
        2 + match self {
            Axis::Cuts { cuts } => cuts.len(),
            Axis::Levels { codes } => codes.len(),
        }
    }

    /// The group of a value.
    pub fn group(&self, x: f64) -> usize {
        if x.is_nan() {
            return self.n_groups() - 1;
        }
        match self {
            Axis::Cuts { cuts } => cuts.partition_point(|c| *c <= x),
            Axis::Levels { codes } => find(codes, x).unwrap_or(codes.len()),
        }
    }
}

impl Pair {
    /// The effect of a pair of values.
    pub fn effect(&self, first: f64, second: f64) -> f64 {
        let cell = self.axes[0].group(first) * self.axes[1].n_groups() + self.axes[1].group(second);
        self.effect.get(cell).copied().unwrap_or(0.0)
    }

    /// The standard deviation of the effect of a pair of values.
    pub fn std_err(&self, first: f64, second: f64) -> f64 {
        let cell = self.axes[0].group(first) * self.axes[1].n_groups() + self.axes[1].group(second);
        self.std_err.get(cell).copied().unwrap_or(0.0)
    }

    fn is_sound(&self, n_features: usize) -> bool {
        let rising = |axis: &Axis| match axis {
            Axis::Cuts { cuts } => cuts.windows(2).all(|c| c[0] < c[1]) && cuts.iter().all(|c| c.is_finite()),
            Axis::Levels { codes } => codes.windows(2).all(|c| c[0] < c[1]),
        };
        let cells = self.axes[0].n_groups().checked_mul(self.axes[1].n_groups());
        self.features.iter().all(|j| *j < n_features)
            && self.axes.iter().all(rising)
            && cells == Some(self.effect.len())
            && cells == Some(self.std_err.len())
            && self.effect.iter().all(|e| e.is_finite())
            && self.std_err.iter().chain([&self.edf]).all(|e| *e >= 0.0 && e.is_finite())
    }
}

fn find(codes: &[u32], code: f64) -> Option<usize> {
    // A code is a whole number from 0; anything else is found nowhere.
    codes.binary_search_by(|c| f64::from(*c).total_cmp(&(code + 0.0))).ok()
}

impl Levels {
    fn find(&self, code: f64) -> Option<usize> {
        find(&self.codes, code).filter(|i| *i < self.effect.len())
    }
}

impl Glassbox {
    /// The log-odds of each row of `x`, into `out`. Allocates nothing; the order of operations of a row does not depend on the
    /// number of rows.
    ///
    /// # Errors
    /// [`Error::Internal`] if the shapes do not agree.
    pub fn predict_block(&self, x: &Block, out: &mut [f64]) -> Result<()> {
        check_shape(self.terms.len(), x, out)?;
        out.fill(self.intercept);
        for (j, term) in self.terms.iter().enumerate() {
            for (o, &v) in out.iter_mut().zip(x.column(j)) {
                *o += term.effect(v);
            }
        }
        for pair in &self.pairs {
            let [a, b] = pair.features.map(|j| if j < x.n_columns() { x.column(j) } else { &[] });
            for ((o, &v), &u) in out.iter_mut().zip(a).zip(b) {
                *o += pair.effect(v, u);
            }
        }
        Ok(())
    }

    /// That every table is one.
    ///
    /// # Errors
    /// [`Error::Artifact`].
    pub fn check(&self) -> Result<()> {
        let n = self.terms.len();
        let term = || self.terms.iter().enumerate().find_map(|(j, t)| t.defect().map(|d| format!("term {j}: {d}")));
        let pair = || self.pairs.iter().position(|p| !p.is_sound(n)).map(|i| format!("pair {i} is no grid of numbers"));
        let number = || {
            let finite = self.intercept.is_finite() && self.ridge.is_finite();
            (!finite).then(|| "a number is not finite".to_owned())
        };
        let defect = term().or_else(pair).or_else(number);
        match defect {
            None => Ok(()),
            Some(what) => Err(Error::artifact(what, "the file is damaged or was made by hand; save it anew")),
        }
    }
}
