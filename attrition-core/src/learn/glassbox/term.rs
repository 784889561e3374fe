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
    /// Effective degrees of freedom: how many free coefficients the penalised ones are worth; 0 for a term left out.
    pub edf: f64,
    /// λ, what the curvature of its spline costs; 0 for a term without one.
    pub smoothness: f64,
}

/// A fitted additive model: its score is `intercept + Σⱼ termⱼ(xⱼ)`, the log-odds of the positive label, summed in feature order.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Glassbox {
    /// The log-odds of an average row.
    pub intercept: f64,
    /// One term for each feature.
    pub terms: Vec<Term>,
    /// ρ, the ridge that all coefficients share.
    pub ridge: f64,
    /// Newton steps taken.
    pub n_iter: u32,
    /// Whether coefficients and strengths of penalties settled.
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

impl Term {
    /// A term that is 0.
    pub(super) fn zero() -> Term {
        Term { shape: Shape::Curve(Curve::default()), missing: Effect::default(), edf: 0.0, smoothness: 0.0 }
    }

    /// The effect of a value: a number, or the code of a level; NaN is a gap.
    pub fn effect(&self, x: f64) -> f64 {
        if x.is_nan() {
            return self.missing.effect;
        }
        match &self.shape {
            Shape::Curve(curve) => curve.through(x, &curve.effect),
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
            Shape::Levels(levels) => levels.find(x).map_or(levels.other.std_err, |i| levels.std_err[i]),
        }
    }

    /// Every effect of the table.
    pub(super) fn effects_mut(&mut self) -> impl Iterator<Item = &mut f64> {
        let (list, other) = match &mut self.shape {
            Shape::Curve(c) => (&mut c.effect, None),
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

impl Levels {
    fn find(&self, code: f64) -> Option<usize> {
        // A code is a whole number from 0; anything else is found nowhere.
        self.codes.binary_search_by(|c| f64::from(*c).total_cmp(&(code + 0.0))).ok().filter(|i| *i < self.effect.len())
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
        Ok(())
    }

    /// That every table is one.
    ///
    /// # Errors
    /// [`Error::Artifact`].
    pub fn check(&self) -> Result<()> {
        let defect = self.terms.iter().enumerate().find_map(|(j, t)| t.defect().map(|d| format!("term {j}: {d}")));
        let defect = defect.or_else(|| {
            (!(self.intercept.is_finite() && self.ridge.is_finite())).then(|| "a number is not finite".to_owned())
        });
        match defect {
            None => Ok(()),
            Some(what) => Err(Error::artifact(what, "the file is damaged or was made by hand; save it anew")),
        }
    }
}
