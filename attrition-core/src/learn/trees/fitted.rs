//! Fitted trees: what is stored of them, and what they did.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::bins::{Column, GAP, Test};
use super::grow::{Grown, Question};
use super::walk::Walk;
use crate::learn::Scale;
use crate::learn::logistic::check_shape;
use crate::num::float;
use crate::preprocess::Block;
use crate::{Error, Result};

/// One tree, by question and by leaf.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct TreeForm {
    pub(super) columns: Vec<u16>,
    pub(super) cuts: Vec<u8>,
    /// 1 where gaps go left.
    pub(super) gaps_left: Vec<u8>,
    /// The next question, or `!` a leaf.
    pub(super) left: Vec<i32>,
    pub(super) right: Vec<i32>,
    pub(super) gains: Vec<f32>,
    pub(super) weights: Vec<f32>,
    pub(super) values: Vec<f32>,
    pub(super) leaf_weights: Vec<f32>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Form {
    pub(super) score: Scale,
    pub(super) base: f64,
    #[serde(default, skip_serializing_if = "is_zero")]
    pub(super) shift: f64,
    pub(super) n_features: usize,
    pub(super) columns: Vec<Column>,
    pub(super) trees: Vec<TreeForm>,
}

fn is_zero(x: &f64) -> bool {
    *x == 0.0
}

/// Fitted trees: a sum of log-odds (boosting) or a mean of rates (forest, tree).
///
/// A row's score is `base + Σ leaf values` on the log-odds scale, or the mean of the leaves' rates. A gap goes the way that
/// served the training rows best, and where training had none the way of the larger part. A level that training never
/// saw is a gap; where training had no gaps in a category it counts as its overall rate of positives.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Form", into = "Form")]
pub struct Trees {
    form: Form,
    walk: Walk,
}

impl TryFrom<Form> for Trees {
    type Error = Error;
    fn try_from(form: Form) -> Result<Trees> {
        check(&form)?;
        Ok(Trees { walk: Walk::new(&form), form })
    }
}

impl From<Trees> for Form {
    fn from(trees: Trees) -> Form {
        trees.form
    }
}

/// What a feature did in the trees.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize)]
pub struct Importance {
    /// Sum of the gains of its questions.
    pub gain: f64,
    /// How many questions ask it.
    pub splits: usize,
    /// Weight of the rows that they were asked of.
    pub cover: f64,
}

impl Trees {
    /// From grown trees.
    pub(super) fn new(
        score: Scale,
        base: f64,
        n_features: usize,
        columns: Vec<Column>,
        trees: Vec<Grown>,
    ) -> Result<Trees> {
        let trees = trees
            .into_iter()
            .map(|t| TreeForm {
                columns: t.questions.iter().map(|q| q.column as u16).collect(),
                cuts: t.questions.iter().map(|q| q.cut).collect(),
                gaps_left: t.questions.iter().map(|q| u8::from(q.gap_left)).collect(),
                left: t.questions.iter().map(|q| q.children[0]).collect(),
                right: t.questions.iter().map(|q| q.children[1]).collect(),
                gains: t.questions.iter().map(|q| q.gain).collect(),
                weights: t.questions.iter().map(|q| q.weight).collect(),
                values: t.values,
                leaf_weights: t.weights,
            })
            .collect();
        Trees::try_from(Form { score, base, shift: 0.0, n_features, columns, trees })
    }

    /// Features of a row.
    pub fn n_features(&self) -> usize {
        self.form.n_features
    }

    /// How many trees there are.
    pub fn n_trees(&self) -> usize {
        self.form.trees.len()
    }

    /// How many leaves all trees have.
    pub fn n_leaves(&self) -> usize {
        self.form.trees.iter().map(|t| t.values.len()).sum()
    }

    /// What the score is: log-odds for boosting, a probability for forest and tree.
    pub fn scale(&self) -> Scale {
        self.form.score
    }

    /// What each feature did, `(p,)`.
    pub fn importances(&self) -> Vec<Importance> {
        let mut out = vec![Importance::default(); self.form.n_features];
        for tree in &self.form.trees {
            for (i, &c) in tree.columns.iter().enumerate() {
                let feature = self.form.columns.get(usize::from(c)).map(|column| match column.test {
                    Test::Indicators { first, .. } => column.feature + first + usize::from(tree.cuts[i]),
                    Test::Number { .. } | Test::Statistic { .. } | Test::Level { .. } => column.feature,
                });
                if let Some(o) = feature.and_then(|f| out.get_mut(f)) {
                    o.gain += f64::from(tree.gains[i]);
                    o.splits += 1;
                    o.cover += f64::from(tree.weights[i]);
                }
            }
        }
        out
    }

    /// The trees of each feature on their own, and the base: their scores add up to this one's. `None` where a tree asks several
    /// features, or the score is no sum of log-odds. Of a group of indicators the feature is its first.
    pub(crate) fn apart(&self) -> Option<(f64, Vec<(usize, Trees)>)> {
        if self.form.score != Scale::LogOdds {
            return None;
        }
        let mut base = self.form.base;
        let mut by_feature: BTreeMap<usize, Vec<TreeForm>> = BTreeMap::new();
        for tree in &self.form.trees {
            let mut asked =
                tree.columns.iter().filter_map(|&c| self.form.columns.get(usize::from(c)).map(|c| c.feature));
            match asked.next() {
                None => base += tree.values.first().map_or(0.0, |v| f64::from(*v)),
                Some(first) if asked.all(|f| f == first) => by_feature.entry(first).or_default().push(tree.clone()),
                Some(_) => return None,
            }
        }
        let own = |(feature, trees)| {
            let form = Form { base: 0.0, trees, columns: self.form.columns.clone(), ..self.form };
            (feature, Trees { walk: Walk::new(&form), form })
        };
        Some((base, by_feature.into_iter().map(own).collect()))
    }

    pub(in crate::learn) fn shift_log_odds(&mut self, shift: f64) {
        match self.form.score {
            Scale::LogOdds => self.form.base += shift,
            Scale::Probability => self.form.shift += shift,
        }
    }

    /// That its numbers are finite.
    pub(in crate::learn) fn is_finite(&self) -> bool {
        self.form.base.is_finite() && self.form.shift.is_finite()
    }

    /// The score of each row of `x`, on the scale of [`Trees::scale`], into `out`; a row's does not depend on the others.
    ///
    /// # Errors
    /// [`Error::Internal`] if the shapes do not agree.
    pub fn predict_block(&self, x: &Block, out: &mut [f64]) -> Result<()> {
        check_shape(self.form.n_features, x, out)?;
        match self.form.score {
            Scale::LogOdds => out.fill(self.form.base),
            Scale::Probability => out.fill(0.0),
        }
        self.walk.sum(x, out);
        if self.form.score == Scale::Probability {
            let n = self.form.trees.len().max(1) as f64;
            for p in out {
                // Rounding may pass 1 by a bit.
                *p = (*p / n).min(1.0);
                if self.form.shift != 0.0 && *p > 0.0 && *p < 1.0 {
                    *p = float::sigmoid(float::logit(*p) + self.form.shift);
                }
            }
        }
        Ok(())
    }
}

/// What came from a file may be anything.
fn check(form: &Form) -> Result<()> {
    let bad = |what: &str| {
        Err(Error::artifact(format!("trees that {what}"), "the file is damaged or was made by hand; save it anew"))
    };
    if form.columns.len() > usize::from(u16::MAX) {
        return bad("have too many columns");
    }
    for column in &form.columns {
        let edges_fit = |edges: &[f64]| {
            edges.len() < usize::from(GAP)
                && edges.iter().all(|e| e.is_finite())
                && edges.windows(2).all(|e| e[0] < e[1])
        };
        let (fits, last) = match &column.test {
            Test::Number { edges } => (edges_fit(edges), column.feature),
            Test::Statistic { edges, values, gap } => (
                edges_fit(edges) && values.iter().all(|v| v.is_finite()) && gap.is_none_or(f64::is_finite),
                column.feature,
            ),
            Test::Level { n_levels } => (*n_levels <= usize::from(GAP), column.feature),
            Test::Indicators { first, n_levels } => (
                *n_levels <= usize::from(GAP),
                column.feature.saturating_add(*first).saturating_add(*n_levels).saturating_sub(1),
            ),
        };
        if !fits || last >= form.n_features {
            return bad("read a column that is not there, or by impossible edges");
        }
    }
    for tree in &form.trees {
        let n = tree.columns.len();
        let leaves = tree.values.len();
        let alike = [
            tree.cuts.len(),
            tree.gaps_left.len(),
            tree.left.len(),
            tree.right.len(),
            tree.gains.len(),
            tree.weights.len(),
        ];
        if alike != [n; 6] || leaves != n + 1 || tree.leaf_weights.len() != leaves || n + leaves > usize::from(u16::MAX)
        {
            return bad("have questions without leaves");
        }
        for i in 0..n {
            let Some(column) = form.columns.get(usize::from(tree.columns[i])) else {
                return bad("ask a column that is not there");
            };
            // Questions come before those below them, so a walk ends.
            let fits = |child: i32| {
                if child >= 0 { child as usize > i && (child as usize) < n } else { (!child as usize) < leaves }
            };
            let cut_fits =
                if column.is_ordered() { tree.cuts[i] < GAP } else { usize::from(tree.cuts[i]) < column.n_bins() };
            if !fits(tree.left[i]) || !fits(tree.right[i]) || !cut_fits || tree.gaps_left[i] > 1 {
                return bad("ask a question that is not possible");
            }
        }
        let possible = |v: &f32| v.is_finite() && (form.score == Scale::LogOdds || (0.0..=1.0).contains(v));
        if !tree.values.iter().all(possible)
            || !tree.gains.iter().chain(&tree.weights).chain(&tree.leaf_weights).all(|v| v.is_finite())
        {
            return bad("hold a number that is not possible");
        }
    }
    Ok(())
}

/// The leaf of a training row, by its bins.
pub(super) fn leaf_of(questions: &[Question], ordered: &[bool], bin: impl Fn(usize) -> u8) -> usize {
    let mut at = 0i32;
    while at >= 0 {
        let Some(q) = questions.get(at as usize) else { return 0 };
        let bin = bin(q.column);
        let left = match (ordered.get(q.column), bin == GAP) {
            (Some(true), true) => q.gap_left,
            (Some(true), false) => bin <= q.cut,
            _ => bin == q.cut,
        };
        at = q.children[usize::from(!left)];
    }
    !at as usize
}
