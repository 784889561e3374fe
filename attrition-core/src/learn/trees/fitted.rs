//! Fitted trees, and their prediction.
//!
//! A row's features are turned into bytes once; from then on a question compares two bytes. Trees of up to 32 leaves are not
//! walked: every question that sends the row to the right strikes the leaves to its left out of a word of 32 bits, and the
//! first leaf that is left is the row's. Questions need no order for that, so 32 rows take each of them at once, and a lone
//! row takes them sorted by their cuts, only those that it answers with "right".
//!
//! # Reference
//! Lucchese et al.: QuickScorer: a fast algorithm to rank documents with additive ensembles of regression trees. SIGIR
//! 2015, <https://doi.org/10.1145/2766462.2767733>.

use std::cell::RefCell;

use serde::{Deserialize, Serialize};

use super::bins::{Column, GAP, Test};
use super::grow::{Grown, Question};
use crate::learn::Scale;
use crate::learn::logistic::check_shape;
use crate::num::float;
use crate::preprocess::Block;
use crate::{Error, Result};

/// Rows that take a question at once.
const LANES: usize = 32;
/// Most leaves of a tree that is not walked: bits of a word.
const WORD: usize = 32;

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
        match self.form.score {
            Scale::LogOdds => out.fill(self.form.base),
            Scale::Probability => out.fill(0.0),
        }
        SCRATCH.with(|scratch| match scratch.try_borrow_mut() {
            Ok(mut scratch) => self.walk.sum(&self.form, x, out, &mut scratch),
            Err(_) => self.walk.sum(&self.form, x, out, &mut Scratch::default()),
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
#[derive(Debug, Clone, Copy, PartialEq)]
struct Node {
    byte: u16,
    cut: u8,
    next: [u16; 2],
}

/// The trees as they are predicted by.
#[derive(Debug, Clone, PartialEq, Default)]
struct Walk {
    /// By column of the engine: the bytes made of it.
    bytes: Vec<(usize, Vec<(usize, Byte)>)>,
    n_bytes: usize,
    trees: Kind,
}

#[derive(Debug, Clone, PartialEq)]
enum Kind {
    /// All trees have at most [`WORD`] leaves.
    Words(Words),
    /// Nodes, and the values of those that are leaves.
    Nodes(Vec<(Vec<Node>, Vec<f32>)>),
}

impl Default for Kind {
    fn default() -> Kind {
        Kind::Nodes(Vec::new())
    }
}

/// A question of a tree of few leaves.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Strike {
    byte: u16,
    cut: i16,
    /// The leaves that a row which goes to the right does not reach: the lower and the upper 16.
    struck: [i16; 2],
}

#[derive(Debug, Clone, PartialEq, Default)]
struct Words {
    /// Questions tree by tree.
    strikes: Vec<Strike>,
    /// Where each tree's questions end.
    ends: Vec<u32>,
    /// Leaves' values from left to right, [`WORD`] a tree.
    values: Vec<[f32; WORD]>,
    /// By byte: its questions by rising cut.
    by_byte: Vec<Sorted>,
}

/// The questions that ask one byte, by rising cut.
#[derive(Debug, Clone, PartialEq, Default)]
struct Sorted {
    /// Tree, and the leaves that are left to a row that goes to the right.
    questions: Vec<(u32, u32)>,
    /// How many of them each value of the byte answers with "right".
    passed: Vec<u32>,
}

/// Kept for its memory: nothing is allocated once a block has been as large before.
#[derive(Debug, Default)]
struct Scratch {
    /// As numbers of 16 bits, eight of which are compared at once.
    bytes: Vec<i16>,
    words: Vec<u32>,
}

thread_local! {
    static SCRATCH: RefCell<Scratch> = RefCell::default();
}

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
            of_column
                .and_then(|(_, b)| b.iter().find(|(_, other)| *other == byte))
                .map_or(0, |(place, _)| *place as u16)
        };
        let ask = |tree: &TreeForm, i: usize| {
            let (c, byte) = byte_of(tree, i);
            let cut = match byte {
                Byte::GapRight => tree.cuts[i],
                Byte::GapLeft => tree.cuts[i] + 1,
                Byte::Level(_) => 0,
            };
            (place(c, byte), cut)
        };
        walk.trees = if form.trees.iter().all(|t| t.values.len() <= WORD) {
            Kind::Words(Words::new(form, walk.n_bytes, ask))
        } else {
            let nodes = |tree: &TreeForm| {
                let n = tree.columns.len();
                let node = |child: i32| if child >= 0 { child as u16 } else { (n + !child as usize) as u16 };
                let questions = (0..n).map(|i| {
                    let (byte, cut) = ask(tree, i);
                    Node { byte, cut, next: [node(tree.left[i]), node(tree.right[i])] }
                });
                let leaves = (n..n + tree.values.len()).map(|own| Node { byte: 0, cut: 0, next: [own as u16; 2] });
                let values = std::iter::repeat_n(0.0, n).chain(tree.values.iter().copied());
                (questions.chain(leaves).collect(), values.collect())
            };
            Kind::Nodes(form.trees.iter().map(nodes).collect())
        };
        walk
    }

    /// The bytes of a block's rows, byte by byte, each for `width` rows.
    fn answer(&self, form: &Form, x: &Block, width: usize, out: &mut Vec<i16>) {
        out.clear();
        out.resize(width * self.n_bytes, 0);
        for (c, bytes) in &self.bytes {
            let Some(column) = form.columns.get(*c) else { continue };
            let place = |place: usize| place * width..place * width + x.n_rows();
            if let Test::Indicators { first, .. } = column.test {
                for (at, byte) in bytes {
                    let Byte::Level(level) = byte else { continue };
                    let values = x.column(column.feature + first + usize::from(*level));
                    out[place(*at)].iter_mut().zip(values).for_each(|(o, x)| *o = i16::from(*x <= 0.5));
                }
                continue;
            }
            let Some((first, _)) = bytes.first() else { continue };
            let values = x.column(column.feature);
            out[place(*first)].iter_mut().zip(values).for_each(|(o, x)| *o = i16::from(column.bin(*x)));
            // From the bins where the first byte is to be, to all of its forms, that one last.
            for (at, byte) in bytes.iter().rev() {
                for row in 0..x.n_rows() {
                    let bin = out[first * width + row];
                    out[at * width + row] = match byte {
                        Byte::GapRight => bin,
                        // A gap's 255 becomes 0, bin b becomes b + 1.
                        Byte::GapLeft => (bin + 1) & 0xFF,
                        Byte::Level(level) => i16::from(bin != i16::from(*level)),
                    };
                }
            }
        }
    }

    /// Add every tree's value to every row's score, tree by tree.
    fn sum(&self, form: &Form, x: &Block, out: &mut [f64], scratch: &mut Scratch) {
        let Scratch { bytes, words } = scratch;
        let n = out.len();
        let width = if n == 1 { 1 } else { n.next_multiple_of(LANES) };
        self.answer(form, x, width, bytes);
        match &self.trees {
            Kind::Words(w) if n < 4 => {
                out.iter_mut().enumerate().for_each(|(row, o)| w.row(bytes, width, row, o, words))
            }
            Kind::Words(w) => {
                for (first, out) in (0..).step_by(LANES).zip(out.chunks_mut(LANES)) {
                    w.rows(bytes, width, first, out);
                }
            }
            Kind::Nodes(trees) => {
                for (nodes, values) in trees {
                    for (row, o) in out.iter_mut().enumerate() {
                        *o += f64::from(walk(nodes, values, |byte| bytes.get(byte * width + row).copied()));
                    }
                }
            }
        }
    }
}

impl Words {
    fn new(form: &Form, n_bytes: usize, ask: impl Fn(&TreeForm, usize) -> (u16, u8)) -> Words {
        let mut words = Words::default();
        let mut by_byte = vec![Vec::new(); n_bytes];
        for (t, tree) in form.trees.iter().enumerate() {
            let n = tree.columns.len();
            // From left to right: the leaves below each question, a range that its left child's begin.
            let mut values = [0.0; WORD];
            let mut below = vec![[0usize; 2]; n];
            let mut next = 0;
            let mut open = vec![(if n == 0 { !0 } else { 0 }, false)];
            while let Some((at, seen)) = open.pop() {
                if at < 0 {
                    if let (Some(v), Some(value)) = (values.get_mut(next), tree.values.get(!at as usize)) {
                        *v = *value;
                    }
                    next += 1;
                } else if seen {
                    // All leaves to the left are numbered.
                    below[at as usize][1] = next;
                    open.push((tree.right[at as usize], false));
                } else {
                    below[at as usize][0] = next;
                    open.push((at, true));
                    open.push((tree.left[at as usize], false));
                }
            }
            for (i, [first, end]) in below.into_iter().enumerate() {
                let (byte, cut) = ask(tree, i);
                let upto = |n: usize| if n >= WORD { u32::MAX } else { (1u32 << n) - 1 };
                let rest = !(upto(end) & !upto(first));
                let struck = [(!rest) as i16, (!rest >> 16) as i16];
                words.strikes.push(Strike { byte, cut: i16::from(cut), struck });
                if let Some(list) = by_byte.get_mut(usize::from(byte)) {
                    list.push((cut, t as u32, rest));
                }
            }
            words.ends.push(words.strikes.len() as u32);
            words.values.push(values);
        }
        for mut list in by_byte {
            list.sort_by_key(|(cut, tree, _)| (*cut, *tree));
            let passed = |value: u16| list.partition_point(|(cut, ..)| u16::from(*cut) < value) as u32;
            words.by_byte.push(Sorted {
                passed: (0..=255).map(passed).collect(),
                questions: list.into_iter().map(|(_, tree, rest)| (tree, rest)).collect(),
            });
        }
        words
    }

    /// One row: of each byte the questions whose cut it passes.
    fn row(&self, bytes: &[i16], width: usize, row: usize, out: &mut f64, words: &mut Vec<u32>) {
        words.clear();
        words.resize(self.values.len(), u32::MAX);
        for (list, byte) in self.by_byte.iter().zip(bytes.iter().skip(row).step_by(width)) {
            let n = list.passed.get(*byte as usize).map_or(0, |n| *n as usize);
            for &(tree, rest) in list.questions.get(..n).unwrap_or_default() {
                if let Some(word) = words.get_mut(tree as usize) {
                    *word &= rest;
                }
            }
        }
        for (word, values) in words.iter().zip(&self.values) {
            *out += f64::from(values[word.trailing_zeros() as usize % WORD]);
        }
    }

    /// Up to [`LANES`] rows from `first` on, tree by tree.
    fn rows(&self, bytes: &[i16], width: usize, first: usize, out: &mut [f64]) {
        let mut begin = 0;
        for (end, values) in self.ends.iter().zip(&self.values) {
            let strikes = self.strikes.get(begin..*end as usize).unwrap_or_default();
            begin = *end as usize;
            let (mut lower, mut upper) = ([0i16; LANES], [0i16; LANES]);
            for Strike { byte, cut, struck: [low, high] } in strikes {
                let lanes = bytes.get(usize::from(*byte) * width + first..).and_then(|b| b.first_chunk::<LANES>());
                let Some(lanes) = lanes else { return };
                for k in 0..LANES {
                    // All bits where the row passes the cut, by the sign of the difference.
                    let passes = (cut - lanes[k]) >> 15;
                    lower[k] |= passes & low;
                    upper[k] |= passes & high;
                }
            }
            for (o, (low, high)) in out.iter_mut().zip(lower.iter().zip(&upper)) {
                let struck = u32::from(*low as u16) | u32::from(*high as u16) << 16;
                *o += f64::from(values[struck.trailing_ones() as usize % WORD]);
            }
        }
    }
}

fn walk(nodes: &[Node], values: &[f32], byte: impl Fn(usize) -> Option<i16>) -> f32 {
    let mut at = 0;
    while let Some(node) = nodes.get(usize::from(at)) {
        let left = byte(usize::from(node.byte)).is_none_or(|b| b <= i16::from(node.cut));
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
