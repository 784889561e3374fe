//! Fitted trees, and their prediction.
//!
//! A row's features are turned into bins once; from then on a question compares two bytes. Eight rows, or for a lone row
//! eight trees, walk side by side, so that the processor has eight answers to wait for at a time.

use std::cell::RefCell;

use serde::{Deserialize, Serialize};

use super::bins::{Column, GAP, Test};
use super::grow::{Grown, Question};
use crate::learn::Scale;
use crate::learn::logistic::check_shape;
use crate::num::float;
use crate::preprocess::Block;
use crate::{Error, Result};

/// Walks that go on side by side.
const LANES: usize = 8;

/// One tree, by question and by leaf.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct TreeForm {
    columns: Vec<u16>,
    cuts: Vec<u8>,
    /// 1 where gaps go left.
    gaps_left: Vec<u8>,
    /// The next question, or `!` a leaf.
    left: Vec<i32>,
    right: Vec<i32>,
    gains: Vec<f32>,
    weights: Vec<f32>,
    values: Vec<f32>,
    leaf_weights: Vec<f32>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Form {
    score: Scale,
    base: f64,
    #[serde(default, skip_serializing_if = "is_zero")]
    shift: f64,
    n_features: usize,
    columns: Vec<Column>,
    trees: Vec<TreeForm>,
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
        let walk = &self.walk;
        BINS.with(|bins| {
            let mut fresh = Vec::new();
            let mut borrowed = bins.try_borrow_mut();
            let bins = match &mut borrowed {
                Ok(bins) => &mut **bins,
                Err(_) => &mut fresh,
            };
            walk.answer(&self.form, x, bins);
            match self.form.score {
                Scale::LogOdds => out.fill(self.form.base),
                Scale::Probability => out.fill(0.0),
            }
            walk.sum(bins, out);
        });
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

/// What a byte of a row says; the same bins are asked in two ways where gaps go now left, now right.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Byte {
    /// The bin; a gap is 255.
    GapRight,
    /// The bin and one; a gap is 0.
    GapLeft,
    /// 0 for this level, 1 for others.
    Level(u8),
}

/// A question or a leaf. `next` is `[left, right]`; a leaf leads to itself.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
struct Node<T> {
    byte: T,
    cut: u8,
    next: [T; 2],
}

/// The trees as they are walked.
#[derive(Debug, Clone, PartialEq, Default)]
struct Walk {
    /// By column of the engine: the bytes made of it.
    bytes: Vec<(usize, Vec<(usize, Byte)>)>,
    n_bytes: usize,
    small: Small,
    /// Used instead where a tree has more than 256 nodes, or a row more than 256 bytes.
    large: Vec<(Vec<Node<u16>>, Vec<f32>)>,
}

/// Nodes and values of all trees one after the other, and where each tree begins.
#[derive(Debug, Clone, PartialEq, Default)]
struct Small {
    nodes: Vec<[u8; 4]>,
    values: Vec<f32>,
    starts: Vec<u32>,
}

thread_local! {
    /// Bytes of a block's rows: nothing is allocated once a block has been as large before.
    static BINS: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

/// Any byte of the last row, and any node of the last tree, is followed by so many: indices of one byte need no check.
const PADDING: usize = 256;

impl Walk {
    fn new(form: &Form) -> Walk {
        let mut found: Vec<Vec<Byte>> = vec![Vec::new(); form.columns.len()];
        let byte_of = |tree: &TreeForm, i: usize| {
            let c = usize::from(tree.columns[i]);
            let ordered = form.columns.get(c).is_some_and(Column::is_ordered);
            match (ordered, tree.gaps_left[i] != 0) {
                (false, _) => (c, Byte::Level(tree.cuts[i])),
                (true, false) => (c, Byte::GapRight),
                (true, true) => (c, Byte::GapLeft),
            }
        };
        for tree in &form.trees {
            for i in 0..tree.columns.len() {
                let (c, byte) = byte_of(tree, i);
                if !found[c].contains(&byte) {
                    found[c].push(byte);
                }
            }
        }
        let mut walk = Walk::default();
        for (c, bytes) in found.iter().enumerate().filter(|(_, b)| !b.is_empty()) {
            walk.bytes.push((c, (walk.n_bytes..).zip(bytes.iter().copied()).collect()));
            walk.n_bytes += bytes.len();
        }
        let place = |c: usize, byte: Byte| {
            let of_column = walk.bytes.iter().find(|(column, _)| *column == c);
            of_column.and_then(|(_, b)| b.iter().find(|(_, other)| *other == byte)).map_or(0, |(place, _)| *place)
        };
        let nodes = |tree: &TreeForm| {
            let n = tree.columns.len();
            let node = |child: i32| if child >= 0 { child as u16 } else { (n + !child as usize) as u16 };
            let mut nodes: Vec<Node<u16>> = (0..n)
                .map(|i| {
                    let (c, byte) = byte_of(tree, i);
                    let cut = match byte {
                        Byte::GapRight => tree.cuts[i],
                        Byte::GapLeft => tree.cuts[i] + 1,
                        Byte::Level(_) => 0,
                    };
                    Node { byte: place(c, byte) as u16, cut, next: [node(tree.left[i]), node(tree.right[i])] }
                })
                .collect();
            let leaves = (n..n + tree.values.len()).map(|own| Node { byte: 0, cut: 0, next: [own as u16; 2] });
            nodes.extend(leaves);
            let mut values = vec![0.0; n];
            values.extend_from_slice(&tree.values);
            (nodes, values)
        };
        let is_small = walk.n_bytes <= 256 && form.trees.iter().all(|t| t.columns.len() + t.values.len() <= 256);
        if !is_small {
            walk.large = form.trees.iter().map(nodes).collect();
            return walk;
        }
        let mut small = Small::default();
        for tree in &form.trees {
            small.starts.push(small.nodes.len() as u32);
            let (nodes, values) = nodes(tree);
            small.nodes.extend(nodes.iter().map(|n| [n.byte as u8, n.cut, n.next[0] as u8, n.next[1] as u8]));
            small.values.extend(values);
        }
        small.nodes.resize(small.nodes.len() + PADDING, [0; 4]);
        small.values.resize(small.values.len() + PADDING, 0.0);
        walk.small = small;
        walk
    }

    /// The bytes of a block's rows, row by row.
    fn answer(&self, form: &Form, x: &Block, bins: &mut Vec<u8>) {
        let (n, width) = (x.n_rows(), self.n_bytes);
        bins.clear();
        bins.resize(n * width + PADDING, 0);
        for (c, bytes) in &self.bytes {
            let Some(column) = form.columns.get(*c) else { continue };
            if let Test::Indicators { first, .. } = column.test {
                for (place, byte) in bytes {
                    let Byte::Level(level) = byte else { continue };
                    let feature = column.feature + first + usize::from(*level);
                    for (row, x) in bins.chunks_exact_mut(width).zip(x.column(feature)) {
                        row[*place] = u8::from(*x <= 0.5);
                    }
                }
                continue;
            }
            for (row, x) in bins.chunks_exact_mut(width).zip(x.column(column.feature)) {
                let bin = column.bin(*x);
                for (place, byte) in bytes {
                    row[*place] = match byte {
                        Byte::GapRight => bin,
                        // A gap's 255 becomes 0, bin b becomes b + 1.
                        Byte::GapLeft => bin.wrapping_add(1),
                        Byte::Level(level) => u8::from(bin != *level),
                    };
                }
            }
        }
    }

    /// Add every tree's value to every row's score, tree by tree.
    fn sum(&self, bins: &[u8], out: &mut [f64]) {
        let width = self.n_bytes;
        if !self.large.is_empty() {
            for (row, o) in out.iter_mut().enumerate() {
                let row = &bins[row * width..];
                *o = self.large.iter().fold(*o, |sum, (nodes, values)| sum + f64::from(walk_large(nodes, values, row)));
            }
            return;
        }
        let small = &self.small;
        let row = |r: usize| bins.get(r * width..).and_then(|b| b.first_chunk::<256>()).unwrap_or(&[0; 256]);
        let whole = out.len() / LANES * LANES;
        if whole > 0 {
            for tree in 0..small.starts.len() {
                let (nodes, values) = small.tree(tree);
                for first in (0..whole).step_by(LANES) {
                    let ends = walk_side_by_side([nodes; LANES], std::array::from_fn(|k| row(first + k)));
                    for (o, end) in out[first..first + LANES].iter_mut().zip(ends) {
                        *o += f64::from(values[usize::from(end)]);
                    }
                }
            }
        }
        for (r, o) in out.iter_mut().enumerate().skip(whole) {
            let row = row(r);
            let mut tree = 0;
            while tree < small.starts.len() {
                let n = LANES.min(small.starts.len() - tree);
                // Past the last tree the last one is walked again, and not counted.
                let lanes: [_; LANES] = std::array::from_fn(|k| small.tree(tree + k.min(n - 1)));
                let ends = walk_side_by_side(lanes.map(|l| l.0), [row; LANES]);
                for ((_, values), end) in lanes.iter().zip(ends).take(n) {
                    *o += f64::from(values[usize::from(end)]);
                }
                tree += n;
            }
        }
    }
}

impl Small {
    fn tree(&self, tree: usize) -> (&[[u8; 4]; 256], &[f32; 256]) {
        let start = self.starts.get(tree).map_or(0, |s| *s as usize);
        let nodes = self.nodes.get(start..).and_then(|n| n.first_chunk()).unwrap_or(&[[0; 4]; 256]);
        (nodes, self.values.get(start..).and_then(|v| v.first_chunk()).unwrap_or(&[0.0; 256]))
    }
}

fn walk_side_by_side(nodes: [&[[u8; 4]; 256]; LANES], rows: [&[u8; 256]; LANES]) -> [u8; LANES] {
    let mut at = [0u8; LANES];
    loop {
        let mut moved = 0;
        for k in 0..LANES {
            let [byte, cut, left, right] = nodes[k][usize::from(at[k])];
            let next = if rows[k][usize::from(byte)] <= cut { left } else { right };
            moved |= next ^ at[k];
            at[k] = next;
        }
        if moved == 0 {
            return at;
        }
    }
}

fn walk_large(nodes: &[Node<u16>], values: &[f32], row: &[u8]) -> f32 {
    let mut at = 0;
    while let Some(node) = nodes.get(usize::from(at)) {
        let left = row.get(usize::from(node.byte)).is_none_or(|b| *b <= node.cut);
        let next = node.next[usize::from(!left)];
        if next == at {
            break;
        }
        at = next;
    }
    values.get(usize::from(at)).copied().unwrap_or(0.0)
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
